"""Programs that Hypothesis makes up: compiled and as they are written, the same bits in values and gradients."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from minigrad.compiler.tracing.trace_comparison import same_bits

UNARY = {
    "tanh": mg.tanh, "relu": mg.relu, "sigmoid": mg.sigmoid, "exp": lambda x: mg.exp(mg.tanh(x)), "abs": abs,
    "square": mg.square, "negative": lambda x: -x, "power": lambda x: x**3, "root": lambda x: (x * x + 1) ** 0.5,
    "softmax": lambda x: mg.softmax(x, -1), "log_softmax": lambda x: mg.log_softmax(x, 0),
    "transpose": lambda x: x.T, "reshape": lambda x: x.reshape(x.shape[::-1]), "flip": lambda x: x[::-1],
    "row": lambda x: x[:1] + x, "gather": lambda x: x[np.arange(x.shape[0]) // 2], "clip": lambda x: mg.clip(x, -1, 1),
    "sum": lambda x: x - x.sum(0, keepdims=True), "mean": lambda x: x * x.mean(),
    "max": lambda x: x - x.max(1, keepdims=True),
    "std": lambda x: x / (1 + x.std()), "cumsum": lambda x: mg.cumsum(x, 0),
    "where": lambda x: mg.where(x > 0, x, mg.exp(x)),
    "concatenate": lambda x: mg.concatenate([x, x * 2], 0)[1 : x.shape[0] + 1],
    "logsumexp": lambda x: x - mg.logsumexp(x),
    "layer_norm": lambda x: mg.nn.functional.layer_norm(x, (x.shape[-1],)), "gelu": mg.nn.functional.gelu_tanh,
    "pad": lambda x: mg.pad(x, ((1, 0), (0, 0)))[1:],
    "einsum": lambda x: mg.einsum("ij,ij->ij", x, x), "var": lambda x: x * x.var(0, keepdims=True),
}  # fmt: skip
VALUES_ONLY = {"sort": lambda x: mg.sort(x, 0)}
BINARY = {
    "add": lambda x, y: x + y, "multiply": lambda x, y: x * y, "subtract": lambda x, y: x - y,
    "divide": lambda x, y: x / (y * y + 1), "maximum": mg.maximum, "minimum": mg.minimum,
    "product": lambda x, y: (x @ y.T) @ y, "outer": lambda x, y: x + y[:1], "weighted": lambda x, y: x * 0.5 + y * 2,
}  # fmt: skip


@st.composite
def programs(draw, unary=UNARY):
    """A function of two tensors (n, n): a list of (op, operands), each operand a place in the list of values so far."""
    lines = []
    for i in range(draw(st.integers(1, 7))):
        places = st.integers(0, i + 1)
        if draw(st.booleans()):
            lines.append((unary[draw(st.sampled_from(sorted(unary)))], (draw(places),)))
        else:
            lines.append((BINARY[draw(st.sampled_from(sorted(BINARY)))], (draw(places), draw(places))))

    def function(x, y):
        values = [x, y]
        for op, operands in lines:
            values.append(op(*[values[place] for place in operands]))
        return values[-1]

    return function


@given(
    programs(UNARY | VALUES_ONLY), st.integers(2, 5), st.sampled_from(["float32", "float64"]), st.integers(0, 2**32 - 1)
)
def test_values_are_the_same(f, n, dtype, seed):
    generator = np.random.default_rng(seed)
    compiled = mg.compile(f)
    for _ in range(4):
        x, y = (mg.tensor(generator.standard_normal((n, n)).astype(dtype)) for _ in range(2))
        with np.errstate(all="ignore"):
            expected, got = f(x, y), compiled(x, y)
        assert same_bits(np.asarray(expected.data), np.asarray(got.data))
        assert got.data is not compiled(x, y).data


@given(programs(), st.integers(2, 5), st.sampled_from(["float32", "float64"]), st.integers(0, 2**32 - 1))
def test_gradients_are_the_same(f, n, dtype, seed):
    generator = np.random.default_rng(seed)
    start = generator.standard_normal((n, n)).astype(dtype)
    w, w_2 = (mg.tensor(start, requires_grad=True) for _ in "ab")

    def step(w):
        def run(x):
            w.zero_grad()
            loss = f(w, x).sum()
            if loss.requires_grad:
                loss.backward()
            return loss

        return run

    eager, compiled = step(w), mg.compile(step(w_2))
    for _ in range(5):
        x = mg.tensor(generator.standard_normal((n, n)).astype(dtype))
        with np.errstate(all="ignore"):
            expected, got = eager(x), compiled(x)
        assert same_bits(np.asarray(expected.data), np.asarray(got.data))
        assert (w.grad is None) == (w_2.grad is None)
        assert w.grad is None or same_bits(w.grad, w_2.grad)


@given(programs(), st.integers(0, 2**32 - 1))
def test_the_text_gives_the_same(f, seed):
    generator = np.random.default_rng(seed)
    x, y = (mg.tensor(generator.standard_normal((3, 3)).astype("float32")) for _ in range(2))
    compiled = mg.compile(f)
    with np.errstate(all="ignore"):
        for _ in range(3):
            expected = compiled(x, y)
        namespace = {}
        exec(compiled.source(), namespace)
        got, _ = namespace["step"](x.data, y.data, compiled.state(), compiled.rates())
    assert same_bits(np.asarray(expected.data), np.asarray(got))
