"""The text of a kernel as machine code: the same bits as by Python, and a refusal of any other text."""

import textwrap

import numpy as np
import pytest

pytest.importorskip("llvmlite", reason="machine code needs llvmlite: pip install llvmlite")

from minigrad.compiler.backends import cache, machine_code
from minigrad.compiler.backends.kernel_kinds import F8, I8, OutsideError
from minigrad.compiler.backends.kernel_module import translated
from minigrad.compiler.backends.kernel_values import Argument
from minigrad.compiler.backends.machine_code import argument_of
from tests.compiler.backends.interpreting import NAMES

pytestmark = pytest.mark.native

SPECIAL = [0.0, -0.0, 1.0, -1.5, 2.5, np.inf, -np.inf, np.nan, 1e-300, 3e38, -7.0, 0.5]


def both(text, *arrays):
    """The arrays after the text has run as Python, and as machine code."""
    body = "\n".join(f"    {line}" for line in text.strip("\n").split("\n"))
    text = (
        f"def kernel(first, last, rows, step, {', '.join('abcdef'[: len(arrays)])}):\n    n = np.uint64(rows)\n{body}\n"
    )
    one, two = ([np.array(x) if isinstance(x, np.ndarray) else x for x in arrays] for _ in "12")
    namespace = dict(NAMES)
    exec(text, namespace)
    size = len(arrays[0])
    with np.errstate(all="ignore"):
        namespace["kernel"](0, 3, size, 1, *one)
    cache.Compiler().kernel(text)(0, 3, size, 1, *two)
    return [(x, y) for x, y in zip(one, two, strict=True) if isinstance(x, np.ndarray)]


def assert_same(text, *arrays):
    for expected, got in both(text, *arrays):
        np.testing.assert_array_equal(got, expected)
        if expected.dtype.kind == "f":
            known = ~np.isnan(expected)
            np.testing.assert_array_equal(np.signbit(got)[known], np.signbit(expected)[known])


@pytest.fixture
def pairs():
    x, y = np.meshgrid(SPECIAL, SPECIAL)
    return x.ravel(), y.ravel()


FLOATS = """
a + b|a - b|a * b|a / b|-a|abs(a)|np.sqrt(a)|np.floor(a)|np.ceil(a)|np.rint(a)|math.copysign(a, b)|min(a, b)|max(a, b)
maximum(a, b)|minimum(a, b)|a if a < b else b|a if not (a <= b or b != b) else 1.0 * b|T(a > b)|T(a >= b)|T(a == b)
T(a != b)|T(a == a and b == b)|T(T(2) * a) + 1|T(math.inf)|T(-math.inf)|T(math.nan)|T(np.float32(a))|T(np.float64(a))
(a if a > 0 else -a) if a == a else b|T(True)|T(3)
"""


@pytest.mark.parametrize("kind", ["f4", "f8"])
@pytest.mark.parametrize("expression", FLOATS.replace("\n", "|").strip("|").split("|"))
def test_floats_are_python_s(pairs, kind, expression):
    text = expression.replace("T(", f"{kind}(")
    x, y = (part.astype(kind) for part in pairs)
    loop = f"for i in range(n):\n    x = a[i]\n    y = b[i]\n    c[i] = {kind}({_renamed(text)})"
    if "imum" in text:  # of two zeros, NumPy's own choice is that of the processor
        x, y = x + 0.0, y + 0.0
    assert_same(loop, x, y, np.zeros_like(x))


def _renamed(text):
    return " ".join({"a": "x", "b": "y"}.get(word, word) for word in _words(text))


def _words(text):
    import io
    import tokenize

    return [token.string for token in tokenize.generate_tokens(io.StringIO(text).readline) if token.string.strip()]


@pytest.mark.parametrize(
    "expression",
    ["x + y", "x - y", "x * y", "-x", "abs(x)", "x & y", "x | y", "x ^ y", "x >> 3", "x << 2", "x // (y | 1)",
     "x % (y | 1)", "i8(x < y)", "i8(x == y)", "x if x > y else y", "i8(f8(x))", "i8(b1(x))", "min(x, y)",
     "maximum(x, y)",
     "i8(np.uint64(x) // np.uint64(7))", "i8(np.uint64(x) % np.uint64(7))", "i8(np.int32(x & 1000))"],
)  # fmt: skip
def test_integers_wrap_as_numpy_s(expression):
    numbers = np.array([0, 1, -1, 5, -7, 2**62, -(2**62), 2**63 - 1, -(2**63) + 1, 12345])
    x, y = (part.ravel() for part in np.meshgrid(numbers, numbers))
    if "f8" in expression:
        x = x % 10**6
    assert_same(f"for i in range(n):\n    x = a[i]\n    y = b[i]\n    c[i] = {expression}", x, y, np.zeros_like(x))


@pytest.mark.parametrize(
    "expression", ["x and y", "x or y", "not x", "x & y", "x | y", "x ^ y", "x != y", "x if y else b1(True)"]
)
def test_truths(expression):
    x, y = np.array([True, True, False, False]), np.array([True, False, True, False])
    assert_same(f"for i in range(n):\n    x = a[i]\n    y = b[i]\n    c[i] = {expression}", x, y, ~x)


#: Each block: its name, and its lines.
_BLOCKS = """
steps:
    for i in range(np.uint64(1), n, np.uint64(3)):
        a[i] = 7.0

none:
    for i in range(n, n):
        a[i] = 7.0

backwards:
    for i in range(n, np.uint64(2)):
        a[i] = 7.0

signed:
    t = 0.0
    for i in range(last - 5, last):
        t += f8(i)
    a[np.uint64(0)] = t

nested:
    for i in range(n):
        t = f8(0)
        for j in range(i):
            t = summed(t, a[j])
        b[i] = t

continue:
    for i in range(n):
        if a[i] < 3:
            continue
        b[i] = a[i]

if:
    for i in range(n):
        if a[i] < 3:
            b[i] = 1.0
        elif a[i] < 5:
            b[i] = 2.0
        else:
            b[i] = 3.0

both continue:
    for i in range(n):
        if a[i] < 3:
            b[i] = 1.0
            continue
        else:
            continue

wraps:
    for i in range(n):
        row = i + np.uint64(1) - np.uint64(2)
        if row >= n:
            continue
        b[i] = a[row]

own:
    k = np.empty(n, np.float64)
    for i in range(n):
        k[i] = a[i] * 2
    for i in range(n):
        b[i] = k[n - i - np.uint64(1)]

own in a loop:
    for i in range(n):
        k = np.full(3, f8(2), np.float64)
        z = np.zeros(3, np.bool_)
        k[np.uint64(1)] = a[i]
        b[i] = k[np.uint64(0)] + k[np.uint64(1)] + f8(z[np.uint64(2)])

names of arrays:
    for i in range(n):
        p, q = a, b
        q[i] = p[i] + 1
        p, q = q, p
        p[i] = p[i] * 2
        q[i] = q[i] + 5

names after a loop:
    for i in range(n):
        t = a[i]
    b[i] = t

the condition guards:
    for i in range(n):
        b[i] = a[i + np.uint64(1)] if i + np.uint64(1) < n else -1.0

another type at the top:
    t = 1
    t = f8(t) + 0.5
    a[0] = t

formulas:
    for i in range(n):
        b[i] = f8_sign(a[i] - 3.0)

and:
    for i in range(n):
        b[i] = 1.0 if i > 2 and a[i] > 4 and a[i - np.uint64(2)] < 5 or a[i] == 0 else 2.0

pass:
    for i in range(n):
        pass
"""
LOOPS = {
    block.split(":\n", 1)[0]: textwrap.dedent(block.split(":\n", 1)[1]) for block in _BLOCKS.strip("\n").split("\n\n")
}


@pytest.mark.filterwarnings("ignore:overflow encountered:RuntimeWarning")
@pytest.mark.parametrize("name", LOOPS)
def test_loops_and_branches_are_python_s(name):
    assert_same(LOOPS[name], np.arange(8.0), np.zeros(8))


def test_sums_in_lanes_are_as_good_as_numpy_s():
    x = np.random.default_rng(0).standard_normal(10_000).astype("f4")
    ((_, _), (expected, got)) = both(
        "t = f8(0)\nfor i in range(n):\n    t = summed(t, f8(a[i]))\nb[0] = t", x, np.zeros(1)
    )
    np.testing.assert_allclose(got, x.astype("f8").sum(), rtol=1e-13)
    np.testing.assert_allclose(got, expected, rtol=1e-13)


def test_numbers_of_all_kinds_are_passed():
    text = (
        "def kernel(first, last, rows, step, a, b, c, d, e):\n    n0 = np.uint64(0)\n    c[n0] = a + f8(b)\n"
        "    c[n0 + np.uint64(1)] = f8(d)\n    c[n0 + np.uint64(2)] = f8(e)\n"
    )
    c = np.zeros(3)
    kernel = cache.Compiler().kernel(text)
    kernel(0, 1, 1, 1, 1.5, np.int64(7), c, np.bool_(True), np.float32(0.1))
    assert c.tolist() == [8.5, 1.0, float(np.float32(0.1))]
    kernel(0, 1, 1, 1, 2, 3, c, False, 0.5)
    assert c.tolist() == [5.0, 0.0, 0.5]


@pytest.mark.parametrize(
    "line",
    ["a[first] = 1.0", "a[-1] = 1.0", "b = a[0] + rows", "b = a ** 2", "b = foo(a[0])", "while True: pass",
     "b = [1]", "b = a[0] if a[0] else 1.0", "b = np.uint64(1) + rows", "b = a[0] < 1 < 2", "import os", "b = c",
     "b = 'x'", "for i in range(last):\n        b = 1\n        b = 1.0", "b = np.sum(a)", "b = np.empty(3)", "a.x = 1",
     "for i, j in range(3): pass", "for i in a: pass", "for i in range(3): return 1", "return", "b = a[0] and a[1]",
     "b = b1(1) + b1(1)", "b = 1.5 & rows", "b = print(1)", "b = bits_of(1)", "(b, c), d = 1",
     "b, c = a[0]", "b = f8_exp(a[0], a[0])", "for i in range(3):\n        continue\n        b = 1", "a[0] = rows",
     "b = a[1 : 3]", "b = a[np.uint64(0) : np.uint64(1) + 4]", "b = a[: np.uint64(1) + 4]", "a[0] = np.sum(a[0])",
     "b = head(a[0], 1)", "b = head(a, rows, 1, 4)", "b = np.repeat(first, 4)", "b = np.sqrt(np.repeat(a[0], 4))",
     "b = np.repeat(a[0], 4) < 1.0", "b = np.float32(np.repeat(a[0], 4))", "b = np.repeat(a[0], 4) + first",
     "b = first.no_such_attribute", "b = ~rows", "a[a] = 1.0", "b = np.uint64(-1)", "b = min(1)", "b = f8(a)"],
)  # fmt: skip
def test_what_is_no_text_of_a_kernel_is_refused(line):
    text = f"def kernel(first, last, rows, step, a):\n    {line}\n"
    with pytest.raises((OutsideError, TypeError, ValueError)):
        translated(text, [Argument(I8, False)] * 4 + [Argument(F8, True)], "kernel")


@pytest.mark.parametrize("kind", ["f4", "f8"])
def test_runs_of_numbers_are_numpy_s(kind):
    text = """
    t = np.repeat(T(1), 8)
    for i in range(np.uint64(0), n - 3, np.uint64(8)):
        x = a[i : i + 8]
        t = t + x * b[i] - 2
        c[i : i + 8] = x / b[i : i + 8]
    i = n - 3
    t = t + head(a, i, np.uint64(3), 8) * head(b, i, np.uint64(3), 8)
    c[n - 1] = np.sum(t)
    """
    rng = np.random.default_rng(0)
    x, y = (rng.integers(1, 9, 35).astype(kind) for _ in "12")  # sums of whole numbers are exact in any order
    assert_same(textwrap.dedent(text).replace("T(", f"{kind}("), x, y, np.zeros_like(x))


def test_a_kernel_without_memory_for_its_own_arrays_says_so():
    text = "def kernel(first, last, rows, step, a):\n    k = np.empty(np.uint64(rows), np.float64)\n    a[0] = k[0]\n"
    with pytest.raises(MemoryError, match="a kernel's own arrays"):
        cache.Compiler().kernel(text)(0, 1, 2**58, 1, np.zeros(1))


def test_loops_are_vector_instructions():
    """Else they are many times slower: a sum, a softmax's exp, an update, a convolution's row."""
    each = "for i in range(n):\n    "
    texts = {
        "sum": f"t = f8(0)\n{each}t = summed(t, a[i])\nb[0] = t",
        **{name: f"{each}b[i] = f8_{name}(a[i])" for name in ("exp", "tanh", "log", "gelu")},
        "update": f"{each}a[i] = a[i] * 0.9 + b[i] / (np.sqrt(b[i]) + 1e-8)",
        "largest": f"t = f8(0)\nbad = False\n{each}x = a[i]\n    t = larger(t, x)\n    bad = bad or x != x\nb[0] = t",
    }
    array = argument_of(np.zeros(1))
    for name, text in texts.items():
        body = "\n".join(f"    {line}" for line in text.split("\n"))
        whole = f"def kernel(first, last, rows, step, a, b):\n    n = np.uint64(rows)\n{body}\n"
        module = machine_code.optimised(translated(whole, [Argument(I8, False)] * 4 + [array] * 2, "kernel"))
        assert " x double>" in str(module), name
