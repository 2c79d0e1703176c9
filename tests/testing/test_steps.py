"""Steps of random programs: each op is written."""

import pytest

from minigrad.testing import check_gradients
from minigrad.testing.programs import PROGRAM_OPS, assemble
from minigrad.testing.strategies import programs


@pytest.mark.parametrize("name", PROGRAM_OPS)
def test_each_op_is_written(name):
    starts = [[(), ()], [(2, 3), (3,)], [(2, 2), (2, 1)], [(3,), (3,)]]
    made = [assemble(shapes, 1, [(name, 0, 1, option)], {}) for shapes in starts for option in range(6)]
    written = [program for program in made if program.ops]
    assert {program.ops for program in written} == {(name,)}
    for program in written[::5]:
        check_gradients(program, *program.inputs)


def test_an_op_that_no_step_is_written_with_is_refused():
    for name in ("softmax_cross_entropy", "no_such_op"):
        with pytest.raises(ValueError, match=f"programs of '{name}'"):
            programs(ops=[name])
