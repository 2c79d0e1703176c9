"""The end of a recording: what comes out, which gradients there are, and what must be as it was for a replay."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np

from minigrad.compiler.guards.python_state import Fresh, Whole
from minigrad.compiler.passes.conditions import conditions_first
from minigrad.compiler.program import CAPTURE, GRADIENT, RESULT, Out, Program
from minigrad.compiler.tracing import assigned_data
from minigrad.compiler.tracing.copied_parts import check_parts
from minigrad.compiler.tracing.counts import Told
from minigrad.compiler.tracing.numeric_arguments import Number
from minigrad.compiler.tracing.recorded_array import Recorded
from minigrad.core.graph import Leaf
from minigrad.core.tensor import Tensor, wrap
from minigrad.core.trees import flat, mapped_once
from minigrad.errors import CompileError

#: Bytes of arrays read by recorded calls that are also compared before each replay, at most. Arrays that no recorded
#: call reads are compared whatever their size: the results of plain NumPy calls on them are in the program.
_WATCHED = 1_000_000


def finished(recording: Any, result: Any) -> tuple[Program, Any]:
    """The program, and the result of the step on real arrays. The gradients of leaves become real too.

    So does what the step has put somewhere, whatever is raised here.
    """
    effects = list(recording.effects)
    try:
        return _finished(recording, result)
    except Exception:
        settle(effects)
        assigned_data.leave(recording)
        raise


def settle(effects: list[tuple[Any, Any]]) -> None:
    """Put plain arrays and tensors in the places of recorded ones, after a run that gives no program."""
    for place, item in effects:
        place.settle(refilled(item, mapped_once(unrecorded, item)))


def _finished(recording: Any, result: Any) -> tuple[Program, Any]:
    if recording.refused is not None:
        raise recording.refused  # the step has caught it and gone on
    recording.memory.verify()
    recording.draws.verify()
    program: Program = recording.program
    owned: dict[int, Recorded] = {}  # what is returned twice is one array

    def own(x: Any) -> Any:
        if isinstance(x, Tensor):
            data = own(np.asarray(x._array) if isinstance(x._array, np.generic) else x._array)
            return x if data is x._array else wrap(data)
        if not isinstance(x, np.ndarray):
            return x
        if id(x) not in owned:
            owned[id(x)] = _owned(recording, x)
        return owned[id(x)]

    places, items = [place for place, _ in recording.effects], [x for _, x in recording.effects]
    recording.effects.clear()
    outputs = items
    program.effects = places
    recording.graphs = [place for place, x in zip(places, items, strict=True) if any(map(_has_graph, flat(x)))]
    result = [result, items] if places else result
    result = mapped_once(recording.reach.outside, result, lambda x: type(recording.reach.outside(x)) is Whole)
    for x in flat(result):
        if type(x) is Told:
            x.settled()
    _settle_leaves(recording, program)
    result = mapped_once(own, result)
    program.outputs = mapped_once(lambda x: _output(recording, x), result)
    assigned_data.settle(recording)
    check_parts(recording.parts, program)
    _note_gradients(recording, program)
    _note_what_stays(recording, program)
    _check_graphs(recording, program)
    conditions_first(program)
    recording.release()
    result = mapped_once(unrecorded, result)
    if places:
        result, items = result
        for place, item, before in zip(places, items, outputs, strict=True):
            place.settle(refilled(before, item))
    return program, result


def _settle_leaves(recording: Any, program: Program) -> None:
    """Let the gradients of leaves be real ones, or a result of the program."""
    let_go = {tensor._node for tensor in recording.reach.tensors} - recording.reached  # frozen when the step began
    for leaf in recording.leaves:
        if leaf.grad is not None and leaf in let_go:
            leaf.grad = unrecorded(leaf.grad)
            recording.leave_out()
            del program.entry[leaf]
        elif leaf.grad is not None and leaf not in recording.reached:
            leaf.grad = None  # of a variable of a transform, or a tensor made in the step: gone with it
            del program.entry[leaf]
        elif isinstance(leaf.grad, np.ndarray) and not recording.is_from_before(leaf.grad):
            leaf.grad = _owned(recording, leaf.grad)


def _output(recording: Any, x: Any) -> Any:
    """What stands in the outputs of the program for a part of the result."""
    data = x._array if isinstance(x, Tensor) else x
    if type(x) is Number:
        return Out(False, x.value, type(x.real_number)) if x.recording is recording else x.real_number
    if isinstance(data, Recorded):
        return Out(isinstance(x, Tensor), data.value)
    if isinstance(x, (set, bytearray)):
        return Fresh(x)
    return x if isinstance(x, (Hashable, slice)) else Whole(x)  # what can be changed is the very object, if it is one


def refilled(x: Any, new: Any) -> Any:
    """A list or dict that the step has made, with real things in it: the very object, which it may hold elsewhere."""
    if type(x) is list and type(new) is list:
        x[:] = [refilled(one, other) for one, other in zip(x, new, strict=True)]
        return x
    if type(x) is dict and type(new) is dict:
        x.update({key: refilled(x[key], other) for key, other in new.items()})
        return x
    return new


def _has_graph(x: Any) -> bool:
    return isinstance(x, Tensor) and x._node is not None


def _check_graphs(recording: Any, program: Program) -> None:
    """Raise ``CompileError`` where the step works with a tensor that an earlier call has kept with its graph."""
    used = {value for call in program.calls for value in call.values}
    for value in used & recording.without_graph.keys():
        raise CompileError(
            f"mg.compile: {recording.without_graph[value]} keeps a tensor with its graph from one call to the next, "
            "where a program has none: keep it without, self.h = h.detach()"
        )


def _owned(recording: Any, array: Any) -> Recorded:
    """What leaves the step as a recorded array.

    It is a copy of a constant of the program, for the user to write into, and of data that is overwritten at the end.
    """
    recorded: Recorded = recording.capture(array)
    root = recorded.value.root
    is_old = assigned_data.is_overwritten(recording, root)
    recording.program.shows_old_data |= is_old
    is_constant = root.kind == CAPTURE and not root.name and recorded.value.is_array
    return recorded.copy("K") if is_old or is_constant else recorded


def _note_gradients(recording: Any, program: Program) -> None:
    """What the gradient of each leaf is after the step, and whether it was None before, where that counts."""
    used = {value.origin for value in program.of_kind(GRADIENT)}
    for leaf in [leaf for leaf in recording.leaves if leaf in program.entry]:
        if isinstance(leaf.grad, Recorded):
            program.gradients.append((leaf, leaf.grad.value))
            program.leaf_names[leaf] = recording.reach.names.get(id(leaf), f"leaf_{len(program.gradients)}")
            if not program.entry[leaf] and leaf not in used:
                del program.entry[leaf]  # forgotten before it was looked at
        elif leaf.grad is None and not program.entry[leaf]:
            program.cleared.append(leaf)
            if leaf not in used:
                del program.entry[leaf]
        elif leaf.grad is not None and leaf not in used:
            del program.entry[leaf]
        # One that is None before and after may be added to, used and forgotten, or be forgotten only: where it is there
        # before a call, the step may do something else.


def _note_what_stays(recording: Any, program: Program) -> None:
    """Note the tensors that must stay as they are for the program, and the arrays whose contents it may hold."""
    captured = [value.origin for value in program.of_kind(CAPTURE)]

    def is_held(array: Any) -> bool:
        return any(np.may_share_memory(array, other) for other in captured)

    for tensor in recording.reach.tensors:
        if isinstance(tensor._node, Leaf) or isinstance(tensor._array, np.generic) or is_held(tensor._array):
            program.tensors.append((tensor, tensor._array, tensor._node))
    # Arrays that NumPy calls may have read before a recorded one was there, such as mask > 0: compared byte for byte,
    # which takes a fifth of the time of a checksum; also where recorded calls read them too. Where the program itself
    # writes them, the second recording sees new numbers.
    roots = {value.root for call in program.calls for value in call.writes if value.root.kind != RESULT}
    written = [root.origin for root in roots if root.kind == CAPTURE]
    room = _WATCHED
    for _, array in recording.reach.plain_arrays:
        if any(np.may_share_memory(array, other) for other in written):
            continue
        if array.nbytes <= room or not is_held(array):
            room -= array.nbytes
            program.watched.append((array, array.tobytes()))


def still_watched(program: Program, before: list[tuple[Any, bytes]]) -> list[tuple[Any, bytes]]:
    """Watch the contents of arrays that two equal recordings have read.

    A captured array that changed from one to the other has changed nothing else: only recorded calls read it.
    """
    captured = {id(value.origin) for value in program.of_kind(CAPTURE)}
    known = {id(array): content for array, content in before}
    return [
        (array, content)
        for array, content in program.watched
        if id(array) not in captured or known.get(id(array)) == content
    ]


def unrecorded(x: Any) -> Any:
    """A result of the step for the user: without a graph, on real arrays."""
    if isinstance(x, Tensor):
        return wrap(x._array.array if isinstance(x._array, Recorded) else x._array)
    if type(x) is Told:
        return x.number
    if type(x) is Number:
        return x.real_number
    if type(x) is Whole:
        return x.held
    return x.array if isinstance(x, Recorded) else x
