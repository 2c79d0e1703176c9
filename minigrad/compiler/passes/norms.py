"""Normalised channels and rows as sums and elementwise steps, which then share loops with what stands around them.

``channel_norm`` and ``row_norm`` take few passes over memory, which is right for NumPy. In loops of machine code a
channel is gone over for its mean, then for its variance, while it lies in a cache; and normalising is a step like
others, so a residual and a relu join it. The gradient takes one loop: two sums, and what is made of them.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from minigrad.compiler.program import RESULT, Call, Program, Value
from minigrad.kernels.normalisation import (
    channel_deviation,
    channel_moments,
    channel_norm,
    channel_product,
    channel_pullback,
)
from minigrad.kernels.row_norms import row_norm, row_product, row_pullback
from minigrad.ops.reductions import least_square


def deviations(x: Any, mean: Any, var: Any, eps: float) -> Any:
    """1 / sqrt(var + eps) of each channel of x, where mean and var have the axes of x, of size 1."""
    rms: Any = channel_deviation(x, mean.reshape(-1), var.reshape(-1), eps)
    return rms.reshape(mean.shape)


def by_parts(calls: list[Call], program: Program) -> list[Call]:
    """The calls with such steps in place of the functions for channels, for images of floats."""
    unfolding = _Unfolding(program)
    for call in calls:
        method = None if isinstance(call.function, str) or call.is_host else _METHODS.get(call.function)
        if method is None or not _fits(call):
            unfolding.calls.append(call)
        else:
            unfolding.call = call
            method(unfolding, *call.args, **call.kwargs)
    return unfolding.calls


def _fits(call: Call) -> bool:
    """Whether all arrays are of one type of floats that loops know, and there are numbers in them."""
    arrays = [x for x in (*call.args, *call.kwargs.values(), *call.results) if isinstance(x, Value)]
    dtypes = {x.dtype for x in arrays}
    is_new = all(x.root is x for x in call.results)
    if not (is_new and all(x.is_array and 0 not in x.shape for x in arrays) and dtypes <= _KNOWN and len(dtypes) == 1):
        return False
    # Of squares that vanish, eps must be the larger part.
    return call.function is not row_norm or call.args[-1] >= least_square(arrays[0].dtype)


_KNOWN = {np.dtype("float32"), np.dtype("float64")}


class _Unfolding:
    """The calls so far, and the numbers of channels that are known already."""

    def __init__(self, program: Program) -> None:
        self.calls: list[Call] = []
        self.call: Any = None  # in whose place the new ones are
        self._program = program
        self._known: dict[Any, Any] = {}

    # -- calls --------------------------------------------------------------------------------

    def _step(self, function: Any, *args: Any, target: Value | None = None, **kwargs: Any) -> Value:
        """A call whose result is new memory: laid as the largest operand."""
        if target is None:
            largest = max((x for x in args if isinstance(x, Value)), key=lambda x: np.prod(x.shape, dtype=np.int64))
            shape, strides = largest.shape, largest.strides
            if kwargs:  # a sum
                shape = tuple([1 if axis in kwargs["axis"] else n for axis, n in enumerate(shape)])
                strides = np.empty(shape, largest.dtype).strides
            target = self._program.new(RESULT, as_strided(np.empty(1, largest.dtype), shape, strides))
        self.calls.append(Call(function, args, kwargs, [target], []).beside(self.call))
        return target

    def _view(self, x: Value, shape: tuple[int, ...]) -> Value:
        target = self._program.new(RESULT, np.empty(shape, x.dtype))
        target.root = x.root
        self.calls.append(Call(np.reshape, (x, shape), {}, [target], []).beside(self.call))
        return target

    def _wide(self, numbers: Value | None, x: Value) -> Value | None:
        """One number for each channel, as images take it."""
        if numbers is None:
            return None
        shape = (1, *numbers.shape, *(1,) * (len(x.shape) - 2))
        value: Value = self._once(("wide", numbers, len(x.shape)), lambda: self._view(numbers, shape))
        return value

    def _total(self, x: Value) -> Value:
        return self._step(np.sum, x, axis=_axes(x), keepdims=True)

    def _once(self, key: Any, make: Callable[[], Any]) -> Any:
        if key not in self._known:
            self._known[key] = make()
        return self._known[key]

    # -- forward ------------------------------------------------------------------------------

    def _moments(self, x: Value) -> tuple[Value, Value]:
        """Mean and variance: what rounding has left of the mean is taken off both."""

        def made() -> tuple[Value, Value]:
            count = _count(x)
            first = self._step(operator.truediv, self._total(x), count)
            part = self._step(operator.sub, x, first)
            rest = self._step(operator.truediv, self._total(part), count)
            square = self._step(operator.truediv, self._total(self._step(operator.mul, part, part)), count)
            mean = self._step(operator.add, first, rest)
            less = self._step(operator.sub, square, self._step(operator.mul, rest, rest))
            return mean, self._step(np.maximum, less, less.dtype.type(0))

        pair: tuple[Value, Value] = self._once(("moments", x), made)
        return pair

    def moments(self, x: Value) -> None:
        """Calls for ``channel_moments``."""
        for value, target in zip(self._moments(x), self.call.results, strict=True):
            self._step(np.positive, self._view(value, target.shape), target=target)

    def norm(self, x: Value, weight: Value | None, bias: Value | None, eps: float) -> None:
        """Calls for ``channel_norm``."""
        z, mean, rms = self.call.results
        wide_mean, var = self._moments(x)
        wide_rms = self._program.new(RESULT, np.empty(var.shape, var.dtype))
        self._step(deviations, x, wide_mean, var, eps, target=wide_rms)
        for value, target in ((wide_mean, mean), (wide_rms, rms)):
            self._known["wide", target, len(x.shape)] = value
            self._step(np.positive, self._view(value, target.shape), target=target)
        scale = wide_rms if weight is None else self._step(operator.mul, wide_rms, self._wide(weight, x))
        part = self._step(operator.sub, x, wide_mean)
        if bias is None:
            self._step(operator.mul, part, scale, target=z)
        else:
            self._step(operator.add, self._step(operator.mul, part, scale), self._wide(bias, x), target=z)

    def row_norm(self, x: Value, weight: Value | None, bias: Value | None, axes: int, eps: float) -> None:
        """Calls for ``row_norm``. A recording has the condition that no rms is 0, so that squares do not overflow."""
        z, mean, rms = self.call.results
        places, count = _last(x, axes)
        self._step(operator.truediv, self._step(np.sum, x, axis=places, keepdims=True), count, target=mean)
        part = self._part(x, mean)
        square = self._step(np.sum, self._step(operator.mul, part, part), axis=places, keepdims=True)
        var = self._step(operator.truediv, square, count)
        self._step(operator.truediv, 1, self._step(np.sqrt, self._step(operator.add, var, eps)), target=rms)
        steps = [(operator.mul, rms), (operator.mul, weight), (operator.add, bias)]
        self._chain(part, [(function, operand) for function, operand in steps if operand is not None], z)

    def _chain(self, value: Value, steps: list[tuple[Any, Value]], target: Value) -> None:
        """One step after the other, the last of which makes the target."""
        for number, (function, operand) in enumerate(steps):
            is_last = number == len(steps) - 1
            value = self._step(function, value, operand, target=target if is_last else _like(self._program, target))

    def _part(self, x: Value, mean: Value) -> Value:
        """x - mean, for rows."""
        value: Value = self._once(("part", x, mean), lambda: self._step(operator.sub, x, mean))
        return value

    # -- backward -----------------------------------------------------------------------------

    def row_pullback(self, y: Value, x: Value, mean: Value, rms: Value, weight: Value | None, axes: int) -> None:
        """Calls for ``row_pullback``, in an order in which no factor is far from 1."""
        (result,) = self.call.results
        places, count = _last(x, axes)
        part = self._part(x, mean)
        y = y if weight is None else self._step(operator.mul, y, weight, target=_like(self._program, x))
        product = self._step(operator.mul, y, part, target=_like(self._program, x))
        sums = [self._step(np.sum, value, axis=places, keepdims=True) for value in (y, product)]
        shift, share = (self._step(operator.truediv, total, count) for total in sums)
        slope = self._step(operator.mul, rms, self._step(operator.mul, rms, share))
        less = self._step(operator.sub, y, shift)
        self._chain(less, [(operator.sub, self._step(operator.mul, part, slope)), (operator.mul, rms)], result)

    def row_product(self, y: Value, x: Value, mean: Value, rms: Value, _axes: int, shape: tuple[int, ...]) -> None:
        """Calls for ``row_product``."""
        (result,) = self.call.results
        part = self._step(operator.mul, self._part(x, mean), rms)
        product = self._step(operator.mul, y, part, target=_like(self._program, x))
        whole = (1,) * (len(x.shape) - len(shape)) + tuple(shape)
        places = tuple([axis for axis, size in enumerate(whole) if size == 1])
        total = self._step(np.sum, product, axis=places, keepdims=True) if places else product
        self._step(np.positive, self._view(total, result.shape), target=result)

    def _products(self, y: Value, x: Value, mean: Value) -> Value:
        """The sum of y * (x - mean)."""

        def made() -> Value:
            part = self._step(operator.sub, x, self._wide(mean, x))
            return self._total(self._step(operator.mul, y, part, target=_like(self._program, x)))

        value: Value = self._once(("products", y, x, mean), made)
        return value

    def product(self, y: Value, x: Value, mean: Value, rms: Value) -> None:
        """Calls for ``channel_product``."""
        (result,) = self.call.results
        flat = self._view(self._products(y, x, mean), result.shape)
        self._step(operator.mul, flat, rms, target=result)

    def pullback(self, y: Value, x: Value, mean: Value, rms: Value, weight: Value | None) -> None:
        """Calls for ``channel_pullback``, in an order in which no factor is far from 1."""
        (result,) = self.call.results
        wide_rms, count = self._wide(rms, x), _count(x)
        share = self._step(operator.truediv, self._products(y, x, mean), count)
        slope = self._step(operator.mul, wide_rms, self._step(operator.mul, wide_rms, share))
        shift = self._step(operator.truediv, self._once(("sum", y), lambda: self._total(y)), count)
        scale = wide_rms if weight is None else self._step(operator.mul, wide_rms, self._wide(weight, x))
        part = self._step(operator.sub, x, self._wide(mean, x))
        part = self._step(operator.mul, part, slope)
        part = self._step(operator.sub, self._step(operator.sub, y, shift), part, target=_like(self._program, x))
        self._step(operator.mul, part, scale, target=result)


def _like(program: Program, x: Value) -> Value:
    return program.new(RESULT, as_strided(np.empty(1, x.dtype), x.shape, x.strides))


def _last(x: Value, axes: int) -> tuple[tuple[int, ...], int]:
    """The last axes of x, and how many numbers they hold."""
    places = tuple(range(len(x.shape) - axes, len(x.shape)))
    return places, int(np.prod([x.shape[axis] for axis in places], dtype=np.int64))


def _axes(x: Value) -> tuple[int, ...]:
    return (0, *range(2, len(x.shape)))


def _count(x: Value) -> int:
    """How many numbers a channel has."""
    return int(np.prod([x.shape[axis] for axis in _axes(x)], dtype=np.int64))


_METHODS: dict[Any, Callable[..., None]] = {
    channel_moments: _Unfolding.moments,
    channel_norm: _Unfolding.norm,
    channel_product: _Unfolding.product,
    channel_pullback: _Unfolding.pullback,
    row_norm: _Unfolding.row_norm,
    row_product: _Unfolding.row_product,
    row_pullback: _Unfolding.row_pullback,
}
