"""The blocks of the built site run in a tab: by Pyodide in node, and in a real browser, where nothing leaves the site.

``MINIGRAD_SITE`` is a site that ``docs/site/build.py --pyodide`` has built, ``MINIGRAD_BROWSER`` as in test_browser.py.
"""

import functools
import http.server
import json
import os
import re
import shutil
import subprocess
import threading
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = os.environ.get("MINIGRAD_BROWSER", "")
SITE = Path(os.environ.get("MINIGRAD_SITE", ""))
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not PACKAGES or "MINIGRAD_SITE" not in os.environ, reason="MINIGRAD_SITE names no built site"),
]
#: What says by name that a tab does not have it.
THREADS = "this starts threads, and a browser tab runs Python in one thread alone"
PAGES = [
    *sorted((ROOT / "docs").glob("course*.md")),
    *sorted((ROOT / "docs" / "course").glob("*.md")),
    *(ROOT / "docs" / f"{name}.md" for name in ("start", "how-it-works", "explain", "data", "layers")),
    *sorted((ROOT / "docs" / "errors").glob("*.md")),
]


def node(script, *arguments, given=""):
    program = shutil.which("node") or "node"
    made = subprocess.run(
        [program, Path(__file__).with_name(script), *arguments],
        input=given, capture_output=True, text=True, check=False, timeout=170,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr[-2000:]
    return json.loads(made.stdout)


@pytest.fixture(scope="module")
def ran():
    pages = {}
    for page in PAGES:
        fences = re.findall(r"^```(?:python|pycon)\n(.*?)^```$", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)
        pages[page.relative_to(ROOT).as_posix()] = [(code, "") for code in fences if ">>>" in code]
    return node("blocks.mjs", SITE / "_static" / "run", given=json.dumps(pages))


@pytest.mark.parametrize("page", [page.relative_to(ROOT).as_posix() for page in PAGES])
def test_a_page_runs_in_pyodide(page, ran):
    wrong = [block for block in ran[page] if not block["same"]]
    if page == "docs/data.md":
        assert [block["why"] for block in wrong] == [THREADS]
    else:
        assert not wrong


def test_pictures_are_made_in_pyodide(ran):
    assert all(size > 10_000 for size in ran["docs/start.md"][-1]["pictures"])
    assert len(ran["docs/start.md"][-1]["pictures"]) == 2


@pytest.fixture(scope="module")
def touched():
    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *said):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=SITE)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        yield address, node("site.mjs", PACKAGES, address)
        server.shutdown()


def test_no_request_leaves_the_site(touched):
    address, found = touched
    for page in found.values():
        assert page["errors"] == []
        assert [url for url in page["requests"] if not url.startswith(f"{address}/")] == []
    assert any("numpy" in url for url in found["start"]["requests"])
    assert any("matplotlib" in url for url in found["start"]["requests"])


def test_a_button_runs_its_block_and_those_above_it(touched):
    start = touched[1]["start"]
    assert start["buttons"] == 4
    assert start["before"] == 0  # nothing of Python is loaded before one is pressed
    assert start["first"]["note"] == "As on the page."
    assert start["first"]["output"].startswith("array([0.6666667")
    assert start["notes"] == ["As on the page."] * 4
    assert len(start["pictures"]) == 2
    assert all(start["pictures"])
    assert not start["wide"]


def test_pages_can_be_read_in_every_light_and_used_by_keyboard(touched):
    found = touched[1]
    assert (found["looks"]["faint"], found["looks"]["wide"]) == ([], [])
    assert found["keys"]["unseen"] == []


def test_a_run_is_stopped_and_its_output_is_bounded(touched):
    phone = touched[1]["phone"]
    assert phone["busy"] == "Stop"
    assert phone["others"]  # another block cannot start meanwhile
    assert phone["stopped"] == ["Stopped. The next run starts Python anew.", "Run"]
    assert phone["printed"].rstrip().endswith("(more output is left out)")
    assert not phone["wide"]


def test_what_is_not_in_a_tab_is_said_by_name(touched):
    notes = touched[1]["phone"]["notes"]
    assert notes[1] == "The page has: 3"
    assert notes[3].startswith("Not in a tab: backend='native' makes machine code with llvmlite")
