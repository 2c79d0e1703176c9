"""``scan``: what a loop in Python gives, with gradients of every order, under every transform; and its errors."""

from collections import namedtuple

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, optim
from minigrad.core.trees import flat
from minigrad.errors import DTypeError, GraphError, HyperparameterError, ShapeError
from tests.memory import allocations

RNG = np.random.default_rng(0)
W, H, X = RNG.normal(size=(3, 3)) / 2, RNG.normal(size=3), RNG.normal(size=(5, 3))
State = namedtuple("State", "h count")


def in_python(f, init, xs=None, *, length=None, reverse=False):
    """What scan must be equal to."""
    state, ys = init, []
    steps = range(len(xs) if length is None else length)
    for t in reversed(steps) if reverse else steps:
        state, y = f(state, None if xs is None else xs[t])
        ys.append(y)
    ys = ys[::-1] if reverse else ys
    return state, None if ys[0] is None else mg.stack(ys)


def cell(run, w, h, xs, reverse=False):
    """A loss of all states and results, by a scan that closes over w."""
    last, ys = run(lambda h, x: (mg.tanh(h @ w + x), (h * x).sum()), h, xs, reverse=reverse)
    return (last**2).sum() + mg.sin(ys).sum()


TRANSFORMS = {
    "gradient": lambda run: mg.grad(lambda *a: cell(run, *a), argnums=(0, 1, 2))(W, H, X),
    "hessian": lambda run: mg.hessian(lambda h, x: cell(run, W, h, x), argnums=(0, 1))(H, X[:2]),
    "hvp": lambda run: mg.hvp(lambda w: cell(run, w, H, X), W, np.ones((3, 3))),
    "jvp": lambda run: mg.jvp(lambda *a: cell(run, *a), (W, H, X), (W, H, X)),
    "jacobian": lambda run: mg.jacobian(
        lambda w: run(lambda h, x: (mg.tanh(w @ h + x), h), mg.tensor(H), mg.tensor(X))[1]
    )(W),
    "third order": lambda run: mg.grad(mg.grad(mg.grad(lambda s: cell(run, W * s, H * s, X))))(1.0),
    "vmap over what is closed over": lambda run: mg.vmap(mg.grad(lambda w: cell(run, w, H, X)))(np.stack([W, 2 * W])),
    "vmap over states": lambda run: mg.vmap(mg.hessian(lambda h: cell(run, W, h, X)))(np.stack([H, 2 * H])),
    "vmap over xs": lambda run: mg.vmap(mg.grad(lambda x: cell(run, W, H, x)))(np.stack([X, 2 * X])),
    "a checkpoint": lambda run: mg.grad(lambda w: mg.checkpoint(lambda w: cell(run, w, H, X), w))(W),
    "a scan in a scan": lambda run: mg.grad(
        lambda w: run(
            lambda h, x: (run(lambda k, y: (mg.tanh(k @ w + y), None), h, mg.stack([x, 2.0 * x]))[0], h.sum()),
            mg.tensor(H), mg.tensor(X),
        )[1].sum()
    )(W),
    "a gradient in the body": lambda run: mg.grad(
        lambda w: run(lambda h, x: (h - 0.1 * mg.grad(lambda h: mg.tanh(h @ w @ x))(h), h.sum()), mg.tensor(H), X)[
            1
        ].sum()
    )(W),
}  # fmt: skip


@pytest.mark.parametrize("name", TRANSFORMS)
def test_a_scan_is_the_loop_under_every_transform(name):
    compute = TRANSFORMS[name]
    for got, want in zip(flat(compute(mg.scan)), flat(compute(in_python)), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("reverse", [False, True])
def test_backward_reaches_what_the_body_closes_over(reverse):
    found = []
    for run in (mg.scan, in_python):
        w, h, x = (mg.tensor(a, requires_grad=True) for a in (W, H, X))
        cell(run, w, h, x, reverse).backward()
        found.append((w.grad, h.grad, x.grad))
    for got, want in zip(*found, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-10)


def test_a_layer_is_trained_by_a_scan():
    mg.manual_seed(0)
    layer, xs = nn.RNNCell(3, 4), mg.tensor(X.astype("float32"))
    optimizer, losses = optim.SGD(layer.parameters(), lr=0.1), []
    for _ in range(5):
        optimizer.zero_grad()
        loss = (mg.scan(lambda h, x: (layer(x, h), None), mg.zeros(4), xs)[0] - 0.5).square().sum()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 2


def test_structures_dtypes_and_integers():
    def f(state, x):
        return State(state.h * x["a"].astype("float32"), state.count + 1), {"n": state.count, "y": x["a"] + x["b"]}

    xs = {"a": np.arange(1.0, 4.0), "b": np.ones((3, 2))}
    last, ys = mg.scan(f, State(np.ones(2, np.float32), 0), xs)
    assert isinstance(last, State)
    assert (last.h.dtype, last.count, last.count.dtype) == (np.float32, 3, np.int64)
    assert type(last.h) is np.ndarray
    np.testing.assert_array_equal(last.h, [6, 6])
    np.testing.assert_array_equal(ys["n"], [0, 1, 2])
    assert ys["y"].shape == (3, 2)
    g = mg.grad(lambda b: mg.scan(f, State(np.ones(2, np.float32), 0), {**xs, "b": b})[1]["y"].sum())(xs["b"])
    np.testing.assert_array_equal(g, np.ones((3, 2)))


def test_arrays_give_arrays_and_tensors_give_tensors():
    f = lambda s, x: (s + x, s)  # noqa: E731
    assert isinstance(mg.scan(f, 0.0, np.ones(2))[0], np.float64)
    last, ys = mg.scan(f, mg.tensor(0.0), np.ones(2, "float32"))
    assert isinstance(last, mg.Tensor)
    assert isinstance(ys, mg.Tensor)
    assert mg.scan(f, 0.0, np.ones(2, np.float32))[0].dtype == np.float32  # a number takes the dtype of its company


def test_no_steps():
    h = mg.tensor(H, requires_grad=True)
    last, ys = mg.scan(lambda h, x: (mg.tanh(h + x), (h * x).sum()), h, np.zeros((0, 3)))
    assert ys.shape == (0,)
    last.sum().backward()
    np.testing.assert_array_equal(h.grad, np.ones(3))
    assert mg.scan(lambda s, _: (s, None), 1.0, length=0) == (1.0, None)


def test_what_the_caller_writes_to_afterwards_does_not_show():
    init, xs = H.copy(), X.copy()
    w = mg.tensor(W, requires_grad=True)
    z = cell(mg.scan, w, init, xs)
    init[:], xs[:] = 0, 0
    z.backward()
    again = mg.tensor(W, requires_grad=True)
    cell(in_python, again, mg.tensor(H), mg.tensor(X)).backward()
    np.testing.assert_allclose(w.grad, again.grad, rtol=1e-10)


def test_data_that_changed_is_noticed():
    w = mg.tensor(W, requires_grad=True)
    z = cell(mg.scan, w, H, X)
    w.data = 2 * W
    with pytest.raises(GraphError, match="data changed between forward and backward"):
        z.backward()


ODDITIES = {
    "another shape": (lambda s, x: (mg.stack([s, s]), None), ShapeError, r"the state came in with shape \(\)"),
    "another dtype": (lambda s, x: (s.astype("float32"), None), DTypeError, r"write \.astype\('float64'\)"),
    "another structure": (lambda s, x: ((s, s), None), DTypeError, "the state is of type tuple"),
    "no pair": (lambda s, x: s, DTypeError, "f returns \\(state, y\\)"),
    "a text": (lambda s, x: (s, "y"), DTypeError, "y is of type str"),
    "an error": (lambda s, x: (s @ x @ x, None), Exception, "matmul"),
}


@pytest.mark.parametrize("name", ODDITIES)
def test_what_a_body_gives_is_checked(name):
    f, error, message = ODDITIES[name]
    with pytest.raises(error, match=message) as caught:
        mg.scan(f, 1.0, np.ones(3))
    assert "in step 0 of mg.scan" in caught.value.__notes__


def test_a_result_that_changes_its_shape():
    sizes = iter([1, 1, 2])
    with pytest.raises(ShapeError, match="y of step 2"):
        mg.scan(lambda s, x: (s, mg.ones(next(sizes))), 1.0, np.ones(3))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda f: mg.scan(f, 1.0), ShapeError, "pass xs, or length="),
        (lambda f: mg.scan(f, 1.0, np.ones(3), length=2), ShapeError, "xs has 3, length has 2"),
        (lambda f: mg.scan(f, 1.0, [np.ones(3), np.ones(2)]), ShapeError, r"xs\[0\] has 3, xs\[1\] has 2"),
        (lambda f: mg.scan(f, 1.0, 2.0), ShapeError, "xs is a number"),
        (lambda f: mg.scan(f, "a", np.ones(3)), DTypeError, "init is of type str"),
        (lambda f: mg.scan(f, 1.0, length=-1), HyperparameterError, "length"),
    ],
)
def test_arguments_are_checked(call, error, message):
    with pytest.raises(error, match=message):
        call(lambda s, x: (s, None))


def writes_a_gradient(s, _):
    SHARED.sum().backward()
    return s, None


def makes_a_step(s, _):
    other = mg.tensor([1.0], requires_grad=True)
    other.sum().backward()  # of its own, which is allowed
    optim.SGD([other], lr=0.1).step()
    return s, None


def replaces_data(s, _):
    SHARED.data = np.zeros(2)
    return s, None


SHARED = mg.tensor([1.0, 2.0], requires_grad=True)
EFFECTS = {
    "a gradient": (writes_a_gradient, "the .grad of a tensor from outside"),
    "a step": (makes_a_step, "an optimizer makes a step"),
    "data": (replaces_data, "the data of a tensor is replaced"),
    "running statistics": (
        lambda s, x: (nn.BatchNorm1d(2)(mg.ones((2, 2))).sum() * s, None),
        "running statistics|moved",
    ),
    "a draw": (lambda s, x: (nn.Dropout(0.5)(mg.ones(2)).sum() * s, None), "random numbers are drawn.*pass them as xs"),
}


@pytest.mark.parametrize("name", EFFECTS)
def test_what_a_body_does_besides_is_refused(name):
    f, message = EFFECTS[name]
    with pytest.raises(GraphError, match=message):
        mg.scan(f, mg.tensor(1.0), np.ones(3))
    assert SHARED.grad is None
    np.testing.assert_array_equal(SHARED.data, [1, 2])


def test_numbers_drawn_elsewhere_are_noticed_by_the_gradient():
    rng, x = np.random.default_rng(0), mg.tensor(1.0, requires_grad=True)
    last, _ = mg.scan(lambda s, _: (s * rng.random(), None), x, length=3)
    with pytest.raises(GraphError, match="not deterministic"):
        last.backward()


def test_a_tensor_that_the_first_step_does_not_use_is_not_lost():
    w = mg.tensor(3.0, requires_grad=True)
    last, _ = mg.scan(
        lambda s, x: (s * w if x.item() > 0 else s * 2.0, None), mg.tensor(1.0), np.array([0.0, 1.0, 1.0])
    )
    last.backward()
    assert w.grad == 12  # of 2 w**2


def test_memory_is_that_of_the_states():
    x = mg.tensor(np.ones(1000), requires_grad=True)

    def peak(run):
        with allocations() as traced:
            z = run(lambda h, _: (mg.tanh(mg.sin(mg.exp(-mg.cos(mg.sinh(h)))) ** 3) ** 2, None), x, length=50)[0].sum()
            z.backward()
            return traced()[1]

    assert peak(mg.scan) < 0.5 * peak(in_python)
