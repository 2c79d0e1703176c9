"""``primitive``: the one door through which an operation enters the table.

    z = f(x, y);  g is dL/dz;  a formula returns dL/d(its argument)

A formula is a function of ``g`` and of what else it needs, asked for by name:

====================  =====================================================================
``g``                 the gradient of the loss with respect to the output; always first
``z``                 the output
``x``, ``y`` ...      an array argument, under its name in the forward function
``x_shape`` ...       the shape of an array argument (keeps no data alive)
``axis`` ...          another parameter of the forward function
a residual's name     an intermediate value that the forward function hands over
``i``, ``shapes``     for a forward of ``*xs``: the number of the argument, and all their shapes
====================  =====================================================================

What a formula does not name is not kept. It is written in plain NumPy and must not write into its
arguments: on arrays it gives the gradient at NumPy's speed, on Tensors one that is itself recorded.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any, NoReturn, cast

import numpy as np

from minigrad import table
from minigrad.context import is_recording
from minigrad.errors import DTypeError, MinigradError, ShapeError, UnsupportedError
from minigrad.graph import Node
from minigrad.table import Formula, Op, Primitive
from minigrad.tensor import Tensor, detached, wrap

Interval = tuple[float, float]
REALS: Interval = (-float("inf"), float("inf"))


def primitive(
    forward: Callable[..., Any],
    *formulas: Formula | None,
    name: str | None = None,
    operator: Callable[..., Any] | None = None,
    numpy: tuple[Callable[..., Any], ...] = (),
    residuals: dict[str, Primitive] | None = None,
    domain: tuple[Interval, ...] | None = None,
    analytic: bool = False,
    doc: str | None = None,
) -> Primitive:
    """Register an operation: a forward function on arrays and a gradient formula per array argument.

    >>> import minigrad as mg
    >>> cube = mg.primitive(lambda x: x**3, lambda g, x: 3 * g * x**2, name="cube")
    >>> x = mg.tensor([1.0, 2.0], requires_grad=True)
    >>> cube(x).sum().backward()
    >>> x.grad
    array([ 3., 12.], dtype=float32)

    The first ``len(formulas)`` parameters of ``forward`` are its array arguments; a formula of None
    marks one without a gradient (a mask, an index). The parameters after them are options. A forward
    of ``*xs`` takes one formula for all. With ``residuals={"p": op}`` the forward returns ``(z, p)``
    where p equals ``op`` of the same arguments; formulas may then ask for ``p``.

    ``operator`` is Python's operator for a ufunc: the same results, ten times faster on scalars.
    ``numpy`` lists NumPy functions that tensors answer with this op. ``domain`` gives an open
    interval per array argument where the op is smooth, and ``analytic`` says that a complex step
    differentiates the forward; ``minigrad.testing`` uses both.

    The result is a function: given Tensors it returns a Tensor, given arrays alone the plain result
    of ``forward``. Raises ``TypeError`` for a formula that asks for an unknown name.
    """
    parameters = _parameters(forward)
    variadic = any(p.kind is p.VAR_POSITIONAL for p in parameters)
    count = 1 if variadic else len(formulas)
    op = Op(
        name or forward.__name__.strip("_<>"),
        operator or forward,
        formulas,
        tuple(p.name for p in parameters[:count]),
        tuple(p.name for p in parameters[count:]),
        {p.name: p.default for p in parameters if p.default is not p.empty},
        variadic=variadic,
        residuals=residuals or {},
        domain=domain or (REALS,) * count,
        analytic=analytic,
        doc=inspect.cleandoc(doc or forward.__doc__ or ""),
    )
    layout = ("z", *op.arguments, *op.statics, *op.residuals)
    layout += ("shapes", "i") if variadic else tuple(f"{argument}_shape" for argument in op.arguments)
    op.roles = tuple(_roles(op, formula, layout) for formula in formulas)
    op.picks = tuple(_pick([layout.index(role) for role in roles]) for roles in op.roles)
    op.mentioned = frozenset(role for roles in op.roles for role in roles)

    simple = len(layout) == 1 + 2 * count and op.mentioned <= {"z", *op.arguments} and None not in formulas
    make = {1: _unary, 2: _binary}.get(count, _nary) if simple and not variadic else _nary
    function = cast(Primitive, make(op))
    function.op = op
    function.__name__ = op.name
    function.__doc__ = op.doc
    function.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    table.ops[op.name] = function
    for key in (forward, *numpy):
        table.numpy_functions[key] = function
    return function


def _parameters(forward: Callable[..., Any]) -> list[inspect.Parameter]:
    """The parameters of a forward; those of a ufunc are called x and y."""
    if isinstance(forward, np.ufunc):
        return [inspect.Parameter(n, inspect.Parameter.POSITIONAL_OR_KEYWORD) for n in "xyw"[: forward.nin]]
    return list(inspect.signature(forward).parameters.values())


def _roles(op: Op, formula: Formula | None, known: tuple[str, ...]) -> tuple[str, ...]:
    """The names that a formula asks for after ``g``, each checked against what there is."""
    if formula is None:
        return ()
    first, *roles = inspect.signature(formula).parameters or ("nothing",)
    if first != "g" or not set(roles) <= set(known):
        raise TypeError(
            f"a gradient formula of {op.name} takes g first and then any of {', '.join(known)}; "
            f"got {', '.join((first, *roles))}"
        )
    for residual in set(roles) & set(op.residuals):
        needed = op.residuals[residual].op.mentioned - {"z"}
        if not needed <= set(roles):
            raise TypeError(f"a formula of {op.name} that asks for {residual} must ask for {', '.join(needed)} too")
    return tuple(roles)


def _pick(indices: list[int]) -> Callable[[tuple[Any, ...]], tuple[Any, ...]]:
    """A function that picks these items of a tuple, as a tuple."""
    if len(indices) > 1:
        return itemgetter(*indices)
    return itemgetter(slice(indices[0], indices[0] + 1) if indices else slice(0, 0))


# The three ways to call an op do the same. The first two leave out what one or two array arguments
# without options do not need, which takes a third off the time of an op on small arrays.


def _unary(op: Op) -> Callable[[Any], Any]:
    forward, (formula,), (pick,) = op.forward, op.formulas, op.picks

    def call(x: Any) -> Any:
        if not isinstance(x, Tensor):
            return forward(x)
        parent = x._node
        x = x._data
        try:
            z = forward(x)
            if parent is None or not is_recording():
                return wrap(z)
            return wrap(z, Node(op, ((parent, formula, pick((z, x))),), z.shape, z.dtype))
        except Exception as error:
            _explain(op, error, x)

    return call


def _binary(op: Op) -> Callable[[Any, Any], Any]:
    forward, (formula_x, formula_y), (pick_x, pick_y) = op.forward, op.formulas, op.picks

    def call(x: Any, y: Any) -> Any:
        parent_x = parent_y = None
        if isinstance(x, Tensor):
            parent_x = x._node
            x = x._data
            if isinstance(y, Tensor):
                parent_y = y._node
                y = y._data
            elif type(y) in _SEQUENCES:
                y = np.asarray(y)
        elif isinstance(y, Tensor):
            parent_y = y._node
            y = y._data
            if type(x) in _SEQUENCES:
                x = np.asarray(x)
        else:
            return forward(x, y)
        try:
            z = forward(x, y)
            if (parent_x is None and parent_y is None) or not is_recording():
                return wrap(z)
            values = (z, x, y)
            edges = (
                None if parent_x is None else (parent_x, formula_x, pick_x(values)),
                None if parent_y is None else (parent_y, formula_y, pick_y(values)),
            )
            return wrap(z, Node(op, edges, z.shape, z.dtype))
        except Exception as error:
            _explain(op, error, x, y)

    return call


def _nary(op: Op) -> Callable[..., Any]:
    forward, count = op.forward, len(op.arguments)
    defaults = tuple(op.defaults.get(static, inspect.Parameter.empty) for static in op.statics)
    complete = inspect.Parameter.empty not in defaults

    def call(*args: Any, **kwargs: Any) -> Any:
        statics: tuple[Any, ...]
        if op.variadic:
            statics = _bind(op, op.statics, (), kwargs)
        elif len(args) == count and not kwargs and complete:
            statics = defaults
        else:
            bound = _bind(op, op.arguments + op.statics, args, kwargs)
            args, statics = bound[:count], detached(bound[count:])
        parents, arrays, tensors = [], [], False
        for a in args:
            if isinstance(a, Tensor):
                tensors = True
                parents.append(a._node)
                arrays.append(a._data)
            else:
                parents.append(None)
                arrays.append(np.asarray(a) if type(a) in _SEQUENCES else a)
        try:
            if op.variadic:
                z = forward(*arrays, **dict(zip(op.statics, statics, strict=True)))
            else:
                z = forward(*arrays, *statics)
            residuals: Sequence[Any] = ()
            if op.residuals:
                z, *residuals = z
            if not tensors:
                return z
            if not is_recording():
                return wrap(z)
            return wrap(z, _record(op, z, parents, arrays, statics, residuals))
        except Exception as error:
            _explain(op, error, *arrays)

    return call


_SEQUENCES = (list, tuple)


def _record(
    op: Op, z: Any, parents: list[Any], arrays: list[Any], statics: tuple[Any, ...], residuals: Sequence[Any]
) -> Node | None:
    """The node of ``z = op(*arrays, *statics)``: an edge to each parent, with what its formula asks for.

    None when no gradient leads through here.
    """
    if not any(parents):
        return None
    shapes = [np.shape(array) for array in arrays]
    edges: list[Any] = []
    if op.variadic:
        (formula,), (pick,) = op.formulas, op.picks
        for i, parent in enumerate(parents):
            values = (z, tuple(arrays), *statics, *residuals, shapes, i)
            edges.append(None if parent is None else (parent, formula, pick(values)))
    else:
        values = (z, *arrays, *statics, *residuals, *shapes)
        for parent, formula, pick in zip(parents, op.formulas, op.picks, strict=True):
            edges.append(None if parent is None or formula is None else (parent, formula, pick(values)))
    return Node(op, tuple(edges), z.shape, z.dtype) if any(edges) else None


def lift(node: Node, edges: tuple[Any, ...], argument: int) -> tuple[Any, ...]:
    """The saved values of an edge as Tensors in the graph, so that the backward pass is recorded too."""
    op: Op = node.op
    parents = [None if edge is None else edge[0] for edge in edges]
    roles = op.roles[0 if op.variadic else argument]
    saved = dict(zip(roles, edges[argument][2], strict=True))

    def lifted(role: str, value: Any) -> Any:
        if role == "z":
            return wrap(value, node)
        if role in op.residuals:
            return _lifted_residual(op.residuals[role].op, parents, {**saved, "z": value})
        if role in op.arguments:
            if op.variadic:
                return tuple(wrap(x, parent) for x, parent in zip(value, parents, strict=True))
            return wrap(value, parents[op.arguments.index(role)])
        return value

    return tuple(lifted(role, value) for role, value in saved.items())


def _lifted_residual(op: Op, parents: list[Any], values: dict[str, Any]) -> Tensor:
    """A residual as a Tensor: the output z of the op that it equals, on the same parents."""
    z = values["z"]
    edges = [
        None if parent is None or formula is None else (parent, formula, tuple(values[role] for role in roles))
        for parent, formula, roles in zip(parents, op.formulas, op.roles, strict=False)
    ]
    return wrap(z, Node(op, tuple(edges), z.shape, z.dtype))


def _bind(op: Op, names: tuple[str, ...], args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
    """Arguments and options by position, as Python binds them; NumPy's other options refuse by name."""
    if len(args) > len(names):
        raise TypeError(f"{op.name}() takes at most {len(names)} arguments ({', '.join(names)}), got {len(args)}")
    bound = dict(zip(names, args, strict=False))
    for key, value in kwargs.items():
        if key not in names:
            raise UnsupportedError(f"{op.name}() has no option {key!r} on tensors; it takes {', '.join(names)}")
        if key in bound:
            raise TypeError(f"{op.name}() got {key!r} twice")
        bound[key] = value
    missing = [key for key in names if key not in bound and key not in op.defaults]
    if missing:
        raise TypeError(f"{op.name}() needs {', '.join(missing)}")
    return tuple([bound[key] if key in bound else op.defaults[key] for key in names])


def _explain(op: Op, error: Exception, *arrays: Any) -> NoReturn:
    """Raise what a failure inside a forward function means: the op, the shapes and a way out."""
    shapes = [np.shape(array) for array in arrays]
    dtypes = [str(getattr(array, "dtype", type(array).__name__)) for array in arrays]
    if isinstance(error, ValueError) and not isinstance(error, MinigradError):
        raise ShapeError(f"{op.name} of shapes {' and '.join(map(str, shapes))}: {_reason(op, error, shapes)}") from None
    if isinstance(error, TypeError) and not isinstance(error, MinigradError):
        raise DTypeError(f"{op.name} of {' and '.join(dtypes)}: {error}") from None
    if not isinstance(error, MinigradError):
        error.add_note(f"in {op.name} of shapes {shapes} and dtypes {dtypes}")
    raise error


def _reason(op: Op, error: ValueError, shapes: list[tuple[int, ...]]) -> str:
    if op.name in ("matmul", "linear"):
        return (
            "the last axis of the first must equal the second-to-last of the second (for linear, the last of the "
            "weight, which is stored as (out_features, in_features)); transpose one of them, or change the layer's size"
        )
    if "broadcast" in str(error):
        return (
            "these do not broadcast: aligned at the right, each pair of sizes must be equal or hold a 1; "
            "reshape or expand_dims one of them"
        )
    return str(error)
