"""The bodies of loops and branches for all members of a batch of ``vmap``, where a program has each body once.

Arrays of a batch become arrays with an axis for the members, behind that of the steps. What all members have in common
stays so: a state that differs from member to member after the second step alone is taken to differ from the first on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minigrad.batching.moving import physical
from minigrad.batching.rules import made, mine
from minigrad.core.batches import Batch

#: A function of lists of arrays that gives one.
Body = Callable[[list[Any]], list[Any]]


class MoreDifferError(Exception):
    """More results differ from member to member than was thought: the bodies are recorded again."""

    def __init__(self, batch: Batch) -> None:
        super().__init__()
        self.batch = batch


def loop_over_members(batch: Batch, repeat: Callable[..., list[Any]]) -> Callable[..., list[Any]]:
    """``repeat(body, state, rows)`` for all members of a batch."""

    def of_all(body: Body, state: list[Any], rows: list[Any]) -> list[Any]:
        differs, of_rows = _which(batch, state), _which(batch, rows)
        flags: list[bool] = []

        def of_members(arrays: list[Any]) -> list[Any]:
            results = body(_entered(batch, arrays, [*differs, *of_rows]))
            flags[:] = _which(batch, results)
            flags[: len(differs)] = _grown(batch, differs, flags[: len(differs)])
            return _whole(batch, results, flags)

        def run() -> list[Any]:
            each = zip(_whole(batch, rows, of_rows), of_rows, strict=True)
            moved = [np.moveaxis(x, 0, 1) if flag else x for x, flag in each]
            return repeat(of_members, _whole(batch, state, differs), moved)

        results = _until_known(batch, run)
        behind = [flag and number >= len(state) for number, flag in enumerate(flags)]
        whole = [np.moveaxis(x, 1, 0) if flag else x for x, flag in zip(results, behind, strict=True)]
        return _entered(batch, whole, flags)

    return of_all


def choice_over_members(batch: Batch, choose: Callable[..., list[Any]]) -> Callable[..., list[Any]]:
    """``choose(bodies, operands)`` for all members of a batch, which all take the same branch."""

    def of_all(bodies: Sequence[Body], operands: list[Any]) -> list[Any]:
        of_operands = _which(batch, operands)
        flags: list[bool] = []

        def of_members(body: Body) -> Body:
            def run(arrays: list[Any]) -> list[Any]:
                results = body(_entered(batch, arrays, of_operands))
                flags.extend([False] * (len(results) - len(flags)))
                _grown(batch, flags, _which(batch, results))
                return _whole(batch, results, flags)

            return run

        made_of = [of_members(body) for body in bodies]
        results = _until_known(batch, lambda: choose(made_of, _whole(batch, operands, of_operands)))
        return _entered(batch, results, flags)

    return of_all


def _which(batch: Batch, arrays: Sequence[Any]) -> list[bool]:
    return [mine(batch, x) for x in arrays]


def _entered(batch: Batch, arrays: Sequence[Any], flags: Sequence[bool]) -> list[Any]:
    return [made(batch, x) if flag else x for x, flag in zip(arrays, flags, strict=True)]


def _whole(batch: Batch, arrays: Sequence[Any], flags: Sequence[bool]) -> list[Any]:
    return [physical(batch, x) if flag else x for x, flag in zip(arrays, flags, strict=True)]


def _grown(batch: Batch, flags: list[bool], others: Sequence[bool]) -> list[bool]:
    """The flags, where nothing differs that was thought not to. Else they are set, and ``MoreDifferError`` raised."""
    grown = [one or other for one, other in zip(flags, others, strict=True)]
    if grown != flags:
        flags[:] = grown
        raise MoreDifferError(batch)
    return grown


def _until_known(batch: Batch, run: Callable[[], list[Any]]) -> list[Any]:
    while True:
        try:
            return run()
        except MoreDifferError as error:
            if error.batch is not batch:
                raise
