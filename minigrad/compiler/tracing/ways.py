"""The ways that a step takes: what Python decides by its numbers, and the numbers in Python that change.

``if self.n % 10 == 0`` makes two ways of a step, and each has a program of its own. Which of them a call takes is a
condition of the program: where it comes out otherwise, the next program is tried, and then the call is recorded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad.compiler.guards.python_state import WINDOW, Held
from minigrad.compiler.tracing.numeric_arguments import COMPUTED

if TYPE_CHECKING:
    from minigrad.compiler.guards.reachable import Reach
    from minigrad.compiler.tracing.recording import Recording

#: The first 8 calls that fit no program are recorded, and from then on the 16th, the 32nd and so on. At most 3 in a row
#: may want a number for Python, and at most 64 keys are remembered.
_RECORDED, _IN_A_ROW, _KEYS = 8, 3, 64

#: Places of numbers and lists that are remembered though no program uses them, at most: each keeps its owner alive.
_PLACES = 16


class Ways:
    """What one compiled function knows of them."""

    def __init__(self) -> None:
        self.changing: dict[Any, Any] = {}  # places of numbers that change, and lists that grow, by id
        self.lifts = False  # whether plain arrays that names hold are recorded, where the step reads and writes them
        self.written: list[np.ndarray] = []  # those that recorded calls write
        self.copies = False  # whether graphs save copies, since the step writes into what they have saved
        self.graphs: list[Any] = []  # places where the step has put tensors that have a graph
        self.is_tried = self._was_tried = False  # whether they are so for the first time, to look whether it helps
        self._given_up: dict[Any, Any] = {}
        self._missed: dict[Any, int] = {}
        self._latest: Any = None
        self._late = self._replayed = 0

    def is_to_be_recorded(self, key: Any) -> bool:
        """Whether a call that fits no program is recorded, rather than run as it is written."""
        of = hash(key)  # a key may hold a model
        count = self._missed[of] = self._missed.pop(of, 0) + 1
        while len(self._missed) > _KEYS:
            del self._missed[next(iter(self._missed))]
        return count <= _RECORDED or not count & (count - 1)

    def is_in_a_row(self, key: Any, way: Any, calls: Any) -> bool:
        """Whether a call takes the way of the one before; ``calls`` counts those that were not recorded."""
        before, self._latest = self._latest, (hash(key), way, calls)
        return bool(before == self._latest)

    def lift(self, array: np.ndarray | None) -> None:
        """From here on a recorded array stands in the place of this plain one, or, without one, of all."""
        if self.is_tried:  # which did not help
            self.is_tried = self.lifts = False
            return
        self.lifts = array is None or len(self.written) == _PLACES
        if array is not None:
            self.written.append(array)

    def is_to_be_tried(self, recording: Recording, reach: Reach, put_back: Callable[[], None] | None) -> bool:
        """Whether a run is put back, and lists and plain arrays are recorded: Python has taken numbers, ``betas[n]``.

        That is tried once, since other things take numbers too.
        """
        wants = recording.wants_arrays and (recording.taken or recording.late)
        if put_back is None or self._was_tried or not (wants and recording.may_lift and reach.guards.may_be_put_back):
            self.lifts = self.lifts and not (self.is_tried and (recording.taken or recording.late))
            self.is_tried = False
            return False
        put_back()
        self._was_tried = self.is_tried = self.lifts = True
        return True

    def change(self, places: dict[Any, Any]) -> None:
        """Note numbers that change from call to call: they are inputs from here on."""
        self.changing |= {at: place for at, place in places.items() if at not in self._given_up}

    def give_up(self, places: Iterable[Any]) -> None:
        """From here on these numbers are compared, so that each value has a program of its own."""
        for at in places:
            self._given_up[at] = self.changing.pop(at, None)
        for old in [*self._given_up][:-_PLACES]:
            del self._given_up[old]

    def take_back(self, places: Iterable[Any]) -> None:
        """They are inputs again: what was given up for them was no matter of theirs."""
        for at in places:
            place = self._given_up.pop(at, None)
            if place is not None:
                self.changing[at] = place

    def forget(self, programs: Iterable[Any]) -> None:
        """Keep nothing alive but the latest places, and what programs read and write."""
        used = {place.id for program in programs for place in (*program.reads, *program.effects)}
        for old in [*self.changing][:-_PLACES]:
            if old not in used:
                del self.changing[old]

    def note(self, recording: Recording, reach: Reach, replayed: int) -> bool:
        """Note what a recording has shown; answers whether Python wants numbers of it again and again.

        Then no program is made of such calls, or, where these are numbers that only change, one for each value.
        """
        self.change(reach.guards.changing() | recording.passing)
        new = [place for place in recording.graphs if not any(place.is_like(other) for other in self.graphs)]
        self.graphs = [*self.graphs, *new][-_PLACES:]
        for window in recording.windows:
            if len(window) == window.maxlen:
                self.change({(id(window), WINDOW): window})
            else:
                recording.leave_out()  # other ones are read in each call until it is full
        if recording.late:
            self._late = self._late + 1 if replayed == self._replayed else 1
            self._replayed = replayed
            if self._late > _IN_A_ROW:
                own = {place.id for place, _ in recording.effects} | {place.id for place in recording.program.effects}
                recording.taken |= {at for at in recording.late - {COMPUTED} if getattr(at, "id", None) not in own}
        taken = {place for place in recording.taken if isinstance(place, Held)}
        if taken:
            recording.taken -= taken
            recording.leave_out()
            self.give_up([number.id for number in taken])
        return self._late > 2 * _IN_A_ROW
