"""``vmap`` is a loop over the members: its arguments and results, what nests with it, and what it refuses."""

import gc
import operator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings

import minigrad as mg
from minigrad import nn
from minigrad.errors import AxisError, BatchError, DTypeError, MinigradError, ShapeError
from minigrad.testing.programs import programs

F = mg.nn.functional


@pytest.fixture(autouse=True)
def _float64():
    mg.set_default_dtype("float64")
    yield
    mg.set_default_dtype("float32")


@pytest.fixture
def x():
    return np.random.default_rng(0).normal(size=(4, 3))


@pytest.fixture
def y():
    return np.random.default_rng(1).normal(size=(4, 3))


def close(got, want, rtol=1e-9):
    got, want = (np.asarray(z.data if isinstance(z, mg.Tensor) else z) for z in (got, want))
    assert got.shape == want.shape
    np.testing.assert_allclose(got, want, rtol=rtol, atol=rtol)


# -- arguments and results ------------------------------------------------------------------------


def test_arrays_in_arrays_out_and_tensors_in_tensors_out(x, y):
    def dot(a, b):
        assert isinstance(a, mg.Tensor)
        assert a.shape == (3,)
        assert a.T.shape == (3,)
        assert len(a) == 3
        return (a * b).sum()

    plain = mg.vmap(dot)(x, y)
    assert type(plain) is np.ndarray
    close(plain, (x * y).sum(1))
    given = mg.vmap(dot)(mg.tensor(x), y)
    assert isinstance(given, mg.Tensor)
    assert not given.requires_grad
    close(given, plain)


@pytest.mark.parametrize(("axis", "out"), [(0, 0), (1, 1), (-1, -1), (-2, 0), (1, -2)])
def test_axes_are_counted_from_both_ends(x, axis, out):
    members = np.moveaxis(x, axis, 0)
    got = mg.vmap(lambda a: a * 2, axis, out)(x)
    close(got, np.stack([m * 2 for m in members], out))


def test_axes_of_structures_names_and_keywords(x, y):
    class Pair(NamedTuple):
        a: Any
        b: Any

    @dataclass
    class Both:
        a: Any
        b: Any

    want = x * 2 + y
    structures = [{"a": x, "b": 2.0}, [x, 2.0], Pair(x, 2.0), Both(x, 2.0)]
    axes = [{"a": 0, "b": None}, [0, None], (0, None), Both(0, None)]
    reads = [lambda s: (s["a"], s["b"]), tuple, tuple, lambda s: (s.a, s.b)]
    for structure, axis, read in zip(structures, axes, reads, strict=True):

        def f(s, k=None, read=read):
            a, b = read(s)
            return {"z": a * b + k, "n": 1.0}

        got = mg.vmap(f, in_axes=(axis,))(structure, k=y)
        close(got["z"], want)
        close(got["n"], np.ones(4))
    close(mg.vmap(lambda a, b: a * b, in_axes={"b": None})(x, 2.0), x * 2)
    close(mg.vmap(lambda a, *, b: a * b, in_axes={"b": None})(x, b=2.0), x * 2)
    one, two = mg.vmap(lambda a: (a, {"b": a.sum()}), out_axes=(1, {"b": 0}))(x)
    close(one, x.T)
    close(two["b"], x.sum(1))


def test_what_is_the_same_for_all_comes_out_for_each_or_once(x):
    w = mg.tensor([1.0, 2.0], requires_grad=True)
    each, once = mg.vmap(lambda a: ((w * w).sum(), (w * w).sum()), out_axes=(0, None))(x)
    assert each.shape == (4,)
    assert once.shape == ()
    once.backward(retain_graph=True)
    close(w.grad, 2 * w.data)
    w.grad = None
    each.sum().backward()
    close(w.grad, 8 * w.data)
    assert mg.vmap(lambda a: ("name", a), out_axes=(None, 0))(x)[0] == "name"


def test_results_are_no_views_of_arguments(x):
    for f in (lambda a: a, lambda a: a[::-1], lambda a: mg.ones(3)):
        got = mg.vmap(f)(x)
        assert got.flags.writeable
        assert not np.shares_memory(got, x)


@pytest.mark.parametrize("size", [0, 1])
def test_batches_of_none_and_of_one(x, size):
    w = mg.tensor(np.ones((3, 2)), requires_grad=True)
    xs = x[:size]
    close(mg.vmap(lambda a: mg.sort(mg.tanh(a @ w)))(xs), np.sort(np.tanh(xs @ w.data), -1))
    close(mg.vmap(mg.grad(lambda a: mg.sin(a).sum()))(xs), np.cos(xs))
    mg.vmap(lambda a: (a @ w).sum())(xs).sum().backward()
    close(w.grad, np.repeat(xs.sum(0)[:, None], 2, 1))
    layer = mg.nn.Conv1d(1, 2, 2)
    assert mg.vmap(lambda a: layer(a[None, None]))(xs).shape == (size, 1, 2, 2)


def test_what_does_not_fit_is_refused_by_name(x, y):
    for call, error, match in [
        (lambda: mg.vmap(lambda a, b: a)(x, y[:3]), ShapeError, "argument 0 has 4, argument 1 has 3"),
        (lambda: mg.vmap(lambda a: a, None)(x), ShapeError, "no argument has members"),
        (lambda: mg.vmap(lambda: 1)(), ShapeError, "no argument has members"),
        (lambda: mg.vmap(lambda a: a, 2)(x), AxisError, "argument 0 has no axis 2"),
        (lambda: mg.vmap(lambda a: a)(2.0), DTypeError, "argument 0 is of type float"),
        (lambda: mg.vmap(lambda a: a, out_axes=2)(x), AxisError, "result has no axis 2"),
        (lambda: mg.vmap(lambda a: "no")(x), DTypeError, "result is of type str"),
        (lambda: mg.vmap(lambda a: a, out_axes=None)(x), BatchError, "result differs from member to member"),
        (lambda: mg.vmap(lambda a: a, (0, 0))(x), TypeError, "expected 1, got 2"),
        (lambda: mg.vmap(lambda a: a, {"b": 0})(x), TypeError, "in_axes names 'b'"),
        (lambda: mg.vmap(lambda a: a, ({"a": 0},))(x), ShapeError, "a structure of these like its own"),
        (lambda: mg.vmap(lambda m, a: m(a))(mg.nn.Linear(3, 2), x), DTypeError, "argument 0 is a Module"),
    ]:
        with pytest.raises(error, match=match):
            call()


# -- what looks at the data, and what reaches outside ----------------------------------------------


@pytest.mark.parametrize(
    ("f", "match"),
    [
        (lambda a: a if a.sum() > 0 else -a, "mg.where"),
        (lambda a: a if a.sum() > -100 else -a, "mg.where"),
        (lambda a: a * float(a.sum()), "a number is taken out"),
        (lambda a: a.sum().item(), "a number is taken out"),
        (lambda a: a.tolist(), "a number is taken out"),
        (lambda a: a[a > 0], "mask of bools"),
        (lambda a: np.nonzero(a.data), "depends on the numbers"),
        (lambda a: np.where(a.data > 0), "depends on the numbers"),
        (lambda a: np.unique(a.data), "depends on the numbers"),
        (lambda a: np.asarray(a), "plain array of one member"),
        (lambda a: np.eye(3)[a.astype(int)], "mg.tensor"),
        (lambda a: list(range(a.sum().astype(int))), "a number is taken out|plain array"),
    ],
)  # fmt: skip
def test_what_looks_at_the_data_is_refused(x, f, match):
    with pytest.raises(BatchError, match=match):
        mg.vmap(f)(x)


def test_writes_into_what_is_outside_are_refused_and_undone(x):
    outside, array = mg.zeros(3, "float64"), np.zeros(3)
    leaf = mg.tensor(x[0], requires_grad=True)
    optimizer = mg.optim.SGD([leaf])

    def write(value):
        def f(a):
            outside[0] = value(a)
            return a

        return f

    def fill(a):
        array[:] = a
        return a

    def assign(a):
        leaf.data = a
        return a

    def learn(a):
        (a * leaf).sum().backward()
        return a

    def learn_in_parts(a):
        leaf.grad = a
        return a

    def step(a):
        optimizer.step()
        return a

    norm = mg.nn.BatchNorm1d(3)
    for f in (
        write(lambda a: a[0]),
        write(lambda a: 1.0),
        fill,
        assign,
        learn,
        learn_in_parts,
        step,
        lambda a: norm(a[:, None] * a),
    ):
        with pytest.raises(BatchError):
            mg.vmap(f)(x)
        assert not outside.data.any()
        assert not array.any()
        assert leaf.grad is None
        np.testing.assert_array_equal(leaf.data, x[0])
    norm.eval()
    assert mg.vmap(lambda a: norm(a[None]))(x).shape == (4, 1, 3)


def test_a_tensor_that_leaves_in_another_way_sends_nothing_to_the_outside(x):
    left, w = [], mg.tensor(x[0], requires_grad=True)
    mg.vmap(lambda a: (left.append(a * w), a)[1])(x)
    with pytest.raises(BatchError, match="has left a function of one member"):
        left[0].sum().backward()
    assert w.grad is None
    with pytest.raises(BatchError):
        np.asarray(left[0].detach())
    assert "4 members" in repr(left[0])


def test_tensors_made_inside_are_filled(x):
    def f(a):
        out = mg.zeros((2, 3), "float64")
        for i in range(3):
            out[0, i] = a[i] ** 2
        row = out[1]
        row += 2 * a
        return out

    close(mg.vmap(f)(x), np.stack([x**2, 2 * x], 1))
    close(mg.grad(lambda z: mg.vmap(f)(z).sum())(x), 2 * x + 2)
    close(mg.vmap(mg.grad(lambda a: f(a).sum()))(x), 2 * x + 2)
    for step, want in ((mg.vmap(f), np.stack([x**2, 2 * x], 1)), (mg.vmap(mg.grad(lambda a: f(a).sum())), 2 * x + 2)):
        close(mg.compile(step)(x), want)
    close(mg.vmap(mg.vmap(lambda a: f(a * mg.ones(3))[1].sum()))(x), 6 * x)


def test_arrays_are_the_users_to_write_to(x):
    given, w = x.copy(), mg.tensor(np.ones(3), requires_grad=True)
    loss = mg.vmap(lambda a: (a * a * w).sum())(given).sum()
    given[...] = 0
    loss.backward()
    close(w.grad, (x * x).sum(0))


# -- closures, parameters, random numbers ------------------------------------------------------------


def test_gradients_flow_to_what_is_closed_over(x):
    w = mg.tensor(np.ones((3, 2)), requires_grad=True)
    v = w * 2
    mg.vmap(lambda a: mg.tanh(a @ v).sum())(x).sum().backward()
    u = mg.tensor(np.ones((3, 2)), requires_grad=True)
    mg.tanh(mg.tensor(x) @ (u * 2)).sum().backward()
    close(w.grad, u.grad)
    close(mg.vmap(lambda a: mg.autograd.grad((a * w[:, 0] ** 2).sum(), [w])[0])(x)[:, :, 0], 2 * x)


def test_gradients_of_single_samples(x):
    layer = mg.nn.Sequential(mg.nn.Linear(3, 5), mg.nn.Tanh(), mg.nn.Linear(5, 1))
    target = np.arange(4.0)

    def loss(model, a, t):
        return ((model(a)[0] - t) ** 2).mean()

    got = mg.vmap(mg.grad(loss), in_axes=(None, 0, 0))(layer, x, target)
    each = [mg.grad(loss)(layer, mg.tensor(a), t) for a, t in zip(x, target, strict=True)]
    for name in got:
        close(got[name], np.stack([g[name].data for g in each]))
    # and they lead on: the gradient of their squared norms
    norms = sum([(g * g).sum() for g in got.values()])
    norms.backward()
    found = {name: p.grad for name, p in layer.named_parameters()}
    layer.zero_grad()
    for a, t in zip(x, target, strict=True):
        sum([(g * g).sum() for g in mg.grad(loss)(layer, mg.tensor(a), t).values()]).backward()
    for name, p in layer.named_parameters():
        close(found[name], p.grad)


def test_random_numbers_are_those_of_the_loop(x):
    layer = mg.nn.Dropout(0.5)
    mg.manual_seed(0)
    got = mg.vmap(lambda a: mg.vmap(layer)(a[:, None]))(x)
    mg.manual_seed(0)
    close(got, np.stack([np.stack([layer(mg.tensor(b[None])).data for b in a]) for a in x]))
    assert len({tuple(row) for row in (got[..., 0] == 0).tolist()}) > 1


def test_checkpoint_repeats_the_draws(x):
    w, layer = mg.tensor(np.ones(3), requires_grad=True), mg.nn.Dropout(0.5)
    mg.manual_seed(0)
    value = mg.vmap(lambda a: mg.checkpoint(lambda b: (layer(mg.sin(b)) * w).sum(), a))(x).sum()
    value.backward()
    mg.manual_seed(0)
    masks = np.stack([layer(mg.tensor(np.ones(3))).data for _ in x])
    close(w.grad, (masks * np.sin(x)).sum(0))


def test_no_grad_records_nothing(x):
    w = mg.tensor(np.ones(3), requires_grad=True)
    with mg.no_grad():
        assert not mg.vmap(lambda a: mg.tensor(a * w))(mg.tensor(x)).requires_grad


def test_an_anomaly_is_found_inside(x):
    w = mg.tensor(np.zeros(3), requires_grad=True)
    with (
        pytest.raises(mg.errors.AnomalyError, match=r"log made the first value .*: -inf at \(0, 0\)"),
        mg.detect_anomaly(),
    ):
        mg.vmap(lambda a: mg.log(w * a).sum())(abs(x))
    ones = np.ones((3, 2))
    ones[1, 0] = 0
    with mg.detect_anomaly():
        close(mg.vmap(mg.grad(lambda a: mg.sin(a).sum()))(x), np.cos(x))
        with pytest.raises(mg.errors.AnomalyError, match=r"the gradient of sqrt .*: inf at \(1, 0\)"):
            mg.vmap(mg.grad(lambda a: mg.sqrt(a).sum()))(ones)


# -- nesting ------------------------------------------------------------------------------------------


def f_of(a):
    return (mg.sin(a) * a[::-1] ** 2).sum()


def direction(a):
    return np.arange(1.0, 1 + a.size).reshape(a.shape)


NESTED = {
    "grad": mg.grad(f_of),
    "value_and_grad": mg.value_and_grad(f_of),
    "hessian": mg.hessian(f_of),
    "jacobian": mg.jacobian(lambda a: mg.tanh(a) * a[0]),
    "jvp": lambda a: mg.jvp(f_of, (a,), (direction(a),)),
    "vjp": lambda a: mg.vjp(lambda b: b**3, a)[1](direction(a)),
    "hvp": lambda a: mg.hvp(f_of, a, direction(a)),
    "vmap": mg.vmap(lambda b: mg.sin(b) * 2),
    "third": mg.grad(lambda a: mg.grad(lambda b: mg.grad(f_of)(b)[0])(a).sum()),
    "checkpoint": mg.grad(lambda a: mg.checkpoint(f_of, a)),
}


@pytest.mark.parametrize("name", NESTED)
@pytest.mark.parametrize("compiled", [False, True])
def test_transforms_inside(x, name, compiled):
    f = NESTED[name]
    got = mg.vmap(f)(x) if not compiled else mg.compile(mg.vmap(f))(x)
    want = [f(a) for a in x]
    for g, w in zip(*[z if isinstance(z, tuple) else (z,) for z in (got, _transposed(want))], strict=True):
        close(g, w)


def _transposed(results):
    if isinstance(results[0], tuple):
        return tuple(np.stack([values(part) for part in parts]) for parts in zip(*results, strict=True))
    return np.stack([values(z) for z in results])


def values(z):
    return z.data if isinstance(z, mg.Tensor) else z


def test_transforms_outside(x, y):
    def whole(z):
        return mg.vmap(f_of)(z).sum()

    def loop(z):
        return sum([f_of(z[i]) for i in range(4)])

    close(mg.grad(whole)(x), mg.grad(loop)(x))
    close(mg.hessian(whole)(x), mg.hessian(loop)(x))
    close(mg.jacobian(mg.vmap(f_of))(x), mg.jacobian(lambda z: mg.stack([f_of(z[i]) for i in range(4)]))(x))
    close(mg.jvp(whole, (x,), (y,))[1], mg.jvp(loop, (x,), (y,))[1])
    close(mg.hvp(whole, x, y), mg.hvp(loop, x, y))
    close(mg.grad(lambda z: mg.grad(whole)(z).sum())(x), mg.grad(lambda z: mg.grad(loop)(z).sum())(x))


def test_vmap_in_vmap_of_what_the_outer_one_has(x, y):
    close(mg.vmap(lambda a: mg.vmap(lambda b: (a * b).sum())(y))(x), x @ y.T)
    close(mg.vmap(mg.vmap(lambda a, b: a * b))(x, y), x * y)
    w = mg.tensor(np.ones(3), requires_grad=True)
    mg.vmap(lambda a: mg.vmap(lambda b: (a * b * w).sum())(y))(x).sum().backward()
    close(w.grad, x.sum(0) * y.sum(0))
    got = mg.grad(
        lambda s: mg.vmap(lambda a: mg.grad(lambda t: mg.vmap(lambda b: mg.sin(a * b * t * s).sum())(y).sum())(1.0))(
            x
        ).sum()
    )(0.5)
    eps = 1e-6

    def first(s):
        return sum(mg.grad(lambda t, a=a: mg.sin(a * y * t * s).sum())(1.0) for a in x)

    close(got, (first(0.5 + eps) - first(0.5 - eps)) / (2 * eps), rtol=1e-6)


def test_compiled_replays_with_other_numbers(x, y):
    w = mg.tensor(np.ones((3, 2)), requires_grad=True)
    step = mg.compile(mg.vmap(mg.grad(lambda a: mg.tanh(a @ w.detach()).sum())))
    for z in (x, y, x * 2):
        close(step(z), mg.vmap(mg.grad(lambda a: mg.tanh(a @ w.detach()).sum()))(z))


# -- layers, losses, programs ---------------------------------------------------------------------------

LAYERS = {
    "Linear": (lambda: mg.nn.Linear(3, 2), (3,)),
    "Linear of rows": (lambda: mg.nn.Linear(3, 2), (5, 3)),
    "Conv1d": (lambda: mg.nn.Conv1d(2, 4, 3, padding=1), (2, 2, 5)),
    "Conv2d": (lambda: mg.nn.Conv2d(2, 4, 3, groups=2), (1, 2, 5, 4)),
    "ConvTranspose2d": (lambda: mg.nn.ConvTranspose2d(2, 3, 2, stride=2), (1, 2, 3, 3)),
    "MaxPool2d": (lambda: mg.nn.MaxPool2d(2), (1, 2, 4, 4)),
    "AvgPool2d": (lambda: mg.nn.AvgPool2d(2), (1, 2, 4, 4)),
    "LayerNorm": (lambda: mg.nn.LayerNorm(3), (2, 3)),
    "RMSNorm": (lambda: mg.nn.RMSNorm(3), (2, 3)),
    "GroupNorm": (lambda: mg.nn.GroupNorm(2, 4), (2, 4, 3)),
    "RNN": (lambda: mg.nn.RNN(3, 4), (2, 5, 3)),
    "GRU": (lambda: mg.nn.GRU(3, 4), (2, 5, 3)),
    "LSTM": (lambda: mg.nn.LSTM(3, 4), (2, 5, 3)),
    "MultiheadAttention": (lambda: mg.nn.MultiheadAttention(4, 2), (1, 5, 4)),
    "PReLU": (lambda: mg.nn.PReLU(), (2, 3)),
    "GELU": (lambda: mg.nn.GELU(), (2, 3)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_layers_and_the_gradients_of_single_samples(name):
    make, shape = LAYERS[name]
    mg.manual_seed(0)
    layer = make().eval()
    xs = np.random.default_rng(0).normal(size=(3, *shape))

    def run(model, a):
        z = model(a, a, a) if name == "MultiheadAttention" else model(a)
        return z[0] if isinstance(z, tuple) else z

    def loss(model, a):
        z = run(model, a)
        return (z * np.cos(np.arange(z.size)).reshape(z.shape)).sum()

    close(mg.vmap(run, in_axes=(None, 0))(layer, xs), np.stack([run(layer, mg.tensor(a)).data for a in xs]))
    if not list(layer.parameters()):
        return
    got = mg.vmap(mg.grad(loss), in_axes=(None, 0))(layer, xs)
    each = [mg.grad(loss)(layer, mg.tensor(a)) for a in xs]
    for key in got:
        close(got[key], np.stack([g[key].data for g in each]))
    mg.vmap(loss, in_axes=(None, 0))(layer, xs).sum().backward()
    for key, p in layer.named_parameters():
        close(p.grad, np.sum([g[key].data for g in each], 0))


def test_losses_and_embeddings_of_labels():
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(4, 5, 3)), rng.integers(0, 3, (4, 5))
    for loss in (mg.nn.CrossEntropyLoss(), mg.nn.CrossEntropyLoss(label_smoothing=0.1), mg.nn.NLLLoss()):
        got = mg.vmap(mg.grad(lambda z, t, loss=loss: loss(z, t)))(logits, labels)
        close(
            got,
            np.stack([mg.grad(lambda z, t=t, loss=loss: loss(z, t))(z) for z, t in zip(logits, labels, strict=True)]),
        )
    for loss in (mg.nn.MSELoss(), mg.nn.L1Loss(), mg.nn.HuberLoss(), mg.nn.BCEWithLogitsLoss()):
        target = rng.random((4, 5, 3))
        got = mg.vmap(mg.grad(loss))(logits, target)
        close(got, np.stack([mg.grad(loss)(z, t) for z, t in zip(logits, target, strict=True)]))
    table = mg.nn.Embedding(3, 2)
    got = mg.vmap(mg.grad(lambda m, i: (m(i) ** 2).sum()), in_axes=(None, 0))(table, labels)["weight"]
    close(got, np.stack([mg.grad(lambda m, i=i: (m(i) ** 2).sum())(table)["weight"].data for i in labels]))


@settings(max_examples=40, deadline=None)
@given(programs(max_ops=6))
def test_random_programs(program):
    stacks = [np.stack([a * (1 - 1e-3 * i) for i in range(3)]) for a in program.inputs]

    def loss(*xs):
        z = program(*xs)
        return (z * np.cos(np.arange(z.size)).reshape(z.shape)).sum()

    every = tuple(range(len(stacks)))
    try:
        want = [mg.value_and_grad(loss, every)(*[s[i] for s in stacks]) for i in range(3)]
    except MinigradError:
        return
    value, found = mg.vmap(mg.value_and_grad(loss, every))(*stacks)
    close(value, np.stack([w[0] for w in want]), rtol=1e-7)
    outer = mg.grad(lambda *xs: mg.vmap(loss)(*xs).sum(), every)(*stacks)
    for k in every:
        close(found[k], np.stack([w[1][k] for w in want]), rtol=1e-7)
        close(outer[k], found[k], rtol=1e-7)


def test_nothing_stays_behind(x):
    mg.vmap(mg.grad(f_of))(x)
    gc.collect()
    before = len(gc.get_objects())
    for _ in range(20):
        mg.vmap(mg.grad(f_of))(x)
    gc.collect()
    assert len(gc.get_objects()) - before < 20


# -- what others wrote ------------------------------------------------------------------------------------


def test_an_op_of_ones_own_need_not_know_of_batches(x):
    def forward(a, power):
        out = np.empty(len(a))
        for i in range(len(a)):
            out[i] = float(a[i]) ** power if a[i] > 0 else 0.0
        return out

    def formula(g, a, power):
        a = np.asarray(a)
        return np.asarray(g) * np.where(a > 0, power * np.abs(a) ** (power - 1), 0)

    op = mg.primitive(forward, formula, name="power_of_positive")
    close(mg.vmap(lambda a: op(a, 2))(x), np.where(x > 0, x**2, 0))
    close(mg.vmap(mg.grad(lambda a: op(a, 2).sum()))(x), np.where(x > 0, 2 * x, 0))
    close(
        mg.grad(lambda z: mg.vmap(lambda a: mg.vmap(lambda b: op(b * a, 2).sum())(x))(z).sum())(x),
        mg.grad(lambda z: sum([mg.where(z[i] * x > 0, (z[i] * x) ** 2, 0).sum() for i in range(4)]))(x),
    )
    with pytest.raises(TypeError, match="unsupported operand") as caught:
        mg.vmap(lambda a: op(a, "two"))(x)
    assert any("power_of_positive" in note for note in caught.value.__notes__)
    assert mg.multiply.op.forward is operator.mul  # those of the package know, and pay nothing
    assert mg.exp.op.forward is np.exp
    assert not any(hasattr(formula, "__wrapped__") for formula in mg.linalg.det.op.formulas)


def test_indices_that_alone_differ_from_member_to_member(x):
    table, places = mg.tensor(x, requires_grad=True), np.array([[0, 3], [1, 1], [2, 0]])
    for read in (
        lambda i: table[i],
        lambda i: table[:, i[0] % 3],
        lambda i: table[i, 1],
        lambda i: table[:, i % 3],
        lambda i: (table * i[0])[:, i % 3],
        lambda i: (table * i[0])[None, i, None, i % 3],
        lambda i: mg.index_add(table, (slice(None), i % 3), table[:, :2]),
        lambda i: table[None, i, None, i[0] % 3],
        lambda i: mg.take(table, i, 0),
        lambda i: mg.take(table, i, 0, mode="wrap"),
        lambda i: mg.take(table, i),
        lambda i: mg.take_along_axis(table, i[:, None], 0),
        lambda i: F.embedding(i, table),
        lambda i: F.one_hot(i, 4) @ table,
        lambda i: mg.index_add(table, i, 1.0),
        lambda i: mg.index_set(table * 1, i, 0.0),
    ):
        got = mg.vmap(read)(places)
        want = mg.stack([read(i) for i in places])
        close(got, want)
        [one], [two] = (mg.autograd.grad((z * direction(z)).sum(), [table]) for z in (got, want))
        close(one, two)


def test_functions_of_numpy_without_a_rule_run_in_a_loop(x):
    close(mg.vmap(lambda a: np.convolve(a.data, [1.0, 2.0]))(x), np.stack([np.convolve(a, [1.0, 2.0]) for a in x]))
    close(mg.vmap(lambda a: np.linalg.lstsq(np.eye(3), a.data)[0])(x), x)
    close(mg.vmap(lambda a: np.interp(a.data, [0.0, 1.0], [0.0, 2.0]))(x), np.interp(x, [0.0, 1.0], [0.0, 2.0]))


def test_a_compiled_function_inside_runs_as_it_is_written(x):
    f = mg.compile(lambda a: mg.sin(a).sum())
    for _ in range(3):
        f(x[0])
    close(mg.vmap(f)(x), np.sin(x).sum(1))
    close(f(x[1]), np.sin(x[1]).sum())


def test_labels_are_checked_in_all_members():
    logits, labels = np.zeros((3, 4, 5)), np.zeros((3, 4), int)
    labels[1, 2] = 7
    with pytest.raises(mg.errors.TargetError, match="got 7"):
        mg.vmap(mg.nn.CrossEntropyLoss())(logits, labels)
    with pytest.raises(mg.errors.TargetError):
        mg.vmap(lambda i: mg.nn.Embedding(5, 2)(i))(labels)
    labels[1, 2] = 0
    weights = np.array([0.0, 1.0, 1.0, 1.0, 1.0])
    with pytest.raises(MinigradError, match="count"):  # as in a loop: all labels of each are of a class of weight 0
        mg.vmap(mg.nn.CrossEntropyLoss(weight=weights))(logits, labels)
    labels[0] = 1
    with pytest.raises(MinigradError, match="count"):
        mg.vmap(mg.nn.CrossEntropyLoss(weight=weights))(logits, labels)


@pytest.mark.parametrize("layer", [nn.RNN, nn.GRU, nn.LSTM])
@pytest.mark.parametrize("own_weights", [False, True])
def test_recurrent_layers_of_members_that_share_weights_or_have_their_own(layer, own_weights):
    rng = np.random.default_rng(0)
    net = layer(3, 4, bidirectional=True, dtype="float64", generator=rng)
    weights = {name: p.data.copy() for name, p in net.named_parameters()}
    xs, scales = rng.normal(size=(3, 5, 2, 3)), np.array([1.0, 0.5, 2.0])

    def loss(weights, x):
        return (mg.functional_call(net, weights, x, lengths=[5, 3])[0] ** 2).sum()

    if own_weights:
        many = {name: np.multiply.outer(scales, w) for name, w in weights.items()}
        got = mg.vmap(mg.grad(loss, argnums=(0, 1)))(many, xs)
        want = [mg.grad(loss, argnums=(0, 1))({n: w[i] for n, w in many.items()}, xs[i]) for i in range(3)]
    else:
        got = mg.vmap(mg.grad(loss, argnums=(0, 1)), in_axes=(None, 0))(weights, xs)
        want = [mg.grad(loss, argnums=(0, 1))(weights, x) for x in xs]
    for i, (of_weights, of_x) in enumerate(want):
        np.testing.assert_allclose(got[1][i], of_x, rtol=1e-10, atol=1e-12)
        for name, g in of_weights.items():
            np.testing.assert_allclose(got[0][name][i], g, rtol=1e-10, atol=1e-10)
