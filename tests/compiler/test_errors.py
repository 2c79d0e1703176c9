"""Errors that a step raises as it is written: compiled it raises the same, while it is recorded and in a replay."""

import numpy as np
import pytest

import minigrad as mg
from minigrad.compiler.tracing.trace_comparison import same_bits
from minigrad.nn import functional as F

RNG = np.random.default_rng(0)
Z = RNG.standard_normal((4, 3)).astype("float32")
P = np.abs(Z) / np.abs(Z).sum(1, keepdims=True)
LABELS, ONE = np.array([0, 1, 2, 1]), np.eye(3, dtype="float32")

#: A function with arguments that it takes, and those at which it raises an error.
ERRORS = {
    "labels": (lambda x, y: F.cross_entropy(mg.tensor(x), y), (Z, LABELS), (Z, np.array([0, 5, -1, 1]))),
    "probabilities": (lambda x, y: F.cross_entropy(mg.tensor(x), y), (Z, P), (Z, 2 * P)),
    "weights": (lambda x, y, w: F.nll_loss(mg.tensor(x), y, weight=w), (Z, LABELS, Z[0] ** 2), (Z, LABELS, -ONE[0])),
    "nll_loss": (lambda x, y: F.nll_loss(mg.tensor(x), y), (Z, LABELS), (Z, LABELS + 7)),
    "margin": (lambda x, y: F.multi_margin_loss(mg.tensor(x), y), (Z, LABELS), (Z, LABELS - 7)),
    "shares": (lambda x, y: F.binary_cross_entropy_with_logits(mg.tensor(x), y), (Z, P), (Z, P + 5)),
    "predictions": (lambda x, y: F.binary_cross_entropy(mg.tensor(x), y), (P, P), (P + 5, P)),
    "signs": (lambda x, y: F.hinge_embedding_loss(mg.tensor(x), y), (Z, np.sign(Z)), (Z, Z)),
    "kl_div": (lambda x, y: F.kl_div(mg.log_softmax(mg.tensor(x)), y), (Z, P), (Z, -P)),
    "embedding": (lambda w, i: F.embedding(i, mg.tensor(w)), (Z, LABELS), (Z, LABELS + 9)),
    "segments": (lambda x, i: mg.segment_sum(mg.tensor(x), i, 3), (Z, LABELS), (Z, LABELS + 9)),
    "choose": (lambda i, x: np.choose(i, [mg.tensor(x)] * 2), (LABELS % 2, Z[:, 0]), (LABELS + 9, Z[:, 0])),
    "index": (lambda x, i: mg.tensor(x)[i], (Z, LABELS), (Z, LABELS + 9)),
    "take": (lambda x, i: np.take(mg.tensor(x), i, axis=0), (Z, LABELS), (Z, LABELS + 9)),
    "average": (lambda x, w: np.average(mg.tensor(x), axis=0, weights=w), (Z, Z**2), (Z, 0 * Z)),
    "cov": (lambda x, w: np.cov(mg.tensor(x), aweights=w), (Z, Z[0] ** 2), (Z, -(Z[0] ** 2))),
    "quantile": (lambda x, q: np.quantile(mg.tensor(x), q), (Z, P[0]), (Z, P[0] + 2)),
    "inv": (lambda x: np.linalg.inv(mg.tensor(x)), (Z[:3],), (0 * ONE,)),
    "cholesky": (lambda x: np.linalg.cholesky(mg.tensor(x)), (ONE,), (-ONE,)),
    "lengths": (lambda x, n: RNN(mg.tensor(x), lengths=n)[0], (Z[None], np.array([2])), (Z[None], np.array([9]))),
}  # fmt: skip
RNN = mg.nn.RNN(3, 2, batch_first=True, generator=np.random.default_rng(0))


def _error(f, args):
    try:
        f(*args)
    except Exception as error:  # noqa: BLE001 - whatever it is
        return type(error), str(error)
    return None


@pytest.mark.parametrize("name", ERRORS)
@pytest.mark.parametrize("good_calls", [0, 1, 2, 4])
def test_the_error_is_that_of_the_step(name, good_calls):
    f, good, bad = ERRORS[name]
    expected = _error(f, bad)
    assert expected is not None
    step = mg.compile(f, backend="numpy")
    for _ in range(good_calls):
        step(*good)
    assert _error(step, bad) == expected
    assert same_bits(np.asarray(f(*good).data), np.asarray(step(*good).data))


def test_targets_as_shares_in_a_second_order():
    """A label smoothing, or mixed labels, under a penalty on gradients."""
    w = mg.tensor(Z, requires_grad=True)

    def step(y):
        w.zero_grad()
        value = F.cross_entropy(w, y)
        [g] = mg.autograd.grad(value, [w], create_graph=True)
        (value + (g * g).sum()).backward()
        return value

    compiled = mg.compile(step, backend="numpy")
    for dtype in ("float32", "float64"):
        for i in range(4):
            y = (P[::-1] if i % 2 else P).astype(dtype)
            step(y)
            expected = w.grad
            compiled(y)
            assert same_bits(w.grad, expected)
    assert compiled.stats()["replayed"] == 4


@pytest.mark.parametrize("kind", ["Adam", "Adamax", "NAdam", "RAdam"])
@pytest.mark.parametrize("bad", [3, 4, 5, 6])
def test_an_error_after_the_update_counts_a_missed_step_once(kind, bad):
    """With a number that varies, the step is run again, as it is written, from where it began."""

    def told():
        a, b = (mg.nn.Parameter(np.full(3, k, np.float32)) for k in (1, 2))
        optimizer, settings = getattr(mg.optim, kind)([a, b], lr=0.1), {"fails": False, "uses": True}

        def step(x, weight):
            optimizer.zero_grad()
            loss = (a * x).sum() * weight + ((b * x).sum() if settings["uses"] else 0)
            loss.backward()
            optimizer.step()
            if settings["fails"]:
                raise ValueError("after the update")

        return optimizer, settings, step

    (one, settings, eager), (other, settings_2, step) = told(), told()
    compiled = mg.compile(step, backend="numpy")
    for i in range(10):
        for held, call in ((settings, eager), (settings_2, compiled)):
            held["uses"], held["fails"] = i < 4, i == bad
            error = _error(call, (Z[0] * np.float32(i + 1), 1 + i / 10))
            assert (error is not None) == (i == bad)
        assert one.state_dict()["missed"] == other.state_dict()["missed"]
        assert one.iterations == other.iterations
