"""What the commands of the examples share: options that say what they expect, and how far the training is."""

from __future__ import annotations

import argparse
import math
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

LINES = 10  # of a training, where no bar can be shown


def parser(script: str, documentation: str | None) -> argparse.ArgumentParser:
    """A parser that tells the first line and the example commands of the script's own text."""
    description, examples = (documentation or "").split("\n\n")[:2]
    return argparse.ArgumentParser(
        usage=f"{Path(script).name} [options]", description=description, epilog=f"examples:\n{examples}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip


def whole(least: int, most: int = 10**9) -> Callable[[str], int]:
    """A type for argparse: whole numbers from ``least`` to ``most``."""

    def parse(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = least - 1
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"expected a whole number from {least} to {most}, got {text!r}")
        return value

    return parse


def number(least: float, most: float = math.inf) -> Callable[[str], float]:
    """A type for argparse: finite numbers from ``least`` to ``most``."""
    allowed = f"a finite number from {least} on" if most == math.inf else f"a number from {least} to {most}"

    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not (least <= value <= most and math.isfinite(value)):
            raise argparse.ArgumentTypeError(f"expected {allowed}, got {text!r}")
        return value

    return parse


def finite(loss: float, step: int) -> float:
    """The loss of a step. Raises ``ValueError`` where it is no finite number: weights that overflowed stay so."""
    if not math.isfinite(loss):
        raise ValueError(f"the loss of step {step:,} is {loss}: try a smaller --learning-rate")
    return loss


def picture(text: str) -> Path:
    """A type for argparse: a file that a picture can be written to: better asked before the training than after it."""
    path = Path(text)
    if path.suffix.lower() not in (".png", ".pdf", ".svg"):
        raise argparse.ArgumentTypeError(f"expected a name that ends in .png, .pdf or .svg, got {text!r}")
    if not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"there is no folder '{path.parent}'")
    if path.is_dir() or not os.access(path if path.exists() else path.parent, os.W_OK):
        raise argparse.ArgumentTypeError(f"cannot write to {text!r}")
    return path


def add_picture(options: argparse.ArgumentParser, default: str) -> None:
    """The options ``--output`` and ``--no-plot``."""
    options.add_argument(
        "--output", type=picture, default=default, metavar="FILE", help="the picture (default: %(default)s)"
    )
    options.add_argument("--no-plot", action="store_true", help="write no picture")


def console() -> Console:
    """Where results go: as wide as the terminal, and plain text that is not cut elsewhere."""
    terminal = sys.stdout.isatty()
    return Console(force_terminal=terminal, width=None if terminal else 120, highlight=False, markup=False)


class Training:
    """How far a training is: a live bar in a terminal, ten plain lines elsewhere."""

    def __init__(self, out: Console, name: str, steps: int, done: int = 0) -> None:
        self.console, self.name, self.steps = out, name, steps
        self.live = out.is_terminal and not out.is_dumb_terminal
        self.every = max(1, steps // 200) if self.live else -(-steps // LINES)
        self.bar = Progress(
            TextColumn("{task.description}"), BarColumn(None), TextColumn("{task.fields[status]}"), TimeElapsedColumn(),
            console=out, disable=not self.live, transient=True, expand=True,
        )  # fmt: skip
        self.task = self.bar.add_task(name, total=steps, completed=done, status="")

    def __enter__(self) -> Self:
        self.bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.bar.stop()

    def wants(self, step: int) -> bool:
        """Whether this step, counted from 1, is one to tell about."""
        return step % self.every == 0 or step == self.steps

    def tell(self, step: int, status: str) -> None:
        """Show that ``step`` steps are done, and ``status``."""
        if self.live:
            self.bar.update(self.task, completed=step, status=status)
        else:
            self.console.print(f"  {self.name}: step {step:,} of {self.steps:,}, {status}", soft_wrap=True)
