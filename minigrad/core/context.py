"""How operations run here and now: what they record and refuse, whether they run again, and the default dtype.

The mode is a ``ContextVar``: ``no_grad`` in one thread or task leaves the others alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ContextDecorator, contextmanager, nullcontext
from contextvars import ContextVar
from inspect import isasyncgenfunction, iscoroutinefunction, isgeneratorfunction
from types import TracebackType
from typing import Any, ClassVar, Self, TypeVar

import numpy as np
from numpy.typing import DTypeLike

from minigrad.core.graph import Node
from minigrad.errors import DTypeError, GraphError, MinigradError

F = TypeVar("F", bound=Callable[..., Any])

_mode: ContextVar[Any] = ContextVar("minigrad_mode", default=Node)

#: Whoever keeps the leaf of a tensor while it is frozen, so that it gets the same one back; None: nobody does.
keeping_leaves: ContextVar[Any] = ContextVar("minigrad_keeping_leaves", default=None)
_again: ContextVar[bool] = ContextVar("minigrad_again", default=False)
_own_reads: ContextVar[bool] = ContextVar("minigrad_own_reads", default=False)
_default_dtype: list[np.dtype] = [np.dtype(np.float32)]

#: What operations on tensors do here and now, besides computing: ``Node``, the usual, records them in a graph, None
#: does not, and a watch (``minigrad.core.watching``) looks at each first. The one reader of the state.
mode: Callable[[], Any] = _mode.get

#: Whether a function runs a second time here and now, for the gradient of a ``checkpoint``.
is_again: Callable[[], bool] = _again.get


#: Whether what is read of files and of the system here and now is no part of a step that is recorded.
has_own_reads: Callable[[], bool] = _own_reads.get


@contextmanager
def own_reads() -> Iterator[None]:
    """Inside, the package reads for itself: a library that an op needs, or the seed of its generator."""
    token = _own_reads.set(True)
    try:
        yield
    finally:
        _own_reads.reset(token)


def is_recording() -> bool:
    """Whether operations on tensors record a graph here and now.

    >>> from minigrad.autograd import is_recording
    >>> with mg.no_grad():
    ...     print(is_recording())
    False
    """
    now = mode()
    return bool(now is Node or (now is not None and now.records))


class ModeContext(ContextDecorator):
    """A context manager, or decorator, that changes the mode and puts back what was before."""

    def __init__(self, function: object = None) -> None:
        if function is not None:
            raise TypeError(f"write @{type(self).__name__}() with parentheses, or with {type(self).__name__}(): ...")
        self._tokens: list[Any] = []

    def changed(self, now: Any) -> Any:
        """The mode inside, given the one outside."""
        raise NotImplementedError

    def _recreate_cm(self) -> Self:
        return type(self)()  # a decorated function may run in several threads at once

    def __call__(self, function: F) -> F:
        """Decorate a function. A generator or coroutine would leave and enter the context as it pauses."""
        if isgeneratorfunction(function) or iscoroutinefunction(function) or isasyncgenfunction(function):
            raise TypeError(f"{type(self).__name__} decorates plain functions: write a with block inside this one")
        return super().__call__(function)

    def __enter__(self) -> None:
        self._tokens.append(_mode.set(self.changed(mode())))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _mode.reset(self._tokens.pop())


class no_grad(ModeContext):
    """Operations inside record no graph: ``with mg.no_grad(): ...`` or ``@mg.no_grad()``.

    >>> x = mg.tensor([1.0, 2.0], requires_grad=True)
    >>> with mg.no_grad():
    ...     (x * 2).requires_grad
    False
    """

    def changed(self, now: Any) -> Any:
        """Whatever it was, without recording."""
        return None if now is Node or now is None else now.recording(False)


class enable_grad(ModeContext):
    """Operations inside record a graph again, also inside a ``no_grad`` block.

    >>> w = mg.tensor(2.0, requires_grad=True)
    >>> with mg.no_grad(), mg.enable_grad():
    ...     y = w * w
    >>> y.requires_grad
    True
    """

    def changed(self, now: Any) -> Any:
        """Whatever it was, with recording."""
        return Node if now is Node or now is None else now.recording(True)


_refusing: ContextVar[Refusing | None] = ContextVar("minigrad_refusing", default=None)

#: The innermost context in which a tensor must not leave its graph in passing, or None.
refusing: Callable[[], Refusing | None] = _refusing.get


class Refusing(ModeContext):
    """A mode in which a tensor that becomes a number or an array on the way is an error (``minigrad.core.detachment``).

    NumPy and SciPy replace errors that come up in their C code by others ("setting an array element with a sequence"),
    so the refusal is kept, and raised in place of whatever came of it.
    """

    where: ClassVar[str]  # what the user sees it as

    def __enter__(self) -> None:
        self.refusal: GraphError | None = None
        self._tokens += (_mode.set(self.changed(mode())), _refusing.set(self))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _refusing.reset(self._tokens.pop())
        super().__exit__(kind, error, trace)
        refusal, self.refusal = self.refusal, None
        if refusal is not None and isinstance(error, Exception) and not isinstance(error, MinigradError):
            raise GraphError(str(refusal)) from error  # a new one: the old may be the other's cause already


class differentiating(Refusing, enable_grad):
    """Operations inside record a graph, also inside ``no_grad``: the gradient was asked for by name."""

    where = "a function that is differentiated"


def recorder() -> Any:
    """The recorder of ``mg.compile`` that is active here and now, or None."""
    now = mode()
    return None if now is Node or now is None else now.recorder


def phase(name: str) -> AbstractContextManager[None]:
    """A context: inside, a step that is recorded is in this phase, "backward" or "update"."""
    recording = recorder()
    inside: AbstractContextManager[None] = nullcontext() if recording is None else recording.phase(name)
    return inside


@contextmanager
def again() -> Iterator[None]:
    """Run code a second time, for its results alone: its side effects happened in the first run."""
    token = _again.set(True)
    try:
        yield
    finally:
        _again.reset(token)


def get_default_dtype() -> np.dtype:
    """The dtype that Python numbers and lists become in ``mg.tensor``: float32 unless it was set.

    >>> mg.get_default_dtype()
    dtype('float32')
    """
    return _default_dtype[0]


def set_default_dtype(dtype: DTypeLike) -> None:
    """Set the dtype that Python numbers and lists become in ``mg.tensor``, for the whole process.

    Raises ``DTypeError`` for anything but a real floating dtype, and changes nothing then.

    >>> before = mg.get_default_dtype()
    >>> mg.set_default_dtype("float64")
    >>> mg.tensor([1.0, 2.0]).dtype
    dtype('float64')
    >>> mg.set_default_dtype(before)
    """
    try:
        chosen = np.dtype(dtype)
    except TypeError:
        chosen = None
    if chosen is None or chosen.kind != "f":
        raise DTypeError(
            f"the default is a floating dtype, got {dtype!r}: write set_default_dtype('float32') or 'float64'"
        )
    _default_dtype[0] = chosen
