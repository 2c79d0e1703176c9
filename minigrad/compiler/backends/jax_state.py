"""What a program keeps between its runs: captured arrays that it reads and writes.

Those whose holders are known stay on the device, see ``jax_lodging``. Others, such as plain arrays of the user, are
copied in each call into memory that XLA reads where it lies, and what was written is copied back.
"""

from __future__ import annotations

import gc
import itertools
from collections.abc import Iterable, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from minigrad.compiler.arena import address_of
from minigrad.compiler.backends.jax_lodging import Lodging, Memory, Put, lodging_of
from minigrad.compiler.backends.jax_trace import Pieces, Trace
from minigrad.compiler.passes.functional import Form, where_in
from minigrad.compiler.program import CAPTURE, Program, Value
from minigrad.core import away
from minigrad.core.memory import owner

_ALIGNMENT = 64

#: Bytes of state from which on its memory is written over.
LARGE = 1 << 24


class State:
    """What one program keeps."""

    def __init__(self, program: Program, form: Form, work: Iterable[np.ndarray], put: Put) -> None:
        self.put = put
        self.lodgings: dict[Lodging, None] = {}
        self.memories: list[Memory] = []
        self.places: dict[Value, tuple[int, Any]] = {}  # the number of a memory, and a slice of it or elements
        self.empty = [value for value in form.state if any(value.origin is array for array in work)]  # written first
        values = [value for value in form.state if value not in self.empty]
        lodged = self._lodged(program, form, values)
        for value in values:
            root = owner(value.origin)
            if id(root) in lodged:
                memory = lodged[id(root)]
                if memory not in self.memories:
                    self.memories.append(memory)
                self.places[value] = (self.memories.index(memory), where_in(value.origin, root))
        self.kept = [value for value in values if value not in self.places]
        self.arrays = [_without_repeats(value.origin) for value in self.kept]
        self.staged = [_aligned(array) for array in self.arrays]
        written = [value for value in form.written if value.kind == CAPTURE and value not in self.empty]
        written = [value for value in written if value.name != "scratch"]  # whose contents nobody reads
        self.written = list(dict.fromkeys(self.places[value][0] for value in written if value in self.places))
        self.written_kept = [value for value in written if value in self.kept]

    def _lodged(self, program: Program, form: Form, values: list[Value]) -> dict[int, Memory]:
        """The memories that may be away, by the ids of their arrays."""
        roots: dict[int, Any] = {id(root): root for root in [owner(value.origin) for value in values]}
        unfit = {
            id(owner(value.origin))
            for value in values
            if value in form.written and not isinstance(where_in(value.origin, owner(value.origin)), slice)
        }
        memories: dict[int, Memory] = {}
        for key, root in roots.items():
            lodging = None if key in memories else lodging_of(root, program)
            arrays = {} if lodging is None else {id(memory.array()): memory for memory in lodging.memories}
            if lodging is not None and not unfit & arrays.keys():
                self.lodgings[lodging] = None
                memories.update(arrays)
        every = dict.fromkeys([*program.of_kind(CAPTURE), *form.state, *form.written, *form.parts])
        of = {memory: lodging for lodging in self.lodgings for memory in lodging.memories}
        for value in every:
            array: Any = value.origin if value.kind == CAPTURE else None
            memory = memories.get(id(owner(array))) if type(array) is np.ndarray else None
            if memory is not None:
                of[memory].add_value(value, memory, owner(array))
        tensors = []
        for tensor, data, node in program.tensors:
            memory = memories.get(id(owner(data))) if type(data) is np.ndarray else None
            if memory is not None:
                of[memory].add_tensor(tensor, memory, owner(data))
            tensors.append((tensor, data if memory is None else ..., node))
        program.tensors = tensors
        return memories

    def contents(self, wholes: list[Pieces]) -> dict[Value, Any]:
        """What values hold where a run begins, given the memories; a value that is all of one shares it."""
        empty_arrays: dict[Value, Any] = {value: jnp.zeros(value.shape, value.dtype) for value in self.empty}
        for value, (number, where) in self.places.items():
            whole = wholes[number]
            if isinstance(where, slice) and where == slice(0, whole.size):
                empty_arrays[value] = whole
            elif isinstance(where, slice):
                empty_arrays[value] = whole.read(where).reshape(value.shape)
            else:
                empty_arrays[value] = whole.read(slice(0, whole.size))[where]
        return empty_arrays

    def after(self, trace: Trace, wholes: list[Pieces]) -> list[list[Any]]:
        """The pieces of the memories that are written, where a run is over."""
        for value, (number, where) in self.places.items():
            if number in self.written and value in trace.form.written:
                whole = trace.pieces.get(value)
                if whole is None:
                    whole = wholes[number]
                    whole.write(where, trace.read(value))
                wholes[number] = whole
        return [[wholes[number].read(cut) for cut in self.memories[number].cuts] for number in self.written]

    @property
    def is_large(self) -> bool:
        """Whether results are to take over the memory of what is written: below, new memory costs less."""
        return sum(self.memories[number].nbytes for number in self.written) > LARGE

    def donated(self, first: int) -> tuple[int, ...]:
        """The numbers of the inputs whose memory results take over: pieces that are written."""
        ends = [first, *itertools.accumulate([len(memory.cuts) for memory in self.memories], initial=first)][1:]
        return tuple([i for number in self.written for i in range(ends[number], ends[number + 1])])

    def depart(self) -> bool | None:
        """Let everything be on the device; answers whether it is there alone, None where other data was put in."""
        alone = True
        for lodging in self.lodgings:
            if lodging.is_away and lodging.put is self.put:
                continue
            lodging.come_home()
            if not lodging.fits():
                return None
            gone = lodging.go(self.put)
            if not gone and away.recorded:  # what is left of a recording, which is a cycle, holds arrays
                away.recorded.clear()
                gc.collect()
                gone = lodging.go(self.put)
            alone = alone and gone
        return alone

    def read(self) -> list[np.ndarray]:
        """What is copied in each call."""
        for staged, array in zip(self.staged, self.arrays, strict=True):
            np.copyto(staged, array)
        return self.staged

    def near(self) -> list[np.ndarray]:
        """The arrays at home: those with which an argument may share memory."""
        arrays = [memory.array() for memory in self.memories]
        return [*self.arrays, *[array for array in arrays if array is not None]]

    def write(self, contents: Sequence[Sequence[Any]]) -> None:
        """New contents of the memories that are written."""
        for number, pieces in zip(self.written, contents, strict=True):
            self.memories[number].pieces = list(pieces)

    def write_home(self) -> None:
        """Copy them to where others see them."""
        for number in self.written:
            self.memories[number].download()

    def fits(self) -> bool:
        """Whether all places hold what they held."""
        return all(lodging.fits() for lodging in self.lodgings)

    def lodging_of(self, leaf: Any) -> Lodging | None:
        """Where the gradient of a leaf may be."""
        return next((lodging for lodging in self.lodgings if leaf in lodging.leaves), None)


def _without_repeats(array: np.ndarray) -> np.ndarray:
    """What ``np.broadcast_to`` has spread, once: a constant gradient may be one number in the shape of a batch."""
    once = [slice(0, 1) if stride == 0 else slice(None) for stride in array.strides]
    return array[(..., *once)]  # a view, also of a single number: it is read anew in each run


def _aligned(array: np.ndarray) -> np.ndarray:
    """Memory that JAX on the CPU reads where it lies; of other arrays it makes a copy, in new memory in each call."""
    memory = np.empty(array.nbytes + _ALIGNMENT, np.uint8)
    start = -address_of(memory) % _ALIGNMENT
    staged: np.ndarray = memory[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
    return staged
