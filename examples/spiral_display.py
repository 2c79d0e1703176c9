"""What ``spiral.py`` prints: the progress of the training and the table of results."""

from __future__ import annotations

import math
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

if TYPE_CHECKING:
    from spiral import Result, Run


class Display:
    """How the training goes: live bars in a terminal, plain lines elsewhere; the notebook's lines on demand."""

    def __init__(self, console: Console, runs: int, epochs: int, print_every: int | None) -> None:
        self.console = console
        self.runs = runs
        self.epochs = epochs
        self.print_every = print_every
        self.live = console.is_terminal and not console.is_dumb_terminal
        # A terminal is redrawn ten times a second; lines that stay come every tenth of a run.
        self.update_every = 50 if self.live else -(-epochs // 10)
        self.progress = Progress(
            TextColumn("{task.description}"), BarColumn(None), TextColumn("{task.fields[status]}"), TimeElapsedColumn(),
            console=console, disable=not self.live, transient=True, expand=True,
        )  # fmt: skip
        self.all = self.progress.add_task("all runs", total=runs, status="")
        self.current = self.progress.add_task("", total=epochs, status="")
        self.finished = 0

    def __enter__(self) -> Self:
        self.progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.progress.stop()

    def line(self, text: str) -> None:
        """One line that stays."""
        self.console.print(text, markup=False, soft_wrap=True)

    def started(self, run: Run) -> None:
        """A run begins."""
        self.progress.reset(self.current, description=run.name, status="")
        if not self.live or self.print_every:
            self.line(f"run {self.finished + 1} of {self.runs}: {run.name}")

    def epoch(self, epoch: int, accuracy: float, loss: float, lr: float) -> None:
        """An epoch's forward pass is done."""
        if self.print_every and epoch % self.print_every == 0:
            self.line(f"epoch: {epoch}, acc: {accuracy:.3f}, loss: {loss:.3f}, lr: {lr}")
        if epoch % self.update_every == 0:
            if self.live:
                status = f"acc {accuracy:.3f}  loss {loss:.3f}"
                self.progress.update(self.current, completed=epoch, status=status)
                self.progress.update(self.all, completed=self.finished + epoch / self.epochs)
            elif not self.print_every:
                self.line(f"  epoch {epoch:>6,} of {self.epochs:,}: acc {accuracy:.3f}, loss {loss:.3f}")

    def done(self, result: Result) -> None:
        """A run is over."""
        self.finished += 1
        self.progress.update(self.all, completed=self.finished, status=f"{self.finished} of {self.runs}")
        self.line(
            f"{'' if self.live else '  '}{result.run.name}: acc {result.accuracy[-1]:.3f}, loss {result.loss[-1]:.3f}, "
            f"{result.seconds:.1f} s"
        )


def table(results: list[Result]) -> Table:
    """One row for each run."""
    columns = Table("\nrun", box=None, pad_edge=False)
    for header in (
        "\naccuracy",
        "notebook's\nquartiles",
        "\nloss",
        "notebook's\nquartiles",
        "last\nrate",
        "time\nin s",
    ):
        columns.add_column(header, justify="right", no_wrap=True)
    for result in results:
        run = result.run
        columns.add_row(
            run.name, f"{result.accuracy[-1]:.3f}", between(run.accuracy), f"{result.loss[-1]:.3f}", between(run.loss),
            f"{result.last_lr:.4g}", f"{result.seconds:.1f}",
        )  # fmt: skip
    return columns


def between(limits: tuple[float, float] | None) -> str:
    """The two ends of a range; nothing for a setting that the notebook does not have."""
    return f"{limits[0]:.3f}-{limits[1]:.3f}" if limits else ""


def print_results(console: Console, results: list[Result]) -> None:
    """The table, and what to make of it."""
    console.print()
    console.print(table(results))
    console.print()
    if any(result.run.accuracy for result in results):
        console.print(
            "The notebook's quartiles: half of the runs of its own, hand-wired code (its slips mended) end between\n"
            "them, of seeds 0 to 19, after 10,001 epochs; a quarter ends below, and a quarter above. Training is\n"
            "chaotic at these rates."
        )
    if not all(math.isfinite(result.loss[-1]) for result in results):
        console.print("A run whose loss is not finite was stopped there; a smaller --learning-rate may help.")
    seconds = sum(result.seconds for result in results)
    console.print(f"Trained {len(results)} run{'s' * (len(results) != 1)} in {seconds:.1f} s.")
