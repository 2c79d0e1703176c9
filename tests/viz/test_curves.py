"""Curves of a history, by what matplotlib was told to draw."""

import numpy as np
import pytest

from minigrad import train, viz
from minigrad.errors import DataError

pytest.importorskip("matplotlib", reason="pictures need matplotlib (pip install matplotlib)")


def drawn(figure):
    """{title: {label of a curve: its values}} of the panels that are visible."""
    return {
        panel.get_title(): {
            line.get_label(): np.asarray(line.get_ydata()).tolist()
            for line in panel.lines if not line.get_label().startswith("_")
        }
        for panel in figure.axes if panel.get_visible()
    }  # fmt: skip


def test_each_quantity_has_a_panel_with_its_curves():
    history = train.History(
        [
            {"epoch": e, "steps": 9, "loss": 1 / e, "val_loss": 2 / e, "accuracy": e / 9, "lr": 0.1 / e, "seconds": 1.0,
             "confusion_matrix": np.eye(2), "dead_units": 0}
            for e in range(1, 5)
        ]
    )  # fmt: skip
    figure = history.plot()
    panels = drawn(figure)
    assert list(panels) == ["loss", "accuracy", "lr", "dead units"]
    assert panels["loss"] == {"training": history["loss"], "validation, best 0.5": history["val_loss"]}
    assert [panel.get_yscale() for panel in figure.axes[:4]] == ["linear", "linear", "log", "linear"]


@pytest.mark.parametrize(("name", "best"), [("val_accuracy", "0.9"), ("val_mae", "0.1"), ("val_wer", "0.1")])
def test_the_best_value_is_the_least_of_an_error_and_the_largest_of_anything_else(name, best):
    figure = viz.curves({name: [0.5, 0.9, float("nan"), 0.1]})
    assert [text.get_text() for text in figure.axes[0].get_legend().get_texts()] == [f"validation, best {best}"]


def test_columns_and_records_are_drawn_too_and_gaps_stay_gaps(tmp_path):
    figure = viz.curves([{"loss": 1.0}, {"other": 2.0}, {"loss": 0.5}], tmp_path / "curves.svg")
    assert list(drawn(figure)) == ["loss", "other"]
    assert "<svg" in (tmp_path / "curves.svg").read_text(encoding="utf-8")
    assert figure._repr_png_().startswith(b"\x89PNG")
    assert viz.curves({"lr": [0.0, 0.1]}).axes[0].get_yscale() == "linear"


@pytest.mark.parametrize("nothing", [train.History(), {"epoch": [1, 2]}, [], {"text": ["a"]}])
def test_nothing_to_draw(nothing):
    with pytest.raises(DataError, match="nothing to draw"):
        viz.curves(nothing)


def test_what_is_no_history():
    with pytest.raises(DataError, match="got int"):
        viz.curves(3)
