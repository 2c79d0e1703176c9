"""What a step does besides arithmetic: steps of optimizers, and notes that data has changed. It runs at each replay."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from minigrad.compiler.program import RATE, RESULT, Call, Host
from minigrad.compiler.tracing.numeric_arguments import real_of
from minigrad.compiler.tracing.recorded_array import Recorded
from minigrad.core.graph import Leaf
from minigrad.core.stands import NumberStand
from minigrad.core.tensor import Tensor
from minigrad.core.watching import user_line
from minigrad.errors import CompileError
from minigrad.optim.flat import mark_written
from minigrad.optim.optimizer import Optimizer, Work


def write_leaves(recording: Any, leaves: list[Leaf]) -> None:
    """Note that the data of leaves changes, now and in each run."""
    mark_written(leaves)
    new = [leaf for leaf in leaves if leaf not in recording.written_leaves]
    recording.written_leaves.update(new)
    if new:
        recording.note(Call(Host("finish", lambda: mark_written(new)), (), {}, [], []))


def check_made_inside(recording: Any, tensor: Tensor) -> None:
    """Raise ``CompileError`` for ``x[i] = v`` or ``x += y`` on a tensor that the step did not make."""
    data = tensor._array
    if isinstance(data, Recorded):
        outside = data.value.kind != RESULT
    else:
        outside = any(tensor is other for other in recording.reach.tensors)
    if outside:
        raise CompileError(
            "mg.compile: a tensor from outside of the step is written in place, which later runs would not do:\n"
            f"  {user_line()}\nwrite x.data[index] = v, or make a copy in the step, y = x.copy(), and change y"
        )


def update(recording: Any, optimizer: Optimizer, work: Work) -> None:
    """A step of an optimizer: its rates are worked out in each run, its arithmetic is recorded."""
    recording.see([p._node for group in optimizer.param_groups for p in group["params"] if isinstance(p._node, Leaf)])
    _note_passing(recording, optimizer)
    # Rates that the step sets, or reads: numbers of the program.
    for seen in optimizer._checked:
        seen[:] = map(real_of, seen)
    settings = {(i, key): x for i, group in enumerate(optimizer.param_groups) for key, x in group.items()}
    own: dict[Any, Any] = {place: x for place, x in settings.items() if isinstance(x, NumberStand)}
    settled = _settled(recording, optimizer)
    with _set(optimizer, {place: real_of(x) for place, x in own.items()}):
        given_rates = [optimizer.rates_of(number, flat) for number, flat, _, _ in work]  # before anything is written
        _check_rates(optimizer, given_rates)
        optimizer.current_lr = optimizer._rate(optimizer.param_groups[0])

    updated: Work = [(number, flat, [], 0) for number, flat, _, _ in work]

    def worked_out() -> tuple[float, ...]:
        optimizer.current_lr = optimizer._rate(optimizer.param_groups[0])
        return rates_of(optimizer, updated)

    def rates(*numbers: float) -> tuple[float, ...]:
        if not numbers and not settled:  # without the context, which takes a microsecond
            return worked_out()
        with _set(optimizer, settled | dict(zip(own, numbers, strict=True))):
            return worked_out()

    # Without the gradients, which a program would keep alive. Constants are there to be compared.
    numbers = (*[x.value for x in own.values()], *settled.values())
    own = dict.fromkeys(own)
    call = Call(Host("rates", rates, owner=optimizer, work=updated), numbers, {}, [], [])
    recording.note(call)
    leaves: list[Leaf] = []
    for (number, flat, gradients, without), rate in zip(work, given_rates, strict=True):
        lr = _lifted(recording, call, rate)
        leaves += [p._node for p in flat.parameters if isinstance(p._node, Leaf) and p._node.grad is not None]
        flat.apply(optimizer.update, optimizer.param_groups[number], lr, gradients, without, recording.capture)
    misses = optimizer.COUNTS_STEPS and len(work) < sum(map(len, optimizer._flats))
    if optimizer.COUNTS_STEPS:
        optimizer.miss(work)
        if any(without for _, _, _, without in work):
            recording.leave_out()  # the next step finds these weights in other memory
    optimizer.finish()
    for flats in optimizer._flats:
        for flat in flats:
            for array in flat.state.values():
                recording.memory.refresh(array)  # tiny state may have been set to zero
    recording.note(_end_of_step(optimizer, leaves, updated if misses else None))
    recording.updates.append(id(optimizer))


def _note_passing(recording: Any, optimizer: Optimizer) -> None:
    """Note numbers of groups that the step has changed so far: it may restore them, as a context manager does.

    A run works rates out of the groups as they are before it. So these are numbers of the next recording.
    """
    changed = recording.reach.guards.changing().items()
    new = {at: place for at, place in changed if any(place is group for group in optimizer.param_groups)}
    if new.keys() - recording.reach.counters:
        recording.passing |= new
        recording.leave_out()


def _end_of_step(optimizer: Optimizer, leaves: list[Leaf], missed: Work | None) -> Call:
    """The call at the end of each run: weights are marked as written, and the step is counted."""

    def finish() -> None:
        mark_written(leaves)
        if missed is not None:
            optimizer.miss(missed)
        optimizer.finish()

    return Call(Host("finish", finish, owner=optimizer), (), {}, [], [])


def _lifted(recording: Any, call: Call, given: Any) -> Any:
    """The rates of one flat array, or the one, as results of the call that works them out."""
    lifted = []
    for i, rate in enumerate(_numbers(given)):
        value = recording.program.new(RATE, rate)
        value.name = "rate" if not isinstance(given, tuple) else f"rate_{i}"
        call.results.append(value)
        lifted.append(Recorded(recording, rate, value))
    return tuple(lifted) if isinstance(given, tuple) else lifted[0]


def _settled(recording: Any, optimizer: Optimizer) -> dict[Any, Any]:
    """What this step has put in the places of numbers of groups, where those change from call to call: constants.

    A program reads groups as they are before it runs, and puts there what the step has put only when it is over.
    """
    lifted = recording.reach.counters
    return {
        (i, key): x
        for i, group in enumerate(optimizer.param_groups)
        for key, x in group.items()
        if (id(group), key) in lifted and not isinstance(x, NumberStand)
    }


@contextmanager
def _set(optimizer: Optimizer, numbers: dict[Any, Any]) -> Iterator[None]:
    """Inside, groups have other numbers: by the number of the group and the name."""
    groups = optimizer.param_groups
    before = {(i, key): groups[i][key] for i, key in numbers}
    try:
        for (i, key), x in numbers.items():
            groups[i][key] = x
        yield
    finally:
        for (i, key), x in before.items():
            groups[i][key] = x


def _check_rates(optimizer: Optimizer, given_rates: list[Any]) -> None:
    """Raise ``CompileError`` where a rate, or the update itself, depends on what a program cannot follow."""
    if {"iterations", "current_lr"} & set(type(optimizer).update.__code__.co_names):
        raise CompileError(
            f"mg.compile: {type(optimizer).__name__}.update reads iterations, which changes from step to step: put "
            "what depends on it into rates(self, group), which update gets as lr"
        )
    if any(isinstance(rate, NumberStand) for several in given_rates for rate in _numbers(several)):
        raise CompileError(
            f"mg.compile: a rate of {type(optimizer).__name__} is set in the step, or worked out by its schedule, "
            f"from a number that changes from call to call:\n  {user_line()}\nwrite a schedule of "
            "the count of steps alone, lr=lambda step: ..., or set it outside of the compiled function"
        )


def rates_of(optimizer: Optimizer, work: Work) -> tuple[float, ...]:
    """The numbers that an optimizer works out for its next step, of all that it updates."""
    numbers: list[float] = []
    for number, flat, _, _ in work:
        numbers += _numbers(optimizer.rates_of(number, flat))
    return tuple(numbers)


def _numbers(rates: Any) -> tuple[float, ...]:
    return rates if isinstance(rates, tuple) else (rates,)
