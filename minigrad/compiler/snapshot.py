"""The state before a call that may have to be made once more: all that a step may change, as copies."""

from __future__ import annotations

import dis
import itertools
from collections.abc import Callable
from operator import is_
from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad import random
from minigrad.compiler.guards.code_names import is_library
from minigrad.compiler.guards.generator_proxies import put_back as to_state
from minigrad.compiler.guards.generator_proxies import state_of
from minigrad.compiler.guards.python_state import is_sequence
from minigrad.core.graph import Leaf
from minigrad.core.trees import mapped_all

if TYPE_CHECKING:
    from minigrad.compiler.guards.reachable import Reach

#: What an optimizer or a schedule may count in.
COUNTS = (int, float, str, type(None))


#: Bytes of data that are copied to be put back, at most.
_ROOM = 2**28


def may_have_numbers(reach: Reach) -> bool:
    """Whether numbers that a step is called with may be inputs: it could be put back, and it asks for no types."""
    return "type" not in reach.mentioned and may_be_put_back(reach)


def may_be_put_back(reach: Reach) -> bool:
    """Whether the plain arrays that a step may write are not too many to be copied."""
    return sum(array.nbytes for _, array in reach.plain_arrays if array.flags.writeable) <= _ROOM


def counting(optimizers: list[Any]) -> list[Any]:
    """Optimizers, their flat arrays, and schedules that are objects: the objects whose counts a step moves on."""
    rates = [group.get("lr") for optimizer in optimizers for group in optimizer.param_groups]
    flats = [flat for optimizer in optimizers for flat in itertools.chain.from_iterable(optimizer._flats)]
    return [*optimizers, *flats, *[rate for rate in rates if callable(rate) and hasattr(rate, "__dict__")]]


def counts_of(x: Any) -> dict[str, Any]:
    """The counts of one of these."""
    return {key: value for key, value in vars(x).items() if isinstance(value, COUNTS)}


def remembered(reach: Reach, arguments: Any) -> Callable[[], None]:
    """What puts tensors, gradients, arrays, optimizers and generators back as they are now; also arguments."""
    leaves = {tensor._node: None for tensor in reach.tensors if isinstance(tensor._node, Leaf)}
    gradients = [(leaf, leaf.grad, None if leaf.grad is None else leaf.grad.copy()) for leaf in leaves]
    tensors = [(tensor, tensor._array, tensor._node) for tensor in reach.tensors]
    flats = [flat for optimizer in reach.optimizers for flat in itertools.chain.from_iterable(optimizer._flats)]
    reached = [array for _, array in reach.arrays] + [array for flat in flats for array in flat.state.values()]
    arguments = (arguments, [counter.get() for counter in reach.counters.values()])
    mapped_all(
        lambda x: reached.append(np.asarray(getattr(x, "_array", x))) if hasattr(x, "dtype") else None, arguments
    )
    arrays = [(array, array.copy()) for array in {id(x): x for x in reached}.values() if array.flags.writeable]
    counts = [(x, counts_of(x)) for x in counting(reach.optimizers)]
    layouts = [(optimizer, optimizer._flats, [*optimizer._apart]) for optimizer in reach.optimizers]
    bits = [(generator, generator.state) for _, generator in reach.generators]
    package = [(generator.bit_generator, generator.bit_generator.state) for generator in random.package_generator]
    streams = [(stream, state_of(stream)) for stream in reach.streams]
    numbers = [(counter, counter.get()) for counter in reach.counters.values()]
    grown = [(reads.original, list(reads.original)) for reads in reach.spied.values() if is_sequence(reads.original)]

    def put_back() -> None:
        for tensor, data, node in tensors:
            tensor._array, tensor._node = data, node
        for array, content in arrays:
            array[...] = content
        for leaf, gradient, was in gradients:
            leaf.grad = gradient
            if was is not None and gradient is not None and gradient.flags.writeable:
                gradient[...] = was
        for x, values in counts:
            vars(x).update(values)
        for optimizer, laid, apart in layouts:
            optimizer._flats, optimizer._apart = laid, apart
        for generator, state in (*bits, *package):
            generator.state = state
        for stream, state in streams:
            to_state(stream, state)
        for place, number in numbers:
            place.put(number)
        for items, before in grown:
            if len(items) != len(before) or not all(map(is_, items, before)):
                items.clear()
                items.extend(before)
        reach.guards.put_back()

    return put_back


def prepared(optimizers: list[Any]) -> Callable[[], None]:
    """Lay the parameters of optimizers out for a recording; gives what undoes it where the step has made no step."""
    undone = [
        (optimizer, optimizer.iterations, [(p, p._array) for group in optimizer.param_groups for p in group["params"]])
        for optimizer in optimizers
        if not optimizer._flats
    ]
    for optimizer in optimizers:
        optimizer.prepare()
    laid = [(optimizer, optimizer._flats) for optimizer, _, _ in undone]

    def undo() -> None:
        for (optimizer, count, before), (_, flats) in zip(undone, laid, strict=True):
            if optimizer._flats is not flats or optimizer.iterations != count:
                continue  # a step was made, or somebody else has laid them out again
            optimizer._flats = []
            for p, data in before:
                if p._array is not data and p._array.shape == data.shape and data.flags.writeable:
                    data[...] = p._array
                    p._array = data

    return undo


def is_own_error(error: Exception) -> bool:
    """Whether a line of the user's raises an error by itself, so that no number that stands for another is its cause.

    Then there is no need to run the step once more with the very numbers.
    """
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None or is_library(trace.tb_frame.f_code.co_filename):
        return False
    return dis.opname[trace.tb_frame.f_code.co_code[trace.tb_lasti]] in ("RAISE_VARARGS", "RERAISE")
