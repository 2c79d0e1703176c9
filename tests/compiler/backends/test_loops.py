"""Groups of calls as loops: what they compute, with their text run by Python, and which calls come together."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from minigrad import nn, optim
from minigrad.compiler.backends import blocks
from minigrad.compiler.tracing.trace_comparison import same_bits
from minigrad.nn import functional as F
from minigrad.testing import strategies
from tests.compiler.backends.interpreting import by_python
from tests.compiler.test_random_programs import programs

pytest.importorskip("llvmlite", reason="machine code needs llvmlite: pip install llvmlite")

from minigrad.compiler.backends import loops

pytestmark = pytest.mark.native


@pytest.fixture
def interpreted():
    """Kernels are run by Python; gives the texts of all that were made."""
    texts = []
    with by_python(texts):
        yield texts


def plain(x):
    return x.detach().data if isinstance(x, mg.Tensor) else x


def assert_close(expected, got):
    expected, got = np.asarray(plain(expected)), np.asarray(plain(got))
    assert (expected.shape, expected.dtype) == (got.shape, got.dtype)
    finite = np.isfinite(expected)
    if finite.all():
        bound = 1e-4 if expected.dtype == np.float32 else 1e-10
        np.testing.assert_allclose(got, expected, rtol=10 * bound, atol=bound * max(1, np.abs(expected).max(initial=0)))


def train(f, w):
    def run(x):
        w.zero_grad()
        loss = f(w, x).sum()
        if loss.requires_grad:
            loss.backward()
        return loss

    return run


def two(f, n, dtype, seed, backend):
    """The step as it is written and compiled, for four calls: pairs of losses and of gradients."""
    generator = np.random.default_rng(seed)
    start = generator.standard_normal((n, n)).astype(dtype)
    w, w_2 = (mg.tensor(start, requires_grad=True) for _ in "ab")
    eager, compiled = train(f, w), mg.compile(train(f, w_2), backend=backend)
    for _ in range(4):
        x = mg.tensor(generator.standard_normal((n, n)).astype(dtype))
        with np.errstate(all="ignore"):
            yield eager(x).data, compiled(x).data
        assert (w.grad is None) == (w_2.grad is None)
        if w.grad is not None:
            yield w.grad, w_2.grad


@pytest.mark.usefixtures("interpreted")
@pytest.mark.parametrize("chunk", [1, 4, 16_384])
def test_programs_agree_to_rounding(monkeypatch, chunk):
    monkeypatch.setattr(loops, "CHUNK", chunk)

    @given(programs(), st.integers(2, 5), st.sampled_from(["float32", "float64"]), st.integers(0, 2**32 - 1))
    def check(f, n, dtype, seed):
        for expected, got in two(f, n, dtype, seed, "native"):
            assert_close(expected, got)

    check()


def made(f, *arrays, backend="native"):
    """The compiled function, after it has run on the arrays, and was held against the function itself."""
    compiled = mg.compile(f, backend=backend)
    for _ in range(3):
        with np.errstate(all="ignore"):
            assert_close(f(*arrays), compiled(*arrays))
    return compiled


X = np.random.default_rng(0).standard_normal((4, 6)).astype("float32")


def test_softmax_is_one_loop(interpreted):
    stats = made(lambda x: mg.softmax(mg.tensor(x), -1), X).stats()
    assert stats["loops"] == 1
    assert stats["calls in loops"] >= 4
    assert "kept" in interpreted[0]  # what a later pass needs is kept for a row, not for all


@pytest.mark.parametrize("width", [1, 10, loops._WRITTEN_OUT, loops._WRITTEN_OUT + 1])
@pytest.mark.parametrize("name", ["interpreted", "chunk"])
def test_short_rows_are_written_out(request, name, width):
    texts = request.getfixturevalue(name) if name == "interpreted" else []
    x = np.random.default_rng(0).standard_normal((37, width)).astype("float32")
    x[5], x[7, -1], x[9, 0] = -np.inf, np.inf, np.nan  # NaN is in these rows alone
    for axis, array in ((-1, x), (0, x.T)):
        compiled = mg.compile(lambda x, axis=axis: F.log_softmax(mg.tensor(x), axis), backend="native", audit=False)
        with np.errstate(all="ignore"):
            for _ in range(3):
                got = compiled(array).data
            np.testing.assert_allclose(got, F.log_softmax(mg.tensor(array), axis).data, rtol=1e-5, atol=1e-6)
    assert all(("for j0" in text) == (width > loops._WRITTEN_OUT) for text in texts if "kept" in text)


@pytest.fixture
def chunk(monkeypatch):
    monkeypatch.setattr(loops, "CHUNK", 4)


@pytest.mark.usefixtures("interpreted")
def test_layer_norm_is_one_loop():
    stats = made(lambda x: F.layer_norm(mg.tensor(x), (6,)), X).stats()
    assert stats["loops"] == 2  # and one that looks whether the deviations of all rows are usual


def test_gelu_with_its_gradient_is_one_loop(interpreted):
    w = mg.tensor(X, requires_grad=True)

    def f(x):
        w.zero_grad()
        loss = (F.gelu(w) * x + mg.ndtr(w)).sum()
        loss.backward()
        return mg.tensor(w.grad) * 1

    assert made(f, mg.tensor(X + 1)).stats()["loops"] == 1
    assert "f4_gelu(" in interpreted[0]
    assert "f4_gelu_slope(" in interpreted[0]
    made(lambda x: mg.ndtr(x) * 2 + 1, mg.tensor(X))
    assert "f4_normal_cdf(" in interpreted[-1]


@pytest.mark.usefixtures("interpreted")
def test_views_of_gelu_keep_its_memory():
    def f(x):
        hidden = F.gelu(x).reshape(6, 4)
        spent = x
        for _ in range(4):
            spent = mg.sin(spent)
        return hidden @ spent

    made(f, mg.tensor(X))


def test_a_sum_over_rows_is_kept_for_each_chunk(interpreted, monkeypatch):
    monkeypatch.setattr(loops, "CHUNK", 6)
    made(lambda x: (np.tanh(x) * 2).sum(0), X)
    assert "p0[q * n6 + j]" in interpreted[-1]


@pytest.mark.usefixtures("interpreted")
@pytest.mark.parametrize("axis", [None, 0, 1, (0, 1), (0, 2), 2, (1, 2)])
@pytest.mark.parametrize("keepdims", [True, False])
@pytest.mark.parametrize("name", ["sum", "max", "min", "mean"])
@pytest.mark.parametrize("layout", ["C", "F", "moved", "strided", "spread"])
def test_reductions_of_all_layouts(monkeypatch, axis, keepdims, name, layout):
    monkeypatch.setattr(loops, "CHUNK", 5)
    x = np.random.default_rng(1).standard_normal((3, 4, 6))
    x = {
        "C": x, "F": np.asfortranarray(x), "moved": x.transpose(1, 0, 2).copy().transpose(1, 0, 2),
        "strided": np.repeat(x, 2, 1)[:, ::2], "spread": np.broadcast_to(x[:, :1], x.shape),
    }[layout]  # fmt: skip
    x = np.where(x > 2, np.nan, x) if layout == "C" and name in ("max", "min") else x

    def f(x):
        y = np.tanh(x) + 1
        return getattr(np, name)(y, axis, keepdims=keepdims), y * getattr(np, name)(y, axis, keepdims=True)

    compiled = mg.compile(f, backend="native")
    for _ in range(3):
        for expected, got in zip(f(x), compiled(x), strict=True):
            np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.usefixtures("interpreted")
def test_loops_of_many_axes():
    x = np.random.default_rng(1).standard_normal((2, 3, 4, 5, 6)).astype("float32")
    y = np.ascontiguousarray(x.transpose(4, 2, 0, 1, 3)).transpose(2, 3, 1, 4, 0)
    z = x[:, :, :1, :, :1].copy()
    made(lambda x, y, z: (x * y + z) * np.exp(y - z), x, y, z)


@pytest.mark.usefixtures("interpreted")
def test_every_expression():
    x = np.array([-2.5, -1, -0.0, 0, 0.5, 1, 3, np.inf, -np.inf, np.nan], "float64")
    y = x[::-1].copy()

    def f(x, y):
        t, u = x > 0, y <= 1
        return [
            x + y, x - y, x * y, x / y, -x, +x, abs(x), np.fabs(x), np.square(x), np.reciprocal(x), np.sqrt(x),
            np.sign(x),
            np.floor(x), np.ceil(x), np.rint(x), np.copysign(x, y), np.maximum(x, y), np.minimum(x, y), x >= y, x < y,
            x == y, x != y, np.isfinite(x), np.isnan(x), np.logical_and(t, u), np.logical_or(t, u), np.logical_not(t),
            t & u, t | u, t ^ u, ~t, np.where(t, x, y), x.astype("float32"), t.astype("float64"), np.exp(x),
            np.expm1(x),
            np.log(x), np.log1p(x), np.tanh(x), x**2, x**0.5, x**-1, x**1, np.where(t, 1.0, x), np.maximum(x, math.inf),
            np.minimum(x, -math.inf), np.maximum(x, math.nan),
        ]  # fmt: skip

    compiled = mg.compile(f, backend="native")
    with np.errstate(all="ignore"):
        for _ in range(3):
            for number, (expected, got) in enumerate(zip(f(x, y), compiled(x, y), strict=True)):
                assert same_bits(expected, got), number
    assert compiled.stats()["calls in loops"] >= 44


@pytest.mark.usefixtures("interpreted")
def test_what_has_no_vectors_stays_with_numpy():
    many = np.linspace(0, 1, 100)
    stats = made(lambda x: np.arctan(np.arctan(x)) * np.arctan(x), many).stats()
    assert stats["calls in loops"] == 1  # the product
    integers = np.arange(6).reshape(2, 3)
    assert made(lambda n: (n * 2 + 1) // 2, integers).stats()["calls in loops"] == 2


def network(optimizer, dtype="float32"):
    generator = np.random.default_rng(3)
    model = nn.Sequential(
        nn.Linear(5, 8, generator=generator, dtype=dtype), nn.Tanh(), nn.Linear(8, 3, generator=generator, dtype=dtype)
    )
    made_optimizer = optimizer(model.parameters())
    loss_fn = nn.CrossEntropyLoss()

    def step(x, y):
        loss = loss_fn(model(x), y)
        made_optimizer.zero_grad()
        loss.backward()
        made_optimizer.step()
        return loss

    return model, step


@pytest.mark.parametrize(
    "optimizer",
    [
        lambda p: optim.SGD(p, lr=0.1), lambda p: optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
        lambda p: optim.AdaGrad(p, lr=0.1), lambda p: optim.RMSProp(p), lambda p: optim.Adam(p, decay=1e-3),
        lambda p: optim.AdamW(p), lambda p: optim.Lion(p, lr=1e-3), lambda p: optim.NAdam(p),
    ],
)  # fmt: skip
def test_an_optimizer_is_one_loop(interpreted, optimizer):
    (model, eager), (model_2, step) = network(optimizer, "float64"), network(optimizer, "float64")
    compiled = mg.compile(step, backend="native")
    generator = np.random.default_rng(5)
    for _ in range(40):
        x, y = mg.tensor(generator.standard_normal((7, 5))), generator.integers(0, 3, 7)
        assert_close(eager(x, y), compiled(x, y))
    for p, q in zip(model.parameters(), model_2.parameters(), strict=True):
        assert_close(p.data, q.data)
    updates = [text for text in interpreted if "s0" in text]
    assert len(updates) == 1


@pytest.mark.usefixtures("interpreted")
def test_writes_keep_their_order():
    """What is read before a write and after it, in one loop and in several passes of one."""
    state = mg.tensor(np.arange(6.0).reshape(2, 3))

    def f(x):
        before = state.data * x
        total = np.add.reduce(state.data, axis=1, keepdims=True)
        state.data[...] = state.data * 0.5
        after = state.data + total
        return before, after, state.data * before / total

    def run(f):
        state.data[...] = np.arange(6.0).reshape(2, 3)
        return [[np.array(x) for x in f(np.full((2, 3), 2.0))] for _ in range(5)]

    expected = run(f)
    got = run(mg.compile(f, backend="native"))
    for one, other in zip(expected, got, strict=True):
        for x, y in zip(one, other, strict=True):
            np.testing.assert_allclose(y, x)


def _into_a_sum(x, y):
    total = np.sum(np.floor(x), axis=0, keepdims=True)
    np.negative(y, out=total)
    return (total + x.sum(axis=0, keepdims=True),)


def _into_what_a_later_pass_made(x, _):
    largest = np.max(x, axis=1, keepdims=True)
    product = x * largest
    np.multiply(x, 2, out=product)
    return (product * largest,)


def _into_a_later_sum(x, _):
    largest = np.max(x, axis=1, keepdims=True)
    total = np.sum(x - largest, axis=1, keepdims=True)
    np.negative(largest, out=total)
    return (x * total,)


def _of_one_row(x, y):
    total = np.sum(x, axis=0, keepdims=True)
    y -= 1
    return total, y, x * 2


def _over_its_own_operand(x, y):
    np.sign(x[:, :1], out=x)
    np.add(y[:, :2], 1, out=y[:, 1:])
    return x, y


def _over_what_a_broadcast_view_reads(x, _):
    view = np.broadcast_to(x, (2, 3))
    doubled = view * 2
    x /= 2
    return doubled, view + 1


def _over_a_transpose(x, _):
    square = x[:, :2] + 1
    square += square.T
    return (square,)


def _over_axes_of_one_element(x, _):
    column = x[:, :1]
    return np.mean(np.floor(column), axis=1).T, column * 0.5


@pytest.mark.usefixtures("interpreted")
@pytest.mark.parametrize(
    "f",
    [_into_a_sum, _into_what_a_later_pass_made, _into_a_later_sum, _of_one_row, _over_its_own_operand,
     _over_what_a_broadcast_view_reads, _over_a_transpose, _over_axes_of_one_element],
)  # fmt: skip
def test_writes_beside_sums(f):
    compiled = mg.compile(f, backend="native")
    for k in range(4):
        x, y = np.arange(6.0).reshape(2, 3) + k, np.array([[1.0, np.nan, 3.0]])
        x_2, y_2 = x.copy(), y.copy()
        for got, expected in zip([*compiled(x_2, y_2), x_2, y_2], [*f(x, y), x, y], strict=True):
            np.testing.assert_array_equal(got, expected)
    assert compiled.stats()["replayed"] == 2


def test_an_update_that_is_looked_at_stays_apart():
    """Weights of a captured tensor overlap their optimizer's flat array: no copy of them is left out."""
    model, step = network(lambda p: optim.SGD(p, lr=0.5))

    def moved(x, y):
        before = model.parameters()[0].data.copy()
        step(x, y)
        return model.parameters()[0].data - before

    compiled = mg.compile(moved, backend="numpy")
    x, y = mg.tensor(np.ones((7, 5), "float32")), np.arange(7) % 3
    assert all(np.abs(compiled(x, y)).max() > 1e-6 for _ in range(4))


MODELS = {
    "transformer": lambda g: nn.TransformerEncoderLayer(
        8, 2, 16, 0.0, activation="gelu", batch_first=True, norm_first=True, generator=g, dtype="float64"
    ),
    "gru": lambda g: nn.GRU(8, 4, generator=g, dtype="float64"),
    "lstm": lambda g: nn.LSTM(8, 4, generator=g, dtype="float64"),
    "convolutions": lambda g: nn.Sequential(
        nn.Conv1d(5, 4, 3, padding=1, generator=g, dtype="float64"), nn.BatchNorm1d(4, dtype="float64"), nn.ReLU(),
        nn.MaxPool1d(2), nn.Conv1d(4, 3, 2, generator=g, dtype="float64"), nn.GELU(),
    ),
    "norms": lambda g: nn.Sequential(
        nn.LayerNorm(8, dtype="float64"), nn.SiLU(), nn.RMSNorm(8, dtype="float64"), nn.GroupNorm(1, 5, dtype="float64")
    ),
}  # fmt: skip


@pytest.mark.usefixtures("interpreted")
@pytest.mark.parametrize("name", list(MODELS))
def test_models_of_layers_train_alike(name):
    x = np.random.default_rng(1).standard_normal((2, 5, 8))

    def trainer():
        model = MODELS[name](np.random.default_rng(0))
        optimizer = optim.SGD(model.parameters(), lr=0.05)

        def step(x):
            z = model(x)
            z = z[0] if isinstance(z, tuple) else z
            loss = (z * z).mean() + mg.tanh(z).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            return loss

        return model, step

    (model, eager), (model_2, step) = trainer(), trainer()
    compiled = mg.compile(step, backend="native")
    for _ in range(6):
        assert_close(eager(mg.tensor(x)), compiled(mg.tensor(x)))
        for p, q in zip(model.parameters(), model_2.parameters(), strict=True):
            assert_close(p.grad, q.grad)
            assert_close(p.data, q.data)
    assert compiled.stats()["replayed"] == 4
    assert compiled.stats()["loops"] > 0


@pytest.mark.parametrize("name", [*MODELS, "network"])
def test_another_batch_size_needs_no_other_kernel(interpreted, name):
    """1 / N and the distances in memory are arguments of a kernel."""
    if name == "network":
        _, step = network(lambda p: optim.Adam(p, decay=1e-3), "float32")
    else:
        model = MODELS[name](np.random.default_rng(0))

        def step(x):
            z = model(x)
            loss = ((z[0] if isinstance(z, tuple) else z) ** 2).mean()
            model.zero_grad()
            loss.backward()
            return loss

    compiled, rng = mg.compile(step, backend="native"), np.random.default_rng(1)
    first, *others = (70, 110, 37) if name == "convolutions" else (7, 11, 13, 6)
    for n in (first, *others):
        before = len(set(interpreted))
        for _ in range(2):
            x = rng.standard_normal((n, 5) if name == "network" else (n, 5, 8))
            if name == "network":
                compiled(mg.tensor(x.astype("float32")), rng.integers(0, 3, n))
            else:
                compiled(mg.tensor(x))
        assert n == first or len(set(interpreted)) == before, sorted(set(interpreted))


@pytest.mark.parametrize("backend", ["numpy", "native"])
@pytest.mark.usefixtures("interpreted")
def test_programs_of_the_testing_package_agree(backend, monkeypatch):
    """With their gradients: the same bits with NumPy, to 1e-12 of the largest number with machine code."""
    monkeypatch.setattr(loops, "CHUNK", 4)

    @given(strategies.programs(), st.integers(0, 2**32 - 1))
    def check(program, seed):
        rng = np.random.default_rng(seed)

        def f(*xs):
            value, gradients = mg.value_and_grad(lambda *xs: program(*xs).sum(), tuple(range(len(xs))))(*xs)
            return [value, *gradients]

        compiled = mg.compile(f, backend=backend)
        for _ in range(4):
            xs = [mg.tensor(x + 0.01 * rng.standard_normal(x.shape), dtype="float64") for x in program.inputs]
            for expected, got in zip(f(*xs), compiled(*xs), strict=True):
                one, other = np.asarray(plain(expected)), np.asarray(plain(got))
                assert (one.shape, one.dtype) == (other.shape, other.dtype)
                if backend == "numpy":
                    assert same_bits(one, other)
                else:
                    np.testing.assert_allclose(other, one, rtol=0, atol=1e-12 * max(1, np.abs(one).max(initial=0)))

    check()


@pytest.mark.usefixtures("interpreted")
@pytest.mark.parametrize("shape", [(2, 1), (1, 2), (1, 1), (3, 1, 2)])
@pytest.mark.parametrize("axis", [0, 1, -1, None])
def test_reductions_of_single_elements(shape, axis):
    x = np.random.default_rng(0).standard_normal(shape)

    def f(x):
        y = np.exp(x)
        total = y.sum(axis, keepdims=True)
        return (y / total).sum() + (y - y.max(axis, keepdims=True)).sum() + total.sum()

    made(f, x)


@pytest.mark.usefixtures("interpreted")
@pytest.mark.parametrize("backend", ["numpy", "native"])
def test_groups_never_wait_for_each_other(backend, monkeypatch):
    """A call before a group may lead to it all the same: through another group that has grown since."""
    monkeypatch.setattr(blocks, "BLOCK", 2)
    monkeypatch.setattr(blocks, "worth", lambda group: len(group.members) > 1)
    w, w_2 = (mg.tensor(X, requires_grad=True) for _ in "ab")

    def f(w, x):
        first, second = F.layer_norm(w, (6,)), F.layer_norm(w + w, (6,))
        return second / (first * first + 1) + abs(first) * x

    eager, compiled = train(f, w), mg.compile(train(f, w_2), backend=backend)
    for _ in range(4):
        assert_close(eager(mg.tensor(X)), compiled(mg.tensor(X)))
        assert_close(w.grad, w_2.grad)


@pytest.mark.usefixtures("interpreted")
@pytest.mark.parametrize("axes", [None, (0, 2)])
def test_a_sum_of_many_float32_numbers_is_as_accurate_as_numpys(axes):
    """About 1,000, a float32 total of 6,000 numbers, one after the other, is off by some 1e-6 of it."""
    x = (np.random.default_rng(0).standard_normal((20, 2, 300)) + 1000).astype("float32")
    step = mg.compile(lambda x: (mg.tensor(x) * 1.5 + 0.5).mean(axes), backend="native", audit=False)
    for _ in range(3):
        mean = np.asarray(step(x).data)
    assert step.stats()["loops"] == 1
    expected = (x * np.float32(1.5) + np.float32(0.5)).astype(float).mean(axes)
    np.testing.assert_allclose(mean, expected, rtol=1.2e-7)
