"""Functions with derivatives of their own: autograd's ``primitive``, ``defvjp`` and their like.

The function runs on plain arrays. A maker of a gradient is called in the backward pass with the result and the
arguments, on arrays, or on tensors where the backward pass is itself differentiated: so write it in this namespace.
A function that has rules for forward mode alone, which are linear in the tangent, is differentiated by their
transpose. Where there are both, each counts for its mode.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from minigrad.compat.autograd.faces import OWN, RULED
from minigrad.compat.autograd.spaces import VSpace, vspace
from minigrad.compat.autograd.values import Box, getval, isbox, notrace_primitive
from minigrad.core.members import member_by_member
from minigrad.core.memory import own
from minigrad.core.trees import leaves, mapped, mapped_all, rebuilt
from minigrad.errors import UnsupportedError
from minigrad.support.user_warnings import warn
from minigrad.transforms.functions import vjp
from minigrad.transforms.ruled_call import RuledCall, floating_tensors, has_tensors, nothing, with_tensors

__all__ = ["Box", "NoRuleError", "VSpace", "def_linear", "defjvp", "defjvp_argnum", "defjvp_argnums", "defvjp"]
__all__ += ["defvjp_argnum", "defvjp_argnums", "getval", "isbox", "notrace_primitive", "primitive", "vspace"]

Function = Callable[..., Any]


class NoRuleError(UnsupportedError, NotImplementedError):
    """A gradient of a primitive that no rule gives; also the error that autograd raises then."""


class Rules:
    """The derivatives of one function: for some arguments, or for all, what makes a gradient or a tangent."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.function: Any = None  # the primitive itself
        self.own: Function | None = None  # of a namespace here, with its own derivative
        self.pull: dict[int, Function | None] = {}
        self.pull_any: Function | None = None  # (argnums, result, arguments, options) -> g -> gradients
        self.push: dict[int, Function | str | None] = {}
        self.push_any: Function | str | None = None  # (argnum, tangent, result, arguments, options) -> tangent

    def knows(self, argnum: int) -> bool:
        """Whether there is a gradient with respect to this argument."""
        known = self._pulls(argnum) or callable(self.push_any)
        return bool(known or (argnum in self.push and self.push[argnum] != "same"))

    def gradients(self, argnums: Sequence[int], g: Any, z: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        """The gradients with respect to these arguments, by number, given that of the result z; None for zeros."""
        by_number = {n: maker and maker(z, *args, **kwargs)(g) for n, maker in self.pull.items() if n in argnums}
        others = tuple([n for n in argnums if n not in by_number])
        if others and self.pull_any is not None:
            return {**by_number, **dict(zip(others, self.pull_any(others, z, args, kwargs)(g), strict=True))}
        return {**by_number, **{n: self._by_own(n, g, z, args, kwargs) for n in others}}

    def _pulls(self, argnum: int) -> bool:
        """Whether there is a rule for reverse mode, somebody's or the function's own."""
        return argnum in self.pull or self.pull_any is not None or (self.own is not None and not self.pull)

    def pushes(self, argnum: int) -> bool:
        """Whether there are rules of both modes for this argument."""
        return (argnum in self.push or self.push_any is not None) and self._pulls(argnum)

    def _by_own(self, argnum: int, g: Any, z: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        """The gradient of a namespace's function whose rules are for forward mode alone, else by these rules."""
        own = self.own
        if own is None or self.pull:
            return self._transposed(argnum, g, z, args, kwargs)
        try:
            return vjp(lambda x: own(*args[:argnum], x, *args[argnum + 1 :], **kwargs), args[argnum])[1](g)[0]
        except UnsupportedError:  # the function has none
            return self._transposed(argnum, g, z, args, kwargs)

    def tangent(self, argnum: int, t: Any, z: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        """How the result z changes as this argument moves along t, by the rule for forward mode; None for zeros."""
        push: Any = self.push.get(argnum, self.push_any)
        if push == "same":
            return self.function(*args[:argnum], t, *args[argnum + 1 :], **kwargs)
        if push is None or argnum in self.push:
            return push and push(t, z, *args, **kwargs)
        return push(argnum, t, z, args, kwargs)

    def _transposed(self, argnum: int, g: Any, z: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        """The gradient by the rule for forward mode, which is linear in the tangent."""
        push = self.push.get(argnum)
        if argnum in self.push and push is None:
            return None
        nothing = mapped(lambda x: np.zeros(np.shape(x), np.result_type(x)), args[argnum])
        if callable(push):
            return vjp(lambda t: push(t, z, *args, **kwargs), nothing)[1](g)[0]
        push_any: Any = self.push_any  # knows() has said that there is one
        return vjp(lambda t: push_any(argnum, t, z, args, kwargs), nothing)[1](g)[0]


def _on_values(function: Function, trees: tuple[Any, ...]) -> Any:
    """``function(*trees)`` with the values of the tensors in them, scalars as NumPy's; of a batch, of each member."""

    def call(*values: Any) -> Any:
        return function(*rebuilt(trees, iter(values)))

    return member_by_member(call)(*[_value(x) for _, x in leaves(trees)])


def _value(x: Any) -> Any:
    x = x._array if isinstance(x, Box) else x
    return x[()] if type(x) is np.ndarray and not x.ndim else x


def primitive(f: Function) -> Function:
    """``f`` as a function that is differentiated by rules of its own, which ``defvjp`` gives it.

    It returns an array, a number, or a structure of them. Rules get the result and its gradient in the same structure.
    The gradient of an integer in it is 0.

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

    @functools.wraps(f, updated=())
    def with_rules(*args: Any, **kwargs: Any) -> Any:
        for _, option in leaves(kwargs):
            if isbox(option) and option.requires_grad:
                raise UnsupportedError(f"{name}: an argument to be differentiated is given by position, not by name")
        options = mapped(lambda option: own(getval(option)), kwargs)
        if not has_tensors(args):
            return f(*args, **mapped(getval, kwargs))
        wanted = [n for n, arg in enumerate(args) if any(isbox(x) and x.requires_grad for _, x in leaves(arg))]
        for argnum in wanted:
            if not rules.knows(argnum):
                raise NoRuleError(f"{name} has no gradient with respect to argument {argnum}: give it by defvjp")

        def run(*arguments: Any) -> tuple[Any, Any]:
            result = _on_values(lambda *values: mapped(_as_numpy, f(*values, **options)), arguments)
            return result, ()

        def pull(arguments: tuple[Any, ...], z: Any, saved: Any, g: Any) -> Any:
            g = mapped_all(lambda part: 0.0 if part is None else part, g)  # of integers, as in autograd

            def gradients(g: Any, z: Any, arguments: Any) -> Any:
                by_number = rules.gradients(wanted, g, z, arguments, options)
                return [by_number.get(n) for n in range(len(arguments))]

            # Where the backward pass is recorded, nothing is saved, and the rule gets tensors.
            if saved is None and all(map(rules.pushes, wanted)):
                return _in_both_modes(rules, wanted, gradients, options, (g, z, arguments))
            return gradients(g, z, arguments) if saved is None else _on_values(gradients, (g, z, arguments))

        return RuledCall(name, run, pull, args).result()

    rules.function = with_rules
    with_rules.rules = rules  # type: ignore[attr-defined]
    return with_rules


def _in_both_modes(
    rules: Rules, wanted: Sequence[int], gradients: Function, options: dict[str, Any], call: tuple[Any, Any, Any]
) -> Any:
    """``gradients(g, z, args)``, whose own gradient with respect to g is by the rules for forward mode."""

    def run(*values: Any) -> tuple[Any, Any]:
        return mapped(_as_numpy, _on_values(gradients, values)), ()

    def tangents(ts: Any, z: Any, args: Sequence[Any]) -> Any:
        terms = [rules.tangent(n, ts[n], z, args, options) for n in wanted if ts[n] is not None]
        return functools.reduce(_sum, terms, None)

    def pull(arguments: tuple[Any, ...], result: Any, saved: Any, ts: Any, number: int) -> Any:
        g, z, args = arguments
        if number == 0:
            return tangents(ts, z, args) if saved is None else _on_values(tangents, (ts, z, args))
        others = (z, args)[number - 1]
        moving = floating_tensors(others)

        def of_others(*tensors: Any) -> Any:
            changed = with_tensors(others, tensors)
            parts = gradients(g, *((changed, args) if number == 1 else (z, changed)))
            return [x for _, x in leaves(parts) if np.result_type(x).kind in "fc"]

        cotangents = [t for _, t in leaves(ts) if t is not None]
        return with_tensors(others, vjp(of_others, *moving)[1](cotangents), nothing)

    return RuledCall(f"the gradient of {rules.name}", run, pull, call, separate=True).result()


def _sum(a: Any, b: Any) -> Any:
    """The sum of two structures, where None is 0."""
    if a is None or b is None:
        return b if a is None else a
    return rebuilt(a, (x + y for (_, x), (_, y) in zip(leaves(a), leaves(b), strict=True)))


def _as_numpy(x: Any) -> Any:
    """A Python number among the results as NumPy's."""
    return np.asarray(x)[()] if isinstance(x, (bool, int, float, complex)) else x


def _rules(fun: Function) -> Rules:
    """The rules of a primitive. A function of a namespace here becomes one, whose rules are the user's alone."""
    if fun in RULED:
        face, fun = fun, RULED[fun] or primitive(vars(fun)["__wrapped__"])
        RULED[face] = fun
        vars(fun)["rules"].own = OWN[face]
    rules = getattr(fun, "rules", None)
    if isinstance(rules, Rules):
        return rules
    name = getattr(fun, "__name__", str(fun))
    warn(
        f"{name} is no primitive, so it is differentiated as it is written, and this rule is not used: write f = "
        "primitive(function) and give f the rule"
    )
    return Rules(name)


def _by_argnum(makers: Sequence[Any], argnums: Iterable[int] | None) -> Iterator[tuple[int, Any]]:
    return zip(itertools.count() if argnums is None else argnums, makers)  # noqa: B905 - the count has no end


def defvjp(fun: Function, *makers: Function | None, argnums: Iterable[int] | None = None) -> None:
    """Gradients of a primitive: ``maker(result, *arguments)(g)`` for each argument, or None for zeros.

    ``argnums`` says which arguments they are for, by default the first ones.
    """
    _rules(fun).pull.update(_by_argnum(makers, argnums))


def defvjp_argnum(fun: Function, maker: Function) -> None:
    """One gradient for all arguments: ``maker(argnum, result, arguments, options)(g)``."""
    defvjp_argnums(fun, lambda argnums, *call: lambda g: [maker(n, *call)(g) for n in argnums])


def defvjp_argnums(fun: Function, maker: Function) -> None:
    """One function for several arguments at once: ``maker(argnums, result, arguments, options)(g)`` gives them all."""
    rules = _rules(fun)
    rules.pull, rules.pull_any = {}, maker  # in place of those before, as in autograd


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
    _rules(fun).push_any = "same"
