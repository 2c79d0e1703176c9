"""Settings for tests and for the code in docstrings and pages: Hypothesis profiles, the backend, NumPy as it is."""

import os
import signal

import pytest
from hypothesis import HealthCheck, settings

from minigrad.command.namespace import names
from minigrad.compiler import backends
from minigrad.ops.examples import examples

settings.register_profile("quick", max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("thorough", parent=settings.get_profile("quick"), max_examples=1000, derandomize=False)
settings.register_profile("repeatable", parent=settings.get_profile("quick"), derandomize=True, database=None)
# Hypothesis loads a profile of its own where CI is set; ours is chosen after it.
settings.load_profile(os.environ.get("MINIGRAD_HYPOTHESIS_PROFILE", "quick"))

# Most tests of the compiler are about bits, and compile many programs once: machine code is used where a test says so.
backends.AUTO = ("numpy",)

# A shell that begins a job in the background lets it ignore Ctrl-C, and what it starts inherits that. Tests send it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

if os.environ.get("MINIGRAD_NNFS_INIT"):
    import nnfs

    nnfs.init()  # the whole suite again, with NumPy as that call leaves it


def pytest_collection_modifyitems(items):
    """Leave out examples of rows: a test of their own compares them to the four digits that are written."""
    items[:] = [item for item in items if not (isinstance(item, pytest.DoctestItem) and _is_of_a_row(item.dtest))]


@pytest.fixture(autouse=True)
def _names_of_examples(request, doctest_namespace):
    """What the examples of docstrings take as imported; those of pages import it. Each runs in a folder of its own.

    As at Python's prompt, modules of that folder can be imported.
    """
    if isinstance(request.node, pytest.DoctestItem):
        doctest_namespace.clear()
        if request.path.suffix == ".py":
            doctest_namespace.update(names())
        prompt = request.getfixturevalue("monkeypatch")
        prompt.chdir(request.getfixturevalue("tmp_path"))
        prompt.syspath_prepend("")


def _is_of_a_row(test):
    text = examples().get(test.name.rpartition(".")[2])
    return text is not None and text in (test.docstring or "")
