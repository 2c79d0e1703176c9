"""What comes out of modules inside a model, its gradients, and other results in its place."""

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from minigrad.errors import HyperparameterError

X = np.random.default_rng(0).normal(size=(4, 2)).astype("float32")


def _model():
    encoder = nn.Sequential(nn.Linear(2, 3, generator=np.random.default_rng(1)), nn.Tanh())
    return nn.Sequential(encoder, nn.Linear(3, 1, generator=np.random.default_rng(2)))


def test_outputs_and_their_gradients_by_name():
    model = _model()
    expected = model[0](X)
    with nn.capture(model, "0", "0.*") as seen:
        loss = (model(X) ** 2).sum()
    loss.backward()
    assert list(seen.outputs) == ["0.0", "0.1", "0"]
    np.testing.assert_array_equal(seen.outputs["0"].data, expected.data)
    hidden = expected.detach()
    right = mg.grad(lambda h: (model[1](h) ** 2).sum())(hidden.data).data
    np.testing.assert_allclose(seen.gradients["0"], right, rtol=1e-6)
    np.testing.assert_array_equal(seen.gradients["0.1"], seen.gradients["0"])
    np.testing.assert_allclose(seen.gradients["0.0"], right * (1 - hidden.data**2), rtol=1e-5)


def test_the_model_computes_the_same_and_is_left_as_it_was():
    model = _model()
    plain = mg.autograd.grad(model(X).sum(), model.parameters())
    before = {name: set(vars(module)) for name, module in model.named_modules()}
    with nn.capture(model):
        inside = mg.autograd.grad(model(X).sum(), model.parameters())
    for one, other in zip(plain, inside, strict=True):
        np.testing.assert_array_equal(one.data, other.data)
    assert {name: set(vars(module)) for name, module in model.named_modules()} == before
    with pytest.raises(ZeroDivisionError), nn.capture(model):
        _ = 1 / 0
    assert {name: set(vars(module)) for name, module in model.named_modules()} == before


def test_a_result_is_replaced():
    model = _model()
    with nn.capture(model, "0", replace={"0": lambda h: h * 2}) as seen:
        doubled = model(X)
    np.testing.assert_allclose(doubled.data, model[1](model[0](X) * 2).data, rtol=1e-6)
    np.testing.assert_allclose(seen.outputs["0"].data, 2 * model[0](X).data, rtol=1e-6)


def test_a_module_that_is_called_twice_has_the_sum_of_its_gradients():
    layer = nn.Linear(2, 2)
    model = nn.Sequential(layer, layer)
    with nn.capture(model, "0") as seen:
        model(X).sum().backward()
    first = mg.grad(lambda h: layer(h).sum())(layer(X).data).data
    np.testing.assert_allclose(seen.gradients["0"], first + 1, rtol=1e-5)


def test_several_results_have_gradients_of_their_own():
    model = nn.Sequential(nn.LSTM(2, 3, batch_first=True))
    with nn.capture(model, "0") as seen:
        out, _ = model(np.ones((1, 5, 2), "float32"))
    out.sum().backward()
    np.testing.assert_array_equal(seen.gradients["0[0]"], np.ones((1, 5, 3)))
    assert set(seen.gradients) == {"0[0]"}


def test_gradients_of_gradients_go_through():
    model = _model()

    def penalty():
        x = mg.tensor(X, requires_grad=True)
        (g,) = mg.autograd.grad(model(x).sum(), [x], create_graph=True)
        return mg.autograd.grad((g**2).sum(), model.parameters(), allow_unused=True)

    plain = penalty()
    with nn.capture(model):
        inside = penalty()
    for one, other in zip(plain, inside, strict=True):
        assert (one is None) == (other is None)
        if one is not None:
            np.testing.assert_allclose(one.data, other.data, rtol=1e-6)


def test_replays_of_a_compiled_step_are_seen():
    model, rng = _model(), np.random.default_rng(3)
    step = mg.compile(lambda x: (model(x) ** 2).sum(), backend="numpy")
    with nn.capture(model, "0") as seen:
        for _ in range(6):
            x = rng.normal(size=(4, 2)).astype("float32")
            step(x)
            np.testing.assert_allclose(seen.outputs["0"].data, np.tanh(model[0][0](x).data), rtol=1e-6)
    assert step.stats()["replayed"]


def test_refusals():
    model = _model()
    with pytest.raises(HyperparameterError, match="no module of the name 'encoder'"):
        nn.capture(model, "encoder")
    with pytest.raises(HyperparameterError, match="no module of the name"):
        nn.capture(model, replace={"2": lambda h: h})
    with nn.capture(model, "0"), pytest.raises(HyperparameterError, match="replaced already"), nn.capture(model, "0"):
        pass
