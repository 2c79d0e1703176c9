"""A plain function as a metric: it is given all rows at once."""

import functools

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, optim
from minigrad.errors import DTypeError, HyperparameterError
from minigrad.nn import functional as F
from minigrad.train import R2, Accuracy, EarlyStopping, Metric, Trainer
from tests.train.runs import X, Y
from tests.train.test_counting import CUTS, REAL, cut, trainer


def root_mean_square(predictions, targets):
    """Not a mean over batches."""
    return float(np.sqrt(np.mean((predictions.data - targets) ** 2)))


@pytest.mark.parametrize("places", CUTS)
def test_a_plain_function_is_a_metric_of_the_whole(places):
    ours = trainer(nn.MSELoss(), lr=0.0, metrics=[root_mean_square])
    whole = ours.evaluate((X, REAL))["root_mean_square"]
    assert whole == pytest.approx(root_mean_square(ours.model(mg.tensor(X)), REAL), rel=1e-6)
    data = cut(REAL, CUTS[places])
    assert ours.evaluate(data)["root_mean_square"] == pytest.approx(whole, rel=1e-6)
    (record,) = ours.fit(data, 1, data, progress="none").records
    assert [record["root_mean_square"], record["val_root_mean_square"]] == pytest.approx([whole, whole], rel=1e-6)


FUNCTIONS = {
    "of NumPy": (lambda p, y: np.mean(np.argmax(p, -1) == y), "lambda"),
    "of tensors": (lambda p, y: F.cross_entropy(p, y), "lambda"),
    "of the package": (F.accuracy, "accuracy"),
    "partial": (functools.partial(F.cross_entropy, reduction="sum"), "cross_entropy"),
    "a loss": (nn.CrossEntropyLoss(), "CrossEntropyLoss"),
}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_functions_of_all_kinds(function):
    made, name = FUNCTIONS[function]
    ours = trainer(nn.CrossEntropyLoss(), metrics=[made])
    value = ours.evaluate(cut(Y, [7, 20]))[name]
    assert isinstance(value, float)
    assert value == pytest.approx(float(made(ours.model(mg.tensor(X)).detach(), Y)), rel=1e-6)


def test_several_outputs_and_memory_that_a_loader_uses_again():
    class Two(nn.Module):
        def forward(self, x):
            return {"a": x, "b": (x[:, 0] * 2, x)}

    memory = np.zeros((3, 4), np.float32)

    class Reusing:
        def __iter__(self):
            for i in range(4):
                memory[...] = i
                yield memory, (memory[:, 0], memory)

    def difference(predictions, targets):
        assert predictions["a"].shape == (12, 4)
        return float(np.abs(predictions["b"][0].data - 2 * targets[0]).max() + predictions["b"][1].data.sum())

    model = Two()
    ours = Trainer(model, optim.SGD([nn.Parameter([1.0])]), lambda p, y: p["a"].sum(), [difference])
    assert ours.evaluate(Reusing())["difference"] == 12 * (0 + 1 + 2 + 3)


@pytest.mark.parametrize("compiled", [False, True])
def test_what_metrics_receive_carries_no_graph(compiled):
    class Looks(Metric):
        name = "looks"

        def reset(self):
            self.seen = []

        def update(self, predictions, targets):
            self.seen.append((type(predictions), predictions.requires_grad))

        def value(self):
            return self.seen

    ours = trainer(nn.CrossEntropyLoss(), metrics=[Looks()], compile=compiled)
    (record, *_) = ours.fit(cut(Y, [10]), 3, (X, Y), progress="none").records
    assert record["looks"] == [(mg.Tensor, False)] * 2
    assert record["val_looks"] == [(mg.Tensor, False)]


def test_a_run_with_a_function_goes_on_exactly(tmp_path):
    def fitted(epochs, stop=False):
        ours = trainer(nn.MSELoss(), metrics=[root_mean_square])
        ours.resume(tmp_path)

        class Stop(EarlyStopping):
            def on_step(self, trainer):
                if stop and trainer.step == 4:
                    raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt) if stop else np.errstate():
            ours.fit(
                cut(REAL, [8, 16, 20]), epochs, callbacks=[Stop("loss", 99)], checkpoint_dir=tmp_path,
                checkpoint_every=3, progress="none",
            )  # fmt: skip
        return ours

    fitted(2, stop=True)
    again = fitted(2)
    expected = trainer(nn.MSELoss(), metrics=[root_mean_square])
    expected.fit(cut(REAL, [8, 16, 20]), 2, progress="none")
    assert again.history["root_mean_square"] == expected.history["root_mean_square"]


def test_what_is_no_metric():
    for bad in ("accuracy", Accuracy, 3):
        with pytest.raises(DTypeError, match="or functions of predictions and targets"):
            trainer(nn.MSELoss(), metrics=[bad])
    with pytest.raises(HyperparameterError, match="different names"):
        trainer(nn.MSELoss(), metrics=[lambda p, y: 0, lambda p, y: 1])


def test_functions_of_y_true_and_y_pred_get_them_in_that_order():
    sklearn = pytest.importorskip("sklearn.metrics", reason="needs scikit-learn (pip install scikit-learn)")

    def missed(y_true, y_pred):
        return float(np.mean(np.abs(y_true - y_pred.data) / np.abs(y_true)))

    ours = trainer(nn.MSELoss(), lr=0.0, metrics=[sklearn.r2_score, missed, R2()])
    values, predictions = ours.evaluate(cut(REAL, [7, 20])), ours.predict(X)
    assert values["r2_score"] == pytest.approx(sklearn.r2_score(REAL, predictions), rel=1e-4)
    assert values["r2"] == pytest.approx(values["r2_score"], rel=1e-4)
    assert values["missed"] == pytest.approx(np.mean(np.abs(REAL - predictions) / np.abs(REAL)), rel=1e-6)


def test_a_metric_that_gives_nothing_is_refused():
    ours = trainer(nn.CrossEntropyLoss(), metrics=[lambda p, y: None])
    for call in (lambda: ours.fit((X, Y), 1, progress="none"), lambda: ours.evaluate((X, Y))):
        with pytest.raises(DTypeError, match=r"the metric lambda gave None, and .*: write return"):
            call()
