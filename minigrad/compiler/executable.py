"""``Ready``: a program that can run, its guards, and a record of its runs."""

from __future__ import annotations

import functools
import importlib
import itertools
import operator
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad.compiler.backends import MISSED, Built, build
from minigrad.compiler.guards.aliasing import Overlaps
from minigrad.compiler.guards.arguments import arrays_among
from minigrad.compiler.guards.python_state import Carried, Fresh, Part, Whole
from minigrad.compiler.guards.reachable import Reach
from minigrad.compiler.output.listing import Listing
from minigrad.compiler.output.profile import Profile, kernel, profiled
from minigrad.compiler.passes import simplified
from minigrad.compiler.passes.conditions import raised
from minigrad.compiler.program import ARGUMENT, CAPTURE, GRADIENT, Call, Out, Program
from minigrad.compiler.program_cache import weight
from minigrad.compiler.snapshot import counting, counts_of
from minigrad.compiler.tracing.counts import Told
from minigrad.compiler.tracing.finish import still_watched
from minigrad.compiler.tracing.random_draws import Streams
from minigrad.compiler.tracing.trace_comparison import difference
from minigrad.core.away import bring
from minigrad.core.inplace import lend
from minigrad.core.tensor import Tensor, wrap
from minigrad.core.trees import flat, is_record, mapped_all, mapped_once
from minigrad.errors import CompileError

if TYPE_CHECKING:
    from minigrad.viz.dot import Picture


class Ready:
    """A program that can run: its function, its guards, and a record of its runs."""

    def __init__(
        self, program: Program, reach: Reach, entry: dict[Any, bool], backend: str, options: dict[str, Any]
    ) -> None:
        self.program = program
        self.lock = program.arena.lock  # that of all programs that use the same buffers
        self.overlaps = Overlaps(program)
        self.listing = Listing(program)
        self.simplified: list[Call] = simplified(program)  # the calls that a backend gets
        if program.heeds_errors:
            backend, options = "numpy", {}
        if self.listing.kind != "predict":  # what is written by arithmetic that is to be stopped stays
            reach.guards.add("NumPy's treatment of errors", "content", np.geterr, None, np.geterr())
        self.built: Built = build(backend, self.simplified, program, options)
        self.streams = Streams(program)
        self.profile: Profile | None = None
        self.run = self.built.run
        #: Whether a run may find a condition not met after it has drawn or written.
        self.may_miss = self.streams.may_miss or program.is_undone or program.heeds_errors
        self.raised = raised(program)  # the step as it is written then raises them
        #: Whether it reads arrays behind names, which may share memory with what it writes.
        self.carries = any(isinstance(source, (Carried, Part)) for source in program.reads)
        #: Whether it holds for weights without a gradient and leaves one, so that its own run is the last.
        self.ends_itself = any(was_none and leaf in dict(program.gradients) for leaf, was_none in entry.items())
        self.calls = self.audits = 0
        self.next_audit = 2  # the replay that runs both ways next
        self.seconds = 0.0
        self.used = time.perf_counter()
        self.weight = weight(program)
        self._reach, self._entry, self._watched = reach, list(entry.items()), program.watched
        if self.built.holds is not None:  # no reference to an array that may go to a device
            self.overlaps.let_go()
            reach.arrays.clear()
        self._watch()
        outs = [x for x in flat(program.outputs) if isinstance(x, Out)]
        for i, x in enumerate(outs):
            x.again, x.place = x.place is not None, i
        #: What the function returns, from the outputs of a run: the structure is looked at once, each run makes one.
        self._returned = _from_outputs(program.outputs, outs)

    def _watch(self) -> None:
        #: Whether all is as it was recorded: names, the memory of tensors, whether gradients are there.
        self.is_valid = self._reach.guards.holding(self.program.tensors, self._entry, self._watched, self.built.holds)

    def audited(self, ran: bool) -> None:
        """Note a call that ran both ways: the next is at twice as many replays."""
        self.calls += ran
        self.audits += ran
        while self.next_audit <= self.calls:
            self.next_audit *= 2

    @property
    def microseconds(self) -> float:
        """What a replay takes; those that ran both ways are left out."""
        return round(self.seconds / (self.calls - self.audits) * 1e6, 1) if self.calls > self.audits else 0.0

    def changed(self) -> str:
        """The first name that holds something else now, or ""."""
        return self._reach.guards.changed()

    def is_again(self, program: Program) -> bool:
        """Whether a new recording is this very program, although arrays that it watches, or gradients, have changed."""
        watched = all(array.tobytes() == content for array, content in self._watched)
        entry = [(leaf, flag) for leaf, flag in self._entry if program.entry.get(leaf) == flag]
        if (watched and len(entry) == len(self._entry)) or not self._reach.guards.holding()():
            return False
        try:
            if difference(self.program, program):
                return False
        except CompileError:  # a number in it differs
            return False
        self._watched, self._entry = still_watched(program, self._watched), entry
        self._watch()
        return True

    def result(self, outputs: tuple[Any, ...]) -> Any:
        """What the function returns, from the outputs of a run."""
        returned = self._returned(outputs)
        if not self.program.effects:
            return returned
        result, items = returned
        for place, item in zip(self.program.effects, items, strict=True):
            place.put(item)
        return result

    def reads(self) -> list[Any]:
        """The numbers of Python, and arrays behind names, that the program reads before each run."""
        return [source.given() for source in self.program.reads]

    # -- looking ------------------------------------------------------------------------------

    def profiled(self, arrays: list[Any], repeats: int) -> Profile:
        """See ``Compiled.profile``."""
        before = self.state(arrays)
        self.profile = profiled(self.built, self.listing, arrays, repeats, lambda: self.put_back(before, arrays))
        return self.profile

    def graph(self, title: str) -> Picture:
        """See ``Compiled.graph``."""
        shown = self.profile.kernels if self.profile else [kernel((call,), self.listing) for call in self.simplified]
        drawing = importlib.import_module("minigrad.compiler.output.picture")
        picture: Picture = drawing.pictured(self.program, self.listing, shown, title)
        return picture

    # -- for calls that run both ways -----------------------------------------------------------

    @functools.cached_property
    def written_arguments(self) -> list[int]:
        """The numbers of the arguments that the program writes into."""
        roots = {value.root for call in self.program.calls for value in call.writes}
        return [root.origin for root in roots if root.kind == ARGUMENT]

    def lend(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Hand out the tensors that a run writes into: of what graphs have saved of them, these keep the memory."""
        arrays = arrays_among(args, kwargs)
        first = len(self.program.of_kind(ARGUMENT)) - len(self.program.reads)  # behind arrays and numbers
        for i in self.written_arguments:
            x = arrays[i] if i < first else self.program.reads[i - first].get()
            if isinstance(x, Tensor) and type(x._array) is np.ndarray:
                lend(x)

    def _leaves(self) -> list[Any]:
        read = [value.origin for value in self.program.of_kind(GRADIENT)]
        bring([*read, *[leaf for leaf, _ in self.program.gradients], *self.program.cleared])
        return list(dict.fromkeys([*[leaf for leaf, _ in self.program.gradients], *self.program.cleared, *read]))

    def _arrays(self, arrays: list[Any]) -> list[Any]:
        own = [value.origin for value in self.program.of_kind(CAPTURE) if value.origin.flags.writeable]
        return own + [arrays[i] for i in self.written_arguments]

    def state(self, arrays: list[Any]) -> list[Any]:
        """Copies of all that a run with these arguments may change."""
        return [
            [(leaf, leaf.grad, None if leaf.grad is None else leaf.grad.copy()) for leaf in self._leaves()],
            [array.copy() for array in self._arrays(arrays)],
            [(x, counts_of(x)) for x in counting(self.listing.optimizers)],
            self.streams.states(),
        ]

    def fits(self, arrays: list[Any]) -> bool:
        """Whether a run with these arguments meets all conditions; nothing is changed."""
        before = self.state(arrays)
        try:
            return self.run(*arrays) is not MISSED
        except Exception:  # noqa: BLE001 - an audit tells what it is
            return True
        finally:
            self.put_back(before, arrays)

    def kept(self) -> list[Any]:
        """What the step keeps in Python, before an audit."""
        return [place.state() for place in self.program.effects]

    def put_back_kept(self, state: list[Any]) -> None:
        """The same as it was."""
        for place, before in zip(self.program.effects, state, strict=True):
            place.put_back(before)

    def put_back(self, state: list[Any], arrays: list[Any]) -> None:
        """The state as it was."""
        for leaf, gradient, copy in state[0]:
            leaf.grad = gradient
            if copy is not None and gradient.flags.writeable:  # the step may have written into it
                gradient[...] = copy
        for array, copy in zip(self._arrays(arrays), state[1], strict=True):
            array[...] = copy
        for x, counts in state[2]:
            vars(x).update(counts)
        self.streams.put_back(state[3])

    @property
    def _is_undone(self) -> bool:
        return self.program.is_undone or self.program.heeds_errors

    def before(self, arrays: list[Any]) -> list[Any]:
        """What ``undo`` takes: copies of all that a run changes before its last condition."""
        return self.state(arrays) if self._is_undone else self.streams.states()

    def undo(self, before: list[Any], arrays: list[Any]) -> None:
        """All as it was before a run in which a condition was not met."""
        if self._is_undone:
            self.put_back(before, arrays)
        else:
            self.streams.put_back(before)

    def results(self) -> list[tuple[str, Any]]:
        """Everything a run may have changed, as copies, by name."""
        names, optimizers = self.program.leaf_names, self.listing.optimizers
        named = [
            (f"the gradient of {names.get(leaf, i)}", np.array(leaf.grad, copy=True))
            for i, leaf in enumerate(self._leaves())
            if leaf.grad is not None
        ]
        flats = [flat for optimizer in optimizers for flat in itertools.chain.from_iterable(optimizer._flats)]
        work = {id(array) for flat in flats for array in flat.work_arrays}  # nobody's business
        captures = [value for value in self.program.of_kind(CAPTURE) if value.name != "scratch"]
        captures = [value for value in captures if id(value.origin) not in work]
        named += [(value.name or "an array", value.origin.copy()) for value in captures]
        named += [("iterations", np.asarray(o.iterations)) for o in optimizers]
        named += [("missed", np.asarray([*o._missed().values()])) for o in optimizers]
        named += [("current_lr", np.asarray(o.current_lr)) for o in optimizers]
        items = self.program.outputs[1] if self.program.effects else ()
        for place, item in zip(self.program.effects, items, strict=True):
            contents = [*flat(place.made(len(item) if isinstance(item, list) else 1))]
            named += [(place.name, np.asarray(getattr(x, "_array", x))) for x in contents]
        return named


def _from_outputs(tree: Any, outs: list[Out]) -> Callable[[tuple[Any, ...]], Any]:
    """The function that makes what is returned from the outputs of a run."""
    again = list(dict.fromkeys([x for x in outs if x.again]))  # one object in two places: made first, found behind
    places = {x: len(outs) + i for i, x in enumerate(again)}
    part = functools.partial(_part, places=places)
    whole = _shared(tree, part) if _has_shared(tree) else part(tree)
    if not again:
        return whole
    makers = [_part(x, {}) for x in again]
    return lambda outputs: whole((*outputs, *[make(outputs) for make in makers]))


def _part(x: Any, places: dict[Out, int]) -> Callable[[tuple[Any, ...]], Any]:
    """The function that makes a part of what is returned; ``places`` are those of parts that are made already."""
    if type(x) is Out:
        return _leaf(x) if x not in places else operator.itemgetter(places[x])
    if type(x) in (Told, Whole, Fresh):
        return lambda _: x.now()
    if type(x) in (tuple, list):
        parts = [_part(item, places) for item in x]
        if type(x) is tuple:
            return lambda outputs: tuple([part(outputs) for part in parts])
        return lambda outputs: [part(outputs) for part in parts]
    if type(x) is dict:
        entries = [(key, _part(item, places)) for key, item in x.items()]
        return lambda outputs: {key: part(outputs) for key, part in entries}
    if isinstance(x, (tuple, list, dict)) or is_record(x):
        return lambda outputs: mapped_all(lambda leaf: _part(leaf, places)(outputs), x)
    return lambda _: x


def _shared(tree: Any, part: Callable[[Any], Any]) -> Callable[[tuple[Any, ...]], Any]:
    """The same where a container lies in two places, and does in what is returned."""
    return lambda outputs: mapped_once(lambda x: part(x)(outputs), tree)


def _leaf(x: Out) -> Callable[[tuple[Any, ...]], Any]:
    place, number = x.place, x.number
    if number is not None:
        return lambda outputs: number(outputs[place])
    return (lambda outputs: wrap(outputs[place])) if x.is_tensor else operator.itemgetter(place)


def _has_shared(tree: Any) -> bool:
    """Whether a container lies in two places of another one."""
    seen: set[int] = set()
    twice: list[Any] = []

    def look(x: Any) -> bool:
        if isinstance(x, (list, dict, Fresh)) or is_record(x):
            twice.extend([x] if id(x) in seen else [])
            seen.add(id(x))
        return False

    mapped_all(lambda x: x, tree, is_leaf=look)
    return bool(twice)
