"""Layers: what they compute, hold and show; in a compiled step."""

import copy

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, optim
from minigrad.errors import TargetError

RNG = np.random.default_rng


def normal(*shape, dtype="f4"):
    return RNG(3).normal(size=shape).astype(dtype)


def test_generators_are_found_by_name_each_once():
    generator = RNG(0)
    model = nn.Sequential(nn.Dropout(generator=generator), nn.Sequential(nn.Dropout(generator=RNG(1))), nn.Dropout())
    model.again = nn.Dropout(generator=generator)
    model.noise = RNG(2)
    assert [name for name, _ in model.named_generators()] == ["noise", "0.generator", "1.0.generator"]


# -- what is shown ------------------------------------------------------------------------------

SHOWN = {
    "Dropout(p=0.5)": nn.Dropout(),
    "Identity()": nn.Identity(),
    "Flatten(start_axis=1, end_axis=-1)": nn.Flatten(),
    "Embedding(num_embeddings=5, embedding_dim=3)": nn.Embedding(5, 3),
    "Embedding(num_embeddings=5, embedding_dim=3, padding_idx=0)": nn.Embedding(5, 3, 0),
    "LayerNorm(normalized_shape=(4,), eps=1e-05)": nn.LayerNorm(4),
    "LayerNorm(normalized_shape=(2, 4), eps=1e-05, bias=False)": nn.LayerNorm((2, 4), bias=False),
    "LayerNorm(normalized_shape=(4,), eps=0.1, elementwise_affine=False)": nn.LayerNorm([4], 0.1, False),
    "RMSNorm(normalized_shape=(4,), eps=None)": nn.RMSNorm(4),
    "RMSNorm(normalized_shape=(4,), eps=0.1, elementwise_affine=False)": nn.RMSNorm(4, 0.1, False),
    "GroupNorm(num_groups=2, num_channels=4, eps=1e-05)": nn.GroupNorm(2, 4),
    "GroupNorm(num_groups=2, num_channels=4, eps=1e-05, affine=False)": nn.GroupNorm(2, 4, affine=False),
    "Linear(in_features=None, out_features=3, bias=False, weight_regularizer_l2=0.1)": nn.Linear(
        None, 3, False, weight_regularizer_l2=0.1
    ),
    "Conv2d(in_channels=3, out_channels=4, kernel_size=(3, 3))": nn.Conv2d(3, 4, 3),
    "Conv2d(in_channels=4, out_channels=4, kernel_size=(3, 2), stride=(2, 2), padding=(0, 1), groups=2, bias=False)": (
        nn.Conv2d(4, 4, (3, 2), 2, (0, 1), 1, 2, False)
    ),
    "Conv1d(in_channels=3, out_channels=4, kernel_size=(3,), padding='same', bias_regularizer_l1=0.5)": nn.Conv1d(
        3, 4, 3, padding="same", bias_regularizer_l1=0.5
    ),
    "ConvTranspose2d(in_channels=3, out_channels=4, kernel_size=(3, 3), stride=(2, 2), output_padding=(1, 1))": (
        nn.ConvTranspose2d(3, 4, 3, 2, 0, 1)
    ),
    "MaxPool2d(kernel_size=(2, 2), stride=(2, 2))": nn.MaxPool2d(2),
    "MaxPool1d(kernel_size=(3,), stride=(1,), padding=(1,), ceil_mode=True)": nn.MaxPool1d(3, 1, 1, 1, True),
    "AvgPool1d(kernel_size=(2,), stride=(2,), count_include_pad=False)": nn.AvgPool1d(2, count_include_pad=False),
    "AdaptiveAvgPool2d(output_size=(1, None))": nn.AdaptiveAvgPool2d((1, None)),
    "BatchNorm2d(num_features=3, eps=1e-05, momentum=None, affine=False)": nn.BatchNorm2d(3, 1e-5, None, False),
    "CrossEntropyLoss()": nn.CrossEntropyLoss().eval(),
    "CrossEntropyLoss(label_smoothing=0.1, weight=[1.0, 2.0], ignore_index=-100)": nn.CrossEntropyLoss(
        "mean", 0.1, [1.0, 2.0], -100
    ),
    "BCEWithLogitsLoss(reduction='sum', pos_weight=3.0)": nn.BCEWithLogitsLoss("sum", 3.0),
    "HuberLoss(delta=0.5)": nn.HuberLoss(delta=0.5),
    "KLDivLoss(reduction='batchmean')": nn.KLDivLoss("batchmean"),
    "LeakyReLU(negative_slope=0.01)": nn.LeakyReLU().eval(),
    "GELU(approximate='tanh')": nn.GELU("tanh"),
    "PReLU(num_parameters=1)": nn.PReLU(),
    "Hardtanh(min_val=-1.0, max_val=1.0)": nn.Hardtanh(),
}


@pytest.mark.parametrize("text", SHOWN)
def test_repr(text):
    assert repr(SHOWN[text]) == text


# -- all of them --------------------------------------------------------------------------------

LAYERS = {
    "Dropout": (lambda dtype: nn.Dropout(generator=RNG(0)), (3, 4)),
    "LayerNorm": (lambda dtype: nn.LayerNorm(4, dtype=dtype), (3, 4)),
    "RMSNorm": (lambda dtype: nn.RMSNorm(4, dtype=dtype), (3, 4)),
    "GroupNorm": (lambda dtype: nn.GroupNorm(2, 4, dtype=dtype), (3, 4, 5)),
    "PReLU": (lambda dtype: nn.PReLU(4, dtype=dtype), (3, 4, 5)),
    "Conv1d": (lambda dtype: nn.Conv1d(4, 2, 3, dtype=dtype), (3, 4, 5)),
    "Conv2d": (lambda dtype: nn.Conv2d(4, 2, 3, dtype=dtype), (3, 4, 5, 5)),
    "ConvTranspose2d": (lambda dtype: nn.ConvTranspose2d(4, 2, 3, dtype=dtype), (3, 4, 5, 5)),
    "BatchNorm1d": (lambda dtype: nn.BatchNorm1d(4, dtype=dtype), (3, 4)),
    "BatchNorm1d, cumulative": (lambda dtype: nn.BatchNorm1d(4, momentum=None, dtype=dtype), (3, 4)),
    "AvgPool2d": (lambda dtype: nn.AvgPool2d(2, padding=1, count_include_pad=False), (3, 4, 5, 5)),
    "AdaptiveAvgPool2d": (lambda dtype: nn.AdaptiveAvgPool2d(2), (3, 4, 5, 5)),
    **{f.__name__: (lambda dtype, f=f: f(), (3, 4)) for f in (
        nn.CELU, nn.ELU, nn.GELU, nn.GLU, nn.SELU, nn.Hardsigmoid, nn.Hardswish, nn.Hardtanh, nn.LeakyReLU,
        nn.LogSigmoid, nn.LogSoftmax, nn.Mish, nn.ReLU6, nn.SiLU, nn.Softplus, nn.Softsign,
    )},
}  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_keeps_its_dtype_and_a_copy_computes_the_same(name, dtype):
    build, shape = LAYERS[name]
    layer = build(dtype)
    clone = copy.deepcopy(layer)
    x = mg.tensor(normal(*shape, dtype=dtype), requires_grad=True)
    z = layer(x)
    z.sum().backward()
    assert z.dtype == x.grad.dtype == dtype
    assert all(p.dtype == p.grad.dtype == dtype for p in layer.parameters())
    np.testing.assert_array_equal(z.data, clone(x).data)


@pytest.mark.parametrize(
    "name", [name for name, (build, _) in LAYERS.items() if build("f4").parameters() or "Pool" in name]
)
def test_a_layer_takes_an_empty_batch(name):
    """In evaluation: an empty last batch of a loader is no error."""
    build, shape = LAYERS[name]
    x = mg.tensor(np.ones((0, *shape[1:]), "f4"))
    assert build("float32").eval()(x).shape[0] == 0


# -- in a compiled step -------------------------------------------------------------------------

COMPILED = {
    "normalised": (
        lambda: nn.Sequential(nn.Linear(4, 6, weight_regularizer_l1=0.01), nn.LayerNorm(6), nn.GELU(), nn.Linear(6, 3)),
        nn.CrossEntropyLoss(weight=[1.0, 2.0, 0.5], ignore_index=-100, label_smoothing=0.1),
    ),
    "evaluated": (
        lambda: nn.Sequential(
            nn.Linear(4, 6), nn.RMSNorm(6), nn.Mish(), nn.Dropout().eval(), nn.BatchNorm1d(6).eval(), nn.Linear(6, 3)
        ),
        nn.CrossEntropyLoss(weight=[1.0, 2.0, 0.5]),
    ),
    "margins": (lambda: nn.Sequential(nn.Linear(4, 3), nn.PReLU(3)), nn.MultiMarginLoss(p=2)),
    "logarithms": (lambda: nn.Sequential(nn.Linear(4, 3), nn.LogSoftmax()), nn.NLLLoss(weight=[1.0, 2.0, 0.5])),
}


@pytest.mark.parametrize("name", COMPILED)
def test_layers_and_losses_replay_bit_for_bit(name):
    """``check=True`` runs each call both ways and compares."""
    build, loss_fn = COMPILED[name]
    model = build()
    optimizer = optim.SGD(model.parameters(), lr=0.1)

    def step(x, y):
        loss = loss_fn(model(x), y) + model.regularization_loss()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    compiled = mg.compile(step, check=True)
    for i in range(5):
        compiled(mg.tensor(normal(6, 4) + i / 7), (np.arange(6) + i) % 3)
    assert compiled.stats()["replayed"] == 3


def test_a_replay_notices_that_every_label_is_ignored():
    loss_fn = mg.compile(nn.CrossEntropyLoss(ignore_index=-1))
    for i in range(4):
        loss_fn(mg.tensor(normal(4, 3)), np.array([0, i % 3, -1, 2]))
    with pytest.raises(TargetError, match="every label"):
        loss_fn(mg.tensor(normal(4, 3)), np.array([-1] * 4))
