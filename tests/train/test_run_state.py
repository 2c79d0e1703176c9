"""What a run consists of and how far it is: what the loop, a checkpoint and callbacks are given."""

import ast
import math
from pathlib import Path

import numpy as np
import pytest

import minigrad
from minigrad import nn, optim, train
from minigrad.train.run_state import RunState, Totals

X = np.random.default_rng(0).normal(size=(8, 2)).astype("float32")
Y = (X[:, 0] > 0).astype(int)


def trainer(**options):
    model = nn.Linear(2, 2, generator=np.random.default_rng(1))
    return train.Trainer(model, optim.SGD(model.parameters(), lr=0.1), nn.CrossEntropyLoss(), **options)


def test_totals_weigh_batches_by_their_rows():
    totals = Totals()
    assert math.isnan(totals.mean())
    totals.add(1.0, 3, False)
    totals.add(5.0, 1, False)
    assert totals.mean() == 2
    again = Totals()
    again.load_state_dict(totals.state_dict())
    assert again.mean() == 2
    totals.reset()
    totals.add(4.0, 3, True)
    assert totals.mean() == 4


def test_callbacks_are_given_the_state_of_the_run():
    seen = []

    class Looks(train.Callback):
        def on_fit_start(self, run):
            seen.append((run, run.begins, run.is_over))

        def on_step(self, run):
            seen.append((run.step, run.batch, run.evaluate((X, Y))["loss"] > 0))
            run.stop("enough")

    made = trainer()
    made.fit((X, Y), 3, callbacks=[Looks()], progress="none")
    assert isinstance(made, RunState)
    assert seen == [(made, True, False), (1, 1, True)]
    assert (made.stopped, made.is_over, made.epoch) == ("enough", True, 0)


@pytest.mark.parametrize("model", [lambda: nn.Linear(2, 2, dtype="float64"), lambda: nn.Linear(2, 2)])
def test_the_dtype_is_that_of_the_weights(model):
    model = model()
    run = train.Trainer(model, optim.SGD(model.parameters()), nn.CrossEntropyLoss())
    assert run.dtype() == model.weight.dtype
    assert run.modules() == {"model": model, "loss": run.loss}


def test_programs_are_made_once_for_each_backend():
    run = trainer(compile=True)
    assert run.compute([])[0] is run.compute([])[0]
    run.compile = False
    assert run.compute([]) != trainer(compile=True).compute([])


def test_no_file_below_knows_the_trainer():
    """Annotations neither: the state is what they are given."""
    folder = Path(minigrad.__file__).parent / "train"
    files = [file for file in folder.rglob("*.py") if file.name not in ("__init__.py", "trainer.py")]
    assert len(files) > 15
    for file in files:
        found = [node.module for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.ImportFrom)]
        assert "minigrad.train.trainer" not in found, file.name


def test_what_goes_on_uses_nothing_private_of_it():
    for name in ("resuming.py", "loop.py", "state.py"):
        tree = ast.parse((Path(minigrad.__file__).parent / "train" / name).read_text())
        names = [
            x.attr
            for x in ast.walk(tree)
            if isinstance(x, ast.Attribute)
            and isinstance(x.value, ast.Name)
            and x.value.id in ("trainer", "run")
            and x.attr.startswith("_")
        ]
        assert names == []
