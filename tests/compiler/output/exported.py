"""Exported files in tests: run where nothing but NumPy can be imported, or as modules of this process."""

import importlib.util
import inspect
import subprocess
import sys
import types

import minigrad as mg
from minigrad.compiler.output import standalone

#: Runs a file where nothing but Python and NumPy can be imported.
_ALONE = """
import runpy, sys
class Only:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in {"numpy", *sys.stdlib_module_names}:
            raise ImportError(name)
sys.meta_path.insert(0, Only())
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def run_alone(path, *words):
    """Run an exported file in a process of its own; what it prints."""
    command = [sys.executable, "-I", "-W", "error", "-c", _ALONE, str(path), *map(str, words)]
    made = subprocess.run(command, capture_output=True, text=True, check=False, cwd=path.parent)
    assert not made.returncode, made.stderr
    return made.stdout


def module(path):
    """An exported file as a module of this process."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    for name, function in vars(standalone).items():  # the very code of the package, so that its coverage is measured
        own = vars(made).get(name)
        if inspect.isfunction(function) and name != "run" and own is not None:
            assert own.__code__.co_code == function.__code__.co_code
            setattr(made, name, types.FunctionType(function.__code__, vars(made), name, own.__defaults__))
    return made


def exported(compiled, path):
    compiled.export(path)
    return module(path)


def run_thrice(f, *arguments):
    made = mg.compile(f)
    for _ in range(3):
        made(*arguments)
    return made
