"""Optimizers, schedules and clipping against PyTorch's, in float64, over many steps."""

import itertools
import math

import numpy as np
import pytest

import minigrad as mg
from minigrad import optim
from minigrad.optim import schedules

torch = pytest.importorskip("torch", reason="compares with PyTorch")

SHAPES = [(3, 2), (4,), (), (2, 1, 3)]
STEPS = 80


def pair(seed=0):
    """The same parameters twice."""
    rng = np.random.default_rng(seed)
    arrays = [rng.normal(size=shape) for shape in SHAPES]
    ours = [mg.tensor(a, requires_grad=True) for a in arrays]
    return ours, [torch.tensor(a.copy(), requires_grad=True) for a in arrays]


def assert_close(ours, theirs, rtol=1e-11):
    for p, q in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(p.data, q.detach().numpy(), rtol=rtol, atol=rtol)


# name -> (ours, theirs): each makes an optimizer of parameters
EPS = {"eps": 1e-8}
OPTIMIZERS = {
    "SGD": (lambda p: optim.SGD(p, lr=0.1), lambda p: torch.optim.SGD(p, lr=0.1)),
    "SGD, weight decay": (
        lambda p: optim.SGD(p, lr=0.1, weight_decay=0.02),
        lambda p: torch.optim.SGD(p, lr=0.1, weight_decay=0.02),
    ),
    "SGD, momentum": (
        lambda p: optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.02),
        lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.02),
    ),
    "SGD, Nesterov": (
        lambda p: optim.SGD(p, lr=0.1, momentum=0.8, nesterov=True, weight_decay=0.02),
        lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.8, nesterov=True, weight_decay=0.02),
    ),
    "AdaGrad": (
        lambda p: optim.AdaGrad(p, lr=0.1, eps=1e-10),
        lambda p: torch.optim.Adagrad(p, lr=0.1, eps=1e-10),
    ),
    "AdaGrad, decay": (
        lambda p: optim.AdaGrad(p, lr=0.1, decay=0.03, eps=1e-10),
        lambda p: torch.optim.Adagrad(p, lr=0.1, lr_decay=0.03, eps=1e-10),
    ),
    "RMSProp": (
        lambda p: optim.RMSProp(p, lr=0.01, rho=0.95, **EPS),
        lambda p: torch.optim.RMSprop(p, lr=0.01, alpha=0.95, **EPS),
    ),
    "Adam": (lambda p: optim.Adam(p, lr=0.01, **EPS), lambda p: torch.optim.Adam(p, lr=0.01, **EPS)),
    "Adam, betas": (
        lambda p: optim.Adam(p, lr=0.01, betas=(0.7, 0.9), eps=1e-3),
        lambda p: torch.optim.Adam(p, lr=0.01, betas=(0.7, 0.9), eps=1e-3),
    ),
    "AdamW": (lambda p: optim.AdamW(p, lr=0.01, **EPS), lambda p: torch.optim.AdamW(p, lr=0.01, **EPS)),
    "AdamW, weight decay": (
        lambda p: optim.AdamW(p, lr=0.05, betas=(0.8, 0.95), weight_decay=0.3, **EPS),
        lambda p: torch.optim.AdamW(p, lr=0.05, betas=(0.8, 0.95), weight_decay=0.3, **EPS),
    ),
    "Adadelta": (lambda p: optim.Adadelta(p), lambda p: torch.optim.Adadelta(p)),
    "Adadelta, rho": (
        lambda p: optim.Adadelta(p, lr=0.5, rho=0.7, eps=1e-3),
        lambda p: torch.optim.Adadelta(p, lr=0.5, rho=0.7, eps=1e-3),
    ),
    "NAdam": (lambda p: optim.NAdam(p, **EPS), lambda p: torch.optim.NAdam(p, **EPS)),
    "NAdam, momentum decay": (
        lambda p: optim.NAdam(p, lr=0.02, betas=(0.8, 0.9), momentum_decay=0.1, **EPS),
        lambda p: torch.optim.NAdam(p, lr=0.02, betas=(0.8, 0.9), momentum_decay=0.1, **EPS),
    ),
    "RAdam": (lambda p: optim.RAdam(p, lr=0.01, **EPS), lambda p: torch.optim.RAdam(p, lr=0.01, **EPS)),
    "RAdam, betas": (
        lambda p: optim.RAdam(p, lr=0.01, betas=(0.5, 0.9), eps=1e-4),
        lambda p: torch.optim.RAdam(p, lr=0.01, betas=(0.5, 0.9), eps=1e-4),
    ),
    "Adamax": (lambda p: optim.Adamax(p, **EPS), lambda p: torch.optim.Adamax(p, **EPS)),
    "Adamax, betas": (
        lambda p: optim.Adamax(p, lr=0.02, betas=(0.5, 0.9), eps=1e-3),
        lambda p: torch.optim.Adamax(p, lr=0.02, betas=(0.5, 0.9), eps=1e-3),
    ),
    "groups": (
        lambda p: optim.Adam([{"params": p[:2], "lr": 0.1}, {"params": p[2:], "betas": (0.5, 0.6)}], lr=0.01, **EPS),
        lambda p: torch.optim.Adam(
            [{"params": p[:2], "lr": 0.1}, {"params": p[2:], "betas": (0.5, 0.6)}], lr=0.01, **EPS
        ),
    ),
}  # fmt: skip


@pytest.fixture
def _float64():
    """PyTorch's default dtype, in which its NAdam keeps a product."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


@pytest.mark.usefixtures("_float64")
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_many_steps_of_random_gradients(name):
    ours, theirs = pair()
    make_ours, make_theirs = OPTIMIZERS[name]
    optimizer, reference = make_ours(ours), make_theirs(theirs)
    rng = np.random.default_rng(1)
    for _ in range(STEPS):
        for p, q in zip(ours, theirs, strict=True):
            p.grad = rng.normal(size=p.shape) * 10 ** rng.uniform(-3, 1)
            q.grad = torch.tensor(p.grad.copy())
        optimizer.step()
        reference.step()
        assert_close(ours, theirs)


def test_every_optimizer_is_compared():
    """Or its docstring says why not."""
    compared = {name.split(",")[0] for name in OPTIMIZERS} | {"LBFGS"}
    kinds = {
        name
        for name in optim.__all__
        if isinstance(getattr(optim, name), type) and issubclass(getattr(optim, name), optim.Optimizer)
    }
    assert kinds - compared == {"Lion", "Optimizer"}
    assert "PyTorch has no such optimizer" in " ".join(optim.Lion.__doc__.split())


# -- L-BFGS -------------------------------------------------------------------------------------


def rosenbrock(x):
    return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()


LBFGS = {
    "fixed rate": {"lr": 0.1, "max_iter": 5},
    "fixed rate, short history": {"lr": 0.1, "history_size": 3},
    "line search": {"line_search_fn": "strong_wolfe"},
    "line search, short history": {"line_search_fn": "strong_wolfe", "history_size": 2, "max_iter": 4},
    "line search, many evaluations": {"line_search_fn": "strong_wolfe", "max_eval": 60},
    "line search, small rate": {"line_search_fn": "strong_wolfe", "lr": 1e-3},
    "line search, loose tolerances": {
        "line_search_fn": "strong_wolfe", "tolerance_grad": 1e-2, "tolerance_change": 1e-3,
    },
}  # fmt: skip


def walked(library, start, settings):
    """(evaluations so far, loss before, point) after each of six steps, up to a loss that is not finite."""
    if library is mg:
        x, kind = mg.tensor(np.array(start), requires_grad=True), optim.LBFGS
    else:
        x, kind = torch.tensor(start, dtype=torch.float64, requires_grad=True), torch.optim.LBFGS
    optimizer, calls, steps = kind([x], **settings), [], []

    def closure():
        calls.append(1)
        optimizer.zero_grad()
        loss = rosenbrock(x)
        loss.backward()
        return loss

    with np.errstate(over="ignore"):
        for _ in range(6):
            loss = float(optimizer.step(closure).detach())
            if not math.isfinite(loss):
                break
            steps.append((len(calls), loss, x.detach().numpy().copy()))
    return steps


@pytest.mark.parametrize("settings", LBFGS)
@pytest.mark.parametrize("start", [(-1.2, 1.0), (0.5, -1.5, 2.0, 0.3), (0.99, 0.98, 0.97)])
def test_lbfgs_on_the_valley_of_rosenbrock(settings, start):
    """The same points after each step, and the same number of evaluations.

    Rounding grows from step to step in this valley, until it decides whether a line search evaluates once more. So the
    steps are compared in which PyTorch's own walks agree, from starts that differ in the last places.
    """
    draws = np.random.default_rng(0)
    moved = [np.array(start) * (1 + draws.choice([-4e-16, 0, 4e-16], len(start))) for _ in range(6)]
    expected, *others = (walked(torch, x, LBFGS[settings]) for x in (start, *moved))
    compared = 0
    for step, *nearby in zip(walked(mg, start, LBFGS[settings]), expected, *others, strict=False):
        (calls, loss, point), *further = nearby
        if not all(n == calls and np.allclose(y, point, rtol=1e-6) for n, _, y in further):
            break
        assert step[0] == calls
        np.testing.assert_allclose(step[1], loss, rtol=1e-5, atol=1e-12)
        np.testing.assert_allclose(step[2], point, rtol=1e-5)
        compared += 1
    assert compared >= min(3, len(expected))


# -- schedules ----------------------------------------------------------------------------------

# ours at lr 0.5, PyTorch's scheduler for an optimizer at lr 0.5, steps
SCHEDULES = {
    "exponential": (
        schedules.exponential(0.5, 0.93), lambda o: torch.optim.lr_scheduler.ExponentialLR(o, 0.93), 60,
    ),
    "step": (schedules.step(0.5, 7, 0.3), lambda o: torch.optim.lr_scheduler.StepLR(o, 7, 0.3), 60),
    "multi_step": (
        schedules.multi_step(0.5, (3, 10, 11), 0.5),
        lambda o: torch.optim.lr_scheduler.MultiStepLR(o, [3, 10, 11], 0.5), 30,
    ),
    "polynomial": (
        schedules.polynomial(0.5, 20, 2.0), lambda o: torch.optim.lr_scheduler.PolynomialLR(o, 20, 2.0), 30,
    ),
    "cosine": (
        schedules.cosine(0.5, 40, end=0.01),
        lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, 40, eta_min=0.01), 40,
    ),
    "cosine_restarts": (
        schedules.cosine_restarts(0.5, 7, end=0.01),
        lambda o: torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(o, 7, eta_min=0.01), 50,
    ),
    "cosine_restarts, growing": (
        schedules.cosine_restarts(0.5, 4, growth=2),
        lambda o: torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(o, 4, 2), 70,
    ),
    "linear_warmup": (
        schedules.linear_warmup(0.5, 10, start=0.05),
        lambda o: torch.optim.lr_scheduler.LinearLR(o, 0.1, total_iters=10), 20,
    ),
    "inverse_time": (
        schedules.inverse_time(0.5, 0.1),
        lambda o: torch.optim.lr_scheduler.LambdaLR(o, lambda t: 1 / (1 + 0.1 * t)), 40,
    ),
    "one_cycle": (
        schedules.one_cycle(0.5, 50), lambda o: torch.optim.lr_scheduler.OneCycleLR(o, 0.5, total_steps=50), 49,
    ),
    "one_cycle, options": (
        schedules.one_cycle(0.5, 33, pct_start=0.5, div_factor=4.0, final_div_factor=10.0),
        lambda o: torch.optim.lr_scheduler.OneCycleLR(
            o, 0.5, total_steps=33, pct_start=0.5, div_factor=4.0, final_div_factor=10.0
        ), 32,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules_equal_the_schedulers_of_the_same_name(name):
    ours, make, steps = SCHEDULES[name]
    reference = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.5)
    scheduler = make(reference)
    for t in range(steps):
        np.testing.assert_allclose(ours(t), reference.param_groups[0]["lr"], rtol=1e-9, atol=1e-12)
        reference.step()
        scheduler.step()


@pytest.mark.usefixtures("_float64")
@pytest.mark.parametrize("name", ["Adam", "AdamW", "NAdam", "SGD"])
def test_a_training_run_with_a_schedule(name):
    """The rate enters the formulas at the same places (SGD: without momentum)."""
    ours, theirs = pair()
    schedule = schedules.cosine(0.05, 60)
    optimizer = getattr(optim, name)(ours, lr=schedule, **({} if name == "SGD" else EPS))
    reference = getattr(torch.optim, name)(theirs, lr=0.05, **({} if name == "SGD" else EPS))
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(reference, 60)
    for _ in range(60):
        for p, q in zip(ours, theirs, strict=True):
            p.grad = np.sin(3 * p.data) + p.data
            q.grad = torch.sin(3 * q.detach()) + q.detach()
        optimizer.step()
        reference.step()
        scheduler.step()
    assert_close(ours, theirs, rtol=1e-9)


# -- clipping and averaging ---------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("max_norm", "norm_type"), [*itertools.product([0.0, 0.1, 3.0, 1e6], [2.0, 1.0, 3.5, math.inf, 2])]
)
def test_clipping_the_norm(max_norm, norm_type, dtype):
    rng = np.random.default_rng(0)
    shapes = [*SHAPES, (130, 150)] if norm_type == math.inf else [*SHAPES, (0,), (130, 150)]  # not inf of nothing
    gradients = [rng.normal(size=shape).astype(dtype) for shape in shapes]
    ours = [mg.tensor(np.zeros_like(g), requires_grad=True) for g in gradients]
    theirs = [torch.zeros(g.shape, dtype=getattr(torch, dtype), requires_grad=True) for g in gradients]
    for p, q, g in zip(ours, theirs, gradients, strict=True):
        p.grad, q.grad = g, torch.tensor(g.copy())
    norm = optim.clip_grad_norm_(ours, max_norm, norm_type)
    expected = torch.nn.utils.clip_grad_norm_(theirs, max_norm, norm_type)
    tolerance = 1e-12 if dtype == "float64" else 1e-5
    np.testing.assert_allclose(float(norm), float(expected), rtol=tolerance)
    for p, q, g in zip(ours, theirs, gradients, strict=True):
        np.testing.assert_allclose(p.grad, q.grad.numpy(), rtol=tolerance, atol=tolerance * max_norm)
        assert (p.grad.dtype, p.grad.shape, type(p.grad)) == (g.dtype, g.shape, np.ndarray)


def test_clipping_values():
    (p,), (q,) = ([x[0]] for x in pair())
    p.grad = np.array([[-3.0, 0.2], [0.5, -0.5], [math.nan, math.inf]])
    q.grad = torch.tensor(p.grad.copy())
    optim.clip_grad_value_([p], 0.5)
    torch.nn.utils.clip_grad_value_([q], 0.5)
    np.testing.assert_array_equal(p.grad, q.grad.numpy())


def test_the_moving_average():
    ours, theirs = pair()
    ema = optim.EMA(ours, decay=0.9)
    model = torch.nn.ParameterList(theirs)
    theirs = list(model)
    averaged = torch.optim.swa_utils.AveragedModel(model, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.9))
    averaged.update_parameters(model)  # the first call copies
    rng = np.random.default_rng(0)
    for _ in range(20):
        for p, q in zip(ours, theirs, strict=True):
            p.data = rng.normal(size=p.shape)
            q.data = torch.tensor(p.data.copy())
        ema.update()
        averaged.update_parameters(model)
    with ema.applied():
        assert_close(ours, averaged.module)
