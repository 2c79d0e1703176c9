"""Bodies for all members of a batch, in a program: what members have in common stays so, as long as it does."""

import numpy as np
import pytest

import minigrad as mg

X = mg.tensor(np.random.default_rng(0).normal(size=(2, 4, 3)))


def grows(x):
    """A state that members have in common until the second step, and one that they always have."""
    f = lambda s, x: ((s[1], s[0] + x.sum(), s[2] + 1.0), (s[0], s[2]))  # noqa: E731
    return mg.scan(f, (0.0, 0.0, mg.zeros(2, dtype="float64")), x)


def chooses(x):
    """A branch that all members take, with results that differ in one branch alone."""
    step = lambda s, x: (mg.cond(s[1] > 1, lambda s: (s[0] + x, s[1] + 1), lambda s: (s[0], s[1] + 1), s), None)  # noqa: E731
    return mg.scan(step, (mg.zeros(3, dtype="float64"), 0), x)[0]


@pytest.mark.parametrize("f", [grows, chooses])
@pytest.mark.parametrize("nested", [False, True])
def test_a_program_has_the_bits_of_eager(f, nested):
    over = mg.vmap(mg.vmap(f, in_axes=1)) if nested else mg.vmap(f)
    x = mg.moveaxis(mg.stack([X, 2 * X]), 0, 2) if nested else X
    compiled = mg.compile(over, backend="numpy")
    for _ in range(4):
        got, want = (list(mg.core.trees.flat(run(x))) for run in (compiled, over))
        assert [z.data.tobytes() for z in got] == [z.data.tobytes() for z in want]
    assert compiled.stats()["replayed"] == 2
