"""Each call of NumPy that differentiates, inside of a compiled step: the same values and gradients, or a refusal."""

import pytest

import minigrad as mg
from minigrad.errors import CompileError
from tests import numpy_page
from tests.numpy_check import arrays_in, same_values, total

THERE = numpy_page.public_names()

#: Names of one function: it is compiled once.
FIRST = {id(THERE[name]): name for name in reversed(THERE)}

#: What has results of a shape, or of a branch, that depends on the numbers.
REFUSED = ["piecewise"]


@pytest.mark.parametrize(
    ("name", "call"),
    [
        pytest.param(name, call, id=name)
        for name, call, answer in numpy_page.planned()
        if answer == numpy_page.DIFFERENTIATES and FIRST.get(id(THERE.get(name))) == name
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_a_compiled_call_is_the_call(name, call):
    function = numpy_page.call_of(name, call)

    def loss(*xs):
        return total([z for z in arrays_in(function(*xs)) if isinstance(z, mg.Tensor) and z.dtype.kind in "fc"])

    def step(*xs):
        slopes = mg.grad(loss, argnums=tuple(range(len(xs))))(*xs)
        return [z for z in arrays_in(function(*xs)) if isinstance(z, mg.Tensor)], slopes

    compiled = mg.compile(step, backend="numpy")
    arrays = numpy_page.arrays(call)
    if name in REFUSED:
        with pytest.raises(CompileError):
            compiled(*map(mg.tensor, arrays))
        return
    for factor in (1.0, 1.01, 1.0):
        xs = [mg.tensor(x * factor) for x in arrays]
        for got, want in zip(compiled(*xs), step(*xs), strict=True):
            same_values(list(got), [z.detach().data for z in want])
