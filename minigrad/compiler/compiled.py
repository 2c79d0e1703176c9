"""``mg.compile``: a function on tensors as a program of NumPy calls, recorded from the function as it is written."""

from __future__ import annotations

import functools
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from minigrad.compiler.arena import Arena
from minigrad.compiler.audit import AS_WRITTEN, AuditError, audited
from minigrad.compiler.backends import MISSED, checked, load
from minigrad.compiler.executable import Ready
from minigrad.compiler.guards.arguments import key_of, objects_of
from minigrad.compiler.guards.reachable import Reach
from minigrad.compiler.program import Program
from minigrad.compiler.program_cache import PROGRAMS, bound, noted, say
from minigrad.compiler.repeated import Repeated
from minigrad.compiler.snapshot import is_own_error, may_be_put_back, may_have_numbers, prepared, remembered
from minigrad.compiler.tracing.assigned_data import coming_home
from minigrad.compiler.tracing.computed_numbers import check_not_kept
from minigrad.compiler.tracing.finish import still_watched
from minigrad.compiler.tracing.pending import AllWaiting, Waiting
from minigrad.compiler.tracing.recording import Recording
from minigrad.compiler.tracing.run import recorded_run
from minigrad.compiler.tracing.varying_arguments import Varying
from minigrad.compiler.tracing.ways import Ways
from minigrad.core.away import bring_all
from minigrad.core.batches import active
from minigrad.core.context import mode
from minigrad.core.graph import Node
from minigrad.core.members import batches_made
from minigrad.core.tensor import Tensor
from minigrad.core.trees import mapped_once
from minigrad.errors import CompileError
from minigrad.support.forking import whole_at_fork
from minigrad.support.idioms import told

#: Of arguments of one kind: programs, at most; those in a row that never ran, or calls to settle that gave none.
_KEPT, _WASTED = 8, 3

#: One thread records at a time: meanwhile others stand in the places of functions and numbers of the whole process.
_recording = whole_at_fork(threading.RLock())

#: The seconds that another thread waits for it, at most; then its call runs as it is written.
_PATIENCE = 2.0


class Compiled(Repeated):
    """A compiled function: call it as the function itself. See ``compile``.

    >>> step = mg.compile(lambda x: (x * x).sum())
    >>> type(step).__name__
    'Compiled'
    >>> float(step(np.ones(3)))
    3.0
    """

    def __init__(
        self, function: Callable[..., Any], backend: str, check: bool, audit: bool, options: dict[str, Any]
    ) -> None:
        functools.update_wrapper(self, function)
        self.function = function
        self.backend = backend
        self._options = options
        self.check, self.audit = check, audit
        #: Whether every result is the program's, also that of the first calls: a run that goes on has the same bits.
        self.settles = False
        #: Called before the function runs as it is written, which may need more of the arguments than a program does.
        self.completed: Callable[[], None] | None = None
        self._settling, self._unsettled = False, Counter[Any]()
        self._lock = whole_at_fork(threading.RLock())
        self._ready: dict[Any, list[Ready]] = {}
        self._first = AllWaiting(PROGRAMS)  # recordings that none has agreed with yet
        self._varying = Varying()
        self._ways = Ways()
        self._arena = Arena()
        self._dropped: dict[Any, None] = {}  # the keys of the last programs that were dropped
        self._latest: Ready | None = None
        self._warned = False
        self._calls = {"eager": 0, "recorded": 0, "audited": 0}

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The function's result: Tensors without a graph, arrays, and what else it returns."""
        now = mode()
        # In a watch, in a recording, in an audit; inside of vmap.
        if (now is not None and now is not Node) or AS_WRITTEN.get() or (batches_made and active()):
            return self.function(*args, **kwargs)
        arrays: list[Any] = []
        if self._varying.any:
            key, inputs = self._varying.key(args, kwargs, now, arrays)
        else:
            key, inputs = key_of(args, kwargs, now, arrays), {}
        missed = False
        for ready in self._ready.get(key, ()):
            with ready.lock:
                if not ready.is_valid():
                    continue
                if ready.written_arguments:
                    arrays.clear()  # of a tensor whose memory nobody else holds, no graph has it
                    ready.lend(args, kwargs)
                    key_of(args, kwargs, now, arrays)
                operands = [*arrays, *inputs.values(), *ready.reads()] if inputs or ready.program.reads else arrays
                if ready.overlaps.found_among(operands) if ready.carries else ready.overlaps.found(arrays):
                    return self._eager(args, kwargs)
                if self.check or (ready.calls + 1 >= ready.next_audit and self.audit):
                    self._complete()
                    if ready.program.decisions and not ready.fits(operands):  # another program's case
                        missed = True
                        continue
                    return self._audit_call(key, ready, operands, args, kwargs)
                start = ready.used = time.perf_counter()
                before = ready.before(operands) if ready.may_miss else None
                try:
                    outputs = ready.run(*operands)
                except ready.raised:
                    outputs = MISSED
                if outputs is MISSED:  # the step runs as it is written
                    if before is not None:
                        ready.undo(before, operands)
                    missed = True
                    if ready.program.decisions:  # perhaps Python decides otherwise: another program's case
                        continue
                    return self._eager(args, kwargs)
                ready.seconds += time.perf_counter() - start
                ready.calls += 1
                self._latest = ready
                return ready.result(outputs)
        if missed and not self._ways.is_to_be_recorded(key):
            return self._eager(args, kwargs)
        return self._anew(key, now, args, kwargs)

    def _anew(self, key: Any, now: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The result of a call for which there is no program; as written, where another thread records for long."""
        if not _recording.acquire(timeout=_PATIENCE):
            return self._eager(args, kwargs)
        try:
            if self._varying.note(args, kwargs, now, self._ready):
                self._warn("numbers")
            self._complete()
            if self.settles and not self._settling:
                return self._settled(key, args, kwargs)
            return self._recorded(*self._varying.key(args, kwargs, now, []), args, kwargs)
        finally:
            _recording.release()

    def _settled(self, key: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The result of a program that is made of this very call: it is recorded, all is put back, and then it runs."""
        latest, self._settling = self._latest, True
        try:
            for _ in range(2 * (self._unsettled[key] < _WASTED)):
                reach, unprepare = self._reach(args, kwargs)
                unprepare()
                if not may_be_put_back(reach):
                    break
                put_back = remembered(reach, (args, kwargs))
                self._recorded(*self._varying.key(args, kwargs, mode(), []), args, kwargs)
                put_back()
                del reach, unprepare, put_back  # they hold arrays, which a backend would take elsewhere
                if self._latest is not latest:
                    return self(*args, **kwargs)
            else:  # perhaps of this call alone
                self._unsettled[key] += 1
            return self._recorded(*self._varying.key(args, kwargs, mode(), []), args, kwargs)
        finally:
            self._settling = False

    def _complete(self) -> None:
        if self.completed is not None:
            self.completed()

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        """As a method of an object: a compiled function of its own, kept in the object's attributes by its name."""
        if instance is None or not hasattr(type(self.function), "__get__"):  # a model is no method
            return self
        name = getattr(self.function, "__name__", "")
        method = Compiled(self.function.__get__(instance, owner), self.backend, self.check, self.audit, self._options)
        if hasattr(instance, "__dict__") and getattr(type(instance), name, None) is self:
            vars(instance)[name] = method
        return method

    def __reduce__(self) -> Any:
        """A copy, or what is unpickled, is the same function without programs: it records them anew."""
        name = getattr(self, "__qualname__", "")
        if name and getattr(sys.modules.get(self.__module__), name, None) is self:
            return name
        return Compiled, (self.function, self.backend, self.check, self.audit, self._options)

    def _eager(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The step as it is written."""
        self._complete()
        self._calls["eager"] += 1
        with coming_home([ready.program for several in self._ready.values() for ready in several], apart=True):
            return self._as_written(args, kwargs)

    def _as_written(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """What the function returns, without a graph."""
        return mapped_once(lambda x: x.detach() if isinstance(x, Tensor) else x, self.function(*args, **kwargs))

    def _recorded(self, key: Any, inputs: dict[Any, Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """One call that is recorded; when it agrees with the one before, the program is ready."""
        # Before the recording: a library registers classes, and what isinstance says of a class is watched.
        load(self.backend)
        bring_all()  # a program holds arrays
        changed, places = self._first.changed(key)
        self._ways.change(places)
        reach, unprepare = self._reach(args, kwargs)
        if inputs and not may_have_numbers(reach):
            return self._without_inputs(key, args, kwargs, inputs)
        recording = Recording(reach, self._ways)
        recording.may_repeat = may_be_put_back(reach)
        put_back = remembered(reach, (args, kwargs)) if inputs or reach.counters or recording.may_repeat else None
        try:
            program, result = recorded_run(self.function, recording, inputs, args, kwargs)
        except Exception as error:
            if recording.may_repeat and recording.saved_memory.unlent:
                return self._with_memory_apart(recording, put_back, key, inputs, args, kwargs)
            refusal = error.__cause__ if isinstance(error.__cause__, CompileError) else error  # NumPy has wrapped it
            lifts = self._ways.is_tried or (recording.may_lift and recording.wants_lifts(refusal))
            if put_back is not None and lifts:
                recording.release()  # plain arrays meet recorded ones: once more, with this or all of them recorded
                put_back()
                self._ways.lift(recording.wants)
                return self._recorded(key, inputs, args, kwargs)
            numbers = inputs or (reach.counters and not isinstance(refusal, CompileError))
            if put_back is not None and numbers and not is_own_error(error):
                recording.release()  # something wants one of Python's numbers: once more, with the very number
                put_back()
                return self._with_the_very_numbers(error, key, reach, inputs, args, kwargs)
            unprepare()
            if refusal is not error:
                raise refusal from None
            raise
        finally:
            recording.release()
        if recording.saved_memory.unlent or recording.saved_memory.is_misread():
            return self._with_memory_apart(recording, put_back, key, inputs, args, kwargs)
        if self._ways.is_to_be_tried(recording, reach, put_back):
            return self._recorded(key, inputs, args, kwargs)
        if self._ways.note(recording, reach, self._replayed):
            self._warn("ways")
        self._varying.give_up(recording.taken, args, kwargs, key[-2])
        if not recording.is_usual or recording.taken:
            self._calls["eager"] += 1
            return result
        check_not_kept(recording, reach)
        with self._lock:
            self._calls["recorded"] += 1
            self._wait(key, program, reach, changed, inputs, args, kwargs)
        return result

    def _with_memory_apart(self, recording: Recording, put_back: Any, key: Any, inputs: Any, *given: Any) -> Any:
        """The call once more, where the step has written into memory that graphs may have saved."""
        recording.release()
        self._ways.copies |= recording.saved_memory.set_apart(put_back if recording.may_repeat else None)
        return self._recorded(key, inputs, *given)

    def _wait(
        self, key: Any, program: Program, reach: Reach, changed: Any, inputs: Any, args: Any, kwargs: Any
    ) -> None:
        """A recording of a new program waits for another one like it; if that was there, the program is ready."""
        if any(ready.is_again(program) for ready in self._ready.get(key, ())):
            return
        waiting = self._waiting(key, way := tuple(program.decisions), reach)
        try:
            before = waiting.agreeing(program, reach, changed.get(way, ""))
        except CompileError:
            if not inputs:
                raise
            self._varying.give_up(inputs, args, kwargs, key[-2])
            return
        if before is not None:
            self._first.drop(key, way)
            self._add(key, program, reach, before)
        elif waiting.restarts > 2 * _WASTED:
            self._warn("changes", changed.get(way, ""))

    def _reach(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Reach, Callable[[], None]]:
        """All that the function can reach, its optimizers prepared; and what undoes that, if no step was made."""
        objects = objects_of((args, kwargs))
        known = self.function, objects, self._ways.changing, self._ways.lifts
        reach = Reach(*known)
        unprepare = prepared(reach.optimizers)
        return Reach(*known) if reach.optimizers else reach, unprepare

    def _waiting(self, key: Any, way: Any, reach: Reach) -> Waiting:
        """The recordings that wait for one like them."""
        if way and reach.speaks and not self._ways.is_in_a_row(key, way, (self._replayed, self._calls["eager"])):
            self._first.drop(key, way)  # taken now and then, it runs as written: what it says is said
        return self._first.of(key, way)

    def _add(self, key: Any, program: Program, reach: Reach, before: Program) -> None:
        """A program that can run, from two recordings that agree."""
        entry = {leaf: flag for leaf, flag in program.entry.items() if before.entry.get(leaf) == flag}
        program.watched = still_watched(program, before.watched)
        program.arena = self._arena
        ready = Ready(program, reach, entry, self.backend, self._options)
        self._ready[key] = [ready, *self._ready.get(key, [])][:_KEPT]
        self._latest = ready
        unused = [x for x in self._ready[key] if x.program.decisions == program.decisions][1 : _WASTED + 1]
        if len(unused) == _WASTED and not any(ready.calls for ready in unused):
            self._warn("changes", unused[0].changed())
        self._bound(key)

    def _with_the_very_numbers(
        self, first: Exception, key: Any, reach: Reach, inputs: dict[Any, Any], args: Any, kwargs: Any
    ) -> Any:
        """The call once more, without what stands for numbers; where that is the same error, they were no cause."""
        self._ways.give_up(reach.counters)
        try:
            return self._without_inputs(key, args, kwargs, inputs)
        except Exception as second:
            if type(second) is type(first) and str(second) == str(first):
                self._ways.take_back(reach.counters)
                self._varying.take_back(inputs, args, kwargs, key[-2])
            raise

    def _without_inputs(self, key: Any, args: Any, kwargs: Any, inputs: dict[Any, Any]) -> Any:
        self._varying.give_up(inputs, args, kwargs, key[-2])
        return self._recorded(key_of(args, kwargs, key[-2], []), {}, args, kwargs)

    def _bound(self, key: Any) -> None:
        """Drop the programs that were used the longest time ago; say so, once, when one of them is made again."""
        if key in self._dropped:
            self._warn("programs")
        noted(self._dropped, bound(self._ready, key))
        self._ways.forget(ready.program for several in self._ready.values() for ready in several)

    def _warn(self, kind: str, name: str = "") -> None:
        """Say something about waste, once."""
        if not self._warned:
            self._warned = True
            say(kind, self.function, name)

    def _audit_call(self, key: Any, ready: Ready, arrays: list[Any], args: Any, kwargs: Any) -> Any:
        """The call run both ways; a program that differs from the step is not run again."""
        ready.used = time.perf_counter()
        try:
            ran, result = audited(ready, self.backend, functools.partial(self._as_written, args, kwargs), arrays)
        except AuditError:
            with self._lock:
                if left := [one for one in self._ready.pop(key, ()) if one is not ready]:
                    self._ready[key] = left
            raise
        except Exception:  # the step's own
            self._calls["eager"] += 1
            raise
        self._calls["audited"] += 1
        ready.audited(ran)
        ready.used = time.perf_counter()
        self._calls["eager"] += not ran
        self._latest = ready
        return result


@told
def compile(
    function: Callable[..., Any] | None = None,
    *,
    backend: str = "auto",
    check: bool = False,
    audit: bool = True,
    devices: Sequence[Any] | None = None,
    shard: bool = False,
) -> Any:
    """Make a function on tensors run as one recorded program of NumPy calls: ``@mg.compile`` or ``mg.compile(f)``.

    For a forward function, a loss with its gradients, or a whole training step. The first two calls with arguments of
    one kind (shapes, dtypes, and the values of what is no array) run the function as it is written and record the NumPy
    calls; when both recordings agree, later calls replay them, with the same bits. The results are Tensors without a
    graph.

    A change of the model, of a name or of a hyperparameter is noticed and recorded again. What cannot be a program is
    refused with ``CompileError``, which names the line. The replays 2, 4, 8, 16 and so on run both ways, as written and
    as a program, from the same state; a difference is a ``CompileError``, and nothing is changed by that call.
    ``check=True`` does so in every call, ``audit=False`` in none.
    ``backend`` is "numpy", the same bits as eager; "native" (``pip install llvmlite``), machine code that agrees to
    rounding; "jax" (``pip install jax``), the program under ``jax.jit``, to rounding too, where arguments with a
    batch are spread over several ``devices`` of JAX; or "auto", machine code where llvmlite is installed, else NumPy.
    With ``shard=True`` each of these devices has a part of the weights, momenta and gradients instead of all.

    >>> @mg.compile
    ... def f(x):
    ...     return (mg.tanh(x) * 2).sum()
    >>> [f(mg.tensor([0.0, 1.0])).item() for _ in range(3)]
    [1.5231883525848389, 1.5231883525848389, 1.5231883525848389]
    """
    if function is not None and not callable(function):
        raise CompileError(f"mg.compile takes a function or a model, got {function!r:.60}")
    options: dict[str, Any] = {} if devices is None else {"devices": devices}
    options |= {"shard": True} if shard else {}
    backend = checked(backend, options)
    if function is None:
        return functools.partial(compile, backend=backend, check=check, audit=audit, devices=devices, shard=shard)
    return Compiled(function, backend, check, audit, options)
