"""``vmap``: a function of one member, run once for all members of a batch.

The function gets tensors of the shape of one member. In them stand arrays that have a batch axis, and that answer each
NumPy function for all members (``minigrad.batching``). The graph inside is that of one member. Where the function
begins and ends, ops lead from one to the other, so that gradients of every order pass through.
"""

from __future__ import annotations

import functools
import gc
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from minigrad.batching import Batched
from minigrad.batching.bridges import enter, leave, tied
from minigrad.batching.moving import physical
from minigrad.batching.rules import mine
from minigrad.core.batches import Batch, active, inside
from minigrad.core.checks import check_function
from minigrad.core.members import batches_made
from minigrad.core.memory import own, share
from minigrad.core.stands import Stand
from minigrad.core.tensor import Tensor, around, wrap
from minigrad.core.trees import is_record, mapped, mapped_by_path
from minigrad.errors import AxisError, BatchError, DTypeError, GraphError, ShapeError
from minigrad.ops.shaping import moveaxis
from minigrad.support.idioms import told
from minigrad.transforms.traced_call import plain_array


@told
def vmap(f: Callable[..., Any], in_axes: Any = 0, out_axes: Any = 0) -> Callable[..., Any]:
    """The function that calls ``f`` for every member of a batch at once: what a loop over them gives, stacked.

    ``in_axes`` says along which axis of each argument the members lie: an int, None for an argument that all members
    share, a tuple with one of these for each positional argument, or a dict by the names of the parameters, where what
    is not named is mapped along axis 0, as keyword arguments are. For an argument that is a structure it may be one
    too. ``out_axes`` says the same of the result; None for what is the same for all members.

    ``f`` gets Tensors of the shape of one member. Arrays in, arrays out; Tensors in, Tensors out. Gradients flow
    through, to the arguments and to what ``f`` closes over, and vmap nests with all other transforms.

    >>> mg.vmap(lambda x, y: (x * y).sum())(np.eye(2), np.array([[1.0, 2.0], [3.0, 4.0]]))
    array([1., 4.])
    >>> mg.vmap(mg.grad(lambda w, x: (w @ x) ** 2), in_axes=(None, 0))(np.ones(2), np.eye(2))
    array([[2., 0.],
           [0., 2.]])

    Random numbers of the package are drawn for each member. Raises ``ShapeError`` for arguments without members, or
    with different numbers of them, ``BatchError`` for what a function of all members cannot do: a Python branch on a
    value, ``float(x)``, a write into a tensor from outside.
    """
    check_function("vmap", f)

    @functools.wraps(f, updated=())
    def of_all(*args: Any, **kwargs: Any) -> Any:
        members = _Members(f, in_axes, args, kwargs)
        batch = Batch(members.size)
        batches_made[:] = [True]
        passed = [mapped_by_path(functools.partial(members.entered, batch), x, "") for x in args]
        named = {name: mapped_by_path(functools.partial(members.entered, batch), x, "") for name, x in kwargs.items()}
        try:
            with inside((*active(), batch)):
                result = f(*passed, **named)
            del passed, named
            outs = _stacked_result(batch, result, out_axes)
            del result
            _check_written(batch)
        except BaseException:
            _restore(batch)
            raise
        finally:
            batch.written.clear()  # a graph may keep the batch, and what was written over is nobody's
        return mapped(plain_array, outs) if members.plain else outs

    return of_all


def over_rows(f: Callable[[Tensor], Any], rows: Tensor) -> Any:
    """The results of ``f`` for each row of a Tensor, as ``vmap`` gives them, always as Tensors."""
    batch = Batch(len(rows))
    batches_made[:] = [True]
    with inside((*active(), batch)):
        result = f(enter(rows, batch) if rows._node is not None else wrap(Batched(batch, rows._array)))
    return _stacked_result(batch, result, 0)


# -- what goes in ---------------------------------------------------------------------------------


class _Members:
    """The arguments of one call: along which axis each has its members, and how many there are."""

    def __init__(self, f: Callable[..., Any], in_axes: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        axes: list[tuple[str, Any, int | None]] = []
        for name, axis, x in _by_argument(f, in_axes, args, kwargs):
            axes += _leaf_axes(axis, x, name)
        self._axes = iter([axis for _, _, axis in axes])
        sizes: dict[str, int] = {}
        self.plain = True
        for name, x, axis in axes:
            if axis is not None:
                sizes[name] = _count(name, x, axis)
                self.plain = self.plain and not isinstance(x, Tensor)
        if not sizes:
            raise ShapeError("vmap: no argument has members: in_axes says None of all of them, or there are none")
        if len(set(sizes.values())) > 1:
            shown = ", ".join(f"{name} has {size}" for name, size in sizes.items())
            raise ShapeError(f"vmap: all arguments must have as many members along their axes: {shown}")
        self.size = next(iter(sizes.values()))

    def entered(self, batch: Batch, path: str, x: Any) -> Any:
        """The next leaf as ``f`` gets it."""
        axis = next(self._axes)
        if axis is None:  # an array becomes a Tensor all the same, which an index of a member's own reads
            return wrap(share(x)) if isinstance(x, np.ndarray) and x.dtype.kind in "fiubc" else x
        is_tensor = isinstance(x, Tensor)
        tensor = x if is_tensor else around(x)
        if axis % tensor.ndim:
            tensor = moveaxis(tensor, axis, 0)
        if tensor._node is not None:
            return enter(tensor, batch)
        return wrap(Batched(batch, own(tensor._array, not is_tensor)))


def _by_argument(
    f: Callable[..., Any], in_axes: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Iterator[tuple[str, Any, Any]]:
    """(name, axes, argument) for every argument."""
    by_name = in_axes if isinstance(in_axes, dict) else {}
    if isinstance(in_axes, dict):
        names = _parameter_names(f, len(args))
        unknown = [name for name in in_axes if name not in (*names, *kwargs)]
        if unknown:
            raise TypeError(f"vmap: in_axes names {', '.join(map(repr, unknown))}, which f was not called with")
        positional = [in_axes.get(name, 0) for name in names]
    elif isinstance(in_axes, (tuple, list)):
        positional = list(in_axes)
        if len(positional) != len(args):
            raise TypeError(
                f"vmap: in_axes has an axis for each positional argument: expected {len(args)}, got {len(positional)}"
            )
    else:
        positional = [in_axes] * len(args)
    for number, (axis, x) in enumerate(zip(positional, args, strict=True)):
        yield f"argument {number}", axis, x
    for name, x in kwargs.items():
        yield f"argument {name!r}", by_name.get(name, 0), x


def _parameter_names(f: Callable[..., Any], count: int) -> list[str]:
    """The names of the first parameters; empty ones where they have none."""
    try:
        parameters = list(inspect.signature(f).parameters.values())
    except (ValueError, TypeError):
        parameters = []
    names = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return (names + [""] * count)[:count]


def _leaf_axes(axes: Any, x: Any, name: str) -> Iterator[tuple[str, Any, int | None]]:
    """(path, leaf, axis) for every leaf of an argument or result, where ``axes`` is one axis or a structure of them."""
    if x is None:
        return
    simple = axes is None or isinstance(axes, (int, np.integer))
    if isinstance(x, dict) and (simple or isinstance(axes, dict)):
        if not simple and axes.keys() != x.keys():
            raise _other_axes(name, axes, f"a dict with the keys {', '.join(map(repr, x))}")
        for key, item in x.items():
            yield from _leaf_axes(axes if simple else axes[key], item, f"{name}[{key!r}]")
    elif isinstance(x, (list, tuple)) and (simple or isinstance(axes, (list, tuple))):
        if not simple and len(axes) != len(x):
            raise _other_axes(name, axes, f"a {type(x).__name__} of {len(x)}")
        for number, item in enumerate(x):
            yield from _leaf_axes(axes if simple else axes[number], item, f"{name}[{number}]")
    elif is_record(x) and (simple or type(axes) is type(x)):
        for field in x.__dataclass_fields__:
            yield from _leaf_axes(axes if simple else getattr(axes, field), getattr(x, field), f"{name}.{field}")
    elif simple and not isinstance(axes, bool):
        yield name, x, None if axes is None else int(axes)
    else:
        raise _other_axes(name, axes, type(x).__name__)


def _other_axes(name: str, axes: Any, what: str) -> ShapeError:
    return ShapeError(
        f"vmap: the axes of {name} are an int, None, or a structure of these like its own: it is {what}, and they are "
        f"{axes!r:.60}"
    )


def _count(name: str, x: Any, axis: int) -> int:
    """How many members a leaf has."""
    if hasattr(x, "named_parameters"):
        raise DTypeError(
            f"vmap: {name} is a Module, which all members share: write in_axes=(None, ...) for it; models stacked by "
            "mg.stack_parameters are called with mg.functional_call"
        )
    if not hasattr(x, "ndim") or not hasattr(x, "dtype"):
        raise DTypeError(
            f"vmap: {name} is of type {type(x).__name__}, and only Tensors and arrays have members along an axis: "
            "write None for it in in_axes, or bind it with a lambda"
        )
    if not -x.ndim <= axis < x.ndim:
        raise AxisError(
            f"vmap: {name} has no axis {axis}: it has the shape {x.shape}; write None in in_axes to share it"
        )
    return int(x.shape[axis])


# -- what comes out -------------------------------------------------------------------------------


def _stacked_result(batch: Batch, result: Any, out_axes: Any) -> Any:
    """The result of all members."""
    of_leaves = list(_leaf_axes(out_axes, result, "result"))
    roots = iter(tied(batch, [x._node if isinstance(x, Tensor) else None for _, x, _ in of_leaves]))
    each = iter([_out(batch, name, x, axis, next(roots)) for name, x, axis in of_leaves])
    return mapped(lambda _: next(each), result)


def _out(batch: Batch, name: str, x: Any, axis: int | None, root: Any) -> Any:
    data: Any = x._array if isinstance(x, Tensor) else x
    if axis is None:
        return _shared_by_all(batch, name, x, data, root)
    if not isinstance(data, (np.ndarray, np.generic, Stand, int, float, complex)):
        raise DTypeError(
            f"vmap: {name} is of type {type(data).__name__}, and only Tensors, arrays and numbers are stacked: leave "
            "it out of the result, or write None for it in out_axes"
        )
    shape = getattr(data, "shape", ())
    if not -len(shape) - 1 <= axis <= len(shape):
        raise AxisError(f"vmap: {name} has no axis {axis}: of one member it has the shape {shape}")
    if root is not None:
        whole = leave(wrap(data, root), batch)
        return moveaxis(whole, 0, axis) if axis % whole.ndim else whole
    array = physical(batch, data)
    if axis % array.ndim:
        array = np.moveaxis(array, 0, axis)
    if isinstance(array, np.ndarray) and (array.base is not None or not array.flags.owndata):
        array = array.copy()  # of an argument, or of one member
    return wrap(array)


def _shared_by_all(batch: Batch, name: str, x: Any, data: Any, root: Any) -> Any:
    """A result that all members have in common."""
    if mine(batch, data):
        raise BatchError(
            f"vmap: {name} differs from member to member, and out_axes says None of it: write the axis along which the "
            "members shall lie, or reduce it outside"
        )
    if root is None:
        return x
    if not batch.size:
        raise GraphError(f"vmap: {name} has a gradient, and there is no member to send it to: the batch is empty")
    return leave(wrap(data, root), batch)[0]


# -- what is written ------------------------------------------------------------------------------


def _check_written(batch: Batch) -> None:
    """Raise ``BatchError`` where a tensor that was written to lives on: it is from outside, or was left there."""
    if not batch.written:
        return
    alive = [reference for reference, _, _ in batch.written if reference() is not None]
    if alive:
        gc.collect()  # a cycle may hold it
    if any(reference() is not None for reference in alive):
        raise BatchError(
            "vmap: a tensor from outside is written in place, which each member of the batch would do in its turn: "
            "write into one that is made in the function (mg.zeros), and return it"
        )


def _restore(batch: Batch) -> None:
    """Let all tensors that were written to be what they were."""
    for reference, data, node in reversed(batch.written):
        tensor = reference()
        if tensor is not None:
            tensor._array, tensor._node = data, node
