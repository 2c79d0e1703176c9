"""``report``: the page of a run from the folder of its checkpoints."""

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, optim, train
from minigrad.command import main
from minigrad.files import Checkpoints


@pytest.fixture
def folder(tmp_path):
    draw = np.random.default_rng(0)
    x, y = draw.standard_normal((40, 2)).astype("float32"), np.arange(40) % 2
    mg.manual_seed(0)
    model = nn.Linear(2, 2)
    trainer = train.Trainer(model, optim.SGD(model.parameters(), lr=0.25), nn.CrossEntropyLoss(), [train.Accuracy()])
    trainer.fit((x, y), epochs=3, checkpoint_dir=tmp_path / "run", progress="none")
    return tmp_path


def test_a_run_from_its_checkpoints(folder, capsys):
    assert main(["report", str(folder / "run"), "--output", str(folder / "page.html")]) == 0
    assert f"is in {folder / 'page.html'}" in capsys.readouterr().out
    page = (folder / "page.html").read_text()
    for text in ('"loss"', '"accuracy"', '"weight"', "lr=0.25", "CrossEntropyLoss", '"epochs":[1.0,2.0,3.0]'):
        assert text in page


def test_several_stand_side_by_side(folder, capsys):
    (folder / "run").rename(folder / "first")
    second = folder / "second"
    for path in Checkpoints(folder / "first").paths():
        second.mkdir(exist_ok=True)
        (second / path.name).write_bytes(path.read_bytes())
    output = folder / "page.html"
    assert main(["report", str(folder / "first"), str(second), "--output", str(output)]) == 0
    assert "the report of 2 runs" in capsys.readouterr().out
    assert output.read_text().count('"name":"') == 2
    assert output.read_text().count('"python"') == 1  # a fact that both share


@pytest.mark.parametrize("kind", ["missing", "empty", "another"])
def test_what_is_no_run(kind, tmp_path, capsys):
    folder, output = tmp_path / "run", tmp_path / "page.html"
    said = "holds no checkpoints"
    if kind == "empty":
        folder.mkdir()
    if kind == "another":
        Checkpoints(folder).save({"step": 1}, 1)
        said = "holds no checkpoints of a Trainer"
    assert main(["report", str(folder), "--output", str(output)]) == 1
    assert said in capsys.readouterr().err
    assert not output.exists()
