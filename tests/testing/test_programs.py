"""Random programs: they check at every order, print as code that runs, and shrink to the op at fault."""

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, find, given, settings

import minigrad as mg
from minigrad.errors import GradientError
from minigrad.testing import check_gradients
from minigrad.testing.programs import PROGRAM_OPS
from minigrad.testing.strategies import programs

SEARCH = settings(
    max_examples=2000,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate, Phase.shrink],
)

wrong_sine = mg.primitive(lambda x: np.sin(x), lambda g, x: g * np.cos(x) * 1.01, name="wrong_sine", analytic=True)
wrong_product = mg.primitive(
    lambda x, y: x * y, lambda g, y: g * y, lambda g, y: g * y, name="wrong_product", analytic=True
)
detached_cube = mg.primitive(
    lambda x: x**3, lambda g, x: 3 * g * mg.tensor(x.data if isinstance(x, mg.Tensor) else x).data ** 2,
    name="detached_cube", analytic=True,
)  # fmt: skip


@given(programs())
def test_gradients_of_random_programs_check_at_order_two(program):
    assert max(check_gradients(program, *program.inputs).errors) < 1e-6


@given(programs())
def test_the_printed_source_gives_the_same_bits(program):
    printed = {}
    exec(repr(program), printed)
    value = program(*[mg.tensor(x) for x in program.inputs]).data
    np.testing.assert_array_equal(printed[program.result].data, value)
    np.testing.assert_array_equal(program(*program.inputs), value)
    assert np.isfinite(value).all()
    assert len(program.source.splitlines()) == 1 + len(program.inputs) + len(program.ops)


@pytest.mark.parametrize(("wrong", "order"), [(wrong_sine, 1), (wrong_product, 1), (detached_cube, 2)])
def test_a_wrong_formula_is_found_and_the_program_shrinks_to_it(wrong, order):
    def fails(program):
        try:
            check_gradients(program, *program.inputs, order=order)
        except GradientError as error:
            if str(error).startswith("kink:"):  # of an op that is right, where two of its arguments are equal
                return False
            assert f"{wrong.__name__}, argument" in str(error)  # noqa: PT017 - the search goes on
            return True
        return False

    smallest = find(programs(ops=[*PROGRAM_OPS, wrong]), fails, settings=SEARCH)
    assert wrong.__name__ in smallest.ops
    assert len(smallest.ops) <= 2
    assert smallest.own == {wrong.__name__: wrong}
    printed = {}
    exec(smallest.source, printed)
    assert printed[wrong.__name__].__name__ == wrong.__name__


@given(programs(max_ops=3, inputs=1, ops=["tanh", mg.multiply]))
def test_programs_of_chosen_ops(program):
    assert set(program.ops) <= {"tanh", "multiply"}
    assert len(program.ops) <= 3
    assert len(program.inputs) == 1
