"""How a run is shown while it goes on: a bar in a terminal, one in a notebook, lines in a log, or nothing.

All goes to stderr, so that what a script prints stays clean. Rows of ``SHOWN`` are the ways.
"""

from __future__ import annotations

import html
import importlib
import importlib.util
import math
import os
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from minigrad.errors import HyperparameterError
from minigrad.train.history import shown

LINES = 20  # epochs of a long run that get a line;
PAUSE = 10.0  # seconds after the last line, from which on the end of a slow epoch gets one too


class Silent:
    """Shows nothing but notes, and is what the other ways have in common."""

    interval = math.inf  # seconds between calls of ``step``

    def start(self, epochs: int, done: int, batches: int) -> None:
        """A run of ``epochs`` epochs begins or, where some are done, goes on; 0 batches where that is not known."""
        self.epochs, self.first, self.batches = epochs, done, batches

    def step(self, epoch: int, batch: int, loss: float) -> None:
        """``batch`` batches of an epoch are done. Not called more often than every ``interval`` seconds."""

    def epoch(self, record: Mapping[str, Any]) -> None:
        """An epoch is done."""

    def tell(self, text: str) -> None:
        """A line that is shown where anything is."""

    def note(self, text: str) -> None:
        """A line that is always shown."""
        if sys.stderr is not None:  # as in a program of Windows without a console
            sys.stderr.write(f"{text}\n")
            sys.stderr.flush()

    def stop(self) -> None:
        """The run is over."""


class Lines(Silent):
    """A line for an epoch: for each of a few, for some of very many, and now and then within a long one."""

    interval = 60.0

    def start(self, epochs: int, done: int, batches: int) -> None:
        """Begin."""
        super().start(epochs, done, batches)
        self._every = max(1, math.ceil((epochs - done) / LINES))
        self._latest, self._unsaid = time.perf_counter(), ""

    def step(self, epoch: int, batch: int, loss: float) -> None:
        """A line."""
        of = f"/{self.batches}" if self.batches else ""
        self.note(f"epoch {epoch}/{self.epochs}  batch {batch}{of}  loss {shown(loss)}")

    def epoch(self, record: Mapping[str, Any]) -> None:
        """A line, or none yet."""
        number, now = record["epoch"], time.perf_counter()
        self._unsaid = self.described(record)
        often = number % self._every == 0 or number in {self.first + 1, self.epochs}
        if often or now - self._latest >= PAUSE:
            self._say(now)

    def stop(self) -> None:
        """The last epoch gets its line in any case."""
        if self._unsaid:
            self._say(time.perf_counter())

    def tell(self, text: str) -> None:
        """A line."""
        self.note(text)

    def described(self, record: Mapping[str, Any]) -> str:
        """A record as a line."""
        left_out = {"epoch", "steps", "seconds"}
        values = [f"{k} {shown(v)}" for k, v in record.items() if k not in left_out and np.ndim(v) == 0]
        return "  ".join([f"epoch {record['epoch']}/{self.epochs}", *values, f"({record['seconds']:.3g} s)"])

    def _say(self, now: float) -> None:
        self.note(self._unsaid)
        self._latest, self._unsaid = now, ""


class TerminalBar(Lines):
    """The same lines, and a live bar below them, drawn by rich."""

    interval = 0.2

    def start(self, epochs: int, done: int, batches: int) -> None:
        """Show the bar."""
        super().start(epochs, done, batches)
        console = importlib.import_module("rich.console").Console(file=sys.stderr, force_terminal=True)
        rich = importlib.import_module("rich.progress")
        # Drawn by us after a step, not by a thread in the middle of one.
        self._bar = rich.Progress(
            rich.TextColumn("{task.description}"),
            rich.BarColumn(),
            rich.TextColumn("{task.fields[status]}"),
            rich.TimeElapsedColumn(),
            rich.TimeRemainingColumn(),
            console=console,
            auto_refresh=False,
            transient=True,
            redirect_stdout=is_terminal(sys.stdout),  # what is piped stays in the pipe
        )
        self._task = self._bar.add_task("", total=epochs or 1, completed=done, status="")
        self._drawn = 0.0
        self._bar.start()

    def step(self, epoch: int, batch: int, loss: float) -> None:
        """Draw."""
        of = f" batch {batch}/{self.batches}" if self.batches > 1 else "" if self.batches else f" batch {batch}"
        share = batch / self.batches if self.batches else 0
        self._draw(f"epoch {epoch}/{self.epochs}{of}", epoch - 1 + share, f"loss {shown(loss)}")

    def epoch(self, record: Mapping[str, Any]) -> None:
        """Draw, where the last time is long enough ago."""
        super().epoch(record)
        now = time.perf_counter()
        if now - self._drawn >= self.interval:
            self._drawn = now
            self._draw(f"epoch {record['epoch']}/{self.epochs}", record["epoch"], f"loss {shown(record['loss'])}")

    def note(self, text: str) -> None:
        """A line above the bar."""
        self._bar.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def stop(self) -> None:
        """Take the bar away; the lines stay."""
        super().stop()
        self._bar.stop()

    def _draw(self, description: str, completed: float, status: str) -> None:
        self._bar.update(self._task, description=description, completed=completed, status=status)
        self._bar.refresh()


class NotebookBar(Lines):
    """A bar in the output of a notebook's cell, and the latest record beside it."""

    interval = 0.5

    def start(self, epochs: int, done: int, batches: int) -> None:
        """Show the bar."""
        super().start(epochs, done, batches)
        self._display = importlib.import_module("IPython.display")
        self._drawn, self._said = 0.0, ""
        self._handle = self._display.display(self._display.HTML(self._html(done, "")), display_id=True)

    def step(self, epoch: int, batch: int, loss: float) -> None:
        """Draw."""
        share = batch / self.batches if self.batches else 0
        self._draw(epoch - 1 + share, f"epoch {epoch}/{self.epochs}  batch {batch}  loss {shown(loss)}")

    def epoch(self, record: Mapping[str, Any]) -> None:
        """Draw, where the last time is long enough ago."""
        self._said, now = self.described(record), time.perf_counter()
        self._completed = record["epoch"]
        if now - self._drawn >= self.interval:
            self._drawn = now
            self._draw(record["epoch"], self._said)

    def stop(self) -> None:
        """The last record stays."""
        if self._said:
            self._draw(self._completed, self._said)

    def _draw(self, completed: float, text: str) -> None:
        self._handle.update(self._display.HTML(self._html(completed, text)))

    def _html(self, completed: float, text: str) -> str:
        return f'<progress value="{completed:.3f}" max="{self.epochs}"></progress> <code>{html.escape(text)}</code>'


SHOWN: dict[str, Callable[[], Silent]] = {
    "auto": lambda: _best(),
    "bar": lambda: _bar(),
    "lines": Lines,
    "none": Silent,
}


def progress_named(name: Any) -> Silent:
    """The way of that name. Raises ``HyperparameterError``, or ``ImportError`` for a bar without rich."""
    if not isinstance(name, str) or name not in SHOWN:
        raise HyperparameterError(f"progress is one of {', '.join(map(repr, SHOWN))}, got {name!r}")
    return SHOWN[name]()


def _best() -> Silent:
    live = is_terminal(sys.stderr) and os.environ.get("TERM") != "dumb" and importlib.util.find_spec("rich") is not None
    return _bar() if live or in_notebook() else Lines()


def _bar() -> Silent:
    if in_notebook():
        return NotebookBar()
    if importlib.util.find_spec("rich") is None:
        raise ImportError("progress='bar' is drawn by the package rich: pip install rich")
    return TerminalBar()


def is_terminal(stream: Any) -> bool:
    """Whether what is written there is seen at once; False where there is no stream."""
    return stream is not None and bool(stream.isatty())


def in_notebook() -> bool:
    """Whether this runs in a notebook's kernel, whose output is a web page."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return type(shell).__name__ == "ZMQInteractiveShell"
