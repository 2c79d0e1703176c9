"""Ctrl-C, and SIGTERM, as a wish that is granted after the step."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any, Self


class Interruptible:
    """Inside, the first signal sets ``requested``, and the second one does what it usually does.

    The signal is Ctrl-C, whose second raises ``KeyboardInterrupt``, and with ``terminate`` SIGTERM too, whose second
    ends the process. Does nothing outside the main thread, where Python handles no signals, and where somebody else
    handles them.
    """

    def __init__(self, terminate: bool = False) -> None:
        self.requested = False
        self.by = ""  # the name of the signal
        self._usual: dict[int, Any] = {signal.SIGINT: signal.default_int_handler}
        if terminate:
            self._usual[signal.SIGTERM] = signal.SIG_DFL
        self._installed: list[int] = []

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number, usual in self._usual.items():
                if signal.getsignal(number) == usual:
                    signal.signal(number, self._handle)
                    self._installed.append(number)
        return self

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if not self.requested:
            self.requested = True
            self.by = "Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name
        elif number == signal.SIGINT:
            signal.default_int_handler(number, frame)
        else:
            signal.signal(number, self._usual[number])
            signal.raise_signal(number)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        while self._installed:
            number = self._installed.pop()
            signal.signal(number, self._usual[number])
