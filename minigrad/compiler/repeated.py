"""``step.repeat``: many calls of a compiled function in one, with what they give one after the other.

What cannot change between two steps is looked at once for several: the arguments, and what the function depends on in
Python. Where nothing of Python comes between two steps, the loop over them is machine code. Everything else is a call
of the function, so a step that is recorded or audited, or for which a condition does not hold, is what it always is.
"""

from __future__ import annotations

import operator
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from minigrad.compiler.audit import AS_WRITTEN
from minigrad.compiler.backends import MISSED
from minigrad.compiler.executable import Ready
from minigrad.compiler.guards.arguments import key_of
from minigrad.compiler.guards.python_state import Whole
from minigrad.compiler.inspection import Inspected
from minigrad.compiler.program import Out
from minigrad.compiler.stacked import Block, Stacked
from minigrad.compiler.tracing.counts import Told
from minigrad.core.batches import active
from minigrad.core.context import mode, recorder
from minigrad.core.graph import Node
from minigrad.core.members import batches_made
from minigrad.core.tensor import Tensor
from minigrad.core.trees import mapped_all
from minigrad.errors import CompileError, GraphError, HyperparameterError, ShapeError

#: Seconds of one native call, at most: so long Ctrl-C waits.
_PATIENCE = 0.1


class Repeated(Inspected):
    """The method of ``Compiled`` that makes many calls."""

    check: bool
    audit: bool
    __call__: Callable[..., Any]

    def repeat(self, n: int, /, *args: object, each: bool = False, **kwargs: object) -> Any:
        """``n`` calls in one: ``step.repeat(n, x, y)`` does what ``for _ in range(n): step(x, y)`` does, to the bit.

        With ``each=True`` the arrays and tensors among the arguments have a first axis of ``n`` steps: step k gets
        ``x[k]`` and ``y[k]``, batches that lie in memory.

        The result has the structure of the step's, of all steps: a Tensor of shape () is one of shape (n,), an array
        (n, *shape) of the same dtype, and numbers of Python are an array of n. What is neither is a list of n; None
        stays None. Where steps give results of other structures or shapes, it is the list of all n.

        The native backend loops in machine code where nothing of Python lies between two steps:
        ``stats()["repeats in machine code"]``. Elsewhere it is a loop of Python that looks at arguments once. Ctrl-C
        ends it after a whole step. An error of a step is raised as by a call; the steps before it are made.

        Raises ``HyperparameterError`` for n < 1, ``ShapeError`` where an argument has no first axis of n, and
        ``CompileError`` in a step that is recorded.

        >>> w = mg.tensor([1.0, 2.0])
        >>> @mg.compile
        ... def halve():
        ...     w.data *= 0.5
        ...     return w.sum()
        >>> halve.repeat(4)
        tensor([1.5   , 0.75  , 0.375 , 0.1875])
        """
        n = _count(n)
        if recorder() is not None or (batches_made and active()):
            raise CompileError(
                "repeat: many steps in one call are no part of another step, nor of vmap: write a for loop over the "
                "step, or mg.scan"
            )
        steps = _Steps(n, args, kwargs, each)
        results = Stacked(n)
        with whole_steps() as is_asked:
            while results.count < n:
                self._several(steps, results, is_asked)
                if results.count < n and not is_asked():
                    positional, named = steps.arguments(results.count)
                    results.add(self(*positional, **named))
                if is_asked():
                    raise KeyboardInterrupt
        return results.result()

    def replayed(self, n: int, clear: Callable[[], None], /, *args: object) -> tuple[int, Any]:
        """How many of the next ``n`` steps were made in machine code, and their results.

        The arguments and results are those of ``repeat`` with ``each=True``, and ``clear``, which lets go of gradients,
        belongs before each step. The loop ends before the first step that wants more of Python, such as one that is
        recorded or audited, or for which a condition does not hold: perhaps at once. What a later step raises, it
        raises when it is called by itself.
        """
        results = Stacked(n)
        clear()
        try:
            self._several(_Steps(n, args, {}, True), results, lambda: False, clear)
        except Exception:
            if not results.count:
                raise
        return results.count, results.result() if results.count else None

    def _several(
        self, steps: _Steps, results: Stacked, is_asked: Callable[[], bool], clear: Callable[[], None] | None = None
    ) -> None:
        """As many of the next steps as replays can make that are not audited; perhaps none."""
        now = mode()
        if (now is not None and now is not Node) or AS_WRITTEN.get() or (batches_made and active()) or self.check:
            return
        arrays: list[Any] = []
        positional, named = steps.arguments(results.count)
        if self._varying.any:
            key, inputs = self._varying.key(positional, named, now, arrays)
        else:
            key, inputs = key_of(positional, named, now, arrays), {}
        several = _Several(steps, results, is_asked, arrays, [*inputs.values()])
        for ready in self._ready.get(key, ()):
            with ready.lock:
                if not ready.is_valid():
                    continue
                if clear is not None and ready.built.loop is None:
                    return
                if ready.written_arguments:
                    arrays.clear()
                    steps.lend(ready)
                    key_of(*steps.arguments(results.count), now, arrays)
                before, start = results.count, time.perf_counter()
                most = min(steps.n - before, ready.next_audit - 1 - ready.calls if self.audit else steps.n)
                if most < 1 or ready.overlaps.found_among([*steps.whole(arrays), *inputs.values(), *ready.reads()]):
                    return
                ready.used, self._latest = start, ready
                try:
                    several.run(ready, before + most, clear)
                finally:
                    ready.calls += results.count - before
                    ready.seconds += time.perf_counter() - start
                if results.count > before:
                    return


class _Several:
    """Replays one after the other, of arguments that are of one kind."""

    def __init__(
        self, steps: _Steps, made: Stacked, is_asked: Callable[[], bool], arrays: list[Any], numbers: list[Any]
    ) -> None:
        self._steps, self._made, self._is_asked = steps, made, is_asked
        self._arrays, self._numbers = arrays, numbers

    def run(self, ready: Ready, end: int, clear: Callable[[], None] | None) -> None:
        """Steps up to one of them, as long as a replay may run them; in machine code where that is possible.

        With ``clear``, which is called before each step, in machine code alone.
        """
        loop, results, first = ready.built.loop, self._made, self._made.count
        strides = [*self._steps.strides(self._arrays), *[0] * len(self._numbers)]
        count = 1 + int(_PATIENCE * 1e6 / ready.microseconds) if ready.microseconds else 1
        while loop is not None and results.count < end and not self._is_asked():
            if results.count > first:
                if clear is not None:
                    clear()
                if not ready.is_valid():
                    return
            arrays = [*self._steps.arrays(results.count, self._arrays), *self._numbers]
            start = time.perf_counter()
            steps = 1 if ready.ends_itself and clear is None else end - results.count
            ran = loop(min(count, steps), arrays, strides)
            if ran is None:
                break
            count = 1 + int(_PATIENCE * max(ran.steps, 1) / max(time.perf_counter() - start, 1e-9))
            if ran.steps:
                results.add_block(ran.steps, _block(ready, ran))
            if ran.missed:
                return
        while clear is None and results.count < end and not self._is_asked():
            if results.count > first and not ready.is_valid():
                return
            if not self._in_python(ready, results.count > first):
                return

    def _in_python(self, ready: Ready, looks: bool) -> bool:
        """One step, with what it reads in Python; whether it was made."""
        arrays = [*self._steps.arrays(self._made.count, self._arrays), *self._numbers, *ready.reads()]
        if looks and ready.carries and ready.overlaps.found_among(arrays):
            return False
        before = ready.before(arrays) if ready.may_miss else None
        try:
            outputs = ready.run(*arrays)
        except ready.raised:
            outputs = MISSED
        if outputs is MISSED:
            if before is not None:
                ready.undo(before, arrays)
            return False
        self._made.add(ready.result(outputs))
        return True


def _block(ready: Ready, ran: Any) -> Any:
    """The result of several steps: the structure of one, with all steps in the place of each output."""
    arrays, rates = iter(ran.outputs), iter(ran.told)

    def out(x: Any) -> Any:
        if isinstance(x, Told):
            return Block(next(rates), False, float)
        if isinstance(x, Out):
            return Block(next(arrays), x.is_tensor, x.number)
        return x.now() if isinstance(x, Whole) else x

    return mapped_all(out, ready.program.outputs)


class _Steps:
    """The arguments of each step."""

    def __init__(self, n: int, args: tuple[Any, ...], kwargs: dict[str, Any], each: bool) -> None:
        self.n = n
        self._all = args, kwargs
        self._each = each
        self._wholes: list[Any] = []
        if each:
            mapped_all(self._look, self._all)

    def _look(self, x: Any) -> None:
        """Raises ``ShapeError`` for an array that has no axis of the steps."""
        if not isinstance(x, (Tensor, np.ndarray)):
            return
        if isinstance(x, Tensor) and x._node is not None:
            raise GraphError(
                "repeat: each=True takes x[k] of every tensor, and of one that requires a gradient that would be "
                "another tensor: pass x.detach(), or leave it out of the arguments"
            )
        if not x.shape or x.shape[0] != self.n:
            raise ShapeError(
                f"repeat: each=True wants a first axis of {self.n} steps in every array, got the shape {x.shape}: "
                f"np.broadcast_to(x, ({self.n}, *x.shape)) has x in each of them"
            )

    def lend(self, ready: Ready) -> None:
        """Hand out what the steps write into."""
        self._wholes = []
        ready.lend(*self._all)

    def arguments(self, k: int) -> tuple[Any, Any]:
        """Those of step k."""
        if not self._each:
            return self._all
        args, kwargs = mapped_all(lambda x: _part(x, k), self._all)
        return args, kwargs

    def whole(self, arrays: list[Any]) -> list[Any]:
        """The arrays that the arrays of a step are parts of."""
        if self._each and not self._wholes:
            key_of(*self._all, None, self._wholes)
        return self._wholes if self._each else arrays

    def strides(self, arrays: list[Any]) -> list[int]:
        """The bytes from each array of a step to that of the next."""
        return [x.strides[0] if self._each else 0 for x in self.whole(arrays)]

    def arrays(self, k: int, arrays: list[Any]) -> list[Any]:
        """Those of step k."""
        return [x[k : k + 1].reshape(x.shape[1:]) for x in self.whole(arrays)] if self._each else arrays


def _part(x: Any, k: int) -> Any:
    """``x[k]``, an array also where that has no axes."""
    return x[k : k + 1].reshape(x.shape[1:]) if isinstance(x, (Tensor, np.ndarray)) else x


def _count(n: Any) -> int:
    try:
        count = operator.index(n)
    except TypeError:
        count = 0
    if isinstance(n, (bool, np.bool_)) or count < 1:
        raise HyperparameterError(f"repeat: the number of steps comes first, a whole number from 1 on: got {n!r:.60}")
    return count


@contextmanager
def whole_steps() -> Iterator[Callable[[], bool]]:
    """Inside, Ctrl-C is noted, and whoever asks whether it came ends after a whole step; a second one ends at once.

    It is left to whoever handles it already, and to the main thread.
    """
    came: list[bool] = []

    def note(*_: Any) -> None:
        if came:
            raise KeyboardInterrupt
        came.append(True)

    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield lambda: False
        return
    signal.signal(signal.SIGINT, note)
    try:
        yield lambda: bool(came)
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
