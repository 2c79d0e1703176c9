"""The testing kit finds what it is for: each kind of wrong formula fails, and says why."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from minigrad.errors import DTypeError, GradientError
from minigrad.arrays import detached
from minigrad.testing import check_gradients, check_primitive, strategies

A = np.array([0.7, -1.3, 2.1])


def op(forward, *formulas, **options):
    return mg.primitive(forward, *formulas, name=options.pop("name", "under_test"), **options)


def test_a_right_formula_passes_and_reports():
    report = check_gradients(lambda x, y: mg.tanh(x) * y, A, A[:1])
    assert report.ops == ("multiply", "tanh")
    assert report.methods == ("complex step", "differences of the first order")
    assert max(report.errors) < 1e-9
    assert "order 2" in str(report)
    assert check_gradients(mg.relu, A).methods[0] == "differences"
    assert len(check_gradients(mg.relu, A, order=1).errors) == 1


def test_complex_step_is_exact_to_rounding():
    assert check_gradients(lambda x: mg.exp(mg.sigmoid(x)), A, order=1).errors[0] < 1e-14


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (op(lambda x: x * x, lambda g, x: 3 * g * x), "wrong formula: input 0, element .2,.: the gradient is 6.3"),
        (op(lambda x: x * x, lambda g, x: 3 * g * x, analytic=True), "the values change by 4.2"),
        (op(lambda x: x**3, lambda g, x: 3 * g * detached(x) ** 2), "wrong second order"),
        (op(lambda x: x * x, lambda g, x: 2 * g * x + np.random.default_rng().random()), "not deterministic"),
        (op(lambda x: x * 1.0, lambda g: g + 1e-3), "a zero gradient"),
        (op(lambda x: np.abs(x - 0.7), lambda g, x: g * np.sign(x - 0.7)), "kink: "),
        (op(lambda x: x.astype("f4"), lambda g: g), "precision: the function returned float32"),
        (
            op(lambda x: x * x, lambda g, x: 2 * g * x if isinstance(x, np.ndarray) else 2 * g * x * (1 + 1e-15)),
            "other bits when it was recorded",
        ),
    ],
)
def test_check_gradients_says_what_is_wrong(wrong, message):
    with pytest.raises(GradientError, match=message):
        check_gradients(wrong, A)


def test_a_formula_that_writes_into_its_input_is_caught():
    def writes(g, x):
        if isinstance(x, np.ndarray):
            x += 1e-300 if not x[0] else 0.0
            x[0] = np.nextafter(x[0], 9)
        return 2 * g * x

    with pytest.raises(GradientError):
        check_gradients(op(lambda x: x * x, writes), A.copy())


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
    check_primitive(op(lambda x, y: x * y**2, lambda g, y: g * y**2, lambda g, x, y: 2 * g * x * y, analytic=True))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (op(lambda x: x * 1.0, lambda g: g * np.float64(1.0) * 2), "wrong formula"),
        (op(lambda x: x * np.float64(1), lambda g: g * 1.0), "promotes"),
        (op(lambda x: np.negative(x, out=x) if isinstance(x, np.ndarray) else -x, lambda g: -g), "wrote into|bits"),
        (op(lambda x, y: x - y, lambda g: g, lambda g: g), "wrong formula"),
    ],
)
def test_check_primitive_finds(wrong, message):
    with pytest.raises((GradientError, TypeError), match=message):
        check_primitive(wrong)


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
    assert "pip install 'minigrad[testing]'" in run.stderr


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
