"""Options of a call of any ufunc: ``out``, ``where``, ``dtype``, ``signature``, ``casting``, ``order``, ``axes``.

They are carried out around the op, with NumPy's meaning.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minigrad.core.conversion import as_array, detached
from minigrad.core.inplace import write_at
from minigrad.core.numpy_protocol import name_of, writable
from minigrad.core.table import taking_options
from minigrad.errors import DTypeError, ShapeError, UnsupportedError
from minigrad.ops.along import given
from minigrad.ops.arranging import copy

#: Types that NumPy's rules of promotion take for weak.
_WEAK = (int, float, complex)


@taking_options(np.ufunc)
def call_ufunc(
    ufunc: np.ufunc, known: Callable[..., Any], *inputs: Any, out: Any = None, where: Any = True, dtype: Any = None,
    signature: Any = None, casting: Any = "same_kind", order: str = "K", subok: bool = True, **core: Any,
) -> Any:
    """``ufunc(*inputs, ...)``, by the function ``known`` that tensors answer it with.

    ``subok`` says what to do with subclasses of arrays, and a tensor is none. Raises ``UnsupportedError`` for an
    ``out`` that is a plain array, and for ``where`` without ``out``, where the rest would be whatever is in memory.
    """
    del subok
    if out is not None:
        writable(ufunc, out)
    elif where is not True:
        raise UnsupportedError(
            f"{name_of(ufunc)}(where=...) without out= leaves the rest to what is in memory: write "
            "out=mg.zeros(shape), mg.where(mask, z, other), or leave the graph on purpose with x.data"
        )
    operands = _cast(ufunc, inputs, out, dtype, signature, casting)
    if where is True:
        z = _along_axes(ufunc, known, operands, **core)
    else:
        with np.errstate(all="ignore"):  # where the mask is False, nothing is computed
            z = _along_axes(ufunc, known, operands, **core)
    if order in ("C", "F"):
        z = tuple([copy(each, order) for each in z]) if isinstance(z, tuple) else copy(z, order)
    if out is None:
        return z
    outs, results = (out if isinstance(out, tuple) else (out,)), (z if isinstance(z, tuple) else (z,))
    written = [_write_result(each, new, where) for each, new in zip(outs, results, strict=True)]
    return tuple(written) if len(written) > 1 else written[0]


def _write_result(out: Any, z: Any, where: Any) -> Any:
    """``out`` with the result where the mask holds; it may be larger, as the result broadcasts to it."""
    if out is None:
        return z
    where = detached(where)
    shape = np.broadcast_shapes(np.shape(z), np.shape(where), out.shape)
    if shape != out.shape:
        raise ShapeError(f"out= has the shape that the arguments broadcast to, {shape}, got {out.shape}")
    write_at(out, ..., z if where is True else np.where(where, z, out.copy()))
    return out


def _cast(
    ufunc: np.ufunc, inputs: Sequence[Any], out: Any, dtype: Any, signature: Any, casting: Any
) -> Sequence[Any]:
    """The inputs in the dtypes of the loop that NumPy takes. Raises ``DTypeError`` as it does."""
    if dtype is None and signature is None and casting == "same_kind":
        return inputs
    operands = [x if type(x) in _WEAK else given(x) for x in inputs]
    types = [type(x) if type(x) in _WEAK else x.dtype for x in operands]
    outs = [None] * ufunc.nout if out is None else [None if each is None else each.dtype for each in out]
    if signature is None and dtype is not None:
        signature = (None,) * ufunc.nin + (np.dtype(dtype),) * ufunc.nout
    chosen: dict[str, Any] = {} if signature is None else {"signature": _loop(ufunc, signature)}
    try:
        loop = ufunc.resolve_dtypes((*types, *outs), casting=casting, **chosen)
    except TypeError as error:
        raise DTypeError(f"{name_of(ufunc)}: {error}; write x.astype(...)") from None
    return [_as(x, wanted) for x, wanted in zip(operands, loop, strict=False)]


def _loop(ufunc: np.ufunc, signature: Any) -> tuple[np.dtype | None, ...]:
    """A signature as a tuple of dtypes, one for each argument and result; text such as "ff->f" too."""
    if isinstance(signature, str) and "->" in signature:
        taken, given_back = signature.split("->")
        signature = (*taken, *given_back)
    elif isinstance(signature, (str, type, np.dtype)):
        signature = (None,) * ufunc.nin + (signature,) * ufunc.nout
    return tuple([None if t is None else np.dtype(t) for t in signature])


def _as(x: Any, dtype: np.dtype) -> Any:
    if type(x) in _WEAK:
        return as_array(x).astype(dtype)[()]
    return x if x.dtype == dtype else x.astype(dtype)


# -- axes of ufuncs of vectors and matrices -------------------------------------------------------


def _along_axes(
    ufunc: np.ufunc, known: Callable[..., Any], operands: Sequence[Any], *, axes: Any = None, axis: Any = None,
    keepdims: bool = False,
) -> Any:
    """The call with the vectors and matrices along ``axes``, one tuple for each argument and for the result."""
    if axes is None and axis is None and not keepdims:
        return known(*operands)
    if ufunc.signature is None or ("->()" not in ufunc.signature and (keepdims or axis is not None)):
        raise UnsupportedError(f"{name_of(ufunc)} takes no axes=, axis= and keepdims= of this kind")
    if axes is None:
        axes = [(-1 if axis is None else axis,)] * ufunc.nin
    axes = [(each,) if isinstance(each, int) else tuple(each) for each in axes]
    last = [np.moveaxis(x, each, range(-len(each), 0)) for x, each in zip(operands, axes, strict=False)]
    z = known(*last)
    if keepdims:
        return np.expand_dims(z, axes[ufunc.nin] if len(axes) > ufunc.nin and axes[ufunc.nin] else axes[0])
    if len(axes) > ufunc.nin:
        z = np.moveaxis(z, range(-len(axes[-1]), 0), axes[-1])
    return z
