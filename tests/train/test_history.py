"""A history is data, and the same after saving."""

import numpy as np
import pytest

import minigrad as mg
from minigrad.errors import StateError
from minigrad.train import History
from tests.train.runs import X, Y
from tests.train.test_progress import fit


def test_a_history_is_data():
    history = fit(3, progress="none", validation=(X, Y))
    assert len(history) == 3
    assert list(history) == history.records
    assert history["epoch"] == [1, 2, 3]
    assert history.to_dict()["val_loss"] == history["val_loss"]
    assert repr(history).startswith("History(3 epochs; the last: epoch=3, steps=3, loss=")
    assert repr(History()) == "History(0 epochs)"
    with pytest.raises(KeyError, match="no 'lr'; it has epoch, steps, loss"):
        history["lr"]
    with pytest.raises(KeyError, match="no epoch yet"):
        History()["loss"]


def test_a_history_goes_into_pandas():
    pandas = pytest.importorskip("pandas", reason="needs pandas (pip install pandas)")
    history = fit(3, progress="none")
    frame = pandas.DataFrame(history.records)
    assert frame["loss"].tolist() == history["loss"]
    assert pandas.DataFrame(history.to_dict()).shape == frame.shape


def test_a_saved_history_is_the_same(tmp_path):
    pytest.importorskip("safetensors", reason="files need safetensors (pip install safetensors)")
    records = [
        {"epoch": 1, "loss": 0.1, "text": "a", "big": 2**70, "matrix": np.eye(2)},
        {"epoch": 2, "loss": float("inf"), "late": 3.0, "flag": True},
        {"epoch": 3, "loss": 1 / 3, "late": 4, "none": None},
    ]
    mg.save(tmp_path / "history", History(records).state_dict())
    again = History([{"epoch": 9}])
    again.load_state_dict(mg.load(tmp_path / "history"))
    assert again.names == History(records).names
    for one, other in zip(again.records, records, strict=True):
        np.testing.assert_array_equal(one.pop("matrix", 0), other.get("matrix", 0))
        assert one == {name: value for name, value in other.items() if name != "matrix"}
        assert [type(one[name]) for name in one] == [type(other[name]) for name in one]
    with pytest.raises(StateError, match="has epochs and columns"):
        again.load_state_dict({"loss": [1]})
