"""autograd's own tests, run over the names here: ``python -m tests.compat.autograd.peer_suite CHECKOUT``.

CHECKOUT is a clone of https://github.com/HIPS/autograd. Its tests import ``autograd``; here that is
``minigrad.compat.autograd``. Two names that they import and that are not there stand empty, so that the files can be
collected. Its tests with xarray are skipped where xarray is not installed.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import sys
from types import ModuleType

import pytest

from minigrad.compat.autograd import core, misc

REAL = "minigrad.compat."


class Renamed(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """``autograd`` and all below it are the modules of the same names here."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> importlib.machinery.ModuleSpec | None:
        """The spec of a module that is there."""
        if name != "autograd" and not name.startswith("autograd."):
            return None
        try:
            module = importlib.import_module(REAL + name)
        except ModuleNotFoundError:
            return None
        return importlib.machinery.ModuleSpec(name, self, is_package=hasattr(module, "__path__"))

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        """The module itself."""
        return importlib.import_module(REAL + spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """It has been executed under its own name."""


def main(checkout: str) -> int:
    """The exit status of pytest."""
    sys.meta_path.insert(0, Renamed())
    core.primitive_vjps = {}  # type: ignore[attr-defined]
    misc.const_graph = None  # type: ignore[attr-defined]
    options = ["-q", "--tb=line", "-rs", "-p", "no:cacheprovider", "-c", "/dev/null", f"--rootdir={checkout}"]
    return int(pytest.main([*options, f"{checkout}/tests"]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
