"""Arguments in the memory that a program writes to: then the step runs as it is written.

There the order of reads and writes counts, and a program that was recorded with separate arrays may have dropped a
copy, or read an argument later.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from minigrad.compiler.program import ARGUMENT, CAPTURE, RESULT, Program


class Overlaps:
    """Who owns the memory that a program writes to."""

    def __init__(self, program: Program) -> None:
        roots = {value.root for call in program.calls for value in call.writes if value.root.kind != RESULT}
        arrays = [root.origin for root in roots if root.kind == CAPTURE and root.name != "scratch"]
        self._written = {id(owner): owner for owner in map(_owner, arrays)}
        self._places = [root.origin for root in roots if root.kind == ARGUMENT]
        self._held = [value.origin for value in program.of_kind(CAPTURE)] if self._places else []
        self._any = bool(self._written or self._places)

    def let_go(self) -> None:
        """Hold no array any more, where the backend looks for itself."""
        self._written, self._places, self._held, self._any = {}, [], [], False

    def found(self, arrays: Sequence[Any]) -> bool:
        """Whether an argument shares memory with what is written, or is written itself and shares it with another."""
        if not self._any:
            return False
        for x in arrays:
            owner = x if x.base is None else x.base
            if id(owner) in self._written or (type(owner) is not np.ndarray and self._shares(x)):
                return True
        for place in self._places:
            others = [x for i, x in enumerate(arrays) if i != place]
            if any(np.may_share_memory(arrays[place], x) for x in [*others, *self._held]):
                return True
        return False

    def found_among(self, arrays: Sequence[Any]) -> bool:
        """The same where there are numbers among the inputs too."""
        return self.found([x if isinstance(x, np.ndarray) else _NONE for x in arrays])

    def _shares(self, x: Any) -> bool:
        """Whether an array that another library owns does."""
        return isinstance(x, np.ndarray) and any(np.may_share_memory(x, owner) for owner in self._written.values())


#: Stands for what has no memory.
_NONE = np.empty(0)


def _owner(array: Any) -> Any:
    return array if not isinstance(array.base, np.ndarray) else _owner(array.base)
