"""The mode while a step is recorded: see ``minigrad.core.context``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from minigrad.compiler.tracing.recording import Recording
from minigrad.core.context import ModeContext
from minigrad.core.graph import Node


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

    def run(self, op: Any, function: Callable[..., Any], args: Sequence[Any], options: Mapping[str, Any]) -> Any:
        """The forward of an op: what it looks at is a condition of the program."""
        with self.recorder.forward(op):
            return function(*args, **options)

    def observe(
        self, op: Any, z: Any, arrays: Sequence[Any], nodes: Sequence[Any], options: Mapping[str, Any]
    ) -> Callable[..., Node] | None:
        """See ``Recording.observe``."""
        return self.recorder.observe(op, z, nodes, self.records)


class Into(ModeContext):
    """The mode inside is a given one."""

    def __init__(self, inside: RecordingMode) -> None:
        super().__init__()
        self.inside = inside

    def changed(self, now: Any) -> RecordingMode:
        """The given mode, whatever it was."""
        return self.inside
