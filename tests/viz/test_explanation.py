"""``explain(loss, w)``: the ways add up to the gradient, and each is the product that the chain rule says."""

import math

import numpy as np
import pytest
from hypothesis import given, settings

import minigrad as mg
from minigrad import nn
from minigrad.errors import AnomalyError, BatchError, CompileError, DTypeError, FileError, GraphError
from minigrad.testing.strategies import programs
from minigrad.viz import ways
from minigrad.viz.explanation import LISTED


def added_up(explanation):
    total = 0.0 * explanation.gradient
    for part in explanation.parts:
        total = total + part
    return total


@settings(max_examples=50, deadline=None)
@given(programs(max_ops=8))
@pytest.mark.parametrize(("dtype", "bound"), [("float64", 1e-10), ("float32", 1e-3)])
def test_the_parts_add_up_to_the_gradient_of_any_program(dtype, bound, program):
    xs = [mg.tensor(x.astype(dtype), requires_grad=True) for x in program.inputs]
    out = program(*xs)
    loss = (out * out).sum()
    for x in xs:
        [g] = mg.autograd.grad(loss, [x], retain_graph=True)
        first = (0,) * x.ndim
        for w, gradient in ((x, g.data), (x[first], g.data[first])):
            explanation = mg.explain(loss, w)
            np.testing.assert_array_equal(explanation.gradient, gradient)
            np.testing.assert_array_equal(added_up(explanation), gradient)
            most = max([np.abs(way.part).max() for way in explanation.ways], default=1.0)
            assert np.abs(explanation.rounding).max() <= bound * max(most, 1e-6)  # so the ways are all there


def small_net():
    mg.manual_seed(0)
    draw = np.random.default_rng(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
    x = draw.standard_normal((5, 3)).astype("float32")
    return model, x, nn.CrossEntropyLoss()(model(mg.tensor(x)), draw.integers(0, 2, 5))


def test_ways_of_a_weight_are_products_from_element_to_element():
    model, x, loss = small_net()
    first, last = model[0], model[2]
    hidden = np.tanh(x @ first.weight.data.T + first.bias.data)
    shares = nn.functional.softmax(model(mg.tensor(x)).data, 1)
    explanation = loss.explain(first.weight[3, 1])
    assert len(explanation.ways) == LISTED == 10 == len(x) * 2
    assert explanation.others == ""
    for way in explanation.ways:
        sample, label = map(int, way.steps[0].below.partition("[")[2].rstrip("]").split(","))
        target = float(way.steps[0].derivative < 0)
        expected = (
            (shares[sample, label] - target)
            / 5
            * last.weight.data[label, 3]
            * (1 - hidden[sample, 3] ** 2)
            * x[sample, 1]
        )
        assert way.part == pytest.approx(expected, rel=1e-4)
        assert math.prod(step.derivative for step in way.steps) == pytest.approx(way.part, rel=1e-5)
    assert [abs(way.part) for way in explanation.ways] == sorted((abs(w.part) for w in explanation.ways), reverse=True)


def test_given_the_model_parameters_have_their_names():
    model, _, loss = small_net()
    text = str(loss.explain(model[0].weight[3, 1], model))
    assert text.startswith("dL/d 0.weight[3, 1] = ")
    assert " <- 0.weight[3, 1]" in text
    assert str(mg.explain(loss, model[2].bias, model)).startswith("dL/d 2.bias = an array")
    assert str(loss.explain(model[0].weight[3, 1])).startswith("dL/dw[3, 1] = ")
    one = nn.Linear(1, 1)
    assert str(one([[2.0]]).sum().explain(one.weight, one)).startswith("dL/dweight[0, 0] = 2.0")


def test_too_many_ways_leave_a_rest_and_the_sum_is_exact(monkeypatch):
    monkeypatch.setattr(ways, "PLACES", 300)
    w = mg.tensor(0.7, dtype="float64", requires_grad=True)
    value = w
    for _ in range(30):
        value = mg.sin(value) + 0.7 * value  # two to the thirty ways
    explanation = value.explain(w)
    assert len(explanation.ways) == LISTED
    assert "and others" in explanation.others
    assert added_up(explanation) == explanation.gradient == mg.autograd.grad(value, w)[0].item()


def test_ways_that_cancel_are_both_told():
    w = mg.tensor([2.0], requires_grad=True)
    explanation = (w.exp() - w.exp()).explain(w[0])
    assert [way.part for way in explanation.ways] == pytest.approx([math.exp(2), -math.exp(2)])
    assert explanation.gradient == 0


@pytest.mark.parametrize(
    ("read", "chosen"),
    [
        (lambda w: w[1, 2], "w[1, 2]"),
        (lambda w: w[1][2], "w[1, 2]"),
        (lambda w: w.T[2, 1], "w[1, 2]"),
        (lambda w: w.reshape(-1)[5:], "w[1, 2]"),
        (lambda w: w[[1, 1], [2, 2]], "w[1, 2]"),
        (lambda w: w[1], "w[3 of 6 elements]"),
        (lambda w: w[:, 1:], "w[4 of 6 elements]"),
        (lambda w: w, "w"),
    ],
)
def test_what_is_read_from_a_tensor_is_explained_as_part_of_it(read, chosen):
    w = mg.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], requires_grad=True)
    explanation = (w * w).sum().explain(read(w))
    assert explanation.target == chosen
    places = np.zeros((2, 3), bool)
    places.reshape(-1)[np.asarray(read(np.arange(6).reshape(2, 3)))] = True
    wanted = 12.0 if chosen == "w[1, 2]" else np.where(places, 2 * w.data, 0)
    np.testing.assert_array_equal(explanation.gradient, wanted)


def test_a_value_on_the_way_is_explained_too():
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    h = x * x
    loss = h.sum() + h[0]
    assert [way.part for way in loss.explain(h[0]).ways] == [1.0, 1.0]
    assert loss.explain(loss).gradient == 1.0


def test_a_branch_that_was_not_taken_sends_nothing():
    x = mg.tensor([0.0, 2.0], requires_grad=True)
    with np.errstate(all="ignore"):
        loss = mg.where(x.data > 0, mg.log(x), 0.0).sum()
        assert loss.explain(x[0]).ways == []
        assert loss.explain(x[0]).gradient == 0
        assert loss.explain(x[1]).gradient == 0.5
        np.testing.assert_array_equal(loss.explain(x).gradient, [0, 0.5])


def test_where_all_ways_end():
    w = mg.tensor([-1.0, 2.0], requires_grad=True)
    text = str(w.relu().sum().explain(w[0]))
    assert text == "dL/dw[0] = 0.0: no way leads there, since a derivative on each way is 0: that of relu"


def test_only_the_op_with_the_derivative_0_is_named_and_not_those_above_it():
    x, w, v = np.ones((2, 1)), mg.tensor([[-1.0], [2.0]], requires_grad=True), mg.tensor([[1.0, 2.0]])
    loss = mg.tanh(mg.relu(x @ w.T) @ v.T).sum()
    for target in (w[0, 0], w[0]):
        assert str(loss.explain(target)).endswith("that of relu")


def test_the_lines_of_the_user_where_they_are_known():
    w = mg.tensor([1.0, 2.0], requires_grad=True)
    with mg.detect_anomaly():
        loss = (w * w).sum()
    explanation = loss.explain(w[1])
    assert "test_explanation.py:" in explanation.ways[0].steps[1].line
    assert "loss = (w * w).sum()" in str(explanation)


def test_a_notebook_shows_tables():
    w = mg.tensor([1.0, 2.0], requires_grad=True)
    page = (w * w).sum().explain(w[1])._repr_html_()
    assert page.count("<details>") == 1
    assert "&lt;-" in page
    assert "no way leads" in (-w).relu().sum().explain(w[1])._repr_html_()


def test_it_is_a_page_too(tmp_path):
    model, _, loss = small_net()
    explanation = loss.explain(model[0].weight[3, 1], model)
    explanation.save(tmp_path / "why.html")
    page = (tmp_path / "why.html").read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")
    assert explanation._repr_html_() in page
    assert "http:" not in page.replace("http-equiv", "")
    assert "https:" not in page
    with pytest.raises(FileError, match=r"where a gradient comes from is saved as \.html, got '.*why\.txt'"):
        explanation.save(tmp_path / "why.txt")


def test_the_graph_stays():
    w = mg.tensor([1.0, 2.0], requires_grad=True)
    loss = (w * w).sum()
    loss.explain(w[1])
    with mg.no_grad():
        loss.explain(w)
    assert w.grad is None
    loss.backward()
    np.testing.assert_array_equal(w.grad, [2, 4])


def leaf():
    return mg.tensor([1.0, 2.0], requires_grad=True)


def freed():
    w = leaf()
    loss = (w * w).sum()
    loss.backward()
    return mg.explain(loss, w)


def infinite():
    w = mg.tensor([0.0, 1.0], requires_grad=True)
    with np.errstate(all="ignore"):
        return mg.explain(mg.sqrt(w).sum(), w)


def explained(x):
    w = leaf()
    return mg.explain((w * x).sum(), w).gradient


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (lambda: mg.explain(np.ones(2), leaf()), DTypeError, "expected a Tensor as loss, got ndarray"),
        (lambda: mg.explain(leaf().sum(), 3.0), DTypeError, "expected a Tensor as w, got float"),
        (lambda: mg.explain(mg.tensor(1.0), leaf()), GraphError, "the loss has no graph"),
        (lambda: mg.explain(leaf() * 2, leaf()), GraphError, r"one number, this one has shape \(2,\)"),
        (lambda: mg.explain(leaf().sum(), mg.tensor([1.0])), GraphError, "w requires no gradient"),
        (lambda: mg.explain(leaf().sum(), leaf()), GraphError, "the loss does not depend on w"),
        (lambda: mg.explain(leaf().sum(), leaf()[0]), GraphError, "the loss does not depend on w"),
        (lambda: mg.explain(leaf().sum(), leaf() * 2), GraphError, "the loss does not depend on w"),
        (freed, GraphError, "has freed the graph"),
        (infinite, AnomalyError, "not finite"),
        (lambda: mg.explain(mg.fft.fft(leaf())[0], leaf()), DTypeError, "loss is complex"),
        (lambda: mg.vmap(lambda x: mg.explain((x * x).sum(), x))(mg.ones((3, 2))), BatchError, "inside of vmap"),
        (lambda: mg.compile(explained)(leaf().detach()), CompileError, "mg.compile records"),
    ],
)
def test_what_cannot_be_explained_is_refused_by_name(call, error, match):
    with pytest.raises(error, match=match):
        call()
