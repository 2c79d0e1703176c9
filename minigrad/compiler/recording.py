"""``Recording``: one run of a step, as it is written, on arrays that write down what is done to them.

Arrays that meet a recorded one are *captured* by reference: weights, momenta, buffers. A program reads them anew in
each run, so eager steps and replays may take turns. What is written into them must be seen, so they carry a checksum
while the step runs: one that changes without a recorded call means that something wrote behind the recorder's back, and
the step is refused.
"""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any

import numpy as np

from minigrad.anomaly import Place, user_line
from minigrad.compiler.program import (
    ARGUMENT,
    CAPTURE,
    GRADIENT,
    RATE,
    RESULT,
    Call,
    Host,
    Out,
    Program,
    Value,
    mapped,
    values_in,
)
from minigrad.compiler.reach import Reach
from minigrad.compiler.recorder import Recorded
from minigrad.errors import CompileError
from minigrad.graph import Leaf, Node, walk
from minigrad.nn.module import Module
from minigrad.optim.averaging import EMA
from minigrad.optim.clipping import clip_grad_norm_, clip_grad_value_
from minigrad.optim.flat import mark_written
from minigrad.optim.optimizer import Optimizer
from minigrad.tensor import Tensor, wrap

#: So many bytes of arrays that were not captured are compared before each replay.
_WATCHED = 1_000_000

_WALK, _LAYER = walk.__code__, Module.__call__.__code__
_UPDATES = {f.__code__ for f in (Optimizer.step, EMA.update, clip_grad_norm_, clip_grad_value_)}


class Recording:
    """Writes the program of one run. ``reach`` is what the function can reach: the names, and what must not change."""

    def __init__(self, reach: Reach) -> None:
        self.program = Program()
        self.reach = reach
        self.active = True
        self._recorded: dict[int, Recorded] = {}  # a captured array's id: what stands for it
        self._sums: dict[int, tuple[np.ndarray, int, str]] = {}
        self._leaves: dict[Leaf, None] = {}
        self._node_names: dict[Node, str] = {}
        self._used: list[tuple[Any, Any, Any]] = []  # tensors of unknown origin, weakly
        self._entry_gradients: dict[int, tuple[Leaf, np.ndarray]] = {}
        self._errors: dict[str, Any] = dict(np.geterr())
        self._state_written = False
        self.is_usual = True  # False after a rare turn (an update left out), of which no program is to be made
        for name, array in reach.arrays:
            self._sums[id(array)] = (array, checksum(array), name)
        for tensor in reach.tensors:
            if isinstance(tensor._node, Leaf):
                self._see(tensor._node)

    # -- what comes in ------------------------------------------------------------------------

    def argument(self, number: int, array: Any) -> Recorded:
        """What stands for an array that the function was called with."""
        return Recorded(self, array, self.program.new(ARGUMENT, array, number))

    def capture(self, array: Any, name: str = "") -> Recorded:
        """What stands for an array from outside."""
        if isinstance(array, Recorded):
            return array
        known = self._recorded.get(id(array))
        if known is None:
            leaf, _ = self._entry_gradients.get(id(array), (None, None))
            value = self.program.new(CAPTURE if leaf is None else GRADIENT, array, array if leaf is None else leaf)
            value.name = name or self.reach.names.get(id(array), "")
            known = self._recorded[id(array)] = Recorded(self, array, value)
            if leaf is None and id(array) not in self._sums:
                self._sums[id(array)] = (array, checksum(array), value.name)
        return known

    def see(self, leaves: Sequence[Leaf]) -> None:
        """Note leaves of which the gradients are read or replaced."""
        for leaf in leaves:
            self._see(leaf)

    def _see(self, leaf: Leaf) -> None:
        """Note a leaf, and the gradient it has from before."""
        if leaf not in self._leaves:
            self._leaves[leaf] = None
            self.program.entry[leaf] = leaf.grad is None
            if isinstance(leaf.grad, np.ndarray):
                self._entry_gradients[id(leaf.grad)] = (leaf, leaf.grad)

    # -- the mode (see minigrad.context) ------------------------------------------------------

    def lifted(self, arrays: Sequence[Any]) -> list[Any]:
        """The arguments of an op with what stands for them."""
        return [self.capture(array) if isinstance(array, np.ndarray) else array for array in arrays]

    def observe(self, op: Any, z: Any, nodes: Sequence[Any], records: bool) -> Callable[..., Node] | None:
        """Name the result of an op; returns what makes its node."""
        for node in nodes:
            if type(node) is Leaf:
                self._see(node)
        name = op.name
        if isinstance(z, Recorded):
            layer = self._where()[2]
            name = z.value.name = z.value.name or "_".join(filter(None, (layer, op.name)))
        if not records:
            return None

        def node_of(*args: Any) -> Node:
            node = Node(*args)
            self._node_names[node] = name
            return node

        return node_of

    # -- calls --------------------------------------------------------------------------------

    def call(
        self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any] | None, writes: Sequence[Any] = ()
    ) -> Any:
        """Run a call on the real arrays and write it down.

        Of a method, ``function`` is the name; of an attribute too, with ``kwargs`` None.
        """
        if not self.active:
            raise CompileError(
                "mg.compile: an array of a recorded step left it in another way than as its result (in a list, "
                f"an attribute), and is used at\n  {user_line()}\nreturn it from the compiled function instead"
            )
        written = [self.capture(x) for x in writes if x is not None]
        for x in written:
            if x.value.root.kind != RESULT:
                if x.value.root.kind == CAPTURE and not x.value.root.name:
                    raise CompileError(
                        "mg.compile: a computed value is written into a plain array that was made in the step, which "
                        f"would not be new in later runs:\n  {user_line()}\nmake it with np.zeros_like of a recorded "
                        "array, or use mg.index_set, mg.index_add or mg.where"
                    )
                self._verify(x.array)
                self._state_written = True
        options = kwargs or {}
        symbolic, named = mapped(self._value, args), mapped(self._value, options)
        real, real_named = mapped(_array, args), mapped(_array, options)
        if isinstance(function, str):
            member = getattr(real[0], function)
            result = member if kwargs is None else member(*real[1:], **real_named)
        else:
            result = function(*real, **real_named)
        for x in written:
            if x.value.root.kind != RESULT:
                self._refresh(x.array)
        spelled = f".{function}" if isinstance(function, str) and kwargs is not None else function
        call = Call(spelled, symbolic, named, [], [x.value for x in written])
        call.place, call.phase, call.layer, call.op = self._where()
        now = dict(np.geterr())
        if now != self._errors:
            call.errors = {kind: how for kind, how in dict(now).items() if how != self._errors.get(kind)}
        if result is None or (written and result is written[0].array):
            self.program.calls.append(call)
            return written[0] if result is not None else None
        for x in [a for a in _recorded_in(args) if a.array is result]:
            return x  # reshape to the same shape, astype without a copy: nothing was done
        sources = list(values_in((symbolic, named)))
        arrays = {id(v): a for v, a in zip(sources, _arrays_in((args, options)), strict=True)}
        made = self._result(call, result, sources, arrays)
        self.program.calls.append(call)
        return made

    def _result(self, call: Call, result: Any, sources: list[Value], arrays: dict[int, Any]) -> Any:
        if isinstance(result, (tuple, list)):
            items = [self._result(call, item, sources, arrays) for item in result]
            return type(result)(*items) if hasattr(result, "_fields") else type(result)(items)
        value = self.program.new(RESULT, result)
        if isinstance(result, np.ndarray):
            for source in sources:
                if source.is_array and np.may_share_memory(result, arrays[id(source)]):
                    value.root = source.root
        call.results.append(value)
        return Recorded(self, result, value)

    def _value(self, x: Any) -> Any:
        if isinstance(x, Recorded):
            if x.recording is not self:
                raise CompileError(
                    "mg.compile: an array of another recording is used here: return it from that function"
                )
            return x.value
        return self.capture(x).value if _is_value(x) else x

    def assume(self, condition: Recorded, answer: bool) -> None:
        """A formula looked at the data: in each run the answer must be the same, before anything is written."""
        if self._state_written:
            raise CompileError(
                "mg.compile: a function looks at the numbers (finite? in range?) after weights were changed in "
                f"the same step:\n  {user_line()}\ncompile the two parts by themselves"
            )
        call = Call(Host("assume", expected=answer), (condition.value,), {}, [], [])
        call.place, call.phase, call.layer, _ = self._where()
        self.program.calls.append(call)

    def assign(self, tensor: Tensor, new: Any) -> None:
        """``p.data = new`` inside the step: as what ``p.data *= 0.9`` ends with it is recorded, else refused."""
        if not isinstance(new, Recorded) or new.array is not tensor._data:
            raise CompileError(
                f"mg.compile: other data is assigned to a tensor in the step:\n  {user_line()}\nwrite into it, "
                "p.data[...] = x, or assign outside the compiled function"
            )
        if isinstance(tensor._node, Leaf):
            self._marked([tensor._node])

    def _marked(self, leaves: list[Leaf]) -> None:
        """In each run, note that the data of these leaves has changed."""
        mark_written(leaves)
        call = Call(Host("finish", lambda: mark_written(leaves)), (), {}, [], [])
        call.place, call.phase, call.layer, _ = self._where()
        self.program.calls.append(call)

    # -- optimizers ---------------------------------------------------------------------------

    def update(self, optimizer: Optimizer) -> None:
        """A step of an optimizer: its rates are worked out in each run, its arithmetic is recorded."""
        if {"iterations", "current_lr"} & set(type(optimizer).update.__code__.co_names):
            raise CompileError(
                f"mg.compile: {type(optimizer).__name__}.update reads iterations, which changes from step to step: put "
                "what depends on it into rates(self, group), which update gets as lr"
            )
        for tensor in (p for group in optimizer.param_groups for p in group["params"]):
            if isinstance(tensor._node, Leaf):
                self._see(tensor._node)
        given_rates = [optimizer.rates(group) for group in optimizer.param_groups]
        groups = list(zip(optimizer.param_groups, optimizer._flats, given_rates, strict=True))
        optimizer.current_lr = optimizer._rate(optimizer.param_groups[0])

        def rates() -> tuple[float, ...]:
            optimizer.current_lr = optimizer._rate(optimizer.param_groups[0])
            return rates_of(optimizer)

        call = Call(Host("rates", rates, owner=optimizer), (), {}, [], [])
        call.place, call.phase = user_line(), "update"
        self.program.calls.append(call)
        leaves = []
        for group, flats, given in groups:
            lifted = []
            for i, number in enumerate(_numbers(given)):
                value = self.program.new(RATE, number)
                value.name = "rate" if not isinstance(given, tuple) else f"rate_{i}"
                call.results.append(value)
                lifted.append(Recorded(self, number, value))
            for flat in flats:
                leaves += [p._node for p in flat.parameters if p.grad is not None]
                flat.apply(
                    optimizer.update, group, tuple(lifted) if isinstance(given, tuple) else lifted[0], self.capture
                )
        self._state_written = True
        optimizer.finish()

        def finish() -> None:
            mark_written(leaves)
            optimizer.finish()

        for _, flats, _ in groups:
            for flat in flats:
                for array in flat.state.values():
                    self._refresh(array)  # tiny state may have been set to zero
        call = Call(Host("finish", finish), (), {}, [], [])
        call.place, call.phase = user_line(), "update"
        self.program.calls.append(call)

    # -- writes -------------------------------------------------------------------------------

    def _verify(self, written: np.ndarray | None = None) -> None:
        for array, total, name in self._sums.values():
            if (written is None or np.may_share_memory(array, written)) and checksum(array) != total:
                raise CompileError(
                    f"mg.compile: {name or 'an array from outside'} was written to by a NumPy call that the recorder "
                    f"cannot see (such as p.data *= 0.9, or a[i] = x); it was noticed at\n  {user_line()}\nwrite to it "
                    "outside the compiled function, or compute a new tensor"
                )

    def _refresh(self, written: np.ndarray) -> None:
        for key, (array, _, name) in self._sums.items():
            if np.may_share_memory(array, written):
                self._sums[key] = (array, checksum(array), name)

    # -- the end ------------------------------------------------------------------------------

    def finished(self, result: Any) -> tuple[Program, Any]:
        """The program, and the result of the step on real arrays. The gradients of leaves become real too."""
        self._verify()
        program = self.program
        program.outputs = mapped(self._output, result)
        used = {value.origin for value in program.of_kind(GRADIENT)}
        for leaf in self._leaves:
            if isinstance(leaf.grad, Recorded):
                program.gradients.append((leaf, leaf.grad.value))
                program.leaf_names[leaf] = self.reach.names.get(id(leaf), f"leaf_{len(program.gradients)}")
                if not program.entry[leaf] and leaf not in used:
                    del program.entry[leaf]  # forgotten before it was looked at
            elif leaf.grad is None and not program.entry[leaf]:
                program.cleared.append(leaf)
                del program.entry[leaf]
            elif leaf not in used:
                del program.entry[leaf]
        held = [value.origin for value in program.of_kind(CAPTURE)]

        def is_held(array: Any) -> bool:
            return any(np.may_share_memory(array, other) for other in held)

        for tensor in self.reach.tensors:
            if isinstance(tensor._node, Leaf) or isinstance(tensor._data, np.generic) or is_held(tensor._data):
                program.tensors.append((tensor, tensor._data, tensor._node))
        # Arrays that NumPy calls may have read before a recorded one was there, such as mask > 0: compared by checksum.
        room = _WATCHED
        for _, array in self.reach.plain_arrays:
            if array.nbytes <= room and not is_held(array):
                room -= array.nbytes
                program.watched.append((array, checksum(array)))
        self.release()
        return program, mapped(_unrecorded, result)

    def release(self) -> None:
        """Take every recorded array out of the leaves; what is left elsewhere may not be used any more."""
        for leaf in self._leaves:
            grad: Any = leaf.grad
            if isinstance(grad, Recorded):
                leaf.grad = np.asarray(grad.array)
        self.active = False
        self._node_names.clear()

    def _output(self, x: Any) -> Any:
        data = x._data if isinstance(x, Tensor) else x
        if isinstance(data, np.ndarray):
            data = self.capture(data)
        if not isinstance(data, Recorded):
            return x
        return Out(isinstance(x, Tensor), data.value)

    def _where(self) -> tuple[Place, str, str, str]:
        """The line of the user's code, the phase, the layer, and whose gradient is being computed."""
        phase = layer = target = ""
        frame: FrameType | None = sys._getframe(1)
        while frame is not None:
            code = frame.f_code
            if code is _LAYER and not layer:
                layer = self.reach.names.get(id(frame.f_locals["self"]), "")
            elif code is _WALK and not phase:
                phase, parent = "backward", frame.f_locals.get("parent")
                target = self._name_of(parent)
            elif code in _UPDATES:
                phase = "update"
            frame = frame.f_back
        return user_line(), phase or "forward", layer, target

    def _name_of(self, parent: Any) -> str:
        name = self._node_names.get(parent, "") if isinstance(parent, Node) else self.reach.names.get(id(parent), "")
        return f"{name}_grad" if name else ""


class RecordingMode:
    """The mode while a step is recorded, with a graph or without."""

    def __init__(self, recorder: Recording, records: bool) -> None:
        self.recorder = recorder
        self.records = records

    def recording(self, flag: bool) -> RecordingMode:
        """The same with or without a graph."""
        return RecordingMode(self.recorder, flag)

    def lifted(self, arrays: Sequence[Any]) -> list[Any]:
        """The arguments of an op with what stands for them."""
        return self.recorder.lifted(arrays)

    def observe(self, op: Any, z: Any, arrays: Sequence[Any], nodes: Sequence[Any]) -> Callable[..., Node] | None:
        """See ``Recording.observe``."""
        return self.recorder.observe(op, z, nodes, self.records)


def rates_of(optimizer: Optimizer) -> tuple[float, ...]:
    """The numbers that an optimizer works out for its next step, of all groups."""
    return tuple([number for group in optimizer.param_groups for number in _numbers(optimizer.rates(group))])


def _numbers(rates: Any) -> tuple[float, ...]:
    return rates if isinstance(rates, tuple) else (rates,)


def _array(x: Any) -> Any:
    return x.array if isinstance(x, Recorded) else x


def _unrecorded(x: Any) -> Any:
    """A result of the step for the user: without a graph, on real arrays."""
    if isinstance(x, Tensor):
        return wrap(_array(x._data))
    return x.array if isinstance(x, Recorded) else x


def _recorded_in(tree: Any) -> list[Recorded]:
    found: list[Recorded] = []
    mapped(lambda x: found.append(x) if isinstance(x, Recorded) else None, tree)
    return found


def _arrays_in(tree: Any) -> list[Any]:
    """The real arrays, in the order of ``values_in``."""
    found: list[Any] = []
    mapped(lambda x: found.append(_array(x)) if _is_value(x) else None, tree)
    return found


def _is_value(x: Any) -> bool:
    return isinstance(x, Recorded) or (isinstance(x, np.ndarray) and x.dtype != object)


def checksum(array: np.ndarray) -> int:
    """One number for the contents of an array."""
    return zlib.crc32(array.data if array.flags.c_contiguous and array.size else array.tobytes())
