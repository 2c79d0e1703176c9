"""Programs that Hypothesis makes up of NumPy calls on arrays: views, overlapping memory, writes in place, sums.

Each is run as it is written and compiled, by both backends, on the same numbers; results, arguments and what the
program keeps must be alike. The numbers are small integers, so sums have no rounding.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from minigrad.compiler.backends import blocks
from minigrad.compiler.tracing.trace_comparison import same_bits
from tests.compiler.backends.interpreting import by_python

CALLS = (
    "np.negative({a})", "np.abs({a})", "np.square({a})", "np.sign({a})", "np.floor({a})", "np.logical_not({a})",
    "np.add({a}, {b})", "np.subtract({a}, {b})", "np.multiply({a}, {b})", "np.maximum({a}, {b})", "{a} > {b}",
    "np.minimum({a}, 1)", "{a} * 2.0", "1 - {a}", "{a} == {b}", "{a} ** 2", "np.where({a} > 0, {b}, {c})",
    "np.where({a}, {b}, 0)", "{a}.astype(np.float32)", "{a}.astype(np.int64)", "{a}.copy()", "np.zeros_like({a})",
    "np.concatenate([{a}, {b}])", "np.cumsum({a}, 0)", "np.clip({a}, -1, 1)", "{a} @ {b}",
)  # fmt: skip
REDUCTIONS = tuple(
    f"np.{name}({{a}}, axis={axis}{keep})"
    for name in ("sum", "max", "min", "any")
    for axis in ("None", "0", "-1", "(0, 1)")
    for keep in ("", ", keepdims=True")
)
VIEWS = (
    "{a}.T", "{a}[1:]", "{a}[:, :1]", "{a}[::-1]", "{a}[:, ::-1]", "{a}[0]", "{a}[None]", "{a}.reshape(-1)",
    "{a}.reshape(3, 2)", "{a}.reshape(2, 3)", "np.broadcast_to({a}, (2, 3))", "{a}[[0, 1, 0]]", "{a}.ravel()",
)  # fmt: skip
WRITES = (
    "np.add({a}, {b}, out={c})", "np.multiply({a}, {b}, out={c})", "np.negative({a}, out={c})", "{c} += {a}",
    "{c} -= 1", "{c} *= {a}", "{c}[...] = {a}", "{c}[1:] = {a}", "{c}[0] = 2", "np.copyto({c}, {a})", "{c}.fill(1)",
    "np.sum({a}, axis=0, out={c})", "np.maximum({a}, {b}, out={c})", "np.putmask({c}, {a} > 0, {b})",
    "np.add({a}, {b}, out={c}, where={b} > 0)",
)  # fmt: skip
#: What the program keeps lies in one array.
KEPT = ("[:6].reshape(2, 3)", "[3:9].reshape(2, 3)", "[:6].reshape(3, 2).T", "[0:12:2].reshape(2, 3)", "[5:2:-1]",
        "[:3]", "[:2].reshape(2, 1)")  # fmt: skip
SHAPES = st.sampled_from([(2, 3), (2, 3), (3, 2), (3,), (2, 1), (1, 3), ()])
DTYPES = st.sampled_from(["float32", "float32", "float64", "int64", "bool"])
LINES = st.tuples(st.one_of(map(st.sampled_from, (CALLS, REDUCTIONS, VIEWS, WRITES, WRITES))), *[st.integers(0, 9)] * 3)


def numbers(generator, shape, dtype):
    return generator.integers(-3, 4, shape).astype(dtype)


@st.composite
def programs(draw):
    """(the text of a function, shapes and dtypes of its arguments, the places of what it keeps)."""
    arguments = draw(st.lists(st.tuples(SHAPES, DTYPES), min_size=2, max_size=2))
    places = draw(st.lists(st.sampled_from(KEPT), min_size=2, max_size=2))
    generator = np.random.default_rng(0)
    memory = numbers(generator, 12, "float32")
    known = {f"x{k}": numbers(generator, *of) for k, of in enumerate(arguments)}
    known |= {f"w{k}": eval(f"memory{place}", {"memory": memory}) for k, place in enumerate(places)}
    text = ["def f(x0, x1):", "    w0, w1 = kept[0].data, kept[1].data"]
    for template, *operands in draw(st.lists(LINES, min_size=2, max_size=14)):
        names = [*known][::-1]
        line = template.format(**dict(zip("abc", [names[k % len(names)] for k in operands], strict=True)))
        try:
            with np.errstate(all="ignore"):
                if template in WRITES:
                    exec(line, {"np": np}, known)
                else:
                    name = f"v{len(text)}"
                    made = eval(line, {"np": np}, known)
                    known |= {name: made} if made.size <= 40 else {}
                    line = f"{name} = {line}"
        except (ValueError, TypeError, IndexError, np.exceptions.AxisError):
            continue  # NumPy refuses it
        text.append(f"    {line}")
    results = [name for name in known if name.startswith("v") and f"    {name} = " in "\n".join(text)][-3:]
    text.append(f"    return [{', '.join(results or ['x0'])}]")
    return "\n".join(text), arguments, places


def made(program):
    """The function, and the array in which what it keeps lies."""
    text, _, places = program
    memory = np.zeros(12, "float32")
    kept = [mg.tensor(np.zeros(1)) for _ in places]
    for tensor, place in zip(kept, places, strict=True):
        tensor.data = eval(f"memory{place}", {"memory": memory})
    namespace = {"np": np, "kept": kept}
    exec(compile(text, "<string>", "exec"), namespace)
    return namespace["f"], memory


def agree(program, seed, backend, alike):
    """Four calls, of which the last has numbers that are none."""
    (f, memory), (g, memory_2) = made(program), made(program)
    compiled = mg.compile(g, backend=backend)
    for k in range(4):
        inputs = [[numbers(np.random.default_rng([seed, k]), *of) for of in program[1]] for _ in "ab"]
        for x in [x for x in inputs[0] + inputs[1] if k == 3 and x.dtype.kind == "f"]:
            x.flat[:2] = [np.nan, -np.inf][: x.size]
        memory[:] = memory_2[:] = numbers(np.random.default_rng(k), 12, "float32")
        with np.errstate(all="ignore"):
            try:
                expected = f(*inputs[0])
            except ValueError:  # NaN becomes no integer
                return
            got = compiled(*inputs[1])
        pairs = [*zip(expected, got, strict=True), *zip(*inputs, strict=True), (memory, memory_2)]
        for one, other in pairs:
            assert alike(np.asarray(one), np.asarray(other)), (k, one, other)


def equal(one, other):
    return one.dtype == other.dtype and np.array_equal(one, other, equal_nan=one.dtype.kind == "f")


@pytest.mark.native
@pytest.mark.parametrize("chunk", [1, 16_384])
def test_loops(monkeypatch, chunk):
    pytest.importorskip("llvmlite", reason="machine code needs llvmlite: pip install llvmlite")
    from minigrad.compiler.backends import loops

    monkeypatch.setattr(loops, "CHUNK", chunk)

    @given(programs(), st.integers(0, 2**32 - 1))
    def check(program, seed):
        agree(program, seed, "native", equal)

    with by_python():
        check()


def test_blocks(monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK", 2)
    monkeypatch.setattr(blocks, "worth", lambda group: len(group.members) > 1)

    @given(programs(), st.integers(0, 2**32 - 1))
    def check(program, seed):
        agree(program, seed, "numpy", same_bits)

    check()


@given(programs(), st.integers(0, 2**32 - 1))
def test_calls(program, seed):
    agree(program, seed, "numpy", same_bits)
