"""The backend "jax": the program in functional form under ``jax.jit``; state in, state out.

What the program reads (arguments, captured arrays, gradients, rates) goes to the device in each call, and what it
wrote comes back into the captured NumPy arrays, so that eager steps, other programs and ``state_dict`` see it.
Conditions come out as one more result; where one does not hold, all other results are dropped.

With several ``devices``, arguments whose first axis divides by their number are spread over them along it, and
everything else is on each: XLA adds the sums between them.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from minigrad.compiler.backends import MISSED, Built
from minigrad.compiler.backends.jax_devices import placed
from minigrad.compiler.backends.jax_processes import span, together
from minigrad.compiler.backends.jax_state import State
from minigrad.compiler.backends.jax_trace import Trace
from minigrad.compiler.guards.generator_proxies import put_back, state_of
from minigrad.compiler.passes.functional import Form, functional
from minigrad.compiler.program import ARGUMENT, CAPTURE, GRADIENT, Call, Host, Program, Value, values_in
from minigrad.errors import CompileError

#: Agrees with the step as it is written to rounding, not bit for bit.
EXACT = False


def build(calls: list[Call], program: Program, devices: Sequence[Any] | None = None) -> Built:
    """See ``minigrad.compiler.backends``. ``devices`` are JAX's."""
    _check_rates(calls)
    run = Run(calls, program, functional(calls, program), devices)
    stats = {"calls": len(calls), "buffers": 0, "bytes": run.nbytes, "compile seconds": round(run.seconds, 3)}
    return Built(run, {**stats, "callbacks": run.callbacks, "devices": run.devices, "spread": run.spread})


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

    def __init__(self, calls: list[Call], program: Program, form: Form, devices: Sequence[Any] | None) -> None:
        self._form = form
        self._arguments = program.of_kind(ARGUMENT)
        self._state = State(form.state)
        hosts = [call for call in calls if call.is_host and call.function.kind != "assume"]
        # What the host gives is worked out before the program runs, in the order of the step: rates, random numbers.
        self._givers = [call.function for call in hosts if call.results]
        self._numbers = _numbers(calls, hosts)  # rates that the step sets: worked out by Python
        self._given = [value for call in hosts for value in call.results]
        self._bookkeeping = [call.function.run for call in hosts if not call.results]
        # The result of an earlier step or an argument that leaves the program as it is: the very object.
        self._gradients = [(leaf, value) for leaf, value in program.gradients if not _is_held(value)]
        self._held_gradients = [(leaf, value) for leaf, value in program.gradients if _is_held(value)]
        self._cleared = program.cleared
        self._outputs = list(values_in(program.outputs))
        self._written = [value for value in form.written if value.name != "scratch"]  # whose contents nobody reads
        made = [value for value in self._outputs if not _is_held(value)] + [value for _, value in self._gradients]
        self._made = list(dict.fromkeys(made))
        self._aliases = [value.origin for value in form.written if value.kind == CAPTURE]
        self._writes_arguments = any(value.kind == ARGUMENT for value in form.written)
        self.conditional = False
        self.callbacks: list[str] = []
        self.devices = 1 if devices is None else len(devices)
        self.spread: list[str] = []  # the arguments that are
        self.seconds, self.nbytes = 0.0, 0
        self._compiled = self._compile(calls, devices)

    # -- compiling ----------------------------------------------------------------------------

    def _compile(self, calls: list[Call], devices: Sequence[Any] | None) -> Any:
        values = [*self._arguments, *self._form.gradients, *self._form.state, *self._given]

        def step(*inputs: Any) -> tuple[Any, list[Any], list[Any]]:
            whole = [
                jnp.broadcast_to(x, value.shape) if value.kind == CAPTURE else x
                for value, x in zip(values, inputs, strict=True)
            ]
            trace = Trace(self._form, dict(zip(values, whole, strict=True)))
            for call in calls:
                if not call.is_host or call.function.kind == "assume":
                    trace.run(call)
            made = [jnp.asarray(trace.read(value)) for value in self._made]
            written = [jnp.asarray(trace.read(value)) for value in self._written]
            self.conditional, self.callbacks = bool(trace.conditions), trace.callbacks
            held = jnp.array(True)
            for condition in trace.conditions:
                held = held & condition
            return held, made, written

        options: dict[str, Any] = {}
        if devices is not None:
            placement = placed(values, devices)
            options = {"in_shardings": placement.inputs, "out_shardings": placement.results}
            self.spread = placement.spread
        samples = [_sample(value) for value in (*self._arguments, *self._form.gradients)]
        samples += [jax.ShapeDtypeStruct(x.shape, x.dtype) for x in self._state.staged]
        samples += [_sample(value) for value in self._given]
        start = time.perf_counter()
        # "highest": on accelerators a float32 product would be computed in fewer bits.
        with jax.enable_x64(True), jax.default_matmul_precision("highest"):
            try:
                compiled = jax.jit(step, **options).lower(*samples).compile()
            except CompileError as error:
                raise CompileError(str(error)) from None  # without what JAX notes about its own frames
        self.seconds = time.perf_counter() - start
        analysis = compiled.memory_analysis()
        self.nbytes = getattr(analysis, "temp_size_in_bytes", 0)
        return together(compiled, options["in_shardings"], self.callbacks) if span(devices) else compiled

    # -- running ------------------------------------------------------------------------------

    def __call__(self, *arrays: Any) -> Any:
        """The outputs, or ``MISSED``."""
        if self._share_memory(arrays):
            return MISSED
        owners = [(host, _state(host)) for host in self._givers] if self.conditional else []
        given = [
            value.dtype(x) if isinstance(value.dtype, type) else x
            for value, x in zip(self._given, self._from_host(arrays), strict=True)
        ]
        before = [value.origin.grad for value in self._form.gradients]
        state = self._state.read()
        with jax.enable_x64(True):
            held, made, written = jax.block_until_ready(self._compiled(*arrays, *before, *state, *given))
        if self.conditional and not held:
            for host, state in owners:
                _put_back(host, state)
            return MISSED
        known: dict[Value, Any] = dict(zip(self._form.gradients, before, strict=True))
        known.update(zip(self._arguments, arrays, strict=True))
        targets = [value.origin if value.kind == CAPTURE else known[value] for value in self._written]
        for target, new in zip(targets, written, strict=True):
            np.copyto(target, new)
        for value, new in zip(self._made, made, strict=True):
            known[value] = np.array(new)
        for leaf, value in self._gradients:
            leaf.grad = known[value]
        for leaf, value in self._held_gradients:
            leaf.grad = np.asarray(_object(value, known))
        for leaf in self._cleared:
            leaf.grad = None
        for run in self._bookkeeping:
            run()
        return tuple([_object(value, known) for value in self._outputs])

    def _from_host(self, arrays: Sequence[Any]) -> list[Any]:
        """Rates and random numbers, in the order of the step."""
        known = {value: arrays[value.origin] for value in self._arguments}
        for call in self._numbers.calls:
            args = [known[x] if isinstance(x, Value) else x for x in call.args]
            known[call.results[0]] = call.function(*args)
        wanted = self._numbers.of_hosts
        return [x for host in self._givers for x in host.run(*[known[value] for value in wanted.get(id(host), ())])]

    def _share_memory(self, arrays: Sequence[Any]) -> bool:
        """Whether a write would be seen in an argument; the functional form takes them for separate."""
        if self._writes_arguments and any(
            np.may_share_memory(x, y) for i, x in enumerate(arrays) for y in [*arrays[:i], *self._state.arrays]
        ):
            return True
        return any(np.may_share_memory(x, y) for x in arrays for y in self._aliases)


class _Numbers(NamedTuple):
    """Calls on numbers of Python that hosts want the results of, and what each host wants."""

    calls: list[Call]
    of_hosts: dict[int, list[Value]]


def _numbers(calls: list[Call], hosts: list[Call]) -> _Numbers:
    of_hosts = {id(call.function): list(call.values) for call in hosts if call.results}
    needed, found = {value for values in of_hosts.values() for value in values}, []
    for call in reversed(calls):
        if any(value in needed for value in call.results):
            if call.is_host or not isinstance(call.results[0].dtype, type) or call.kwargs:
                raise CompileError(
                    'mg.compile: a rate is computed in the step from its arrays, for which the backend "jax" has no '
                    f'form:\n  {call.place}\nset it after the step of the optimizer, or use backend="numpy"'
                )
            needed.update(call.values)
            found.append(call)
    return _Numbers(found[::-1], of_hosts)


def _is_held(value: Value) -> bool:
    return value.kind in (ARGUMENT, CAPTURE, GRADIENT)


def _object(value: Value, known: dict[Value, Any]) -> Any:
    found = value.origin if value.kind == CAPTURE else known[value]
    return found[()] if not value.is_array and hasattr(found, "dtype") else found


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
