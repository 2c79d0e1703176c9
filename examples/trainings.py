"""How trainings by ``Trainer.fit`` go: one bar over all their epochs in a terminal, and plain lines elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self

from command import console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from minigrad.train import Callback, Trainer


class Trainings(Callback):
    """The bar, and lines that stay."""

    def __init__(self, epochs: int) -> None:
        self.console = console()
        self.bar = Progress(
            TextColumn("{task.description}"), BarColumn(None), TextColumn("{task.fields[status]}"), TimeElapsedColumn(),
            console=self.console, disable=not self.console.is_terminal or self.console.is_dumb_terminal,
            transient=True, expand=True,
        )  # fmt: skip
        self.task = self.bar.add_task("", total=epochs, status="")

    def __enter__(self) -> Self:
        self.bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.bar.stop()

    def fit(self, name: str, trainer: Trainer, data: Any, epochs: int) -> None:
        """Train. Ctrl-C, which ends ``Trainer.fit`` after the step, ends all of the example here."""
        self.bar.update(self.task, description=name)
        trainer.fit(data, epochs, callbacks=[self], progress="none")
        if not trainer.is_over:
            raise KeyboardInterrupt

    def on_record(self, trainer: Trainer, record: Mapping[str, Any]) -> None:
        """An epoch is done."""
        self.bar.update(self.task, advance=1, status=f"epoch {record['epoch']}, loss {record['loss']:.4f}")

    def line(self, text: str = "") -> None:
        """A line that stays."""
        self.console.print(text, soft_wrap=True)


def run(name: str, main: Callable[[], None]) -> int:
    """The exit code of ``main``; Ctrl-C and files that cannot be written end it with one line."""
    try:
        main()
    except KeyboardInterrupt:
        sys.stderr.write(f"{name}.py: stopped by Ctrl-C\n")
        return 130
    except OSError as error:
        sys.stderr.write(f"{name}.py: {error}\n")
        return 1
    return 0
