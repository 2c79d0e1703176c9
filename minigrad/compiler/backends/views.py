"""Views of arrays that are others in each run: where they begin is known, so machine code needs no line of Python."""

from __future__ import annotations

import numpy as np

from minigrad.compiler.arena import address_of
from minigrad.compiler.backends.segments import New
from minigrad.compiler.passes import Plan
from minigrad.compiler.program import ARGUMENT, RESULT, Call, Value


class Views:
    """The places of a program's views, from the beginning of the array whose memory they look at."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._shown: dict[Value, np.ndarray] = {}  # arrays of the same layout, without memory: nobody reads them
        self._offsets: dict[Value, int] = {}
        self.made_by: dict[Value, Call] = {}

    def add(self, call: Call) -> bool:
        """Take a call in that makes a view of one array by constants; gives whether it is one."""
        values = list(call.values)
        if call.is_host or call.writes or len(call.results) != 1 or len(values) != 1:
            return False
        (view,), (x,) = call.results, values
        if view.root is view or view in self._plan.fixed or x in self._plan.fixed or not (view.is_array and x.is_array):
            return False
        if (
            x.root is not view.root
            or x.root.kind not in (ARGUMENT, RESULT)
            or (x is not x.root and x not in self._shown)
        ):
            return False
        known = self._shown.get(x)
        if known is None:
            known = np.lib.stride_tricks.as_strided(np.empty(1, x.dtype), x.shape, x.strides)
        sample = call.run({x: known}.__getitem__)
        if (sample.shape, sample.strides, sample.dtype) != (view.shape, view.strides, view.dtype):
            return False
        self._shown[view], self.made_by[view] = sample, call
        self._offsets[view] = self._offsets.get(x, 0) + address_of(sample) - address_of(known)
        return True

    def place(self, value: Value) -> New:
        """An array that is another one in each run, or a view of it."""
        if value in self._offsets:
            return New(f"v{value.root.number}", self._offsets[value])
        return New(f"v{value.number}")
