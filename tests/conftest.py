"""Marks of tests, and state that no test may leave behind."""

import gc
import zlib

import numpy as np
import pytest

import minigrad as mg
from minigrad.core.context import is_recording

#: What a marker of the same name says that a test needs.
EXTRAS = {"native", "jax", "torch"}


def pytest_collection_modifyitems(items):
    """Mark what needs an extra where no line in its file does: a case by its ``backend``, and all of tests/torch."""
    for item in items:
        needs = {item.callspec.params.get("backend")} & EXTRAS if hasattr(item, "callspec") else set()
        if "torch" in item.path.relative_to(item.config.rootpath).parts[:2]:
            needs.add("torch")
        for name in sorted(needs):
            item.add_marker(name)


def pytest_collection_finish():
    """Leave what collecting made out of garbage collections: with 25,000 tests it is most of what each looks at."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _own_numbers(request):
    """Each test draws what it always draws, whatever runs before it: a failure can be seen again."""
    mg.manual_seed(zlib.crc32(request.node.nodeid.encode()))


@pytest.fixture(autouse=True)
def _no_leaks():
    """Fail a test that leaves recording off, another default dtype, or NumPy's errors ignored."""
    before = np.geterr()
    yield
    assert is_recording()
    assert mg.get_default_dtype() == np.float32
    assert np.geterr() == before
