"""A branch that was not taken contributes nothing, and a true singularity stays one."""

import warnings

import numpy as np
import pytest

import minigrad as mg
from minigrad.errors import DTypeError, GradientError
from minigrad.nn import functional as F
from minigrad.testing import check_gradients

NAN = float("nan")


def gradient(f, *values, create_graph=False):
    xs = [mg.tensor(np.array(v, float), requires_grad=True) for v in values]
    with np.errstate(all="ignore"):
        z = f(*xs).sum()
    found = mg.autograd.grad(z, xs, create_graph=create_graph, allow_unused=True)
    return [None if g is None else g.tolist() for g in found]


def two_ways(x, s, other):
    return mg.where(x > 0, s, 0.0) + other(s)


NOT_TAKEN = [
    (lambda x: mg.where(x > 0, mg.log(x), 0.0), [[0, 2]], [[0, 0.5]]),
    (lambda x: mg.where(x > 0, x * mg.log(x), 0.0), [[0, 1]], [[0, 1]]),
    (lambda x: mg.where(x > 0, mg.sqrt(x), x), [[0, 4]], [[1, 0.25]]),
    (lambda x: mg.where(x != 0, 1 / x, 0.0), [[0, 2]], [[0, -0.25]]),
    (lambda x: mg.where(x > 0, x**0.5, 0.0), [[0, 4]], [[0, 0.25]]),
    (lambda x, y: mg.where(y > 0, x / y, 0.0), [[1, 1], [0, 2]], [[0, 0.5], [0, -0.25]]),
    (lambda x, y: mg.where(y > 0, x / y, 0.0), [1, [0, 2]], [0.5, [0, -0.25]]),  # x is broadcast
    (lambda x: mg.log(x)[x.data > 0], [[0, 2]], [[0, 0.5]]),
    (lambda x: mg.log(x)[1:], [[0, 2]], [[0, 0.5]]),
    (lambda x: mg.relu(mg.log(x)), [[0, 2]], [[0, 0.5]]),
    (lambda x: mg.maximum(mg.log(x), -1.0), [[0, 2]], [[0, 0.5]]),
    (lambda x: mg.minimum(1 / x, 3.0), [[0, 2]], [[0, -0.25]]),
    (lambda x: mg.clip(mg.log(x), -1, 9), [[0, 2]], [[0, 0.5]]),
    (lambda x: mg.max(mg.log(x)), [[0, 2]], [[0, 0.5]]),
    (lambda x: mg.where(x > 0, mg.log(x).reshape(2, 1).T[0], 0.0), [[0, 2]], [[0, 0.5]]),
    (lambda x: mg.where(x > 0, mg.sqrt((x * x).sum(keepdims=True)), 0.0), [[0]], [[0]]),
    (lambda x: mg.where(x > 0, mg.sqrt(x) + mg.sqrt(x) * 2, 0.0), [[0, 4]], [[0, 0.75]]),  # two ways to one value
    (lambda x: mg.concatenate([mg.log(x), x])[1:], [[0, 2]], [[1, 1.5]]),
    (lambda x: F.masked_softmax(mg.log(x), x.data > 0) * [9.0, 1.0, 2.0], [[0, 1, 3]], [[0, -0.1875, 0.0625]]),
    (
        lambda x: F.masked_softmax(mg.log(x), np.array([x.data > 0, x.data > 1])) * [0.0, 1.0, 2.0],
        [[0, 1, 3]],
        [[0, -0.1875, 0.0625]],
    ),
    (lambda x: F.masked_softmax(mg.sqrt(x).reshape(2, 2), True)[1], [[0, 0, 1, 1]], [[0, 0, 0, 0]]),  # a row not taken
]


def rows_of(x, hole):
    """Logits of two rows; ``hole`` is in the second."""
    return mg.stack([mg.stack([x, x * x, 1 / x]), mg.stack([x, hole, x])])


#: Functions of x and of something that they leave out: NaN or, of rows that do not count, anything.
LEAVING_OUT = {
    **{
        f"{name} {options}": lambda x, hole, name=name, options=options: getattr(np, name)(
            mg.stack([x, x * x, hole]), **options
        )
        for name, options in [
            ("nansum", {}), ("nanmean", {}), ("nanprod", {}), ("nanprod", {"axis": 0}), ("nanvar", {}),
            ("nanvar", {"ddof": 1}), ("nanstd", {}), ("nanstd", {"ddof": 1}), ("nanmax", {}), ("nanmedian", {}),
            ("nancumsum", {}), ("nancumprod", {}), ("var", {"where": [True, True, False]}),
            ("std", {"where": [True, True, False], "ddof": 1}), ("prod", {"where": [True, True, False]}),
        ]
    },
    **{
        f"cross_entropy {options}": lambda x, hole, options=options: F.cross_entropy(
            rows_of(x, hole), [0, 1], **options
        )
        for options in [
            {"ignore_index": 1}, {"ignore_index": 1, "reduction": "sum"}, {"ignore_index": 1, "reduction": "none"},
            {"ignore_index": 1, "label_smoothing": 0.1}, {"weight": np.array([1.0, 0.0, 1.0])},
            {"ignore_index": 1, "label_smoothing": 0.1, "weight": np.array([1.0, 0.5, 1.0])},
        ]
    },
    "cross_entropy of shares": lambda x, hole: F.cross_entropy(
        rows_of(x, hole), np.eye(3)[[0, 1]], weight=[1.0, 0.0, 1.0]
    ),
    "nll_loss": lambda x, hole: F.nll_loss(rows_of(x, hole), [0, 1], ignore_index=1),
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "bad"),
    [(name, bad) for name in LEAVING_OUT for bad in (NAN, np.inf) if bad != np.inf or name[:3] != "nan"],
)
def test_what_is_left_out_contributes_no_nan(name, bad):
    """Not to the value, and not to the gradient, by way of what it was made of."""
    f = LEAVING_OUT[name]

    def of_hole(x):
        with np.errstate(all="ignore"):
            return mg.sum(f(x, x * bad))

    got, slope = mg.value_and_grad(of_hole)(1.5)
    want, true = mg.value_and_grad(lambda x: mg.sum(f(x, NAN if name.startswith("nan") else 0.0)))(1.5)
    assert (got, slope) == (pytest.approx(want), pytest.approx(true))
    assert np.isfinite(slope)


@pytest.mark.parametrize(("f", "at", "want"), NOT_TAKEN)
def test_a_branch_not_taken_contributes_nothing(f, at, want):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert gradient(f, *at) == want
        assert gradient(f, *at, create_graph=True) == want


@pytest.mark.parametrize(
    ("f", "at", "want"),
    [
        (lambda x: mg.sqrt(x) ** 2, [0], [NAN]),
        (lambda x: mg.log(x) * 0, [0], [NAN]),
        (lambda x: mg.where(x >= 0, mg.sqrt(x), 0.0), [[0]], [[float("inf")]]),  # this branch was taken
        (lambda x: mg.where(x > 0, 0.0, 1.0) + mg.sqrt(x) * 0, [0], [NAN]),
        # two ways, one of them open: what is reached on either is reached
        (lambda x: two_ways(x, mg.sqrt(x), lambda s: s * 0), [0], [NAN]),
        (lambda x: two_ways(x, mg.sqrt(x), lambda s: mg.where(x >= 0, s, 0.0)), [0], [float("inf")]),
    ],
)
def test_a_true_singularity_is_not_hidden(f, at, want):
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(gradient(f, *at)[0], want[0])


def test_the_second_order_carries_no_nan_either():
    x = mg.tensor(np.array([0.0, 2.0]), requires_grad=True)
    with np.errstate(all="ignore"):
        z = mg.where(x > 0, mg.log(x) * x, 0.0).sum()
    [g] = mg.autograd.grad(z, [x], create_graph=True)
    [h] = mg.autograd.grad(g.sum(), [x])
    assert h.tolist() == [0, 0.5]


def test_long_chains_of_choices_neither_recurse_nor_forget():
    x = mg.tensor(np.array([0.0, 2.0]), requires_grad=True)
    with np.errstate(all="ignore"):
        y = mg.log(x)
    for _ in range(5000):
        y = mg.maximum(y, -1.0)
    y.sum().backward()
    assert x.grad.tolist() == [0, 0.5]


def test_a_value_chosen_a_thousand_times_does_not_recurse():
    x = mg.tensor(np.array([0.0, 2.0]), requires_grad=True)
    with np.errstate(all="ignore"):
        y = mg.log(x)
    sum(mg.relu(y) for _ in range(1500)).sum().backward()
    assert x.grad.tolist() == [0, 750]


def test_an_own_op_takes_part_by_saying_how_it_flows():
    inverse = mg.primitive(lambda x: 1 / x, lambda g, z: -g * z * z, name="inverse", flow="elementwise")
    assert gradient(lambda x: mg.where(x != 0, inverse(x), 0.0), [0, 2]) == [[0, -0.25]]
    check_gradients(lambda x: mg.where(x > 1, inverse(x), 0.0), [0.5, 2.0])
    with pytest.raises(GradientError):
        check_gradients(lambda x: mg.where(x > 0, mg.sqrt(x), mg.sqrt(-x)), [0.0])


@pytest.mark.parametrize(
    "whole",
    [
        np.floor,
        np.ceil,
        np.trunc,
        np.rint,
        np.round,
        np.sign,
        lambda x: x // 0.5,
        lambda x: np.heaviside(x, 1.0),
        lambda x: np.clip(np.floor(x), 0, 2),
        lambda x: np.floor(x)[::-1] % 3,
        lambda x: np.floor(x) * np.sign(x),
    ],
)
def test_what_is_constant_between_jumps_becomes_integers(whole):
    """Indices that are computed by rounding: nothing of the gradient is lost."""
    at, table = np.array([0.5, 1.7]), mg.tensor(np.arange(5.0) ** 2)

    def f(x):
        return (table[whole(x).astype(int)] * x).sum()

    indices = whole(mg.tensor(at, requires_grad=True)).astype(int)
    assert not indices.requires_grad
    np.testing.assert_array_equal(indices.data, whole(at).astype(int))
    want = table.data[whole(at).astype(int)]
    for g in (mg.grad(f), mg.compile(mg.grad(f))):
        assert g(mg.tensor(at)).data.tolist() == want.tolist()


@pytest.mark.parametrize("f", [lambda x: x, lambda x: np.floor(x) + x, lambda x: np.remainder(x, 2.0)])
def test_what_has_a_gradient_becomes_no_integers(f):
    with pytest.raises(DTypeError, match=r"x\.detach\(\)\.astype\('int64'\), or round first: np\.floor\(x\)"):
        f(mg.tensor([0.5, 1.7], requires_grad=True)).astype(np.int64)
