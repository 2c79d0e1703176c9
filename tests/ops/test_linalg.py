"""Products, linear algebra and Fourier transforms: errors, singular points, options, and NumPy's second names."""

import itertools
import math

import numpy as np
import pytest

import minigrad as mg
from minigrad.errors import DTypeError, ShapeError, UnsupportedError
from minigrad.ops import linalg as rows
from minigrad.testing import check_gradients
from tests.ops.families import properties_of

test_properties = properties_of(rows)

OPS = mg.table.ops  # what formulas alone call has no other name

RNG = np.random.default_rng(0)
L = mg.linalg


def normal(*shape):
    return RNG.normal(size=shape)


def leaf(x):
    return mg.tensor(np.array(x, float), requires_grad=True)


def gradient(f, x):
    x = leaf(x)
    f(x).sum().backward()
    return x.grad


def same(got, want):
    np.testing.assert_allclose(got.data if isinstance(got, mg.Tensor) else got, want, rtol=1e-10, atol=1e-12)


# -- einsum -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("subscripts", "shapes", "message"),
    [
        ("ij,jk", [(2, 3)], "as many subscripts"),
        ("ij,jk", [(2, 3), (4, 5)], "'j' has size 3 in operand 0 and 4 in 1"),
        ("ii", [(2, 3)], "'i' has sizes 2 and 3 in operand 0"),
        ("ij", [(2, 3, 4)], r"shape \(2, 3, 4\), which does not fit its subscripts 'ij'"),
        ("ijk", [(2, 3)], "does not fit"),
        ("...ijk", [(2, 3)], "does not fit"),
        ("ij->ik", [(2, 3)], "'k' is not"),
        ("ij->ii", [(2, 3)], "'i' is not"),
        ("i.j", [(2, 3)], "are letters"),
        ("i......", [(2, 3)], "are letters"),
        ("i$", [(2, 3)], "are letters"),
        ("...i->i", [(2, 3)], r"needs '\.\.\.'"),
    ],
)
def test_einsum_says_what_is_wrong_with_subscripts(subscripts, shapes, message):
    with pytest.raises(ShapeError, match=message):
        mg.einsum(subscripts, *[leaf(np.ones(shape)) for shape in shapes])


def test_einsum_of_lists_says_what_is_wrong():
    x = leaf(np.ones((2, 3)))
    for wrong in ([0, 60], [0, "a"], 7):
        with pytest.raises(ShapeError, match="a list of ints"):
            mg.einsum(x, wrong)
    with pytest.raises(ShapeError, match="takes subscripts"):
        mg.einsum()
    with pytest.raises(ShapeError, match="at most 52"):
        mg.einsum("...".join(["abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXY"]), np.ones((1,) * 53))


def test_einsum_takes_a_path_of_numpys_for_the_gradient_too():
    xs = [normal(2, 3), normal(3, 4), normal(4, 2)]
    path = np.einsum_path("ab,bc,cd->ad", *xs, optimize="optimal")[0]
    check_gradients(lambda *xs: np.einsum("ab,bc,cd->ad", *xs, optimize=path), *xs)
    check_gradients(lambda *xs: np.einsum("ab,bc,cd->ad", *xs, optimize="greedy"), *xs)


def test_einsum_sorts_an_implicit_output_as_numpy_does():
    x, y = normal(2, 3), normal(3, 4)
    for subscripts in ("Ba,ac", "bA,AZ", "zy,yx", "b a , a c"):
        same(np.einsum(subscripts, leaf(x), leaf(y)), np.einsum(subscripts, x, y))
    same(np.einsum(leaf(x), [1, 0]), np.einsum(x, [1, 0]))
    same(np.einsum(leaf(x), [30, 2]), np.einsum(x, [30, 2]))


def test_einsum_refuses_what_it_cannot_differentiate():
    x = leaf(normal(2, 2))
    with pytest.raises(UnsupportedError, match="out"):
        np.einsum("ij->ji", x, out=np.empty((2, 2)))
    with pytest.raises(DTypeError, match="casting='safe'"):
        np.einsum("ij->ji", x, dtype="f4")


def test_a_diagonal_has_no_nan_beside_it():
    """The gradient of a repeated index is put on the diagonal: 0 times inf would be NaN."""
    x = leaf(np.diag([1.0, 0.0]) + 1)
    (g,) = mg.autograd.grad(mg.einsum("ii->i", x), [x], [np.array([np.inf, 1.0])])
    assert g.tolist() == [[math.inf, 0], [0, 1]]


# -- products -----------------------------------------------------------------------------------


def test_tensordot_says_what_is_wrong_with_axes():
    a, b = leaf(normal(2, 3)), leaf(normal(3, 4))
    same(np.tensordot(a, b, 1), a.data @ b.data)
    same(np.tensordot(a, b, axes=([1], [0])), a.data @ b.data)
    same(np.tensordot(a, b, 0), np.tensordot(a.data, b.data, 0))
    with pytest.raises(ShapeError, match="same sizes"):
        mg.tensordot(a, b)
    with pytest.raises(ShapeError, match="has no axes"):
        mg.tensordot(a, b, (2, 0))
    with pytest.raises(ShapeError, match="has no axes"):
        mg.tensordot(a, b, 3)
    with pytest.raises(ShapeError, match="summed once"):
        mg.tensordot(leaf(normal(2, 2)), leaf(normal(2, 2)), ([0, 0], [1, 1]))


def test_cross_moves_axes_as_numpy_does():
    a, b = normal(3, 4, 2), normal(4, 3, 2)
    for axisc in (-1, 0, 1, -2):
        options = {"axisa": 0, "axisb": 1, "axisc": axisc}
        same(np.cross(leaf(a), leaf(b), **options), np.cross(a, b, **options))
        check_gradients(lambda a, b, options=options: mg.cross(a, b, **options), a, b)
    same(np.cross(leaf(a), leaf(b), 0, 1, 2), np.cross(a, b, 0, 1, 2))


@pytest.mark.filterwarnings("ignore:Arrays of 2-dimensional vectors:DeprecationWarning")
def test_cross_takes_vectors_of_the_plane():
    for m, n in ((2, 2), (2, 3), (3, 2)):
        a, b = normal(4, m), normal(4, n)
        # NumPy 2.5 takes no vectors of the plane any more: in space they end with a 0.
        whole = np.cross(*[np.pad(x, ((0, 0), (0, 3 - x.shape[1]))) for x in (a, b)])
        same(np.cross(leaf(a), leaf(b)), whole[:, 2] if m == n == 2 else whole)
        check_gradients(mg.cross, a, b)


def test_cross_says_what_is_wrong():
    for wrong, message in (((4, 4), "2 or 3 elements"), ((3, 5), "2 or 3 elements")):
        with pytest.raises(ShapeError, match=message):
            mg.cross(leaf(np.ones(wrong[0])), leaf(np.ones(wrong[1])))
    with pytest.raises(ShapeError, match="no axis 2"):
        mg.cross(leaf(np.ones(3)), leaf(np.ones(3)), axis=2)
    with pytest.raises(ShapeError, match="no axis 1"):
        mg.cross(leaf(np.ones(3)), leaf(np.ones(3)), axisc=1)


def test_products_conjugate_as_numpys_do():
    a, b = normal(3) + 1j * normal(3), normal(3) + 1j * normal(3)
    matrix = normal(3, 3) + 1j * normal(3, 3)
    for f in (mg.vdot, mg.vecdot, mg.inner, mg.outer, mg.correlate, mg.convolve):
        same(f(a, b), getattr(np, f.__name__)(a, b))
    same(mg.vecmat(a, matrix), np.conj(a) @ matrix)
    same(mg.matvec(matrix, a), matrix @ a)
    for f in (mg.vdot, mg.vecdot, mg.correlate):
        check_gradients(lambda x, y, f=f: f(x + 1j * y, x * (2 - 1j * y)), normal(3), normal(3))


def test_convolutions_of_every_length_are_numpys():
    for n, m, mode in itertools.product(range(1, 5), range(1, 5), ("full", "same", "valid")):
        a, v = normal(n), normal(m)
        same(np.convolve(leaf(a), leaf(v), mode), np.convolve(a, v, mode))
        same(np.correlate(leaf(a), leaf(v), mode), np.correlate(a, v, mode))
    same(np.correlate(leaf(a), leaf(v[:2])), np.correlate(a, v[:2]))
    check_gradients(mg.convolve, normal(), normal(3))
    with pytest.raises(ValueError, match="empty"):
        mg.convolve(leaf([]), leaf([1]))


def test_lists_are_arrays_too():
    same(mg.outer([1.0, 2.0], [3.0]), [[3], [6]])
    same(mg.cross([1.0, 0.0, 0.0], [0.0, 1.0, 0.0]), [0, 0, 1])
    same(mg.einsum("i,i", [1.0, 2.0], [3.0, 4.0]), 11)
    same(L.norm([3.0, 4.0]), 5)
    same(L.det([[2.0, 0.0], [0.0, 3.0]]), 6)


def test_multi_dot_takes_the_order_with_the_least_work():
    sizes = [10, 100, 5, 50, 1]
    chain = [normal(*pair) for pair in itertools.pairwise(sizes)]
    same(np.linalg.multi_dot([leaf(x) for x in chain]), np.linalg.multi_dot(chain))
    from minigrad.ops.linalg import _splits

    assert _splits([10, 100, 5, 50])[0, 2] == 1  # (10 x 100 x 5) first: 7,500 products instead of 75,000
    for wrong in ([normal(2, 2)], [normal(2, 2), normal(2), normal(2, 2)], [normal(2, 2, 2), normal(2)]):
        with pytest.raises(ShapeError, match="multi_dot takes two or more"):
            L.multi_dot(wrong)


# -- NumPy's functions of one name in two places --------------------------------------------------


def test_namesakes_in_linalg_act_on_the_last_axes():
    x, y = normal(2, 3, 4), normal(2, 4, 3)
    same(np.linalg.trace(leaf(x), offset=1), np.linalg.trace(x, offset=1))
    same(np.linalg.diagonal(leaf(x), offset=-1), np.linalg.diagonal(x, offset=-1))
    same(np.linalg.matrix_transpose(leaf(x)), x.swapaxes(-1, -2))
    same(np.linalg.matmul(leaf(x), leaf(y)), x @ y)
    same(np.linalg.tensordot(leaf(x), leaf(y), axes=([0, 1], [0, 2])), np.tensordot(x, y, ([0, 1], [0, 2])))
    same(np.linalg.vecdot(leaf(x), leaf(x), axis=1), (x * x).sum(1))
    same(np.linalg.outer(leaf(x[0, 0]), leaf(y[0, 0])), np.outer(x[0, 0], y[0, 0]))
    same(np.linalg.cross(leaf(x), leaf(x + 1), axis=1), np.linalg.cross(x, x + 1, axis=1))
    check_gradients(L.trace, x)
    check_gradients(lambda x: L.diagonal(x, offset=1), x)
    check_gradients(L.matrix_transpose, x)


def test_namesakes_in_linalg_are_stricter():
    with pytest.raises(ShapeError, match="two vectors"):
        L.outer(leaf(normal(2, 2)), leaf(normal(2)))
    with pytest.raises(ShapeError, match="3 elements"):
        L.cross(leaf(normal(2)), leaf(normal(2)))
    with pytest.raises(ShapeError, match="last two axes"):
        L.matrix_transpose(leaf(normal(2)))
    with pytest.raises(UnsupportedError, match="dtype"):
        np.linalg.trace(leaf(normal(2, 2)), dtype=int)


# -- singular matrices ----------------------------------------------------------------------------


@pytest.mark.parametrize("f", [L.inv, lambda x: L.solve(x, np.ones(2)), lambda x: L.matrix_power(x, -2)])
def test_a_singular_matrix_raises_numpys_error_with_the_name_of_the_op(f):
    with pytest.raises(np.linalg.LinAlgError, match="Singular") as info:
        f(leaf([[1, 1], [1, 1]]))
    assert "of shapes (2, 2)" in str(info.value)


def test_errors_in_a_gradient_name_the_op():
    with np.errstate(divide="ignore"), pytest.raises(np.linalg.LinAlgError) as info:
        gradient(OPS["logabsdet"], np.zeros((2, 2)))
    assert any("in the gradient of" in note for note in info.value.__notes__)


def test_what_is_not_positive_definite_has_no_cholesky_factor():
    with pytest.raises(np.linalg.LinAlgError, match="positive definite") as info:
        L.cholesky(leaf([[1, 2], [2, 1]]))
    assert "cholesky of shapes" in str(info.value)


@pytest.mark.parametrize(
    "f",
    [L.inv, L.det, OPS["logabsdet"], L.eigh, L.eigvalsh, L.eig, L.cholesky, lambda x: L.matrix_power(x, 2)],
)
def test_matrices_that_must_be_square(f):
    for shape in ((2, 3), (3,)):
        with pytest.raises(ShapeError):
            f(leaf(normal(*shape)))


@pytest.mark.parametrize("f", [L.qr, L.svd, L.svdvals])
def test_matrices_have_two_axes(f):
    with pytest.raises(ShapeError, match="last two axes"):
        f(leaf(normal(3)))


@pytest.mark.parametrize("rank", [0, 1, 2, 3, 4])
@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_the_gradient_of_a_determinant_is_exact_for_every_rank(n, rank):
    """And so is the second: minors have determinants of their own."""
    if rank > n:
        return
    x = normal(n, rank) @ normal(rank, n)
    minors = np.array(
        [[(-1) ** (i + j) * np.linalg.det(np.delete(np.delete(x, i, 0), j, 1)) for j in range(n)] for i in range(n)]
    )
    same(gradient(L.det, x), minors)
    check_gradients(L.det, x)
    check_gradients(OPS["cofactors"], x, order=1)


def test_a_determinant_of_a_stack_with_one_singular_matrix():
    x = np.stack([normal(3, 3), np.ones((3, 3)), np.diag([1.0, 2.0, 0.0])])
    check_gradients(L.det, x)
    assert gradient(L.det, x)[2].tolist() == pytest.approx(np.diag([0.0, 0.0, 2.0]))


def test_logabsdet_where_the_determinant_underflows():
    x = np.eye(200, dtype=float) * 1e-3
    assert np.linalg.det(x) == 0
    same(gradient(OPS["logabsdet"], x), np.eye(200, dtype=float) * 1e3)


def test_slogdet_names_its_parts_and_its_sign_is_plain():
    result = np.linalg.slogdet(leaf([[0, 2], [1, 0]]))
    assert result.sign == -1
    assert not isinstance(result.sign, mg.Tensor)
    same(result.logabsdet, math.log(2))


def test_powers():
    x = normal(2, 3, 3)
    same(L.matrix_power(leaf(x), 0), np.broadcast_to(np.eye(3, dtype=float), x.shape))
    assert not gradient(lambda x: L.matrix_power(x, 0), x).any()
    one = leaf(x)
    assert L.matrix_power(one, 1) is not one
    assert not np.shares_memory(L.matrix_power(one, 1).data, one.data)
    with pytest.raises(TypeError):
        L.matrix_power(one, 0.5)


def test_tensors_as_matrices_say_what_they_take():
    with pytest.raises(ShapeError, match="tensorsolve"):
        L.tensorsolve(leaf(normal(2, 3, 4)), leaf(normal(2, 3)))
    for ind in (0, 1, -1):
        with pytest.raises(ShapeError, match="tensorinv"):
            L.tensorinv(leaf(normal(2, 3, 6)), ind)


def test_pinv_takes_rtol():
    x = np.diag([1.0, 1e-3])
    same(np.linalg.pinv(leaf(x), rtol=1e-2), np.diag([1.0, 0.0]))
    same(np.linalg.pinv(leaf(x), rtol=None), np.diag([1.0, 1e3]))
    for pinv in (np.linalg.pinv, L.pinv):
        same(pinv(leaf(x), hermitian=True), np.diag([1.0, 1e3]))
        same(pinv(leaf(x), 1e-2, True), np.diag([1.0, 0.0]))
    lower = np.array([[2.0, 9], [1, 3]])
    same(L.pinv(leaf(lower), hermitian=True), np.linalg.pinv(lower, hermitian=True))
    check_gradients(lambda a: L.pinv(a, hermitian=True), lower)


def test_matrix_rank_is_a_plain_answer():
    rank = np.linalg.matrix_rank(leaf(np.ones((2, 3, 3))))
    assert rank.tolist() == [1, 1]
    assert not isinstance(rank, mg.Tensor)


# -- norms ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "f",
    [
        *[lambda x, p=p: L.vector_norm(x, ord=p) for p in (2, 1, 3, 0.5, -1, 0, math.inf, -math.inf)],
        *[lambda x, p=p: L.matrix_norm(x, ord=p) for p in ("fro", "nuc", 1, -1, math.inf, -math.inf)],
        L.norm,
    ],
)
def test_the_gradient_of_a_norm_at_0_is_0(f):
    assert not gradient(f, np.zeros((2, 3))).any()


SMOOTH_AT_0 = {
    "norm": lambda x: L.norm(x) ** 2,
    "norm, squared by a product": lambda x: L.norm(x) * L.norm(x) * 3,
    "norm, by square": lambda x: np.square(L.norm(x)),
    "along an axis": lambda x: (L.norm(x, axis=1) ** 2).sum(),
    "frobenius": lambda x: L.norm(x, "fro") ** 2,
    "vector_norm": lambda x: L.vector_norm(x) ** 2,
    "matrix_norm": lambda x: L.matrix_norm(x) ** 4,
    "hypot": lambda x: (np.hypot(x[0], x[1]) ** 2).sum(),
    "std": lambda x: np.std(x) ** 2,
    "std, axis": lambda x: (np.std(x, 1, ddof=1) ** 2).sum(),
    "nanstd": lambda x: np.nanstd(x) ** 2,
    "complex": lambda x: mg.abs(x[0] + 1j * x[1]) ** 2,
    "power spectrum": lambda x: (mg.abs(np.fft.rfft(x)) ** 2).sum(),
    "order 3": lambda x: L.norm(x.reshape(-1), 3) ** 2,
    "order 4": lambda x: L.norm(x.reshape(-1), 4) ** 2,
    "order 1.5": lambda x: L.norm(x.reshape(-1), 1.5) ** 1.5,
    "order 0.5": lambda x: L.norm(x.reshape(-1), 0.5) ** 2,
    "order -1": lambda x: L.norm(x.reshape(-1), -1) ** 2,
    "order 0.5, along an axis": lambda x: (L.vector_norm(x, axis=0, ord=0.5) ** 2).sum(),
    "spectral": lambda x: (L.svdvals(x) ** 2).sum(),
    "nuclear": lambda x: L.norm(x, "nuc") ** 2,
}


@pytest.mark.parametrize("name", SMOOTH_AT_0)
@pytest.mark.filterwarnings("ignore:.*encountered")
def test_the_second_order_of_a_length_at_0_is_nan_and_never_another_number(name):
    f = SMOOTH_AT_0[name]
    x = np.zeros((2, 3))
    assert not mg.grad(lambda x: f(x).sum())(x).any()  # the first order is right
    assert np.isnan(mg.hessian(lambda x: f(x).sum())(x)).any()
    assert not np.isfinite(mg.hvp(lambda x: f(x).sum(), x, np.ones((2, 3)))).all()
    check_gradients(f, normal(2, 3), order=2)


@pytest.mark.filterwarnings("ignore:.*encountered")
def test_one_length_of_0_leaves_the_others_alone():
    x = np.array([[0.0, 0.0], [3.0, 4.0]])
    h = mg.hessian(lambda x: (L.norm(x, axis=1) ** 2).sum())(x)
    assert np.isnan(h[0, :, 0]).any()
    same(h[1, :, 1], 2 * np.eye(2))


def test_elements_that_are_0_in_a_norm_of_order_3_are_smooth():
    h = mg.hessian(lambda x: L.norm(x, 3) ** 3)(np.array([1.0, 0.0]))
    same(h, np.array([[6.0, 0.0], [0.0, 0.0]]))


@pytest.mark.parametrize(("order", "derivatives"), [(4, [0, 0, 0, 2 / 9, 0]), (6, [0, 0, 0, 0, 0, 120 / 243])])
def test_norms_of_even_orders_are_smooth_at_0_in_every_order(order, derivatives):
    """(x**p + 3**p)**(1 / p) at x = 0, where the derivative p is p! / (p 3**(p - 1))."""

    def f(x):
        return mg.linalg.norm(mg.stack([x, x * 0 + 3.0]), order)

    for derivative in derivatives:
        f = mg.grad(f)
        assert f(0.0) == pytest.approx(derivative)


def test_ties_in_norms_share():
    assert gradient(lambda x: L.norm(x, math.inf), [2, -2, 1]).tolist() == [0.5, -0.5, 0]
    assert gradient(lambda x: L.norm(x, -math.inf), [2, -1, 1]).tolist() == [0, -0.5, 0.5]
    assert gradient(lambda x: L.norm(x, 1), [[1, 2], [3, 2]]).tolist() == [[0.5, 0.5], [0.5, 0.5]]
    same(gradient(lambda x: L.norm(x, 2), np.eye(2)), np.eye(2) / 2)
    same(gradient(lambda x: L.norm(x, "nuc"), np.eye(2)), np.eye(2))


def test_elements_that_are_0_have_the_gradient_0_in_every_norm():
    for p in (1, 0.5, 2, 3, 1.5):
        same(gradient(lambda x, p=p: L.norm(x, p), [3, 0]), [1, 0])


def test_norms_of_integers_and_complex_numbers():
    same(L.norm(np.array([3, 4])), 5)
    x = normal(3) + 1j * normal(3)
    for p in (None, 1, 2, 3, math.inf):
        same(L.norm(x, p), np.linalg.norm(x, p))
    check_gradients(lambda x, y: L.norm(x + 1j * y), normal(3), normal(3))


def test_norms_say_what_is_wrong():
    x = leaf(normal(2, 2, 2))
    with pytest.raises(ShapeError, match="name the axes"):
        L.norm(x, 2)
    with pytest.raises(ShapeError, match="two different axes"):
        L.norm(x, axis=(1, -2))
    with pytest.raises(ValueError, match="order of a vector norm"):
        L.norm(x, "fro", 1)
    with pytest.raises(ValueError, match="order of a matrix norm"):
        L.norm(x, 3, (0, 1))


def test_the_condition_of_a_singular_matrix():
    assert L.cond(leaf(np.diag([1.0, 0.0]))).item() == math.inf
    assert L.cond(leaf(np.diag([1.0, 0.0])), -2).item() == 0
    with pytest.raises(np.linalg.LinAlgError):
        L.cond(leaf(np.zeros((2, 2))), 1)


# -- decompositions -----------------------------------------------------------------------------------


def test_results_have_numpys_names():
    x = normal(3, 3)
    even = x + x.T
    for result, want in (
        (np.linalg.eigh(leaf(even)), np.linalg.eigh(even)),
        (np.linalg.eig(leaf(even)), np.linalg.eig(even)),
        (np.linalg.qr(leaf(x)), np.linalg.qr(x)),
        (np.linalg.svd(leaf(x)), np.linalg.svd(x)),
        (np.linalg.slogdet(leaf(x)), np.linalg.slogdet(x)),
    ):
        assert result._fields == want._fields
        for one, two in zip(result, want, strict=True):
            same(one, two)


def test_arrays_alone_may_be_complex():
    x = normal(3, 3) + 1j * normal(3, 3)
    even = x + x.conj().T
    for got, want in ((L.eigh(even), np.linalg.eigh(even)), (L.svd(x), np.linalg.svd(x))):
        for one, two in zip(got, want, strict=True):
            assert one.dtype == two.dtype
            same(one, two)
    same(L.cholesky(x @ x.conj().T), np.linalg.cholesky(x @ x.conj().T))


@pytest.mark.parametrize("side", ["L", "U"])
@pytest.mark.parametrize("imaginary", [0, 1])
def test_vectors_have_the_signs_of_numpys(side, imaginary):
    x = normal(6, 6) + 1j * imaginary * normal(6, 6) if imaginary else normal(6, 6)
    for one, two in zip(np.linalg.eigh(mg.tensor(x), side), np.linalg.eigh(x, side), strict=True):
        same(one, two)


def test_one_triangle_or_both():
    x = normal(3, 3)
    for side in "LU":
        same(np.linalg.eigvalsh(leaf(x), UPLO=side), np.linalg.eigvalsh(x, side))
        g = gradient(lambda x, side=side: np.linalg.eigh(x, side).eigenvalues * np.arange(3), x)
        assert not (np.triu(g, 1) if side == "L" else np.tril(g, -1)).any()
    g = gradient(lambda x: L.eigvalsh(x) * np.arange(3), x)
    same(g, g.T)
    with pytest.raises(ValueError, match="'L' or 'U'"):
        L.eigh(leaf(x), "X")


def test_vectors_that_are_arbitrary_are_refused_by_name():
    x = leaf(normal(4, 2))
    with pytest.raises(UnsupportedError, match="full_matrices=False"):
        np.linalg.svd(x)
    with pytest.raises(UnsupportedError, match="mode='reduced'"):
        np.linalg.qr(x, "complete")
    with pytest.raises(UnsupportedError, match="mode='raw'"):
        np.linalg.qr(x, mode="raw")
    with pytest.raises(ShapeError, match="square"):
        np.linalg.svd(x, hermitian=True)
    same(np.linalg.svd(x, compute_uv=False), np.linalg.svd(x.data, compute_uv=False))
    same(np.linalg.qr(x, "r"), np.linalg.qr(x.data, "r"))
    for one, two in zip(np.linalg.qr(x.T, "complete"), np.linalg.qr(x.data.T, "complete"), strict=True):
        same(one, two)


def test_functions_that_treat_equal_values_alike_have_the_right_gradient():
    x = np.diag([1.0, 1.0, 2.0])
    check_gradients(lambda x: (L.eigvalsh(x) ** 3).sum(), x, order=1)
    check_gradients(lambda x: (L.svdvals(x) ** 3).sum(), x, order=1)
    rank_1 = np.outer([1.0, 2.0, 3.0], [1.0, 0.0])
    same(gradient(lambda x: L.norm(x, 2), rank_1), rank_1 / math.sqrt(14))


def test_equal_only_to_rounding():
    """Differences as small as the errors of the values count as none: garbage divided by them would be large."""
    q = np.linalg.qr(normal(4, 4))[0]
    x = q @ np.diag([1.0, 1.0, 1.0, 2.0]) @ q.T
    p = leaf(x)
    w, v = L.eigh(p)
    projection = v[:, 3:] @ v[:, 3:].T  # on the vector that is determined
    (g,) = mg.autograd.grad((projection * np.arange(16.0).reshape(4, 4)).sum() + w[:3].sum(), [p])
    assert np.abs(g.data).max() < 100


def test_small_singular_values_are_not_taken_for_equal():
    x = np.diag([1.0, 1e-9, 1e-10])
    g = gradient(lambda x: L.svd(x).U[1, 2], x)
    assert np.abs(g).max() > 1e8


def test_a_decomposition_of_nothing():
    for shape in ((0, 3, 3), (0, 0), (2, 0, 0)):
        x = leaf(np.zeros(shape))
        for z in (L.eigh(x).eigenvectors, L.svd(x).S, L.qr(x).Q, L.det(x), L.inv(x), L.cholesky(x)):
            (g,) = mg.autograd.grad(z.sum(), [x])
            assert g.shape == shape


def test_the_third_order():
    x, even = normal(3, 3), np.diag([1.0, 2.0, 4.0]) + normal(3, 3) / 9

    for f in (L.det, L.inv, OPS["logabsdet"], L.pinv, lambda x: mg.einsum("ij,jk,kk", x, x, x)):
        check_gradients(f, x, order=3)
    for f in (lambda x: L.eigh(x).eigenvectors ** 2, lambda x: L.svd(x).U ** 2, lambda x: L.qr(x).Q ** 2, L.cholesky):
        check_gradients(f, even, order=3, rtol=1e-6)


# -- Fourier transforms ---------------------------------------------------------------------------------


def test_transforms_of_float32_are_complex64():
    x = mg.tensor(np.ones(4, "f4"), requires_grad=True)
    for f in (np.fft.fft, np.fft.rfft, np.fft.ihfft):
        assert f(x).dtype == np.complex64
    z = np.fft.irfft(np.fft.rfft(x))
    assert z.dtype == np.float32
    z.sum().backward()
    assert x.grad.dtype == np.float32
    same(x.grad, np.ones(4, "f4"))


def test_a_power_spectrum_has_parsevals_gradient():
    x = leaf(normal(5))
    (mg.abs(np.fft.fft(x)) ** 2).sum().backward()
    same(x.grad, 2 * 5 * x.data)


def test_sizes_of_minus_1_are_those_of_the_input():
    x = normal(3, 4)
    for f in (np.fft.fftn, np.fft.ifftn, np.fft.rfftn, np.fft.irfftn):
        same(f(leaf(x), (-1, -1), (0, 1)), f(x, (-1, -1), (0, 1)))


def test_transforms_say_what_is_wrong():
    x = leaf(normal(3, 4))
    with pytest.raises(ShapeError, match="as many axes"):
        np.fft.fftn(x, (2, 3), (0,))
    with pytest.raises(ValueError, match="norm"):
        np.fft.hfft(x, norm="no")
    with pytest.raises(UnsupportedError, match="out"):
        np.fft.fft(x, out=np.empty((3, 4), complex))
    with pytest.raises(DTypeError):
        np.fft.rfft(x * 1j)


def test_a_convolution_through_transforms_is_one():
    a, v = normal(6), normal(3)

    def through(a, v):
        return np.fft.irfft(np.fft.rfft(a, 8) * np.fft.rfft(v, 8), 8)

    same(through(leaf(a), leaf(v)), np.convolve(a, v))
    for one, two in zip(
        mg.autograd.grad((through(x := leaf(a), y := leaf(v)) ** 2).sum(), [x, y]),
        mg.autograd.grad((mg.convolve(p := leaf(a), q := leaf(v)) ** 2).sum(), [p, q]),
        strict=True,
    ):
        same(one, two.data)
