"""What the tests of several examples share: the command in a process of its own, and the module."""

import importlib
import os
import struct
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "MPLBACKEND": "agg"}


def run(folder, name, *arguments, before=()):
    """The finished process of an example with these arguments; a warning in it is an error."""
    command = [sys.executable, "-W", "error", *(before or [EXAMPLES / f"{name}.py"]), *arguments]
    return subprocess.run(
        command, cwd=folder, env=ENVIRONMENT, capture_output=True, encoding="utf-8", timeout=120, check=False
    )


def run_without(package, folder, name):
    """The finished process of an example where a package is not installed."""
    script = EXAMPLES / f"{name}.py"
    code = (
        f"import runpy, sys; sys.modules[{package!r}] = None; sys.path.insert(0, {str(EXAMPLES)!r}); "
        f"runpy.run_path({str(script)!r}, run_name='__main__')"
    )
    return run(folder, name, before=("-c", code))


def imported(name, monkeypatch):
    """The module of an example, without running it."""
    monkeypatch.syspath_prepend(EXAMPLES)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # an example may set it, and must leave the tests' own alone
    return importlib.import_module(name)


def picture_size(path):
    """(width, height) of a PNG, and that it is one."""
    head = path.read_bytes()[:24]
    assert head[:8] == b"\x89PNG\r\n\x1a\n"
    return struct.unpack(">II", head[16:])


def check_page(name):
    """The page of an example has its command, and its picture, which is small."""
    folder = ROOT / "docs" / "examples"
    text = (folder / f"{name}.md").read_text(encoding="utf-8")
    assert f"python examples/{name}.py\n" in text
    assert f"({name}.png)" in text
    picture = folder / f"{name}.png"
    picture_size(picture)
    assert picture.stat().st_size < 150_000
