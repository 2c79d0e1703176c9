"""Every option in the signatures of what differentiates: NumPy's value and the right gradient, or a refusal by name."""

import itertools

import numpy as np
import pytest

from tests import numpy_option_calls as options

CASES = {name: list(group) for name, group in itertools.groupby(options.tried(), lambda case: case.name)}


@pytest.mark.parametrize("name", CASES)
def test_no_option_is_ignored_in_silence(name):
    for case in CASES[name]:
        refusal = options.outcome(case)
        assert bool(refusal) == options.may_refuse(case), (case, refusal)
        if refusal:
            assert any(way in refusal for way in ("write", "take its", "compute without it"))
            assert case.option in refusal or case.value.strip("'") in refusal or "in place" in refusal


@pytest.mark.skipif(np.lib.NumpyVersion(np.__version__) < "2.4.0", reason="older NumPy shows fewer signatures")
def test_there_are_as_many_as_the_page_says():
    count = sum(map(len, CASES.values()))
    assert count > 1600
