"""Build the site, or show it: ``python docs/site/build.py`` and ``python docs/site/build.py --serve``.

The pages are taken as they are, from docs/ and the root of the checkout; the reference is written from the package.
The site lies in build/site/html and needs no server: open index.html. Needs the extra ``docs``.
With ``--pyodide FOLDER`` the blocks of its pages run in a browser tab, when the site is served
(``browser_files.py`` says what is in the folder).
"""

from __future__ import annotations

import argparse
import functools
import http.server
import os
import re
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "site"
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

import browser_files  # noqa: E402 - from this folder
import figures  # noqa: E402
import notebooks  # noqa: E402
import pages  # noqa: E402
import reference  # noqa: E402

from tests.api_page import MODULES  # noqa: E402


def lay_out(source: Path) -> None:
    """A folder for Sphinx: the pages, the files that they link to, and the pages of the reference."""
    shutil.rmtree(source, ignore_errors=True)
    shutil.copytree(ROOT / "docs", source / "docs", ignore=shutil.ignore_patterns("site"))
    for folder in ("minigrad", "tests", "examples", ".ci"):
        os.symlink(ROOT / folder, source / folder)
    for name in pages.PROJECT:
        shutil.copy(ROOT / f"{name}.md", source)
    shutil.copy(ROOT / "LICENSE", source)
    (source / "docs" / "reference").mkdir(exist_ok=True)
    for name in MODULES:
        (source / "docs" / "reference" / f"{name}.md").write_text(reference.module_page(name), encoding="utf-8")
    (source / "docs" / "notebooks").mkdir()
    for name in notebooks.NAMES:
        notebooks.write_page(name, source / "docs" / "notebooks")
    for page in [*source.glob("*.md"), *(source / "docs").rglob("*.md")]:
        page.write_text(with_menu(page, source), encoding="utf-8")


def with_menu(page: Path, source: Path) -> str:
    """The text of a page with the menu below it; links to folders, which a site does not have, are text alone."""
    text = figures.placed(page.read_text(encoding="utf-8"))

    def kept(link: re.Match[str]) -> str:
        return link[1] if (page.parent / link[2]).is_dir() else link[0]

    text = re.sub(r"\[([^\]]*)\]\(([^)#:\s]+)\)", kept, text)
    if page.parent.name != "notebooks":
        there = Path(os.path.relpath(source / "docs" / "notebooks", page.parent)).as_posix()
        text = re.sub(r"\((?:\.\./)*examples/notebooks/(\w+)\.ipynb\)", rf"({there}/\1.md)", text)
    text = re.sub(r"^(```pycon\n.*?)\n+```$", r"\1\n```", text, flags=re.MULTILINE | re.DOTALL)  # for doctest alone
    path = page.relative_to(source).with_suffix("").as_posix().removeprefix("docs/")
    below = menu(path)
    if not below:
        return text
    names = "\n".join(f"/{name}" if name in pages.PROJECT else f"/docs/{name}" for name in below)
    return f"{text}\n```{{toctree}}\n:hidden:\n:glob:\n\n{names}\n```\n"


def menu(path: str) -> list[str]:
    """The pages below a page."""
    if path == "index":
        return [*pages.SECTIONS, *pages.PROJECT]
    below = [*pages.SECTIONS.get(path, []), *pages.BELOW.get(path, [])]
    below += [f"reference/{name}" for name in MODULES] if path == "reference" else []
    return below + [f"notebooks/{name}" for name in notebooks.NAMES] if path == "gallery" else below


def runs(pyodide: Path | None) -> None:
    """Lay out what runs the blocks in a tab, where conf.py looks for it; say what is left out."""
    shutil.rmtree(BUILD / "static", ignore_errors=True)
    if pyodide is None:
        print("the blocks of the pages get no Run button: --pyodide FOLDER gives them one")
        return
    try:
        left_out = browser_files.collect(pyodide, BUILD / "static" / "run")
    except FileNotFoundError as error:
        shutil.rmtree(BUILD / "static", ignore_errors=True)
        sys.exit(str(error))
    for what in left_out:
        print(f"left out of what a tab can load: {what}")


def main() -> int:
    """Build, and serve if that is asked for. Returns what Sphinx does: 0 if there was no warning."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--serve", action="store_true", help="show the site that was built, at the address printed")
    parser.add_argument("--port", type=int, default=8000, help="where to serve (%(default)s)")
    parser.add_argument(
        "--pyodide",
        type=Path,
        metavar="FOLDER",
        help="of npm's pyodide, with wheels: blocks get a Run button",
    )
    chosen = parser.parse_args()
    html = BUILD / "html"
    if chosen.serve:
        if not (html / "index.html").exists():
            sys.exit("there is no site yet: python docs/site/build.py builds it")
        handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=html)
        with http.server.ThreadingHTTPServer(("127.0.0.1", chosen.port), handler) as server:
            print(f"the site is at http://127.0.0.1:{server.server_port} (Ctrl-C ends it)")
            server.serve_forever()
    try:
        from sphinx.cmd.build import build_main  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as missing:
        sys.exit(f"the site needs {missing.name}: in a checkout, pip install -e '.[docs]' brings it")
    lay_out(BUILD / "source")
    shutil.rmtree(html, ignore_errors=True)
    runs(chosen.pyodide)
    options = [
        "-q",
        "-W",
        "--keep-going",
        "-j",
        "auto",
        "-c",
        str(Path(__file__).parent),
        "-d",
        str(BUILD / "doctrees"),
    ]
    done = build_main(["-b", "html", *options, str(BUILD / "source"), str(html)])
    if not done:
        print(f"the site is in {html / 'index.html'}")
    return done


if __name__ == "__main__":
    sys.exit(main())
