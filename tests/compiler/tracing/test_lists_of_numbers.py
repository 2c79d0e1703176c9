"""Lists of numbers that a step draws, counts or computes, where NumPy or minigrad takes them for an array."""

import random
import statistics

import numpy as np
import pytest

import minigrad as mg
from minigrad.errors import CompileError

TABLE = np.random.default_rng(0).standard_normal((20, 3)).astype(np.float32)
DRAWS = random.Random(0)
GENERATOR = np.random.default_rng(0)
COUNT = {"n": 0}


def counted():
    COUNT["n"] += 1
    return COUNT["n"]


def items(x):
    return [v.item() for v in x]


ARRAYS = {
    "drawn": lambda x: np.array([DRAWS.random() for _ in range(3)]) * x,
    "drawn, in rows": lambda x: np.array([[DRAWS.random(), 1], [2, DRAWS.random()], [0, 1]]) @ x[:2],
    "drawn, of a dtype": lambda x: np.asarray([DRAWS.randrange(5), 1, 2], np.float32) * x,
    "by NumPy's generator": lambda x: np.array([GENERATOR.normal(), GENERATOR.uniform(), 1]) * x,
    "a single one": lambda x: np.array(DRAWS.random()) * x,
    "indices": lambda x: TABLE[np.array([DRAWS.randrange(20) for _ in range(4)])] * x,
    "rows of indices": lambda x: TABLE[np.array([[DRAWS.randrange(20)] * 2 for _ in range(2)])] * x,
    "pairs": lambda x: np.array([(DRAWS.randrange(5), DRAWS.gauss(0, 1)) for _ in range(3)])[:, 1] * x,
    "counted": lambda x: np.array([counted(), 1.0, COUNT["n"] ** 2]) * x,
    "computed": lambda x: np.array([[x.sum().item(), 2.0], [1, 0], [1.0, float(x[0])]]) @ np.ones(2) * x,
    "a tensor": lambda x: mg.tensor([[DRAWS.random(), 1, 1], [2, DRAWS.random(), True]]) * x,
    "an operand": lambda x: x * [DRAWS.random() for _ in range(3)],
}
REDUCED = {
    "mean": lambda x: np.mean(items(x)) * x,
    "results of their own": lambda x: {"mean": np.mean(items(x)), "std": np.std(items(x)), "max": np.max(items(x))},
    "median": lambda x: np.median(items(x * x)),
    "percentile": lambda x: np.percentile(items(x), [10, 50]),
    "a weighted mean": lambda x: np.average(items(x), weights=[1, 2, 3]),
    "dot": lambda x: np.dot([DRAWS.random(), 2.0, 1.0], items(x)),
    "cumsum": lambda x: np.cumsum([DRAWS.random(), *items(x)])[1:] * x,
    "argmax": lambda x: x[np.argmax(items(-x))],
    "nanmean": lambda x: np.nanmean([np.nan, *items(x)]),
    "by name": lambda x: np.mean(a=items(x)) * x,
    "arrays": lambda x: np.sum([x.data, x.data * DRAWS.random()], axis=0) * x,
    "arrays and lists": lambda x: np.mean([x.data, items(x)], 0) * x,
    "dot with a tensor": lambda x: np.dot([DRAWS.random(), 2.0, 1.0], x),
}


def outcomes(step):
    DRAWS.seed(1)
    GENERATOR.bit_generator.state = np.random.default_rng(5).bit_generator.state
    COUNT["n"] = 0
    results = []
    for i in range(10):
        result = step(mg.Tensor(np.array([2.0, 1, 0.5], np.float32) * (i % 4 + 1)))
        for x in result.values() if isinstance(result, dict) else [result]:
            array = np.asarray(x.data if isinstance(x, mg.Tensor) else x)
            results.append((array.dtype, array.tolist()))
    return results


@pytest.mark.parametrize("name", [*ARRAYS, *REDUCED])
def test_a_list_of_numbers_of_the_step_is_an_array_of_the_program(name):
    step = (ARRAYS | REDUCED)[name]
    compiled = mg.compile(step, backend="numpy")
    assert outcomes(compiled) == outcomes(step)
    assert compiled.stats()["replayed"] >= 7


@pytest.mark.parametrize("take", [np.float32, np.sqrt, np.linalg.norm, statistics.fmean])
def test_what_takes_the_numbers_themselves_is_refused(take):
    """A class of NumPy's is a dtype elsewhere, so nothing stands for it."""
    argument = (lambda: DRAWS.random()) if take is np.float32 else lambda: [DRAWS.random(), 1.0]
    with pytest.raises(CompileError, match=r"random\(\)|DRAWS|argument|number"):
        mg.compile(lambda x: take(argument()) * x, backend="numpy")(mg.tensor([1.0]))
