"""Functions with derivatives that the user says: ``custom_vjp``, ``custom_jvp``, and constants on purpose."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from minigrad.core.checks import check_function
from minigrad.core.tensor import Tensor, wrap
from minigrad.core.trees import mapped
from minigrad.errors import GraphError
from minigrad.transforms.functions import vjp
from minigrad.transforms.ruled_call import (
    RuledCall,
    floating_tensors,
    has_tensors,
    nothing,
    refuse_modules,
    with_tensors,
)

__all__ = ["custom_jvp", "custom_vjp", "stop_gradient", "straight_through"]


class _Ruled:
    """A function with a rule: what both decorators have in common."""

    _says: str  # the method that says the rule

    def __init__(self, function: Callable[..., Any]) -> None:
        check_function(type(self).__name__, function)
        self._function = function
        self._rule: Any = None
        try:
            self._signature: inspect.Signature | None = inspect.signature(function)
        except ValueError:  # a function of C
            self._signature = None
        functools.update_wrapper(self, function)

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        """A method, like a function in a class."""
        return self if instance is None else functools.partial(self, instance)

    def __call__(self, *args: Any, **options: Any) -> Any:
        """The result, behind one node where an argument is a Tensor. A rule gets all arguments, by position."""
        name = getattr(self, "__name__", "the function")
        if self._rule is None:
            raise GraphError(f"{name} has no rule yet: write {name}.{self._says}")
        if self._signature is not None and (options or len(args) != len(self._signature.parameters)):
            bound = self._signature.bind(*args, **options)
            bound.apply_defaults()
            args, options = bound.args, bound.kwargs
        if options:
            raise TypeError(f"{name}: the rule takes its arguments by position, got {', '.join(options)} by name only")
        refuse_modules(name, args)
        if not has_tensors(args):
            return self._function(*args)
        return RuledCall(name, functools.partial(self._run, name), functools.partial(self._pull, name), args).result()

    def _run(self, name: str, *args: Any) -> tuple[Any, Any]:
        raise NotImplementedError

    def _pull(self, name: str, args: tuple[Any, ...], result: Any, saved: Any, g: Any) -> Any:
        raise NotImplementedError


class custom_vjp(_Ruled):  # noqa: N801 - a decorator, spelled like JAX's
    """A function with a gradient of the user's: what ``forward`` saves, and how ``backward`` carries g back.

    ``forward(*args)`` returns (result, saved); ``backward(saved, g)`` a tuple with a gradient for each argument, in
    its structure and shapes, or None where there is none. Arguments and results may be nested structures; ``g`` has
    the structure of the result, and of a complex one is the number with dL = Re(g dz). Both are written with NumPy or
    minigrad. For orders above the first, both are differentiated themselves.

    >>> @mg.custom_vjp
    ... def clipped(x, bound):  # the identity, with a gradient of at most ``bound``
    ...     return x
    >>> clipped.defvjp(lambda x, bound: (x, bound), lambda bound, g: (np.clip(g, -bound, bound), None))
    >>> mg.grad(lambda x: (clipped(x, 1.0) ** 2).sum())(np.array([0.2, 3.0]))
    array([0.4, 1. ])

    Raises ``GraphError`` where ``forward`` uses a tensor that requires a gradient and is no argument: the rule cannot
    give its gradient. Of arrays alone, the function itself is called.
    """

    _says = "defvjp(forward, backward)"

    def defvjp(self, forward: Callable[..., Any], backward: Callable[..., Any]) -> None:
        """Say the rule."""
        self._rule = forward, backward

    def _run(self, name: str, *args: Any) -> tuple[Any, Any]:
        return _pair(name, self._rule[0](*args), "forward", "(result, saved)")

    def _pull(self, name: str, args: tuple[Any, ...], result: Any, saved: Any, g: Any) -> Any:
        del result
        return self._rule[1](self._run(name, *args)[1] if saved is None else saved, g)


class custom_jvp(_Ruled):  # noqa: N801
    """A function with a derivative of the user's, forwards: how the result moves as the arguments do.

    ``rule(args, tangents)`` returns (result, tangent of the result) and is linear in ``tangents``. These have the
    structure of ``args``; an argument that is no floating number has the tangent None. Gradients come from the rule
    too: it is differentiated with respect to the tangents.

    >>> @mg.custom_jvp
    ... def softplus(x):
    ...     return np.log1p(np.exp(x))
    >>> softplus.defjvp(lambda args, tangents: (softplus(*args), tangents[0] / (1 + np.exp(-args[0]))))
    >>> mg.grad(softplus)(0.0), mg.jvp(softplus, (0.0,), (2.0,))[1]
    (np.float64(0.5), np.float64(1.0))
    """

    _says = "defjvp(rule)"

    def defjvp(self, rule: Callable[..., Any]) -> None:
        """Say the rule."""
        self._rule = rule

    def _run(self, name: str, *args: Any) -> tuple[Any, Any]:
        del name
        return self._function(*args), ()

    def _pull(self, name: str, args: tuple[Any, ...], result: Any, saved: Any, g: Any) -> Any:
        del result, saved

        def along(*tangents: Any) -> Any:
            moves = with_tensors(args, tangents, _at_rest)
            return _pair(name, self._rule(args, moves), "rule", "(result, tangent)")[1]

        still = [wrap(np.zeros(x.shape, x.dtype)) for x in floating_tensors(args)]
        return with_tensors(args, vjp(along, *still)[1](g), nothing)


def stop_gradient(x: Any) -> Any:
    """``x`` as a constant: no gradient goes through it. Of a structure, each Tensor in it.

    >>> mg.grad(lambda x: x * mg.stop_gradient(x))(3.0)
    np.float64(3.0)
    """
    return mapped(lambda leaf: leaf.detach() if isinstance(leaf, Tensor) else leaf, x)


def straight_through(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """``f``, with the gradient of the identity: for roundings, signs and choices, which have none or zero.

    After Bengio, Léonard and Courville, Estimating or Propagating Gradients Through Stochastic Neurons (2013),
    https://arxiv.org/abs/1308.3432. ``f(x)`` has the shape of ``x``.

    >>> mg.grad(lambda x: 2 * mg.straight_through(np.round)(x))(0.7)
    np.float64(2.0)
    """
    through = custom_vjp(lambda x: f(x))  # of whatever else f takes, nothing
    through.defvjp(lambda x: (f(x), ()), lambda _, g: (g,))
    return through


def _at_rest(x: Any) -> Any:
    """The tangent of an argument that does not move: zeros for numbers, None for what is none."""
    is_number = isinstance(x, (float, complex, np.ndarray, np.generic)) and np.asarray(x).dtype.kind in "fc"
    return np.zeros_like(x) if is_number else None


def _pair(name: str, value: Any, of: str, expected: str) -> tuple[Any, Any]:
    if not isinstance(value, tuple) or len(value) != 2:
        raise GraphError(f"the {of} of {name} returns {expected}, got {type(value).__name__}")
    return value
