"""A run that goes on says what is not as it was, and refuses what cannot be right."""

import random
import signal
import warnings

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, optim, train
from minigrad.data import DataLoader
from minigrad.errors import DataError, StateError
from minigrad.files import Checkpoints
from tests.train.designs import DESIGNS, model, outcome, trainer_of
from tests.train.runs import Crash, Stop, X, Y, differences

pytest.importorskip("safetensors", reason="checkpoints need safetensors (pip install safetensors)")


@pytest.mark.parametrize("name", DESIGNS)
@pytest.mark.slow
def test_designs_go_on_from_any_step_to_the_same_bits(name, tmp_path, monkeypatch):
    """Ended twice, by an error in the loop itself, after steps that chance picks."""
    left = None
    pause = train.loop.Run._pause

    def counted(self):
        nonlocal left
        ended = pause(self)
        if left is not None:
            left -= 1
            if left <= 0:
                raise Stop
        return ended

    def started(folder, every):
        folder.mkdir(exist_ok=True)
        mg.manual_seed(1)
        random.seed(2)
        np.random.seed(3)
        return DESIGNS[name](folder, every)

    monkeypatch.setattr(train.loop.Run, "_pause", counted)
    whole = started(tmp_path / "whole", 2)
    every, ended = random.choice([1, 2, 3]), []
    for _ in range(2):
        left = random.randrange(1, whole["step"] // 2)
        ended.append(left)
        with pytest.raises(Stop):
            started(tmp_path / "killed", every)
    left = None
    assert differences(whole, started(tmp_path / "killed", every)) == [], f"ended after {ended}, saved every {every}"


# -- what has changed -----------------------------------------------------------------------------------


class Own(nn.Module):
    """A model of the user's own, whose forward is code."""

    def __init__(self, scale=1.0, activation=mg.relu):
        own = np.random.default_rng(0)
        self.scale, self.activation = scale, activation
        self.hidden, self.output = nn.Linear(4, 8, generator=own), nn.Linear(8, 3, generator=own)

    def forward(self, x):
        return self.output(self.hidden(x).relu() * self.scale)


class Halved(nn.Module):
    """A loss around another one."""

    def __init__(self, inner):
        self.inner = inner

    def forward(self, prediction, target):
        return self.inner(prediction, np.eye(3, dtype=np.float32)[target]) / 2


class Times(train.Callback):
    """Multiplies gradients."""

    def __init__(self, factor):
        self.factor = factor

    def on_gradients(self, trainer):
        for p in trainer.model.parameters():
            p.grad = p.grad * np.float32(self.factor)


class Vectorized:
    def __init__(self, function):
        self.function = np.vectorize(function, otypes=["float32"])

    def __call__(self, batch):
        return self.function(batch[0]), batch[1]


def frozen_net():
    net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, 3))
    net[0].weight.requires_grad_(False)
    return net


class OtherForward(Own):
    def forward(self, x):
        return self.output(self.hidden(x).tanh() * self.scale)


OtherForward.__qualname__ = "Own"  # the same class after an edit


def parts(**changed):
    """What a script trains with, and one thing otherwise."""
    made = {
        "net": lambda: nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, 3)),
        "loss": nn.CrossEntropyLoss,
        "optimizer": lambda p: optim.Adam(p, lr=0.01),
        "data": lambda: DataLoader((X, Y), batch_size=5, shuffle=True, seed=1),
        "validation": lambda: (X[:9], Y[:9]),
        "options": {},
        "callbacks": list,
    }
    return {**made, **changed}


def started(made, folder, callbacks=(), epochs=2):
    mg.manual_seed(0)
    net = made["net"]()
    trainer = train.Trainer(net, made["optimizer"](net.parameters()), made["loss"](), **made["options"])
    trainer.resume(folder)
    callbacks = [*made["callbacks"](), *callbacks]
    trainer.fit(made["data"](), epochs, made["validation"](), callbacks, folder, "none", checkpoint_every=1)
    return trainer


OTHER_X = X.copy()
OTHER_X[[2, 20], 1] += 1
OTHER_Y = Y.copy()
OTHER_Y[7] = (OTHER_Y[7] + 1) % 3
REFUSED = {
    "optimizer": ({}, {"optimizer": lambda p: optim.SGD(p)}),
    "layer": ({}, {"net": lambda: nn.Sequential(nn.Linear(4, 7), nn.ReLU(), nn.Dropout(0.2), nn.Linear(7, 3))}),
    "batch_size": ({}, {"data": lambda: DataLoader((X, Y), 6, shuffle=True, seed=1)}),
    "shuffle": ({}, {"data": lambda: DataLoader((X, Y), 5, seed=1)}),
    "samples": ({}, {"data": lambda: DataLoader((X[1:], Y[1:]), 5, shuffle=True, seed=1)}),
    "metrics": ({}, {"options": {"metrics": [train.Accuracy()]}}),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_go_on_is_refused(name, tmp_path):
    before, after = REFUSED[name]
    before = parts(**before)
    with pytest.raises(Stop):
        started(before, tmp_path, [Crash(2)])
    kept = [path.read_bytes() for path in Checkpoints(tmp_path).paths()]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        with pytest.raises(StateError):
            started({**before, **after}, tmp_path)
    assert [path.read_bytes() for path in Checkpoints(tmp_path).paths()] == kept


def test_an_iterable_that_gives_other_batches_is_noticed(tmp_path):
    class Data:
        def __init__(self, x):
            self.rows = x.tolist()

        def __iter__(self):
            return ((np.array(self.rows[i : i + 5], np.float32), Y[i : i + 5]) for i in range(0, len(self.rows), 5))

    with pytest.raises(Stop):
        started(parts(data=lambda: Data(X)), tmp_path, [Crash(2)])
    with (
        pytest.warns(UserWarning, match=r"train\.rows was list"),
        pytest.warns(UserWarning, match="batch 1 of train is not the one that the run trained on"),
    ):
        started(parts(data=lambda: Data(OTHER_X)), tmp_path)
    with pytest.raises(Stop):
        started(parts(data=lambda: Data(X)), tmp_path / "short", [Crash(6)])
    with (
        pytest.warns(UserWarning, match="other settings"),
        pytest.raises(DataError, match=r"trained on 5 batches .*, and train gives only 2 now"),
    ):
        started(parts(data=lambda: Data(X[:10])), tmp_path / "short")


# -- whose folder it is -----------------------------------------------------------------------------------


def test_a_folder_of_another_run_is_refused(tmp_path):
    trainer = trainer_of(model())
    trainer.fit((X, Y), 1, checkpoint_dir=tmp_path, progress="none")
    kept = {path: path.read_bytes() for path in Checkpoints(tmp_path).paths()}
    other = trainer_of(model(1))
    with pytest.raises(StateError, match="holds checkpoints of another run, which this one would delete"):
        other.fit((X, Y), 5, checkpoint_dir=tmp_path / "." / "", progress="none")
    assert {path: path.read_bytes() for path in Checkpoints(tmp_path).paths()} == kept
    assert other.step == 0
    trainer.fit((X, Y), 1, checkpoint_dir=tmp_path, progress="none")  # its own
    other.resume(tmp_path)
    for epochs in (1, 3):
        other.fit((X, Y), epochs, checkpoint_dir=tmp_path, progress="none")
    assert other.step == 4
    Checkpoints(tmp_path / "own").save({"step": 1}, 1)
    with pytest.raises(StateError, match="holds checkpoints"):
        trainer_of(model()).fit((X, Y), 1, checkpoint_dir=tmp_path / "own", progress="none")


# -- several fits -------------------------------------------------------------------------------------------


def two(folder, first=None, second=None, epochs=(2, 2), crash=None, dirs=(True, True)):
    """A script of two fits on two sets of data."""
    trainer = trainer_of(model())
    trainer.resume(folder)
    callbacks = [Crash(crash)] if crash else []
    returned = []
    for data, count, has_folder in zip((first or (X, Y), second or (OTHER_X, OTHER_Y)), epochs, dirs, strict=True):
        history = trainer.fit(
            data, count, callbacks=callbacks, checkpoint_dir=folder if has_folder else None, progress="none"
        )
        returned.append(list(history["epoch"]))
        trainer.optimizer.lr *= 0.5
    return trainer, returned


@pytest.mark.parametrize("dirs", [(True, True), (False, True)])
def test_a_fit_that_is_over_returns_at_once_with_its_history(dirs, tmp_path):
    whole, returned = two(tmp_path / "whole", dirs=dirs)
    assert returned == [[1, 2], [1, 2, 3, 4]]
    with pytest.raises(Stop):
        two(tmp_path / "run", crash=4, dirs=dirs)
    again, returned = two(tmp_path / "run", dirs=dirs)
    assert returned == [[1, 2], [1, 2, 3, 4]]
    assert differences(outcome(whole), outcome(again)) == []
    assert differences(outcome(whole), outcome(two(tmp_path / "run", dirs=dirs)[0])) == []  # nothing is left to do


def test_fits_with_and_without_a_folder_on_other_data_each(tmp_path):
    def script(folder, crash=None):
        trainer = trainer_of(model())
        trainer.resume(folder)
        callbacks = [Crash(crash)] if crash else []
        for number in range(4):
            here = None if number % 2 else folder
            trainer.fit(
                (X + np.float32(number), Y),
                2,
                None,
                callbacks,
                here,
                "none",
                **({"checkpoint_every": 1} if here else {}),
            )
        return outcome(trainer)

    mg.manual_seed(0)
    whole = script(tmp_path / "whole")
    for at in (2, 6, 7):
        mg.manual_seed(0)
        with pytest.raises(Stop):
            script(tmp_path / "run", at)
    mg.manual_seed(0)
    assert differences(whole, script(tmp_path / "run")) == []


@pytest.mark.parametrize(
    ("other", "says"),
    [({"first": (OTHER_X, OTHER_Y)}, "train was"), ({"epochs": (3, 2)}, "epochs were 2, and are 3")],
)
def test_other_fits_than_those_of_the_run_are_refused(other, says, tmp_path):
    with pytest.raises(Stop):
        two(tmp_path, crash=4)
    with pytest.raises(
        StateError, match=f"written in fit 2 of the run, and this is its fit 1, which was another: {says}"
    ):
        two(tmp_path, **other)


# -- what no checkpoint can hold ------------------------------------------------------------------------------


class Reading(train.Callback):
    def __init__(self, held):
        self.held = held


# -- attributes -------------------------------------------------------------------------------------------------


class Restarting(train.Callback):
    """Begins anew in ``on_fit_start``, as many do that do not think of resuming."""

    def on_fit_start(self, trainer):
        self.steps = 0
        self.rate = trainer.optimizer.lr
        trainer.model[0].requires_grad_(False)
        trainer.model[1].eval()

    def on_step(self, trainer):
        self.steps += 1
        trainer.optimizer.lr = self.rate / (1 + self.steps)
        if self.steps == 3:
            trainer.model[0].requires_grad_()
            trainer.model[1].train()


def test_what_on_fit_start_sets_is_set_to_where_the_run_was(tmp_path):
    def script(folder, *callbacks):
        trainer = trainer_of(model())
        trainer.resume(folder)
        trainer.fit(DataLoader((X, Y), 5), 2, None, [Restarting(), *callbacks], folder, "none", checkpoint_every=1)
        return outcome(trainer)

    mg.manual_seed(0)
    whole = script(tmp_path / "whole")
    for at in (2, 5, 9):
        mg.manual_seed(0)
        with pytest.raises(Stop):
            script(tmp_path / "run", Crash(at))
    mg.manual_seed(0)
    assert differences(whole, script(tmp_path / "run")) == []


def test_on_resume_puts_there_what_no_checkpoint_holds(tmp_path):
    class Exchange(train.Callback):
        def __init__(self, knows):
            self.knows, self.activation = knows, None

        def on_epoch_start(self, trainer):
            if trainer.epoch == 1:
                self.exchange(trainer)

        def exchange(self, trainer):
            trainer.model.layers[1] = nn.Softplus()

        def on_resume(self, trainer):
            if self.knows and trainer.epoch >= 1:
                self.exchange(trainer)

    class Net(nn.Module):
        def __init__(self):
            own = np.random.default_rng(0)
            self.layers = [nn.Linear(4, 8, generator=own), nn.Tanh(), nn.Linear(8, 3, generator=own)]

        def forward(self, x):
            for layer in self.layers:
                x = layer(x)
            return x

    def script(folder, *callbacks, knows=True):
        trainer = trainer_of(Net())
        trainer.resume(folder)
        callbacks = [Exchange(knows), *callbacks]
        trainer.fit(DataLoader((X, Y), 5), 2, None, callbacks, folder, "none", checkpoint_every=1)
        return outcome(trainer)

    mg.manual_seed(0)
    whole = script(tmp_path / "whole")
    with pytest.raises(Stop):
        script(tmp_path / "run", Crash(10))
    with pytest.raises(StateError, match=r"the checkpoint has model\.layers\.1.*, which this run has not.*on_resume"):
        script(tmp_path / "run", knows=False)
    mg.manual_seed(0)
    assert differences(whole, script(tmp_path / "run")) == []


def test_what_is_made_on_the_way_is_said_and_refused(tmp_path):
    class Result:
        def __init__(self, loss):
            self.loss = loss

    class Keep(train.Callback):
        def __init__(self):
            self.best = None

        def on_step(self, trainer):
            if trainer.step == 3:
                self.best = Result(trainer.loss_value)

    def script(*callbacks):
        trainer = trainer_of(model())
        trainer.resume(tmp_path)
        trainer.fit(DataLoader((X, Y), 5), 1, None, [Keep(), *callbacks], tmp_path, "none", checkpoint_every=1)

    with (
        pytest.warns(UserWarning, match=r"callbacks\.Keep\.0\.best\.loss: made on the way") as caught,
        pytest.raises(Stop),
    ):
        script(Crash(6))
    assert len(caught) == 1
    with pytest.raises(StateError, match=r"the checkpoint has callbacks\.Keep\.0\.best\.loss, which this run has not"):
        script()


def test_what_is_changed_ahead_of_time_is_said(tmp_path):
    class Counting:
        def __init__(self):
            self.seen, self.cache = 0, {}

        def __len__(self):
            return len(X)

        def __getitem__(self, index):
            self.seen += 1
            for key in range(50):  # grows and shrinks under the eyes of whoever looks
                self.cache[index, key] = key
            for key in range(50):
                del self.cache[index, key]
            return X[index], Y[index]

    loader = DataLoader(Counting(), 5, prefetch=3, threads=2)
    with pytest.warns(
        UserWarning, match=r"train\.dataset\.seen.* changes while batches are made ahead of time"
    ) as caught:
        trainer_of(model()).fit(loader, 3, None, (), tmp_path, "none", checkpoint_every=1)
    assert len(caught) == 1


def test_keys_with_dots_are_kept_apart(tmp_path):
    class Holds(train.Callback):
        def __init__(self):
            self.held = {
                "a.b": 0,
                "a": {"b": 0, "other": self},
                "rng.x": np.random.default_rng(0),
                "rng": Reading(None),
            }
            self.held["rng"].x = np.random.default_rng(1)

        def on_step(self, trainer):
            self.held["a.b"] += 1
            self.held["a"]["b"] += 100 + self.held["rng.x"].integers(5) - self.held["rng"].x.integers(5)

    def script(folder, *callbacks):
        trainer, holds = trainer_of(model(p=0.0)), Holds()
        trainer.resume(folder)
        trainer.fit(DataLoader((X, Y), 5), 1, None, [holds, *callbacks], folder, "none", checkpoint_every=1)
        return holds.held["a.b"], holds.held["a"]["b"]

    whole = script(tmp_path / "whole")
    with pytest.raises(Stop):
        script(tmp_path / "run", Crash(4))
    assert script(tmp_path / "run") == whole


# -- in one process ---------------------------------------------------------------------------------------------


def test_an_iterator_goes_on_where_it_stands_in_the_same_process():
    def stream():
        rng = np.random.default_rng(1)
        for i in range(12):
            yield X[i : i + 5] + rng.random(), Y[i : i + 5]

    class Press(train.Callback):
        at = 5

        def on_step(self, trainer):
            if trainer.step == self.at:
                signal.raise_signal(signal.SIGINT)

    whole = trainer_of(model(p=0.0))
    whole.fit(stream(), 1, progress="none")
    stopped, data = trainer_of(model(p=0.0)), stream()
    stopped.fit(data, 1, None, [Press()], progress="none")
    assert stopped.step == 5
    stopped.fit(data, 1, progress="none")
    assert stopped.step == 12
    assert differences(whole.model.state_dict(), stopped.model.state_dict()) == []


def test_other_data_does_not_go_on_with_a_fit_that_was_interrupted(tmp_path):
    class Press(train.Callback):
        def on_step(self, trainer):
            if trainer.step == 3:
                signal.raise_signal(signal.SIGTERM)

    trainer = trainer_of(model())
    trainer.fit(DataLoader((X, Y), 5), 2, None, [Press()], tmp_path, "none")
    with pytest.raises(StateError, match="the fit that was interrupted is not over, and was on other data"):
        trainer.fit(DataLoader((OTHER_X, Y), 5), 1, None, (), tmp_path, "none")
    assert trainer.step == 3
    trainer.fit(DataLoader((X, Y), 5), 2, None, (), tmp_path, "none")
    assert trainer.step == 14


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_after_the_last_step_leaves_a_fit_that_is_over(number, tmp_path):
    class Press(train.Callback):
        def __init__(self, stops):
            self.stops = stops

        def on_record(self, trainer, record):
            if trainer.epoch == 2:
                signal.raise_signal(number)
                if self.stops:
                    trainer.stop("enough")

    for stops in (False, True):
        trainer = trainer_of(model())
        folder = tmp_path / str(stops)
        trainer.fit(DataLoader((X, Y), 5), 4 if stops else 2, None, [Press(stops)], folder, "none")
        assert trainer.is_over
        trainer.fit(DataLoader((OTHER_X, Y), 5), 3, None, (), folder, "none")
        assert trainer.epoch == 5


def test_every_so_many_steps_also_where_one_of_them_ends_an_epoch(tmp_path, monkeypatch):
    saved = []
    save = Checkpoints.save
    monkeypatch.setattr(Checkpoints, "save", lambda self, state, step: saved.append(step) or save(self, state, step))
    trainer = trainer_of(model(), accumulate=3)
    trainer.fit(DataLoader((X, Y), 5), 4, checkpoint_dir=tmp_path, checkpoint_every=3, progress="none")
    assert saved == [3, 6, 9, 12]  # 7 batches are 3 steps


# -- older checkpoints ------------------------------------------------------------------------------------------


# -- what is said, and where ----------------------------------------------------------------------------


@pytest.mark.parametrize("other", ["model", "optimizer", "metrics", "data"])
def test_what_does_not_fit_says_which_folder_and_what_to_do(other, tmp_path):
    def go_on(model, optimizer, metrics, rows, at=None):
        trainer = train.Trainer(model, optimizer(model.parameters()), nn.CrossEntropyLoss(), metrics)
        trainer.resume(tmp_path)
        loader = DataLoader((X[:rows], Y[:rows]), batch_size=8)
        trainer.fit(loader, 2, callbacks=[Crash(at)], checkpoint_dir=tmp_path, checkpoint_every=1, progress="none")

    usual = {"model": Own(), "optimizer": optim.Adam, "metrics": [], "rows": 32}
    with pytest.raises(Stop):
        go_on(**usual, at=2)
    changed = {
        "model": {"model": nn.Linear(4, 3)}, "optimizer": {"optimizer": optim.SGD},
        "metrics": {"metrics": [train.Accuracy()]}, "data": {"rows": 24},
    }  # fmt: skip
    with pytest.raises(StateError) as caught:
        go_on(**{**usual, "model": Own(), **changed[other]})
    (note,) = caught.value.__notes__
    assert str(tmp_path) in note
    assert note.endswith("To begin anew, pass another folder to resume and fit")


def test_a_warning_names_the_line_that_called_fit(tmp_path):
    """However deep in the package its cause is found."""

    def go_on(lr, at=None):
        own = Own()
        trainer = train.Trainer(own, optim.Adam(own.parameters(), lr=lr), nn.CrossEntropyLoss())
        trainer.resume(tmp_path)
        trainer.fit((X, Y), 4, callbacks=[Crash(at)], checkpoint_dir=tmp_path, checkpoint_every=1, progress="none")

    with pytest.raises(Stop):
        go_on(0.1, at=2)
    with pytest.warns(UserWarning, match=r"optimizer.lr was 0.1, and is 0.2") as told:
        go_on(0.2)
    fit = go_on.__code__.co_firstlineno + 4
    assert [(w.filename, w.lineno) for w in told] == [(__file__, fit)]
