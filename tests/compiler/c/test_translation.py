"""A kernel's text as C: what is known is worked out, and the meaning is Python's."""

import pytest

from minigrad.compiler.backends.kernel_kinds import F4, F8, I8, U8, OutsideError
from minigrad.compiler.backends.kernel_values import Argument
from minigrad.compiler.c.kernels import Kernels


def lines(text, *arguments):
    kernels = Kernels()
    name, made = kernels.kernel(text, [*arguments], "kernel", "a test")
    return [line.strip() for line in made.lines], kernels, name


def test_what_is_known_is_worked_out():
    text = """
def kernel(n, step, x, z):
    n = np.uint64(n)
    for q in range(np.uint64(0), np.uint64(1)):
        low = q * np.uint64(step)
        for i in range(low, min(n, low + np.uint64(step))):
            z[i * n] = x[i + n * np.uint64(0)] * f4(0.5)
"""
    made, kernels, _ = lines(text.strip(), 6, 16, Argument(F4, True), Argument(F4, True))
    assert made == ["for (uint64_t i = 0u; i < 6u; i++) {", "z[i * 6u] = x[i] * 0.5f;", "}"]
    assert not kernels.helpers


def test_the_order_of_floats_is_kept():
    made, _, _ = lines(
        "def kernel(a, b, c, z):\n    z[0] = a * (b * c) + (a - (b - c)) / (b / c)",
        *[Argument(F8, False)] * 3,
        Argument(F8, True),
    )
    assert made == ["z[0] = a * (b * c) + (a - (b - c)) / (b / c);"]


def test_integers_wrap_around_and_divide_as_python_does():
    made, kernels, _ = lines(
        "def kernel(a, b, z):\n    z[0] = a * b + a // b", Argument(I8, False), Argument(I8, False), Argument(I8, True)
    )
    assert "(uint64_t)" in made[0]
    assert "floor_divide_i8" in kernels.helpers


def test_names_live_where_they_are_used():
    text = """
def kernel(x, z):
    total = f4(0)
    for i in range(4):
        y = x[i]
        total = total + y
        if y > 0:
            last = y
        else:
            last = -y
        unused = last * 2
        z[i] = last
    z[4] = total
"""
    made, _, _ = lines(text.strip(), Argument(F4, True), Argument(F4, True))
    assert made[0] == "float total = 0.0f;"
    assert "float last;" in made
    assert not any("unused" in line for line in made)


def test_arrays_of_its_own_lie_in_the_workspace():
    text = """
def kernel(n, z):
    a = np.empty(n, np.float32)
    b = np.full(n * 2, 1, np.float64)
    for i in range(n):
        a[i] = f4(b[i])
        z[i] = a[i]
"""
    kernels = Kernels()
    name, made = kernels.kernel(text.strip(), [5, Argument(F4, True)], "kernel", "a test")
    assert made.own == 64 + 128
    assert f"static void {name}(float *restrict z, unsigned char *own)" in kernels.kernels[name]
    assert "(double *)(own + 64)" in "\n".join(made.lines)


def test_equal_kernels_are_one():
    kernels = Kernels()
    text = "def kernel(n, x, z):\n    for i in range(n):\n        z[i] = f4_exp(x[i])"
    first, _ = kernels.kernel(text, [4, Argument(F4, True), Argument(F4, True)], "a", "one")
    second, _ = kernels.kernel(text, [4, Argument(F4, True), Argument(F4, True)], "b", "two")
    third, _ = kernels.kernel(text, [5, Argument(F4, True), Argument(F4, True)], "b", "three")
    assert (first, second, third) == ("a", "a", "b")
    assert [*kernels.formulas] == ["series_exp_f4", "parts_f4", "exp_f4"]


def test_arrays_change_names_and_loops_go_on():
    text = """
def kernel(n, x, y, z):
    a, b = x, y
    k = np.uint64(1)
    k += np.uint64(2)
    for i in range(n):
        if x[i] == x[i] and True or False:
            continue
        t, u = a[i], b[i]
        z[i] += +t * u if n > 2 else t
        a = b
    for i in range(0):
        z[i] = x[i + k]
    total = x[0]
    for i in range(0):
        z[i] = total
"""
    made, _, _ = lines(text.strip(), 4, Argument(F4, True), Argument(F4, True), Argument(F4, True))
    assert "continue;" in made
    assert "a = b;" in made
    assert made[-1] == "(void)total;"


@pytest.mark.parametrize(
    "line",
    ["z[0] = x[0] + y[0]", "z[0] = open(x)", "z[x[0]] = 1", "z[0] = 1 < 2 < 3", "while True:\n        pass",
     "for i in x:\n        pass", "z[0] = x[0] if x[0] else 2", "a = np.empty(x[0], np.float32)\n    z[0] = a[0]",
     "z[0] = 1.5 if y[0] > 0.5 else 2", "z[0] = f4(y[0] / y[0])", "z[0] = ~x[0]", "z[0] = w", "z[0] = abs(x, out=z)",
     "z[0] = np.sqrt(y[0])", "z[0] = f4(b1(x[0]) - b1(x[0]))", "z[0] = x[0] ** x[0]", "z[0], x[0] = f4_parts(x[0])",
     "z.real = x[0]", "w[0] = x[0]", "for i in range(2):\n        return x[0]"],
)  # fmt: skip
def test_what_is_outside_is_refused(line):
    with pytest.raises(OutsideError):
        lines(f"def kernel(x, y, z):\n    {line}", Argument(F4, True), Argument(U8, True), Argument(F4, True))
