"""Differential tests: what PyTorch has too gives the same values and first and second gradients here."""

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, optim
from minigrad.nn import functional as F
from tests.torch.differential import compare, torch

TF = torch.nn.functional

RNG = np.random.default_rng(0)


def normal(*shape):
    return RNG.normal(size=shape)


def positive(*shape):
    return RNG.uniform(0.5, 3, shape)


LABELS = np.array([0, 3, 1])
SHARES = RNG.dirichlet(np.ones(4), 3)
MASK = RNG.random((3, 4)) > 0.5
INDEX = np.array([[0, 2], [2, 2]])

# One row each: op -> (ours, PyTorch's, inputs). One op may have several rows: "op, variant".
ROWS = {
    "add": (mg.add, torch.add, [normal(3, 4), normal(4)]),
    "add, outer": (mg.add, torch.add, [normal(3, 1), normal(1, 4)]),
    "subtract": (mg.subtract, torch.sub, [normal(4), normal(3, 4)]),
    "multiply": (mg.multiply, torch.mul, [normal(3, 4), normal(3, 1)]),
    "multiply, 0-d": (mg.multiply, torch.mul, [normal(3, 4), normal()]),
    "divide": (mg.divide, torch.div, [normal(3, 1), positive(2, 1, 4)]),
    "negative": (mg.negative, torch.neg, [normal(3, 4)]),
    "power": (mg.power, torch.pow, [positive(3, 4), normal(4)]),
    "power, square": (lambda x: x**2, lambda x: x**2, [normal(3, 4)]),
    "power, cube at 0": (lambda x: x**3, lambda x: x**3, [np.array([0.0, 1.0, -2.0])]),
    "power, of a number": (lambda x: 2.0**x, lambda x: 2.0**x, [normal(3, 4)]),
    "square": (mg.square, torch.square, [normal(3, 4)]),
    "exp": (mg.exp, torch.exp, [normal(3, 4)]),
    "log": (mg.log, torch.log, [positive(3, 4)]),
    "sqrt": (mg.sqrt, torch.sqrt, [positive(3, 4)]),
    "tanh": (mg.tanh, torch.tanh, [normal(3, 4)]),
    "sigmoid": (mg.sigmoid, torch.sigmoid, [normal(3, 4) * 3]),
    "relu": (mg.relu, torch.relu, [normal(3, 4)]),
    "relu, at 0": (mg.relu, torch.relu, [np.array([0.0, -0.0, 1.0, -1.0])]),
    "abs": (mg.abs, torch.abs, [normal(3, 4)]),
    "abs, at 0": (mg.abs, torch.abs, [np.array([0.0, 1.0])]),
    "sign": (mg.sign, torch.sign, [normal(3, 4)]),
    "maximum": (mg.maximum, torch.maximum, [normal(3, 4), normal(4)]),
    "maximum, ties": (mg.maximum, torch.maximum, [np.array([1.0, 2.0, 3.0]), np.array([1.0, 3.0, 2.0])]),
    "minimum": (mg.minimum, torch.minimum, [normal(3, 1), normal(3, 4)]),
    "minimum, ties": (mg.minimum, torch.minimum, [np.array([1.0, 2.0, 3.0]), np.array([1.0, 3.0, 2.0])]),
    "clip": (lambda x: mg.clip(x, -0.5, 0.7), lambda x: torch.clamp(x, -0.5, 0.7), [normal(3, 4)]),
    "clip, at the bounds": (lambda x: mg.clip(x, 0, 1), lambda x: torch.clamp(x, 0, 1), [np.array([0.0, 1.0, 2.0])]),
    "clip, above only": (lambda x: mg.clip(x, None, 0.1), lambda x: torch.clamp(x, max=0.1), [normal(3, 4)]),
    "clip, to tensors": (mg.clip, torch.clamp, [normal(3, 4) * 2, -positive(4), positive(3, 1)]),
    "real": (
        lambda x, y: mg.real((x + 1j * y) ** 2),
        lambda x, y: torch.real(torch.complex(x, y) ** 2),
        [normal(3), normal(3)],
    ),
    "imag": (
        lambda x, y: mg.imag((x + 1j * y) ** 2),
        lambda x, y: torch.imag(torch.complex(x, y) ** 2),
        [normal(3), normal(3)],
    ),
    "conjugate": (
        lambda x, y: mg.imag(mg.exp(mg.conjugate(x + 1j * y))),
        lambda x, y: torch.imag(torch.exp(torch.conj(torch.complex(x, y)))),
        [normal(3), normal(3)],
    ),
    "angle": (
        lambda x, y: mg.angle(x + 1j * y) * mg.abs(x + 1j * y),
        lambda x, y: torch.angle(torch.complex(x, y)) * torch.abs(torch.complex(x, y)),
        [normal(3), normal(3)],
    ),
    "where": (
        lambda x, y: mg.where(MASK, x, y),
        lambda x, y: torch.where(torch.tensor(MASK), x, y),
        [normal(3, 4), normal(4)],
    ),
    "keep": (
        lambda x: mg.table.ops["keep"](x, MASK),
        lambda x: torch.where(torch.tensor(MASK), x, torch.zeros_like(x)),
        [normal(3, 4)],
    ),
    "sum": (mg.sum, torch.sum, [normal(3, 4)]),
    "sum, axes": (lambda x: mg.sum(x, (0, -1)), lambda x: torch.sum(x, (0, -1)), [normal(3, 4, 2)]),
    "mean": (lambda x: mg.mean(x, 1, True), lambda x: torch.mean(x, 1, True), [normal(3, 4)]),
    "mean, all": (mg.mean, torch.mean, [normal(3, 4)]),
    "max": (lambda x: mg.max(x, 1), lambda x: torch.amax(x, 1), [normal(3, 4)]),
    "max, ties": (lambda x: mg.max(x, 1), lambda x: torch.amax(x, 1), [np.array([[1.0, 1.0, 0.0], [2.0, 2.0, 2.0]])]),
    "max, all": (mg.max, torch.amax, [normal(3, 4)]),
    "min": (lambda x: mg.min(x, (0, 1)), lambda x: torch.amin(x, (0, 1)), [normal(3, 4, 2)]),
    "min, ties": (lambda x: mg.min(x, 0), lambda x: torch.amin(x, 0), [np.array([[1.0, 2.0], [1.0, 3.0]])]),
    "var": (lambda x: mg.var(x, 1), lambda x: torch.var(x, 1, correction=0), [normal(3, 4)]),
    "var, ddof": (lambda x: mg.var(x, ddof=1), torch.var, [normal(3, 4)]),
    "std": (lambda x: mg.std(x, 0, 1), lambda x: torch.std(x, 0), [normal(3, 4)]),
    "logsumexp": (lambda x: mg.logsumexp(x, 1), lambda x: torch.logsumexp(x, 1), [normal(3, 4) * 20]),
    "logsumexp, axes": (
        lambda x: mg.logsumexp(x, (0, 2), True),
        lambda x: torch.logsumexp(x, (0, 2), True),
        [normal(2, 3, 4)],
    ),
    "reshape": (lambda x: mg.reshape(x, (2, -1)), lambda x: torch.reshape(x, (2, -1)), [normal(3, 4)]),
    "transpose": (lambda x: mg.transpose(x, (2, 0, 1)), lambda x: x.permute(2, 0, 1), [normal(2, 3, 4)]),
    "transpose, all": (lambda x: x.T, lambda x: x.T, [normal(3, 4)]),
    "swapaxes": (lambda x: mg.swapaxes(x, 0, -1), lambda x: torch.swapaxes(x, 0, -1), [normal(2, 3, 4)]),
    "squeeze": (lambda x: mg.squeeze(x, 1), lambda x: torch.squeeze(x, 1), [normal(3, 1, 4)]),
    "expand_dims": (lambda x: mg.expand_dims(x, 1), lambda x: torch.unsqueeze(x, 1), [normal(3, 4)]),
    "broadcast_to": (
        lambda x: mg.broadcast_to(x, (2, 3, 4)),
        lambda x: torch.broadcast_to(x, (2, 3, 4)),
        [normal(3, 1)],
    ),
    "concatenate": (
        lambda *xs: mg.concatenate(xs, axis=1),
        lambda *xs: torch.cat(xs, dim=1),
        [normal(3, 4), normal(3, 0), normal(3, 2)],
    ),
    "stack": (lambda *xs: mg.stack(xs, axis=-1), lambda *xs: torch.stack(xs, dim=-1), [normal(3, 4)] * 2),
    "getitem": (lambda x: x[1:, ::2, None], lambda x: x[1:, ::2, None], [normal(3, 4)]),
    "getitem, repeated": (lambda x: x[INDEX], lambda x: x[torch.tensor(INDEX)], [normal(3, 4)]),
    "getitem, mask": (lambda x: x[MASK], lambda x: x[torch.tensor(MASK)], [normal(3, 4)]),
    "getitem, mixed": (lambda x: x[..., [0, 0], 1], lambda x: x[..., [0, 0], 1], [normal(2, 3, 4)]),
    "put": (
        lambda g: mg.put(g, INDEX.ravel(), (5, 2)),
        lambda g: torch.zeros(5, 2, dtype=torch.float64).index_add(0, torch.tensor(INDEX.ravel()), g),
        [normal(4, 2)],
    ),
    "matmul": (mg.matmul, torch.matmul, [normal(3, 4), normal(4, 2)]),
    "matmul, batches": (mg.matmul, torch.matmul, [normal(2, 1, 3, 4), normal(5, 4, 2)]),
    "matmul, vectors": (mg.matmul, torch.matmul, [normal(4), normal(4)]),
    "matmul, vector left": (mg.matmul, torch.matmul, [normal(4), normal(2, 4, 3)]),
    "matmul, vector right": (mg.matmul, torch.matmul, [normal(2, 3, 4), normal(4)]),
    "dot": (mg.dot, torch.matmul, [normal(3, 4), normal(4, 2)]),
    "linear": (mg.linear, TF.linear, [normal(3, 4), normal(2, 4), normal(2)]),
    "linear, leading axes": (mg.linear, TF.linear, [normal(2, 3, 4), normal(2, 4), normal(2)]),
    "linear, no bias": (F.linear, TF.linear, [normal(3, 4), normal(2, 4)]),
    "softmax": (mg.softmax, lambda x: torch.softmax(x, -1), [normal(3, 4) * 5]),
    "softmax, axis": (lambda x: mg.softmax(x, 0), lambda x: torch.softmax(x, 0), [normal(3, 4)]),
    "softmax, wide": (mg.softmax, lambda x: torch.softmax(x, -1), [normal(2, 70)]),
    "shares": (
        lambda x: mg.table.ops["shares"](x, (0, 1)),
        lambda x: torch.softmax(x.flatten(), 0).reshape(3, 4),
        [normal(3, 4)],
    ),
    "log_softmax": (mg.log_softmax, lambda x: torch.log_softmax(x, -1), [normal(3, 4) * 5]),
    "softmax_cross_entropy": (
        lambda x: F.cross_entropy(x, LABELS),
        lambda x: TF.cross_entropy(x, torch.tensor(LABELS)),
        [normal(3, 4) * 5],
    ),
    "softmax_cross_entropy, smoothed": (
        lambda x: F.cross_entropy(x, LABELS, "none", 0.2),
        lambda x: TF.cross_entropy(x, torch.tensor(LABELS), reduction="none", label_smoothing=0.2),
        [normal(3, 4)],
    ),
    "softmax_cross_entropy, shares": (
        lambda x: F.cross_entropy(x, SHARES, "sum"),
        lambda x: TF.cross_entropy(x, torch.tensor(SHARES), reduction="sum"),
        [normal(3, 4)],
    ),
    "softmax_cross_entropy, wide": (
        lambda x: F.cross_entropy(x, LABELS * 20),
        lambda x: TF.cross_entropy(x, torch.tensor(LABELS * 20)),
        [normal(3, 70)],
    ),
    "bernoulli_cross_entropy": (
        mg.table.ops["bernoulli_cross_entropy"],
        lambda p, t: torch.nn.functional.binary_cross_entropy(p, t, reduction="none"),
        [RNG.uniform(0.3, 0.7, (3, 4)), RNG.uniform(0.05, 0.95, (3, 4))],
    ),
    "sigmoid_cross_entropy": (
        F.binary_cross_entropy_with_logits,
        TF.binary_cross_entropy_with_logits,
        [normal(3, 4) * 5, RNG.random((3, 4))],
    ),
    "mse_loss": (F.mse_loss, TF.mse_loss, [normal(3, 4), normal(3, 4)]),
    "mse_loss, none": (
        lambda x, y: F.mse_loss(x, y, "none"),
        lambda x, y: TF.mse_loss(x, y, reduction="none"),
        [normal(3, 4), normal(3, 4)],
    ),
    "categorical_cross_entropy": (
        lambda x: F.categorical_cross_entropy(x.softmax(), LABELS),
        lambda x: TF.nll_loss(torch.log(torch.softmax(x, -1)), torch.tensor(LABELS)),
        [normal(3, 4)],
    ),
    "a chain": (
        lambda x, w: mg.tanh(x @ w).sum(0) * mg.exp(-x[0, :1]),
        lambda x, w: torch.tanh(x @ w).sum(0) * torch.exp(-x[0, :1]),
        [normal(3, 4), normal(4, 2)],
    ),
}


@pytest.mark.parametrize("row", ROWS)
def test_values_and_first_and_second_gradients_equal_pytorchs(row):
    compare(ROWS[row])


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize(
    ("ours", "theirs", "target"),
    [
        (nn.CrossEntropyLoss, torch.nn.CrossEntropyLoss, LABELS),
        (nn.MSELoss, torch.nn.MSELoss, normal(3, 4)),
        (nn.BCEWithLogitsLoss, torch.nn.BCEWithLogitsLoss, RNG.random((3, 4))),
    ],
)
def test_loss_modules_equal_pytorchs(ours, theirs, target, reduction):
    """For each reduction, value and gradient."""
    x = normal(3, 4)
    a, b = mg.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    one, two = ours(reduction=reduction)(a, target), theirs(reduction=reduction)(b, torch.tensor(target))
    np.testing.assert_allclose(one.data, two.detach(), rtol=1e-12)
    one.sum().backward()
    two.sum().backward()
    np.testing.assert_allclose(a.grad, b.grad, rtol=1e-12, atol=1e-15)


def models():
    """Two networks of one shape with PyTorch's weights in float64: its arrays load as they are."""
    torch.manual_seed(0)
    theirs = torch.nn.Sequential(torch.nn.Linear(2, 16), torch.nn.Tanh(), torch.nn.Linear(16, 3)).double()
    ours = nn.Sequential(nn.Linear(2, 16, dtype="float64"), nn.Tanh(), nn.Linear(16, 3, dtype="float64"))
    ours.load_state_dict({name: tensor.numpy() for name, tensor in theirs.state_dict().items()})
    return ours, theirs


def test_weights_move_in_both_directions():
    """The names and layouts of state dicts are PyTorch's; its tensors load too."""
    ours, theirs = models()
    assert list(ours.state_dict()) == list(theirs.state_dict())
    ours.load_state_dict(theirs.state_dict())
    x = normal(5, 2)
    np.testing.assert_allclose(ours(x).data, theirs(torch.tensor(x)).detach(), rtol=1e-12, atol=1e-14)
    ours[0].weight.data = normal(16, 2)
    theirs.load_state_dict({name: torch.tensor(array) for name, array in ours.state_dict().items()})
    np.testing.assert_allclose(ours(x).data, theirs(torch.tensor(x)).detach(), rtol=1e-12, atol=1e-14)


OPTIMIZERS = {
    "SGD": (lambda p: optim.SGD(p, lr=0.3), lambda p: torch.optim.SGD(p, lr=0.3)),
    "SGD, weight decay": (
        lambda p: optim.SGD(p, lr=0.3, weight_decay=0.1),
        lambda p: torch.optim.SGD(p, lr=0.3, weight_decay=0.1),
    ),
    "SGD, momentum": (
        lambda p: optim.SGD(p, lr=0.1, momentum=0.9),
        lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9),
    ),
    "SGD, Nesterov": (
        lambda p: optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.01),
        lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.01),
    ),
    "AdaGrad": (
        lambda p: optim.AdaGrad(p, lr=0.1, eps=1e-8, decay=0.02),
        lambda p: torch.optim.Adagrad(p, lr=0.1, eps=1e-8, lr_decay=0.02),
    ),
    "RMSProp": (
        lambda p: optim.RMSProp(p, lr=0.01, rho=0.95, eps=1e-6),
        lambda p: torch.optim.RMSprop(p, lr=0.01, alpha=0.95, eps=1e-6),
    ),
    "Adam": (
        lambda p: optim.Adam(p, lr=0.05, betas=(0.8, 0.99), eps=1e-6),
        lambda p: torch.optim.Adam(p, lr=0.05, betas=(0.8, 0.99), eps=1e-6),
    ),
}


@pytest.mark.parametrize("which", OPTIMIZERS)
def test_training_equals_pytorchs(which):
    """Losses and all weights over 20 steps, for settings in which the formulas are the same."""
    make_ours, make_theirs = OPTIMIZERS[which]
    ours, theirs = models()
    one, two = make_ours(ours.parameters()), make_theirs(theirs.parameters())
    rng = np.random.default_rng(0)
    for _ in range(20):
        x, y = rng.normal(size=(30, 2)), rng.integers(0, 3, 30)
        one.zero_grad()
        two.zero_grad()
        loss = nn.CrossEntropyLoss()(ours(x), y)
        expected = TF.cross_entropy(theirs(torch.tensor(x)), torch.tensor(y))
        np.testing.assert_allclose(loss.item(), expected.item(), rtol=1e-9)
        loss.backward()
        expected.backward()
        one.step()
        two.step()
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        np.testing.assert_allclose(p.data, q.detach(), rtol=1e-8, atol=1e-10)
