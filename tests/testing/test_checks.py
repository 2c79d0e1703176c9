"""The testing kit finds what it is for: each kind of wrong formula fails, and says why."""

import cProfile
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from minigrad.core.conversion import detached
from minigrad.errors import DTypeError, GradientError
from minigrad.testing import check_gradients, check_primitive, strategies

A = np.array([0.7, -1.3, 2.1])


def op(forward, *formulas, **options):
    return mg.primitive(forward, *formulas, name=options.pop("name", "under_test"), **options)


def test_a_right_formula_passes_and_reports():
    report = check_gradients(lambda x, y: mg.tanh(x) * y, A, A[:1])
    assert report.ops == ("multiply", "tanh")
    assert report.methods == ("complex step", "complex step of order 1")
    assert max(report.errors) < 1e-14
    assert "order 2" in str(report)
    assert check_gradients(mg.relu, A).methods[0] == "differences"
    assert check_gradients(mg.add, A, A).methods == ("whole steps", "whole steps")
    assert len(check_gradients(mg.relu, A, order=1).errors) == 1


def test_a_derivative_that_cancels_to_zero_is_off_by_rounding_only():
    report = check_gradients(lambda x: mg.log_softmax(x) / x, A[:1])
    assert max(report.errors) < 1e-12


@pytest.mark.parametrize(
    ("f", "inputs"),
    [
        (lambda x: mg.exp(mg.sigmoid(x)), [A]),
        (lambda x, y: (x * mg.sin(y) if hasattr(mg, "sin") else x * mg.tanh(y)).sum(), [A, A[::-1]]),
        (lambda x: mg.relu(x) ** 5, [A]),
        (lambda x: mg.logsumexp(x @ x.T), [np.outer(A, A) / 3]),
        (lambda x: mg.softmax_cross_entropy(x, np.array([1, 0, 2])), [np.outer(A, A)]),
        (lambda x: mg.std(x) * mg.abs(x), [A]),
    ],
)
def test_orders_up_to_five(f, inputs):
    report = check_gradients(f, *inputs, order=5)
    assert len(report.errors) == len(report.methods) == 5
    assert max(report.errors) < 1e-8


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
            lambda g, x: 2 * g * x if isinstance(x, np.ndarray) else 2 * g * x * (1 + 1e-15),
            lambda g: g,
        ),
        "^not recorded: the backward pass gave other bits when it was recorded, for under_test, argument 0",
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


def test_the_first_wrong_op_of_a_composition_is_named():
    product = op(lambda x, y: x * y, lambda g, y: g * y, lambda g, x: 1.2 * g * x, name="product", analytic=True)
    m = np.arange(1.0, 7).reshape(2, 3)
    message = r"^wrong formula: product, argument 1 \(y\), element \(0, 2\): got 3.6, want 3.0 \(at 2\)"
    with pytest.raises(GradientError, match=message):
        check_gradients(
            lambda x, y: mg.tanh(mg.log(product(mg.exp(x), y / 3)) / 9).sum(),
            np.log([[1, 2, 3.0]]),
            2 * m[:1] / m[:1] * 3,
        )


def test_an_op_of_any_number_of_arrays_is_named():
    def total(*arrays, scale=1.0):
        return scale * sum(arrays)

    wrong = op(total, lambda g, i, scale: g * scale if i else 2 * g * scale, name="total")
    with pytest.raises(
        GradientError, match=r"^wrong formula: total, argument 0 \(arrays\[0\]\), element \(.,\): got 4.0"
    ):
        check_gradients(lambda x, y: mg.exp(wrong(x, y, scale=2.0)), A, A)


def test_inputs_of_other_kinds():
    check_gradients(lambda x: x * 2.0, 3)
    check_gradients(lambda x, y: (x * y, x + y), mg.tensor([1.0, 2.0]), [3.0, 4.0])
    check_gradients(lambda x, y: x * 1.0, [1.0], [2.0])  # an input that is not used
    check_gradients(lambda x: mg.log(x), [1e-6, 1e6])  # a step must not leave the domain, nor vanish
    with pytest.raises(DTypeError, match="complex"):
        check_gradients(mg.exp, np.array([1j]))
    with pytest.raises(GradientError, match="must return a Tensor"):
        check_gradients(lambda x: x.data, A)


def test_own_op_in_one_line():
    certificate = check_primitive(
        op(lambda x, y: x * y**2, lambda g, y: g * y**2, lambda g, x, y: 2 * g * x * y, analytic=True)
    )
    assert certificate.methods == ("complex step", "complex step")
    assert max(certificate.errors) < 1e-12
    assert {"broadcasting", "0-d", "empty", "views", "adjoint identity"} <= set(certificate.properties)
    assert "under_test: " in str(certificate)
    assert f"{certificate.examples} examples passed: order 1 by complex step" in str(certificate)


def test_certificates_say_how():
    assert check_primitive(mg.add).methods == ("whole steps", "whole steps")
    assert check_primitive(mg.abs).methods == ("differences", "differences")
    assert check_primitive(mg.sign).methods == ("constant", "constant")
    assert check_primitive(mg.tanh, examples=5, derandomize=True) == check_primitive(
        mg.tanh, examples=5, derandomize=True
    )


def test_an_op_of_other_shapes_says_how_to_draw_its_inputs():
    product = op(
        lambda a, b: np.matmul(a, b), lambda g, b: g @ b.T, lambda g, a: a.T @ g, name="product", analytic=True
    )
    with pytest.raises(mg.errors.ShapeError) as caught:
        check_primitive(product)
    assert any("inputs=strategies" in note for note in caught.value.__notes__)
    pairs = st.tuples(strategies.arrays((2, 3)), strategies.arrays((3, 4)))
    assert check_primitive(product, inputs=pairs.map(lambda xs: (list(xs), {}))).examples > 0
    with pytest.raises(DTypeError, match="its axis has no default: draw its inputs"):
        check_primitive(op(lambda x, axis: np.flip(x, axis), lambda g, axis: np.flip(g, axis)))


def test_functions_of_the_package_need_no_samples_of_its_own_tests():
    assert check_primitive(mg.sum, examples=5).methods == ("whole steps", "whole steps")
    with pytest.raises(
        DTypeError, match=r"its shape has no default: draw its inputs, as in check_primitive\(reshape, "
    ):
        check_primitive(mg.reshape)
    code = (
        "import minigrad as mg, sys; from minigrad.testing import check_primitive; check_primitive(mg.tanh, examples=2)"
    )
    check = f"{code}; print(sorted(m for m in sys.modules if m.split('.')[0] == 'tests'))"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (op(lambda x: x * 1.0, lambda g: g * np.float64(1.0) * 2), "wrong formula"),
        (op(lambda x: x * np.float64(1), lambda g: g * 1.0), "promotes"),
        (
            op(lambda x: np.negative(x, out=x) if isinstance(x, np.ndarray) else -x, lambda g: -g),
            "wrote into|was written by|bits",
        ),
        (op(lambda x, y: x - y, lambda g: g, lambda g: g), "wrong formula"),
        (
            op(lambda x: x * (1.0 if np.asarray(x).flags.c_contiguous else 2.0), lambda g, z, x: g * z / x),
            "of a view gave other values",
        ),
        (op(lambda x: x * (2.0 + 0.1 * (x.dtype == "f4")), lambda g, z, x: g * z / x), "float32 is far from that"),
    ],
)
def test_check_primitive_finds(wrong, message):
    with pytest.raises((GradientError, TypeError), match=message):
        check_primitive(wrong)


def test_a_certificate_covers_one_and_two_orders_inside_the_domain_only():
    hinge = op(lambda x: np.abs(x), lambda g, x: g * np.sign(x))
    assert check_primitive(hinge, examples=10).methods[0] == "differences"  # values keep away from 0
    at_zero = st.just(([np.zeros(2)], {}))
    with pytest.raises(GradientError, match=r"^kink: under_test, argument 0"):
        check_primitive(hinge, inputs=at_zero)


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


def test_an_op_that_cannot_be_looked_at_alone_is_named():
    from minigrad.testing.diagnosis import Call, _problem

    def refuses(x):
        raise ArithmeticError(f"not today, {x.dtype}")

    call = Call(op(refuses, lambda g: g, name="refusing").op, [mg.tensor(A, requires_grad=True)], {})
    assert str(_problem(call, 1, 0)) == "error: refusing fails alone, ArithmeticError: not today, float64"


def test_check_primitive_wants_a_primitive():
    with pytest.raises(DTypeError, match=r"minigrad\.primitive"):
        check_primitive(np.exp)


@given(st.data())
def test_strategies_draw_distinct_values_in_every_layout(data):
    made = data.draw(strategies.broadcastable_arrays(2, domain=(0, np.inf)))
    values = np.concatenate([x.ravel() for x in made])
    assert len(np.unique(values)) == values.size
    assert (values > 0.05).all()
    np.broadcast(*made)
    x = data.draw(strategies.tensors())
    assert x.requires_grad
    index = data.draw(strategies.indices(x.shape))
    x.data[index]
    axis = data.draw(strategies.axes(x.ndim))
    np.sum(x.data, axis)


@pytest.mark.parametrize("what", ["empty", "0-d", "not contiguous", "fortran"])
def test_strategies_reach(what):
    from hypothesis import find

    tests = {
        "empty": lambda x: x.size == 0,
        "0-d": lambda x: x.ndim == 0,
        "not contiguous": lambda x: x.size > 1 and not x.flags.c_contiguous and not x.flags.f_contiguous,
        "fortran": lambda x: x.ndim > 1 and min(x.shape) > 1 and x.flags.f_contiguous,
    }
    assert find(strategies.arrays(), tests[what]) is not None


def test_an_unknown_name_and_a_missing_hypothesis_explain_themselves():
    with pytest.raises(AttributeError, match="check_gradients"):
        mg.testing.check_gradient  # noqa: B018
    code = (
        "import sys; sys.modules['hypothesis'] = None\n"
        "from minigrad.testing import check_gradients\n"
        "from minigrad.testing import strategies"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "pip install hypothesis" in run.stderr


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
