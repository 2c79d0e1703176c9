"""Settings for the whole suite: Hypothesis profiles, and state that no test may leave behind."""

import os
import signal
import zlib

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

import minigrad as mg
from minigrad.compiler import backends
from minigrad.core.context import is_recording

settings.register_profile("quick", max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("thorough", parent=settings.get_profile("quick"), max_examples=1000, derandomize=False)
# Hypothesis loads a profile of its own where CI is set; ours is chosen after it, and stays random.
settings.load_profile(os.environ.get("MINIGRAD_HYPOTHESIS_PROFILE", "quick"))

# Most tests of the compiler are about bits, and compile many programs once: Numba is used where a test says so.
backends.AUTO = ("numpy",)

# A shell that begins a job in the background lets it ignore Ctrl-C, and what it starts inherits that. Tests send it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

if os.environ.get("MINIGRAD_NNFS_INIT"):
    import nnfs

    nnfs.init()  # the whole suite again, with NumPy as that call leaves it


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
