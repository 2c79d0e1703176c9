"""autograd's operators on functions, made of this package's transforms.

``op(fun, argnum=0)`` is a function of the arguments of ``fun``. ``argnum`` is the position of an argument, or a tuple
or list of positions; then what comes out is a tuple. Arguments may be complex: as in autograd, the gradient of a real
number L with respect to z is the g with dL = Re(g dz), which for a real argument is the usual one.
"""

from __future__ import annotations

import functools
import inspect
import warnings
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minigrad.compat.autograd import core, spaces, wrap_util
from minigrad.compat.autograd.values import floating
from minigrad.core.trees import flat, mapped
from minigrad.errors import BatchError, DTypeError
from minigrad.transforms import checkpointing, functions, jacobians

__all__ = ["checkpoint", "deriv", "egrad", "elementwise_grad", "grad", "grad_and_aux", "grad_named", "hessian"]
__all__ += ["hessian_tensor_product", "hessian_vector_product", "holomorphic_grad", "jacobian", "make_ggnvp"]
__all__ += ["make_hvp", "make_jvp", "make_jvp_reversemode", "make_vjp", "multigrad_dict", "tensor_jacobian_product"]
__all__ += ["value_and_grad", "vector_jacobian_product"]

Function = Callable[..., Any]
Argnum = int | Sequence[int]

# Programs look for these here too.
vspace, unary_to_nary = spaces.vspace, wrap_util.unary_to_nary
_make_vjp, _make_jvp = core.make_vjp, core.make_jvp


def _over(fun: Function, argnum: Argnum, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Function, list[Any]]:
    """The function of the arguments at ``argnum`` alone, and these; integer arrays count as numbers of float64."""
    places = [argnum] if isinstance(argnum, int) else list(argnum)
    wanted = [mapped(floating, args[place]) for place in places]

    @functools.wraps(fun, updated=())
    def of_these(*xs: Any) -> Any:
        whole = list(args)
        for place, x in zip(places, xs, strict=True):
            whole[place] = x
        return fun(*whole, **kwargs)

    return of_these, wanted


def _nary(operator: Function) -> Function:
    """An operator on a function and the list of its arguments, as one that takes ``fun`` and ``argnum``."""

    @functools.wraps(operator)
    def operate(fun: Function, argnum: Argnum = 0, *options: Any, **named: Any) -> Function:
        @functools.wraps(fun, updated=())
        def of_arguments(*args: Any, **kwargs: Any) -> Any:
            f, xs = _over(fun, argnum, args, kwargs)
            one = isinstance(argnum, int)
            return operator(f, xs, (lambda found: found[0]) if one else tuple, *options, **named)

        name = f"{operator.__name__}_of_{getattr(fun, '__name__', 'function')}_wrt_argnum_{argnum}"
        of_arguments.__name__ = of_arguments.__qualname__ = name
        return of_arguments

    return operate


Pick = Callable[[Sequence[Any]], Any]  # of a list with an item for each argument, what the caller asked for


def _ones(result: Any) -> Any:
    return mapped(lambda z: np.ones(np.shape(z), np.result_type(z)), result)


def _scalar_ones(result: Any, name: str) -> Any:
    """The cotangent of a real result with one element. Raises ``DTypeError``, which is a TypeError, for any other."""
    items = list(flat(result))
    if len(items) != 1 or np.size(items[0]) != 1 or np.iscomplexobj(items[0]):
        got = f"{len(items)} results" if len(items) != 1 else f"shape {np.shape(items[0])}, {np.result_type(items[0])}"
        raise DTypeError(
            f"{name} is of a function with a real scalar result, this one returned {got}: take jacobian, "
            "elementwise_grad or holomorphic_grad"
        )
    return _ones(result)


@_nary
def make_vjp(f: Function, xs: list[Any], pick: Pick) -> tuple[Function, Any]:
    """(pull, result): pull(g) is the gradient of <g, f> with respect to the arguments."""
    result, pull = functions.vjp(f, *xs)
    return (lambda g: pick(pull(g))), result


@_nary
def make_jvp(f: Function, xs: list[Any], pick: Pick) -> Function:
    """push(v) = (result, how it changes as the arguments move along v)."""
    return lambda v: functions.jvp(f, xs, _directions(v, xs))


@_nary
def make_jvp_reversemode(f: Function, xs: list[Any], pick: Pick) -> Function:
    """push(v) = how the result changes as the arguments move along v."""
    return lambda v: functions.jvp(f, xs, _directions(v, xs))[1]


def _directions(v: Any, xs: list[Any]) -> Any:
    """One direction for each argument: the only one is not in a list."""
    return v if len(xs) > 1 else (v,) if not isinstance(v, tuple) or isinstance(xs[0], tuple) else v


@_nary
def grad(f: Function, xs: list[Any], pick: Pick) -> Any:
    """The gradient of a function with a real scalar result (one element, of any shape), in its argument's structure.

    >>> import minigrad.compat.autograd.numpy as np
    >>> from minigrad.compat.autograd import grad
    >>> grad(np.tanh)(0.5)
    np.float64(0.7864477329659274)
    """
    result, pull = functions.vjp(f, *xs)
    return pick(pull(_scalar_ones(result, "grad")))


@_nary
def value_and_grad(f: Function, xs: list[Any], pick: Pick) -> tuple[Any, Any]:
    """(result, gradient) of a function with a real scalar result."""
    result, pull = functions.vjp(f, *xs)
    return result, pick(pull(_scalar_ones(result, "value_and_grad")))


@_nary
def elementwise_grad(f: Function, xs: list[Any], pick: Pick) -> Any:
    """The gradient of the sum of a real result: of an elementwise function, its derivative in each place."""
    result, pull = functions.vjp(f, *xs)
    if any(np.iscomplexobj(z) for z in flat(result)):
        raise DTypeError("elementwise_grad is of a real result, this one is complex: take its real, imag or abs first")
    return pick(pull(_ones(result)))


egrad = elementwise_grad


@_nary
def deriv(f: Function, xs: list[Any], pick: Pick) -> Any:
    """How the result changes as all elements of the argument grow alike."""
    return functions.jvp(f, xs, [_ones(x) for x in xs])[1]


@_nary
def grad_and_aux(f: Function, xs: list[Any], pick: Pick) -> tuple[Any, Any]:
    """(gradient of the first, second) of a function that returns two results."""
    (result, more), pull = functions.vjp(lambda *args: tuple(f(*args)), *xs)
    nothing = mapped(lambda z: np.zeros(np.shape(z), np.result_type(z)), more)
    return pick(pull((_scalar_ones(result, "grad_and_aux"), nothing))), more


@_nary
def holomorphic_grad(f: Function, xs: list[Any], pick: Pick) -> Any:
    """The complex derivative of a holomorphic function."""
    if not any(np.iscomplexobj(x) for x in flat(xs)):
        warnings.warn("the argument of holomorphic_grad is not complex", stacklevel=4)
    result, pull = functions.vjp(lambda *args: np.real(f(*args)), *xs)
    return pick(pull(_scalar_ones(result, "holomorphic_grad")))


@_nary
def jacobian(f: Function, xs: list[Any], pick: Pick) -> Any:
    """All derivatives: an array of the result's shape, then the argument's."""
    return pick(_derivatives(f, xs))


@_nary
def hessian(f: Function, xs: list[Any], pick: Pick) -> Any:
    """All second derivatives: an array of the result's shape, then the argument's twice."""
    if len(xs) == 1:
        return _derivatives(lambda x: _derivatives(f, [x])[0], xs)[0]
    return _derivatives(lambda *at: tuple(_derivatives(f, list(at))), xs)


def _derivatives(f: Function, xs: list[Any]) -> Sequence[Any]:
    """The Jacobians with respect to each argument: by the package's own way, or row by row where that cannot be.

    Rows are pulled at once in a batch. A rule of one's own, or a solver, may take plain arrays alone.
    """
    if any(np.iscomplexobj(x) for x in flat(xs)):
        return _row_by_row(f, xs)
    try:
        rows: Sequence[Any] = jacobians.jacobian(f, tuple(range(len(xs))))(*xs)
    except BatchError:
        return _row_by_row(f, xs)
    return rows


def _row_by_row(f: Function, xs: list[Any]) -> list[Any]:
    result, pull = functions.vjp(f, *xs)
    if isinstance(result, (tuple, list, dict)):
        raise DTypeError("jacobian is of a function that returns an array here, this one returned a structure of them")
    if np.iscomplexobj(result):
        raise DTypeError("jacobian is of a real result, this one is complex: take its real, imag or abs first")
    shape = np.shape(result)
    basis = np.eye(np.size(result), dtype=np.result_type(result)).reshape(-1, *shape)
    rows = [pull(row if row.ndim else row[()]) for row in basis]
    return [np.reshape(np.stack([row[i] for row in rows]), shape + np.shape(x)) for i, x in enumerate(xs)]


@_nary
def make_hvp(f: Function, xs: list[Any], pick: Pick) -> tuple[Function, Any]:
    """(push, gradient): push(v) is the Hessian times v."""
    places = 0 if len(xs) == 1 else tuple(range(len(xs)))
    gradient, pull = functions.vjp(grad(f, places), *xs)
    return (lambda v: pick(pull(v))), gradient


def hessian_tensor_product(fun: Function, argnum: int = 0) -> Function:
    """The function of (*arguments, v): the Hessian times v, which has the shape of the argument."""

    @functools.wraps(fun, updated=())
    def of_arguments(*args: Any, **kwargs: Any) -> Any:
        return make_hvp(fun, argnum)(*args[:-1], **kwargs)[0](args[-1])

    return of_arguments


def tensor_jacobian_product(fun: Function, argnum: int = 0) -> Function:
    """The function of (*arguments, v): the Jacobian with all axes of v summed over, from the left."""

    @functools.wraps(fun, updated=())
    def of_arguments(*args: Any, **kwargs: Any) -> Any:
        v = args[-1]
        return jacobian(lambda *xs: np.tensordot(v, fun(*xs, **kwargs), np.ndim(v)), argnum)(*args[:-1])

    return of_arguments


hessian_vector_product = hessian_tensor_product
vector_jacobian_product = tensor_jacobian_product


def _half_of_squares(x: Any) -> Any:
    return 0.5 * np.sum(x**2, axis=-1)


def make_ggnvp(f: Function, g: Function = _half_of_squares, f_argnum: int = 0) -> Function:
    """Products with J' H J: J is the Jacobian of ``f``, H the Hessian of ``g``, a function of the result of ``f``."""

    @functools.wraps(f, updated=())
    def of_arguments(*args: Any, **kwargs: Any) -> Function:
        at, (x,) = _over(f, f_argnum, args, kwargs)
        result, pull = functions.vjp(at, x)
        curve = make_hvp(g)(result)[0]
        return lambda v: pull(curve(functions.jvp(at, (x,), (v,))[1]))[0]

    return of_arguments


def grad_named(fun: Function, argname: str) -> Function:
    """``grad`` with respect to a parameter by its name."""
    gradient: Function = grad(fun, list(inspect.signature(fun).parameters).index(argname))
    return gradient


def multigrad_dict(fun: Function) -> Function:
    """The function that gives the gradients with respect to all arguments, by name."""
    signature = inspect.signature(fun)

    def call(values: dict[str, Any]) -> Any:
        bound = inspect.BoundArguments(signature, OrderedDict(values))
        return fun(*bound.args, **bound.kwargs)

    @functools.wraps(fun, updated=())
    def gradients(*args: Any, **kwargs: Any) -> OrderedDict[str, Any]:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        return OrderedDict(grad(call)(dict(bound.arguments)))

    return gradients


def checkpoint(fun: Function) -> Function:
    """``fun``, whose intermediate values are not kept, but computed again for the gradient."""

    @functools.wraps(fun, updated=())
    def computed_again(*args: Any, **kwargs: Any) -> Any:
        return checkpointing.checkpoint(fun, *args, **kwargs)

    return computed_again
