"""The arrays of a program as tables: for an exported file, which makes them anew.

An array may lie in another one: a parameter in the flat array of its group, which the optimizer writes. In files the
parameters have the names of ``model.state_dict()``, and an optimizer's arrays are told apart by parameter, as in its
``state_dict()``: ``optimizer.state.hidden.weight.mean``.
"""

from __future__ import annotations

import itertools
from typing import Any, NamedTuple

import numpy as np

from minigrad.compiler.arena import address_of
from minigrad.compiler.output.listing import Listing
from minigrad.core.memory import owner
from minigrad.errors import CompileError


class Layout(NamedTuple):
    """See the comments that ``tables`` writes."""

    arrays: dict[str, tuple[str, tuple[int, ...], tuple[int, ...]]]
    inside: dict[str, tuple[str, int, tuple[int, ...], str, tuple[int, ...]]]
    work: list[str]
    constants: list[str]
    kept: dict[str, tuple[str, int, tuple[int, ...]]]
    momenta: dict[str, list[str]]  # of each optimizer: the arrays of its state
    values: dict[str, np.ndarray]  # what the arrays hold now, by their names in files

    def tables(self) -> str:
        """The tables as text."""
        arrays = _table("ARRAYS", "Arrays by name: dtype, shape, axes in the order of memory.", self.arrays)
        inside = _table("INSIDE", "Those that lie in others: which, where, strides, dtype, shape.", self.inside)
        work = f"#: Those that hold nothing from step to step, and are in no file.\nWORK = {tuple(self.work)}"
        constants = f"#: Those that belong to the program, and to no model.\nCONSTANTS = {tuple(self.constants)}"
        files = _table(
            "KEPT", "Training's arrays by their names in files: part of which, from where, shape.", self.kept
        )
        return "\n\n".join([arrays, inside, work, constants, files])


def _table(name: str, comment: str, rows: dict[str, Any]) -> str:
    inner = "".join(f"    {key!r}: {row!r},\n" for key, row in rows.items())
    return f"#: {comment}\n{name} = {{\n{inner}}}" if rows else f"#: {comment}\n{name} = {{}}"


def laid_out(listing: Listing) -> Layout:
    """The layout of a program's arrays."""
    layout = Layout({}, {}, [], [], {}, {}, {})
    state = dict(listing.state)
    names = {id(array): name for name, array in state.items()}
    for name, optimizer in named_optimizers(listing).items():
        _add_optimizer(layout, state, names, name, optimizer)
    owners = {id(owner(array)): owner(array) for array in state.values()}
    shared = {
        key: [name for name, array in state.items() if owner(array) is root]
        for key, root in owners.items()
        if listing.writes and isinstance(root, np.ndarray) and root.flags.c_contiguous
    }
    for number, (key, inner) in enumerate(shared.items()):
        whole = names.get(key, inner[0] if len(inner) == 1 else f"memory {number + 1}")
        if len(inner) > 1 and whole not in state:
            layout.arrays[whole] = _described(owners[key])
            layout.work.append(whole)
        for name in inner if len(inner) > 1 else ():
            array = state[name]
            if array is not owners[key]:
                start = address_of(array) - address_of(owners[key])
                layout.inside[name] = (whole, start, array.strides, _name(array.dtype), array.shape)
    for name, array in state.items():
        if name not in layout.inside:
            layout.arrays.setdefault(name, _described(array))
        value = listing.values.get(name)
        if value is not None and not value.name:
            layout.constants.append(name)
        if name not in layout.work:
            layout.values[name] = array
    return layout


def named_optimizers(listing: Listing) -> dict[str, Any]:
    """The optimizers of a program, by the names they have in files."""
    return {f"optimizer_{i + 1}" if i else "optimizer": x for i, x in enumerate(listing.optimizers)}


def _add_optimizer(
    layout: Layout, state: dict[str, np.ndarray], names: dict[int, str], name: str, optimizer: Any
) -> None:
    """What an optimizer's flat arrays are: work, or state that is told apart by parameter."""
    layout.momenta[name] = []
    layout.arrays[f"{name}.iterations"] = ("int64", (1,), (0,))
    layout.work.append(f"{name}.iterations")
    layout.kept[f"{name}.iterations"] = (f"{name}.iterations", 0, ())
    layout.values[f"{name}.iterations"] = np.asarray(optimizer.iterations, np.int64)
    parameters = optimizer._name_by_id()
    for flat in itertools.chain.from_iterable(optimizer._flats):
        for array in (flat.weights, flat._gradients, *flat._scratch):
            if id(array) in names:
                layout.work.append(names[id(array)])
        if id(flat.weights) not in names:
            continue  # no parameter of it has a gradient
        if flat.width > 1:
            raise CompileError(
                "a step of complex parameters is not exported: export the model's evaluation, or write the parameters "
                "as pairs of real ones, w[..., 0] + 1j * w[..., 1]"
            )
        known = {id(array) for array in state.values()}
        states = {kind: array for kind, array in flat.state.items() if id(array) in names}
        for p, part, shape in zip(flat.parameters, flat.slices, flat.shapes, strict=True):
            parameter = parameters[id(p)]
            if id(p._array) not in known:
                state[parameter] = p._array  # the program does not read it, but the model has it
            for kind, array in states.items():
                layout.kept[f"{name}.state.{parameter}.{kind}"] = (names[id(array)], part.start, shape)
                layout.values[f"{name}.state.{parameter}.{kind}"] = array[part].reshape(shape)
        for array in states.values():
            layout.work.append(names[id(array)])
            layout.momenta[name].append(names[id(array)])


def _described(array: np.ndarray) -> tuple[str, tuple[int, ...], tuple[int, ...]]:
    axes = sorted(range(array.ndim), key=lambda axis: (-abs(array.strides[axis]), axis))
    return _name(array.dtype), array.shape, tuple(axes)


def _name(dtype: np.dtype) -> str:
    return dtype.name if dtype.isnative else dtype.str
