"""The examples as their users meet them: run as commands, from another folder."""

import os
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
from matplotlib.image import imread

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "MPLBACKEND": "agg", "OMP_NUM_THREADS": "1"}


def command(script, folder, *arguments, before=()):
    """The finished process of an example with these arguments; a warning in it is an error."""
    words = [sys.executable, "-W", "error", *(before or [EXAMPLES / script]), *map(str, arguments)]
    return subprocess.run(
        words, cwd=folder, env=ENVIRONMENT, capture_output=True, encoding="utf-8", timeout=300, check=False
    )


def command_without(package, script, folder):
    """The finished process where ``package`` is not installed."""
    code = (
        f"import runpy, sys; sys.modules[{package!r}] = None; sys.path.insert(0, {str(EXAMPLES)!r}); "
        f"runpy.run_path({str(EXAMPLES / script)!r}, run_name='__main__')"
    )
    return command(script, folder, before=("-c", code))


def table(output, first):
    """The rows under the header that begins with ``first``: name -> the other cells."""
    lines = output[output.index(f"\n{first} ") + 1 :].splitlines()[1:]
    rows = [line.split("  ") for line in lines[: lines.index("")]]
    return {cells[0]: [cell.strip() for cell in cells[1:] if cell.strip()] for cells in rows}


def is_picture(path):
    """Whether the file is a PNG on which something is drawn in several colours."""
    head = path.read_bytes()[:24]
    assert head[:8] == b"\x89PNG\r\n\x1a\n"
    assert min(struct.unpack(">II", head[16:])) > 300
    pixels = (imread(path)[::5, ::5, :3] * 8).astype(int).reshape(-1, 3)
    return len(np.unique(pixels, axis=0)) > 8
