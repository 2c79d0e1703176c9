"""What a built site needs to run its blocks in a tab, in one folder: Pyodide, its wheels, and minigrad's own.

Pyodide's npm package holds Python and a list of wheels with their checksums, ``pyodide-lock.json``. The wheels are
taken from the same folder, at any depth, where the checksum is the listed one. So nothing comes from elsewhere when a
page runs, and nothing is served that is not what the list says.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
#: What runs the blocks.
OWN = ("run.js", "run.css", "worker.mjs", "python.mjs", "blocks.py")
#: What Pyodide consists of; the compiler's glue is a script in some versions, and a module in others.
CORE = ("pyodide.mjs", "pyodide.asm.wasm", "python_stdlib.zip")
GLUE = ("pyodide.asm.js", "pyodide.asm.mjs")
#: Packages that blocks may ask for. Without the first there is nothing to run.
PACKAGES = ("numpy", "matplotlib", "scipy", "scikit-learn")
#: Packages that the list may not have: a wheel for any platform is taken as it lies there.
PURE = {"sortedcontainers": [], "hypothesis": ["sortedcontainers"]}


def collect(pyodide: Path, to: Path) -> list[str]:
    """Copy into ``to`` what the pages need; returns what is left out, and why.

    Raises ``FileNotFoundError`` where ``pyodide`` is not Pyodide's folder, or holds no NumPy of that version.
    """
    glue = [name for name in GLUE if (pyodide / name).exists()]
    absent = [name for name in (*CORE, "pyodide-lock.json") if not (pyodide / name).exists()]
    if absent or not glue:
        raise FileNotFoundError(
            f"{pyodide} is not the folder of Pyodide's npm package: there is no {', '.join(absent) or GLUE[0]}"
        )
    to.mkdir(parents=True)
    for name in (*CORE, *glue):
        shutil.copy(pyodide / name, to)
    for name in OWN:
        shutil.copy(Path(__file__).parent / "browser" / name, to)
    lock = json.loads((pyodide / "pyodide-lock.json").read_text(encoding="utf-8"))
    listed, there = lock["packages"], _files(pyodide)
    kept: dict[str, Any] = {}
    left_out = []
    for package in PACKAGES:
        needed = _needed(package, listed)
        missing = [name for name in needed if not _matches(there.get(listed[name]["file_name"]), listed[name])]
        if not missing:
            kept |= {name: listed[name] for name in needed}
        elif package == PACKAGES[0]:
            file = listed[package]["file_name"]
            raise FileNotFoundError(f"{pyodide} holds no {file} with the checksum that pyodide-lock.json has for it")
        else:
            left_out.append(f"{package}: there is no {listed[missing[0]]['file_name']}")
    for package, depends in PURE.items():
        wheel = next((path for name, path in there.items() if re.match(rf"{package}-.*-none-any\.whl$", name)), None)
        if wheel is not None and set(depends) <= set(kept):
            kept[package] = _entry(wheel, depends)
        else:
            left_out.append(f"{package}: there is no wheel of it for any platform")
    for entry in kept.values():
        shutil.copy(there[entry["file_name"]], to)
    served = {module: name for name, entry in kept.items() for module in entry["imports"]}
    kept["minigrad"] = own_wheel(to)
    (to / "pyodide-lock.json").write_text(json.dumps({**lock, "packages": kept}), encoding="utf-8")
    (to / "served.json").write_text(json.dumps(served), encoding="utf-8")
    return left_out


def own_wheel(to: Path) -> dict[str, Any]:
    """minigrad's wheel in ``to``, as pip builds it, and its entry for the list."""
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(to), str(ROOT)]
    subprocess.run(command, check=True)  # noqa: S603
    (wheel,) = to.glob("minigrad-*.whl")
    return _entry(wheel, ["numpy"])


def _entry(wheel: Path, depends: list[str]) -> dict[str, Any]:
    """What the list says of a wheel for any platform."""
    name, version = wheel.name.split("-")[:2]
    return {
        "name": name,
        "version": version,
        "file_name": wheel.name,
        "install_dir": "site",
        "sha256": _sum(wheel),
        "package_type": "package",
        "imports": [name],
        "depends": depends,
        "unvendored_tests": False,
    }


def _needed(package: str, listed: dict[str, Any]) -> list[str]:
    """The package and what it stands on, each once."""
    needed, ahead = [], [package]
    while ahead:
        name = ahead.pop()
        if name not in needed:
            needed.append(name)
            ahead += listed[name]["depends"]
    return needed


def _files(folder: Path) -> dict[str, Path]:
    return {path.name: path for path in folder.rglob("*") if path.suffix in {".whl", ".zip", ".tar"}}


def _matches(path: Path | None, entry: dict[str, Any]) -> bool:
    return path is not None and _sum(path) == entry["sha256"]


def _sum(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
