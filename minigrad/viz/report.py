"""``report(history, model)``: a finished run as one page."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

import minigrad
from minigrad.core.stands import shown
from minigrad.core.tensor import Tensor
from minigrad.errors import DataError, DTypeError
from minigrad.support.idioms import told
from minigrad.viz.curves import columns_of, direction, is_curve
from minigrad.viz.page import Page, filled, inside_script
from minigrad.viz.pictures import COLORS
from minigrad.viz.summaries import summary

#: Points of a curve, at most: more than a screen has in width.
POINTS = 1000
#: Columns that count, and are no curves.
_COUNTS = frozenset({"epoch", "steps"})


class Report(Page):
    """A finished run, or several: a notebook shows it, ``.html`` is the page, ``save("run.html")`` writes it."""

    def __init__(self, title: str, data: dict[str, Any]) -> None:
        super().__init__(title)
        self._data = data

    @property
    def html(self) -> str:
        """The page, which needs nothing else."""
        data = json.dumps(self._data, separators=(",", ":"), ensure_ascii=False)
        return filled("report.html", {"TITLE": html.escape(self.title), "DATA": inside_script(data)})

    def __repr__(self) -> str:
        return f"<{self.title}: .html, .save(path)>"


@told
def report(history: Any, model: Any = None, facts: Mapping[str, Any] | None = None) -> Report:
    """One page of a finished run: what it reached, its curves, its weights, its settings.

    ``history`` is what ``Trainer.fit`` gave, a dict of columns, or a list of records; a dict of such, by name, puts
    several runs beside each other. ``model`` is the Module, or its ``state_dict``: its weights are shown as histograms
    and heat maps, and their gradients where they have one. ``facts`` are settings and other things to note.

    >>> mg.viz.report({"loss": [1.0, 0.5], "val_loss": [1.1, 0.7]})
    <the report of a run: .html, .save(path)>

    Raises ``DataError`` for a history without an epoch, ``DTypeError`` for a model that is not a Module.
    """
    runs = {name: columns_of(one) for name, one in _runs(history).items()}
    shown_runs = [_run(name, columns) for name, columns in runs.items()]
    if not any(run["curves"] for run in shown_runs):
        raise DataError("there is nothing to report: the history has no epoch with a number in it")
    told = {"minigrad": minigrad.__version__, "numpy": np.__version__} | {
        str(name): str(value) for name, value in (facts or {}).items()
    }
    data = {"runs": shown_runs, "weights": _weights(model), "facts": told, "colors": COLORS}
    return Report("the report of a run" if len(runs) == 1 else f"the report of {len(runs)} runs", data)


def _runs(history: Any) -> dict[str, Any]:
    """Several histories by name, or the one that was given."""
    if isinstance(history, Mapping) and history and all(map(_is_history, history.values())):
        return {str(name): one for name, one in history.items()}
    return {"": history}


def _is_history(x: Any) -> bool:
    """Whether a value of a dict is a history, and not a column of numbers."""
    records = isinstance(x, Sequence) and bool(x) and all(isinstance(record, Mapping) for record in x)
    return isinstance(x, Mapping) or hasattr(x, "to_dict") or records


def _run(name: str, columns: Mapping[str, Any]) -> dict[str, Any]:
    """The curves of a run, thinned, and what it reached."""
    curves = {one: np.asarray(values, float) for one, values in columns.items() if is_curve(values)}
    epochs = curves.get("epoch", np.arange(1.0, 1 + max(map(len, curves.values()), default=0)))
    curves = {one: values for one, values in curves.items() if one not in _COUNTS}
    chosen = np.unique(np.linspace(0, max(len(epochs) - 1, 0), min(len(epochs), POINTS)).round().astype(int))
    reached = {}
    for one, values in curves.items():
        finite = np.isfinite(values)
        if finite.any():
            reached[one] = [_number(values[finite][-1]), None, None]
            better = direction(one)
            if better:
                places = np.flatnonzero(finite)
                best = places[values[finite].argmin() if better == "min" else values[finite].argmax()]
                reached[one][1:] = [_number(values[best]), _number(epochs[best])]
    return {
        "name": name,
        "epochs": [_number(epochs[i]) for i in chosen],
        "curves": {one: [_number(values[i]) for i in chosen] for one, values in curves.items()},
        "reached": reached,
    }


def _number(x: float) -> float | None:
    """A number of six digits for JSON, which has none that is not finite."""
    return float(f"{x:.6g}") if np.isfinite(x) else None


def _weights(model: Any) -> list[dict[str, Any]]:
    """The arrays of a model, or of its state, in small; with gradients where there are some."""
    if model is None:
        return []
    if hasattr(model, "named_parameters"):
        named = [(name, p._array, p.grad) for name, p in model.named_parameters()]
    elif isinstance(model, Mapping):
        named = [(str(name), x._array if isinstance(x, Tensor) else x, None) for name, x in model.items()]
    else:
        raise DTypeError(f"report(history, model): model is a Module or its state_dict, got {type(model).__name__}")
    rows = []
    for name, values, gradient in named:
        array = np.asarray(shown(values))
        if array.dtype.kind in "biufc" and array.size:
            one = {"n": name, "s": f"{array.shape} {array.dtype}", "v": summary(array)}
            rows.append(one if gradient is None else one | {"d": summary(np.asarray(gradient))})
    return rows
