"""Gradient clipping: between ``backward()`` and ``step()``, eagerly or inside of a compiled step."""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from minigrad.core.away import bring
from minigrad.core.checks import flag, is_not_negative, is_positive
from minigrad.core.context import phase, recorder
from minigrad.core.conversion import as_array
from minigrad.core.graph import Leaf
from minigrad.core.members import is_true
from minigrad.core.tensor import Tensor, wrap
from minigrad.errors import DTypeError, HyperparameterError
from minigrad.optim.flat import GATHER, widened
from minigrad.support.idioms import told

__all__ = ["clip_grad_norm_", "clip_grad_value_"]


@told
def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor], max_norm: float, norm_type: float = 2.0, error_if_nonfinite: bool = False
) -> Tensor:
    """Scale all gradients by one factor so that their common norm is at most ``max_norm``; returns the norm before.

    ::

        norm = (Σ abs(g)^norm_type)^(1 / norm_type)       over all elements of all gradients
        g   <- g min(1, max_norm / (norm + 1e-6))

    ``norm_type`` is a positive number, or infinity for the largest element. Parameters without a gradient are skipped.
    Each ``p.grad`` becomes a new array, so references to the old one are unaffected. The norm is a 0-d tensor without a
    graph. It is added up in float64, so that squares of large float32 gradients do not overflow. If the norm is not
    finite, gradients become NaN or 0; with ``error_if_nonfinite``, ``FloatingPointError`` is raised instead, and
    nothing changes.

    Pascanu, Mikolov and Bengio, On the difficulty of training recurrent neural networks, 2013. Equals PyTorch's
    function of the same name, except that the norm is float64 here.

    >>> p = mg.tensor([0.0, 0.0], requires_grad=True)
    >>> p.grad = [3.0, 4.0]
    >>> round(float(mg.optim.clip_grad_norm_([p], 1.0)), 6), p.grad.round(4).tolist()
    (5.0, [0.6000000238418579, 0.800000011920929])
    """
    if not is_not_negative(max_norm):
        raise HyperparameterError(f"clip_grad_norm_: max_norm is a finite number >= 0, such as 1.0; got {max_norm!r}")
    if not (is_positive(norm_type) or norm_type == math.inf):
        raise HyperparameterError(f"clip_grad_norm_: norm_type is a number > 0 or math.inf; got {norm_type!r}")
    flag("clip_grad_norm_", "error_if_nonfinite", error_if_nonfinite)
    with phase("update"):
        return wrap(_scale(parameters, max_norm, float(norm_type), error_if_nonfinite))


def _scale(parameters: Any, max_norm: float, norm_type: float, error_if_nonfinite: bool) -> Any:
    """Scale the gradients; returns their norm."""
    recording = recorder()
    leaves, gradients = _with_gradient(parameters, "clip_grad_norm_", recording)
    norm = _norm(gradients, norm_type)
    if error_if_nonfinite and not is_true(np.isfinite(norm)):
        raise FloatingPointError(
            "clip_grad_norm_: the norm of the gradients is not finite. Look for the cause with mg.detect_anomaly(), or "
            "leave such steps out with skip_nonfinite=True of the optimizer"
        )
    factor = np.minimum(max_norm / (norm + 1e-6), 1.0)
    if recording is not None or factor != 1.0:  # a program cannot branch; times 1.0 changes no bit
        factors = {dtype: factor.astype(widened(dtype)) for dtype in dict.fromkeys(g.dtype for g in gradients)}
        for leaf, g in zip(leaves, gradients, strict=True):
            clipped = np.multiply(g, factors[g.dtype])
            leaf.grad = as_array(clipped if clipped.dtype == g.dtype else clipped.astype(g.dtype))
    return norm


@told
def clip_grad_value_(parameters: Tensor | Iterable[Tensor], clip_value: float) -> None:
    """Bring every element of every gradient into [-clip_value, clip_value]; NaN stays NaN.

    The real and the imaginary parts of complex elements are clipped separately. Each ``p.grad`` becomes a new array.
    Equals PyTorch's function of the same name.

    >>> w = nn.Parameter(np.zeros(3))
    >>> w.grad = np.array([-5.0, 0.5, 5.0])
    >>> optim.clip_grad_value_([w], 1.0)
    >>> w.grad
    array([-1. ,  0.5,  1. ])
    """
    if not is_not_negative(clip_value):
        raise HyperparameterError(
            f"clip_grad_value_: clip_value is a finite number >= 0, such as 0.5; got {clip_value!r}"
        )
    limit = float(clip_value)
    with phase("update"):
        for leaf, g in zip(*_with_gradient(parameters, "clip_grad_value_", recorder()), strict=True):
            if g.dtype.kind == "c":  # of which NumPy compares the real parts first
                clipped = _within(np.real(g), limit) + 1j * _within(np.imag(g), limit)
            else:
                clipped = _within(g, limit)
            leaf.grad = as_array(clipped)


def _within(g: Any, limit: float) -> Any:
    return np.minimum(np.maximum(g, -limit), limit)


def _with_gradient(parameters: Any, caller: str, recording: Any) -> tuple[list[Leaf], list[Any]]:
    """The leaves that have a gradient, and these; while a step is recorded, what stands for them."""
    fresh = inspect.isgenerator(parameters) and inspect.getgeneratorstate(parameters) == inspect.GEN_CREATED
    tensors = [parameters] if isinstance(parameters, Tensor) else list(parameters)
    if not tensors and not fresh and not hasattr(parameters, "__len__"):
        raise HyperparameterError(
            f"{caller} got an iterator that has nothing left, and would clip nothing: it can be gone through once; "
            "pass a list, such as model.parameters()"
        )
    leaves: dict[Leaf, None] = {}  # each once: a parameter may be in several lists that were joined
    bring(p._node for p in tensors if isinstance(p, Tensor))
    for p in tensors:
        if not isinstance(p, Tensor):
            raise DTypeError(f"{caller} takes tensors, got {type(p).__name__}: pass model.parameters()")
        if isinstance(p._node, Leaf) and p._node.grad is not None:
            leaves[p._node] = None
    gradients = [leaf.grad for leaf in leaves]
    if recording is not None:
        recording.see([*leaves])
        gradients = [recording.capture(g) for g in gradients]
    return [*leaves], gradients


def _norm(gradients: list[Any], p: float) -> Any:
    """The p-norm of all elements together, as a float64 scalar."""
    if not gradients:
        return np.float64(0)
    gradients = [np.abs(g) if g.dtype.kind == "c" else g for g in gradients]
    if sum(g.size for g in gradients) <= GATHER:  # one long call instead of many short ones
        gradients = [np.concatenate(gradients, axis=None, dtype=np.float64)]
    parts = [_power_sum(g.reshape(-1), p) for g in gradients]
    total = parts[0]
    for part in parts[1:]:
        total = np.maximum(total, part) if p == math.inf else total + part
    if p == math.inf:
        return total
    return np.sqrt(total) if p == 2 else total ** (1 / p)


def _power_sum(g: Any, p: float) -> Any:
    """Σ abs(g)^p of one gradient in float64; the largest abs(g) for p = inf."""
    g = g.astype(np.float64, copy=False)
    if p == 2:
        return np.vdot(g, g)
    size = np.abs(g)
    if p == math.inf:
        return np.max(size, initial=0.0)
    return np.sum(size if p == 1 else size**p)
