"""RMSProp: its steps against the formula, over random gradients with decay."""

from minigrad import optim
from tests.optim.formulas import check_steps, of


@of(optim.RMSProp)
def test_steps_equal_the_formula(case, dtype, shapes):
    check_steps(case, dtype, shapes)
