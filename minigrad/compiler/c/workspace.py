"""The workspace: one piece of memory, shared by values that do not live at the same time."""

from __future__ import annotations

from minigrad.compiler.c.places import Block

#: Bytes at whose multiples arrays begin.
ALIGNED = 64


class Workspace:
    """Gives out places, in the order in which the calls run."""

    def __init__(self) -> None:
        self.size = 0
        self._free: list[tuple[int, int]] = []  # (first byte, the byte after the last), apart from each other
        self._places: dict[Block, tuple[int, int]] = {}

    def take(self, block: Block) -> int:
        """The first byte of a block: in the smallest gap that has room, or at the end."""
        size = -(-max(block.nbytes, 1) // ALIGNED) * ALIGNED
        fitting = [(stop - start, start) for start, stop in self._free if stop - start >= size]
        if fitting:
            room, start = min(fitting)
            self._free.remove((start, start + room))
            if room > size:
                self._free.append((start + size, start + room))
        else:
            start = next((start for start, stop in self._free if stop == self.size), self.size)
            self._free = [gap for gap in self._free if gap[0] != start]
            self.size = start + size
        self._places[block] = start, start + size
        return start

    def let_go(self, block: Block) -> None:
        """Nobody reads the block any more."""
        start, stop = self._places.pop(block)
        for gap in [gap for gap in self._free if gap[1] == start or gap[0] == stop]:
            self._free.remove(gap)
            start, stop = min(start, gap[0]), max(stop, gap[1])
        self._free.append((start, stop))
