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

import functools
from collections.abc import Callable
from typing import Any, cast

import numpy as np

from minigrad.core import table
from minigrad.core.checks import check_function
from minigrad.core.dispatch import RESERVED, compiled_call, variadic_call
from minigrad.core.graph import Node
from minigrad.core.members import member_by_member
from minigrad.core.reachability import DENSE, ELEMENTWISE, MOVING, PACKED, ROUTING
from minigrad.core.table import Formula, Op, Primitive
from minigrad.core.tensor import Tensor, wrap
from minigrad.support.signatures import REQUIRED, UFUNCS, Parameter, parameters

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
    holomorphic: bool | None = None,
    real: bool = False,
    flow: str = DENSE,
    view: bool = False,
    doc: str | None = None,
) -> Primitive:
    """Register an operation: a forward function on arrays and a gradient formula per array argument.

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
    differentiates the forward; ``minigrad.testing`` uses both. ``holomorphic``, by default ``analytic``, says
    that the formulas hold on complex tensors too, where g is the number with dL = Re(g dz). A ``real`` op refuses
    complex tensors, with a gradient or without. ``flow`` is
    "elementwise" for an op of which each output depends on the inputs in the same place, "routing" for one
    whose formula only selects or shares out g, "moving" for one that puts all of g somewhere, "rows" for one of
    which each output depends on one row along the last axis: with these, a branch that ``where`` did not take sends
    no NaN back. ``view`` says that the output may share the argument's memory.

    The result is a function: given Tensors it returns a Tensor, given arrays alone the plain result
    of ``forward``. For several outputs take ``custom_vjp``, for a rule of tangents ``custom_jvp``. Raises
    ``TypeError`` for a formula that asks for an unknown name, ``ValueError``
    for the name or forward of an op of the package; an op of your own is replaced by a new one.
    """
    check_function("primitive", forward, *(f for f in formulas if f is not None))
    name = name or forward.__name__.strip("_<>")
    _check_new(name, forward, *numpy)
    declared = _parameters_of(forward, name)
    variadic = any(p.variadic for p in declared)
    count = 1 if variadic else len(formulas)
    op = Op(
        name,
        operator or forward,
        formulas,
        tuple(p.name for p in declared[:count]),
        tuple(p.name for p in declared[count:]),
        {p.name: p.default for p in declared if p.default is not REQUIRED},
        keyword_only=frozenset(p.name for p in declared if p.keyword_only),
        variadic=variadic,
        residuals=residuals or {},
        domain=domain or (REALS,) * count,
        analytic=analytic,
        holomorphic=analytic and not real if holomorphic is None else holomorphic,
        real=real,
        flow=flow,
        view=view,
        doc=" ".join((doc or forward.__doc__ or "").split()),
    )
    op.ufunc = forward if operator else None
    known = ("z", *op.arguments, *op.statics, *op.residuals)
    known += ("shapes", "i") if variadic else tuple(f"{argument}_shape" for argument in op.arguments)
    op.roles = tuple(_roles(op, formula, known) for formula in formulas)
    op.mentioned = frozenset(role for roles in op.roles for role in roles)
    if not _is_of_package(*formulas, forward):
        op.forward = member_by_member(op.forward)
        op.formulas = tuple(f if f in (None, table.no_derivative) else member_by_member(f) for f in formulas)
        op.optional = frozenset(op.arguments[1:])  # what its forward makes of None is its own affair
    return _entered(op, forward, numpy)


def _parameters_of(forward: Callable[..., Any], name: str) -> list[Parameter]:
    """The parameters of a forward. Raises ``TypeError`` for a name that means something to formulas."""
    declared = parameters(forward)
    taken = [p.name for p in declared if p.name in RESERVED or p.name.endswith(("_shape", "_node"))]
    if taken:
        raise TypeError(f"{name}: a parameter called {taken[0]!r} would mean something else in a formula; rename it")
    return declared


def _is_of_package(*functions: Any) -> bool:
    """Whether the first that is given was written here, or is NumPy's own."""
    first = next(f for f in functions if f is not None)
    return str(getattr(first, "__module__", "numpy")).partition(".")[0] in ("minigrad", "numpy")


def _entered(op: Op, forward: Callable[..., Any], numpy: tuple[Callable[..., Any], ...]) -> Primitive:
    """The function of an op, put into the table."""
    function = cast(Primitive, variadic_call(op) if op.variadic else compiled_call(op))
    function.op = op
    function.__name__ = function.__qualname__ = op.name
    function.__wrapped__ = UFUNCS[forward.nin] if isinstance(forward, np.ufunc) else forward  # for help()
    function.__doc__ = op.doc
    table.ops[op.name] = function
    for key in (forward, *numpy):
        table.numpy_functions[key] = function
    return function


def _check_new(*keys: Any) -> None:
    """Raise ``ValueError`` for the name or the function of an op of the package."""
    for key in keys:
        # A ufunc of SciPy's is known by its path, once its rows are imported.
        if key in table.builtin or (
            isinstance(key, np.ufunc) and table.standing_for(key) and table.path_of(key) in table.builtin
        ):
            raise ValueError(
                f"{getattr(key, '__name__', key)!r} has formulas in minigrad already, which its own operations use: "
                "give your op another name, and a function of your own as its forward"
            )


#: The door for rows that say how gradients flow through them (``minigrad.core.reachability``).
elementwise = functools.partial(primitive, flow=ELEMENTWISE)
routing = functools.partial(primitive, flow=ROUTING)
moving = functools.partial(primitive, flow=MOVING)


def _roles(op: Op, formula: Formula | None, known: tuple[str, ...]) -> tuple[str, ...]:
    """The names that a formula asks for after ``g``, each checked against what there is."""
    if formula is None:
        return ()
    first, *roles = [p.name for p in parameters(formula) if p.name != "reached" or op.flow != PACKED] or ["nothing"]
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


def lift(node: Node, edges: tuple[Any, ...], argument: int) -> tuple[Any, ...]:
    """The saved values of an edge as Tensors in the graph, so that the backward pass is recorded too."""
    op: Op = node.op
    parents = [None if edge is None else edge[0] for edge in edges]
    roles = op.roles[0 if op.variadic else argument]
    saved = dict(zip(roles, edges[argument][2], strict=True))

    def lifted(role: str, value: Any) -> Any:
        if value is None:  # an argument left out, such as a bound of clip
            return None
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


def lift_constants(node: Node, edges: tuple[Any, ...], argument: int) -> tuple[Any, ...]:
    """The saved values of an edge as Tensors outside of any graph: the pass is recorded as a function of g alone."""
    op: Op = node.op
    roles = op.roles[0 if op.variadic else argument]

    def lifted(role: str, value: Any) -> Any:
        if value is None or (role != "z" and role not in op.residuals and role not in op.arguments):
            return value
        return tuple(wrap(x) for x in value) if op.variadic and role in op.arguments else wrap(value)

    return tuple(map(lifted, roles, edges[argument][2]))


def _lifted_residual(op: Op, parents: list[Any], values: dict[str, Any]) -> Tensor:
    """A residual as a Tensor: the output z of the op that it equals, on the same parents."""
    z = values["z"]
    edges = [
        None if parent is None or formula is None else (parent, formula, tuple(values[role] for role in roles))
        for parent, formula, roles in zip(parents, op.formulas, op.roles, strict=False)
    ]
    return wrap(z, Node(op, tuple(edges), z.shape, z.dtype))
