"""Equal eigenvalues and singular values: the right gradient, or NaN with a warning, and never another finite number."""

import numpy as np
import pytest

import minigrad as mg
from minigrad.testing import check_gradients

L = mg.linalg
RNG = np.random.default_rng(3)
TURN = np.linalg.qr(RNG.normal(size=(3, 3)))[0]
WEIGHTS = RNG.normal(size=(3, 3))
EQUAL = pytest.mark.filterwarnings("ignore:(equal|too few)")


def gradient(f, x):
    x = mg.tensor(x, requires_grad=True)
    f(x).sum().backward()
    return x.grad


def turned(values, left=TURN, right=TURN):
    return left @ np.diag(values) @ right.T


POINTS = {
    "identity": np.eye(3, dtype=float),
    "multiple": 2.5 * np.eye(3, dtype=float),
    "zero": np.zeros((3, 3)),
    "two equal": np.diag([1.0, 1.0, 2.0]),
    "turned": turned([1.0, 1.0, 2.0]),
    "all equal, turned": turned([2.0, 2.0, 2.0]) + 1e-15 * WEIGHTS,
    "nearly equal": turned([1.0, 1.0 + 1e-13, 2.0]),
    "large": 1e8 * turned([1.0, 1.0, 2.0]),
    "small": 1e-8 * turned([1.0, 1.0, 2.0]),
}


def of_eigh(f):
    def function(x):
        w, v = L.eigh(x)
        return (v * f(w)) @ v.T * WEIGHTS

    return function


def polar(x):
    u, _, vh = L.svd(x)
    return u @ vh * WEIGHTS


UNKNOWN = {
    "cos": of_eigh(np.cos),
    "the matrix itself": of_eigh(lambda w: w),
    "less than a constant": of_eigh(lambda w: w - w.data),  # which is 0 there, and so is all that flows to the vectors
    "one element": lambda x: of_eigh(np.cos)(x)[0, 1],
    "vectors": lambda x: L.eigh(x).eigenvectors * WEIGHTS,
    "squares": lambda x: L.eigh(x).eigenvectors ** 2 * WEIGHTS,  # stationary at the identity, and yet a choice
    "polar": polar,
    "singular vectors": lambda x: L.svd(x).U ** 2 * WEIGHTS,
    "by svd": lambda x: (L.svd(x).U * L.svd(x).S) @ L.svd(x).Vh * WEIGHTS,
    "eig": lambda x: np.real(L.eig(x).eigenvectors) ** 2 * WEIGHTS,
}


@pytest.mark.parametrize("name", UNKNOWN)
@pytest.mark.parametrize("point", POINTS)
def test_what_comes_from_vectors_of_equal_values_is_nan_with_its_reason(name, point):
    if name == "eig" and point in ("all equal, turned", "nearly equal"):  # not symmetric to rounding: other vectors
        return
    with pytest.warns(RuntimeWarning, match="equal eigenvalues or singular values encountered.*arbitrary"):
        g = gradient(UNKNOWN[name], POINTS[point])
    assert np.isnan(g).all()


@EQUAL
@pytest.mark.parametrize("name", ["cos", "squares", "polar"])
def test_along_a_direction_too(name):
    f = UNKNOWN[name]
    x = np.eye(3, dtype=float)
    assert np.isnan(mg.jvp(lambda x: f(x).sum(), (x,), (WEIGHTS,))[1])
    assert np.isnan(mg.hessian(lambda x: f(x).sum())(x)).all()


SMOOTH = {
    "sum of exp": lambda x: np.exp(L.eigvalsh(x)),
    "powers": lambda x: L.eigvalsh(x) ** 3,
    "of the singular values": lambda x: L.svdvals(x) ** 4,
    "of any eigenvalues": lambda x: np.real(L.eigvals(x)) ** 3,
    "log det": lambda x: np.log(np.abs(L.svdvals(x))),
}


@pytest.mark.parametrize("name", SMOOTH)
@pytest.mark.parametrize("point", ["identity", "multiple", "two equal", "turned"])
def test_functions_of_the_values_that_treat_equal_ones_alike_are_right(name, point):
    check_gradients(lambda x: SMOOTH[name](x).sum(), POINTS[point], order=1, rtol=1e-6)


@EQUAL
@pytest.mark.parametrize("name", SMOOTH)
def test_their_second_order_is_nan_where_values_are_equal_and_right_where_they_are_not(name):
    f = SMOOTH[name]
    assert np.isnan(mg.hessian(lambda x: f(x).sum())(np.eye(3, dtype=float))).any()
    check_gradients(lambda x: f(x).sum(), np.diag([1.0, 2.0, 4.0]) + (WEIGHTS + WEIGHTS.T) / 9, order=2, rtol=1e-5)


def test_values_that_are_equal_share():
    x = turned([1.0, 1.0, 2.0])
    np.testing.assert_allclose(gradient(lambda x: L.eigvalsh(x)[0], x), turned([0.5, 0.5, 0]), atol=1e-14)
    np.testing.assert_allclose(gradient(lambda x: L.svdvals(x)[2], x), turned([0.5, 0.5, 0]), atol=1e-14)
    np.testing.assert_allclose(gradient(lambda x: L.svdvals(x)[0], x), turned([0, 0, 1]), atol=1e-14)


@pytest.mark.parametrize("point", ["two equal", "turned", "large", "small"])
def test_vectors_that_are_left_out_do_not_count(point):
    x = POINTS[point]
    scale = np.abs(x).max()

    def projection(x):
        v = L.eigh(x).eigenvectors[:, 2:]
        return (v @ v.T * WEIGHTS).sum()

    def by_svd(x):
        u, s, vh = L.svd(x)
        return (u[:, :1] * s[:1] @ vh[:1] * WEIGHTS).sum()

    for f in (projection, by_svd):
        got, h = gradient(f, x), 1e-5 * scale
        for i in range(3):
            for j in range(3):
                step = np.zeros((3, 3))
                step[i, j] = h
                slope = (f(x + step) - f(x - step)) / (2 * h)
                assert got[i, j] == pytest.approx(slope, rel=1e-6, abs=1e-8 / scale)


@EQUAL
def test_one_matrix_of_a_stack_leaves_the_others_alone():
    others = np.diag([1.0, 2.0, 4.0]) + WEIGHTS / 9
    for f in (L.eigh, L.svd):
        g = gradient(
            lambda x, f=f: np.square(f(x)[-1]) * WEIGHTS, np.stack([others, np.eye(3, dtype=float), 2 * others])
        )
        alone = gradient(lambda x, f=f: np.square(f(x)[-1]) * WEIGHTS, others)
        assert np.isnan(g[1]).all()
        np.testing.assert_allclose(g[0], alone, rtol=1e-12)
        np.testing.assert_allclose(g[2], alone / 2, rtol=1e-12)


@pytest.mark.parametrize("gap", [1e-3, 1e-6, 1e-9])
def test_nearly_equal_values_have_the_digits_that_are_left(gap):
    x = turned([1.0, 1.0 + gap, 2.0])
    w, v = np.linalg.eigh(x)
    halves = (w[:, None] - w) / 2 + 1e-300
    slopes = np.exp((w[:, None] + w) / 2) * np.sinh(halves) / halves
    want = v @ (slopes * (v.T @ (WEIGHTS + WEIGHTS.T) / 2 @ v)) @ v.T
    np.testing.assert_allclose(gradient(of_eigh(np.exp), x), want, rtol=1e-14 / gap, atol=1e-14 / gap)


def test_float32_too():
    x = turned([1.0, 1.0, 2.0]).astype("f4")
    with pytest.warns(RuntimeWarning, match="equal"):
        assert np.isnan(gradient(lambda x: L.eigh(x).eigenvectors ** 2 * WEIGHTS.astype("f4"), x)).all()
    g = gradient(lambda x: np.exp(L.eigvalsh(x)), x)
    assert g.dtype == np.float32
    np.testing.assert_allclose(g, turned(np.exp([1, 1, 2])), rtol=1e-5)


@EQUAL
def test_a_compiled_step_gives_the_same_at_equal_values_and_elsewhere():
    apart = np.diag([1.0, 2.0, 4.0]) + (WEIGHTS + WEIGHTS.T) / 9
    for f in (UNKNOWN["cos"], UNKNOWN["polar"], SMOOTH["sum of exp"]):
        step = mg.compile(lambda x, f=f: mg.grad(lambda x: f(x).sum())(x))
        for x in (apart, apart + 1, np.eye(3, dtype=float), apart, POINTS["turned"]):
            np.testing.assert_allclose(step(x), mg.grad(lambda x, f=f: f(x).sum())(x), rtol=1e-12)


@pytest.mark.parametrize("shape", [(3, 3), (4, 3), (3, 4), (2, 4, 3)])
@pytest.mark.parametrize("rank", [0, 1, 2])
def test_the_nuclear_norm_at_low_rank_has_the_smallest_subgradient(shape, rank):
    *batch, m, n = shape
    x = RNG.normal(size=(*batch, m, rank)) @ RNG.normal(size=(*batch, rank, n))
    u, _, vh = np.linalg.svd(x, full_matrices=False)
    g = gradient(lambda x: L.norm(x, "nuc", (-2, -1)), x)
    np.testing.assert_allclose(g, u[..., :rank] @ vh[..., :rank, :], atol=1e-12)


@pytest.mark.parametrize("scale", [1.0, 1e-12, np.array([1.0, 1e-12, 1e9])], ids=["1", "small", "by columns"])
def test_dependent_columns_have_no_qr_to_differentiate(scale):
    apart = np.eye(3, dtype=float) + WEIGHTS / 9
    dependent = np.array([[1.0, 2.0, 3.0], [2.0, 4.0, 6.0], [1.0, 0.0, 1.0]])
    for x in (dependent * scale, np.ones((3, 3)), np.zeros((3, 3)), np.ones((4, 2)), np.ones((2, 4))):
        for part in (0, 1):
            with pytest.warns(RuntimeWarning, match="dependent columns encountered.*NaN"):
                assert np.isnan(gradient(lambda x, part=part: L.qr(x)[part] ** 2, x)).any()
    both = np.stack([apart * scale, dependent])
    with pytest.warns(RuntimeWarning, match="dependent columns"):
        g = gradient(lambda x: L.qr(x).Q * WEIGHTS, both)
    np.testing.assert_allclose(g[0], gradient(lambda x: L.qr(x).Q * WEIGHTS, apart * scale), rtol=1e-9)
    assert np.isnan(g[1]).all()


def test_a_matrix_with_too_few_eigenvectors():
    """Its eigenvalues move like a root; what they have in common, such as the trace, has a gradient all the same."""
    x = np.array([[1.0, 1.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    np.testing.assert_allclose(
        gradient(lambda x: np.real(L.eigvals(x)) ** 3, x), 3 * np.eye(3, dtype=float), rtol=1e-13
    )
    for f in (lambda w: w * np.arange(3.0), lambda w: w[0], lambda w: w**2 * np.arange(3.0)):
        with pytest.warns(RuntimeWarning, match="too few eigenvectors encountered.*NaN"):
            assert np.isnan(gradient(lambda x, f=f: f(np.real(L.eigvals(x))), x)).all()
    with pytest.warns(RuntimeWarning, match="too few"):
        g = gradient(lambda x: np.real(L.eigvals(x)) * np.arange(3.0), np.stack([x, np.diag([1.0, 2.0, 3.0])]))
    assert np.isnan(g[0]).all()
    np.testing.assert_allclose(g[1], np.diag(np.arange(3.0)), atol=1e-14)


WARNING = {
    "vectors of equal values": lambda x: (mg.linalg.eigh(x).eigenvectors ** 2).sum(),
    "dependent columns": lambda x: mg.linalg.qr(x * 0 + 1).Q.sum(),
    "too few vectors": lambda x: (
        mg.linalg.eigvals(x + np.float64([[0, 1], [0, 0]])).real.sum() ** 2
        + mg.linalg.eigvals(x + np.float64([[0, 1], [0, 0]])).real[0]
    ),
    "a root at 0": lambda x: mg.linalg.sqrtm(x * np.float64([[1, 0], [0, 0]])).sum(),
}


@pytest.mark.parametrize("kind", WARNING)
def test_a_warning_is_at_the_line_of_the_user(kind):
    """Python shows a warning once for each line: at one of the package's it would be once for all."""
    x = mg.tensor(np.eye(2, dtype=float), requires_grad=True)
    loss = WARNING[kind](x)
    with pytest.warns(RuntimeWarning, match="encountered") as caught:
        loss.backward()
    assert {one.filename for one in caught} == {__file__}
