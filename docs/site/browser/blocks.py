"""Runs the blocks of a page, in a browser tab or anywhere: as doctest does, with names that the blocks share."""

from __future__ import annotations

import ast
import base64
import contextlib
import doctest
import importlib
import importlib.abc
import io
import linecache
import os
import sys
import tempfile
import traceback
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

#: As pyproject.toml has them for the pages.
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
#: Characters, pictures and characters of a page that a block may show.
TEXT, PICTURES, HTML = 20_000, 6, 4_000_000
#: What no tab has, by the module that is missed.
ELSEWHERE = {
    "llvmlite": "backend='native' makes machine code with llvmlite",
    "jax": "backend='jax' computes with JAX",
    "torch": "this compares with PyTorch",
    "_multiprocessing": "this starts processes",
    "pygraphviz": "this picture is laid out by Graphviz",
}


class Missed(importlib.abc.MetaPathFinder):
    """The last finder: it finds nothing, and notes what was looked for."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> None:
        """Nobody has this module."""
        self.names.add(fullname.partition(".")[0])


class Output(io.TextIOBase):
    """Passes text on as it is printed, up to a bound, and keeps that of one example."""

    def __init__(self, say: Callable[[str], Any]) -> None:
        self.say = say
        self.left = TEXT
        self.got = ""

    def write(self, text: str) -> int:
        """Say it. What is beyond the bound is left out, and that is said once."""
        if self.left > 0:
            self.got += text
            self.say(text[: self.left])
            self.left -= len(text)
            if self.left <= 0:
                self.say("\n(more output is left out)\n")
        return len(text)


def _same(want: str, got: str, flags: int) -> bool:
    """Whether this is what the page has. A tab's integers have 32 bits, where those of the page have 64."""
    wanted = [want, want.replace("int64", "int32")] if sys.maxsize < 2**32 else [want]
    return any(doctest.OutputChecker().check_output(one, got, flags) for one in wanted)


def _has_a_frame(value: Any, page: Any) -> bool:
    """Whether a notebook shows it in a frame too, rather than as a part of its own page."""
    return type(value)._repr_html_ is page._repr_html_


class Page:
    """The names of a page's blocks, and how to run one. ``say`` hears what a block prints, as it does."""

    def __init__(self, say: Callable[[str], Any] = str, served: Collection[str] = (), name: str = "page.md") -> None:
        self.say = say
        self.name = name
        self.examples = 0
        self.served = set(served)  # modules that can be loaded when they are missed
        self.names: dict[str, Any] = {"__name__": "__main__"}
        self.shown: set[int] = set()
        self.kept: list[Any] = []
        self.value: Any = None
        self.folder = tempfile.TemporaryDirectory()
        self.before = Path.cwd()
        os.chdir(self.folder.name)
        sys.path.insert(0, self.folder.name)  # what the page writes can be imported, as at Python's prompt
        self.missed = Missed()
        sys.meta_path.append(self.missed)
        self.options: dict[str, Any] = {}
        if name.startswith("minigrad"):  # a page of the reference: as doctest has the examples of a module
            module = importlib.import_module(name.removesuffix(".md"))
            self.names |= importlib.import_module("minigrad.command.namespace").names()
            self.names |= {key: value for key, value in vars(module).items() if not key.startswith("_")}
            numpy = importlib.import_module("numpy")
            self.options = numpy.get_printoptions()
            numpy.set_printoptions(precision=4)

    def close(self) -> None:
        """Nothing of the page is left."""
        sys.meta_path.remove(self.missed)
        sys.path.remove(self.folder.name)
        for name, module in [*sys.modules.items()]:  # another page may write one of the same name
            if (getattr(module, "__file__", None) or "").startswith(self.folder.name):
                del sys.modules[name]
        os.chdir(self.before)
        if self.options:
            importlib.import_module("numpy").set_printoptions(**self.options)
        self.folder.cleanup()

    def run(self, code: str, expected: str = "") -> dict[str, Any]:
        """Run a block: examples with prompts, or a script and what the page says that it prints.

        ``same`` is whether the page shows what came out, ``differs`` what it has in its place, ``error`` whether it
        failed, ``why`` what a tab does not have, ``needs`` the modules to load before another try, ``pictures`` data
        URLs of images, ``pages`` whole pages as HTML, ``html`` pieces of this one.
        """
        if ">>>" in code:
            return self._run(doctest.DocTestParser().get_examples(code), "single")
        return self._run([doctest.Example(code, expected)], "exec")

    def cell(self, code: str) -> dict[str, Any]:
        """Run a cell of a notebook, whose last value shows itself. Nothing is compared."""
        return self._run([doctest.Example(code, "")], "cell")

    def _run(self, examples: list[doctest.Example], mode: str) -> dict[str, Any]:
        self.missed.names.clear()
        output = Output(self.say)
        before = {name: id(value) for name, value in self.names.items()}
        differs: list[str] = []
        failure: BaseException | None = None
        self.value = None
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(Output(self.say)):
            for example in examples:
                if example.options.get(doctest.SKIP):
                    continue
                failure = self._example(example, output, differs, mode)
                if failure is not None:
                    break
            why, needs = self._reasons(failure)
            found: dict[str, list[str]] = {"pictures": [], "pages": [], "html": []}
            if failure is None:
                self._pictures(before, found)
                if self.value is not None and id(self.value) not in self.shown:
                    html = getattr(self.value, "_repr_html_", lambda: None)()
                    if html is None:
                        print(repr(self.value))
                    else:
                        found["html"].append(html)
        said = {"same": failure is None and not differs, "differs": differs, "error": failure is not None}
        return said | {"why": why, "needs": needs} | found

    def _example(self, example: doctest.Example, output: Output, differs: list[str], mode: str) -> BaseException | None:
        """Run one example; returns what it raised, if the page does not say so."""
        output.got = ""
        place = f"<doctest {self.name}[{self.examples}]>"  # as pytest has it: explanations name lines
        linecache.cache[place] = (len(example.source), None, example.source.splitlines(keepends=True), place)
        self.examples += 1
        flags = FLAGS
        for option, on in example.options.items():
            flags = flags | option if on else flags & ~option
        try:
            tree = ast.parse(example.source, place)
            last = tree.body.pop() if mode == "cell" and tree.body and isinstance(tree.body[-1], ast.Expr) else None
            if mode == "single":
                exec(compile(example.source, place, "single"), self.names)  # noqa: S102 - the page's own code
            else:
                exec(compile(tree, place, "exec"), self.names)  # noqa: S102
            if last is not None:
                self.value = eval(compile(ast.Expression(last.value), place, "eval"), self.names)  # noqa: S307
        except BaseException as error:  # noqa: BLE001 - SystemExit and KeyboardInterrupt are a block's too
            said = "".join(traceback.format_exception_only(error))
            output.write(said)
            if example.exc_msg is not None and _same(example.exc_msg, said, flags):
                return None
            return error
        if mode != "cell" and (example.want or mode == "single") and not _same(example.want, output.got, flags):
            differs.append(example.want)
        return None

    def _reasons(self, failure: BaseException | None) -> tuple[str, list[str]]:
        """Why a tab cannot do what failed, and which modules would help."""
        if failure is None:
            return "", []
        missed, said = self.missed.names, ""
        error: BaseException | None = failure
        while error is not None:
            said += f"{error}\n"
            if isinstance(error, ModuleNotFoundError) and error.name:
                missed.add(error.name.partition(".")[0])
            error = error.__cause__ or error.__context__
        needs = sorted(missed & self.served)
        if needs:
            return "", needs
        named = [f"{reason}, which does not run in a browser tab" for name, reason in ELSEWHERE.items()
                 if name in missed or f"needs {name}" in said]  # fmt: skip
        if "start new thread" in said:
            named.append("this starts threads, and a browser tab runs Python in one thread alone")
        if not named and isinstance(failure, ImportError):
            named = [f"{name} is not served with this site" for name in sorted(missed) if name in said]
        return "; ".join(named), []

    def _pictures(self, before: dict[str, int], found: dict[str, list[str]]) -> None:
        """Add figures and pages that the block has made: under a new name, as a value, or with pyplot."""
        made = [value for name, value in self.names.items() if before.get(name) != id(value)]
        made.append(self.value)
        pyplot = sys.modules.get("matplotlib.pyplot")
        if pyplot is not None:
            made += map(pyplot.figure, pyplot.get_fignums())
        figure = getattr(sys.modules.get("matplotlib.figure"), "Figure", ())
        page = getattr(sys.modules.get("minigrad.viz.page"), "Page", ())
        for value in made:
            if id(value) in self.shown or len(found["pictures"]) + len(found["pages"]) >= PICTURES:
                continue
            if isinstance(value, figure):
                buffer = io.BytesIO()
                value.savefig(buffer, format="png", dpi=100)
                found["pictures"].append("data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode())
            elif isinstance(value, page) and _has_a_frame(value, page) and len(value.html) <= HTML:
                found["pages"].append(value.html)
            else:
                continue
            self.shown.add(id(value))
            self.kept.append(value)  # so that no other value gets its id
        if pyplot is not None:
            pyplot.close("all")
