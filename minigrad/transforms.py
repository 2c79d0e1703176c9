"""Functions of functions: ``grad(f)`` is the function that computes the gradient of ``f``.

A transform calls ``f`` with new tensors in place of the arguments that it differentiates with respect to. What was
part of a graph already stays connected to it through them, so transforms nest in each other, and in a model that is
trained with ``backward()``. The gradients are themselves recorded exactly where ``f`` depends on something that
anybody could differentiate with respect to later; otherwise they are computed on arrays. Inside ``no_grad()``
a transform records what it needs and nothing after it: its results are constants.

Arguments and results may be nested structures: lists, tuples, named tuples and dicts. No ``.grad`` is ever touched.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from minigrad.arrays import Stand
from minigrad.context import is_recording
from minigrad.errors import DTypeError, ShapeError
from minigrad.graph import Leaf
from minigrad.ops.shaping import reshape, stack
from minigrad.recorded import Argnums, RecordedCall, check_argnums
from minigrad.sections import Section, direction
from minigrad.structures import aligned, leaves, mapped, rebuilt
from minigrad.tensor import Tensor, wrap


def grad(f: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False) -> Callable[..., Any]:
    """The function that computes the gradient of ``f``, a function with a scalar result.

    The gradient has the structure of argument number ``argnums`` of ``f``, with a Tensor for each Tensor, array or
    number; for a tuple of numbers it is a tuple. For a Module it is a dict: a Tensor for each parameter that requires a
    gradient, by name. With ``has_aux``, ``f`` returns (result, more) and the function (gradient, more).

    >>> import minigrad as mg
    >>> from minigrad.transforms import grad
    >>> grad(lambda x: x**3)(2.0)
    tensor(12.)
    >>> grad(grad(lambda x: x**3))(2.0)
    tensor(12.)

    Raises ``ShapeError`` unless the result is a scalar, ``DTypeError`` unless it is a real Tensor and the arguments
    hold floating numbers (Python's count as such).
    """
    both = value_and_grad(f, argnums, has_aux)

    @functools.wraps(f, updated=())
    def gradient(*args: Any, **kwargs: Any) -> Any:
        value, found = both(*args, **kwargs)
        return (found, value[1]) if has_aux else found

    return gradient


def value_and_grad(f: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False) -> Callable[..., Any]:
    """The function that computes (result, gradient) of ``f``, or ((result, more), gradient) with ``has_aux``.

    >>> from minigrad.transforms import value_and_grad
    >>> value_and_grad(lambda x, y: x * y["scale"], argnums=(0, 1))(2.0, {"scale": 3.0})
    (tensor(6.), (tensor(3.), {'scale': tensor(2.)}))
    """
    check_argnums(argnums)

    @functools.wraps(f, updated=())
    def value_and_gradient(*args: Any, **kwargs: Any) -> Any:
        call = RecordedCall(f, args, kwargs, argnums)
        value, more = _pair(call.result) if has_aux else (call.result, None)
        _require_scalar(value)
        section = call.section([value])
        more, shared = call.let_go(more) if has_aux else (None, False)
        record = call.continues(section)
        found = section.pull([value._node], [wrap(value.dtype.type(1))], record=record, retain=record or shared)
        value = wrap(value._data, value._node if record else None)
        return ((value, more) if has_aux else value), call.in_structure(found)

    return value_and_gradient


def vjp(f: Callable[..., Any], *xs: Any) -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:
    """(f(*xs), pull), where pull(g) is the tuple of gradients of <g, f(*xs)> with respect to each of ``xs``.

    ``g`` has the structure and shapes of the result. ``pull`` may be called many times. Of a complex result, g is the
    number with dL = Re(g dz).

    >>> from minigrad.transforms import vjp
    >>> z, pull = vjp(lambda x, y: x * y, 2.0, 3.0)
    >>> z, pull(1.0), pull(10.0)
    (tensor(6.), (tensor(3.), tensor(2.)), (tensor(30.), tensor(20.)))

    Raises ``DTypeError`` and ``ShapeError`` for what does not fit, ``GraphError`` for data that changed meanwhile.
    """
    # What pull needs is kept: an array that its owner writes to meanwhile must not change it.
    xs = tuple(mapped(lambda x: x.copy() if isinstance(x, np.ndarray) else x, x) for x in xs)
    call = RecordedCall(f, xs, {}, tuple(range(len(xs))))
    outputs = _outputs(call.result, "vjp")
    section = call.section(outputs)

    def pull(g: Any) -> tuple[Any, ...]:
        cotangents = [direction(v, z.shape, z.dtype, name) for name, v, z in aligned(g, call.result, "the cotangent")]
        record = is_recording() and (
            call.continues(section) or any(cotangent.requires_grad for cotangent in cotangents)
        )
        found = section.pull([z._node for z in outputs], cotangents, record=record, retain=True)
        gradients: tuple[Any, ...] = call.in_structure(found)
        return gradients

    return call.handed_out(call.continues(section)), pull


def jvp(f: Callable[..., Any], xs: Any, tangents: Any) -> tuple[Any, Any]:
    """(f(*xs), J t): the result, and how it changes as the arguments move along ``tangents``.

    ``xs`` is the tuple of arguments, ``tangents`` has its structure and shapes. The gradient is a linear function of
    the cotangent, so its own gradient is the tangent: forward mode by going backward twice.

    >>> from minigrad.transforms import jvp
    >>> jvp(lambda x, y: x * y, (2.0, 3.0), (1.0, 10.0))
    (tensor(6.), tensor(23.))
    """
    if not isinstance(xs, (tuple, list)):
        raise DTypeError(f"jvp takes the tuple of all arguments, got {type(xs).__name__}: write jvp(f, (x,), (t,))")
    call = RecordedCall(f, tuple(xs), {}, tuple(range(len(xs))))
    outputs = _outputs(call.result, "jvp")
    moves = [
        direction(t, x.shape, x.dtype, name)
        for name, t, x in aligned(tangents, call.in_structure(call.wanted), "the tangents")
    ]
    cotangents = [wrap(np.ones(z.shape, z.dtype), Leaf(z.shape, z.dtype)) for z in outputs]
    ends = [cotangent._node for cotangent in cotangents]
    section = call.section(outputs)
    gradients = section.pull([z._node for z in outputs], cotangents, record=True, retain=True)
    roots = [gradient._node for gradient in gradients]
    backward = Section(roots, call.start, ends)
    record = call.recording and (
        backward.leads_outside(call.private | set(ends)) or any(move.requires_grad for move in moves)
    )
    pushed = backward.pull(roots, moves, record=record, retain=True)
    return call.handed_out(call.continues(section)), rebuilt(call.result, iter(pushed))


def jacobian(f: Callable[..., Any], argnums: Argnums = 0) -> Callable[..., Any]:
    """The function that computes all derivatives of ``f``: of shape ``result.shape + x.shape``, one walk for each row.

    Of structures it is the structure of the result, and in place of each of its leaves that of the argument.

    >>> from minigrad.transforms import jacobian
    >>> import numpy as np
    >>> jacobian(lambda x: x * x)(np.array([1.0, 2.0], "float32"))
    tensor([[2., 0.],
            [0., 4.]])
    """
    check_argnums(argnums)

    @functools.wraps(f, updated=())
    def all_derivatives(*args: Any, **kwargs: Any) -> Any:
        call = RecordedCall(f, args, kwargs, argnums)
        blocks = []
        for z in _outputs(call.result, "jacobian"):
            if z.dtype.kind == "c":
                raise DTypeError("jacobian is of real results, this one is complex: take its real, imag or abs first")
            blocks.append(call.in_structure(_rows(call, z)))
        return rebuilt(call.result, iter(blocks))

    return all_derivatives


def _rows(call: RecordedCall, z: Tensor) -> list[Tensor]:
    """The derivatives of all elements of z with respect to everything wanted, each as one Tensor."""
    section = call.section([z])
    record = call.continues(section)
    rows: list[list[Tensor]] = []
    for number in range(z.size):
        one_hot = np.zeros(z.size, z.dtype)
        one_hot[number] = 1
        rows.append(section.pull([z._node], [Tensor(one_hot.reshape(z.shape))], record=record, retain=True))
    return [_stacked([row[i] for row in rows], z.shape + x.shape, x.dtype) for i, x in enumerate(call.wanted)]


def _stacked(rows: list[Tensor], shape: tuple[int, ...], dtype: np.dtype) -> Tensor:
    if any(row.requires_grad or isinstance(row._data, Stand) for row in rows):
        stacked: Tensor = reshape(stack(rows), shape)
        return stacked
    return Tensor(np.array([row._data for row in rows], dtype).reshape(shape))


def hessian(f: Callable[..., Any], argnums: Argnums = 0) -> Callable[..., Any]:
    """The function that computes all second derivatives of a scalar ``f``: of shape ``x.shape + x.shape``.

    Of structures there is a block for each pair of leaves: ``hessian(f)({"a": x, "b": y})["a"]["b"]``.

    >>> from minigrad.transforms import hessian
    >>> import numpy as np
    >>> hessian(lambda x: x[0] ** 2 * x[1])(np.array([1.0, 2.0], "float32"))
    tensor([[4., 2.],
            [2., 0.]])
    """
    return jacobian(grad(f, argnums), argnums)


def hvp(f: Callable[..., Any], x: Any, v: Any) -> Any:
    """The hessian of a scalar ``f`` at ``x``, times ``v``; the hessian itself is never built.

    ``v`` has the structure and shapes of ``x`` (for a Module: a dict by name, as ``grad`` gives); so has the result.

    >>> from minigrad.transforms import hvp
    >>> hvp(lambda x: x["a"] ** 2 * x["b"], {"a": 1.0, "b": 2.0}, {"a": 1.0, "b": 10.0})
    {'a': tensor(24.), 'b': tensor(2.)}
    """
    _, pull = vjp(grad(f), x)  # the hessian is symmetric: its rows are its columns
    return pull(v)[0]


def _require_scalar(value: Any) -> None:
    if not isinstance(value, Tensor):
        raise DTypeError(
            f"a gradient is of a function that returns a Tensor, this one returned {type(value).__name__}: where a "
            "Tensor becomes a number or an array (x.item(), x.data) its graph ends; what is returned besides "
            "goes with has_aux=True"
        )
    if value.shape != ():
        raise ShapeError(
            f"a gradient is of a function with a scalar result, this one returned shape {value.shape}: reduce it "
            "first, with .sum() or .mean(), or take mg.jacobian"
        )
    if value.dtype.kind != "f":
        raise DTypeError(
            f"a gradient is of a function with a real floating result, this one returned dtype {value.dtype}: take its "
            "real, imag or abs first"
        )


def _outputs(result: Any, transform: str) -> list[Tensor]:
    """The leaves of a result, all of them Tensors with derivatives."""
    found = []
    for path, z in leaves(result):
        if not isinstance(z, Tensor) or z.dtype.kind not in "fc":
            got = f"a Tensor of dtype {z.dtype}" if isinstance(z, Tensor) else f"{type(z).__name__}"
            raise DTypeError(
                f"{transform} is of a function that returns floating Tensors, or a structure of them; "
                f"result{path} is {got}: leave it out of the result"
            )
        found.append(z)
    return found


def _pair(result: Any) -> tuple[Any, Any]:
    if not isinstance(result, tuple) or len(result) != 2:
        raise DTypeError(f"with has_aux=True a function returns (result, more), got {type(result).__name__}")
    return result[0], result[1]
