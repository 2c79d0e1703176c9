"""What a step does besides arithmetic: steps of optimizers, and notes that data has changed. It runs at each replay."""

from __future__ import annotations

from typing import Any

from minigrad.anomaly import user_line
from minigrad.compiler.program import RATE, Call, Host
from minigrad.compiler.recorder import Recorded
from minigrad.errors import CompileError
from minigrad.graph import Leaf
from minigrad.optim.flat import mark_written
from minigrad.optim.optimizer import Optimizer
from minigrad.tensor import Tensor


def assign(recording: Any, tensor: Tensor, new: Any) -> None:
    """``p.data = new`` inside the step: as what ``p.data *= 0.9`` ends with it is recorded, else refused."""
    if not isinstance(new, Recorded) or new.array is not tensor._data:
        raise CompileError(
            f"mg.compile: other data is assigned to a tensor in the step:\n  {user_line()}\nwrite into it, "
            "p.data[...] = x, or assign outside the compiled function"
        )
    if isinstance(tensor._node, Leaf):
        leaves = [tensor._node]
        mark_written(leaves)
        recording.note(Call(Host("finish", lambda: mark_written(leaves)), (), {}, [], []))


def update(recording: Any, optimizer: Optimizer) -> None:
    """A step of an optimizer: its rates are worked out in each run, its arithmetic is recorded."""
    if {"iterations", "current_lr"} & set(type(optimizer).update.__code__.co_names):
        raise CompileError(
            f"mg.compile: {type(optimizer).__name__}.update reads iterations, which changes from step to step: put "
            "what depends on it into rates(self, group), which update gets as lr"
        )
    recording.see([p._node for group in optimizer.param_groups for p in group["params"] if isinstance(p._node, Leaf)])
    given_rates = [optimizer.rates(group) for group in optimizer.param_groups]  # all of them before anything is written
    optimizer.current_lr = optimizer._rate(optimizer.param_groups[0])

    def rates() -> tuple[float, ...]:
        optimizer.current_lr = optimizer._rate(optimizer.param_groups[0])
        return rates_of(optimizer)

    call = Call(Host("rates", rates, owner=optimizer), (), {}, [], [])
    recording.note(call)
    leaves: list[Leaf] = []
    for group, flats, given in zip(optimizer.param_groups, optimizer._flats, given_rates, strict=True):
        lifted = []
        for i, number in enumerate(_numbers(given)):
            value = recording.program.new(RATE, number)
            value.name = "rate" if not isinstance(given, tuple) else f"rate_{i}"
            call.results.append(value)
            lifted.append(Recorded(recording, number, value))
        for flat in flats:
            leaves += [p._node for p in flat.parameters if isinstance(p._node, Leaf) and p._node.grad is not None]
            flat.apply(
                optimizer.update, group, tuple(lifted) if isinstance(given, tuple) else lifted[0], recording.capture
            )
    optimizer.finish()

    def finish() -> None:
        mark_written(leaves)
        optimizer.finish()

    for flats in optimizer._flats:
        for flat in flats:
            for array in flat.state.values():
                recording.memory.refresh(array)  # tiny state may have been set to zero
    recording.note(Call(Host("finish", finish), (), {}, [], []))


def rates_of(optimizer: Optimizer) -> tuple[float, ...]:
    """The numbers that an optimizer works out for its next step, of all groups."""
    return tuple([number for group in optimizer.param_groups for number in _numbers(optimizer.rates(group))])


def _numbers(rates: Any) -> tuple[float, ...]:
    return rates if isinstance(rates, tuple) else (rates,)
