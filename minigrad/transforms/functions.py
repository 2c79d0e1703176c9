"""Functions of functions: ``grad(f)`` is the function that computes the gradient of ``f``.

A transform calls ``f`` with new tensors in place of the arguments that it differentiates with respect to. What was
part of a graph already stays connected to it through them, so transforms nest in each other, and in a model that is
trained with ``backward()``. The gradients are themselves recorded exactly where ``f`` depends on something that
anybody could differentiate with respect to later; otherwise they are computed on arrays. Inside ``no_grad()``
a transform records what it needs and nothing after it: its results are constants.

Arguments and results may be nested structures: lists, tuples, named tuples, dicts and dataclasses. A transform of
arrays and numbers gives arrays and NumPy scalars, of Tensors it gives Tensors. No ``.grad`` is ever touched.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from minigrad.core.checks import check_function
from minigrad.core.context import differentiating, is_recording
from minigrad.core.graph import Leaf, uphill
from minigrad.core.tensor import Tensor, around, wrap
from minigrad.core.trees import aligned, leaves, mapped, rebuilt
from minigrad.errors import DTypeError, ShapeError
from minigrad.support.idioms import told
from minigrad.transforms.subgraph import Section, direction
from minigrad.transforms.traced_call import Argnums, RecordedCall, check_argnums


@told
def grad(f: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False) -> Callable[..., Any]:
    """The function that computes the gradient of ``f``, a function with a scalar result.

    The gradient has the structure of the argument of ``f`` that ``argnums`` names, by position or by name; for a tuple
    or list of these it is a tuple. It has an array for each array, a NumPy scalar for each number, a Tensor for each
    Tensor; where ``f`` depends on a tensor that requires a gradient, it is recorded, and all are Tensors. For a Module
    it is a dict: a Tensor for each parameter that requires a gradient, by name. With ``has_aux``, ``f`` returns
    (result, more) and the function (gradient, more).

    >>> mg.grad(lambda x: (x**3).sum())(np.array([1.0, 2.0]))
    array([ 3., 12.])
    >>> mg.grad(mg.grad(lambda x: x**3))(2.0)
    np.float64(12.0)

    Raises ``ShapeError`` unless the result is a scalar, ``DTypeError`` unless it is real and the arguments hold
    floating numbers (Python's count as such). A result that is a number, or depends on nothing, has the gradient 0.
    """
    check_function("grad", f)
    both = value_and_grad(f, argnums, has_aux)

    @functools.wraps(f, updated=())
    def gradient(*args: Any, **kwargs: Any) -> Any:
        value, slopes = both(*args, **kwargs)
        return (slopes, value[1]) if has_aux else slopes

    return gradient


@told
def value_and_grad(f: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False) -> Callable[..., Any]:
    """The function that computes (result, gradient) of ``f``, or ((result, more), gradient) with ``has_aux``.

    >>> mg.value_and_grad(lambda x, y: x * y["scale"], argnums=(0, 1))(2.0, {"scale": 3.0})
    (np.float64(6.0), (np.float64(3.0), {'scale': np.float64(2.0)}))
    """
    check_function("value_and_grad", f)
    check_argnums(argnums)

    @functools.wraps(f, updated=())
    def value_and_gradient(*args: Any, **kwargs: Any) -> Any:
        call = RecordedCall(f, args, kwargs, argnums)
        value, more = _pair(call.result) if has_aux else (call.result, None)
        value = _scalar(value)
        section = call.section([value])
        more, shared = call.let_go(more) if has_aux else (None, False)
        record = call.continues(section)
        slopes = call.pull(section, [value._node], [wrap(value.dtype.type(1))], record=record, retain=record or shared)
        slopes = [uphill(g) for g in slopes]
        value = call.handed_out(value, record)
        return ((value, call.as_given(more)) if has_aux else value), call.in_structure(slopes)

    return value_and_gradient


def vjp(f: Callable[..., Any], *xs: Any) -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:
    """(f(*xs), pull), where pull(g) is the tuple of gradients of <g, f(*xs)> with respect to each of ``xs``.

    ``g`` has the structure and shapes of the result. ``pull`` may be called many times. Of a complex result, g is the
    number with dL = Re(g dz), and so is the gradient of a complex argument.

    >>> z, pull = mg.vjp(lambda x, y: x * y, 2.0, 3.0)
    >>> z, pull(1.0), pull(10.0)
    (np.float64(6.0), (np.float64(3.0), np.float64(2.0)), (np.float64(30.0), np.float64(20.0)))

    Raises ``DTypeError`` and ``ShapeError`` for what does not fit, ``GraphError`` for data that changed meanwhile.
    """
    check_function("vjp", f)
    # What pull needs is kept: an array that its owner writes to meanwhile must not change it.
    xs = tuple(mapped(lambda x: x.copy() if isinstance(x, np.ndarray) else x, x) for x in xs)
    call = RecordedCall(f, xs, {}, tuple(range(len(xs))))
    result, outputs = outputs_of(call.result, "vjp")
    section = call.section(outputs)

    def pull(g: Any) -> tuple[Any, ...]:
        cotangents = [direction(v, z.shape, z.dtype, name) for name, v, z in aligned(g, result, "the cotangent")]
        continues = call.continues(section)
        record = is_recording() and (continues or any(cotangent.requires_grad for cotangent in cotangents))
        roots = [z._node for z in outputs]
        slopes = call.pull(section, roots, cotangents, record=record, retain=True, closed=not continues)
        gradients: tuple[Any, ...] = call.in_structure(slopes)
        return gradients

    # pull needs what was computed: an array that is handed out is the caller's to write to.
    return mapped(_copy, call.handed_out(result, call.continues(section))), pull


def jvp(f: Callable[..., Any], xs: Any, tangents: Any) -> tuple[Any, Any]:
    """(f(*xs), J t): the result, and how it changes as the arguments move along ``tangents``.

    ``xs`` is the tuple of arguments, ``tangents`` has its structure and shapes. The gradient is a linear function of
    the cotangent, so its own gradient is the tangent: forward mode by going backward twice.

    >>> mg.jvp(lambda x, y: x * y, (2.0, 3.0), (1.0, 10.0))
    (np.float64(6.0), np.float64(23.0))
    """
    if not isinstance(xs, (tuple, list)):
        raise DTypeError(f"jvp takes the tuple of all arguments, got {type(xs).__name__}: write jvp(f, (x,), (t,))")
    value, push = linearized(f, tuple(xs), "jvp")
    return value, push(tangents)


def linearize(f: Callable[..., Any], *xs: Any) -> tuple[Any, Callable[..., Any]]:
    """(f(*xs), push), where push(*tangents) is how the result changes as the arguments move along ``tangents``.

    ``f`` runs once, and ``push``, a linear function, as often as it is called.

    >>> z, push = mg.linearize(lambda x, y: x * y, 2.0, 3.0)
    >>> z, push(1.0, 0.0), push(1.0, 10.0)
    (np.float64(6.0), np.float64(3.0), np.float64(23.0))
    """
    xs = tuple(mapped(_copy, x) for x in xs)  # what push needs is kept, as in vjp
    value, push = linearized(f, xs, "linearize")
    return mapped(_copy, value), lambda *tangents: push(tangents)


def linearized(f: Callable[..., Any], xs: tuple[Any, ...], name: str) -> tuple[Any, Callable[[Any], Any]]:
    """The result of ``f``, and the function of the tuple of tangents that pushes them forward."""
    check_function(name, f)
    call = RecordedCall(f, xs, {}, tuple(range(len(xs))))
    result, outputs = outputs_of(call.result, name)
    section = call.section(outputs)
    forward = Forward(call, section, outputs)

    def push(tangents: Any) -> Any:
        moves = [
            direction(t, x.shape, x.dtype, name)
            for name, t, x in aligned(tangents, call.in_structure(call.wanted), "the tangents")
        ]
        record = is_recording() and (forward.continues or any(move.requires_grad for move in moves))
        pushed = forward.push(range(len(moves)), moves, record=record)
        return call.as_given(rebuilt(result, iter(pushed)))

    return call.handed_out(result, call.continues(section)), push


class Forward:
    """The way of tangents from the arguments of a call to its results: the gradient of the gradient.

    The gradient is a linear function of the cotangent, so its own gradient is the tangent.
    """

    def __init__(self, call: RecordedCall, section: Section, outputs: list[Tensor]) -> None:
        cotangents = [wrap(np.ones(z.shape, z.dtype), Leaf(z.shape, z.dtype)) for z in outputs]
        ends = [cotangent._node for cotangent in cotangents]
        call.private |= set(ends)  # nobody else can ask for gradients with respect to them either
        closed = not call.continues(section)
        outward = [z._node for z in outputs]
        gradients = call.pull(section, outward, cotangents, record=True, retain=True, closed=closed)
        self._call = call
        self._roots = [gradient._node for gradient in gradients]
        self._backward = Section(self._roots, call.start, ends)
        self.continues = self._backward.leads_outside(call.private)

    def push(self, arguments: Iterable[int], moves: list[Tensor], *, record: bool) -> list[Tensor]:
        """How each result changes as the arguments of these numbers move."""
        roots = [self._roots[number] for number in arguments]
        return self._call.pull(self._backward, roots, moves, record=record, retain=True)


def hvp(f: Callable[..., Any], x: Any, v: Any) -> Any:
    """The hessian of a scalar ``f`` at ``x``, times ``v``; the hessian itself is never built.

    ``v`` has the structure and shapes of ``x`` (for a Module: a dict by name, as ``grad`` gives); so has the result.

    >>> mg.hvp(lambda x: x["a"] ** 2 * x["b"], {"a": 1.0, "b": 2.0}, {"a": 1.0, "b": 10.0})
    {'a': np.float64(24.0), 'b': np.float64(2.0)}
    """
    check_function("hvp", f)
    call = RecordedCall(f, (x,), {}, 0)
    value = _scalar(call.result)
    forward, one = call.section([value]), wrap(value.dtype.type(1))
    slopes = call.pull(forward, [value._node], [one], record=True, retain=True)
    with differentiating():
        slopes = [uphill(slope) for slope in slopes]
    pairs = aligned(mapped(_handed_out, v), call.in_structure(slopes), "the cotangent")
    cotangents = [direction(v, slope.shape, slope.dtype, name) for name, v, slope in pairs]
    backward = call.section(slopes)
    record = is_recording() and (call.continues(backward) or any(cotangent.requires_grad for cotangent in cotangents))
    # The hessian is symmetric: its rows are its columns. It is that of real and imaginary parts, as grad gives them.
    roots = [slope._node for slope in slopes]
    return mapped(_handed_out, call.in_structure(call.pull(backward, roots, cotangents, record=record, retain=True)))


def _handed_out(value: Any) -> Any:
    """``uphill`` of arrays, Tensors and Python's complex numbers; anything else unchanged."""
    return value.conjugate() if isinstance(value, complex) else uphill(value) if hasattr(value, "dtype") else value


def _copy(value: Any) -> Any:
    return value.copy() if isinstance(value, np.ndarray) else value


def _constant(value: Any) -> Any:
    """A number or array that a function returns, as a Tensor that depends on nothing; anything else as it is."""
    if isinstance(value, (int, float)) and not isinstance(value, (bool, np.generic)):
        return Tensor(value, np.float64)
    if type(value) is complex:
        return Tensor(value, np.complex128)
    is_array = isinstance(value, (np.ndarray, np.generic)) and value.dtype.kind in "fiuc"
    return around(value if value.dtype.kind in "fc" else value.astype(np.float64)) if is_array else value


def _scalar(value: Any) -> Tensor:
    """The result of a function to be differentiated. Raises unless it is a real number."""
    value = _constant(value)
    if not isinstance(value, Tensor):
        raise DTypeError(
            f"a gradient is of a function that returns a Tensor or a number, this one returned {type(value).__name__}: "
            "what is returned besides goes with has_aux=True"
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
    return value


def outputs_of(result: Any, transform: str) -> tuple[Any, list[Tensor]]:
    """A result with Tensors for its leaves, and these in order. Raises for what has no derivatives."""
    result = mapped(_constant, result)
    outputs = []
    for path, z in leaves(result):
        if not isinstance(z, Tensor) or z.dtype.kind not in "fc":
            got = f"a Tensor of dtype {z.dtype}" if isinstance(z, Tensor) else f"{type(z).__name__}"
            raise DTypeError(
                f"{transform} is of a function that returns floating Tensors or numbers, or a structure of them; "
                f"result{path} is {got}: leave it out of the result"
            )
        outputs.append(z)
    return result, outputs


def _pair(result: Any) -> tuple[Any, Any]:
    if not isinstance(result, tuple) or len(result) != 2:
        raise DTypeError(f"with has_aux=True a function returns (result, more), got {type(result).__name__}")
    return result[0], result[1]
