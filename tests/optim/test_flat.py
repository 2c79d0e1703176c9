"""Flat arrays: which parameters are updated as one, and that it makes no difference to any bit."""

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from minigrad import nn, optim
from minigrad.compiler.tracing.trace_comparison import same_bits
from minigrad.errors import StateError
from minigrad.optim.flat import BLOCK, GATHER, _runs

SIZES = [(3,), (4, 5), (130, 140), (7,), (2, 2), (GATHER,), (1,), (GATHER + 1,)]


@given(st.lists(st.integers(0, 2 * GATHER), min_size=1, max_size=12))
def test_runs_are_neighbours_that_are_small_together(sizes):
    runs = _runs(sizes)
    assert [i for run in runs for i in run] == list(range(len(sizes)))
    for run, following in zip(runs, [*runs[1:], None], strict=True):
        total = sum(sizes[i] for i in run)
        assert len(run) == 1 or total <= GATHER
        assert following is None or total + sizes[following[0]] > GATHER


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("missing", [(), (1,), (2, 4)])
def test_together_or_one_by_one(compiled, missing):
    generator = np.random.default_rng(0)
    starts = [generator.standard_normal(size).astype("float32") for size in SIZES]
    together, apart = ([nn.Parameter(start.copy()) for start in starts] for _ in "ab")
    optimizer = optim.Adam(together, lr=0.1)
    others = [optim.Adam([p], lr=0.1) for p in apart]

    def step(*gradients):
        for p, g in zip(together, gradients, strict=True):
            p.grad = None if g is None else mg.tensor(g) * 1
        optimizer.step()

    run = mg.compile(step) if compiled else step
    for _ in range(4):
        gradients = [generator.standard_normal(size).astype("float32") for size in SIZES]
        given_ = [None if i in missing else g for i, g in enumerate(gradients)]
        run(*given_)
        for p, g, other in zip(apart, given_, others, strict=True):
            p.grad = g
            if g is not None:
                other.step()
        assert all(same_bits(p.data, q.data) for p, q in zip(together, apart, strict=True))


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_a_long_array_in_pieces_and_gradients_that_come_and_go(dtype):
    """Each element is updated once, by its own gradient, also after a step in which another parameter had none."""
    generator = np.random.default_rng(0)
    p, q = nn.Parameter(np.zeros(2 * BLOCK + 3, dtype)), nn.Parameter(np.zeros(5, dtype))
    optimizer = optim.SGD([p, q], lr=1.0, momentum=0.5)
    moved = [np.zeros(x.shape, "float32") for x in (p, q)]
    for missing in (False, True, False):
        gradients = [generator.integers(-3, 4, x.shape).astype(dtype) for x in (p, q)]
        p.grad, q.grad = gradients[0], None if missing else gradients[1]
        before = p.data.copy(), q.data.copy()
        optimizer.step()
        for x, was, g, m in zip((p, q), before, (gradients[0], None if missing else gradients[1]), moved, strict=True):
            if g is not None:
                m[...] = 0.5 * m + g
            np.testing.assert_array_equal(x.data, was if g is None else was - m.astype(dtype))


@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
def test_complex_parameters_are_pairs_and_saved_as_they_are(tmp_path, dtype):
    """A run that is saved in a file and goes on ends at the same bits, beside real parameters; averages too."""
    rng = np.random.default_rng(0)
    start = (rng.normal(size=(3, 2)) + 1j * rng.normal(size=(3, 2))).astype(dtype)

    def made():
        w, b = mg.tensor(start, requires_grad=True), mg.tensor(np.ones(2), requires_grad=True)
        named = [("w", w), ("b", b)]
        return w, b, mg.optim.Adam(named, lr=0.1), mg.optim.EMA(named, decay=0.5)

    def steps(w, b, optimizer, ema, count):
        for _ in range(count):
            optimizer.zero_grad()
            (np.abs(w * b - 1j) ** 4).sum().backward()
            optimizer.step()
            ema.update()

    w, b, optimizer, ema = made()
    steps(w, b, optimizer, ema, 3)
    assert w.dtype == dtype
    state = optimizer.state_dict()["state"]
    assert {array.dtype for array in state["w"].values()} == {np.dtype(dtype)}
    assert {array.shape for array in state["w"].values()} == {(3, 2)}
    # The square means are those of the real and of the imaginary parts.
    assert (state["w"]["square_mean"].view(state["w"]["square_mean"].real.dtype) >= 0).all()
    kept = {"w": w, "b": b, "optimizer": optimizer.state_dict(), "ema": ema.state_dict()}
    mg.save(tmp_path / "run", kept)
    w2, b2, optimizer2, ema2 = made()
    found = mg.load(tmp_path / "run")
    w2.data[...], b2.data[...] = found["w"], found["b"]
    optimizer2.load_state_dict(found["optimizer"])
    ema2.load_state_dict(found["ema"])
    steps(w, b, optimizer, ema, 3)
    steps(w2, b2, optimizer2, ema2, 3)
    assert np.array_equal(w.data, w2.data)
    assert np.array_equal(b.data, b2.data)
    assert np.array_equal(ema.state_dict()["averages"]["w"], ema2.state_dict()["averages"]["w"])
    wrong = optimizer.state_dict()
    wrong["state"]["w"] = {name: array.real for name, array in wrong["state"]["w"].items()}
    with pytest.raises(StateError, match="w: expected"):
        optimizer2.load_state_dict(wrong)


class Reads(optim.Adam):
    """An update of the user's own, which wants the whole gradient."""

    def update(self, group, lr, w, g, scratch, *state):
        assert type(g) is np.ndarray
        super().update(group, lr, w, g * 1, scratch, *state)


COUNT, WIDTH = 3000, 48  # more than one piece, of whole rows; the last one is shorter

#: What happens between backward and the step: nothing, or something by which the gradient has more rows.
MEANWHILE = {
    "nothing": lambda p: None,
    "written": lambda p: p.grad.__setitem__(17, 2.0),
    "written through the leaf": lambda p: setattr(p._node, "grad", p._node.grad + 1),
    "twice": lambda p: (p[np.array([5, 11, 5])] * 2).sum().backward(),
    "everywhere": lambda p: (p * p).sum().backward(),
}


@pytest.mark.parametrize("meanwhile", MEANWHILE)
@pytest.mark.parametrize(
    "make",
    [
        lambda p: optim.Adam(p, lr=0.1),
        lambda p: optim.AdamW(p, lr=0.1),
        lambda p: optim.Adam(p, lr=0.1, betas=(0.0, 0.9)),  # a negative momentum of few rows would become -0.0
        lambda p: Reads(p, lr=0.1),
        lambda p: optim.RAdam(p, lr=0.1),
        lambda p: optim.SGD(p, lr=0.1, momentum=0.9),
    ],
)
def test_few_rows_leave_the_bits_of_the_whole_gradient(make, meanwhile):
    generator = np.random.default_rng(0)
    start = generator.standard_normal((COUNT, WIDTH)).astype("float32")
    sparse, dense = nn.Parameter(start.copy()), nn.Parameter(start.copy())
    ours, others = make([sparse]), make([dense])
    for step in range(4):
        index = generator.integers(-COUNT if step % 2 else 0, COUNT, (9, 7))
        for p in (sparse, dense):
            p.zero_grad()
            rows = p[index] if step % 2 else nn.functional.embedding(index, p, padding_idx=int(index[0, 0]))
            (rows * rows).sum().backward()  # of both signs
            MEANWHILE[meanwhile](p)
        dense.grad = dense.grad.copy()
        ours.step()
        others.step()
        assert same_bits(sparse.data, dense.data)
    for name, array in others._flats[0][0].state.items():
        assert same_bits(ours._flats[0][0].state[name], array)


def test_a_gradient_of_few_rows_is_known_as_such_until_it_is_handed_out():
    p = nn.Parameter(np.zeros((100, 3), "float32"))
    (p[np.array([4, -1, 4])] * 2).sum().backward()
    note = p._node.rows
    assert note.array() is p._node.grad
    assert note.numbers.tolist() == [4, 99]
    assert p.grad[4, 0] == 4
    assert p._node.rows is None
    (p[np.arange(50)] * 2).sum().backward()
    assert p._node.rows is None


def test_batches_added_up_in_place_are_no_few_rows():
    from minigrad.train.gradients import Sums

    p = nn.Parameter(np.zeros((100, 3), "float32"))
    sums = Sums([p])
    for index in ([1, 2], None):
        sums.begin()
        (p[np.array(index)] if index else p).sum().backward()
        sums.add(1.0, is_sum=True)
    sums.finish()
    note = p._node.rows
    assert note is None or note.array() is not p._node.grad


@pytest.mark.parametrize("clone", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])  # noqa: S301 - our own
def test_a_copy_goes_on_without_the_note_of_few_rows(clone):
    def step(p, optimizer):
        p.zero_grad()
        (p[np.array([4, -1, 4])] ** 2).sum().backward()
        optimizer.step()

    p = nn.Parameter(np.ones((100, 3), "float32"))
    optimizer = optim.Adam([p], lr=0.1)
    step(p, optimizer)
    assert p._node.rows is not None
    other_p, other = clone((p, optimizer))
    assert other_p._node.rows is None
    step(p, optimizer)
    step(other_p, other)
    assert same_bits(p.data, other_p.data)


def test_few_rows_without_columns():
    p = nn.Parameter(np.ones((100, 0), "float32"))
    p[np.array([4, 5])].sum().backward()
    optim.Adam([p], lr=0.1).step()
    assert p.shape == (100, 0)
