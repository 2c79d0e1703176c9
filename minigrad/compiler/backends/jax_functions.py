"""NumPy's functions spelled ``jax.numpy``: mostly the same name; here is what differs.

NumPy decides the dtypes: a ufunc's operands are cast to those of the loop that NumPy would run (``resolve_dtypes``),
and what another function gives is cast to the dtype that it had in the recording. What ``jax.numpy`` lacks is called
back: NumPy's own function runs on the host in the middle of the program.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from functools import partial, reduce
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from minigrad.compiler.backends.jax_networks import OWN
from minigrad.compiler.expressions import function_path
from minigrad.compiler.passes.conditions import ranges
from minigrad.compiler.passes.lowering import OPERATORS
from minigrad.compiler.program import Value, on_numpy
from minigrad.compiler.tracing.recorded_array import number_of
from minigrad.core.table import path_of
from minigrad.core.trees import flat, mapped_all

#: Options that say how NumPy computes or stores, not what.
_IGNORED = frozenset({"casting", "subok", "copy", "kind", "stable", "optimize"})
_DEFAULTS = (("order", "C"), ("order", "K"), ("mode", "raise"))

_REDUCTIONS: dict[Any, Any] = {
    np.add: jnp.sum,
    np.multiply: jnp.prod,
    np.maximum: jnp.max,
    np.minimum: jnp.min,
    np.logical_and: jnp.all,
    np.logical_or: jnp.any,
}
_ACCUMULATIONS: dict[Any, Any] = {
    np.add: jnp.cumsum,
    np.multiply: jnp.cumprod,
    np.maximum: lambda x, axis=0: jax.lax.cummax(x, axis % x.ndim),
    np.minimum: lambda x, axis=0: jax.lax.cummin(x, axis % x.ndim),
}
#: Where an operand is whole and divided by 0: NumPy gives 0, XLA what comes.
_DIVISIONS = frozenset({np.floor_divide, np.remainder, np.fmod, np.divmod})

_SCATTERS = {np.add: "add", np.multiply: "multiply", np.maximum: "max", np.minimum: "min", np.true_divide: "divide"}

#: Functions that write into their first argument: its new contents, from the old ones and the other arguments.
WRITERS: dict[Any, Callable[..., Any]] = {
    operator.setitem: lambda old, index, new: _with_item(old, index, cast(new, old.dtype)),
    np.copyto: lambda old, new, where=True, **_: jnp.where(where, cast(new, old.dtype), old),
    np.fill_diagonal: lambda old, new, wrap=False: jnp.fill_diagonal(old, cast(new, old.dtype), wrap, inplace=False),
    np.put: lambda old, i, new, **mode: jnp.put(old, jnp.asarray(i), cast(new, old.dtype), inplace=False, **mode),
    np.put_along_axis: lambda old, i, new, axis: jnp.put_along_axis(old, i, cast(new, old.dtype), axis, inplace=False),
    np.putmask: lambda old, mask, new: jnp.where(mask, jnp.resize(cast(new, old.dtype), old.shape), old),
    np.place: lambda old, mask, new: jnp.place(old, mask, cast(new, old.dtype), inplace=False),
    ".fill": lambda old, new: jnp.full_like(old, new),
    ".sort": lambda old, axis=-1, **_: jnp.sort(old, axis),
}

#: Functions that raise an error for some numbers, where JAX's give something that is not finite.
RAISING = frozenset({np.linalg.inv, np.linalg.solve, np.linalg.cholesky})


# -- what a call gives --------------------------------------------------------------------------


def evaluated(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any], results: list[Value]) -> Any:
    """The call on JAX's arrays. Raises whatever JAX raises where it has no such call."""
    kwargs = {key: x for key, x in kwargs.items() if key not in _IGNORED and (key, x) not in _DEFAULTS}
    if function is number_of:
        return jnp.asarray(args[0]).reshape(()).astype(results[0].dtype)
    if isinstance(results[0].dtype, type):
        return _of_numbers(function, args)
    if function is operator.pow and isinstance(args[1], (int, float)):
        return operator.pow(cast(args[0], results[0].dtype), args[1])  # x**2 is no power
    ufunc = OPERATORS.get(function, np.power if function is operator.pow else function)
    if isinstance(ufunc, np.ufunc):
        return _elementwise(ufunc, args, kwargs)
    owner = getattr(function, "__self__", None)
    if isinstance(owner, np.ufunc):
        result = _of_ufunc(owner, function.__name__, args, kwargs)
    elif function is operator.getitem:
        result = jnp.asarray(args[0])[args[1]]
    elif isinstance(function, str):
        result = _as_wide(partial(_member, function), args, kwargs, results[0].dtype)
    elif function is np.copy:  # perhaps in another order of memory, which JAX's arrays do not have
        result = jnp.asarray(args[0])
    elif function in OWN:
        result = OWN[function](*args, **kwargs)
    else:
        package, *names = path_of(function).split(".")
        if package != "numpy":
            raise NotImplementedError
        result = _as_wide(reduce(getattr, names, jnp), args, kwargs, results[0].dtype)
    return result


def _of_numbers(function: Any, args: tuple[Any, ...]) -> Any:
    """Arithmetic of Python's numbers: rates, counters."""
    if not any(isinstance(x, jax.Array) for x in args) or getattr(function, "__module__", "") not in (
        "math",
        "builtins",
    ):
        return function(*args)
    if function in (float, int):
        return jax.lax.convert_element_type(args[0], np.float64 if function is float else np.int64)
    result = getattr(jnp, function.__name__)(*args)
    return result.astype(np.int64) if function in (math.floor, math.ceil, math.trunc) else result


def _as_wide(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any], dtype: Any) -> Any:
    """A call in NumPy's dtype: JAX promotes less far (int32 and float32, or the mean of bools, to float32)."""
    result = function(*args, **kwargs)
    if isinstance(result, jax.Array) and result.dtype != dtype:  # it has rounded: once more with wider operands
        args, kwargs = _widened((args, kwargs), dtype)
        result = function(*args, **kwargs)
    return result


def _member(function: str, first: Any, *args: Any, **kwargs: Any) -> Any:
    subject = jnp.asarray(first)
    if not function.startswith("."):
        return getattr(subject, function)
    if function == ".astype":
        return cast(subject, np.dtype(args[0]))
    if function == ".copy":
        return subject
    return getattr(subject, function[1:])(*args, **kwargs)


def _elementwise(ufunc: np.ufunc, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A ufunc in the loop that NumPy would take."""
    kwargs = dict(kwargs)
    dtype = kwargs.pop("dtype", None)
    wanted: Any = {} if dtype is None else {"signature": (None,) * ufunc.nin + (np.dtype(dtype),) * ufunc.nout}
    args = tuple([np.asarray(x) if isinstance(x, (list, tuple)) else x for x in args])
    loop = ufunc.resolve_dtypes((*map(_kind, args), *[None] * ufunc.nout), **wanted)
    operands, dtypes = [*map(cast, args, loop)], loop[ufunc.nin :]
    if ufunc in _DIVISIONS and loop[0].kind in "iu":
        by_zero = jnp.equal(operands[1], 0)
        result = _counterpart(ufunc)(operands[0], jnp.where(by_zero, cast(1, loop[1]), operands[1]), **kwargs)
        result = jax.tree.map(lambda x: jnp.where(by_zero, cast(0, x.dtype), x), result)
    else:
        result = _counterpart(ufunc)(*operands, **kwargs)
    return cast(result, dtypes[0]) if ufunc.nout == 1 else tuple(map(cast, result, dtypes))


def _counterpart(ufunc: np.ufunc) -> Callable[..., Any]:
    if getattr(np, ufunc.__name__, None) is ufunc:
        function: Callable[..., Any] = getattr(jnp, ufunc.__name__)
    else:
        name = {"psi": "digamma"}.get(ufunc.__name__, ufunc.__name__.lstrip("_"))
        function = getattr(jax.scipy.special, name)
    return function


def _of_ufunc(ufunc: np.ufunc, method: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if method == "outer":
        first, second = map(jnp.asarray, args)
        return _elementwise(ufunc, (first.reshape(first.shape + (1,) * second.ndim), second), kwargs)
    x, *rest = args
    options = {"axis": 0, **dict(zip(("axis", "dtype"), rest, strict=False)), **kwargs}
    options = {key: option for key, option in options.items() if option is not None or key == "axis"}
    table = {"reduce": _REDUCTIONS, "accumulate": _ACCUMULATIONS}.get(method, {})
    if ufunc not in table:
        raise NotImplementedError
    return table[ufunc](jnp.asarray(x), **options)


def added_at(ufunc: np.ufunc, old: Any, index: Any, new: Any = None) -> Any:
    """``ufunc.at(old, index, new)`` as new contents."""
    if ufunc is np.subtract:
        ufunc, new = np.add, -new
    if ufunc not in _SCATTERS:
        raise NotImplementedError(f"it has ufunc.at of {', '.join(each.__name__ for each in _SCATTERS)}")
    return getattr(old.at[index], _SCATTERS[ufunc])(cast(new, old.dtype))


def _with_item(old: Any, index: Any, new: Any) -> Any:
    """The array with an item; where a mask is computed, nobody knows how many elements it takes, so it chooses."""
    if isinstance(index, jax.Array) and index.dtype == bool and new.ndim <= old.ndim - index.ndim:
        return jnp.where(index.reshape(*index.shape, *[1] * (old.ndim - index.ndim)), new, old)
    return old.at[index].set(new)


# -- conditions -----------------------------------------------------------------------------------


def conditions(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Any]:
    """What must hold for JAX to do as NumPy does: indices, and floats that become whole, within their ranges.

    NumPy raises an error for an index out of range, and what it makes of such a float depends on the machine.
    """
    pairs = ranges(function, args, kwargs)
    terms = [((i >= -size) & (i < size)).all() for i, size in pairs if isinstance(i, jax.Array)]
    if function in (int, math.floor, math.ceil, math.trunc):
        return terms + fits(args[0], np.dtype(np.int64))
    if function == ".astype" and len(args) > 1:
        return terms + fits(args[0], np.dtype(args[1]))
    for x in args[1:] if function in WRITERS else ():
        terms += fits(x, args[0].dtype)
    return terms


def fits(x: Any, dtype: Any) -> list[Any]:
    """The condition that floats which become whole numbers are in the range of those; none for what is neither."""
    if not isinstance(x, jax.Array) or x.dtype.kind != "f" or np.dtype(dtype).kind not in "iu":
        return []
    x, limits = jnp.trunc(cast(x, np.float32) if x.dtype.itemsize < 4 else x), np.iinfo(dtype)
    return [((x >= float(limits.min)) & (x < float(limits.max + 1))).all()]


# -- the last resort ------------------------------------------------------------------------------


def called_back(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any], results: list[Value]) -> list[Any]:
    """The results of NumPy's own function, which runs on the host in the middle of the program.

    XLA may call it in a thread of its own, where JAX takes 64-bit numbers for 32-bit ones: they come and go as bits.
    """
    arrays: list[Any] = []

    def kept(x: Any) -> Any:
        if not isinstance(x, jax.Array):
            return x
        arrays.append(x)
        return _Number(len(arrays) - 1)

    tree = mapped_all(kept, (args, kwargs))

    def on_host(*bits: Any) -> list[np.ndarray]:
        real = [_from_bits(np.array(x), array)[()] for x, array in zip(bits, arrays, strict=True)]
        own, options = mapped_all(lambda x: real[x.number] if isinstance(x, _Number) else x, tree)
        with np.errstate(all="ignore"):
            values = list(flat(on_numpy(function, own, options)))
        return [_host_bits(np.asarray(x, value.dtype)) for x, value in zip(values, results, strict=True)]

    shapes = [jax.eval_shape(_bits, jax.ShapeDtypeStruct(value.shape, value.dtype)) for value in results]
    flat_results = jax.pure_callback(on_host, shapes, *map(_bits, arrays))
    return [_of_bits(x, value) for x, value in zip(flat_results, results, strict=True)]


def _bits(x: Any) -> Any:
    """Numbers of 64 bits as pairs of whole ones of 32, complex ones as two such pairs; others as they are."""
    if x.dtype.kind == "c" and x.dtype.itemsize == 16:
        x = jnp.stack([x.real, x.imag], axis=-1)
    return jax.lax.bitcast_convert_type(x, np.uint32) if x.dtype.itemsize == 8 and x.dtype.kind != "c" else x


def _host_bits(x: np.ndarray) -> np.ndarray:
    """The same on the host."""
    if x.dtype.itemsize < 8 or x.dtype == np.complex64:
        return x
    pairs = x.reshape((*x.shape, 1)).view(np.uint32)
    return pairs.reshape((*x.shape, 2, 2)) if x.dtype.kind == "c" else pairs


def _of_bits(x: Any, value: Value) -> Any:
    """The numbers again, in the program."""
    if x.dtype == value.dtype:
        return x
    if value.dtype.kind != "c":
        return jax.lax.bitcast_convert_type(x, value.dtype)
    parts = jax.lax.bitcast_convert_type(x, np.float64)
    return jax.lax.complex(parts[..., 0], parts[..., 1])


def _from_bits(x: np.ndarray, like: Any) -> np.ndarray:
    """The same on the host."""
    return x if x.dtype == like.dtype else np.ascontiguousarray(x).reshape(-1).view(like.dtype).reshape(like.shape)


class _Number:
    """The place of an array among those of a call."""

    def __init__(self, number: int) -> None:
        self.number = number


# -- dtypes ---------------------------------------------------------------------------------------


def cast(x: Any, dtype: Any) -> Any:
    """An array or a number in a dtype."""
    if isinstance(x, jax.Array):
        return jax.lax.convert_element_type(x, dtype)
    if any(isinstance(leaf, jax.Array) for leaf in flat(x)):
        return jnp.array(x, dtype)  # a list with arrays in it
    return np.asarray(x).astype(dtype)


def fitted(x: Any, value: Value) -> Any:
    """A result in the dtype that it had in the recording; Python's numbers stay as they are."""
    return x if isinstance(value.dtype, type) else cast(jnp.asarray(x), value.dtype)


def _kind(x: Any) -> Any:
    """What NumPy is to know of an operand: its dtype, or that it is a number of Python's."""
    if isinstance(x, jax.Array):
        return {"i": int, "f": float, "c": complex}[x.dtype.kind] if x.weak_type else np.dtype(x.dtype)
    return np.asarray(x).dtype if isinstance(x, (bool, np.ndarray, np.generic)) else type(x)


def _widened(tree: Any, dtype: Any) -> Any:
    """The arrays of numbers among the arguments in a wider dtype; bools too, where there is nothing else."""
    dtypes = {x.dtype for x in flat(tree) if hasattr(x, "dtype")}
    kinds = "b" if all(each.kind == "b" for each in dtypes) else "iufc"
    chosen = {each for each in dtypes if each.kind in kinds and np.can_cast(each, dtype)}
    return mapped_all(lambda x: cast(x, dtype) if getattr(x, "dtype", None) in chosen else x, tree)


def path(function: Any) -> str:
    """A function as people write it."""
    return function if isinstance(function, str) else function_path(function)
