"""Exported programs: files that need NumPy alone, and go on where training stopped, with the same bits."""

import math

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, optim
from minigrad.compiler.tracing.trace_comparison import same_bits
from tests.compiler.output.exported import exported, run_alone, run_thrice
from tests.compiler.test_compiled import OPTIMIZERS, Classifier, data, trainer


def test_a_trained_spiral_net_runs_where_there_is_numpy_alone(tmp_path):
    def spiral(samples, classes=3):
        t = np.linspace(0, 1, samples)
        angles = 4 * (t + np.arange(classes)[:, None])
        angles += np.random.default_rng(0).normal(0, 0.2, angles.shape)
        return np.stack([t * np.sin(angles), t * np.cos(angles)], -1).reshape(-1, 2).astype(np.float32)

    model, _, step = trainer(OPTIMIZERS["Adam"], (2, 64, 3))
    x, y = spiral(100), np.repeat(np.arange(3), 100)
    compiled = mg.compile(step)
    for _ in range(300):
        loss = compiled(x, y)
    assert float(loss) < 0.5
    model.eval()
    predict = mg.compile(lambda x: model(x))
    with mg.no_grad():
        for _ in range(3):
            expected = predict(x)
    predict.export(tmp_path / "spiral.py")
    np.save(tmp_path / "x.npy", x)
    assert "[[" in run_alone(tmp_path / "spiral.py", "x.npy", "--out", "made.npy")
    assert same_bits(np.load(tmp_path / "made.npy"), expected.data)
    text = (tmp_path / "spiral.py").read_text()
    assert "minigrad" not in text.replace("exported from minigrad", "")
    assert "layers_0_weight" in text


def _halving(t):
    return 0.1 * 0.5 ** (t // _EVERY)


_EVERY = 10
SCHEDULES = optim.schedules
MORE = {
    "AdamW": lambda p: optim.AdamW(p, lr=0.01),
    "NAdam": lambda p: optim.NAdam(p, lr=0.01),
    "Adadelta": lambda p: optim.Adadelta(p, lr=1.0),
    "Lion": lambda p: optim.Lion(p, lr=0.001),
    "Adamax": lambda p: optim.Adamax(p, lr=0.01),
    "RAdam": lambda p: optim.RAdam(p, lr=0.01),
    "a schedule": lambda p: optim.SGD(
        p, lr=SCHEDULES.linear_warmup(SCHEDULES.cosine(0.1, steps=100), steps=64), momentum=0.9
    ),
    "a schedule of one's own": lambda p: optim.Adam(p, lr=_halving),
    "finite gradients only": lambda p: optim.Adam(p, lr=0.01, skip_nonfinite=True),
}


@pytest.mark.parametrize("name", [*OPTIMIZERS, *MORE])
@pytest.mark.parametrize("sizes", [(2, 16, 3), (40, 300, 260, 3)], ids=["gathered", "in blocks"])
@pytest.mark.slow
def test_training_goes_on_in_the_file_with_the_same_bits(name, sizes, tmp_path):
    both = trainer({**OPTIMIZERS, **MORE}[name], sizes)
    x, y = data(20, sizes[0])
    step = mg.compile(both[2])
    for _ in range(60):
        step(x, y)
    made = exported(step, tmp_path / "step.py")
    state = made.load()
    for _ in range(8):  # past the 64th step, where tiny momenta become zero
        loss, gradients = made.train(x, y, state)
        assert same_bits(np.asarray(loss), both[2](x, y).data)
    for key, p in both[0].named_parameters():
        assert same_bits(state[key], p.data)
        assert same_bits(gradients[key], p.grad)
    kept = both[1].state_dict()
    made.save(tmp_path / "later.npz", state)
    with np.load(tmp_path / "later.npz") as later:
        assert int(later["optimizer.iterations"]) == kept["iterations"] == 68
        for parameter, arrays in kept["state"].items():
            for key, array in arrays.items():
                assert same_bits(later[f"optimizer.state.{parameter}.{key}"], array)
    again = made.load(tmp_path / "later.npz")
    assert same_bits(np.asarray(made.train(x, y, again)[0]), both[2](x, y).data)


def test_momenta_too_small_for_a_normal_float_become_zero(tmp_path):
    w = nn.Parameter(np.float32([1e-38, 1]))
    optimizer = optim.SGD([("w", w)], lr=1.0, momentum=0.5)

    def step(x):
        optimizer.zero_grad()
        (w * x).sum().backward()
        optimizer.step()

    compiled = mg.compile(step)
    for _ in range(3):
        compiled(np.float32([1e-38, 1]))
    made = exported(compiled, tmp_path / "step.py")
    state = made.load()
    assert 0 < abs(state["momentum"][0]) < 1e-37
    for _ in range(61):
        made.train(np.float32([0, 1]), state)
        compiled(np.float32([0, 1]))
    assert state["momentum"][0] == 0
    assert same_bits(state["w"], w.data)


def test_gradients_without_an_optimizer(tmp_path):
    w = nn.Parameter(np.float32([1, -2]))

    def f(x):
        w.zero_grad()
        loss = (w * x).sum()
        loss.backward()
        return loss

    x = np.float32([3, 4])
    made = exported(run_thrice(f, x), tmp_path / "f.py")
    loss, gradients = made.step(x, made.load())
    assert float(loss) == -5
    assert same_bits(gradients["w"], x)


def test_gradients_that_are_added_to_and_weights_written_in_the_step(tmp_path):
    w = nn.Parameter(np.float32([1, -2]))

    def f(x):
        (w * x).sum().backward()
        w.data -= 0.5 * w.grad
        return w.data[:1] * 2

    x = np.float32([3, 4])
    compiled = mg.compile(f)
    for _ in range(4):
        compiled(x)
    made = exported(compiled, tmp_path / "f.py")
    state = made.load()
    result, gradients = made.step(x, state)
    assert same_bits(result, compiled(x))
    assert same_bits(gradients["w"], w.grad)
    assert same_bits(state["w"], w.data)


def test_parameters_that_get_no_gradient(tmp_path):
    model = Classifier((2, 3, 3))
    frozen = [p.requires_grad_(False) for p in model.layers[0].parameters()]
    optimizer = optim.Adam([{"params": frozen}, {"params": model.layers[1].parameters()}])
    assert len(frozen) == 2

    def step(x, y):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    x, y = data()
    compiled = mg.compile(step)
    for _ in range(4):
        compiled(x, y)
    made = exported(compiled, tmp_path / "f.py")
    assert same_bits(np.asarray(made.train(x, y, made.load())[0]), compiled(x, y).data)


class Warm(optim.SGD):
    """A rate that rises."""

    factors = (0.25, 0.5, 0.75)

    def __init__(self, params, lr, over):
        super().__init__(params, lr=lr, momentum=0.5)
        self.over = over

    @property
    def share(self):
        return min(1.0, (self.iterations + 1) / self.over) * self.factors[0]

    def rates(self, group):
        return super().rates(group) * self.share * math.cos(self.iterations)


def test_rates_of_ones_own_and_two_optimizers(tmp_path):
    def make():
        model = Classifier()
        first = Warm(model.layers[0].parameters(), 0.5, 20)
        second = optim.Adam(model.layers[1].parameters(), lr=0.01)
        loss_fn = nn.CrossEntropyLoss()

        def step(x, y):
            loss = loss_fn(model(x), y)
            model.zero_grad()
            loss.backward()
            first.step()
            second.step()
            return loss

        return model, step

    (model, step), (x, y) = make(), data()
    compiled = mg.compile(step)
    for _ in range(5):
        compiled(x, y)
    made = exported(compiled, tmp_path / "step.py")
    state = made.load()
    for _ in range(5):
        loss, _ = made.train(x, y, state)
        assert same_bits(np.asarray(loss), step(x, y).data)
    assert all(same_bits(state[name], p.data) for name, p in model.named_parameters())
    assert int(state["optimizer_2.iterations"][0]) == 10


def test_clipping_and_averages_go_on_in_the_file(tmp_path):
    model = Classifier()
    optimizer, ema = optim.Adam(model.parameters(), lr=0.1), optim.EMA(model, decay=0.9)

    def step(x, y):
        loss = nn.functional.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        norm = optim.clip_grad_norm_(model.parameters(), 0.1)
        optimizer.step()
        ema.update()
        return loss, norm

    x, y = data()
    compiled = mg.compile(step)
    for _ in range(5):
        compiled(x, y)
    made = exported(compiled, tmp_path / "step.py")
    state = made.load()
    for _ in range(4):
        results, _ = made.train(x, y, state)
        for one, other in zip(results, step(x, y), strict=True):
            assert same_bits(np.asarray(one), other.data)
    (averages,) = [array for name, array in state.items() if "averages" in name]
    assert same_bits(averages, next(iter(ema._averages.values())))
