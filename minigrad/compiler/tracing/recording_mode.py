"""The mode while a step is recorded: see ``minigrad.core.context``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from minigrad.compiler.tracing.inner_recording import chosen, gone_on, repeated
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

    def repeat(
        self,
        name: str,
        body: Callable[[list[Any]], list[Any]],
        state: list[Any],
        rows: list[Any],
        steps: int,
        reverse: bool,
    ) -> list[Any]:
        """A loop as one call: the last state, and what else each step gives, of arrays."""
        return repeated(self.recorder, name, body, state, rows, steps, reverse, self._enter)

    def choose(self, name: str, condition: Any, bodies: Sequence[Any], given: list[Any]) -> list[Any]:
        """One of two bodies as one call."""
        return chosen(self.recorder, name, condition, bodies, given, self._enter)

    def go_on(self, name: str, test: Any, body: Any, state: list[Any]) -> list[Any]:
        """A loop whose steps are not counted, as one call."""
        return gone_on(self.recorder, name, test, body, state, self._enter)

    def _enter(self, inner: Any) -> Into:
        return Into(RecordingMode(inner, self.records))


class Into(ModeContext):
    """The mode inside is a given one."""

    def __init__(self, inside: RecordingMode) -> None:
        super().__init__()
        self.inside = inside

    def changed(self, now: Any) -> RecordingMode:
        """The given mode, whatever it was."""
        return self.inside
