"""``History``: what each epoch gave, as data."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from minigrad.errors import StateError
from minigrad.support.idioms import refuse_names
from minigrad.viz import curves


class History:
    """A record for each epoch: a dict of its number, loss, metrics, values that callbacks added, and seconds.

    ``records`` is the list of records; ``pandas.DataFrame(history.records)`` makes a frame of it. ``history["loss"]``
    is one column.

    >>> history = train.History([{"epoch": 1, "loss": 0.7}, {"epoch": 2, "loss": 0.5}])
    >>> history["loss"]
    [0.7, 0.5]
    >>> history.to_dict()
    {'epoch': [1, 2], 'loss': [0.7, 0.5]}
    """

    def __init__(self, records: list[dict[str, Any]] | None = None) -> None:
        self.records: list[dict[str, Any]] = records or []

    @property
    def names(self) -> list[str]:
        """The names of the columns, in the order of their first appearance."""
        return list(dict.fromkeys(name for record in self.records for name in record))

    def to_dict(self) -> dict[str, list[Any]]:
        """The columns: for each, a list of one value per epoch, None where an epoch has no value."""
        return {name: [record.get(name) for record in self.records] for name in self.names}

    def plot(self, path: str | os.PathLike[str] | None = None) -> Any:
        """The curves of losses, metrics and rates over the epochs: see ``minigrad.viz.curves``."""
        return curves(self, path)

    def __getitem__(self, name: str) -> list[Any]:
        column = [record.get(name) for record in self.records]
        if name not in self.names:
            raise KeyError(f"the history has no {name!r}; it has {', '.join(self.names) or 'no epoch yet'}")
        return column

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self.records)

    def __len__(self) -> int:
        return len(self.records)

    def __repr__(self) -> str:
        last = ", ".join(f"{name}={shown(value)}" for name, value in self.records[-1].items()) if self.records else ""
        return f"History({len(self)} epochs{f'; the last: {last}' if last else ''})"

    def _repr_html_(self) -> str:
        """What a notebook shows: the first and the last epochs, with curves."""
        from minigrad.viz.notebook import history_html  # noqa: PLC0415 - a notebook alone needs it

        return history_html(self)

    # -- saving -------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """The columns, as arrays where they hold numbers: {name: {"values": ..., "rows": ...}}."""
        columns = {}
        for name in self.names:
            rows = [number for number, record in enumerate(self.records) if name in record]
            values = [self.records[number][name] for number in rows]
            whole = len(rows) == len(self.records)
            columns[name] = {"values": _compact(values), "rows": None if whole else np.array(rows, np.int64)}
        return {"epochs": len(self), "columns": columns}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Replace the records by those of the state."""
        if not isinstance(state, Mapping) or set(state) != {"epochs", "columns"}:
            raise StateError("the state of a history has epochs and columns")
        records: list[dict[str, Any]] = [{} for _ in range(state["epochs"])]
        for name, column in state["columns"].items():
            rows = range(len(records)) if column["rows"] is None else column["rows"].tolist()
            values = column["values"]
            for row, value in zip(rows, values if isinstance(values, list) else values.tolist(), strict=True):
                records[row][name] = value
        self.records[:] = records


refuse_names(History, "a History")


def _compact(values: list[Any]) -> Any:
    """The values as an array, where they are floats: ten thousand take less room and time than as text."""
    kinds = set(map(type, values))
    if kinds == {float}:
        return np.array(values, np.float64)
    if kinds == {int} and all(abs(value) < 2**63 for value in values):
        return np.array(values, np.int64)
    return values


def shown(value: Any) -> str:
    """A value of a record in a line of text."""
    if isinstance(value, float):
        return f"{value:.4g}"
    return f"array{value.shape}" if isinstance(value, np.ndarray) and value.ndim else str(value)
