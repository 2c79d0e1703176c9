"""Which calls of ``vmap`` are under way here and now: what is drawn, written or learned inside asks for them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NoReturn

from minigrad.core.graph import Leaf, next_order
from minigrad.errors import BatchError

_numbers = itertools.count()


class Batch:
    """One call of ``vmap``: how many members it has, when it began, and which tensors were written to in it."""

    __slots__ = ("number", "size", "start", "written")

    def __init__(self, size: int) -> None:
        self.number: int = next(_numbers)  # a later batch lies within an earlier one, if they meet at all
        self.size = size
        self.start = next_order()  # what has a higher order was there before
        self.written: list[Any] = []  # (weak reference to a tensor, its data and node before)


_active: ContextVar[tuple[Batch, ...]] = ContextVar("minigrad_batches", default=())

#: The batches in which code runs here and now, the outermost first; mostly none.
active = _active.get


@contextmanager
def inside(batches: tuple[Batch, ...]) -> Iterator[None]:
    """Run code as the members of these batches."""
    token = _active.set(batches)
    try:
        yield
    finally:
        _active.reset(token)


def refuse_effect(what: str, instead: str) -> None:
    """Raise ``BatchError`` inside of ``vmap`` for what each member would do to the world outside."""
    if active():
        _refuse(what, instead)


def refuse_gradients(gradients: Mapping[Leaf, Any]) -> None:
    """Raise ``BatchError`` where ``.grad`` from outside of ``vmap`` would be written inside, or by what has left it."""
    for leaf, g in gradients.items():
        batch = getattr(g, "batch", None)
        if batch is not None and leaf.made > batch.start and batch not in active():
            raise BatchError(
                "vmap: a tensor has left a function of one member in another way than as its result (in a list, an "
                "attribute), and its gradient differs from member to member: return it from the function instead"
            )
    if any(leaf.made > batch.start for leaf in gradients for batch in active()):
        _refuse(
            "the .grad of a tensor from outside is written, as by backward()",
            "write mg.grad or mg.autograd.grad, and return the gradient; or call backward() on what vmap gives",
        )


def _refuse(what: str, instead: str) -> NoReturn:
    raise BatchError(f"vmap: {what}, which each member of the batch would do in its turn: {instead}")
