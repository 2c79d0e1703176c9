"""What is another while an estimator is fitted, and afterwards as it was: all of it is of the whole process."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from minigrad.core.context import get_default_dtype, set_default_dtype
from minigrad.random import default_generator, generator_state, set_generator_state

_one_at_a_time = threading.RLock()  # threads share the generator: a fit draws from it what another one would


@contextmanager
def fitting(generator: np.random.Generator, dtype: np.dtype) -> Iterator[None]:
    """Inside, the package's generator draws what ``generator`` would, and ``dtype`` is the default.

    Afterwards ``generator`` is where the draws have led, so that a second fit goes on from there.

    So the weights and the dropout of any module follow from ``random_state``, whether its layers were given a
    generator or not, and ``mg.manual_seed`` outside is not disturbed. Fits in several threads take turns.
    """
    with _one_at_a_time:
        package, before, usual = default_generator(), generator_state(), get_default_dtype()
        try:
            set_generator_state(generator_state(generator), package)
            set_default_dtype(dtype)
            yield
        finally:
            set_default_dtype(usual)
            set_generator_state(generator_state(package), generator)
            set_generator_state(before, package)


@contextmanager
def interruptible() -> Iterator[None]:
    """Inside, Ctrl-C is an ordinary ``KeyboardInterrupt``, which ends a grid search too.

    A ``Trainer`` would end its run after the step and say how to go on with it; it leaves the signal to whoever
    handles it already.
    """
    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    signal.signal(signal.SIGINT, _interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _interrupt(*_: Any) -> None:
    raise KeyboardInterrupt
