"""The call of an op: take the arrays out of Tensors, run the forward, record a node.

This is the hot path of the package, run once for every operation of every model, on arrays so small
that a loop over two arguments costs as much as the arithmetic. So the function of each op is written
out for its row, as source text without loops or lookups, and compiled once for each signature (as
``dataclasses`` does); ``print(mg.multiply.op.source)`` shows one::

    def call(x, y):
        ...                                      x_node, y_node: where gradients go, or None
        z = forward(x, y)
        ...
        node.edges = (
            None if x_node is None else (x_node, formula_0, (y,)),
            None if y_node is None else (y_node, formula_1, (x,)),
        )

For ``linear``, of three arguments, a call costs 0.9 µs more than its forward; generic code that did the
same cost 3.3 µs more.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from types import FunctionType
from typing import Any, NoReturn

import numpy as np

from minigrad.core.context import mode
from minigrad.core.conversion import PLAIN, alike, as_array, detached, operand
from minigrad.core.failures import explain, real_only
from minigrad.core.graph import Node, next_order
from minigrad.core.memory import DETACHED, FIXED, SHARED, own, own_option
from minigrad.core.reachability import DENSE
from minigrad.core.table import Op, no_derivative
from minigrad.core.tensor import Tensor, wrap
from minigrad.core.views import note_view
from minigrad.errors import DTypeError, GraphError
from minigrad.support.codegen import define_shared
from minigrad.support.idioms import foreign_options, refuse_keywords

_OBJECTS = np.dtype(object)

#: Names with a meaning of their own in formulas or in the source of a call.
RESERVED = frozenset(
    """
    Array DETACHED FIXED Node OBJECTS OR_NONE PLAIN SHARED Tensor call compute constant error explain forward g
    grad_mode i inside isinstance made new next_order node note_view numbers_only op operand own own_option plain
    real_only recorder refuse shape_of shapes tensor tensors type viewed_from ufunc unknown_derivative watched
    write_out z
    """.split()
)


def compiled_call(op: Op) -> Callable[..., Any]:
    """The function of an op with a fixed number of array arguments; written out when it is first called.

    Otherwise every import would compile three hundred ops, and a program uses a few.
    """
    namespace: dict[str, Any] = {
        "Array": np.ndarray,
        "DETACHED": DETACHED,
        "FIXED": FIXED,
        "Node": Node,
        "OBJECTS": _OBJECTS,
        "OR_NONE": PLAIN | {type(None)},
        "PLAIN": PLAIN,
        "SHARED": SHARED,
        "Tensor": Tensor,
        "constant": constant,
        "explain": explain,
        "forward": op.forward,
        "grad_mode": mode,
        "new": object.__new__,
        "next_order": next_order,
        "note_view": note_view,
        "numbers_only": numbers_only,
        "op": op,
        "operand": operand,
        "own": own,
        "own_option": own_option,
        "real_only": real_only,
        "refuse": refuse,
        "shape_of": np.shape,
        "ufunc": op.ufunc,
        "unknown_derivative": unknown_derivative,
        "watched": watched,
        **{f"formula_{i}": formula for i, formula in enumerate(op.formulas)},
        **{f"default_{name}": value for name, value in op.defaults.items()},
    }
    call = FunctionType(_first_call.__code__, namespace, op.name)

    def write_out() -> Callable[..., Any]:
        written: FunctionType = define_shared(op.source, "op", namespace)["call"]
        written.__name__ = written.__qualname__ = op.name  # what Python's own errors say
        # The code comes last: until then another thread still finds the first call, which takes any arguments.
        call.__defaults__, call.__kwdefaults__ = written.__defaults__, written.__kwdefaults__
        call.__code__ = written.__code__
        return written

    namespace["write_out"] = write_out
    op.write_source = functools.partial(_source, op)
    return call


def _first_call(*args: Any, **kwargs: Any) -> Any:
    return globals()["write_out"]()(*args, **kwargs)  # these are the namespace of the op


def _source(op: Op) -> str:
    """The function that runs when the op is called."""
    return "\n".join([*_signature(op), *_unwrapping(op), *_recording(op)])


def _signature(op: Op) -> list[str]:
    """The first line, and the refusal of what other frameworks call the options."""
    names = (*op.arguments, *op.statics)
    parts = [f"{name}=default_{name}" if name in op.defaults else name for name in names]
    if op.keyword_only:
        parts.insert(len(names) - len(op.keyword_only), "*")
    # Foreign names come last, to be refused with what to write: a default costs 5 ns, **names 60.
    foreign = [name for name in foreign_options(op.name, op.statics) if name not in names]
    lines = [f"def call({', '.join([*parts, *[f'{name}=None' for name in foreign]])}):"]
    if foreign:
        options = ", ".join(f"{name}={name}" for name in foreign)
        lines += [f"    if {' or '.join(f'{name} is not None' for name in foreign)}:", f"        refuse(op, {options})"]
    return lines


def _unwrapping(op: Op) -> list[str]:
    """The arrays taken out of Tensors, and the nodes that they came from."""
    viewed, saved = _is_view(op), _saved_by(op)
    lines = ["    tensors = False"]
    lines += ["    compute = forward"] if op.ufunc else []
    lines += ["    viewed_from = None"] if viewed else []
    lines += ["    plain = 0"] if saved else []  # a bit for each argument that came as the user's own array
    for number, a in enumerate(op.arguments):
        lines += [
            f"    {a}_node = None",
            f"    if isinstance({a}, Tensor):",
            *(["        viewed_from = " + a] if viewed else []),
            f"        {a}_node = {a}._node",
            f"        {a} = {a}._array",
            "        tensors = True",
            *([f"    elif type({a}) is Array:", f"        plain |= {1 << number}"] if a in saved else []),
            f"    elif type({a}) not in {'OR_NONE' if a in op.optional else 'PLAIN'}:",
            f"        {a}, {a}_node, inside = operand(op, {a}, ({', '.join(op.arguments)},))",
            "        tensors = tensors or inside",
            *([f"        plain |= {1 << number}"] if a in saved else []),
            *(["        compute = ufunc"] if op.ufunc else []),
        ]
    for option in op.statics:
        lines += [f"    if isinstance({option}, Tensor):", f"        {option} = constant(op, {option!r}, {option})"]
    return lines


def _recording(op: Op) -> list[str]:
    """The forward, and the node that records it."""
    names = (*op.arguments, *op.statics)
    passed = ", ".join(f"{name}={name}" if name in op.keyword_only else name for name in names)
    differentiable = [a for a, formula in zip(op.arguments, op.formulas, strict=True) if formula is not None]
    constant_if = f"({' and '.join(f'{a}_node is None' for a in differentiable) or 'True'})"
    viewed, saved = _is_view(op), _saved_by(op)
    arguments, options = (f"[{', '.join(x)}]" for x in (op.arguments, op.statics))
    seen = f"{arguments}, [{', '.join(f'{a}_node' for a in op.arguments)}], {options}"
    seen += f"{', viewed_from=viewed_from' if viewed else ''}{', plain=plain' if saved else ''}"
    # A list of tensors is no tensor to look at; a squeeze may do nothing.
    shared = f"viewed_from is not None and (z.base is not None or z is {op.arguments[0]})"
    noted = f"note_view(tensor, viewed_from, op, ({''.join(f'{name}, ' for name in op.statics)}))"
    note = [f"        if {shared}:", f"            {noted}"] if viewed else []
    return [
        "    try:",
        "        if tensors:",
        "            recorder = grad_mode()",
        "            if recorder is not Node and recorder is not None:",
        f"                return watched(op, recorder, {seen})",
        f"        {', '.join(('z', *op.residuals))} = {'compute' if op.ufunc else 'forward'}({passed})",
        "        if not tensors:",
        "            return z",
        *(["        made = z.dtype", "        if made.kind == 'c': real_only(op)"] if op.real else []),
        "        tensor = new(Tensor)",
        "        tensor._array = z",
        "        tensor._shared = None",
        f"        if recorder is None or {constant_if}:",
        "            tensor._node = None",
        *[f"    {line}" for line in note],
        "            return tensor",
        *_refusing(op, differentiable),
        *_owning(op),
        "        node = new(Node)",
        "        node.edges = (",
        *[f"            {_edge(op, i)}," for i in range(len(op.arguments))],
        "        )",
        "        node.op = op",
        "        node.shape = z.shape",
        f"        node.dtype = {'made' if op.real else 'made = z.dtype'}",
        # A sum over an array of Tensors is one of them.
        f"        if made is OBJECTS{' or isinstance(z, Tensor)' if op.flow == DENSE else ''}: numbers_only(op)",
        "        node.order = next_order()",
        "        tensor._node = node",
        *note,
        "        return tensor",
        "    except Exception as error:",
        f"        explain(op, error, {arguments}, {options})",
    ]


def _refusing(op: Op, differentiable: Sequence[str]) -> list[str]:
    """Errors for arguments that want a gradient and can have none."""
    real = [] if op.holomorphic or op.real else differentiable  # these must not be complex
    unknown = [a for a, formula in zip(op.arguments, op.formulas, strict=True) if formula is no_derivative]
    return [
        *[f"        if {a}_node is not None and {a}.dtype.kind == 'c': real_only(op)" for a in real],
        *[f"        if {a}_node is not None: unknown_derivative(op, {a!r})" for a in unknown],
    ]


def _owning(op: Op) -> list[str]:
    """Copies of what the user can write to, where a formula asks for it."""
    saved = _saved_by(op)
    lines = ["        if plain or SHARED or DETACHED:"] if saved else []
    for a, (bit, users) in saved.items():
        needed = " or ".join(f"{b}_node is not None" for b in users)
        lines += [f"            if (plain or SHARED or {a}_node is None) and ({needed}):"]
        lines += [f"                {a} = own({a}, plain & {bit}, {a}_node)"]
    asked = [x for x in op.statics if x in op.mentioned and not isinstance(op.defaults.get(x), (str, bool))]
    return lines + [f"        if type({x}) not in FIXED: {x} = own_option({x})" for x in asked]


def _saved_by(op: Op) -> dict[str, tuple[int, list[str]]]:
    """The arguments that formulas ask for: the bit of each, and those whose gradients need it."""
    users = {a: [b for b, roles in zip(op.arguments, op.roles, strict=True) if a in roles] for a in op.arguments}
    return {a: (1 << number, users[a]) for number, a in enumerate(op.arguments) if users[a]}


def _is_view(op: Op) -> bool:
    """Whether the output may be a view of the argument in NumPy's meaning: a write into one shows in the other."""
    return op.view and len(op.arguments) == 1 and not op.residuals and not op.keyword_only


def _edge(op: Op, i: int) -> str:
    """The source of edge number ``i``: where the gradient goes, by which formula, with what saved."""
    if op.formulas[i] is None:
        return "None"
    a = op.arguments[i]
    shapes = {f"{other}_shape": f"shape_of({other})" for other in op.arguments}
    shapes[f"{a}_shape"] = f"{a}.shape"  # an argument with a node is an array
    saved = "".join(f"{shapes.get(role, role)}, " for role in op.roles[i])
    return f"None if {a}_node is None else ({a}_node, formula_{i}, ({saved}))"


def watched(
    op: Op,
    watch: Any,
    arrays: Sequence[Any],
    parents: Sequence[Any],
    statics: Sequence[Any],
    *,
    viewed_from: Tensor | None = None,
    plain: int = 0,
) -> Tensor:
    """The call of an op under a watch (``minigrad.core.watching``): the same for every op, and slower.

    ``viewed_from`` is the tensor that the result may be a view of, ``plain`` has a bit for each array of the user's.
    """
    arrays = watch.lifted(arrays)
    options = dict(zip(op.statics, statics, strict=True))
    named = dict(options)
    by_name = {name: named.pop(name) for name in op.keyword_only}
    compute = op.ufunc if op.ufunc and any(type(a) is complex for a in arrays) else op.forward
    z = watch.run(op, compute, [*arrays, *named.values()], by_name)
    z, *residuals = z if op.residuals else (z,)
    if op.real and z.dtype.kind == "c":
        real_only(op)
    base = arrays[0]
    if watch.recorder is None:  # a program of mg.compile has its own rules for what the user can write to
        arrays = [own(array, plain & 1 << i, parents[i]) for i, array in enumerate(arrays)]
        statics = [own_option(static) for static in statics]
    values = dict(zip((*op.arguments, *op.statics, *op.residuals), (*arrays, *statics, *residuals), strict=True))
    values.update({f"{name}_shape": np.shape(array) for name, array in zip(op.arguments, arrays, strict=True)}, z=z)
    if watch.recorder is not None:
        nodes = dict(zip(op.arguments, parents, strict=True))
        values.update({role: watch.recorder.saved(values[role], nodes.get(role)) for role in op.saved(parents)})
    for name, array, parent, formula in zip(op.arguments, arrays, parents, op.formulas, strict=True):
        if parent is not None and formula is no_derivative:
            unknown_derivative(op, name)
        if parent is not None and formula is not None and array.dtype.kind == "c" and not op.holomorphic:
            real_only(op)
    edges = tuple(
        None if parent is None or formula is None else (parent, formula, tuple([values[role] for role in roles]))
        for parent, formula, roles in zip(parents, op.formulas, op.roles, strict=True)
    )
    tensor = _with_node(op, watch.observe(op, z, arrays, parents, options), z, edges)
    if viewed_from is not None and (z.base is not None or z is base):
        note_view(tensor, viewed_from, op, tuple(statics))
    return tensor


def _with_node(op: Op, recorder: Callable[..., Node] | None, z: Any, edges: tuple[Any, ...]) -> Tensor:
    """The Tensor around a result, with a node if there is anything to record and it is to be recorded."""
    if recorder is None or not any(edges):
        return wrap(z)
    if z.dtype == _OBJECTS or isinstance(z, Tensor):
        numbers_only(op)
    node: Any = recorder(op, edges, z.shape, z.dtype)
    if type(node) is not Node:
        node.remember()
    return wrap(z, node)


def variadic_call(op: Op) -> Callable[..., Any]:
    """The function of an op on any number of arrays, with options by keyword."""
    (formula,), (roles,) = op.formulas, op.roles
    saves = op.arguments[0] in op.mentioned

    def call(*args: Any, **options: Any) -> Any:
        parents: list[Any] = []
        arrays: list[Any] = []
        tensors = False
        for a in args:
            if isinstance(a, Tensor):
                array, node, inside = a._array, a._node, True
            else:
                array, node, inside = (a, None, False) if type(a) in PLAIN else operand(op, a, args)
            tensors = tensors or inside
            parents.append(node)
            arrays.append(array)
        arrays = [as_array(a) for a in alike(arrays)]
        options = {**op.defaults, **options}
        recorder = mode()
        watch = None if recorder is Node or not tensors else recorder
        program = None if watch is None else watch.recorder  # of mg.compile, with its own rules
        if watch is not None:
            arrays = watch.lifted(arrays)
        try:
            z = op.forward(*arrays, **options) if watch is None else watch.run(op, op.forward, arrays, options)
        except Exception as error:  # noqa: BLE001 - raised again, with the op's name
            unknown = [name for name in options if name not in op.statics]
            if unknown:
                refuse_keywords(op.name, unknown)
            explain(op, error, arrays, [options[name] for name in op.statics])
        if not tensors:
            return z
        if watch is not None:
            recorder = watch.observe(op, z, arrays, parents, options)
        if recorder is not None and saves:
            arrays = _saved(arrays, args, parents, program)
        if recorder is not None and program is None:
            options = {name: own_option(option) for name, option in options.items()}
        values = {"z": z, op.arguments[0]: tuple(arrays), "shapes": [a.shape for a in arrays], **options}
        edges = tuple(
            None if parent is None else (parent, formula, tuple([{**values, "i": i}[role] for role in roles]))
            for i, parent in enumerate(parents)
        )
        tensor = _with_node(op, recorder, z, edges)
        if op.view and len(args) == 1 and z.base is not None and isinstance(args[0], Tensor):
            note_view(tensor, args[0], op, options)
        return tensor

    return call


def _saved(arrays: Sequence[Any], args: Sequence[Any], parents: Sequence[Any], program: Any) -> list[Any]:
    """The operands as a node saves them."""
    if program is not None:
        return [program.saved(array, node) for array, node in zip(arrays, parents, strict=True)]
    several = zip(arrays, args, parents, strict=True)
    return [own(array, not isinstance(a, Tensor), node) for array, a, node in several]


def constant(op: Op, name: str, value: Tensor) -> Any:
    """The data of a Tensor given as an option. Raises ``GraphError`` if it wants a gradient, which ends there."""
    if value.requires_grad:
        raise GraphError(
            f"{op.name} has no gradient with respect to {name}, yet the tensor given for it requires one: "
            f"write {name}.detach() to leave it out on purpose"
        )
    return detached(value)


def refuse(op: Op, **arguments: Any) -> NoReturn:
    """Raise for options under the names that they have in other frameworks."""
    refuse_keywords(op.name, [name for name, value in arguments.items() if value is not None])


def unknown_derivative(op: Op, name: str) -> NoReturn:
    """Raise for a gradient with respect to an argument without a formula, such as the order of ``jv``."""
    raise GraphError(
        f"{op.name} has no formula for its derivative with respect to {name}, yet the tensor given for it requires a "
        f"gradient: write {name}.detach() to leave it out on purpose, or an op of your own with minigrad.primitive"
    )


def numbers_only(op: Op) -> NoReturn:
    """Raise for a result of Python objects: an operand was an array of them, perhaps of Tensors with graphs."""
    raise DTypeError(
        f"{op.name}: an operand is an array of Python objects, and these pass no gradient back: write it as an array "
        "of numbers, array.astype(float), or join Tensors with mg.stack([...])"
    )
