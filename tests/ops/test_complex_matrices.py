"""Linear algebra of complex matrices: NumPy's values, and gradients of two orders with respect to both parts."""

import numpy as np
import pytest

import minigrad as mg
from tests.numpy_check import check_call

RNG = np.random.default_rng(0)
SHAPES = [(3, 3), (4, 2), (2, 4)]


def parts(m, n):
    return [RNG.standard_normal((m, n)), RNG.standard_normal((m, n))]


def adjoint(z):
    return np.conj(np.swapaxes(z, -1, -2))


def hermitian(z):
    return z + adjoint(z)


def first_projector(v):
    """What no phase of a vector changes."""
    return v[..., :1] @ adjoint(v[..., :1])


def unitary(r):
    return r.U @ r.Vh


def one_pair(r):
    return r.U[:, :1] * r.Vh[:1]


def rebuilt(r):
    return (r.U * r.S**2) @ r.Vh


ANY_SHAPE = {
    "svd, values": lambda z: np.linalg.svd(z, full_matrices=False).S,
    "svd, sizes": lambda z: [np.abs(u) ** 2 for u in np.linalg.svd(z, full_matrices=False)],
    "svd, the nearest unitary": lambda z: unitary(np.linalg.svd(z, full_matrices=False)),
    "svd, one pair": lambda z: one_pair(np.linalg.svd(z, full_matrices=False)),
    "svdvals": np.linalg.svdvals,
    "qr": lambda z: list(np.linalg.qr(z)),
    "qr, r": lambda z: np.linalg.qr(z, mode="r"),
    "pinv": np.linalg.pinv,
    "cond": np.linalg.cond,
    "cov": np.cov,
    "var": lambda z: np.var(z, 1, ddof=1),
    "std": lambda z: np.std(z, 1),
    "matrix_norm": lambda z: np.linalg.matrix_norm(z, ord="nuc", keepdims=True),
    **{
        f"norm {order}": lambda z, order=order: np.linalg.norm(z, order)
        for order in (None, "fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf)
    },
    **{
        f"norms of rows {order}": lambda z, order=order: np.linalg.vector_norm(z, ord=order, axis=1)
        for order in (1, 2, 3, 0.5, np.inf, -np.inf)
    },
}

SQUARE = {
    "cholesky": lambda z: np.linalg.cholesky(z @ adjoint(z) + np.eye(3)),
    "cholesky, upper": lambda z: np.linalg.cholesky(z @ adjoint(z) + np.eye(3), upper=True),
    "eigh, values": lambda z: np.linalg.eigh(hermitian(z)).eigenvalues,
    "eigh, sizes": lambda z: np.abs(np.linalg.eigh(hermitian(z)).eigenvectors) ** 2,
    "eigh, one projector": lambda z: first_projector(np.linalg.eigh(hermitian(z)).eigenvectors),
    "eigh, U": lambda z: first_projector(np.linalg.eigh(hermitian(z), "U").eigenvectors),
    "eigh, one triangle": lambda z: first_projector(np.linalg.eigh(z, "L").eigenvectors),
    "eigvalsh": lambda z: np.linalg.eigvalsh(hermitian(z), "U"),
    "svd, hermitian": lambda z: rebuilt(np.linalg.svd(hermitian(z), hermitian=True)),
    "svd, hermitian, values": lambda z: np.linalg.svd(hermitian(z), hermitian=True, compute_uv=False),
    "stacks": lambda z: np.abs(np.linalg.svd(np.stack([z, 1j + z @ z])).U) ** 2,
    "stacks of hermitian ones": lambda z: first_projector(np.linalg.eigh(np.stack([hermitian(z), z @ adjoint(z)]))[1]),
    "inv": np.linalg.inv,
    "det": np.linalg.det,
    "slogdet": lambda z: list(np.linalg.slogdet(z)),
    "solve": lambda z: np.linalg.solve(z, np.conj(z[0])),
    "lstsq": lambda z: list(np.linalg.lstsq(z[:, :2], z[:, 2]))[:2],
    "matrix_power": lambda z: np.linalg.matrix_power(z, -2),
    "eigvals": np.linalg.eigvals,
    "roots": lambda z: np.roots(z[0]),
}


@pytest.mark.parametrize("name", ANY_SHAPE)
@pytest.mark.parametrize("shape", SHAPES)
def test_of_any_shape(name, shape):
    check_call(lambda a, b: ANY_SHAPE[name](a + 1j * b), parts(*shape))


@pytest.mark.parametrize("name", SQUARE)
def test_of_square_matrices(name):
    check_call(lambda a, b: SQUARE[name](a + 1j * b), parts(3, 3))


@pytest.mark.parametrize(
    "vectors",
    [
        lambda z: np.linalg.eigh(hermitian(z)).eigenvectors,
        lambda z: np.linalg.svd(z).U,
        lambda z: np.linalg.svd(z).Vh,
    ],
)
def test_a_phase_is_arbitrary_and_what_depends_on_it_has_no_gradient(vectors):
    a = mg.tensor(parts(3, 3)[0], requires_grad=True)
    z = a + 1j * parts(3, 3)[1]
    with pytest.warns(RuntimeWarning, match="phases, which are arbitrary"):
        np.real(vectors(z)).sum().backward()
    assert np.isnan(a.grad).any()


def test_float32_stays():
    a = mg.tensor(parts(3, 3)[0].astype("f4"), requires_grad=True)
    for f in (np.linalg.svdvals, np.linalg.pinv, lambda z: np.linalg.eigvalsh(hermitian(z)), lambda z: np.std(z, 0)):
        y = f(a + 1j * np.ones((3, 3), "f4"))
        assert y.dtype in (np.float32, np.complex64)
        g = mg.autograd.grad(np.abs(y).sum(), [a])[0]
        assert g.dtype == np.float32
