"""The backend "jax": the program in functional form under ``jax.jit``; state in, state out.

Weights, momenta and gradients stay on the device from one run to the next, see ``jax_state``. What else the program
reads (arguments, rates) goes there in each call. Conditions come out as one more result; where one does not hold, the
state that comes out is that which came in.

With several ``devices``, arguments whose first axis divides by their number are spread over them along it, and
everything else is on each: XLA adds the sums between them.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from minigrad.compiler.backends import MISSED, Built
from minigrad.compiler.backends.jax_devices import divides, placed, putter
from minigrad.compiler.backends.jax_lodging import LOCK, UNDER_WAY, gradient_of, settle
from minigrad.compiler.backends.jax_processes import check_callbacks, span, together
from minigrad.compiler.backends.jax_state import State
from minigrad.compiler.backends.jax_trace import Pieces, Trace
from minigrad.compiler.guards.generator_proxies import put_back, state_of
from minigrad.compiler.passes.functional import Form, functional
from minigrad.compiler.program import ARGUMENT, CAPTURE, GRADIENT, Call, Host, Program, Value, values_in
from minigrad.core.away import bring
from minigrad.errors import CompileError

#: Agrees with the step as it is written to rounding, not bit for bit.
EXACT = False


def build(calls: list[Call], program: Program, devices: Sequence[Any] | None = None, shard: bool = False) -> Built:
    """See ``minigrad.compiler.backends``. ``devices`` are JAX's; with ``shard`` each has a part of the state."""
    _check_rates(calls)
    _check_dtypes(calls)
    if shard and span(devices):
        raise CompileError(
            "mg.compile: shard=True is for the devices of one process, since one that looks at a weight would have to "
            "ask the others: leave it out, or pass jax.local_devices()"
        )
    run = Run(calls, program, functional(calls, program), devices, shard)
    stats: dict[str, Any] = {"calls": len(calls), "buffers": 0, "bytes": run.nbytes}
    stats |= {
        "compile seconds": round(run.seconds, 3),
        "callbacks": run.callbacks,
        "devices": run.devices,
        "spread": run.spread,
    }
    parts = len(devices) if devices is not None and shard else 1
    stats |= {"state bytes": run.state_bytes(1), "state bytes per device": run.state_bytes(parts)}
    return Built(run, stats, holds=run.holds)


def _check_dtypes(calls: list[Call]) -> None:
    """Other orders of bytes, long floats, records and texts are NumPy's alone."""
    for call in calls:
        for value in (*call.values, *call.results):
            dtype = value.dtype
            if isinstance(dtype, np.dtype) and not (dtype.isnative and dtype.char in "?bBhHiIlLqQefdFD"):
                raise CompileError(
                    f'mg.compile: the backend "jax" has no numbers of dtype {dtype}:\n  {call.place}\ntake others '
                    '(x.astype(np.float32)), or use backend="numpy"'
                )


def _check_rates(calls: list[Call]) -> None:
    """All rates are worked out before the program runs, so an optimizer can make one step in it."""
    owners: list[Any] = []
    for call in calls:
        if call.is_host and call.function.kind == "rates":
            if any(call.function.owner is owner for owner in owners):
                raise CompileError(
                    f'mg.compile: an optimizer makes two steps in one program, for which the backend "jax" has no '
                    f'form:\n  {call.place}\ncompile one step, and call it twice, or use backend="numpy"'
                )
            owners.append(call.function.owner)


class Run:
    """A compiled program, and what it needs from outside."""

    def __init__(
        self, calls: list[Call], program: Program, form: Form, devices: Sequence[Any] | None, shard: bool
    ) -> None:
        self._form, self._shard = form, shard
        self._arguments = program.of_kind(ARGUMENT)
        hosts = [call for call in calls if call.is_host and call.function.kind != "assume"]
        rates = [call.function.owner for call in hosts if call.function.kind == "rates"]
        flats = [flat for owner in rates for flat in itertools.chain.from_iterable(owner._flats)]
        work = [array for flat in flats for array in flat.work_arrays]
        self._state = State(program, form, work, putter(None if devices is None else tuple(devices), shard))
        # What the host gives is worked out before the program runs, in the order of the step: rates, random numbers.
        self._givers = [call.function for call in hosts if call.results]
        self._numbers = _numbers(calls, hosts)  # rates that the step sets: worked out by Python
        self._given = [value for call in hosts for value in call.results]
        self._kinds = [value.dtype if isinstance(value.dtype, type) else None for value in self._given]
        self._bookkeeping = [call.function.run for call in hosts if not call.results]
        # The result of an earlier step or an argument that leaves the program as it is: the very object.
        self._gradients = [(leaf, value) for leaf, value in program.gradients if not _is_held(value)]
        self._held_gradients = [(leaf, value) for leaf, value in program.gradients if _is_held(value)]
        self._lodged = {leaf: self._state.lodging_of(leaf) for leaf, _ in self._gradients}
        self._cleared = program.cleared
        self._outputs = list(values_in(program.outputs))
        self._written = [value for value in form.written if value.kind != CAPTURE] + self._state.written_kept
        fresh = [value for value in self._outputs if not _is_held(value)]
        self._shown = list(dict.fromkeys(fresh))
        self._made = list(dict.fromkeys([*fresh, *[value for _, value in self._gradients]]))
        self._writes_arguments = any(value.kind == ARGUMENT for value in form.written)
        self._writes_state = any(value.kind == CAPTURE for value in form.written)
        self._writes_gradients = any(value.kind == GRADIENT for value in form.written)
        self._donates = self._state.is_large
        self._held = True  # whether the conditions did, in the latest run
        self.conditional = False
        self.callbacks: list[str] = []
        self.devices = 1 if devices is None else len(devices)
        self.spread: list[str] = []  # the arguments that are
        self.seconds, self.nbytes = 0.0, 0
        self._compiled = self._compile(calls, devices)

    # -- compiling ----------------------------------------------------------------------------

    def _compile(self, calls: list[Call], devices: Sequence[Any] | None) -> Any:
        memories, form = self._state.memories, self._form
        pieces = [piece for memory in memories for piece in memory.samples()]
        others = [*self._state.kept, *self._given]
        inputs = [*self._arguments, *form.gradients, *pieces, *others]

        def step(*arrays: Any) -> tuple[Any, ...]:
            arguments, gradients, lodged, rest = _split(
                arrays, len(self._arguments), len(form.gradients), len(pieces), len(others)
            )
            contents = dict(zip([*self._arguments, *form.gradients], [*arguments, *gradients], strict=True))
            for value, x in zip(others, rest, strict=True):
                contents[value] = jnp.broadcast_to(x, value.shape) if value.kind == CAPTURE else x
            wholes = [Pieces(part) for part in _split(lodged, *[len(memory.cuts) for memory in memories])]
            contents.update(self._state.contents(wholes))
            trace = Trace(form, contents)
            for call in calls:
                if not call.is_host or call.function.kind == "assume":
                    trace.run(call)
            fresh = [jnp.asarray(trace.read(value)) for value in self._made]
            written = [jnp.asarray(trace.read(value)) for value in self._written]
            self.conditional, self.callbacks = bool(trace.conditions), trace.callbacks
            check_callbacks(self.devices, self.callbacks)
            holds = jnp.array(True)
            for condition in trace.conditions:
                holds = holds & condition
            after = self._state.after(trace, wholes)
            if trace.conditions and self._donates:
                before = _split(lodged, *[len(memory.cuts) for memory in memories])
                after = _unless(holds, after, [before[number] for number in self._state.written])
            return holds, fresh, written, after

        options = {} if devices is None else self._placement(inputs, devices)
        samples = [*map(_sample, (*self._arguments, *form.gradients)), *pieces]
        samples += [*[jax.ShapeDtypeStruct(x.shape, x.dtype) for x in self._state.staged], *map(_sample, self._given)]
        donated = self._state.donated(len(self._arguments) + len(form.gradients)) if self._donates else ()
        start = time.perf_counter()
        # "highest": on accelerators a float32 product would be computed in fewer bits.
        with jax.enable_x64(True), jax.default_matmul_precision("highest"):
            try:
                compiled = jax.jit(step, donate_argnums=donated, **options).lower(*samples).compile()
            except CompileError as error:
                raise CompileError(str(error)) from None  # without what JAX notes about its own frames
        if self._donates and self.callbacks:  # an error of theirs would come when the state is gone
            self._donates = False
            return self._compile(calls, devices)
        self.seconds = time.perf_counter() - start
        analysis = compiled.memory_analysis()
        self.nbytes = getattr(analysis, "temp_size_in_bytes", 0)
        return together(compiled, options["in_shardings"]) if span(devices) else compiled

    def _placement(self, inputs: Sequence[Any], devices: Sequence[Any]) -> dict[str, Any]:
        """Where inputs and results lie, as options of ``jax.jit``."""
        whole = jax.ShapeDtypeStruct((), np.float32)
        fresh = [_sample(value) if self._is_lodged(value) else whole for value in self._made]
        after = [self._state.memories[number].samples() for number in self._state.written]
        results = (whole, fresh, [whole] * len(self._written), after)
        placement = placed(inputs, results, devices, self._shard)
        self.spread = placement.spread
        return {"in_shardings": placement.inputs, "out_shardings": placement.results}

    def _is_lodged(self, value: Value) -> bool:
        """Whether it is a gradient that stays on the device."""
        return value not in self._shown and any(
            one is value and self._lodged[leaf] is not None for leaf, one in self._gradients
        )

    # -- running ------------------------------------------------------------------------------

    def __call__(self, *arrays: Any) -> Any:
        """The outputs, or ``MISSED``."""
        with LOCK, jax.enable_x64(True):
            return self._run(arrays)

    def _run(self, arrays: Sequence[Any]) -> Any:
        settle()
        state = self._state
        alone = state.depart()
        if alone is None:
            return MISSED
        if (not alone or state.arrays or self._writes_arguments) and self._share_memory(arrays):
            return MISSED
        owners = [(host, _state(host)) for host in self._givers] if self.conditional or self.callbacks else []
        operands = [
            x if kind is None else kind(x) for kind, x in zip(self._kinds, self._from_host(arrays), strict=True)
        ]
        leaves = [value.origin for value in self._form.gradients]
        if self._writes_gradients:
            bring(leaves)
        before = [gradient_of(leaf) for leaf in leaves]
        pieces = [piece for memory in state.memories for piece in memory.pieces]
        inputs = (*arrays, *before, *pieces, *state.read(), *operands)
        box: list[Any] = []
        # JAX's own function in C, once it is there: an interruption at the end of one of Python's loses what came out.
        # It has no public name, and to hold SIGINT back takes as long as a small run. A test says when it is gone.
        function = getattr(self._compiled, "_call", None) or self._compiled
        UNDER_WAY.append((self._take, box))
        try:
            box.extend(itertools.starmap(function, [inputs]))  # an interruption comes before it or after it
        except jax.errors.JaxRuntimeError:
            if not self.callbacks:
                raise
        finally:
            settle()
        if not box or not self._held:  # NumPy has raised an error, or a condition does not hold
            for host, before_run in owners:
                _put_back(host, before_run)
            return MISSED
        _, fresh, written, _ = box[0]
        for run in self._bookkeeping:  # at once: who interrupts finds the count of steps that the weights have
            run()
        known: dict[Value, Any] = dict(zip(self._form.gradients, before, strict=True))
        known.update(zip(self._arguments, arrays, strict=True))
        targets = [value.origin if value.kind == CAPTURE else known[value] for value in self._written]
        for target, new in zip(targets, written, strict=True):
            np.copyto(target, new)
        if not alone:
            state.write_home()
        known.update(zip(self._made, fresh, strict=True))
        self._leave_gradients(known)
        for value in self._shown:
            known[value] = np.array(known[value])
        return tuple([_object(value, known) for value in self._outputs])

    def state_bytes(self, parts: int) -> int:
        """Bytes of the state that stays on the devices, on each where it is cut into ``parts``."""
        samples = [x for memory in self._state.memories for x in memory.samples()]
        return sum(x.size * x.dtype.itemsize // (parts if divides(x.shape, parts) else 1) for x in samples)

    def _take(self, out: Any) -> None:
        """State as a run leaves it. The arrays that it reads where they lie may be written from now on, or soon.

        A result that comes home waits for the run, on one device.
        """
        if self.devices > 1 or not self._shown:
            out[0].block_until_ready()
        self._held = not self.conditional or bool(np.asarray(out[0]))  # a tenth of bool() of JAX's array
        if self._donates or self._held:
            self._state.write(out[3])

    def holds(self) -> bool:
        """Whether tensors have the data that they had."""
        return self._state.fits()

    def _leave_gradients(self, known: dict[Value, Any]) -> None:
        """Gradients as they are after a run."""
        for leaf, value in self._gradients:
            lodging = self._lodged[leaf]
            if lodging is not None and lodging.is_away:
                lodging.take_gradient(leaf, known[value])
            else:
                leaf.grad = np.array(known[value])
        for leaf, value in self._held_gradients:
            if value.kind != GRADIENT or value.origin is not leaf:
                leaf.grad = np.asarray(_object(value, known))
        for leaf in self._cleared:
            leaf.grad = None

    def _from_host(self, arrays: Sequence[Any]) -> list[Any]:
        """Rates and random numbers, in the order of the step."""
        wanted = self._numbers.of_hosts
        if not wanted:
            return [x for host in self._givers for x in host.run()]
        known = {value: arrays[value.origin] for value in self._arguments}
        for call in self._numbers.calls:
            args = [known[x] if isinstance(x, Value) else x for x in call.args]
            known[call.results[0]] = call.function(*args)
        return [x for host in self._givers for x in host.run(*[known[value] for value in wanted.get(id(host), ())])]

    def _share_memory(self, arrays: Sequence[Any]) -> bool:
        """Whether a write would be seen in an argument; the functional form takes them for separate."""
        near = self._state.near()
        if self._writes_arguments and any(
            np.may_share_memory(x, y) for i, x in enumerate(arrays) for y in [*arrays[:i], *near]
        ):
            return True
        return self._writes_state and any(np.may_share_memory(x, y) for x in arrays for y in near)


class _Numbers(NamedTuple):
    """Calls on numbers of Python that hosts want the results of, and what each host wants."""

    calls: list[Call]
    of_hosts: dict[int, list[Value]]


def _numbers(calls: list[Call], hosts: list[Call]) -> _Numbers:
    known = {id(call.function): list(call.values) for call in hosts if call.results}
    of_hosts = {host: values for host, values in known.items() if values}
    needed, numbers = {value for values in of_hosts.values() for value in values}, []
    for call in reversed(calls):
        if any(value in needed for value in call.results):
            if call.is_host or not isinstance(call.results[0].dtype, type) or call.kwargs:
                raise CompileError(
                    'mg.compile: a rate is computed in the step from its arrays, for which the backend "jax" has no '
                    f'form:\n  {call.place}\nset it after the step of the optimizer, or use backend="numpy"'
                )
            needed.update(call.values)
            numbers.append(call)
    return _Numbers(numbers[::-1], of_hosts)


def _split(items: Sequence[Any], *lengths: int) -> list[Any]:
    ends = [0, *itertools.accumulate(lengths)]
    return [items[a:b] for a, b in itertools.pairwise(ends)]


def _unless(holds: Any, after: list[list[Any]], before: list[list[Any]]) -> list[list[Any]]:
    """The new values, or the old ones where a condition does not hold."""
    return [
        [jnp.where(holds, new, old) for new, old in zip(*pair, strict=True)] for pair in zip(after, before, strict=True)
    ]


def _is_held(value: Value) -> bool:
    return value.kind in (ARGUMENT, CAPTURE, GRADIENT)


def _object(value: Value, known: dict[Value, Any]) -> Any:
    known_array = value.origin if value.kind == CAPTURE else known[value]
    if isinstance(value.dtype, type) and hasattr(known_array, "dtype"):  # a number of Python's
        return value.dtype(known_array[()])
    return known_array[()] if not value.is_array and hasattr(known_array, "dtype") else known_array


def _sample(value: Value) -> Any:
    """Something that looks like a value: a number of Python's, or an array of its shape."""
    if isinstance(value.dtype, type):
        return value.dtype(1)
    return jax.ShapeDtypeStruct(value.shape, value.dtype)


def _state(host: Host) -> Any:
    """What changes in the owner when it works out a rate or draws: to be put back where the program is not to be."""
    return host.owner.current_lr if host.kind == "rates" else state_of(host.owner)


def _put_back(host: Host, state: Any) -> None:
    if host.kind == "rates":
        host.owner.current_lr = state
    else:
        put_back(host.owner, state)
