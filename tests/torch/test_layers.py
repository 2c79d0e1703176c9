"""Layers and losses with PyTorch's weights: outputs, gradients of inputs and parameters, running statistics, state."""

import itertools

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from minigrad.nn import functional as F
from tests.torch.differential import compare, torch

tnn, TF = torch.nn, torch.nn.functional
RNG = np.random.default_rng


def normal(*shape, seed=3):
    return RNG(seed).normal(size=shape)


# -- layers -------------------------------------------------------------------------------------

#: name: (ours, PyTorch's, shape of x). Weights are PyTorch's, in float64.
PAIRS = {
    "Linear": (nn.Linear(4, 3), tnn.Linear(4, 3), (2, 5, 4)),
    "Linear, no bias": (nn.Linear(4, 3, bias=False), tnn.Linear(4, 3, bias=False), (5, 4)),
    "Conv1d": (nn.Conv1d(4, 6, 3, 2, 1, 2, 2), tnn.Conv1d(4, 6, 3, 2, 1, 2, 2), (2, 4, 12)),
    "Conv2d": (nn.Conv2d(3, 4, (3, 2)), tnn.Conv2d(3, 4, (3, 2)), (2, 3, 7, 6)),
    "Conv2d, options": (
        nn.Conv2d(4, 6, 3, stride=(2, 1), padding=(1, 2), dilation=(1, 2), groups=2, bias=False),
        tnn.Conv2d(4, 6, 3, stride=(2, 1), padding=(1, 2), dilation=(1, 2), groups=2, bias=False),
        (2, 4, 9, 8),
    ),
    "Conv2d, same": (nn.Conv2d(3, 4, (3, 5), padding="same"), tnn.Conv2d(3, 4, (3, 5), padding="same"), (2, 3, 6, 6)),
    "Conv3d": (nn.Conv3d(2, 3, 2), tnn.Conv3d(2, 3, 2), (2, 2, 4, 4, 3)),
    "ConvTranspose1d": (nn.ConvTranspose1d(3, 4, 3, 2), tnn.ConvTranspose1d(3, 4, 3, 2), (2, 3, 5)),
    "ConvTranspose2d": (
        nn.ConvTranspose2d(4, 6, 3, 2, 1, 1, 2, True, 2),
        tnn.ConvTranspose2d(4, 6, 3, 2, 1, 1, 2, True, 2),
        (2, 4, 4, 5),
    ),
    "MaxPool1d": (nn.MaxPool1d(3, 2, 1), tnn.MaxPool1d(3, 2, 1), (2, 3, 9)),
    "MaxPool2d": (nn.MaxPool2d(2), tnn.MaxPool2d(2), (2, 3, 7, 6)),
    "MaxPool2d, options": (nn.MaxPool2d(3, 2, 1, 2, True), tnn.MaxPool2d(3, 2, 1, 2, ceil_mode=True), (2, 3, 8, 9)),
    "MaxPool3d": (nn.MaxPool3d(2), tnn.MaxPool3d(2), (2, 2, 4, 4, 4)),
    "AvgPool1d": (nn.AvgPool1d(3, 2, 1), tnn.AvgPool1d(3, 2, 1), (2, 3, 9)),
    "AvgPool2d": (nn.AvgPool2d((3, 2)), tnn.AvgPool2d((3, 2)), (2, 3, 7, 6)),
    "AvgPool2d, options": (nn.AvgPool2d(3, 2, 1, True, False), tnn.AvgPool2d(3, 2, 1, True, False), (2, 3, 8, 6)),
    "AvgPool3d": (nn.AvgPool3d(2), tnn.AvgPool3d(2), (2, 2, 4, 4, 4)),
    "AdaptiveAvgPool1d": (nn.AdaptiveAvgPool1d(4), tnn.AdaptiveAvgPool1d(4), (2, 3, 9)),
    "AdaptiveAvgPool2d": (nn.AdaptiveAvgPool2d((3, None)), tnn.AdaptiveAvgPool2d((3, None)), (2, 3, 7, 6)),
    "AdaptiveMaxPool1d": (nn.AdaptiveMaxPool1d(4), tnn.AdaptiveMaxPool1d(4), (2, 3, 9)),
    "AdaptiveMaxPool2d": (nn.AdaptiveMaxPool2d(2), tnn.AdaptiveMaxPool2d(2), (2, 3, 7, 6)),
    "BatchNorm1d": (nn.BatchNorm1d(4), tnn.BatchNorm1d(4), (5, 4)),
    "BatchNorm1d, sequences": (nn.BatchNorm1d(4, 0.1, 0.3), tnn.BatchNorm1d(4, 0.1, 0.3), (5, 4, 3)),
    "BatchNorm2d": (nn.BatchNorm2d(3), tnn.BatchNorm2d(3), (4, 3, 5, 2)),
    "BatchNorm2d, cumulative": (nn.BatchNorm2d(3, momentum=None), tnn.BatchNorm2d(3, momentum=None), (4, 3, 5, 2)),
    "BatchNorm2d, plain": (nn.BatchNorm2d(3, affine=False), tnn.BatchNorm2d(3, affine=False), (4, 3, 5, 2)),
    "BatchNorm3d": (nn.BatchNorm3d(3), tnn.BatchNorm3d(3), (4, 3, 2, 2, 2)),
    "LayerNorm": (nn.LayerNorm((3, 4)), tnn.LayerNorm((3, 4)), (2, 3, 4)),
    "LayerNorm, no bias": (nn.LayerNorm(4, 0.1, bias=False), tnn.LayerNorm(4, 0.1, bias=False), (2, 3, 4)),
    "LayerNorm, plain": (nn.LayerNorm(4, 0.1, False), tnn.LayerNorm(4, 0.1, False), (2, 3, 4)),
    "RMSNorm": (nn.RMSNorm(4), tnn.RMSNorm(4), (2, 3, 4)),
    "RMSNorm, plain": (nn.RMSNorm(4, 0.1, False), tnn.RMSNorm(4, 0.1, False), (2, 3, 4)),
    "GroupNorm": (nn.GroupNorm(2, 4), tnn.GroupNorm(2, 4), (3, 4, 5)),
    "GroupNorm, plain": (nn.GroupNorm(2, 4, 0.1, False), tnn.GroupNorm(2, 4, 0.1, False), (3, 4, 5)),
    "PReLU": (nn.PReLU(4), tnn.PReLU(4), (3, 4, 5)),
    "Flatten": (nn.Flatten(1, 2), tnn.Flatten(1, 2), (2, 3, 4, 5)),
    "Identity": (nn.Identity(), tnn.Identity(), (2, 3)),
    "ReLU": (nn.ReLU(), tnn.ReLU(), (3, 4)),
    "ReLU6": (nn.ReLU6(), tnn.ReLU6(), (3, 4)),
    "LeakyReLU": (nn.LeakyReLU(0.2), tnn.LeakyReLU(0.2), (3, 4)),
    "ELU": (nn.ELU(0.5), tnn.ELU(0.5), (3, 4)),
    "CELU": (nn.CELU(0.5), tnn.CELU(0.5), (3, 4)),
    "SELU": (nn.SELU(), tnn.SELU(), (3, 4)),
    "GELU": (nn.GELU(), tnn.GELU(), (3, 4)),
    "GELU, tanh": (nn.GELU("tanh"), tnn.GELU("tanh"), (3, 4)),
    "SiLU": (nn.SiLU(), tnn.SiLU(), (3, 4)),
    "Mish": (nn.Mish(), tnn.Mish(), (3, 4)),
    "Softplus": (nn.Softplus(2.0), tnn.Softplus(2.0), (3, 4)),
    "Softsign": (nn.Softsign(), tnn.Softsign(), (3, 4)),
    "Sigmoid": (nn.Sigmoid(), tnn.Sigmoid(), (3, 4)),
    "LogSigmoid": (nn.LogSigmoid(), tnn.LogSigmoid(), (3, 4)),
    "Tanh": (nn.Tanh(), tnn.Tanh(), (3, 4)),
    "Hardtanh": (nn.Hardtanh(-0.5, 0.7), tnn.Hardtanh(-0.5, 0.7), (3, 4)),
    "Hardsigmoid": (nn.Hardsigmoid(), tnn.Hardsigmoid(), (3, 4)),
    "Hardswish": (nn.Hardswish(), tnn.Hardswish(), (3, 4)),
    "GLU": (nn.GLU(1), tnn.GLU(1), (3, 4, 5)),
    "Softmax": (nn.Softmax(1), tnn.Softmax(1), (3, 4, 5)),
    "LogSoftmax": (nn.LogSoftmax(1), tnn.LogSoftmax(1), (3, 4, 5)),
}


def doubled(ours, theirs):
    """Ours with the weights of theirs, both in float64; the weights drawn anew, for those that begin as ones."""
    theirs = theirs.double()
    for i, parameter in enumerate(theirs.parameters()):
        parameter.data = torch.tensor(normal(*parameter.shape, seed=i))
        parameter.grad = None
    for tensor in [*ours.parameters(), *ours.buffers()]:
        if tensor.dtype.kind == "f":
            tensor.data = tensor.data.astype("f8")
    ours.load_state_dict({name: value.numpy() for name, value in theirs.state_dict().items()})
    ours.zero_grad()
    return ours, theirs


def same(got, expected, what, rtol=1e-10):
    np.testing.assert_allclose(got, expected, rtol=rtol, atol=1e-12, err_msg=what)


@pytest.mark.parametrize("name", PAIRS)
def test_a_layer_computes_and_learns_as_in_pytorch(name):
    """In training three times, and then in evaluation: running statistics move and are used."""
    ours, theirs, shape = PAIRS[name]
    ours, theirs = doubled(ours, theirs)
    for step in range(4):
        ours.train(step < 3)
        theirs.train(step < 3)
        x = normal(*shape, seed=10 + step) + step / 3
        mine, other = mg.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
        z, expected = ours(mine), theirs(other)
        cotangent = normal(*expected.shape, seed=20 + step)
        (z * cotangent).sum().backward()
        (expected * torch.tensor(cotangent)).sum().backward()
        same(z.data, expected.numpy(force=True), "output")
        # PyTorch's gradient of hardsigmoid has a sixth of single precision in it.
        same(mine.grad, other.grad.numpy(), "gradient of x", 1e-7 if name == "Hardsigmoid" else 1e-10)
        assert list(ours.state_dict()) == list(theirs.state_dict())
        for (key, value), parameter in zip(ours.named_parameters(), theirs.parameters(), strict=True):
            same(value.grad, parameter.grad.numpy(), f"gradient of {key}")
        for key, value in theirs.state_dict().items():
            same(ours.state_dict()[key], value.numpy(), key)


def test_every_layer_is_compared():
    """Dropout draws other numbers than PyTorch, and containers compute nothing; losses come below."""
    layers = {
        name for name in nn.__all__ if isinstance(value := getattr(nn, name), type) and issubclass(value, nn.Module)
    }
    compared = {name.split(",")[0] for name in [*PAIRS, *LOSSES]} | {"Embedding"}
    mine = {name for name in layers if getattr(nn, name).__module__.split(".")[-1] in FILES}
    assert mine - compared == {"Dropout", "CategoricalCrossEntropy"}


FILES = (
    *("activations", "batchnorm", "convolution", "dropout", "embedding", "linear", "losses", "normalisation"),
    *("pooling", "shaping"),
)


@pytest.mark.parametrize("padding_idx", [None, 1, -1])
def test_embedding_as_in_pytorch(padding_idx):
    ours, theirs = doubled(nn.Embedding(5, 3, padding_idx), tnn.Embedding(5, 3, padding_idx))
    numbers = np.array([[0, 4, 4], [1, 0, 1]])
    z, expected = ours(numbers), theirs(torch.tensor(numbers))
    cotangent = normal(2, 3, 3)
    (z * cotangent).sum().backward()
    (expected * torch.tensor(cotangent)).sum().backward()
    same(z.data, expected.numpy(force=True), "output")
    same(ours.weight.grad, theirs.weight.grad.numpy(), "gradient")


def test_dropout_has_the_mean_and_variance_of_pytorchs():
    x = np.ones(100_000, "f4")
    z, expected = nn.Dropout(0.3, RNG(0))(mg.tensor(x)).data, tnn.Dropout(0.3)(torch.tensor(x)).numpy()
    np.testing.assert_array_equal(np.unique(z), np.unique(expected))
    assert z.mean() == pytest.approx(expected.mean(), abs=0.01)
    assert z.var() == pytest.approx(expected.var(), abs=0.01)


# -- a whole model ------------------------------------------------------------------------------


def model(library, **start):
    """The same layers of both."""
    layers = library.nn if library is torch else nn
    sizes = start or {"channels": 3, "middle": 8, "flat": 8 * 9}
    return layers.Sequential(
        layers.Conv2d(sizes["channels"], 8, 3, padding=1),
        layers.BatchNorm2d(sizes["middle"]),
        layers.ReLU(),
        layers.MaxPool2d(2),
        layers.Flatten(),
        layers.Linear(sizes["flat"], 5),
    )


@pytest.mark.parametrize("lazy", [False, True])
def test_a_state_dict_of_pytorch_is_loaded_as_it_is(lazy):
    """float32, the counter of batches too; then both give the same numbers, and count on from there."""
    torch.manual_seed(0)
    theirs = model(torch)
    x = normal(4, 3, 6, 6).astype("f4")
    theirs(torch.tensor(x))
    ours = model(mg, channels=None, middle=None, flat=None) if lazy else model(mg)
    ours(mg.tensor(x))
    ours.load_state_dict({name: value.numpy() for name, value in theirs.state_dict().items()})
    assert ours[1].num_batches_tracked.item() == 1
    assert ours[1].num_batches_tracked.dtype == np.int64
    for training in (True, False):
        z = ours.train(training)(mg.tensor(x))
        expected = theirs.train(training)(torch.tensor(x))
        assert z.dtype == np.float32
        np.testing.assert_allclose(z.data, expected.numpy(force=True), rtol=1e-4, atol=1e-5)
    assert ours.state_dict()["1.num_batches_tracked"] == theirs.state_dict()["1.num_batches_tracked"] == 2


def test_our_state_dict_is_loaded_by_pytorch():
    ours, theirs = model(mg), model(torch)
    theirs.load_state_dict({name: torch.tensor(value) for name, value in ours.state_dict().items()})
    x = normal(4, 3, 6, 6).astype("f4")
    z, expected = ours.eval()(mg.tensor(x)), theirs.eval()(torch.tensor(x))
    np.testing.assert_allclose(z.data, expected.numpy(force=True), rtol=1e-4, atol=1e-5)


# -- losses -------------------------------------------------------------------------------------

LABELS = np.array([[0, 2, 1], [2, 2, 0]])
SOME = np.array([[0, -100, 1], [2, 2, -100]])
ROWS_OF = RNG(7).dirichlet(np.ones(3), (2, 3))
WEIGHT = np.array([0.5, 2.0, 1.5])
SIGNS = np.where(RNG(8).random((4, 5)) < 0.5, 1.0, -1.0)
SHARES = RNG(9).random((4, 5))


def against(ours, theirs, target, x):
    """A row of ``compare``: both losses of x against a target."""
    return lambda x: ours(x, target), lambda x: theirs(x, torch.tensor(target)), [x]


def classes_second(theirs):
    """PyTorch has the classes on axis 1."""

    def loss(x, target):
        return theirs(torch.movedim(x, -1, 1), torch.movedim(target, -1, 1) if target.ndim == x.ndim else target)

    return loss


def class_losses():
    rows = {}
    for reduction, smoothing, weight in itertools.product(("mean", "sum", "none"), (0.0, 0.1), (None, WEIGHT)):
        shared = {"reduction": reduction, "label_smoothing": smoothing}
        theirs = classes_second(tnn.CrossEntropyLoss(weight=None if weight is None else torch.tensor(weight), **shared))
        for kind, target in (("labels", LABELS), ("ignored", SOME), ("rows", ROWS_OF)):
            ours = nn.CrossEntropyLoss(
                weight=weight, ignore_index=-100 if kind == "ignored" else None, axis=-1, **shared
            )
            name = f"CrossEntropyLoss, {kind} {reduction} {smoothing} {weight is not None}"
            rows[name] = against(ours, theirs, target, normal(2, 3, 3))
    for reduction, weight in itertools.product(("mean", "sum", "none"), (None, WEIGHT)):
        ours = nn.NLLLoss(reduction, weight, -100, axis=-1)
        theirs = tnn.NLLLoss(None if weight is None else torch.tensor(weight), reduction=reduction)
        rows[f"NLLLoss, {reduction} {weight is not None}"] = against(
            ours, classes_second(theirs), SOME, normal(2, 3, 3)
        )
    return rows


#: name: (options, target), of losses that compare element with element.
ELEMENTWISE = {
    "MSELoss": ({}, normal(4, 5, seed=1)),
    "L1Loss": ({}, normal(4, 5, seed=1)),
    "HuberLoss": ({"delta": 0.7}, normal(4, 5, seed=1)),
    "SmoothL1Loss": ({"beta": 0.7}, normal(4, 5, seed=1)),
    "KLDivLoss": ({}, SHARES),
    "BCEWithLogitsLoss": ({}, SHARES),
    "BCEWithLogitsLoss, weighted": ({"pos_weight": np.arange(1.0, 6)}, SHARES),
    "HingeEmbeddingLoss": ({"margin": 0.8}, SIGNS),
}


def other_losses():
    rows = {}
    for reduction in ("mean", "sum", "none"):
        for name, (options, target) in ELEMENTWISE.items():
            kind = name.split(",")[0]
            theirs = {key: torch.tensor(v) if isinstance(v, np.ndarray) else v for key, v in options.items()}
            ours = getattr(nn, kind)(reduction=reduction, **options)
            theirs = getattr(tnn, kind)(reduction=reduction, **theirs)
            rows[f"{name}, {reduction}"] = against(ours, theirs, target, normal(4, 5))
        ours, theirs = nn.BCELoss(reduction), tnn.BCELoss(reduction=reduction)
        rows[f"BCELoss, {reduction}"] = against(ours, theirs, SHARES, RNG(4).uniform(0.1, 0.9, (4, 5)))
        for p in (1, 2):
            ours, theirs = nn.MultiMarginLoss(reduction, p, 0.8), tnn.MultiMarginLoss(p, 0.8, reduction=reduction)
            rows[f"MultiMarginLoss, {p} {reduction}"] = against(ours, theirs, LABELS[0], normal(3, 4))
    plain = np.maximum(SOME, 0)
    rows["NLLLoss, plain"] = against(nn.NLLLoss(axis=-1), classes_second(tnn.NLLLoss()), plain, normal(2, 3, 3))
    ours, theirs = nn.KLDivLoss("batchmean"), tnn.KLDivLoss(reduction="batchmean")
    rows["KLDivLoss, batchmean"] = against(ours, theirs, SHARES, normal(4, 5))
    rows["MSELoss, both"] = (F.mse_loss, TF.mse_loss, [normal(4, 5), normal(4, 5, seed=1)])
    rows["KLDivLoss, both"] = (F.kl_div, TF.kl_div, [normal(4, 5), SHARES])
    return rows


LOSSES = {**class_losses(), **other_losses()}


@pytest.mark.filterwarnings("ignore:reduction. 'mean' divides the total loss by both")
@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_is_that_of_pytorch(name):
    """Its value and its gradients of the first and second order."""
    if "MultiMargin" in name:  # of which PyTorch has no second derivative
        first_order(LOSSES[name])
    else:
        compare(LOSSES[name])


def first_order(row):
    ours, theirs, (x,) = row
    mine, other = mg.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    z, expected = ours(mine), theirs(other)
    cotangent = normal(*z.shape)
    (z * cotangent).sum().backward()
    (expected * torch.tensor(cotangent)).sum().backward()
    same(z.data, expected.numpy(force=True), "value")
    same(mine.grad, other.grad.numpy(), "gradient")


def test_binary_cross_entropy_at_certainty_is_limited_as_in_pytorch():
    p, t = np.array([0.0, 1.0, 0.0, 1.0]), np.array([0.0, 1.0, 1.0, 0.0])
    expected = TF.binary_cross_entropy(torch.tensor(p), torch.tensor(t), reduction="none")
    assert F.binary_cross_entropy(mg.tensor(p), t, "none").tolist() == expected.tolist() == [0, 0, 100, 100]


def test_layers_and_losses_have_pytorchs_names():
    """All but the notebook's loss, what PyTorch has in torch.func, and its hooks."""
    own = {"CategoricalCrossEntropy", "capture", "functional_call", "stack_parameters"}
    assert set(nn.__all__) - set(dir(tnn)) == own
