"""``check_primitive``: every property that an op must have, on inputs drawn by Hypothesis."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import SearchStrategy

from minigrad import autograd
from minigrad.errors import GradientError
from minigrad.table import Op
from minigrad.tensor import Tensor, tensor
from minigrad.testing.gradients import check_gradients
from minigrad.testing.samples import Sample, samples
from minigrad.testing.samples.builders import positional


def check_primitive(
    op: Callable[..., Any], inputs: SearchStrategy[Any] | None = None, examples: int | None = None
) -> None:
    """Property-test one op, or one function made of ops; raises what the smallest failing example raised.

    In a test file, one line: ``def test_cube(): check_primitive(cube)``. Hypothesis draws shapes (0-d
    and empty among them), broadcasting, options, views and layouts of memory. Checked for each: the
    value on Tensors is that on arrays, bit for bit; gradients of orders 1 and 2 agree with the
    values; recorded and raw backward give the same bits; shapes and dtypes; float32 stays float32;
    inputs stay as they are; gradients are writable and share no memory.

    ``inputs`` draws ``(arrays, options)`` for an op whose arguments do not simply broadcast together
    inside its ``domain`` (or a ``Sample``, which also says how to call it); ``examples`` is the number drawn,
    by default that of Hypothesis' profile.

    >>> import minigrad as mg
    >>> from minigrad.testing import check_primitive
    >>> cube = mg.primitive(lambda x: x**3, lambda g, x: 3 * g * x**2, name="cube", analytic=True)
    >>> check_primitive(cube, examples=10)
    """
    if inputs is None:
        inputs = samples(op)

    @given(inputs)
    def check(drawn: Any) -> None:
        sample = Sample(*drawn)
        _check_value(op, sample)
        _check_gradients(op, sample)
        _check_ownership(op, sample)
        _check_float32(op, sample)

    quiet = [HealthCheck.too_slow, HealthCheck.data_too_large]
    limits: dict[str, Any] = {} if examples is None else {"max_examples": examples}
    settings(deadline=None, suppress_health_check=quiet, **limits)(check)()


def _differentiable(op: Callable[..., Any], sample: Sample) -> list[bool]:
    """Which of the arrays have a gradient: those of floats, unless the op has no formula for them."""
    floats = [x.dtype.kind == "f" for x in sample.arrays]
    row = getattr(op, "op", None)
    if not isinstance(row, Op) or row.variadic or sample.call is not positional:
        return floats
    return [flag and formula is not None for flag, formula in zip(floats, row.formulas, strict=True)]


def _outputs(z: Any) -> list[Any]:
    """What a function gave, one or several, as a list; plain answers among them (indices, signs) left out."""
    return [part for part in (z if isinstance(z, (tuple, list)) else [z]) if isinstance(part, (Tensor, np.ndarray))]


def _check_value(op: Callable[..., Any], sample: Sample) -> None:
    """On Tensors the same bits as on arrays, in the same dtype, and nothing written."""
    arrays, options, call = sample
    before = [x.copy() for x in arrays]
    results = call(op, arrays, options)
    want = [np.asarray(z) for z in (results if isinstance(results, (tuple, list)) else [results])]
    xs = [Tensor(x, requires_grad=True) if d else x for x, d in zip(arrays, _differentiable(op, sample), strict=True)]
    results = call(op, xs, options)
    got = list(results) if isinstance(results, (tuple, list)) else [results]
    for z, expected in zip(got, want, strict=True):
        values = z.data if isinstance(z, Tensor) else np.asarray(z)
        _equal(values, expected, f"{op.__name__} of Tensors gave other bits than of arrays")
        if values.dtype != expected.dtype:
            raise GradientError(f"{op.__name__} of Tensors gave {values.dtype}, of arrays {expected.dtype}")
    for number, (x, kept) in enumerate(zip(arrays, before, strict=True)):
        _equal(x, kept, f"{op.__name__} wrote into argument {number}")


def _check_gradients(op: Callable[..., Any], sample: Sample) -> None:
    flags = _differentiable(op, sample)

    def f(*xs: Any) -> Any:
        given_ = iter(xs)
        arguments = [next(given_) if flag else x for x, flag in zip(sample.arrays, flags, strict=True)]
        return [z for z in _outputs(sample.call(op, arguments, sample.options)) if isinstance(z, Tensor)]

    check_gradients(f, *[x for x, flag in zip(sample.arrays, flags, strict=True) if flag])


def _check_ownership(op: Callable[..., Any], sample: Sample) -> None:
    """A leaf's gradient is a writable array of its shape and dtype that shares memory with nothing."""
    flags = _differentiable(op, sample)
    xs = [tensor(x, requires_grad=True) if flag else x for x, flag in zip(sample.arrays, flags, strict=True)]
    leaves = [x for x in xs if isinstance(x, Tensor)]
    for z in _outputs(sample.call(op, xs, sample.options)):
        if not isinstance(z, Tensor) or not z.requires_grad:
            continue
        seed = np.random.default_rng(0).standard_normal(z.shape)
        kept = seed.copy()
        for x in leaves:
            x.zero_grad()
        z.backward(seed, retain_graph=True)
        _equal(seed, kept, f"the gradient of {op.__name__} wrote into the gradient that flowed in")
        others = [seed, z.data, *[y.data for y in leaves]]
        for number, x in enumerate(leaves):
            if x.grad is not None:
                grads = [y.grad for y in leaves if y is not x and y.grad is not None]
                _check_owned(f"argument {number} of {op.__name__}", x, [*others, *grads])


def _check_owned(what: str, x: Tensor, others: list[np.ndarray]) -> None:
    g = x.grad
    if g is None or g.shape != x.shape or g.dtype != x.dtype or not g.flags.writeable:
        raise GradientError(f"{what}: expected a writable gradient of shape {x.shape}, got {g!r:.200}")
    if any(np.shares_memory(g, other) for other in others):
        raise GradientError(f"the gradient of {what} shares memory with another array")


def _check_float32(op: Callable[..., Any], sample: Sample) -> None:
    """float32 in, float32 (or complex64) out and float32 gradients, near those of float64."""
    flags = _differentiable(op, sample)

    def gradients(dtype: type[np.floating]) -> tuple[list[Any], list[Any]]:
        chosen = {**sample.options, **({"dtype": dtype} if "dtype" in sample.options else {})}
        xs = [
            Tensor(x.astype(dtype), requires_grad=True) if d else x for x, d in zip(sample.arrays, flags, strict=True)
        ]
        outputs = [z for z in _outputs(sample.call(op, xs, chosen)) if isinstance(z, Tensor)]
        leaves = [x for x in xs if isinstance(x, Tensor)]
        seeds = [np.ones(z.shape, z.dtype) for z in outputs]
        return outputs, autograd.grad(outputs, leaves, seeds, allow_unused=True)

    z, got = gradients(np.float32)
    exact, want = gradients(np.float64)
    named = [*[("a value", *pair) for pair in zip(z, exact, strict=True)]]
    named += [("a gradient", *pair) for pair in zip(got, want, strict=True) if pair[0] is not None]
    for what, a, b in named:
        if a.dtype not in (np.float32, np.complex64):
            raise GradientError(f"{what} of {op.__name__} of float32 is {a.dtype}: a constant or a cast promotes it")
        scale = float(np.max(np.abs(b.data), initial=1.0))
        if not np.allclose(a.data, b.data, rtol=1e-3, atol=1e-4 * scale, equal_nan=True):
            raise GradientError(f"{what} of {op.__name__} in float32 is far from that in float64")


def _equal(got: np.ndarray, want: np.ndarray, message: str) -> None:
    if got.shape != want.shape or not np.array_equal(got, want, equal_nan=True):
        raise GradientError(f"{message}: {got!r:.200} and {want!r:.200}")
