"""A run that is interrupted in any way goes on to the same bits as one that is not."""

import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, optim, train
from minigrad.errors import StateError
from minigrad.files import Checkpoints
from minigrad.train import state
from minigrad.train.state import of_run
from tests.train.runs import OPTIMIZERS, Crash, Run, Stop, X, Y, differences

pytest.importorskip("safetensors", reason="checkpoints need safetensors (pip install safetensors)")

ROOT = Path(__file__).parents[2]
SETTINGS = [
    {},
    {"accumulate": 3},
    {"prefetch": 2},
    {"loader": "list"},
    {"loader": "pair"},
    {"compiled": True, "loader": "list"},
    {"compiled": True, "accumulate": 2},
]


class PressCtrlC(train.Callback):
    def __init__(self, at, times=1, number=signal.SIGINT):
        self.at, self.times, self.number = at, times, number

    def on_step(self, trainer):
        if trainer.step == self.at:
            for _ in range(self.times):
                signal.raise_signal(self.number)


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.slow
def test_a_run_that_fails_at_a_random_step_goes_on_in_another_process_to_the_same_bits(optimizer, settings, tmp_path):
    whole = Run(optimizer, **settings).fit(3)
    at = random.randrange(1, whole["step"] + 1)
    with pytest.raises(Stop):
        Run(optimizer, callbacks=[Crash(at)], **settings).fit(3, tmp_path, checkpoint_every=random.choice([1, 2, 3]))
    mg.manual_seed(random.randrange(1000))  # the new process has drawn other numbers
    assert differences(whole, Run(optimizer, **settings).fit(3, tmp_path)) == [], f"failed at step {at}"


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="the trials fork")
def test_processes_that_are_killed_at_random_moments_go_on_to_the_same_bits():
    command = [sys.executable, "-W", "error", "-m", "tests.benchmarks.kill_resume", "--trials", "24", "--json"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    trials = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(trials) == 24
    assert all(trial["differences"] == [] for trial in trials)


@pytest.mark.parametrize(("number", "name"), [(signal.SIGINT, "Ctrl-C"), (signal.SIGTERM, "SIGTERM")])
def test_ctrl_c_ends_after_the_step_with_a_checkpoint_and_says_how_to_go_on(number, name, tmp_path, capsys):
    whole = Run().fit(3)
    stopped = Run(callbacks=[PressCtrlC(at=9, number=number)])
    assert stopped.fit(3, tmp_path)["step"] == 9
    said = capsys.readouterr().err
    assert (
        f"Stopped by {name} after step 9 (epoch 2). To continue, also in another process: trainer.resume('{tmp_path}')"
        in said
    )
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    assert differences(whole, Run().fit(3, tmp_path)) == []
    stopped.trainer.fit(stopped.train, 3, stopped.validation, stopped.callbacks[:-1], progress="none")  # here, too
    assert differences(whole, stopped.outcome()) == []


def test_ctrl_c_without_a_folder_goes_on_in_the_same_process(capsys):
    stopped = Run(callbacks=[PressCtrlC(at=7)])
    stopped.fit(3)
    assert "The same fit(...) continues from there" in capsys.readouterr().err
    assert stopped.trainer.epoch == 0  # the last batch of the epoch is done, its validation is not
    stopped.callbacks.pop()
    assert differences(Run().fit(3), stopped.fit(3)) == []


def test_what_a_resumed_run_of_a_finished_one_does(tmp_path):
    whole = Run().fit(3, tmp_path)
    again = Run()
    assert differences(whole, again.fit(3, tmp_path)) == []  # nothing is left to do
    assert again.trainer.step == whole["step"]
    longer = Run().fit(5, tmp_path)  # two more
    assert differences(longer, Run().fit(5)) == []


def test_resume_says_whether_there_was_something(tmp_path):
    run = Run()
    assert run.trainer.resume(tmp_path / "nothing") is False
    run.fit(1, tmp_path)
    assert Run().trainer.resume(tmp_path) is True


def test_the_last_few_checkpoints_stay(tmp_path):
    Run().fit(2, tmp_path, checkpoint_every=1, keep=3)
    assert Checkpoints(tmp_path).steps() == [13, 14, 14]  # after the last step, and after the validation behind it


def test_by_default_the_first_epoch_is_saved_and_the_end(tmp_path, monkeypatch):
    saved = []
    save = Checkpoints.save
    monkeypatch.setattr(Checkpoints, "save", lambda self, state, step: saved.append(step) or save(self, state, step))
    Run().fit(3, tmp_path)
    assert saved[0] == 7
    assert saved[-1] == 21
    monkeypatch.setattr(train.loop, "PAUSE", 0.0)
    monkeypatch.setattr(train.loop, "SHARE", 0.0)
    saved.clear()
    Run().fit(1, tmp_path / "often")
    assert set(range(1, 8)) - set(saved) == set()


def changed(run, **parts):
    for name, value in parts.items():
        setattr(run.trainer, name, value)
    return run


def other_model():
    model = nn.Linear(4, 3)
    return train.Trainer(model, optim.Adam(model.parameters()), nn.CrossEntropyLoss(), [train.Accuracy(), train.F1()])


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (other_model, "does not fit Linear"),
        (lambda: changed(Run(), metrics=()).trainer, r"has the metrics \['accuracy', 'f1'\], and the trainer has \[\]"),
        (lambda: Run("SGD").trainer, "SGD"),
    ],
)
def test_a_checkpoint_of_something_else_changes_nothing(make, says, tmp_path):
    Run().fit(1, tmp_path)
    trainer = make()
    before = of_run(trainer)
    with pytest.raises(StateError, match=says):
        trainer.resume(tmp_path)
    assert differences(before, of_run(trainer)) == []


def test_other_files_generators_callbacks_and_versions_are_noticed(tmp_path, monkeypatch):
    Checkpoints(tmp_path / "other").save({"weights": 1}, 0)
    with pytest.raises(StateError, match="holds no checkpoints of a Trainer"):
        Run().trainer.resume(tmp_path / "other")
    Checkpoints(tmp_path / "fake").save({"format": state.FORMAT}, 0)
    with pytest.raises(StateError, match="holds no checkpoints of a Trainer"):
        Run().trainer.resume(tmp_path / "fake")

    Run(callbacks=[Crash(99)]).fit(1, tmp_path)
    quiet = Run()
    quiet.trainer.resume(tmp_path)
    del quiet.model[3].generator
    with pytest.raises(StateError, match=r"has generators at \['model.3.generator'\]"):
        quiet.trainer.fit(quiet.train, 2, quiet.validation, progress="none", callbacks=quiet.callbacks)

    whole = Run().fit(3)
    with pytest.raises(Stop):
        Run(callbacks=[Crash(10)]).fit(3, tmp_path / "long", checkpoint_every=4)
    wrong = Run()
    wrong.trainer.resume(tmp_path / "long")
    with pytest.raises(StateError, match="batch_size"):
        wrong.trainer.fit(mg.data.DataLoader((X, Y), 7, shuffle=True), 3, progress="none")
    with pytest.raises(StateError, match=r"begun on train data with a position of its own, .* and this is without one"):
        wrong.trainer.fit((X, Y), 3, progress="none")
    assert differences(whole, wrong.fit(3)) == []  # with the right loader it goes on as if nothing had happened

    fewer = Run()
    fewer.trainer.resume(tmp_path)
    with pytest.warns(
        UserWarning, match="has the state of EarlyStopping, GradientHealth, and fit got no such callback"
    ):
        fewer.trainer.fit(fewer.train, 2, fewer.validation, progress="none", callbacks=fewer.callbacks[:1])

    monkeypatch.setattr(np, "__version__", "0.1")
    with pytest.warns(UserWarning, match=r"numpy .*, now 0\.1"):
        assert Run().trainer.resume(tmp_path)


def test_buffers_of_a_loss_are_saved(tmp_path):
    class Loss(nn.Module):
        def __init__(self):
            self.calls = nn.Buffer(np.zeros((), np.float32))

        def forward(self, predictions, targets):
            self.calls.data[...] += 1
            return nn.functional.cross_entropy(predictions, targets)

    def trainer():
        model = nn.Linear(4, 3)
        return train.Trainer(model, optim.SGD(model.parameters()), Loss())

    trainer().fit((X, Y), 3, checkpoint_dir=tmp_path, progress="none")
    again = trainer()
    again.resume(tmp_path)
    assert again.loss.calls.data == 3
