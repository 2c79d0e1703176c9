"""Losses, gradients and metrics of a run do not depend on how the data is cut into batches."""

import functools
import itertools

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, optim
from minigrad.errors import TargetError
from minigrad.nn import functional as F
from minigrad.train import Accuracy, Trainer
from tests.train.runs import X, Y, differences

N = len(X)
IGNORED = np.where(np.arange(N) % 3 == 1, -100, Y)
IGNORED[:5] = -100  # the first batch of five is padding alone
WEIGHT = [0.2, 1.0, 3.0]
REAL = X[:, :3] * 2
SHARES = np.float32(np.abs(REAL) / np.abs(REAL).sum(1, keepdims=True))
ONE_HOT = np.eye(3)[Y]

#: loss, targets
LOSSES = {
    "mean": (nn.CrossEntropyLoss(), Y),
    "sum": (nn.CrossEntropyLoss(reduction="sum"), Y),
    "weights": (nn.CrossEntropyLoss(weight=WEIGHT), Y),
    "ignored": (nn.CrossEntropyLoss(ignore_index=-100), IGNORED),
    "ignored, sum": (nn.CrossEntropyLoss(ignore_index=-100, reduction="sum"), IGNORED),
    "all options": (nn.CrossEntropyLoss("mean", 0.1, WEIGHT, -100), IGNORED),
    "shares of classes": (nn.CrossEntropyLoss(weight=WEIGHT, label_smoothing=0.1), SHARES),
    "log probabilities": (lambda p, y: F.nll_loss(mg.log_softmax(p), y, "mean", WEIGHT, -100), IGNORED),
    "a function": (F.cross_entropy, Y),
    "a lambda": (lambda p, y: F.cross_entropy(p, y, ignore_index=-100), IGNORED),
    "a partial": (functools.partial(F.cross_entropy, weight=WEIGHT, reduction="mean"), Y),
    "times a factor": (lambda p, y: F.cross_entropy(p, y, weight=WEIGHT) / np.log(2), Y),
    "with a penalty": (lambda p, y: F.cross_entropy(p, y, ignore_index=-100) + 0.1, IGNORED),
    "two alike": (lambda p, y: F.mse_loss(p, y) + 0.5 * F.l1_loss(p, y), REAL),
    "others beside it": (
        lambda p, y: [F.cross_entropy(p, y, "sum"), F.cross_entropy(p, y, weight=WEIGHT), F.cross_entropy(p, y)][1],
        Y,
    ),
    "a mean beside a sum": (lambda p, y: [F.mse_loss(p, y, "sum"), F.mse_loss(p, y)][0], REAL),
    "margins": (nn.MultiMarginLoss(), Y),
    "probabilities": (lambda p, y: F.categorical_cross_entropy(mg.softmax(p), y), Y),
    "squares": (nn.MSELoss(), REAL),
    "sum of squares": (nn.MSELoss("sum"), REAL),
    "mean by hand": (lambda p, y: ((p - y) ** 2).mean(), REAL),
    "sum over rows by hand": (lambda p, y: F.mse_loss(p, y, "sum") / len(y), REAL),
    "absolute": (nn.L1Loss(), REAL),
    "Huber": (nn.HuberLoss(), REAL),
    "smooth": (nn.SmoothL1Loss("sum"), REAL),
    "two classes": (nn.BCEWithLogitsLoss(pos_weight=[2.0, 1.0, 1.0]), ONE_HOT),
    "two classes, sum": (nn.BCEWithLogitsLoss("sum"), ONE_HOT),
    "two probabilities": (lambda p, y: F.binary_cross_entropy(mg.sigmoid(p), y), ONE_HOT),
    "pairs": (nn.HingeEmbeddingLoss(), 2 * ONE_HOT - 1),
    "divergence": (lambda p, y: F.kl_div(mg.log_softmax(p), y, "batchmean"), SHARES),
}
CUTS = {"fives": [*range(5, N, 5)], "one by one": [*range(1, N)], "uneven": [1, 3, 4, 20]}


def cut(y, places, x=X):
    edges = [0, *places, len(x)]
    return [(x[a:b], y[a:b]) for a, b in itertools.pairwise(edges)]


def network(**options):
    rng = np.random.default_rng(0)
    return nn.Sequential(nn.Linear(4, 5, generator=rng, **options), nn.Tanh(), nn.Linear(5, 3, generator=rng))


def trainer(loss, lr=0.1, model=None, **options):
    model = model or network()
    return Trainer(model, optim.SGD(model.parameters(), lr=lr), loss, **options)


def stepped(loss, data, **options):
    """The weights after one step on all of it."""
    count = len(data) if isinstance(data, list) else 1
    ours = trainer(loss, accumulate=count, **options)
    ours.fit(data, 1, progress="none")
    assert ours.step == 1
    return np.concatenate([p.data.ravel() for p in ours.model.parameters()])


@pytest.mark.parametrize("places", CUTS)
@pytest.mark.parametrize("loss", LOSSES)
def test_losses_are_those_of_the_whole(loss, places):
    function, y = LOSSES[loss]
    ours = trainer(function, lr=0.0)
    data = cut(y, CUTS[places])
    whole = ours.evaluate((X, y))["loss"]
    assert np.isfinite(whole)
    assert ours.evaluate(data)["loss"] == pytest.approx(whole, rel=1e-5)
    (record,) = ours.fit(data, 1, validation=data, progress="none").records
    assert record["loss"] == pytest.approx(whole, rel=1e-5)
    assert record["val_loss"] == pytest.approx(whole, rel=1e-5)


def test_sequences_of_other_lengths_count_by_their_elements():
    rng = np.random.default_rng(0)
    data = [(rng.normal(size=(n, t, 4)), rng.integers(0, 3, (n, t))) for n, t in ((2, 3), (1, 7), (4, 1))]
    flat = tuple(np.concatenate([part[i].reshape(-1, *part[i].shape[2:]) for part in data]) for i in (0, 1))
    loss = nn.CrossEntropyLoss(axis=-1)
    assert trainer(loss).evaluate(data)["loss"] == pytest.approx(trainer(loss).evaluate(flat)["loss"], rel=1e-6)
    np.testing.assert_allclose(stepped(loss, data), stepped(loss, flat), rtol=1e-5, atol=1e-6)


class LearnedScale(nn.Module):
    """Squares, divided by a variance that is learned with the model."""

    def __init__(self):
        self.log_variance = nn.Parameter(np.zeros(3, np.float32))

    def forward(self, prediction, target):
        return ((prediction - target) ** 2 * np.exp(-self.log_variance) + self.log_variance).mean()


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("clip_norm", [None, 0.01])
def test_parameters_of_the_loss_are_trained_as_those_of_the_model(clip_norm, compiled):
    """Gradients of several batches are added up, and clipped, whoever holds the parameter."""
    found = []
    for data in ([(X, REAL)], cut(REAL, CUTS["uneven"])):
        model, loss = network(), LearnedScale()
        pairs = [*model.named_parameters(), *loss.named_parameters()]
        options = {"accumulate": len(data), "clip_norm": clip_norm, "compile": compiled}
        Trainer(model, optim.SGD(pairs, lr=0.1), loss, **options).fit(data, 1, progress="none")
        found.append(np.concatenate([p.data.ravel() for _, p in pairs]))
    np.testing.assert_allclose(found[0], found[1], rtol=1e-4, atol=1e-7)
    before = np.concatenate([p.data.ravel() for p in (*network().parameters(), *LearnedScale().parameters())])
    norm = np.linalg.norm(found[0] - before) / 0.1
    assert norm == pytest.approx(clip_norm, rel=1e-3) if clip_norm else norm > 0.01


#: Targets in other structures than an array, and a mean over rows by hand.
STRUCTURES = {
    "by name": (lambda y: {"of": y}, lambda p, y: ((p - y["of"]) ** 2).mean()),
    "a factor before it": (lambda y: {"k": 2.0, "of": y}, lambda p, y: y["k"] * ((p - y["of"]) ** 2).mean()),
    "weights of outputs before it": (
        lambda y: {"w": np.ones(7, np.float32), "of": y},
        lambda p, y: y["w"].mean() * ((p - y["of"]) ** 2).mean(),
    ),
    "a number in a tuple": (lambda y: (np.array(2.0), y), lambda p, y: float(y[0]) * ((p - y[1]) ** 2).mean()),
    "a tuple in a tuple": (lambda y: ((y, y), y), lambda p, y: ((p - y[0][0]) ** 2).mean()),
    "a dict in a tuple": (lambda y: ({"of": y}, y), lambda p, y: ((p - y[1]) ** 2).mean()),
    "rows of a tensor": (lambda y: mg.tensor(y), lambda p, y: ((p - y) ** 2).mean()),
}


@pytest.mark.parametrize("structure", STRUCTURES)
def test_rows_are_counted_in_targets_of_every_structure(structure):
    wrapped, loss = STRUCTURES[structure]
    data = [(x, wrapped(y)) for x, y in cut(REAL, CUTS["uneven"])]
    whole = (X, wrapped(REAL))
    ours = trainer(loss)
    assert ours.evaluate(data)["loss"] == pytest.approx(ours.evaluate([whole])["loss"], rel=1e-6)
    np.testing.assert_allclose(stepped(loss, data), stepped(loss, [whole]), rtol=1e-5, atol=1e-7)


# -- batches that count nothing ---------------------------------------------------------------------

PADDING = (X[:4], np.full(4, -100))
EMPTY = (X[:0], Y[:0])


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("accumulate", [1, 2])
@pytest.mark.parametrize("nothing", [PADDING, EMPTY], ids=["padding", "empty"])
@pytest.mark.parametrize("place", [0, 2, 5])
@pytest.mark.slow
def test_a_batch_that_counts_nothing_is_as_if_it_were_not_there(nothing, place, accumulate, compiled):
    """Also for running statistics, momenta, and in the last step of an epoch."""
    runs = []
    for with_it in (False, True):
        data = cut(IGNORED, [10, 16, 20, 27])
        if with_it:
            data.insert(place, nothing)
        model = nn.Sequential(nn.BatchNorm1d(4), network())
        loss = nn.CrossEntropyLoss(ignore_index=-100)
        ours = Trainer(
            model, optim.Adam(model.parameters()), loss, [Accuracy(ignore_index=-100)],
            accumulate=accumulate, compile=compiled,
        )  # fmt: skip
        history = ours.fit(data, 4, data, progress="none")
        runs.append((ours, [{**record, "seconds": 0} for record in history.records]))
    (one, history), (other, again) = runs
    assert history == again
    assert differences(one.model.state_dict(), other.model.state_dict()) == []
    assert differences(one.optimizer.state_dict(), other.optimizer.state_dict()) == []


#: A part of a loss that counts nothing in some batches.
PARTS = {
    "labels": lambda p, y: F.cross_entropy(p, y, ignore_index=-100),
    "labels that are smoothed": lambda p, y: F.cross_entropy(p, y, label_smoothing=0.1, ignore_index=-100),
    "log probabilities": lambda p, y: F.nll_loss(mg.log_softmax(p), y, ignore_index=-100),
    "classes of weight 0": lambda p, y: F.cross_entropy(p, np.maximum(y, 0), weight=[0.0, 1.0, 1.0]),
    "rows that are picked": lambda p, y: F.cross_entropy(p[np.flatnonzero(y >= 0)], y[y >= 0]),
    "boxes that are picked": lambda p, y: F.smooth_l1_loss(p[np.flatnonzero(y >= 0)], REAL[:4][y >= 0]),
}


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("part", PARTS)
def test_a_part_that_counts_nothing_leaves_the_others(part, first):
    """A batch without labels still trains what needs none; it was passed over before."""
    x, y = PADDING
    one, other = PARTS[part], (lambda p, y: F.mse_loss(p, REAL[:4]))
    both = (lambda p, y: one(p, y) + other(p, y)) if first else (lambda p, y: other(p, y) + one(p, y))
    assert trainer(both).evaluate((x, y)) == trainer(other).evaluate((x, y))
    for accumulate in (1, 2):
        got, expected = (trainer(loss, accumulate=accumulate) for loss in (both, other))
        got.fit([(x, y)] * 2, 2, progress="none")
        expected.fit([(x, y)] * 2, 2, progress="none")
        assert differences(got.model.state_dict(), expected.model.state_dict()) == []
        assert got.step == expected.step == 4 // accumulate
    with pytest.raises(TargetError, match=r"count nothing|no samples"):
        one(mg.zeros((4, 3)), y)
    alone = trainer(one)
    assert np.isnan(alone.evaluate((x, y))["loss"])
    alone.fit((x, y), 1, progress="none")
    assert alone.step == 0


def test_nothing_but_padding():
    ours = trainer(nn.CrossEntropyLoss(ignore_index=-100))
    before = ours.model.state_dict()
    (record,) = ours.fit([PADDING, EMPTY], 1, [PADDING], progress="none").records
    assert np.isnan([record["loss"], record["val_loss"]]).all()
    assert (record["steps"], ours.step) == (0, 0)
    assert differences(ours.model.state_dict(), before) == []


def test_padding_for_an_optimizer_with_a_closure():
    ours = [trainer(nn.CrossEntropyLoss(ignore_index=-100), model=network()) for _ in "ab"]
    for one, data in zip(ours, ([PADDING, (X, Y), EMPTY], [(X, Y)]), strict=True):
        one.optimizer = optim.LBFGS(one.model.parameters(), max_iter=3)
        one.fit(data, 2, progress="none")
    assert differences(ours[0].model.state_dict(), ours[1].model.state_dict()) == []


def test_labels_out_of_range_are_no_padding():
    with pytest.raises(TargetError, match="labels run from 0 to 2"):
        trainer(nn.CrossEntropyLoss(ignore_index=-100)).fit([(X, Y), (X[:2], [7, 7])], 1, progress="none")


MEANS = {
    "cross_entropy": F.cross_entropy,
    "cross_entropy of shares": lambda p, y: F.cross_entropy(p, mg.zeros((0, 3)).data),
    "cross_entropy, ignored": functools.partial(F.cross_entropy, ignore_index=-1),
    "cross_entropy, smoothed": functools.partial(F.cross_entropy, label_smoothing=0.1),
    "nll_loss": F.nll_loss,
    "categorical_cross_entropy": F.categorical_cross_entropy,
    "multi_margin_loss": F.multi_margin_loss,
    **{
        loss.__name__: lambda p, y, loss=loss: loss(p, p.data)
        for loss in (
            F.binary_cross_entropy, F.binary_cross_entropy_with_logits, F.hinge_embedding_loss, F.huber_loss, F.kl_div,
            F.l1_loss, F.mse_loss, F.smooth_l1_loss,
        )
    },
}  # fmt: skip


@pytest.mark.parametrize("loss", MEANS)
def test_the_mean_loss_of_nothing_is_refused(loss):
    p = mg.tensor(np.zeros((0, 3), np.float32), requires_grad=True)
    with pytest.raises(TargetError, match="the mean loss of"):
        MEANS[loss](p, np.zeros(0, int))


# -- metrics ----------------------------------------------------------------------------------------
