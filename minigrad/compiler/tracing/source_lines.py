"""Where a call of a recording stands: the user's line, the part of the step, the layer, and whose gradient it is."""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any

from minigrad.core.graph import Node, walk
from minigrad.core.watching import Place, user_line
from minigrad.nn.module import Module
from minigrad.optim.averaging import EMA
from minigrad.optim.clipping import clip_grad_norm_, clip_grad_value_
from minigrad.optim.optimizer import Optimizer

_WALK, _LAYER = walk.__code__, Module.__call__.__code__
_UPDATES = {f.__code__ for f in (Optimizer.step, EMA.update, clip_grad_norm_, clip_grad_value_)}


class Places:
    """What is running, read off the stack. ``names`` are those of modules and leaves, by id."""

    def __init__(self, names: dict[int, str]) -> None:
        self._names = names
        self.of_nodes: dict[Node, str] = {}  # what the results of ops are called

    def now(self) -> tuple[Place, str, str, str]:
        """The line of the user's code, the phase, the layer, and whose gradient is being computed."""
        phase = layer = target = ""
        frame: FrameType | None = sys._getframe(1)
        while frame is not None:
            code = frame.f_code
            if code is _LAYER and not layer:
                layer = self._names.get(id(frame.f_locals["self"]), "")
            elif code is _WALK and not phase:
                phase, parent = "backward", frame.f_locals.get("parent")
                target = self._gradient_of(parent)
            elif code in _UPDATES:
                phase = "update"
            frame = frame.f_back
        return user_line(), phase or "forward", layer, target

    def _gradient_of(self, parent: Any) -> str:
        name = self.of_nodes.get(parent, "") if isinstance(parent, Node) else self._names.get(id(parent), "")
        return f"{name}_grad" if name else ""
