"""How many floating-point operations a layer's forward pass takes: one formula for each type of layer.

A multiplication with an addition counts two, every other operation of a formula one; exp, tanh and a root count one
too. What moves or looks up numbers (Flatten, Embedding) counts none. The numbers are those of evaluation, where
dropout does nothing and batch norm is a scale and a shift.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from minigrad.nn.module import Module

#: The floating-point operations of one call, given the layer, its arguments and its output.
Count = Callable[[Any, Any, Any], int]


def _dense(module: Any, args: Any, z: Any) -> int:
    """Each output is a product with a row of the weight (out, in, ...), and the bias."""
    return _size(z) * (2 * _row(module.weight) + _has_bias(module))


def _conv_transpose(module: Any, args: Any, z: Any) -> int:
    """Each input is multiplied with a part of the weight (in, out, ...) and added to the outputs."""
    return _size(args[0]) * 2 * _row(module.weight) + _size(z) * _has_bias(module)


def _window(module: Any, args: Any, z: Any) -> int:
    """Each output compares or adds the numbers of a window."""
    kernel = module.kernel_size
    sides = len(z.shape) - 2
    return _size(z) * (math.prod(kernel) if isinstance(kernel, (tuple, list)) else kernel**sides)


def _adaptive(module: Any, args: Any, z: Any) -> int:
    """The windows share the input among them."""
    return _size(args[0])


def _recurrent(module: Any, args: Any, z: Any) -> int:
    """Each sample multiplies every weight matrix once a step; the gates' own operations are not counted."""
    matrices: int = sum(p.size for p in module.parameters() if p.ndim == 2)
    return _size(args[0]) // int(args[0].shape[-1]) * 2 * matrices


def _attention(module: Any, args: Any, z: Any) -> int:
    """Projections of queries, keys and values, scores, softmax, weighted values; the last projection is a layer."""
    query, key, value = (args[min(i, len(args) - 1)] for i in range(3))
    width, heads = module.embed_dim, module.num_heads
    projected = (_size(query) + _size(key) + _size(value)) * (2 * width + (module.in_proj_bias is not None))
    pairs = _size(query) // width * key.shape[1 if module.batch_first and len(key.shape) == 3 else 0]
    return int(projected + pairs * (4 * width + 5 * heads))


def each(operations: int) -> Count:
    """The same number of operations for each element of the output."""
    return lambda module, args, z: operations * _size(z)


#: Type of layer -> its formula. Layers that are a function say theirs themselves (``nn.layer.layer_of``).
FLOPS: dict[str, Count] = {
    "Linear": _dense,
    **dict.fromkeys(("Conv1d", "Conv2d", "Conv3d"), _dense),
    **dict.fromkeys(("ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d"), _conv_transpose),
    **dict.fromkeys(("MaxPool1d", "MaxPool2d", "MaxPool3d", "AvgPool1d", "AvgPool2d", "AvgPool3d"), _window),
    **dict.fromkeys(("AdaptiveAvgPool1d", "AdaptiveAvgPool2d"), _adaptive),
    **dict.fromkeys(("AdaptiveMaxPool1d", "AdaptiveMaxPool2d"), _adaptive),
    **dict.fromkeys(("RNN", "LSTM", "GRU", "RNNCell", "LSTMCell", "GRUCell"), _recurrent),
    "MultiheadAttention": _attention,
    **dict.fromkeys(("BatchNorm1d", "BatchNorm2d", "BatchNorm3d"), each(2)),
    # mean, difference, square, its mean, product with the inverse root, weight, bias
    **dict.fromkeys(("LayerNorm", "GroupNorm"), each(7)),
    "RMSNorm": each(4),
    **dict.fromkeys(("Dropout", "Embedding", "Flatten", "Identity"), each(0)),
    "PReLU": each(2),
}


def flops(module: Module, args: tuple[Any, ...], output: Any) -> int | None:
    """The operations of this call, without those of modules inside; None where no formula is known.

    A module that has modules inside and no parameters of its own counts none itself.
    """
    for kind in type(module).__mro__:
        formula = FLOPS.get(kind.__name__)
        if formula is not None:
            return formula(module, args, output)
    return 0 if module.children() and not own_parameters(module) else None


def own_parameters(module: Module) -> list[Any]:
    """The parameters that belong to no module inside."""
    inside = {id(p) for child in module.modules()[1:] for p in child.parameters()}
    return [p for p in module.parameters() if id(p) not in inside]


def _size(x: Any) -> int:
    return math.prod(x.shape) if hasattr(x, "shape") else 0


def _row(weight: Any) -> int:
    return math.prod(weight.shape[1:])


def _has_bias(module: Any) -> bool:
    return getattr(module, "bias", None) is not None
