"""``Trainer``: the same training as a loop written by hand, from all kinds of data, with clear ends."""

import os
import subprocess
import sys
import warnings

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, optim, train
from minigrad.compiler import backends
from minigrad.core import away
from minigrad.data import DataLoader
from minigrad.errors import (
    CompileError,
    DivergenceError,
    DTypeError,
    HyperparameterError,
    ShapeError,
    StateError,
)
from minigrad.train import Accuracy, Callback, Trainer
from tests.train.runs import OPTIMIZERS, X, Y, differences


def network(hidden=8, dtype=None, **options):
    rng = np.random.default_rng(0)
    return nn.Sequential(
        nn.Linear(4, hidden, generator=rng, dtype=dtype, **options), nn.Tanh(),
        nn.Linear(hidden, 3, generator=rng, dtype=dtype),
    )  # fmt: skip


def trainer(model=None, lr=0.1, loss=None, optimizer=optim.SGD, **options):
    model = network() if model is None else model
    return Trainer(model, optimizer(model.parameters(), lr=lr), loss or nn.CrossEntropyLoss(), **options)


def batches(size=5):
    return [(X[i : i + size], Y[i : i + size]) for i in range(0, len(X), size)]


def weights(model):
    return [p.data.tolist() for p in model.parameters()]


def by_hand(epochs, data, clip_norm=None, accumulate=1, **options):
    """The loop as one writes it oneself."""
    model = network(**options)
    optimizer, loss_fn = optim.SGD(model.parameters(), lr=0.1), nn.CrossEntropyLoss()
    for _ in range(epochs):
        for group in [data[i : i + accumulate] for i in range(0, len(data), accumulate)]:
            optimizer.zero_grad()
            for x, y in group:
                loss = loss_fn(model(mg.tensor(x)), y)
                if options:
                    loss = loss + model.regularization_loss()
                loss.backward()
            if len(group) > 1:
                for p in model.parameters():
                    p.grad = p.grad * np.float32(1 / len(group))
            if clip_norm is not None:
                optim.clip_grad_norm_(model.parameters(), clip_norm)
            optimizer.step()
    return model


# -- the same as by hand --------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"clip_norm": 0.1}, {"accumulate": 3}, {"compile": True}], ids=str)
def test_fit_gives_the_bits_of_a_loop_by_hand(options):
    ours = trainer(**options)
    ours.fit(batches(), 3, progress="none")
    expected = by_hand(3, batches(), **{name: value for name, value in options.items() if name != "compile"})
    assert weights(ours.model) == weights(expected)


@pytest.mark.native
@pytest.mark.parametrize("options", [{}, {"clip_norm": 0.1}, {"accumulate": 2}], ids=str)
def test_a_compiled_fit_has_the_same_bits_also_where_machine_code_is_preferred(options, monkeypatch):
    monkeypatch.setattr(backends, "AUTO", ("native", "numpy"))

    def fitted(compiled):
        rng = np.random.default_rng(1)
        model = nn.Sequential(nn.BatchNorm1d(4), network(weight_regularizer_l2=1e-3), nn.Dropout(0.2, rng))
        ours = trainer(model, optimizer=optim.Adam, compile=compiled, metrics=[Accuracy()], **options)
        history = ours.fit(DataLoader((X, Y), 5, shuffle=True, seed=0), 4, (X[:1], Y[:1]), progress="none")
        return ours, [{**record, "seconds": 0} for record in history.records]

    (ours, history), (eager, expected) = fitted(True), fitted(False)
    (programs,) = ours._programs.values()
    replayed = [program.stats()["replayed"] for program in programs]
    assert sum(replayed) > 10
    assert (replayed[2] == 0) == (
        "accumulate" in options
    )  # the optimizer's step is in the program where nothing comes before it
    assert history == expected
    assert differences(ours.model.state_dict(), eager.model.state_dict()) == []
    assert differences(ours.optimizer.state_dict(), eager.optimizer.state_dict()) == []


@pytest.mark.jax
def test_on_another_backend_all_of_a_step_is_a_program():
    pytest.importorskip("jax", reason="needs jax (pip install jax)")
    ours = trainer(compile="jax")
    ours.fit((X, Y), 5, progress="none")
    (programs,) = ours._programs.values()
    replayed = [program.stats()["replayed"] for program in programs]
    assert replayed == [0, 0, 5]  # the first two as well: a resumed run has the same bits
    assert any(lodging.is_away for lodging in away.LODGINGS)
    for p, expected in zip(ours.model.parameters(), by_hand(5, [(X, Y)]).parameters(), strict=True):
        np.testing.assert_allclose(p.data, expected.data, rtol=1e-4, atol=1e-6)


@pytest.mark.jax
def test_a_step_with_a_closure_finds_its_gradients_on_the_device():
    """Also when the optimizer remembers more than when its arrays went there."""
    pytest.importorskip("jax", reason="needs jax (pip install jax)")
    losses = []
    for backend in ({}, {"compile": "jax"}):
        mg.manual_seed(0)
        model = nn.Linear(X.shape[1], 3, dtype="float64")
        ours = train.Trainer(model, optim.LBFGS(model.parameters()), nn.CrossEntropyLoss(), **backend)
        losses.append(ours.fit((X.astype(float), Y), 4, progress="none")["loss"])
    np.testing.assert_allclose(*losses, rtol=1e-6)


F64 = "float64"


class Still(train.Callback):
    """Looks at gradients, so the optimizer's step is no part of the program."""

    def on_gradients(self, trainer):
        """Nothing."""


@pytest.mark.slow
@pytest.mark.jax
def test_a_step_that_is_one_program_is_that_of_two_halves():
    """Also its end where the loss is not finite, or the norm of the gradients of a loss that is."""
    pytest.importorskip("jax", reason="needs jax (pip install jax)")
    found = []
    for callbacks in ([], [Still()]):
        mg.manual_seed(0)
        x = np.random.default_rng(2).standard_normal((30, 4))
        model = nn.Sequential(nn.BatchNorm1d(4, dtype=F64), nn.Dropout(0.2), nn.Linear(4, 1, dtype=F64))
        ours = train.Trainer(model, optim.Adam(model.parameters(), 0.01), nn.MSELoss(), backend="jax", clip_norm=0.1)
        ours.fit(DataLoader((x, x[:, :1]), 10), 3, callbacks=callbacks, progress="none")
        with pytest.raises(DivergenceError, match="the loss is nan in step 10 ") as first:
            ours.fit((x, np.full((30, 1), np.nan)), 1, callbacks=callbacks, progress="none")
        model[-1].weight.data[...] = 1e100
        with pytest.raises(DivergenceError, match="the norm of the gradients is inf in step 10 ") as second:
            ours.fit((x, x[:, :1]), 1, callbacks=callbacks, progress="none")
        found.append(([str(first.value), str(second.value)], model.state_dict()))
    (said, state), (other_said, other) = found
    assert said == other_said
    for name in state:
        np.testing.assert_allclose(np.asarray(state[name]), np.asarray(other[name]), rtol=1e-12, err_msg=name)


def test_the_penalties_of_layers_are_minimised_and_not_reported():
    options = {"weight_regularizer_l2": 0.1, "bias_regularizer_l1": 0.1}
    ours = trainer(network(**options))
    first = trainer().fit((X, Y), 1, progress="none")["loss"]
    assert ours.fit(batches(), 3, progress="none")["loss"][0] != first[0]
    assert weights(ours.model) == weights(by_hand(3, batches(), **options))
    again = trainer(network(**options))
    assert again.fit((X, Y), 1, progress="none")["loss"] == first


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("hook", ["on_epoch_start", "on_step", "on_epoch_end", "on_record", "on_step within"])
def test_what_a_callback_changes_holds_from_the_next_step_on(hook, compiled):
    """A penalty where there was none, another loss, other options: as if they were changed between two fits."""
    name, _, within = hook.partition(" ")
    place = 6 if within else 8

    class Changes(Callback):
        def change(self, trainer, record=None):
            if trainer.step == place:
                change(trainer)

    setattr(Changes, name, Changes.change)

    def change(trainer):
        trainer.model[0].weight_regularizer_l2 = 0.3
        trainer.loss = nn.CrossEntropyLoss(label_smoothing=0.3)
        trainer.accumulate = 2
        trainer.clip_norm = 0.5

    data = batches()[:4]
    ours, expected = trainer(compile=compiled), trainer(compile=compiled)
    ours.fit(data, 4, callbacks=[Changes()], progress="none")
    expected.fit(data, 1, progress="none")
    expected.fit(data[: place - 4], 1, progress="none")
    change(expected)
    if within:
        expected.fit(data[2:], 1, progress="none")
    expected.fit(data, 2, progress="none")
    assert ours.step == expected.step
    assert weights(ours.model) == weights(expected.model)


def test_accumulated_gradients_are_those_of_the_larger_batch():
    one, other = trainer(accumulate=3), trainer()
    whole = X[:30].reshape(3, 10, 4), Y[:30].reshape(3, 10)
    one.fit(list(zip(*whole, strict=True)), 1, progress="none")
    other.fit((X[:30], Y[:30]), 1, progress="none")
    assert one.step == other.step == 1
    for ours, theirs in zip(one.model.parameters(), other.model.parameters(), strict=True):
        np.testing.assert_allclose(ours.data, theirs.data, rtol=1e-5, atol=1e-7)


def test_records_are_means_over_samples():
    ours = trainer(lr=0.0, metrics=[Accuracy()])
    history = ours.fit(batches(7), 1, validation=batches(4), progress="none")
    (record,) = history.records
    whole = ours.evaluate((X, Y))
    assert record["loss"] == pytest.approx(whole["loss"], rel=1e-6)
    assert record["accuracy"] == record["val_accuracy"] == whole["accuracy"]
    assert list(record) == ["epoch", "steps", "loss", "accuracy", "val_loss", "val_accuracy", "seconds"]
    assert (record["epoch"], record["steps"]) == (1, 5)


# -- data ---------------------------------------------------------------------------------------


# -- evaluating and predicting ----------------------------------------------------------------------


def test_evaluation_leaves_the_modes_and_records_no_graph():
    model = nn.Sequential(nn.Linear(4, 3), nn.Dropout(0.5), nn.BatchNorm1d(3))
    model.train()
    model[2].eval()
    ours = trainer(model, metrics=[Accuracy()])
    modes = [module.training for module in model.modules()]
    one = ours.evaluate((X, Y))
    assert one == ours.evaluate((X, Y))  # no dropout
    assert set(one) == {"loss", "accuracy"}
    np.testing.assert_array_equal(ours.predict(X), ours.predict(mg.tensor(X)))
    np.testing.assert_allclose(ours.predict(batches()), ours.predict(X), rtol=1e-6)
    np.testing.assert_allclose(ours.predict([x for x, _ in batches()]), ours.predict(X), rtol=1e-6)
    assert [module.training for module in model.modules()] == modes
    assert all(p.grad is None for p in model.parameters())
    with pytest.raises(StateError, match="nothing to predict"):
        ours.predict([])


@pytest.mark.parametrize("option", ["shuffle", "drop_last"])
def test_predictions_of_a_loader_that_mixes_or_drops_rows_are_warned_of(option):
    ours = trainer()
    with pytest.warns(UserWarning, match="predictions are not in the rows of its dataset: make one for it"):
        ours.predict(DataLoader(X, batch_size=5, **{option: True}))
    np.testing.assert_allclose(ours.predict(DataLoader(X, batch_size=5)), ours.predict(X), rtol=1e-6)


def test_a_loss_of_targets_and_predictions_in_that_order_is_refused():
    def quantile(y_true, y_pred):
        return mg.maximum(0.9 * (y_true - y_pred), 0.1 * (y_pred - y_true)).mean()

    with pytest.raises(
        DTypeError, match=r"loss\(predictions, targets\), .* quantile .* other way round: write it with"
    ):
        trainer(loss=quantile)


def test_a_metric_whose_update_takes_targets_first_is_refused():
    class Missed(train.Metric):
        name = "missed"

        def reset(self):
            self.sum = 0.0

        def update(self, y_true, y_pred):
            self.sum += float(np.abs(y_true - y_pred.data).sum())

    with pytest.raises(
        DTypeError, match=r"Missed.update\(predictions, targets\), .* other way round: write def update"
    ):
        trainer(metrics=[Missed()])


@pytest.mark.parametrize(
    ("last", "loss", "says"),
    [
        (nn.Softmax(), nn.CrossEntropyLoss(), "ends with Softmax, and CrossEntropyLoss takes logits: leave"),
        (nn.Sequential(nn.Sigmoid()), nn.BCEWithLogitsLoss(), "ends with Sigmoid, and BCEWithLogitsLoss takes logits"),
        (nn.Softmax(), nn.NLLLoss(), "NLLLoss takes logarithms: end with nn.LogSoftmax"),
        (nn.Linear(4, 3), nn.CategoricalCrossEntropy(), "CategoricalCrossEntropy takes probabilities: end with nn.So"),
    ],
)
def test_a_last_layer_that_does_not_go_with_the_loss_is_warned_of(last, loss, says):
    model = nn.Sequential(nn.Linear(4, 4), last)
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    with pytest.warns(UserWarning, match=says):
        Trainer(model, optimizer, loss)
    for end, other in ((nn.LogSoftmax(), nn.NLLLoss()), (nn.Softmax(), nn.CategoricalCrossEntropy())):
        Trainer(nn.Sequential(model[0], end), optimizer, other)


def test_a_layer_that_was_exchanged_after_the_optimizer_was_made_is_warned_of():
    model = nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 3))
    ours = train.Trainer(model, optim.SGD(model.parameters(), lr=0.1), nn.CrossEntropyLoss())
    model[2] = nn.Linear(5, 3)
    with pytest.warns(UserWarning, match=r"does not hold 2.weight, 2.bias, and holds 2 .* make the optimizer"):
        ours.fit((X, Y), 1, progress="none")
    head = train.Trainer(model, optim.SGD(model[2].parameters(), lr=0.1), nn.CrossEntropyLoss())
    head.fit((X, Y), 1, progress="none")  # the others are left out on purpose


def test_a_model_of_several_outputs_is_called_by_oneself():
    class Two(nn.Linear):
        def forward(self, x):
            return super().forward(x), x

    with pytest.raises(DTypeError, match="Two gives a tuple: call the model itself"):
        trainer(Two(4, 3)).predict(X)


def test_frames_are_data(tmp_path):
    pandas = pytest.importorskip("pandas", reason="needs pandas (pip install pandas)")
    frame, ours = pandas.DataFrame(X, columns=list("abcd")), trainer()
    ours.fit((frame, pandas.Series(Y)), 2, validation=(frame, Y.tolist()), progress="none")
    np.save(tmp_path / "x.npy", X)
    mapped = trainer()
    mapped.fit((np.load(tmp_path / "x.npy", mmap_mode="r"), Y), 2, progress="none")
    assert weights(ours.model) == weights(mapped.model) == weights(by_hand(2, [(X, Y)]))
    np.testing.assert_array_equal(ours.predict(frame), ours.predict(X))


def test_the_operation_that_went_wrong_is_named_inside_of_detect_anomaly():
    ours = trainer(loss=lambda p, t: mg.log(p * 0).sum())
    with pytest.raises(mg.errors.AnomalyError, match="log"), mg.detect_anomaly(), np.errstate(all="ignore"):
        ours.fit((X, Y), 1, progress="none")


def test_its_repr_says_where_it_stands():
    ours = trainer()
    assert "Trainer(Sequential, SGD" in repr(ours)
    assert "step=0, epoch=0" in repr(ours)


# -- runs after each other ----------------------------------------------------------------------------


def test_a_second_fit_adds_epochs():
    ours, whole = trainer(), trainer()
    ours.fit(batches(), 2, progress="none")
    history = ours.fit(batches(), 1, progress="none")
    assert history["epoch"] == [1, 2, 3]
    whole.fit(batches(), 3, progress="none")
    assert weights(ours.model) == weights(whole.model)
    assert ours.fit(batches(), 0, progress="none") is history


class StopAt(Callback):
    def __init__(self, step):
        self.at = step

    def on_step(self, trainer):
        if trainer.step == self.at:
            trainer.stop("enough")


def test_a_callback_does_not_fit_within_a_fit():
    class Nested(Callback):
        def on_record(self, trainer, record):
            trainer.fit((X, Y), 1, progress="none")

    ours = trainer()
    with pytest.raises(StateError, match="called by a callback of a fit that is under way"):
        ours.fit((X, Y), 2, callbacks=[Nested()], progress="none")
    assert len(ours.fit((X, Y), 1, progress="none")) == 2


class Meddles(Callback):
    """Does what one does between two steps."""

    def on_step(self, trainer):
        hidden, _, noise, _ = trainer.model
        actions = {
            4: lambda: hidden.weight.requires_grad_(False),
            8: lambda: hidden.weight.requires_grad_(True),
            12: lambda: setattr(hidden.weight, "data", hidden.weight.data * 2),
            16: lambda: setattr(noise, "p", 0.5),
            20: lambda: trainer.evaluate((X, Y)),
            24: trainer.model.eval,
            28: trainer.model.train,
        }
        actions.get(trainer.step, lambda: None)()


@pytest.mark.parametrize("optimizer", [optim.Adam, optim.LBFGS])
def test_callbacks_may_freeze_set_and_evaluate_in_a_compiled_run(optimizer):
    def fitted(compiled):
        rng = np.random.default_rng(1)
        model = nn.Sequential(
            nn.Linear(4, 8, generator=rng), nn.BatchNorm1d(8), nn.Dropout(0.2, rng), nn.Linear(8, 3, generator=rng)
        )
        ours = trainer(model, 0.01, optimizer=optimizer, compile=compiled)
        ours.fit(batches(11), 12, callbacks=[Meddles()], progress="none")
        return model.state_dict()

    assert differences(fitted(True), fitted(False)) == []


def test_what_callbacks_add_is_in_the_history():
    class Adds(Callback):
        def on_epoch_end(self, trainer, record):
            record["double"] = 2 * record["loss"]

    history = trainer().fit((X, Y), 2, callbacks=[Adds()], progress="none")
    assert history["double"] == [2 * loss for loss in history["loss"]]


# -- what is not finite ---------------------------------------------------------------------------


def poisoned(at):
    data = batches()
    x = data[at][0].copy()
    x[0, 0] = np.nan
    data[at] = (x, data[at][1])
    return data


@pytest.mark.parametrize("compiled", [False, True])
def test_a_loss_of_nan_stops_before_the_step_and_keeps_weights_and_buffers(compiled, tmp_path):
    pytest.importorskip("safetensors", reason="checkpoints need safetensors (pip install safetensors)")

    def made():
        model = nn.Sequential(nn.BatchNorm1d(4), network(), nn.Dropout(0.1, np.random.default_rng(5)))
        return trainer(model, optimizer=optim.Adam, compile=compiled)

    ours, good = made(), made()
    with pytest.raises(DivergenceError, match=r"the loss is nan in step 4 \(epoch 1, batch 4\): the step was") as error:
        ours.fit(poisoned(3), 1, checkpoint_dir=tmp_path, checkpoint_every=2, progress="none")
    assert "inputs of this batch hold NaN" in str(error.value)
    assert f"trainer.resume({str(tmp_path)!r}) goes back" in str(error.value)
    good.fit(batches()[:3], 1, progress="none")
    assert differences(ours.model.state_dict(), good.model.state_dict()) == []
    assert differences(ours.optimizer.state_dict(), good.optimizer.state_dict()) == []
    assert ours.resume(tmp_path)
    assert ours.step == 2


def test_the_advice_fits_the_cause():
    ours = trainer(lr=1e30, loss=lambda p, t: (p * p).sum())
    with pytest.raises(DivergenceError, match="Try a smaller learning rate than 1e\\+30"), np.errstate(all="ignore"):
        ours.fit((X, Y), 10, progress="none")

    class Root(nn.Module):
        def __init__(self):
            self.weight = nn.Parameter(np.zeros(1, np.float32))

        def forward(self, x):
            return mg.sqrt(self.weight * self.weight + 0 * x.sum())

    with pytest.raises(DivergenceError, match=r"weights themselves are.*detect_anomaly"), np.errstate(all="ignore"):
        trainer(Root(), loss=lambda p, t: p.sum()).fit((X, Y), 3, progress="none")
    clipped = trainer(Root(), loss=lambda p, t: p.sum(), clip_norm=1.0)
    with pytest.raises(DivergenceError, match="the norm of the gradients is nan in step 1"), np.errstate(all="ignore"):
        clipped.fit((X, Y), 3, progress="none")
    assert clipped.model.weight.data == 0


@pytest.mark.parametrize("accumulate", [1, 2])
def test_an_optimizer_that_skips_leaves_such_batches_out(accumulate):
    model = nn.Sequential(nn.BatchNorm1d(4), network())
    optimizer = optim.Adam(model.parameters(), lr=0.1, skip_nonfinite=True)
    ours = Trainer(model, optimizer, nn.CrossEntropyLoss(), accumulate=accumulate, clip_norm=1.0)
    (record,) = ours.fit(poisoned(3), 1, progress="none")
    assert record["skipped"] == 1
    assert np.isfinite(record["loss"])
    assert all(np.isfinite(array).all() for array in model.state_dict().values())


def test_steps_that_the_optimizer_leaves_out_are_no_steps():
    """Also where the loss is a number, and a gradient is not: the slope of a root at 0."""

    class Root(nn.Module):
        def __init__(self):
            self.weight = nn.Parameter(np.ones(4, np.float32))

        def forward(self, x):
            return mg.sqrt(np.square(x * self.weight).sum(1))

    x = X[:9].copy()
    x[4] = 0
    seen = []

    class Looks(Callback):
        def on_step(self, trainer):
            seen.append(trainer.step)

    model = Root()
    optimizer = optim.SGD([("weight", model.weight)], lr=0.01, skip_nonfinite=True)
    ours = Trainer(model, optimizer, lambda p, y: p.mean())
    with np.errstate(all="ignore"):
        data = [(part, part) for part in np.split(x, 3)]
        records = ours.fit(data, 2, callbacks=[Looks()], progress="none").records
    assert [record["skipped"] for record in records] == [1, 1]
    assert [record["steps"] for record in records] == [2, 4]
    assert (ours.step, optimizer.iterations, optimizer.skipped) == (4, 4, 2)
    assert seen == [1, 2, 3, 4]


# -- LBFGS, and whatever else asks for a closure ----------------------------------------------------


class WithClosure(optim.SGD):
    """SGD that looks at the loss twice."""

    def step(self, closure):
        closure()
        closure()
        super().step()


def test_a_batch_moves_running_statistics_once_however_often_it_is_looked_at():
    found = []
    for kind, options in ((optim.LBFGS, {"max_iter": 5}), (WithClosure, {}), (optim.SGD, {})):
        model = nn.Sequential(nn.BatchNorm1d(4), network())  # whose statistics are those of the data
        Trainer(model, kind(model.parameters(), lr=0.1, **options), nn.CrossEntropyLoss()).fit(
            batches(), 2, progress="none"
        )
        found.append({name: np.asarray(value) for name, value in model.state_dict().items() if name[:2] == "0."})
        found[-1] = {name: value for name, value in found[-1].items() if name not in ("0.weight", "0.bias")}
    assert found[2]["0.num_batches_tracked"] == 14
    assert differences(found[0], found[2]) == differences(found[1], found[2]) == []


class FlatAtZero(nn.Module):
    """Its loss is 0, and the gradient is not a number; or the loss is neither."""

    def __init__(self, scale):
        self.norm, self.weight, self.scale = nn.BatchNorm1d(4), nn.Parameter(np.zeros(1, np.float32)), scale

    def forward(self, x):
        return mg.sqrt(self.weight * self.weight) + self.scale * self.norm(x).sum()


@pytest.mark.parametrize(
    ("kind", "scale", "options"),
    [
        (optim.SGD, 0.0, {"clip_norm": 1.0}),
        (WithClosure, np.nan, {}),
        (optim.LBFGS, np.nan, {}),
        (optim.SGD, np.nan, {}),
    ],
    ids=["norm", "closure", "LBFGS", "loss"],
)
def test_a_step_that_is_not_made_leaves_running_statistics(kind, scale, options):
    model = FlatAtZero(np.float32(scale))
    before = {name: np.array(value) for name, value in model.state_dict().items()}
    ours = Trainer(model, kind(model.parameters(), lr=0.1), lambda p, y: p.sum(), **options)
    with pytest.raises(DivergenceError), np.errstate(all="ignore"):
        ours.fit((X, Y), 1, progress="none")
    after = {name: np.array(value) for name, value in model.state_dict().items()}
    assert differences(before, after) == []


def test_an_optimizer_with_a_closure():
    seen = []

    class Looks(Callback):
        def on_gradients(self, trainer):
            seen.append(trainer.step)

    ours = trainer(optimizer=WithClosure, metrics=[Accuracy()])
    ours.fit(batches(), 3, callbacks=[Looks()], progress="none")
    assert weights(ours.model) == weights(by_hand(3, batches()))
    assert seen == list(range(21))
    with pytest.raises(DivergenceError, match="step 25"):
        ours.fit(poisoned(3), 1, progress="none")
    ours.fit(batches(), 3, callbacks=[StopAt(26)], progress="none")
    assert ours.step == 26
    for options in ({"accumulate": 2}, {"clip_norm": 1.0}):
        with pytest.raises(HyperparameterError, match="computes the gradients of a step several times"):
            trainer(optimizer=WithClosure, **options)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_trains(name):
    model = network()
    ours = Trainer(model, OPTIMIZERS[name](model.parameters()), nn.CrossEntropyLoss())
    losses = ours.fit((X, Y), 15, progress="none")["loss"]
    assert losses[-1] < losses[0]


# -- what is refused ----------------------------------------------------------------------------------


def named(name):
    metric = Accuracy()
    metric.name = name
    return metric


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: trainer(accumulate=0), HyperparameterError, "from 1 on, got 0"),
        (lambda: trainer(accumulate=True), HyperparameterError, "from 1 on, got True"),
        (lambda: trainer(clip_norm=0), HyperparameterError, "above 0, or None, got 0"),
        (lambda: trainer(clip_norm="1"), HyperparameterError, "above 0, or None, got '1'"),
        (lambda: trainer(compile="fast"), CompileError, "backend='fast': expected one of"),
        (lambda: trainer(metrics=Accuracy()), DTypeError, r"metrics are a list, got Accuracy\(\): write metrics=\["),
        (lambda: trainer(metrics=[Accuracy]), DTypeError, r"such as train.Accuracy\(\)"),
        (lambda: trainer(metrics=[Accuracy(), Accuracy()]), HyperparameterError, "different names"),
        (lambda: trainer(metrics=[named("seconds")]), HyperparameterError, "called 'seconds', which the history has"),
        (lambda: trainer(metrics=[named("val_loss")]), HyperparameterError, "called 'val_loss', which the history has"),
        (lambda: trainer(loss=nn.CrossEntropyLoss), DTypeError, "called with predictions and targets"),
        (lambda: Trainer(len, None, len), DTypeError, "model is an nn.Module"),
        (lambda: Trainer(network(), 0.1, len), DTypeError, r"optim.Adam\(model.parameters\(\)\)"),
        (lambda: Trainer(network(), optim.SGD(network().parameters()), len), StateError, "no parameter of the model"),
        (lambda: trainer().fit((X, Y), -1), HyperparameterError, "epochs is a number of passes"),
        (lambda: trainer().fit(X, Y), HyperparameterError, r"X and y are one argument: fit\(\(X, y\), epochs\)"),
        (lambda: trainer().fit((X, Y), 1, progress="fancy"), HyperparameterError, "'auto', 'bar', 'lines', 'none'"),
        (lambda: trainer().fit((X, Y), True), HyperparameterError, "got True"),
        (lambda: trainer().fit((X, Y), 1, checkpoint_every=3), HyperparameterError, "needs a checkpoint_dir"),
        (lambda: trainer().fit((X, Y), 1, (), (), "x", checkpoint_every=1.5), HyperparameterError, "got 1.5"),
        (lambda: trainer().fit((X, Y), 1, callbacks=StopAt(1)), DTypeError, r"callbacks are a list, got"),
        (lambda: trainer(loss=lambda p, t: 1.0).fit((X, Y), 1), DTypeError, "a loss is a Tensor, .* got 1.0"),
        (lambda: trainer(loss=nn.CrossEntropyLoss("none")).fit((X, Y), 1), ShapeError, "reduction='mean'"),
        (lambda: trainer().fit((X, Y), 1, callbacks=[StopAt]), DTypeError, "write it with parentheses"),
        (lambda: trainer().fit((X, Y), 1, callbacks=[len]), DTypeError, "subclasses of train.Callback"),
        (lambda: trainer(loss=nn.CrossEntropyLoss("none")).evaluate((X, Y)), ShapeError, "one number for the batch"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_said(call, error, says):
    with pytest.raises(error, match=says):
        call()


def test_nothing_is_imported_for_it_before_it_is_used():
    code = (
        "import sys, minigrad as mg; assert 'minigrad.train' not in sys.modules; mg.train.Trainer; mg.viz.curves; "
        "print([m for m in ('rich', 'matplotlib', 'safetensors', 'tensorboardX', 'IPython') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env={**os.environ})
    assert done.stdout.strip() == "[]"


def test_a_callback_s_base_does_nothing():
    base = Callback()
    for hook in train.callbacks.callback.HOOKS:
        getattr(base, hook)(*([None, {}] if hook in {"on_epoch_end", "on_record"} else [None]))
    base.load_state_dict(base.state_dict())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        trainer().fit((X, Y), 1, callbacks=[base], progress="none")
