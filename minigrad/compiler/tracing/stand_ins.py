"""What stands in the place of things while a step is recorded: of large data, streams, and numbers that change."""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad.compiler.guards import object_rules, read_tracking
from minigrad.compiler.guards.arguments import check_unwritten, contents
from minigrad.compiler.guards.generator_proxies import original_of, stand_for
from minigrad.compiler.guards.python_state import Grown, Held, has_grown, is_number
from minigrad.compiler.tracing.numeric_arguments import Number, real_of
from minigrad.compiler.tracing.recorded_array import Recorded
from minigrad.core.conversion import Stand
from minigrad.core.tensor import Tensor

if TYPE_CHECKING:
    from minigrad.compiler.guards.reachable import Reach


#: What ``math`` is asked about a loss. Its functions are written in C, and want Python's own numbers.
_ASKED = ("isfinite", "isnan", "isinf")


def _about_numbers(name: str, function: Callable[[Any], bool]) -> Callable[[Any], bool]:
    """A function of ``math`` that NumPy has too: of a number of the step, Python decides by NumPy's answer."""

    def asked(x: Any) -> bool:
        number = x.item() if isinstance(x, (Tensor, Recorded)) else x
        return bool(getattr(np, name)(number)) if type(number) is Number else function(x)

    return asked


@contextmanager
def noting(reach: Reach, recording: Any, given: Any) -> Iterator[None]:
    """Inside, what is read of large data is noted, draws are written down, and numbers that change are the program's.

    What is read is watched from then on; what the step puts in the place of a number, or appends to a list, are effects
    of the recording. Afterwards everything is where it was, with real numbers. ``given`` are the arguments: nothing may
    be put into them (``CompileError``).
    """
    held_before = contents(given)
    stands = [(held, recording.kept(held, held.get(), held), held.get()) for held in reach.counters.values()]
    exchanged = [(reads, read_tracking.spy(reads)) for reads in reach.spied.values()]
    streams = [(reads, stand_for(reads.original)) for reads in reach.drawn_from.values()]
    asked = {name: getattr(math, name) for name in _ASKED if name in reach.attributes}
    try:
        vars(math).update({name: _about_numbers(name, function) for name, function in asked.items()})
        for reads, stand in (*exchanged, *streams):
            read_tracking.exchange(reads, reads.original, stand)
        for held, number, _ in stands:
            held.put(number)
        yield
    finally:
        vars(math).update(asked)
        for reads, stand in (*exchanged, *streams):
            read_tracking.exchange(reads, stand, reads.original)
        for held, number, before in stands:
            now = held.get()
            if now is number:
                held.put(before)
            elif is_number(real_of(now)):
                recording.effects.append((held, now))
                held.put(real_of(now))
        _settle(reach, recording)
    check_unwritten(held_before, given)
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
        object_rules.what_was_read(reach, reads)
    reach.go_on()


def _settle(reach: Reach, recording: Any) -> None:
    """Real numbers for those that stand where nobody has expected it; the next recording knows these places."""
    for test, now in list(reach.guards.failing()):
        real = original_of(read_tracking.original_of(real_of(now)))
        if real is not now and (test.kind == "cell" or isinstance(test.place, dict)):
            Held(test.name, test.place, test.key).put(real)
        elif isinstance(now, (Tensor, Stand)) and (test.kind == "cell" or isinstance(test.place, dict)):
            recording.effects.append((Held(test.name, test.place, test.key), now))
        elif test.kind == "items" and has_grown(now, test.held):
            grown = Grown(test.name, now)
            recording.effects.append((grown, grown.made(len(now) - len(test.held))))
