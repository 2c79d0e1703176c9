"""What stands in the place of things while a step is recorded: of large data, streams, and numbers that change."""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad.compiler.guards import object_rules, read_tracking
from minigrad.compiler.guards.arguments import check_unwritten, contents, holds_recorded
from minigrad.compiler.guards.generator_proxies import original_of, stand_for
from minigrad.compiler.guards.python_state import (
    Grown,
    Held,
    has_grown,
    is_container,
    is_input,
    is_number,
    is_sequence,
    items_of,
)
from minigrad.compiler.tracing.cached_calls import cached
from minigrad.compiler.tracing.conversions import converting
from minigrad.compiler.tracing.finish import settle
from minigrad.compiler.tracing.made_arrays import making
from minigrad.compiler.tracing.numeric_arguments import real_of
from minigrad.compiler.tracing.outer_reads import refusing_reads
from minigrad.core.stands import NumberStand
from minigrad.errors import CompileError

if TYPE_CHECKING:
    from minigrad.compiler.guards.reachable import Reach


@contextmanager
def noting(reach: Reach, recording: Any, given: Any) -> Iterator[None]:
    """Inside, what is read of large data is noted, draws are written down, and numbers that change are the program's.

    What is read is watched from then on; what the step puts in the place of a number, or appends to a list, are effects
    of the recording. Afterwards everything is where it was, with real numbers. ``given`` are the arguments: nothing may
    be put into them (``CompileError``).
    """
    held_before, has_failed = contents(given), True
    stands = [_Stand(counter, recording.carried(counter)) for counter in reach.counters.values()]
    exchanged = [(reads, read_tracking.spy(reads)) for reads in reach.spied.values()]
    streams = [(reads, stand_for(reads.original)) for reads in reach.drawn_from.values()]
    streams += cached(reach)
    if recording.lifts or recording.written:
        plain = _plain_arrays(reach, None if recording.lifts else recording.written)
        streams += [(reads, recording.capture(reads.original, reads.name)) for reads in plain]
        streams += [(reads, read_tracking.Table(reads)) for reads in _tuples(reach) if recording.lifts]
    try:
        with read_tracking.standing([*exchanged, *streams]):
            for stand in stands:
                stand.held.put(stand.made)
            with refusing_reads(reach), converting(reach), making(reach, recording.lifts):
                yield
            check_unwritten(held_before, given)
            has_failed = False
    finally:
        past = [reads.name for reads, stand in exchanged if read_tracking.was_written_past(stand)]
        for stand in stands:
            stand.settle(recording)
        _settle(reach, recording)
        for reads in reach.spied.values():
            if reads.whole is not None:
                _settle_numbers(reads.original)
        if has_failed:  # the recording will not be finished
            grown = [(Grown(reads.name, reads.original), reads.appended) for reads, _ in exchanged if reads.appended]
            settle([*recording.effects, *[(place, place.made(count)) for place, count in grown]])
    if past:
        raise CompileError(
            f"mg.compile: something written in C changes {past[0] or 'a list'} without its methods, so what it does "
            "there cannot be seen: use the container's own methods, or do it outside of the compiled function"
        )
    while exchanged:
        reads, stand = exchanged.pop()
        reference = weakref.ref(stand)
        del stand
        read_tracking.note_kept(reads, reference)
        if reads.appended:
            place = Grown(reads.name, reads.original)
            recording.effects.append((place, place.made(reads.appended)))
        if reads.appended and not reads.is_read:
            continue
        if reads.appended and getattr(reads.original, "maxlen", None):
            recording.windows.append(reads.original)
        elif reads.appended:
            recording.program.grown = reads.name or "a list"
        object_rules.what_was_read(reach, reads)
    reach.go_on()


def _plain_arrays(reach: Reach, written: Sequence[np.ndarray] | None) -> list[read_tracking.Reads]:
    """The arrays of no tensor, and where they lie; or those alone that show memory of arrays that are written."""
    arrays = []
    for name, array in reach.plain_arrays:
        meant = written is None or any(np.may_share_memory(array, other) for other in written)
        if meant and type(array) in (np.ndarray, np.memmap) and array.dtype != object and id(array) in reach.holders:
            arrays.append(read_tracking.Reads(name, array, reach.holders[id(array)]))
    return arrays


def _tuples(reach: Reach) -> list[read_tracking.Reads]:
    """Tuples of numbers, and where they lie."""
    tuples = [x for x in reach.seen() if type(x) is tuple and id(x) in reach.holders and read_tracking.is_table(x)]
    return [read_tracking.Reads("", x, reach.holders[id(x)]) for x in tuples]


#: What a step may put into a place in each call, ``model.training = False``: the program puts the very same there.
_SETTINGS = (bool, str, type(None))


class _Stand:
    """A place with its stand-in during a recording, and its value before."""

    def __init__(self, held: Held, made: Any) -> None:
        self.held, self.made, self.before, self.at_first = held, made, held.get(), _tree(made)

    def settle(self, recording: Any) -> None:
        """What was there, if the step has left it as it was; else what the step has put there is an effect."""
        now = self.held.get()
        if now is not self.made:
            if is_number(real_of(now)) or holds_recorded(now) or is_input(now):
                recording.effects.append((self.held, now))
                self.held.put(real_of(now))
            return
        self.held.put(self.before)
        if _tree(now) != self.at_first:  # written into: the very container has it, and no program is made of it
            recording.taken.add(self.held)
            recording.may_repeat = False  # it cannot be put back
            for key in self.before if type(now) is dict else ():
                if key not in now:
                    del self.before[key]
            if type(now) is list:
                self.before[:] = now
            else:
                self.before.update(now)
            pairs = now.items() if type(now) is dict else enumerate(now)
            recording.effects += [(Held(f"{self.held.name}.{key}", self.before, key), x) for key, x in pairs]


def _tree(x: Any) -> Any:
    """Which objects there are in nested containers, in their places."""
    if not is_container(x):
        return id(x)
    return (id(x), tuple(x) if type(x) is dict else (), *map(_tree, items_of(x)))


def _settle(reach: Reach, recording: Any) -> None:
    """Real numbers for those that stand where nobody has expected it; the next recording knows these places."""
    for test, now in list(reach.guards.failing()):
        real = original_of(read_tracking.original_of(real_of(now)))
        is_place = test.kind in ("cell", "entry", "item") and not isinstance(test.place, MappingProxyType)
        if test.kind in ("items", "size"):
            _settle_items(recording, test, now)
        elif real is not now and is_place:
            place = Held(test.name, test.place, test.key)
            place.put(real)
            if isinstance(now, NumberStand):  # it may be as large as the one before, by chance
                recording.effects.append((place, now))
        elif is_place and (holds_recorded(now) or type(now) in _SETTINGS):
            place = Held(test.name, test.place, test.key)
            recording.effects.append((place, now))
            recording.program.set |= {place.id} if type(now) in _SETTINGS else set()


def _settle_numbers(x: Any) -> None:
    """Real numbers for those that a step has put into large data, of which no program is made."""
    if isinstance(x, set):
        numbers = [item for item in x if isinstance(item, NumberStand)]
        x.difference_update(numbers)
        x.update(map(real_of, numbers))
        return
    for key, item in list(x.items() if isinstance(x, dict) else enumerate(x)):
        if isinstance(item, NumberStand):
            x[key] = real_of(item)


def _settle_items(recording: Any, test: Any, now: Any) -> None:
    """Real things in a container that has other items now, or more of them."""
    if test.kind == "items" and has_grown(now, test.held):
        grown = Grown(test.name, now)
        recording.effects.append((grown, grown.made(len(now) - len(test.held))))
    elif isinstance(now, dict) or is_sequence(now):
        for key, x in list(now.items() if isinstance(now, dict) else enumerate(now)):
            if holds_recorded(x):
                recording.effects.append((Held(f"{test.name}.{key}", now, key), x))
