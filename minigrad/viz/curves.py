"""``curves(history)``: how losses, metrics and rates went over the epochs."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from minigrad.errors import DataError
from minigrad.support.idioms import told
from minigrad.viz.pictures import COLORS, new_figure, saved

#: Columns that are no curves: they count, or measure the machine.
LEFT_OUT = frozenset({"epoch", "steps", "skipped", "seconds"})
COLUMNS = 3  # panels in a row


@told
def curves(history: Any, path: str | os.PathLike[str] | None = None) -> Any:
    """A matplotlib ``Figure`` with a panel for each quantity: its curve on training data, and on validation data.

    ``history`` is what ``Trainer.fit`` gave, or a dict of columns, or a list of records. The best validation value is
    marked where the name says what is better: the least of a loss or error, the largest of an accuracy or score. A rate
    has a logarithmic axis. ``path`` is where to write the picture, its format by its ending.

    Raises ``DataError`` where there is nothing to draw, ``ImportError`` without matplotlib (extra ``plots``).

    >>> figure = mg.viz.curves({"loss": [1.0, 0.5, 0.3]})
    >>> [panel.get_title() for panel in figure.axes]
    ['loss']
    """
    columns = columns_of(history)
    epochs = np.asarray(columns.get("epoch", np.arange(1, 1 + max(map(len, columns.values()), default=0))), float)
    drawn = {name: values for name, values in columns.items() if name not in LEFT_OUT and is_curve(values)}
    names = list(dict.fromkeys(name.removeprefix("val_") for name in drawn))
    if not names:
        raise DataError("there is nothing to draw: the history has no epoch with a number in it")
    rows = -(-len(names) // COLUMNS)
    figure = new_figure(4.2 * min(len(names), COLUMNS), 3.0 * rows)
    panels = list(figure.subplots(rows, min(len(names), COLUMNS), squeeze=False).flat)
    for name, panel in zip(names, panels, strict=False):
        _panel(panel, name, epochs, drawn)
    for panel in panels[len(names) :]:
        panel.set_visible(False)
    return saved(figure, path)


#: Words of names: a quantity is better the less, or the more, there is of it.
_LESS = frozenset(
    "bce brier cer cost crps deviance distance divergence ece eer entropy err error errors fid hausdorff hinge kl kld "
    "loss losses mae mape mse msle nll penalty perplexity ppl regret residual rmse rmsle smape wer".split()
)
_MORE = frozenset(
    "acc accuracy ap auc auprc auroc bleu cider corr correlation dcg dice elbo f1 f2 fbeta fscore gini iou jaccard "
    "kappa likelihood map mcc meteor miou mrr ndcg pearson precision psnr r2 recall reward rouge score sensitivity "
    "spearman specificity ssim tnr tpr".split()
)
_ENDINGS = re.compile(r"(?:(?P<less>loss|error|mse|mae)|(?P<more>accuracy|score))$")


def direction(name: str) -> str | None:
    """Whether a quantity of this name is better the less there is of it, "min", or the more, "max"; None if unknown.

    The last word that is known decides, as in ``accuracy_loss``; ``neg_`` before it turns it round.

    >>> from minigrad.viz.curves import direction
    >>> [direction(name) for name in ("val_loss", "top_5_accuracy", "neg_mean_squared_error", "my_measure")]
    ['min', 'max', 'max', None]
    """
    words = re.findall(r"[a-z]+\d*", re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower())
    way = None
    for word in words:
        bare = word.rstrip("0123456789")
        ending = _ENDINGS.search(bare)
        if {word, bare} & _LESS or (ending and ending["less"]):
            way = "min"
        elif {word, bare} & _MORE or (ending and ending["more"]):
            way = "max"
    if way and {"neg", "negative"} & set(words):
        return "max" if way == "min" else "min"
    return way


def _panel(panel: Any, name: str, epochs: np.ndarray, columns: Mapping[str, Any]) -> None:
    marker = "." if len(epochs) <= 30 else ""
    held_out = columns.get(f"val_{name}")
    if name in columns:
        panel.plot(epochs, columns[name], color=COLORS[0], linewidth=1.6, marker=marker, label="training")
    if held_out is not None:
        better, label = direction(name), "validation"
        if better:
            best = int(np.nanargmin(held_out) if better == "min" else np.nanargmax(held_out))
            label = f"validation, best {held_out[best]:.4g}"
            panel.plot(epochs[best], held_out[best], "o", color=COLORS[1], markersize=7, fillstyle="none")
        panel.plot(epochs, held_out, color=COLORS[1], linewidth=1.6, marker=marker, label=label)
        panel.legend(frameon=False, fontsize=9)
    if name.startswith("lr"):
        shown = columns[name][np.isfinite(columns[name])]
        panel.set_yscale("log" if shown.min() > 0 and shown.max() > shown.min() else "linear")
    panel.set_title(name.replace("_", " "), fontsize=11)
    panel.set_xlabel("epoch")
    panel.margins(y=0.1)
    panel.grid(alpha=0.3)
    panel.xaxis.get_major_locator().set_params(integer=True)
    panel.spines[["top", "right"]].set_visible(False)


def columns_of(history: Any) -> dict[str, Sequence[Any]]:
    """The columns of a history, a dict of columns, or a list of records."""
    if hasattr(history, "to_dict"):
        history = history.to_dict()
    elif isinstance(history, Sequence) and all(isinstance(record, Mapping) for record in history):
        names = dict.fromkeys(name for record in history for name in record)
        history = {name: [record.get(name) for record in history] for name in names}
    if not isinstance(history, Mapping):
        raise DataError(
            "expected the history that fit gave (trainer.history), a dict of columns or a list of records, got "
            f"{type(history).__name__}"
        )
    columns: dict[str, Any] = {}
    for name, values in history.items():
        plain = [float("nan") if value is None else value for value in values]
        columns[str(name)] = np.asarray(plain) if all(np.ndim(value) == 0 for value in plain) else plain
    return columns


def is_curve(values: Any) -> bool:
    """Whether these are numbers, at least one of them finite."""
    return isinstance(values, np.ndarray) and values.dtype.kind in "iuf" and bool(np.isfinite(values).any())
