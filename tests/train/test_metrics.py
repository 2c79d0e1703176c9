"""Metrics: equal to scikit-learn's on one batch and on many, exact to save, clear about what does not fit."""

import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from minigrad import nn, optim, train
from minigrad.errors import DivergenceError, DTypeError, HyperparameterError, ShapeError, StateError, TargetError
from minigrad.nn import functional as F
from minigrad.train import F1, R2, Accuracy, ConfusionMatrix, Precision, Recall, TopKAccuracy

reason = "the comparison needs scikit-learn (pip install scikit-learn)"


@pytest.fixture
def sklearn():
    return pytest.importorskip("sklearn.metrics", reason=reason)


@st.composite
def problems(draw):
    """Scores (samples, classes), labels, and where to cut them into batches."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    samples, classes = draw(st.integers(2, 40)), draw(st.integers(2, 6))
    scores = rng.normal(size=(samples, classes)).astype(np.float32)
    if draw(st.booleans()):
        scores = scores.round()  # ties
    used = draw(st.integers(1, classes))  # some classes may never occur
    labels = rng.integers(0, used, samples).astype(draw(st.sampled_from([np.int64, np.uint8])))
    cuts = sorted(draw(st.lists(st.integers(0, samples), max_size=4)))
    return scores, labels, cuts


def fed(metric, predictions, targets, cuts):
    for batch in zip(np.split(predictions, cuts), np.split(targets, cuts), strict=True):
        metric.update(*batch)
    return metric.value()


@given(problems())
def test_classification_equals_scikit_learn_however_the_data_is_cut(problem):
    sklearn = pytest.importorskip("sklearn.metrics", reason=reason)
    scores, labels, cuts = problem
    predicted, classes = scores.argmax(1), scores.shape[1]
    assert fed(Accuracy(), scores, labels, cuts) == sklearn.accuracy_score(labels, predicted)
    expected = sklearn.confusion_matrix(labels, predicted, labels=range(classes))
    np.testing.assert_array_equal(fed(ConfusionMatrix(), scores, labels, cuts), expected)
    for ours, theirs in ((Precision, "precision_score"), (Recall, "recall_score"), (F1, "f1_score")):
        function = getattr(sklearn, theirs)
        for average in ("macro", "micro", "weighted"):
            got = fed(ours(average), scores, labels, cuts)
            assert got == pytest.approx(function(labels, predicted, average=average, zero_division=0), abs=1e-12)
        each = function(labels, predicted, average=None, labels=range(classes), zero_division=0)
        np.testing.assert_allclose(fed(ours(None), scores, labels, cuts), each, atol=1e-12)


@given(problems(), st.integers(1, 6))
def test_top_k_equals_scikit_learn_without_ties_and_accuracy_at_1(problem, k):
    sklearn = pytest.importorskip("sklearn.metrics", reason=reason)
    scores, labels, cuts = problem
    assert fed(TopKAccuracy(1), scores, labels, cuts) == fed(Accuracy(), scores, labels, cuts)
    if k >= scores.shape[1]:
        assert fed(TopKAccuracy(k), scores, labels, cuts) == 1
    elif np.unique(scores).size == scores.size and scores.shape[1] > 2:
        expected = sklearn.top_k_accuracy_score(labels, scores, k=k, labels=range(scores.shape[1]))
        assert fed(TopKAccuracy(k), scores, labels, cuts) == pytest.approx(expected)


@given(st.integers(0, 2**32 - 1), st.integers(2, 30), st.integers(1, 3), st.sampled_from([0, 1e3, 1e6]))
def test_regression_equals_scikit_learn_also_far_from_zero(seed, samples, outputs, offset):
    sklearn = pytest.importorskip("sklearn.metrics", reason=reason)
    rng = np.random.default_rng(seed)
    true = rng.normal(size=(samples, outputs)) + offset
    predicted = true + rng.normal(size=true.shape)
    cuts = sorted(rng.integers(0, samples, 3))
    assert fed(R2(), predicted, true, cuts) == pytest.approx(sklearn.r2_score(true, predicted), rel=1e-6, abs=1e-6)
    mse, mae = train.MeanSquaredError(), train.MeanAbsoluteError()
    assert fed(mse, predicted, true, cuts) == pytest.approx(sklearn.mean_squared_error(true, predicted))
    assert fed(mae, predicted, true, cuts) == pytest.approx(sklearn.mean_absolute_error(true, predicted))


def test_nan_scores_are_no_hits_of_top_k():
    assert TopKAccuracy(2)([[np.nan, 1.0, 2.0, 3.0]], [0]) == 0
    assert TopKAccuracy(2)([[np.nan, 1.0, 2.0, 3.0]], [3]) == 1


def test_nan_scores_are_no_hit_of_class_0():
    nan, scores = np.nan, np.array([[np.nan, 1.0, 0.0], [3.0, np.nan, 1.0], [3.0, 2.0, 1.0]])
    for cut in ([], [1]):
        assert fed(Accuracy(), scores, np.zeros(3, int), cut) == pytest.approx(1 / 3)
        assert fed(Accuracy(threshold=0.5), np.array([nan, 0.7, 0.1]), np.array([0, 1, 0]), cut) == pytest.approx(2 / 3)
    assert F.accuracy(mg.tensor(scores), [0, 0, 0]) == F.accuracy(scores, [0, 0, 0]) == pytest.approx(1 / 3)
    for metric in (ConfusionMatrix(), F1(), Precision("binary", threshold=0.5)):
        predictions = [nan, 0.3] if metric.threshold else scores[1:]
        with pytest.raises(DivergenceError, match="the scores of 1 of 2 samples are NaN, and predict no class"):
            metric(predictions, [0, 0])


@pytest.mark.parametrize("metric", [Accuracy(), TopKAccuracy(2), Precision(), F1("binary"), R2(), F1("weighted"),
                                    Recall("micro"), train.MeanSquaredError(), train.MeanAbsoluteError()])  # fmt: skip
def test_of_nothing_the_value_is_nan(metric):
    assert np.isnan(metric.value())


def test_special_cases():
    assert Precision("binary")([0, 0], [0, 0]) == 0
    assert Recall("micro")([1], [0]) == 0
    none = np.zeros(0, int)
    assert np.isnan(Recall("micro")(none, none))
    assert R2()([1.0, 1.0], [1.0, 1.0]) == 1
    assert R2()([1.0, 2.0], [1.0, 1.0]) == 0
    assert np.isnan(R2()([1.0], [2.0]))
    assert np.isnan(R2()(1.0, 2.0))
    assert ConfusionMatrix(classes=3)([0], [1]).shape == (3, 3)
    empty = R2()
    empty.update(np.zeros((0, 2)), np.zeros((0, 2)))
    assert empty.count == 0


@pytest.mark.parametrize(
    "metric", [Accuracy(), TopKAccuracy(2), ConfusionMatrix(), F1(), R2(), train.MeanSquaredError()]
)
def test_a_state_goes_on_with_the_same_bits_and_is_a_copy(metric, tmp_path):
    pytest.importorskip("safetensors")
    rng = np.random.default_rng(0)

    def batch():
        if isinstance(metric, (R2, train.MeanSquaredError)):
            return rng.normal(size=(5, 2)), rng.normal(size=(5, 2))
        return rng.normal(size=(5, 4)), rng.integers(0, 4, 5)

    batches = [batch() for _ in range(4)]
    metric.reset()
    for pair in batches[:2]:
        metric.update(*pair)
    mg.save(tmp_path / "metric", metric.state_dict())
    before = metric.state_dict()
    for pair in batches[2:]:
        metric.update(*pair)
    expected = metric.value()
    for name, value in before.items():
        np.testing.assert_array_equal(value, mg.load(tmp_path / "metric")[name])
    metric.reset()
    metric.load_state_dict(mg.load(tmp_path / "metric"))
    for pair in batches[2:]:
        metric.update(*pair)
    np.testing.assert_array_equal(metric.value(), expected)
    one = metric(*batches[0])  # alone, without touching what was fed
    np.testing.assert_array_equal(metric.value(), expected)
    metric.reset()
    metric.update(*batches[0])
    np.testing.assert_array_equal(metric.value(), one)


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: Accuracy()(np.zeros((3, 1)), [0, 0, 0]), HyperparameterError, "threshold=0.0 for logits"),
        (lambda: Accuracy()(np.zeros((3, 2)), [0, 0]), TargetError, r"expected shape \(3,\)"),
        (lambda: Accuracy()(np.zeros((1, 2)), [5]), TargetError, "labels run from 0 to 1"),
        (lambda: Accuracy()(np.zeros((1, 2), complex), [0]), DTypeError, "floating dtype"),
        (lambda: Accuracy()([0, 1], [0]), ShapeError, r"\(2,\) and targets of shape \(1,\)"),
        (lambda: Accuracy()([0, 1], [0, -1]), TargetError, "numbered from 0"),
        (lambda: Accuracy()([0, 1], [0, 0.5]), TargetError, "no whole number"),
        (lambda: Accuracy()([0], ["a"]), DTypeError, "labels of ints"),
        (lambda: Accuracy(threshold=0)([0.5, 1.5], [0, 2]), TargetError, "classes 0 and 1"),
        (lambda: TopKAccuracy(0), HyperparameterError, "at least 1"),
        (lambda: Precision("mean"), HyperparameterError, "'macro', 'weighted', 'micro', 'binary', None"),
        (lambda: R2()(np.zeros((3, 1)), np.zeros(3)), ShapeError, r"targets.reshape\(3, 1\)"),
        (lambda: train.Metric.update(Accuracy(), 1, 1), NotImplementedError, "defines no update"),
        (lambda: train.Metric.reset(Accuracy()), NotImplementedError, "defines no reset"),
        (lambda: train.metrics._MeanError.distance(train.MeanSquaredError(), 1), NotImplementedError, "distance"),
        (lambda: train.Metric.value(Accuracy()), NotImplementedError, "defines no value"),
        (lambda: Accuracy().load_state_dict({"sum": 1}), StateError, r"keeps \['count', 'hits'\], got \['sum'\]"),
        (lambda: Accuracy().load_state_dict(3), StateError, "got int"),
    ],
)
def test_what_does_not_fit_is_said(call, error, says):
    with pytest.raises(error, match=says):
        call()


def test_a_batch_that_does_not_fit_changes_nothing():
    r2 = R2()
    r2.update(np.zeros((3, 2)), np.ones((3, 2)))
    before = r2.state_dict()
    with pytest.raises(ShapeError, match="fed 2 outputs before, and now 3"):
        r2.update(np.zeros((3, 3)), np.ones((3, 3)))
    assert all(np.array_equal(before[name], value) for name, value in r2.state_dict().items())
    assert repr(r2) == "R2()"


# -- labels that do not count -----------------------------------------------------------------------


def test_the_measure_of_class_1_is_refused_for_more_than_two_classes():
    metric = F1("binary")
    metric.update([0, 1], [1, 1])
    for predictions in ([0, 2], np.eye(3)[:2]):
        with pytest.raises(
            TargetError, match=r"F1: average='binary' is that of class 1 of two, and there are 3: write 'm"
        ):
            metric.update(predictions, [0, 1])
    assert metric.value() == pytest.approx(2 / 3)


def test_measures_of_class_1_without_a_sample_are_nan():
    nothing = np.zeros((0, 3), "f4"), np.zeros(0, int)
    assert all(np.isnan(kind("binary")(*nothing)) for kind in (Precision, Recall, F1))
    assert F1("binary")(np.array([0, 0]), np.array([0, 0])) == 0


def test_a_metric_of_one_s_own_is_not_changed_by_an_evaluation_on_the_way():
    """Nor by a call, whatever it changes in place: a list, a dict of lists, a helper, an array."""

    class Helper:
        def __init__(self):
            self.total = 0.0

    class Own(train.Metric):
        name = "own"

        def __init__(self, model):
            self.model, self.lock = model, threading.Lock()
            self.seen, self.by_class, self.helper, self.sums = [], {"all": []}, Helper(), np.zeros(1)

        def reset(self):
            self.seen.clear()
            self.by_class["all"].clear()
            self.helper.total = 0.0
            self.sums[:] = 0

        def update(self, predictions, targets):
            assert self.model is model  # which is not copied
            for sums in (self.seen, self.by_class["all"]):
                sums.append(len(targets))
            self.helper.total += len(targets)
            self.sums += len(targets)

        def value(self):
            assert sum(self.seen) == sum(self.by_class["all"]) == self.helper.total == self.sums[0]
            return sum(self.seen)

    class Looks(train.Callback):
        def on_step(self, trainer):
            assert trainer.evaluate((x[:1], y[:1]))["own"] == 1
            assert metric(x[:3], y[:3]) == 3

    x, y = np.ones((6, 2), np.float32), np.zeros(6, int)
    model = nn.Linear(2, 2)
    metric = Own(model)
    trainer = train.Trainer(model, optim.SGD(model.parameters(), lr=0.1), nn.CrossEntropyLoss(), [metric])
    history = trainer.fit([(x[:4], y[:4]), (x[4:], y[4:])], 2, (x, y), [Looks()], progress="none")
    assert history["own"] == history["val_own"] == [6, 6]
