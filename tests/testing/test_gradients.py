"""check_gradients: its report, its inputs, its orders."""

import numpy as np
import pytest

import minigrad as mg
from minigrad.errors import DTypeError, GradientError
from minigrad.testing import check_gradients, check_primitive
from tests.testing.test_checks import A, op


def test_a_right_formula_passes_and_reports():
    report = check_gradients(lambda x, y: mg.tanh(x) * y, A, A[:1])
    assert report.ops == ("multiply", "tanh")
    assert report.methods == ("complex step", "complex step of order 1")
    assert max(report.errors) < 1e-14
    assert "order 2" in str(report)
    assert check_gradients(mg.relu, A).methods[0] == "differences"
    assert check_gradients(mg.add, A, A).methods == ("whole steps", "whole steps")
    assert len(check_gradients(mg.relu, A, order=1).errors) == 1


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


def test_inputs_of_other_kinds():
    check_gradients(lambda x: x * 2.0, 3)
    check_gradients(lambda x, y: (x * y, x + y), mg.tensor([1.0, 2.0]), [3.0, 4.0])
    check_gradients(lambda x, y: x * 1.0, [1.0], [2.0])  # an input that is not used
    check_gradients(lambda x: mg.log(x), [1e-6, 1e6])  # a step must not leave the domain, nor vanish
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


def test_a_function_that_reads_a_tensor_from_outside_instead_of_its_argument_is_refused():
    w, x = mg.tensor([1.0, 2.0], requires_grad=True), mg.tensor([3.0, 4.0])
    for f, inputs in [(lambda c: w * x, [w]), (lambda c, x: w * x, [w, x]), (lambda c: (w * x).sum(), [w * 1.0])]:
        with pytest.raises(GradientError, match=r"missing gradient: (.* passed as input 0|no input reaches)"):
            check_gradients(f, *inputs)
    product = w * x
    with pytest.raises(GradientError, match="passed as input 0, not its argument"):
        check_gradients(lambda c: product * 1.0, product)
    with pytest.raises(GradientError, match=r"no input reaches .* of shape \(2,\)"):
        check_gradients(lambda a: mg.where(a > 0, w, 0.0), A[:2])
    # What is constant on purpose, an input that is not used, and a tensor from outside beside the argument.
    assert check_gradients(lambda c: mg.tensor([1.0], dtype="float64"), w).methods[0] == "constant"
    assert check_gradients(lambda c: np.floor(c) * w.data, [0.5, 1.5]).methods[0] == "constant"
    assert check_gradients(lambda c: np.floor(c) * w, [0.5, 1.5]).methods[0] == "constant"
    assert check_gradients(lambda c, d: c * w.detach(), w, w * 2.0)
    assert check_gradients(lambda c: c * w, w)


# -- complex inputs -------------------------------------------------------------------------------

Z = np.array([1 + 2j, 0.5 - 1j])


@pytest.mark.parametrize(("given", "said"), [((np.sin,), "no inputs: write"), ((3, [1.0]), "check_gradients")])
def test_what_is_no_function_or_has_no_inputs_is_refused(given, said):
    with pytest.raises(DTypeError, match=said):
        check_gradients(*given)


def test_complex_inputs():
    report = check_gradients(lambda z, x: np.abs(np.exp(z) * x) * z, Z.astype("complex64"), 2.0, order=3)
    assert len(report.errors) == 3
    check_gradients(np.exp, 1j)
    with pytest.raises(DTypeError, match="the real and the imaginary part"):
        check_gradients((np.exp, lambda g, z: g * np.exp(z)), Z)
    with pytest.raises(DTypeError, match="input 0 holds numbers"):
        check_gradients(np.exp, np.array([True]))


def test_a_module_among_the_inputs_is_refused_with_the_line_that_checks_its_parameters():
    model, x = mg.nn.Linear(3, 2, bias=False), np.ones((2, 3), float)
    with pytest.raises(DTypeError, match="got the module Linear: pass its parameters") as caught:
        check_gradients(lambda model: model(x), model)
    line = str(caught.value).split("its parameters, ")[1]
    assert eval(line, {"check_gradients": check_gradients, "mg": mg, "model": model, "x": x}).errors


def test_a_fault_in_a_complex_formula_is_found_at_its_op():
    conjugated = op(lambda x: np.exp(x), lambda g, z: g * np.conj(z), holomorphic=True)
    with pytest.raises(GradientError, match=r"wrong formula.*part of .*, argument 0") as caught:
        check_gradients(lambda z: np.abs(conjugated(z)).sum(), np.array([0.5 + 1j]))
    assert "leaves the graph" not in str(caught.value)
    with pytest.raises(GradientError, match=r"missing gradient: the (real|imaginary) part of input 0"):
        check_gradients(lambda z, x: x * np.abs(z.data), Z[:1], 2.0)
