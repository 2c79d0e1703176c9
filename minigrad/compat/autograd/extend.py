"""Functions with derivatives of their own: autograd's ``primitive``, ``defvjp`` and their like.

The function runs on plain arrays. A maker of a gradient is called in the backward pass with the result and the
arguments, on arrays, or on tensors where the backward pass is itself differentiated: so write it in this namespace.
A function that has rules for forward mode alone, which are linear in the tangent, is differentiated by their
transpose. Where there are both, the rules for reverse mode count.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from minigrad.compat.autograd.spaces import VSpace, vspace
from minigrad.compat.autograd.values import Box, getval, isbox, notrace_primitive
from minigrad.core.memory import own
from minigrad.core.primitive import primitive as row
from minigrad.core.trees import aligned, leaves, mapped
from minigrad.errors import UnsupportedError
from minigrad.transforms.functions import vjp

__all__ = ["Box", "NoRuleError", "VSpace", "def_linear", "defjvp", "defjvp_argnum", "defjvp_argnums", "defvjp"]
__all__ += ["defvjp_argnum", "defvjp_argnums", "getval", "isbox", "notrace_primitive", "primitive", "vspace"]

Function = Callable[..., Any]


class NoRuleError(UnsupportedError, NotImplementedError):
    """A gradient of a primitive that no rule gives; also the error that autograd raises then."""


class Rules:
    """The derivatives of one function: for some arguments, or for all, what makes a gradient or a tangent."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.pull: dict[int, Function | None] = {}
        self.pull_any: Function | None = None  # (argnum, result, arguments, options) -> g -> gradient
        self.push: dict[int, Function | str | None] = {}
        self.push_any: Function | None = None  # (argnum, tangent, result, arguments, options) -> tangent

    def knows(self, argnum: int) -> bool:
        """Whether there is a gradient with respect to this argument."""
        known = argnum in self.pull or self.pull_any or self.push_any
        return bool(known or (argnum in self.push and self.push[argnum] != "same"))

    def gradient(self, argnum: int, g: Any, z: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        """The gradient with respect to one argument, given that of the result z; None for zeros."""
        if argnum in self.pull:
            maker = self.pull[argnum]
            return None if maker is None else maker(z, *args, **kwargs)(g)
        if self.pull_any is not None:
            return self.pull_any(argnum, z, args, kwargs)(g)
        push = self.push.get(argnum)
        if argnum in self.push and push is None:
            return None
        nothing = mapped(lambda x: np.zeros(np.shape(x), np.result_type(x)), args[argnum])
        if callable(push):
            return vjp(lambda t: push(t, z, *args, **kwargs), nothing)[1](g)[0]
        push_any: Any = self.push_any  # knows() has said that there is one
        return vjp(lambda t: push_any(argnum, t, z, args, kwargs), nothing)[1](g)[0]


class _Hole:
    """The place of a tensor among the arguments of a call."""

    def __init__(self, number: int) -> None:
        self.number = number


class _Call:
    """One call: the function, its rules, and the arguments with holes in place of tensors."""

    def __init__(self, f: Function, rules: Rules, args: Iterable[Any], kwargs: dict[str, Any]) -> None:
        self.f, self.rules, self.kwargs = f, rules, kwargs
        self.tensors: list[Box] = []
        self.args = [mapped(self._hole, arg) for arg in args]
        self.argnum = [n for n, arg in enumerate(self.args) for _, leaf in leaves(arg) if isinstance(leaf, _Hole)]

    def _hole(self, leaf: Any) -> Any:
        if not isinstance(leaf, Box):
            return own(leaf)  # what its owner writes to it later must not change the gradient
        self.tensors.append(leaf)
        return _Hole(len(self.tensors) - 1)

    def filled(self, values: Sequence[Any]) -> list[Any]:
        """The arguments with these in the holes; scalars are NumPy's scalars, as in the function's own world."""
        return [
            mapped(lambda leaf: _plain(values[leaf.number]) if isinstance(leaf, _Hole) else leaf, arg)
            for arg in self.args
        ]

    def value(self, values: Sequence[Any]) -> Any:
        """The result as an array or NumPy's scalar."""
        result = self.f(*self.filled(values), **self.kwargs)
        if isinstance(result, (tuple, list, dict)) or result is None:
            raise UnsupportedError(
                f"a primitive returns one array or number, {self.rules.name} returned a {type(result).__name__}: make "
                "a primitive of each part, or return them joined in one array and split that"
            )
        return np.asarray(result)[()] if not hasattr(result, "dtype") else result

    def gradient(self, g: Any, z: Any, values: Sequence[Any], number: int) -> Any:
        """The gradient with respect to a tensor, which may be a part of an argument."""
        argnum, like = self.argnum[number], values[number]
        found = self.rules.gradient(argnum, _plain(g), _plain(z), self.filled(values), self.kwargs)
        if found is not None:
            for _, part, leaf in aligned(found, self.args[argnum], "the gradient"):
                if isinstance(leaf, _Hole) and leaf.number == number:
                    found = part
                    break
        if found is None:
            return np.zeros(np.shape(like), np.result_type(like))
        return found if hasattr(found, "dtype") else np.asarray(found, np.result_type(like))


def _plain(x: Any) -> Any:
    """An array without axes as NumPy's scalar."""
    return x[()] if type(x) is np.ndarray and not x.ndim else x


def primitive(f: Function) -> Function:
    """``f`` as a function that is differentiated by rules of its own, which ``defvjp`` gives it.

    >>> import minigrad.compat.autograd.numpy as np
    >>> from minigrad.compat.autograd import grad
    >>> from minigrad.compat.autograd.extend import defvjp, primitive
    >>> @primitive
    ... def cube(x):
    ...     return x**3
    >>> defvjp(cube, lambda ans, x: lambda g: g * 3 * x**2)
    >>> grad(grad(cube))(2.0)
    np.float64(12.0)

    Raises ``NoRuleError``, an UnsupportedError and a NotImplementedError, for a gradient that no rule gives.
    """
    name = f"{getattr(f, '__module__', '')}.{getattr(f, '__qualname__', getattr(f, '__name__', 'function'))}"
    rules = Rules(name)

    def forward(*xs: Any, run: _Call) -> Any:
        return run.value(xs)

    op = row(forward, lambda g, z, xs, i, run: run.gradient(g, z, xs, i), name=name)

    @functools.wraps(f, updated=())
    def with_rules(*args: Any, **kwargs: Any) -> Any:
        call = _Call(f, rules, args, kwargs)
        for _, option in leaves(kwargs):
            if isbox(option) and option.requires_grad:
                raise UnsupportedError(f"{name}: an argument to be differentiated is given by position, not by name")
        call.kwargs = mapped(getval, kwargs)
        if not call.tensors:
            return f(*args, **call.kwargs)
        for argnum, x in zip(call.argnum, call.tensors, strict=True):
            if x.requires_grad and not rules.knows(argnum):
                raise NoRuleError(f"{name} has no gradient with respect to argument {argnum}: give it by defvjp")
        return op(*call.tensors, run=call)

    with_rules.rules = rules  # type: ignore[attr-defined]
    return with_rules


def _rules(fun: Function) -> Rules:
    rules = getattr(fun, "rules", None)
    if not isinstance(rules, Rules):
        raise UnsupportedError(
            f"{getattr(fun, '__name__', fun)} is no primitive, so it takes no rules: write f = primitive(function) and "
            "give f the rule. Functions of NumPy and SciPy have their derivatives already"
        )
    return rules


def _by_argnum(makers: Sequence[Any], argnums: Iterable[int] | None) -> Iterator[tuple[int, Any]]:
    return zip(itertools.count() if argnums is None else argnums, makers)  # noqa: B905 - the count has no end


def defvjp(fun: Function, *makers: Function | None, argnums: Iterable[int] | None = None) -> None:
    """Gradients of a primitive: ``maker(result, *arguments)(g)`` for each argument, or None for zeros.

    ``argnums`` says which arguments they are for, by default the first ones.
    """
    _rules(fun).pull.update(_by_argnum(makers, argnums))


def defvjp_argnum(fun: Function, maker: Function) -> None:
    """One gradient for all arguments: ``maker(argnum, result, arguments, options)(g)``."""
    _rules(fun).pull_any = maker


def defvjp_argnums(fun: Function, maker: Function) -> None:
    """One function for several arguments at once: ``maker(argnums, result, arguments, options)(g)`` gives them all."""

    def one(argnum: int, z: Any, args: Any, kwargs: Any) -> Function:
        pull = maker((argnum,), z, args, kwargs)
        return lambda g: next(iter(pull(g)))

    _rules(fun).pull_any = one


def defjvp(fun: Function, *makers: Function | str | None, argnums: Iterable[int] | None = None) -> None:
    """Tangents of a primitive: ``maker(tangent, result, *arguments)`` for each argument, "same", or None for zeros."""
    _rules(fun).push.update(_by_argnum(makers, argnums))


def defjvp_argnum(fun: Function, maker: Function) -> None:
    """One tangent for all arguments: ``maker(argnum, tangent, result, arguments, options)``."""
    _rules(fun).push_any = maker


def defjvp_argnums(fun: Function, maker: Function) -> None:
    """One function for several arguments at once: ``maker(argnums, tangents, result, arguments, options)``."""
    _rules(fun).push_any = lambda argnum, t, z, args, kwargs: maker((argnum,), (t,), z, args, kwargs)


def def_linear(fun: Function) -> None:
    """Say that a primitive is linear in each argument. Its gradients come from ``defvjp``, which it needs besides."""
    _rules(fun)
