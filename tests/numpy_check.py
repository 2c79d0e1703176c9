"""A call of NumPy's on tensors, held against the same call on arrays: values, dtypes, and gradients of two orders."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import minigrad as mg

#: Steps of a central difference that is exact to the fourth order, and what each counts.
_STEPS = ((-2, 1 / 12), (-1, -2 / 3), (1, 2 / 3), (2, -1 / 12))
_STEP = 1e-4


def arrays_in(z: Any) -> list[Any]:
    """The arrays and Tensors of a result, also in tuples, lists and named tuples."""
    if isinstance(z, (tuple, list)):
        return [x for item in z for x in arrays_in(item)]
    return [z]


def same_values(got: Any, want: Any, *, dtypes: bool = True) -> None:
    """Raise ``AssertionError`` unless two results are of one structure, shape, dtype and value, to rounding."""
    ours, theirs = arrays_in(got), arrays_in(want)
    assert len(ours) == len(theirs)
    for z, y in zip(ours, theirs, strict=True):
        x = z.detach().data if isinstance(z, mg.Tensor) else z
        if isinstance(y, np.ndarray | np.generic) and y.dtype.kind in "fc":
            assert np.shape(x) == np.shape(y)
            assert not dtypes or np.asarray(x).dtype == y.dtype, (np.asarray(x).dtype, y.dtype)
            rough = y.dtype.itemsize // (2 if y.dtype.kind == "c" else 1) < 8
            np.testing.assert_allclose(x, y, rtol=2e-5 if rough else 1e-10, atol=1e-6 if rough else 1e-12)
        else:
            np.testing.assert_array_equal(x, y)


def total(z: Any) -> Any:
    """One number that all floats of a result count in, each with another weight."""
    parts = []
    for number, x in enumerate(arrays_in(z)):
        if getattr(x, "dtype", np.dtype(int)).kind in "fc" and (not isinstance(x, mg.Tensor) or x.requires_grad):
            weights = np.cos(np.arange(np.size(x)) + number + 1.0).reshape(np.shape(x))
            if x.dtype.kind == "c":
                weights = weights + 1j * np.sin(2.0 * np.arange(np.size(x)) + number).reshape(np.shape(x))
            product = np.sum(x * weights)
            parts.append(np.real(product))
    return sum(parts[1:], parts[0])


def check_call(call: Callable[..., Any], arrays: Sequence[np.ndarray], *, orders: int = 2, dtypes: bool = True) -> None:
    """Raise ``AssertionError`` unless a call has the same values on tensors as on arrays, and the right gradients."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        want = call(*[x.copy() for x in arrays])
    tensors = [mg.tensor(x, requires_grad=True) for x in arrays]
    got = call(*tensors)
    assert any(isinstance(z, mg.Tensor) and z.requires_grad for z in arrays_in(got)), "there is no gradient"
    same_values(got, want, dtypes=dtypes)
    counted = [isinstance(z, mg.Tensor) and z.requires_grad for z in arrays_in(got)]
    directions = [np.sin(1.0 + np.arange(x.size)).reshape(x.shape) for x in arrays]

    def value(*at: Any) -> Any:
        return total([z for z, counts in zip(arrays_in(call(*at)), counted, strict=True) if counts])

    def gradients(*at: Any) -> list[Any]:
        xs = [mg.tensor(x, requires_grad=True) for x in at]
        found = mg.autograd.grad(value(*xs), xs, allow_unused=True)
        return [np.zeros_like(x) if g is None else g.data for g, x in zip(found, at, strict=True)]

    numeric = _derivative(lambda *at: [np.asarray(value(*at))], arrays, directions)[0]
    exact = sum(float(np.sum(g * d)) for g, d in zip(gradients(*arrays), directions, strict=True))
    np.testing.assert_allclose(exact, numeric, rtol=1e-6, atol=1e-7)
    if orders == 2:
        xs = [mg.tensor(x, requires_grad=True) for x in arrays]
        first = mg.autograd.grad(value(*xs), xs, create_graph=True, allow_unused=True)
        pushed = [(g * d).sum() for g, d in zip(first, directions, strict=True) if g is not None and g.requires_grad]
        found = mg.autograd.grad(sum(pushed), xs, allow_unused=True) if pushed else [None] * len(xs)
        numeric = _derivative(gradients, arrays, directions)
        for g, want_g, x in zip(found, numeric, arrays, strict=True):
            np.testing.assert_allclose(np.zeros_like(x) if g is None else g.data, want_g, rtol=1e-5, atol=1e-6)


def _derivative(
    f: Callable[..., list[np.ndarray]], at: Sequence[np.ndarray], directions: Sequence[np.ndarray]
) -> list[np.ndarray]:
    """The derivative of each result of f along the directions."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = [
            [share / _STEP * z for z in f(*[x + step * _STEP * d for x, d in zip(at, directions, strict=True)])]
            for step, share in _STEPS
        ]
    return [sum(parts) for parts in zip(*found, strict=True)]
