"""Sources of batches: all kinds of data, and what is none."""

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from minigrad.data import ArrayDataset, DataLoader
from minigrad.errors import (
    DataError,
)
from tests.train.runs import X, Y
from tests.train.test_trainer import batches, by_hand, network, trainer, weights


class Stream:
    """An iterable without a length."""

    def __iter__(self):
        yield from batches()


@pytest.mark.parametrize(
    "data",
    [batches(), Stream(), DataLoader((X, Y), batch_size=5), [(x.tolist(), y.tolist()) for x, y in batches()],
     [[mg.tensor(x), y] for x, y in batches()], [(x.astype("f8"), y) for x, y in batches()]],
    ids=["list", "stream", "loader", "lists", "tensors", "float64"],
)  # fmt: skip
def test_all_kinds_of_data_train_alike_in_the_dtype_of_the_model(data):
    ours = trainer()
    ours.fit(data, 2, progress="none")
    assert weights(ours.model) == weights(by_hand(2, batches()))
    assert all(p.data.dtype == p.grad.dtype == np.float32 for p in ours.model.parameters())


def test_a_float64_model_gets_float64():
    ours = trainer(network(dtype="float64"))
    ours.fit((X, Y), 1, progress="none")
    assert ours.predict(X).dtype == np.float64


def test_regression_targets_have_the_dtype_of_the_model():
    model, dtypes = nn.Linear(4, 1), set()

    def loss(p, t):
        dtypes.add(t[0].dtype)
        return ((p - t[0]) ** 2).mean() + 0 * t[1].sum()

    ours = trainer(model, loss=loss)
    assert ours.fit([(X, (X[:, :1].astype("f8"), mg.zeros(1)))], 2, progress="none")["loss"][1] > 0
    assert model.weight.grad.dtype == np.float32
    assert dtypes == {np.dtype(np.float32)}


def test_several_inputs_are_several_arguments_and_dicts_are_passed_on():
    class Sum(nn.Module):
        def __init__(self):
            self.weight = nn.Parameter(np.ones(4, np.float32))

        def forward(self, x, y=None):
            if y is None:
                x, y = mg.tensor(x["x"]), mg.tensor(x["y"])
            return ((x + y) * self.weight).sum(1)

    model = Sum()
    ours = trainer(model, loss=nn.MSELoss(), lr=0.01)
    data = [((X, X), X.sum(1)), ({"x": X, "y": X}, X.sum(1))]
    losses = ours.fit(data, 30, progress="none")["loss"]
    assert losses[-1] < losses[0] / 2
    assert ours.predict([((X, X), 0)]).shape == (33,)
    assert ours.predict([({"x": X, "y": X},)]).shape == (33,)
    assert ours.evaluate([((X, X), X.sum(1))])["loss"] < losses[0]


def test_an_iterator_serves_one_epoch():
    ours = trainer()
    ours.fit(iter(batches()), 1, progress="none")
    with pytest.raises(DataError, match="is an iterator, and has been gone through"):
        ours.fit(iter(batches()), 2, progress="none")


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (X, r"train is a pair \(X, y\), a DataLoader"),
        (3, "got int"),
        ({"x": X}, "got dict"),
        (X, r"got ndarray of inputs without targets: write \(X, y\), or DataLoader\(\(X, y\), batch_size=32\)"),
        ([], "gave no batch"),
        ([X], "a batch of train is a pair of inputs and targets, got a ndarray of 33"),
        ([X, Y], r"write a tuple, \(X, y\), and for a dataset"),
        (ArrayDataset(X, Y), r"got ArrayDataset: write DataLoader\(data"),
        ([(X, Y, Y)], "got a tuple of 3"),
        ([3], "got a int"),
        ((X, Y[:-1]), "one length"),
        ((X[:0], Y[:0]), r"train has no row: \(X, y\) of shapes \(0, 4\) and \(0,\)"),
    ],
)
def test_data_that_is_none(data, says):
    with pytest.raises(DataError, match=says):
        trainer().fit(data, 1, progress="none")


def test_validation_and_evaluation_of_no_row_are_refused():
    with pytest.raises(DataError, match="validation has no row"):
        trainer().fit((X, Y), 1, validation=(X[:0], Y[:0]), progress="none")
    with pytest.raises(DataError, match="data has no row"):
        trainer().evaluate((X[:0], Y[:0]))
