"""Which calls of ``vmap`` and which loops are under way: what is drawn, written or learned inside asks for them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NoReturn

from minigrad.core.graph import Leaf, next_order
from minigrad.errors import BatchError, GraphError

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


class Body:
    """A function that ``mg.scan`` and the like run once for each step: a program has it once."""

    __slots__ = ("name", "start")

    def __init__(self, name: str) -> None:
        self.name = name
        self.start = next_order()


_body: ContextVar[Body | None] = ContextVar("minigrad_body", default=None)

#: The innermost body that runs here and now, or None.
body = _body.get


@contextmanager
def within(name: str) -> Iterator[None]:
    """Run code as the body of a loop, or as one of two branches."""
    token = _body.set(Body(name))
    try:
        yield
    finally:
        _body.reset(token)


def refuse_in_body(what: str, instead: str) -> None:
    """Raise ``GraphError`` inside of a loop's body for what it does besides giving a result."""
    now = body()
    if now is not None:
        raise GraphError(f"{now.name}: {what} in a function that a program has once, for all steps: {instead}")


def refuse_effect(what: str, instead: str) -> None:
    """Raise inside of ``vmap``, or of a loop's body, for what each member or step would do to the world outside."""
    refuse_in_body(what, instead)
    if active():
        _refuse(what, instead)


_GRAD = "the .grad of a tensor from outside is written, as by backward(),"


def refuse_gradients(gradients: Mapping[Leaf, Any]) -> None:
    """Raise ``BatchError`` where ``.grad`` from outside of ``vmap`` would be written inside, or by what has left it."""
    now = body()
    if now is not None and any(leaf.made > now.start for leaf in gradients):
        refuse_in_body(_GRAD, "write mg.grad and return the gradient; or call backward() on the result of the loop")
    for leaf, g in gradients.items():
        batch = getattr(g, "batch", None)
        if batch is not None and leaf.made > batch.start and batch not in active():
            raise BatchError(
                "vmap: a tensor has left a function of one member in another way than as its result (in a list, an "
                "attribute), and its gradient differs from member to member: return it from the function instead"
            )
    if any(leaf.made > batch.start for leaf in gradients for batch in active()):
        _refuse(
            _GRAD, "write mg.grad or mg.autograd.grad, and return the gradient; or call backward() on what vmap gives"
        )


def _refuse(what: str, instead: str) -> NoReturn:
    raise BatchError(f"vmap: {what.rstrip(',')}, which each member of the batch would do in its turn: {instead}")
