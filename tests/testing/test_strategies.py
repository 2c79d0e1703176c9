"""The public strategies."""

import subprocess
import sys

import pytest

import minigrad as mg
from minigrad.testing import strategies


@pytest.mark.parametrize("what", ["empty", "0-d", "not contiguous", "fortran"])
def test_strategies_reach(what):
    from hypothesis import find

    tests = {
        "empty": lambda x: x.size == 0,
        "0-d": lambda x: x.ndim == 0,
        "not contiguous": lambda x: x.size > 1 and not x.flags.c_contiguous and not x.flags.f_contiguous,
        "fortran": lambda x: x.ndim > 1 and min(x.shape) > 1 and x.flags.f_contiguous,
    }
    assert find(strategies.arrays(), tests[what]) is not None


def test_an_unknown_name_and_a_missing_hypothesis_explain_themselves():
    with pytest.raises(AttributeError, match="check_gradients"):
        mg.testing.check_gradient  # noqa: B018
    code = (
        "import sys; sys.modules['hypothesis'] = None\n"
        "from minigrad.testing import check_gradients\n"
        "from minigrad.testing import strategies"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "pip install hypothesis" in run.stderr
