"""Rules for functions of elements in the same place: the members' axes are aligned, and the rest is NumPy's."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from minigrad.batching.rules import RULES, aligned, made, mine, outputs, rule
from minigrad.core.batches import Batch
from minigrad.kernels import normal


@rule(np.ufunc)
def _ufunc(batch: Batch, function: Any, *args: Any, **options: Any) -> Any:
    """Any ufunc that takes elements."""
    where, out = options.get("where", True), options.pop("out", None)
    if where is not True:
        *inputs, options["where"] = aligned(batch, (*args, where))
    else:
        inputs = aligned(batch, args)
    if out is None:
        return made(batch, function(*inputs, **options))
    function(*inputs, out=outputs(batch, out), **options)
    return out[0] if len(out) == 1 else out


def _elementwise(function: Callable[..., Any]) -> None:
    """Register a function whose positional arguments broadcast together."""

    def answer(batch: Batch, *inputs: Any, **options: Any) -> Any:
        if options.get("out") is not None or (function is np.where and len(inputs) == 1):
            return NotImplemented
        if options:
            names = [name for name, x in options.items() if mine(batch, x)]
            values = aligned(batch, (*inputs, *[options[name] for name in names]))
            options.update(zip(names, values[len(inputs) :], strict=True))
            return made(batch, function(*values[: len(inputs)], **options))
        return made(batch, function(*aligned(batch, inputs)))

    RULES[function] = answer


for _name in """
    add sub mul truediv floordiv mod pow and_ or_ xor lshift rshift lt le gt ge eq ne
    """.split():
    _elementwise(getattr(operator, _name))
for _name in "where clip real imag angle nan_to_num isclose isneginf isposinf iscomplex isreal i0 sinc fix".split():
    _elementwise(getattr(np, _name))
for _name in "sqrt log log2 log10 logn power arccos arcsin arctanh".split():
    _elementwise(getattr(np.emath, _name))
_elementwise(normal.normal_cdf)


@rule(normal.gelu_and_slope)
def _gelu_and_slope(batch: Batch, x: Any) -> Any:
    return made(batch, np.moveaxis(normal.gelu_and_slope(x.array), 1, 0))


@rule(normal.error_function)
def _error_function(batch: Batch, x: Any, complement: bool) -> Any:
    return made(batch, normal.error_function(x.array, complement))


@rule(np.round, np.around)
def _round(batch: Batch, a: Any, decimals: Any = 0, out: Any = None) -> Any:
    return NotImplemented if out is not None or not mine(batch, a) else made(batch, np.round(a.array, decimals))


@rule(np.empty_like)
def _empty_like(
    batch: Batch,
    prototype: Any,
    dtype: Any = None,
    order: Any = "K",
    subok: bool = True,
    shape: Any = None,
    *,
    device: Any = None,
) -> Any:
    """An array of each member's own, since it may be written to."""
    members = prototype.array if mine(batch, prototype) else prototype
    size = np.shape(prototype) if shape is None else (shape,) if isinstance(shape, (int, np.integer)) else tuple(shape)
    return made(batch, np.empty_like(members, dtype, order, subok, (batch.size, *size), device=device))


@rule(np.full_like)
def _full_like(batch: Batch, a: Any, fill_value: Any, *args: Any, **options: Any) -> Any:
    z = _empty_like(batch, a, *args, **options)
    z[...] = fill_value
    return z


@rule(np.zeros_like)
def _zeros_like(batch: Batch, a: Any, *args: Any, **options: Any) -> Any:
    return _full_like(batch, a, 0, *args, **options)


@rule(np.ones_like)
def _ones_like(batch: Batch, a: Any, *args: Any, **options: Any) -> Any:
    return _full_like(batch, a, 1, *args, **options)


@rule(np.copyto)
def _copyto(batch: Batch, dst: Any, src: Any, casting: Any = "same_kind", where: Any = True) -> Any:
    if not mine(batch, dst):
        return NotImplemented
    source, mask = aligned(batch, (src, where), dst.ndim)
    np.copyto(dst.array, source, casting=casting, where=mask)
    return None


@rule(np.copy)
def _copy(batch: Batch, a: Any, *args: Any, **options: Any) -> Any:
    return made(batch, np.copy(a.array, *args, **options))


@rule(np.select)
def _select(batch: Batch, condlist: Any, choicelist: Any, default: Any = 0) -> Any:
    values = aligned(batch, (*condlist, *choicelist, default))
    count = len(condlist)
    return made(batch, np.select(values[:count], values[count:-1], values[-1]))
