"""Layers, activations and losses as functions of tensors: what the modules call."""

from typing import TYPE_CHECKING

from minigrad.core.idioms import missing_from
from minigrad.core.table import builtin, derived_ops
from minigrad.nn.functional.classification import (
    accuracy,
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    categorical_cross_entropy,
    cross_entropy,
    hinge_embedding_loss,
    multi_margin_loss,
    nll_loss,
)
from minigrad.nn.functional.convolution import (
    conv1d,
    conv2d,
    conv3d,
    conv_transpose1d,
    conv_transpose2d,
    conv_transpose3d,
)
from minigrad.nn.functional.layers import (
    batch_norm,
    dropout,
    linear,
    pad,
)
from minigrad.nn.functional.losses import (
    huber_loss,
    kl_div,
    l1_loss,
    mse_loss,
    smooth_l1_loss,
)
from minigrad.nn.functional.pooling import (
    adaptive_avg_pool1d,
    adaptive_avg_pool2d,
    adaptive_max_pool1d,
    adaptive_max_pool2d,
    avg_pool1d,
    avg_pool2d,
    avg_pool3d,
    max_pool1d,
    max_pool2d,
    max_pool3d,
)
from minigrad.nn.functional.windows import (
    fold,
    unfold,
)
from minigrad.ops import (
    activations,
    log_softmax,
    relu,
    sigmoid,
    softmax,
    tanh,
)
from minigrad.ops.activations import *
from minigrad.ops.attention import (
    attention_weights,
    masked_softmax,
    scaled_dot_product_attention,
)
from minigrad.ops.convolution import (
    convolution,
    convolution_kernel,
    convolution_transpose,
)
from minigrad.ops.embedding import (
    embedding,
    scatter_rows,
    take_rows,
)
from minigrad.ops.normalisation import (
    centre,
    cosine_similarity,
    group_norm,
    instance_norm,
    inverse_rms,
    layer_norm,
    normalize,
    rms_norm,
    rms_scale,
)
from minigrad.ops.pooling import (
    max_pool,
    window_gather,
    window_share,
)
from minigrad.ops.recurrent import (
    recurrent_scan,
)
from minigrad.ops.segments import (
    one_hot,
)
from minigrad.ops.windows import (
    window_spread,
    window_sum,
)

__all__ = [
    "accuracy", "adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_max_pool1d", "adaptive_max_pool2d",
    "attention_weights", "avg_pool1d", "avg_pool2d", "avg_pool3d", "batch_norm", "binary_cross_entropy",
    "binary_cross_entropy_with_logits", "categorical_cross_entropy", "centre", "conv1d", "conv2d", "conv3d",
    "conv_transpose1d", "conv_transpose2d", "conv_transpose3d", "convolution", "convolution_kernel",
    "convolution_transpose", "cosine_similarity", "cross_entropy", "dropout", "embedding", "fold", "group_norm",
    "hinge_embedding_loss", "huber_loss", "instance_norm", "inverse_rms", "kl_div", "l1_loss", "layer_norm", "linear",
    "log_softmax", "masked_softmax", "max_pool", "max_pool1d", "max_pool2d", "max_pool3d", "mse_loss",
    "multi_margin_loss", "nll_loss", "normalize", "one_hot", "pad", "recurrent_scan", "relu", "rms_norm", "rms_scale",
    "scaled_dot_product_attention", "scatter_rows", "sigmoid", "smooth_l1_loss", "softmax", "take_rows", "tanh",
    "unfold", "window_gather", "window_share", "window_spread", "window_sum",
]
__all__ += activations.__all__

builtin.update(derived_ops.keys() & set(__all__))

if not TYPE_CHECKING:
    __getattr__ = missing_from(__name__)
