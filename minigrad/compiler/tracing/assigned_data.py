"""``p.data = x`` in a step: until the step ends, or an optimizer writes, the tensor has the new array itself.

Then the array is written into the memory that the tensor had before, where programs and optimizers know it to be. So an
array that the step took from ``p.data`` before the assignment has the old numbers, as in the step as it is written; one
that others took before the step has the new ones, as after the step of an optimizer.
"""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from minigrad.compiler.program import RESULT, Program
from minigrad.compiler.tracing.recorded_array import Recorded
from minigrad.core.graph import Leaf
from minigrad.core.stands import shown
from minigrad.core.tensor import Tensor
from minigrad.core.views import base_of, family_of, views_in

#: A tensor that has other data now, and the array that it had.
Assigned = dict[int, tuple[Tensor, Any]]


def assign(recording: Any, tensor: Tensor, new: Any) -> None:
    """``tensor.data = new`` inside the step. Raises ``CompileError`` for what a program cannot do in each run."""
    data = tensor._array
    is_in_place = isinstance(new, Recorded) and new.array is shown(data)  # what ``p.data *= 0.9`` ends with
    if not is_in_place:
        _check(recording, tensor, new)
        if id(tensor) not in recording.assigned and not isinstance(data, Recorded):
            recording.assigned[id(tensor)] = (tensor, data)
            recording.stand_anew(data)  # what the step has of it from before is another object
        tensor._array = new
    if isinstance(tensor._node, Leaf):
        recording.write_leaves([tensor._node])


def settle(recording: Any) -> None:
    """Write what was assigned into the memory that the tensors had, at the end of the step."""
    for tensor, memory in _taken(recording):
        new: Any = tensor._array
        tensor._array = memory
        known = recording.capture(memory)
        recording.program.assigned.append((tensor, memory))
        if new.value is not known.value:
            known[...] = new


def is_overwritten(recording: Any, root: Any) -> bool:
    """Whether the memory of a value gets other numbers when the step ends."""
    for tensor, memory in recording.assigned.values():
        known = recording.capture(memory).value
        if known.root is root and tensor._array.value is not known:
            return True
    return False


@contextmanager
def coming_home(programs: Iterable[Program], apart: bool) -> Iterator[None]:
    """Around a step as it is written: the tensors whose data it assigns end in the memory that programs know.

    With ``apart`` their data lies in a copy meanwhile: an array from before, which leaves the step, stays what it was.
    """
    pairs = [(x, memory) for program in programs for x, memory in program.assigned if x._array is memory]
    for tensor, memory in pairs if apart else ():
        tensor._array = memory.copy()
    try:
        yield
    finally:
        for tensor, memory in pairs:
            data = tensor._array
            if data is not memory and (data.shape, data.dtype) == (memory.shape, memory.dtype):
                np.copyto(memory, data)
                tensor._array = memory


def settle_early(recording: Any) -> None:
    """The same before an optimizer writes there. Raises ``CompileError`` where the step goes on with old numbers."""
    pairs: list[tuple[Any, Any]] = list(recording.assigned.values())
    now = [tensor._array for tensor, _ in pairs]
    before = [recording.capture(memory) for _, memory in pairs]
    roots = {known.value.root for data, known in zip(now, before, strict=True) if data.value is not known.value}
    if roots:
        known = set(map(id, before))
        olds = [x for x in gc.get_objects() if type(x) is Recorded and x.recording is recording and id(x) not in known]
        if any(x.value.root in roots for x in olds):
            raise recording.refusal(
                "an optimizer makes a step while the step holds an array of a weight that has other data since",
                "take a copy, old = p.data.copy(), or write into the data, p.data[...] = x",
            )
    settle(recording)


def leave(recording: Any) -> None:
    """Where no program is made: the tensors have their new numbers."""
    for tensor, memory in _taken(recording):
        new, tensor._array = shown(tensor._array), memory
        if new is not memory:
            np.copyto(memory, new)


def _check(recording: Any, tensor: Tensor, new: Any) -> None:
    data = tensor._array
    _, memory = recording.assigned.get(id(tensor), (tensor, data))
    is_made = isinstance(memory, Recorded) and memory.value.root.kind == RESULT
    if is_made:  # the tensor is gone with the step
        return
    if isinstance(memory, Recorded):
        raise recording.refusal("an argument of the step gets other data", "write into it, x.data[...] = new")
    root = base_of(tensor)
    if root is not tensor or views_in(family_of(root)):
        raise recording.refusal(
            "a tensor that is a view, or has views, gets other data", "write into it, x.data[...] = new"
        )
    if not isinstance(new, Recorded):
        raise recording.refusal(
            "an array from outside of the step becomes the data of a tensor", "write into it, p.data[...] = x"
        )
    if (new.shape, new.dtype) != (memory.shape, memory.dtype):
        raise recording.refusal(
            f"a tensor of {memory.dtype}, shape {memory.shape}, gets data of {new.dtype}, shape {new.shape}",
            "assign it outside of the compiled function",
        )
    source = new.value.root
    others = [x._array.value.root for x, _ in recording.assigned.values() if x is not tensor]
    is_own = isinstance(memory, np.ndarray) and new.value is recording.capture(memory).value
    if (source.kind != RESULT and not is_own) or source in others:
        raise recording.refusal(
            "two tensors, or a tensor and an array, would share their data", "assign a copy, p.data = x.copy()"
        )


def _taken(recording: Any) -> list[tuple[Tensor, Any]]:
    pairs = list(recording.assigned.values())
    recording.assigned.clear()
    return pairs
