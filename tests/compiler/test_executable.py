"""What a program that can run gives: results in their structures, in memory of their own."""

import numpy as np

import minigrad as mg
from minigrad import nn
from minigrad.compiler.tracing.trace_comparison import same_bits
from tests.compiler.test_compiled import Classifier, data, trainer


def test_inference_drops_what_only_a_gradient_needs():
    model = Classifier()
    x, y = data()
    forward = mg.compile(lambda x, y: nn.functional.cross_entropy(model(x), y))
    with mg.no_grad():
        for i in range(4):
            x, y = data(seed=i)
            made = forward(mg.tensor(x), y)
            assert same_bits(made.data, nn.functional.cross_entropy(model(mg.tensor(x)), y).data)
            assert not made.requires_grad
    stats = forward.stats()
    assert stats["calls"] < stats["calls recorded"]
    assert stats["bytes"] > 0
    assert "expm1" not in forward.source()


def test_results_and_gradients_belong_to_the_user():
    model, _, step = trainer()
    compiled = mg.compile(step)
    x, y = data()
    losses, gradients = [], []
    for _ in range(6):
        losses.append(compiled(mg.tensor(x), y))
        gradients.append((model.parameters()[0].grad, model.parameters()[0].grad.copy()))
    assert len({float(loss) for loss in losses}) == 6
    assert all(same_bits(kept, copy) for kept, copy in gradients)


def test_structures_and_static_arguments():
    @mg.compile
    def f(batch, scale, *, power=2):
        return {"twice": batch["x"] * scale, "both": [batch["x"] ** power, batch["pair"][0].data], "n": scale}

    for scale, power in [(2, 2), (2, 2), (2, 2), (0.5, 3), (0.5, 3), (0.5, 3)]:
        x, p = np.float32([1, 2]), np.float32([3])
        made = f({"x": mg.tensor(x), "pair": (mg.tensor(p),)}, scale, power=power)
        assert same_bits(made["twice"].data, x * scale)
        assert same_bits(made["both"][0].data, x**power)
        assert same_bits(made["both"][1], p)
        assert made["n"] == scale
    assert f.stats()["programs"] == 2
