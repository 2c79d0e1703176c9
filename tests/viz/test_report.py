"""A finished run as a page."""

import json
import re
import shutil
import subprocess

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, train
from minigrad.errors import DataError, DTypeError, FileError
from minigrad.viz.report import POINTS


def data_of(page):
    return json.loads(re.search(r'<script id="data" type="application/json">(.*?)</script>', page.html, re.DOTALL)[1])


def test_what_was_reached():
    history = {"epoch": [1, 2, 3], "loss": [1.0, 0.4, 0.5], "val_accuracy": [0.1, 0.3, np.nan], "note": ["a", "b", "c"]}
    [run] = data_of(mg.viz.report(history))["runs"]
    assert run["reached"] == {"loss": [0.5, 0.4, 2], "val_accuracy": [0.3, 0.3, 2]}
    assert run["curves"] == {"loss": [1.0, 0.4, 0.5], "val_accuracy": [0.1, 0.3, None]}
    assert run["epochs"] == [1, 2, 3]


@pytest.mark.parametrize(
    "history",
    [
        train.History([{"epoch": 1, "loss": 0.5}]),
        {"loss": [0.5]},
        [{"loss": 0.5}],
    ],
)
def test_every_kind_of_history_alone_and_beside_others(history):
    assert [run["name"] for run in data_of(mg.viz.report(history))["runs"]] == [""]
    both = mg.viz.report({"a": history, "b": history})
    assert [run["name"] for run in data_of(both)["runs"]] == ["a", "b"]
    assert repr(both) == "<the report of 2 runs: .html, .save(path)>"


def test_weights_and_gradients_of_a_model_and_of_its_state():
    model = nn.Linear(3, 2)
    model(mg.ones((4, 3))).sum().backward()
    shown = data_of(mg.viz.report({"loss": [1.0]}, model))["weights"]
    assert [one["n"] for one in shown] == ["weight", "bias"]
    assert shown[1]["d"]["lo"] == shown[1]["d"]["hi"] == 4
    of_state = data_of(mg.viz.report({"loss": [1.0]}, model.state_dict()))["weights"]
    assert [one["v"] for one in of_state] == [one["v"] for one in shown]


def test_a_long_run_is_thinned():
    [run] = data_of(mg.viz.report({"loss": np.linspace(1, 0, 5000)}))["runs"]
    assert len(run["epochs"]) == len(run["curves"]["loss"]) == POINTS
    assert run["epochs"][-1] == 5000


def test_facts_are_text_that_cannot_leave_its_place():
    page = mg.viz.report({"loss": [1.0]}, facts={"</script>": "<b>"})
    assert page.html.count("</script>") == 2
    assert data_of(page)["facts"]["</script>"] == "<b>"
    assert data_of(page)["facts"]["numpy"] == np.__version__


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (lambda: mg.viz.report([]), DataError, "nothing to report"),
        (lambda: mg.viz.report({"loss": [np.nan]}), DataError, "nothing to report"),
        (lambda: mg.viz.report(3), DataError, "expected the history that fit gave"),
        (lambda: mg.viz.report({"loss": [1.0]}, 3), DTypeError, "model is a Module or its state_dict, got int"),
        (lambda: mg.viz.report({"loss": [1.0]}).save("x.png"), FileError, "is saved as .html, got 'x.png'"),
    ],
)
def test_what_cannot_be_reported(call, error, match):
    with pytest.raises(error, match=match):
        call()


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node, to parse the script")
def test_the_script_is_one(tmp_path):
    script = tmp_path / "report.js"
    script.write_text(mg.viz.report({"loss": [1.0]}).html.rpartition("<script>")[2].partition("</script>")[0])
    subprocess.run([shutil.which("node"), "--check", script], check=True)
