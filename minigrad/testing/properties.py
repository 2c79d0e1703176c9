"""``check_primitive``: every property that an op must have, on inputs drawn by Hypothesis."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import SearchStrategy

from minigrad import autograd
from minigrad.errors import DTypeError, GradientError
from minigrad.table import Op, Primitive
from minigrad.tensor import Tensor, tensor
from minigrad.testing.gradients import check_gradients
from minigrad.testing.samples import Sample, samples


def check_primitive(op: Primitive, inputs: SearchStrategy[Sample] | None = None, examples: int | None = None) -> None:
    """Property-test one op, built in or your own; raises what the smallest failing example raised.

    In a test file, one line: ``def test_cube(): check_primitive(cube)``. Hypothesis draws shapes (0-d
    and empty among them), broadcasting, options, views and layouts of memory. Checked for each: the
    value on Tensors is that on arrays, bit for bit; gradients of orders 1 and 2 agree with the
    values; recorded and raw backward give the same bits; shapes and dtypes; float32 stays float32;
    inputs stay as they are; gradients are writable and share no memory.

    ``inputs`` draws ``(arrays, options)`` for an op whose arguments do not simply broadcast together
    inside its ``domain``; ``examples`` is the number drawn, by default that of Hypothesis' profile.

    >>> import minigrad as mg
    >>> from minigrad.testing import check_primitive
    >>> cube = mg.primitive(lambda x: x**3, lambda g, x: 3 * g * x**2, name="cube", analytic=True)
    >>> check_primitive(cube, examples=10)
    """
    row = getattr(op, "op", None)
    if not isinstance(row, Op):
        raise DTypeError(f"check_primitive takes what minigrad.primitive returned, got {type(op).__name__}")

    @given(samples(row) if inputs is None else inputs)
    def check(sample: Sample) -> None:
        _check_value(op, *sample)
        _check_gradients(op, *sample)
        _check_ownership(op, *sample)
        _check_float32(op, *sample)

    quiet = [HealthCheck.too_slow, HealthCheck.data_too_large]
    limits: dict[str, Any] = {} if examples is None else {"max_examples": examples}
    settings(deadline=None, suppress_health_check=quiet, **limits)(check)()


def _differentiable(op: Primitive, arrays: list[np.ndarray]) -> list[bool]:
    """Which of the arrays have a gradient formula."""
    formulas = op.op.formulas * len(arrays) if op.op.variadic else op.op.formulas
    return [formula is not None for formula in formulas]


def _check_value(op: Primitive, arrays: list[np.ndarray], options: dict[str, Any]) -> None:
    """On Tensors the same bits as on arrays, in the same dtype, and nothing written."""
    before = [x.copy() for x in arrays]
    want = np.asarray(op(*arrays, **options))
    wants_grad = _differentiable(op, arrays)
    xs = [Tensor(x, requires_grad=flag) if flag else x for x, flag in zip(arrays, wants_grad, strict=True)]
    z = op(*xs, **options)
    _equal(z.data, want, f"{op.__name__} of Tensors gave other bits than of arrays")
    if z.dtype != want.dtype:
        raise GradientError(f"{op.__name__} of Tensors gave {z.dtype}, of arrays {want.dtype}")
    for number, (x, kept) in enumerate(zip(arrays, before, strict=True)):
        _equal(x, kept, f"{op.__name__} wrote into argument {number}")


def _check_gradients(op: Primitive, arrays: list[np.ndarray], options: dict[str, Any]) -> None:
    flags = _differentiable(op, arrays)

    def f(*xs: Any) -> Any:
        given_ = iter(xs)
        return op(*[next(given_) if flag else x for x, flag in zip(arrays, flags, strict=True)], **options)

    check_gradients(f, *[x for x, flag in zip(arrays, flags, strict=True) if flag])


def _check_ownership(op: Primitive, arrays: list[np.ndarray], options: dict[str, Any]) -> None:
    """A leaf's gradient is a writable array of its shape and dtype that shares memory with nothing."""
    flags = _differentiable(op, arrays)
    xs = [tensor(x, requires_grad=True) if flag else x for x, flag in zip(arrays, flags, strict=True)]
    z = op(*xs, **options)
    seed = np.random.default_rng(0).standard_normal(z.shape)
    kept = seed.copy()
    z.backward(seed)
    _equal(seed, kept, f"the gradient of {op.__name__} wrote into the gradient that flowed in")
    leaves = [x for x in xs if isinstance(x, Tensor)]
    for number, x in enumerate(leaves):
        g = x.grad
        if g is None or g.shape != x.shape or g.dtype != x.dtype or not g.flags.writeable:
            raise GradientError(
                f"argument {number} of {op.__name__}: expected a writable gradient of shape {x.shape}, got {g!r:.200}"
            )
        others = [seed, z.data, *[y.data for y in leaves], *[y.grad for y in leaves if y is not x]]
        if any(np.shares_memory(g, other) for other in others if other is not None):
            raise GradientError(f"the gradient of argument {number} of {op.__name__} shares memory with another array")


def _check_float32(op: Primitive, arrays: list[np.ndarray], options: dict[str, Any]) -> None:
    """float32 in, float32 out and float32 gradients, near those of float64."""
    flags = _differentiable(op, arrays)

    def gradients(dtype: type[np.floating]) -> tuple[Any, list[Any]]:
        chosen = {**options, **({"dtype": dtype} if "dtype" in options else {})}
        xs = [Tensor(x.astype(dtype), requires_grad=True) if flag else x for x, flag in zip(arrays, flags, strict=True)]
        z = op(*xs, **chosen)
        return z, autograd.grad(z, [x for x in xs if isinstance(x, Tensor)], np.ones(z.shape, dtype))

    z, got = gradients(np.float32)
    exact, want = gradients(np.float64)
    for what, a, b in zip(["the value", *["a gradient"] * len(got)], [z, *got], [exact, *want], strict=True):
        if a.dtype != np.float32:
            raise GradientError(f"{what} of {op.__name__} of float32 is {a.dtype}: a constant or a cast promotes it")
        scale = float(np.max(np.abs(b.data), initial=1.0))
        if not np.allclose(a.data, b.data, rtol=1e-3, atol=1e-4 * scale, equal_nan=True):
            raise GradientError(f"{what} of {op.__name__} in float32 is far from that in float64")


def _equal(got: np.ndarray, want: np.ndarray, message: str) -> None:
    if got.shape != want.shape or not np.array_equal(got, want, equal_nan=True):
        raise GradientError(f"{message}: {got!r:.200} and {want!r:.200}")
