"""Layers as functions of tensors: those with a random number or options in PyTorch's order."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad import ops, random
from minigrad.core.checks import flag, lies_between
from minigrad.core.conversion import as_array, detached
from minigrad.core.members import is_true
from minigrad.core.stands import shown
from minigrad.core.table import derived
from minigrad.errors import DTypeError, HyperparameterError, ShapeError, TargetError
from minigrad.ops.along import given, summable
from minigrad.ops.embedding import take_rows
from minigrad.ops.fused import linear as affine
from minigrad.support.idioms import refuse_keywords

__all__ = ["dropout", "embedding", "linear", "pad"]


def linear(x: Any, weight: Any, bias: Any = None) -> Any:
    """x @ weight.T + bias: x (..., in), weight (out, in), bias (out,) or None -> (..., out).

    >>> mg.linear(mg.ones((5, 2)), mg.ones((3, 2)), mg.zeros(3)).shape
    (5, 3)
    """
    if bias is not None:
        return affine(x, weight, bias)
    product = np.matmul(x, given(weight).T)
    return product if product.dtype.kind in "fc" else np.matmul(summable(x), summable(weight).T)


def dropout(
    x: Any, p: float = 0.5, training: bool = True, generator: np.random.Generator | None = None, **foreign: Any
) -> Any:
    """Each element of x is 0 with probability ``p``, else x / (1 - p): the mean stays. x itself unless ``training``.

    What is dropped is drawn from ``generator``, or from the package's own (``mg.manual_seed``). Source: Srivastava
    and others, 2014. Raises ``HyperparameterError`` unless p is in [0, 1], ``DTypeError`` for x of integers.

    >>> F.dropout(mg.ones(4), 0.5, training=False)
    tensor([1., 1., 1., 1.])
    """
    if foreign:
        refuse_keywords("dropout", foreign)
    if not lies_between(p, 0, 1):
        raise HyperparameterError(f"dropout: p is a probability in [0, 1], such as 0.5; got {p!r}")
    if not flag("dropout", "training", training) or p == 0:
        return x
    x = given(x)
    if x.dtype.kind != "f":
        raise DTypeError(f"dropout scales what it keeps, so x has a floating dtype, got {x.dtype}: astype('float32')")
    return x * random.mask(generator, x.shape, 1 - p, x.dtype)


#: PyTorch's names of the ways to fill a border, and NumPy's.
_MODES = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


def pad(x: Any, pad: Any, mode: str = "constant", value: float = 0.0) -> Any:
    """x with a border, in PyTorch's order: ``pad`` is (before, after) of the last axis, then of the one before it, ...

    ``mode`` is "constant" (filled with ``value``; a negative width cuts off), "reflect", "replicate" or "circular".
    ``mg.pad`` takes one pair for each axis, first axis first. Raises ``ShapeError`` or ``HyperparameterError``.

    >>> F.pad(mg.ones((1, 2)), (1, 2))
    tensor([[0., 1., 1., 0., 0.]])
    """
    shape = np.shape(x)
    widths = tuple(pad) if isinstance(pad, (tuple, list)) else ()
    if len(widths) % 2 or not 0 < len(widths) <= 2 * len(shape):
        raise ShapeError(
            f"pad is (before, after) of the last axis, then of the one before it, for at most {len(shape)} axes of x "
            f"of shape {shape}; got {pad!r}"
        )
    if mode not in _MODES:
        raise HyperparameterError(f"pad: mode={mode!r}: expected one of {', '.join(map(repr, _MODES))}")
    pairs = [(0, 0)] * (len(shape) - len(widths) // 2)
    pairs += [(widths[i], widths[i + 1]) for i in range(len(widths) - 2, -1, -2)]
    if isinstance(value, complex) and getattr(x, "dtype", np.dtype("f4")).kind != "c":
        raise DTypeError(f"pad: a complex value={value!r} does not fit into x of real numbers: take its real part")
    if mode != "constant":
        return ops.pad(x, pairs, _MODES[mode])
    if min(widths) < 0:
        if any(size + min(low, 0) + min(high, 0) < 0 for size, (low, high) in zip(shape, pairs, strict=True)):
            raise ShapeError(f"pad={pad!r} cuts more off x of shape {shape} than there is")
        sides = zip(shape, pairs, strict=True)
        x = x[tuple([slice(max(-low, 0), size + min(high, 0)) for size, (low, high) in sides])]
        pairs = [(max(low, 0), max(high, 0)) for low, high in pairs]
    return ops.pad(x, pairs, constant_values=value)


def _row_numbers(indices: Any, shape: tuple[int, ...]) -> np.ndarray:
    """The indices as ``intp``, each a row of the weight. Raises ``DTypeError``, ``TargetError`` or ``ShapeError``."""
    array = as_array(detached(indices))
    if len(shape) != 2:
        raise ShapeError(f"embedding takes a weight of shape (count, width), got shape {shape}")
    if array.dtype.kind not in "iu" and array.size:
        hint = ": the indices come first, embedding(indices, weight)" if array.ndim == 2 else ""
        raise DTypeError(f"embedding takes indices of integers, got dtype {array.dtype}: write .astype(int){hint}")
    numbers: np.ndarray = array.astype(np.intp, copy=False)
    # Seen as unsigned, a negative number is huge: one pass finds both kinds of stray index.
    if numbers.size and is_true(numbers.view(np.uintp).max() >= shape[0], np.any):
        numbers = shown(numbers)
        stray = numbers[(numbers < 0) | (numbers >= shape[0])]
        raise TargetError(
            f"embedding indices run from 0 to {shape[0] - 1} for a weight of shape {shape}, got {stray[0]}"
            + (f" and {stray.size - 1} more out of range" if stray.size > 1 else "")
        )
    return numbers


@derived()
def embedding(indices: Any, weight: Any, padding_idx: int | None = None) -> Any:
    """Row i of weight (count, width) for each i of ``indices``, integers of any shape (...): (..., width).

    The row ``padding_idx`` is read as it is and gets no gradient; counted from the end if negative. Raises
    ``DTypeError`` for indices of a float dtype, ``TargetError`` for one out of range or negative.
    """
    shape = np.shape(weight)
    numbers = _row_numbers(indices, shape)
    if padding_idx is None:
        return take_rows(weight, numbers)
    if not -shape[0] <= padding_idx < shape[0]:
        raise TargetError(f"padding_idx is one of the {shape[0]} rows of a weight of shape {shape}, got {padding_idx}")
    return take_rows(weight, numbers, padding_idx % shape[0])
