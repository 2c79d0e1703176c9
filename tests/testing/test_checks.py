"""The testing kit finds what it is for: each kind of wrong formula fails, and says why."""

import cProfile
import subprocess
import sys

import numpy as np
import pytest

import minigrad as mg
from minigrad.core.conversion import detached
from minigrad.errors import GradientError
from minigrad.testing import check_gradients

A = np.array([0.7, -1.3, 2.1])


def op(forward, *formulas, **options):
    return mg.primitive(forward, *formulas, name=options.pop("name", "under_test"), **options)


def test_a_derivative_that_cancels_to_zero_is_off_by_rounding_only():
    report = check_gradients(lambda x: mg.log_softmax(x) / x, A[:1])
    assert max(report.errors) < 1e-12


def test_a_complex_step_is_not_believed_where_the_function_hides_from_it():
    flat = op(lambda x: np.abs(x), lambda g, x: g * np.sign(x), analytic=True)  # says so, and is not
    assert check_gradients(flat, A).methods[0] == "differences"
    assert check_gradients(lambda x: x * np.sign(x.data.real), A).methods[0] == "complex step"


GENERATOR = np.random.default_rng(0)


def _writes(g, x):
    if isinstance(x, np.ndarray):
        x[0] = np.nextafter(x[0], 9)
    return 2 * g * x


def _detached_square(x):
    return x * mg.tensor(x.data)


# Each kind of fault, planted. The name of the op, its argument and the element are part of the message.
FAULTS = {
    "wrong formula": (
        op(lambda x, y: x * y, lambda g, y: g * y, lambda g, x: 1.5 * g * x, name="twice", analytic=True),
        r"^wrong formula: twice, argument 1 \(y\), element \(2,\): got 3.15, want 2.1",
    ),
    "wrong formula, by differences": (
        op(lambda x, y: np.abs(x) * y, lambda g, x, y: g * y, lambda g, x: g * np.abs(x)),
        r"^wrong formula: under_test, argument 0 \(x\), element \(1,\): got -1.3, want 1.3",
    ),
    "wrong formula, of a linear op, from the twelfth digit on": (
        op(lambda x, y: 3 * x + y, lambda g: 3 * g * (1 + 3e-11), lambda g: g),
        r"^wrong formula: under_test, argument 0 \(x\), element \(.,\): got 3.00000000009, want 3.0 ",
    ),
    "wrong formula, of an analytic op, from the ninth digit on": (
        op(lambda x, y: x * x + y, lambda g, x: 2 * (1 + 1e-8) * g * x, lambda g: g, analytic=True),
        r"^wrong formula: under_test, argument 0 \(x\), element \(2,\): got 4.20000004., want 4.2 ",
    ),
    "wrong formula, not 0 for a gradient of 0": (
        op(lambda x, y: x + y, lambda g: g + 1e-3, lambda g: g),
        "^wrong formula: a zero gradient did not give zeros, for under_test, argument 0",
    ),
    "wrong formula at order 2": (
        op(lambda x, y: x**3 + y, lambda g, x: 3 * g * detached(x) ** 2, lambda g: g),
        r"^wrong formula at order 2: under_test, argument 0 \(x\), element \(2,\): got 0.0, want 12.6 .*saved array",
    ),
    "wrong formula, at one element, beside a kink at another": (
        op(lambda x, y: np.abs(x - 0.7) + y, lambda g, x: 2 * g * np.sign(x - 0.7), lambda g: g),
        r"^wrong formula: under_test, argument 0 \(x\), element \([12],\): got -?2.0, want -?1.0 ",
    ),
    "kink": (
        op(
            lambda x, y: np.abs(x - 0.7) * y, lambda g, x, y: g * np.sign(x - 0.7) * y, lambda g, x: g * np.abs(x - 0.7)
        ),
        r"^kink: under_test, argument 0 \(x\), element \(0,\): at 0.7 the slope is -2.1 on the left and 2.1 on the ",
    ),
    "kink, of an op of the package": (
        lambda x, y: mg.abs(x - 0.7) + y,
        r"^kink: abs, argument 0 \(x\), element \(0,\): at 0 the slope is -1 on the left and 1 on the right",
    ),
    "kink, of the derivative": (
        lambda x, y: mg.relu(x - 0.7) ** 2 + y,
        r"^kink: relu, argument 0 \(x\), element \(0,\): at 0 the slope is 0 on the left and 1 on the right",
    ),
    "kink, only of the derivative": (
        op(lambda x, y: np.maximum(x - 0.7, 0) ** 2 + y, lambda g, x: 2 * g * (x - 0.7) * (x > 0.7), lambda g: g),
        r"^kink: under_test, argument 0 \(x\), element \(0,\): the derivative of order 1 has none itself at 0.7",
    ),
    "jump": (
        lambda x, y: mg.sign(x - 0.7) + y,
        r"^jump: sign, argument 0 \(x\), element \(0,\): the values jump at 0",
    ),
    "precision, in a cast": (
        lambda x, y: mg.exp(x.astype("f4")).astype("f8") + y,
        "^precision: astype returned float32 for float64 inputs",
    ),
    "precision, inside an op": (
        op(lambda x, y: np.sin(x.astype("f4")).astype("f8") + y, lambda g, x: g * np.cos(detached(x)), lambda g: g),
        r"^precision: under_test, argument 0 \(x\), element \(.,\): values rounded too coarsely, as by float32 inside",
    ),
    "not deterministic, in its values": (
        lambda x, y: mg.exp(op(lambda x: x + GENERATOR.random(3), lambda g: g, name="noisy")(x)) + y,
        "^not deterministic: two runs gave different values, for output 0 of noisy",
    ),
    "not deterministic, in its gradient": (
        op(lambda x, y: x + y, lambda g: g * GENERATOR.random(), lambda g: g),
        r"^not deterministic: two runs gave different gradients, for under_test, argument 0 \(x\)",
    ),
    "not deterministic, the function itself": (
        lambda x, y: x * GENERATOR.random() + y,
        "^not deterministic: two runs gave different values, for output 0 of the function",
    ),
    "not recorded": (
        op(
            lambda x, y: x * x + y,
            lambda g, x: 2 * g * x if isinstance(x, np.ndarray) else 2 * g * x * (1 + 1e-11),
            lambda g: g,
        ),
        "^not recorded: the backward pass gave other numbers when it was recorded, for under_test, argument 0",
    ),
    "wrong shape": (
        op(lambda x, y: x * x + y, lambda g, x: (2 * g * x).sum(), lambda g: g),
        r"^wrong shape: .* shape \(\) .* in the gradient of under_test with respect to argument 0",
    ),
    "wrong dtype, of the values": (
        op(lambda x, y: np.sign(x * y).astype(int), lambda g: g, lambda g: g),
        "^wrong dtype: under_test returned int64",
    ),
    "wrong dtype, of a gradient": (
        op(lambda x, y: x * x + y, lambda g, x: (2 * g * x).astype("f4"), lambda g: g),
        "^wrong dtype: the formula of under_test for argument 0 gave float32",
    ),
    "wrong type": (lambda x, y: x.data + y.data, "^wrong type: the function must return a Tensor"),
    "input changed, by the function": (
        op(lambda x, y: np.add(x, y, out=x), lambda g: g, lambda g: g),
        r"^input changed: under_test, argument 0 \(x\), element \(0,\), was written by the function",
    ),
    "input changed, by a formula": (
        op(lambda x, y: x * x + y, _writes, lambda g: g),
        r"^input changed: under_test, argument 0 \(x\), element \(0,\), was written by a gradient formula, from 0.7 to",
    ),
    "missing gradient, of an op": (
        op(lambda x, y: x + y * y, lambda g: g, None),
        r"^missing gradient: under_test, argument 1 \(y\) got none, yet the values change with it",
    ),
    "missing gradient, of the function": (
        lambda x, y: x * mg.tensor(y.data),
        "^missing gradient: input 1 got none, yet the values change with it",
    ),
    "a part that leaves the graph": (
        lambda x, y: _detached_square(x) + y,
        r"^wrong formula: input 0, element \(2,\): got 2.1, want 4.2 .* holds by itself: .* leaves the graph",
    ),
    "not finite, in its value": (
        lambda x, y: mg.exp(mg.log(x)) + y,
        r"^not finite: the value of log, element \(1,\), is nan",
    ),
    "not finite, in its gradient": (
        lambda x, y: mg.sqrt(x - 0.7 + mg.relu(-2 * x)) ** 2 + y,
        r"^not finite: the gradient of sqrt, argument 0 \(x\), element \(0,\), is -?inf at 0",
    ),
    "an op that fails at the values it saw": (
        lambda x, y: op(lambda x: x * 1.0, lambda g: g * np.ones(7))(x) + y,
        "^wrong shape: |could not be broadcast|do not broadcast",
    ),
}


@pytest.mark.parametrize("kind", FAULTS)
def test_a_planted_fault_is_named(kind):
    f, message = FAULTS[kind]
    with pytest.raises((GradientError, ValueError), match=message):
        check_gradients(f, A.copy(), A[::-1].copy())


def test_a_check_leaves_a_profiler_as_it_was():
    wrong = op(lambda x: x * x, lambda g, x: 3 * g * x)
    for profiler in (cProfile.Profile(), None):
        if profiler is not None:
            profiler.enable()
        before = sys.getprofile()
        with pytest.raises(GradientError, match=r"^wrong formula: under_test, argument 0"):
            check_gradients(wrong, A)
        assert sys.getprofile() is before
        if profiler is not None:
            profiler.disable()


def test_an_op_of_the_package_keeps_its_place():
    with pytest.raises(ValueError, match="'exp' has formulas in minigrad already"):
        op(lambda x: x, lambda g: g, name="exp")
    with pytest.raises(ValueError, match="a function of your own"):
        op(np.tanh, lambda g: g, name="my_tanh")
    assert mg.exp(mg.tensor(0.0)).item() == 1


def test_importing_the_package_brings_numpy_and_nothing_else():
    code = (
        "import sys, numpy; before = set(sys.modules); import minigrad\n"
        "new = {name.split('.')[0] for name in set(sys.modules) - before}\n"
        "print(sorted(new - set(sys.stdlib_module_names) - {'numpy'}))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "['minigrad']"
