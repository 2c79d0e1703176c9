"""SGD: its steps against the formula, over random gradients with decay."""

import pytest

from minigrad import nn, optim
from minigrad.errors import HyperparameterError
from tests.optim.formulas import check_steps, of


@of(optim.SGD)
def test_steps_equal_the_formula(case, dtype, shapes):
    check_steps(case, dtype, shapes)


@pytest.mark.parametrize("groups", [{"nesterov": True}, {"momentum": 0.9}])
def test_nesterov_without_momentum_is_refused(groups):
    """It was plain descent, without a word; a group may switch the momentum off too."""
    p = nn.Parameter([1.0])
    with pytest.raises(HyperparameterError, match=r"write momentum=0\.9"):
        optim.SGD([{"params": [p], "momentum": 0, "nesterov": True}], lr=0.1, **groups)
