"""Windows, convolutions, pooling, normalisation, attention and embedding, as PyTorch has them."""

import functools
import itertools

import numpy as np
import pytest

import minigrad as mg
from minigrad.nn import functional as F
from tests.torch.differential import compare, torch

TF = torch.nn.functional
RNG = np.random.default_rng(3)


def normal(*shape):
    return RNG.normal(size=shape)


IMAGES = {1: (2, 4, 9), 2: (2, 4, 7, 8), 3: (1, 4, 5, 6, 5)}
KERNELS = {1: (3,), 2: (3, 2), 3: (2, 3, 2)}


def per_axis(axes, *values):
    """A tuple of one value for each axis, in turn."""
    return tuple(values[i % len(values)] for i in range(axes))


def both(name, **options):
    """Our function of this name and PyTorch's, with these options."""
    return functools.partial(getattr(F, name), **options), functools.partial(getattr(TF, name), **options)


def conv_rows():
    rows = {}
    for axes, groups, stride, padding, dilation in itertools.product(
        (1, 2, 3), (1, 2), (1, (2, 1)), (0, (1, 2), "same"), (1, (1, 2))
    ):
        if padding == "same" and stride != 1:
            continue
        sizes = {"stride": stride, "padding": padding, "dilation": dilation}
        options = {name: per_axis(axes, *v) if isinstance(v, tuple) else v for name, v in sizes.items()}
        name, kernel = f"conv{axes}d", KERNELS[axes]
        call = {**options, "groups": groups}
        arrays = [normal(*IMAGES[axes]), normal(6, 4 // groups, *kernel), normal(6)]
        rows[f"{name}, {groups} {stride} {padding} {dilation}"] = (*both(name, **call), arrays)
    return rows


def conv_transpose_rows():
    rows = {}
    for axes, groups, stride, padding, dilation in itertools.product(
        (1, 2, 3), (1, 2), (1, (2, 3)), (0, (1, 0)), (1, (1, 2))
    ):
        sizes = {"stride": stride, "padding": padding, "dilation": dilation}
        call = {name: per_axis(axes, *v) if isinstance(v, tuple) else v for name, v in sizes.items()}
        call["output_padding"] = 0 if stride == 1 else per_axis(axes, 1, 2)
        call["groups"] = groups
        name, small = f"conv_transpose{axes}d", (4, 3, 2)[axes - 1]
        arrays = [normal(2, 4, *(small,) * axes), normal(4, 2, *KERNELS[axes]), normal(2 * groups)]
        rows[f"{name}, {groups} {stride} {padding} {dilation}"] = (*both(name, **call), arrays)
    return rows


def pool_rows():
    rows = {}
    for axes, kernel, stride, padding, dilation, ceil_mode in itertools.product(
        (1, 2, 3), (2, 3), (None, 2, 3), (0, 1), (1, 2), (False, True)
    ):
        size = (11, 7, 6)[axes - 1]
        x = normal(2, 2, *(size,) * axes)
        call = {"kernel_size": kernel, "stride": stride, "padding": padding, "ceil_mode": ceil_mode}
        if size + 2 * padding >= dilation * (kernel - 1) + 1:
            rows[f"max_pool{axes}d, {kernel} {stride} {padding} {dilation} {ceil_mode}"] = (
                *both(f"max_pool{axes}d", dilation=dilation, **call),
                [x],
            )
        if dilation == 1:
            for include in (True, False):
                rows[f"avg_pool{axes}d, {kernel} {stride} {padding} {ceil_mode} {include}"] = (
                    *both(f"avg_pool{axes}d", count_include_pad=include, **call),
                    [x],
                )
    for axes, size in itertools.product((1, 2), (1, 2, 3, 4, 6)):
        for kind in ("avg", "max"):
            name, places = f"adaptive_{kind}_pool{axes}d", size if axes == 1 else (size, 3)
            rows[f"{name}, {size}"] = (*both(name, output_size=places), [normal(2, 2, *(8, 6)[:axes])])
    return rows


MASK = RNG.random((2, 1, 3, 5)) < 0.7
MASK[..., 0] = True
INDICES = np.array([[0, 3, 3], [1, 0, 3]])

ROWS = {
    "unfold": (
        lambda x: F.unfold(x, (3, 2), stride=(2, 1), padding=1, dilation=(1, 2)),
        lambda x: TF.unfold(x, (3, 2), stride=(2, 1), padding=1, dilation=(1, 2)),
        [normal(2, 3, 6, 7)],
    ),
    "fold": (
        lambda x: F.fold(x, (5, 6), 3, stride=2, padding=1, dilation=1),
        lambda x: TF.fold(x, (5, 6), 3, stride=2, padding=1, dilation=1),
        [normal(2, 18, 9)],
    ),
    **conv_rows(),
    **conv_transpose_rows(),
    **pool_rows(),
    "avg_pool2d, divisor": (
        lambda x: F.avg_pool2d(x, 2, divisor_override=3),
        lambda x: TF.avg_pool2d(x, 2, divisor_override=3),
        [normal(2, 3, 5, 4)],
    ),
    "layer_norm": (
        lambda x, w, b: F.layer_norm(x, (4, 5), w, b),
        lambda x, w, b: TF.layer_norm(x, (4, 5), w, b),
        [normal(3, 4, 5), normal(4, 5), normal(4, 5)],
    ),
    "layer_norm, plain": (
        lambda x: F.layer_norm(x, 5, eps=0.1),
        lambda x: TF.layer_norm(x, (5,), eps=0.1),
        [normal(3, 5)],
    ),
    "rms_norm": (
        lambda x, w: F.rms_norm(x, (4, 5), w),
        lambda x, w: TF.rms_norm(x, (4, 5), w),
        [normal(3, 4, 5), normal(4, 5)],
    ),
    "rms_norm, eps": (lambda x: F.rms_norm(x, 5, eps=0.1), lambda x: TF.rms_norm(x, (5,), eps=0.1), [normal(3, 5)]),
    "group_norm": (
        lambda x, w, b: F.group_norm(x, 2, w, b),
        lambda x, w, b: TF.group_norm(x, 2, w, b),
        [normal(3, 4, 5, 2), normal(4), normal(4)],
    ),
    "instance_norm": (
        F.instance_norm,
        lambda x, w, b: TF.instance_norm(x, weight=w, bias=b),
        [normal(3, 4, 5, 2), normal(4), normal(4)],
    ),
    "batch_norm, training": (
        lambda x, w, b: F.batch_norm(x, None, None, w, b, training=True),
        lambda x, w, b: TF.batch_norm(x, None, None, w, b, training=True),
        [normal(3, 4, 5, 2), normal(4), normal(4)],
    ),
    "batch_norm, vectors": (
        lambda x: F.batch_norm(x, training=True),
        lambda x: TF.batch_norm(x, None, None, training=True),
        [normal(6, 4)],
    ),
    "batch_norm, running": (
        lambda x, w, b: F.batch_norm(x, np.arange(4.0), np.arange(1.0, 5.0), w, b),
        lambda x, w, b: TF.batch_norm(x, torch.arange(4.0).double(), torch.arange(1.0, 5.0).double(), w, b),
        [normal(3, 4, 5, 2), normal(4), normal(4)],
    ),
    "normalize": (F.normalize, TF.normalize, [normal(3, 4)]),
    "normalize, 1": (lambda x: F.normalize(x, 1, -1), lambda x: TF.normalize(x, 1, -1), [normal(3, 4)]),
    "normalize, 3.5": (lambda x: F.normalize(x, 3.5, 0), lambda x: TF.normalize(x, 3.5, 0), [normal(3, 4)]),
    "cosine_similarity": (F.cosine_similarity, TF.cosine_similarity, [normal(3, 4), normal(1, 4)]),
    "masked_softmax": (
        lambda x: F.masked_softmax(x, MASK),
        lambda x: torch.softmax(x.masked_fill(~torch.tensor(MASK), -np.inf), -1),
        [normal(2, 4, 3, 5)],
    ),
    "attention_weights": (
        F.attention_weights,
        lambda q, k: torch.softmax(q @ k.mT / 2, -1),
        [normal(2, 3, 4), normal(2, 5, 4)],
    ),
    "scaled_dot_product_attention": (
        F.scaled_dot_product_attention,
        TF.scaled_dot_product_attention,
        [normal(2, 4, 3, 4), normal(2, 4, 5, 4), normal(2, 4, 5, 2)],
    ),
    "scaled_dot_product_attention, bools": (
        lambda q, k, v: F.scaled_dot_product_attention(q, k, v, MASK, scale=0.3),
        lambda q, k, v: TF.scaled_dot_product_attention(q, k, v, torch.tensor(MASK), scale=0.3),
        [normal(2, 4, 3, 4), normal(2, 4, 5, 4), normal(2, 4, 5, 2)],
    ),
    "scaled_dot_product_attention, floats": (
        F.scaled_dot_product_attention,
        TF.scaled_dot_product_attention,
        [normal(2, 3, 4), normal(2, 5, 4), normal(2, 5, 2), normal(3, 5)],
    ),
    "scaled_dot_product_attention, causal": (
        lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True),
        lambda q, k, v: TF.scaled_dot_product_attention(q, k, v, is_causal=True),
        [normal(2, 4, 4), normal(2, 4, 4), normal(2, 4, 2)],
    ),
    "embedding": (
        lambda w: F.embedding(INDICES, w),
        lambda w: TF.embedding(torch.tensor(INDICES), w),
        [normal(5, 2)],
    ),
    "embedding, padding": (
        lambda w: F.embedding(INDICES, w, 3),
        lambda w: TF.embedding(torch.tensor(INDICES), w, 3),
        [normal(5, 2)],
    ),
    "pad, constant": (
        lambda x: F.pad(x, (1, 2, 0, -1), value=3.0),
        lambda x: TF.pad(x, (1, 2, 0, -1), value=3.0),
        [normal(2, 3, 4, 5)],
    ),
    **{
        f"pad, {mode}": (
            lambda x, mode=mode: F.pad(x, (1, 2, 0, 1), mode),
            lambda x, mode=mode: TF.pad(x, (1, 2, 0, 1), mode),
            [normal(2, 3, 4, 5)],
        )
        for mode in ("reflect", "replicate", "circular")
    },
}

WITHOUT = {
    "convolution": "any number of axes: conv1d, conv2d and conv3d call it",
    "convolution_kernel": "the gradient of the convolutions with respect to the weight, compared there",
    "convolution_transpose": "any number of axes: conv_transpose1d, 2d and 3d call it",
    "centre": "a step of layer_norm",
    "inverse_rms": "a step of rms_norm",
    "max_pool": "any number of axes: max_pool1d, 2d and 3d call it",
    "rms_scale": "a step of layer_norm and rms_norm",
    "scatter_rows": "the gradient of embedding, compared there",
    "take_rows": "what embedding calls",
    "window_columns": "unfold, of a window as the package has it, is compared above",
    "window_uncolumns": "fold, of a window as the package has it, is compared above",
    "window_gather": "the second gradient of max_pool, compared there",
    "window_share": "the gradient of max_pool, compared there",
    "window_spread": "the gradient of avg_pool, compared there",
    "window_sum": "avg_pool times the size of the window",
}


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
@pytest.mark.parametrize("row", ROWS)
def test_equals_pytorchs(row):
    compare(ROWS[row])


def test_running_statistics_are_pytorchs():
    x = normal(3, 4, 5)
    mean, var = np.zeros(4, float), np.ones(4, float)
    theirs = torch.zeros(4).double(), torch.ones(4).double()
    for momentum in (0.1, 0.4):
        F.batch_norm(mg.tensor(x), mean, var, training=True, momentum=momentum)
        TF.batch_norm(torch.tensor(x), *theirs, training=True, momentum=momentum)
    np.testing.assert_allclose(mean, theirs[0], rtol=1e-12)
    np.testing.assert_allclose(var, theirs[1], rtol=1e-12)
