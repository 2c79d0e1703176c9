"""Products, linear algebra and Fourier transforms against PyTorch's: values, first and second gradients."""

import math

import numpy as np
import pytest

import minigrad as mg
from tests.torch.differential import compare, torch

OPS = mg.table.ops  # what formulas alone call has no other name

RNG = np.random.default_rng(0)
TL, TFFT = torch.linalg, torch.fft
L, FFT = mg.linalg, mg.fft


def normal(*shape):
    return RNG.normal(size=shape)


def spaced(*shape):
    """Matrices with singular values apart, between 1 and 2."""
    *batch, m, n = shape
    k = min(m, n)
    u, v = (np.linalg.qr(normal(*batch, side, side))[0] for side in (m, n))
    return (u[..., :k] * np.linspace(1, 2, k)) @ v[..., :k, :]


def product(x):
    """A positive definite matrix."""
    return x @ x.swapaxes(-1, -2)


def row(ours, theirs, *arrays):
    return ours, theirs, list(arrays)


def einsum(subscripts, *arrays):
    return (
        lambda *xs: mg.einsum(subscripts, *xs),
        lambda *xs: torch.einsum(subscripts, *xs),
        list(arrays),
    )


def order(ours, theirs, ord_, x, **options):
    """A norm of an order: axes are dims in PyTorch."""
    dims = {{"axis": "dim", "keepdims": "keepdim"}[name]: value for name, value in options.items()}
    return row(lambda x: ours(x, ord=ord_, **options), lambda x: theirs(x, ord=ord_, **dims), x)


def transform(name, x, *, n=None, axis=-1, norm=None, imaginary=None):
    """A Fourier transform of real, or of complex numbers, as a real function: |z|**2 and the real part of z**2."""

    def real(z, library):
        return library.real(z * z) + library.real(z) * 3 if z.dtype in (np.complex128, torch.complex128) else z * z

    def ours(x, y=None):
        return real(getattr(FFT, name)(x if y is None else x + 1j * y, n, axis, norm), mg)

    def theirs(x, y=None):
        return real(getattr(TFFT, name)(x if y is None else torch.complex(x, y), n, axis, norm), torch)

    return ours, theirs, [x] if imaginary is None else [x, imaginary]


def shift(name, axes, x):
    return row(lambda x: getattr(FFT, name)(x, axes), lambda x: getattr(TFFT, name)(x, axes), x)


def full(convolve_mode, a, v):
    """torch has no convolution of vectors: conv1d slides the other vector turned round, along zeros."""
    size, shorter = a.size + v.size - 1, min(a.size, v.size)
    start, count = {
        "full": (0, size),
        "same": ((shorter - 1) // 2, max(a.size, v.size)),
        "valid": (shorter - 1, size - 2 * (shorter - 1)),
    }[convolve_mode]

    def theirs(a, v):
        z = torch.nn.functional.conv1d(a[None, None], v.flip(0)[None, None], padding=v.shape[0] - 1)[0, 0]
        return z[start : start + count]

    return row(lambda a, v: mg.convolve(a, v, convolve_mode), theirs, a, v)


# What does not depend on the signs of vectors.


def squares(parts):
    return [part * part for part in parts]


def joined(library, parts):
    join = torch.cat if library is torch else mg.concatenate
    return join([part.reshape(-1) for part in parts])


def eigenvectors(library, w, v):
    """Sums over the vectors, each weighted by its eigenvalue: the order of these does not matter."""
    return library.real(library.sum(w * (v * (library.conj(v) if library is torch else np.conjugate(v))), -1))


def torch_polar(x):
    u, _, vh = TL.svd(x, full_matrices=False)
    return u @ vh


def torch_root_of_product(x):
    w, v = TL.eigh(x @ x.mT)
    return (v * w.sqrt()[..., None, :]) @ v.mT


S3, S43, S34 = spaced(2, 3, 3), spaced(4, 3), spaced(2, 3, 4)
COMPLEX_EIGENVALUES = np.array([[1.0, 2.0, 0.3], [-1.5, 0.8, 0.1], [0.2, -0.4, 3.0]])
RANK_2 = (normal(4, 2), normal(2, 3))

ROWS = {
    # products
    "contract": (
        lambda x, y: OPS["contract"](x, y, subscripts="ij,jk->ki"),
        lambda x, y: torch.einsum("ij,jk->ki", x, y),
        [normal(2, 3), normal(3, 4)],
    ),
    "einsum": einsum("ij,jk", normal(2, 3), normal(3, 4)),
    "einsum, trace": einsum("ii", normal(3, 3)),
    "einsum, diagonals": einsum("iij,jj->ji", normal(2, 2, 3), normal(3, 3)),
    "einsum, summed in one operand": einsum("ij,jkl->l", normal(2, 3), normal(3, 4, 2)),
    "einsum, ellipsis": einsum("...ij,j...->...i", normal(2, 3, 4), normal(4, 2)),
    "einsum, ellipsis summed": einsum("i...,...->i...", normal(2, 3), normal(3)),
    "einsum, sizes of 1": einsum("ij,jk->ik", normal(2, 1), normal(3, 4)),
    "einsum, four operands": einsum("ab,bc,cd,d->a", normal(2, 3), normal(3, 4), normal(4, 2), normal(2)),
    "einsum, lists": row(
        lambda x, y: mg.einsum(x, [0, 1], y, [1, 2], [2, 0]),
        lambda x, y: torch.einsum(x, [0, 1], y, [1, 2], [2, 0]),
        normal(2, 3), normal(3, 4),
    ),
    "convolve": full("full", normal(5), normal(3)),
    "convolve, same": full("same", normal(5), normal(4)),
    "convolve, valid": full("valid", normal(3), normal(5)),
    "correlate": row(
        mg.correlate, lambda a, v: torch.nn.functional.conv1d(a[None, None], v[None, None])[0, 0], normal(5), normal(3),
    ),
    "cross": row(mg.cross, lambda a, b: torch.cross(a, b, dim=-1), normal(4, 3), normal(4, 3)),
    "cross, axis": row(
        lambda a, b: mg.cross(a, b, axis=0), lambda a, b: torch.cross(a, b, dim=0), normal(3, 4), normal(3, 4),
    ),
    "vector_product": row(OPS["vector_product"], TL.cross, normal(2, 3), normal(1, 3)),
    "inner": row(mg.inner, torch.inner, normal(2, 3), normal(4, 5, 3)),
    "kron": row(mg.kron, torch.kron, normal(2, 3), normal(4, 1, 2)),
    "outer": row(mg.outer, torch.outer, normal(3), normal(4)),
    "matvec": row(mg.matvec, torch.matmul, normal(2, 3, 4), normal(4)),
    "vecmat": row(mg.vecmat, torch.matmul, normal(3), normal(2, 3, 4)),
    "vecdot": row(mg.vecdot, TL.vecdot, normal(2, 3), normal(3)),
    "vecdot, axis": row(
        lambda a, b: mg.vecdot(a, b, axis=0), lambda a, b: TL.vecdot(a, b, dim=0), normal(3, 2), normal(3, 2),
    ),
    "vdot": row(mg.vdot, torch.vdot, normal(4), normal(4)),
    "tensordot": row(mg.tensordot, lambda a, b: torch.tensordot(a, b, 2), normal(2, 3, 4), normal(3, 4, 5)),
    "tensordot, axes": row(
        lambda a, b: mg.tensordot(a, b, ([0, 2], [1, 0])), lambda a, b: torch.tensordot(a, b, ([0, 2], [1, 0])),
        normal(2, 3, 4), normal(4, 2, 5),
    ),
    "multi_dot": row(
        lambda *xs: L.multi_dot(xs), lambda *xs: TL.multi_dot(xs), normal(4), normal(4, 2), normal(2, 5), normal(5, 3),
    ),
    # matrices
    "inv": row(L.inv, TL.inv, S3),
    "solve": row(L.solve, TL.solve, S3, normal(2, 3, 2)),
    "solve, vector": row(L.solve, TL.solve, S3[0], normal(3)),
    "solve, broadcast": row(L.solve, TL.solve, S3, normal(3, 2)),
    "det": row(L.det, TL.det, S3),
    "det, large": row(L.det, TL.det, spaced(6, 6)),
    "expm": row(L.expm, TL.matrix_exp, S3),
    "polar": row(L.polar, torch_polar, S3),
    "polar, tall": row(L.polar, torch_polar, S43),
    "sqrtm": row(
        lambda x: L.sqrtm(product(x)),
        torch_root_of_product,
        S3,
    ),
    "logabsdet": row(OPS["logabsdet"], lambda x: TL.slogdet(x)[1], S3),
    "slogdet": row(lambda x: L.slogdet(x).logabsdet, lambda x: TL.slogdet(x)[1], S3),
    "matrix_power": row(lambda x: L.matrix_power(x, 5), lambda x: TL.matrix_power(x, 5), S3),
    "matrix_power, negative": row(lambda x: L.matrix_power(x, -3), lambda x: TL.matrix_power(x, -3), S3),
    "pinv": row(L.pinv, TL.pinv, S43),
    "pinv, wide": row(L.pinv, TL.pinv, S34),
    "pinv, of lower rank": row(
        lambda x, y: L.pinv(x @ y, 1e-8), lambda x, y: TL.pinv(x @ y, rtol=1e-8), *RANK_2,
    ),
    "lstsq": row(lambda a, b: L.lstsq(a, b)[0], lambda a, b: TL.lstsq(a, b)[0], S43, normal(4, 2)),
    "tensorinv": row(L.tensorinv, TL.tensorinv, spaced(6, 6).reshape(2, 3, 6)),
    "tensorsolve": row(L.tensorsolve, TL.tensorsolve, spaced(6, 6).reshape(2, 3, 6), normal(2, 3)),
    # norms
    "euclidean_norm": row(lambda x: OPS["euclidean_norm"](x, 1), lambda x: TL.vector_norm(x, dim=1), normal(3, 4)),
    "p_norm": row(lambda x: OPS["p_norm"](x, 3.0, 1), lambda x: TL.vector_norm(x, 3, dim=1), normal(3, 4)),
    "p_norm, below 1": row(lambda x: OPS["p_norm"](x, 0.5, 1), lambda x: TL.vector_norm(x, 0.5, dim=1), normal(3, 4)),
    "norm": row(L.norm, TL.norm, normal(2, 3, 4)),
    **{
        f"vector_norm, {p}": order(L.vector_norm, TL.vector_norm, p, normal(2, 3, 4), axis=(0, 2), keepdims=True)
        for p in (2, 1, 2.5, -1, math.inf, -math.inf)  # of order 0, PyTorch's has no graph
    },
    "vector_norm, at 0": order(L.vector_norm, TL.vector_norm, 1, np.zeros((2, 2), np.float64), axis=1),
    "vector_norm, ties": order(L.vector_norm, TL.vector_norm, math.inf, np.array([2.0, -2.0, 1.0])),
    **{
        f"matrix_norm, {p}": order(L.matrix_norm, TL.matrix_norm, p, S34, keepdims=True)
        for p in ("fro", "nuc", 2, -2, 1, -1, math.inf, -math.inf)
    },
    **{
        f"norm, axes {p}": order(L.norm, TL.norm, p, S34.swapaxes(0, 1), axis=(2, 0))
        for p in (None, "nuc", 2, 1, -math.inf)
    },
    **{f"cond, {p}": row(lambda x, p=p: L.cond(x, p), lambda x, p=p: TL.cond(x, p), S3) for p in (None, -2)},
    **{  # PyTorch's own cond writes into what the backward pass needs
        f"cond, {p}": row(
            lambda x, p=p: L.cond(x, p), lambda x, p=p: TL.matrix_norm(x, p) * TL.matrix_norm(TL.inv(x), p), S3,
        )
        for p in (1, -math.inf, "fro", "nuc")
    },
    # decompositions
    "cholesky": row(lambda x: L.cholesky(product(x)), lambda x: TL.cholesky(product(x)), S3),
    "cholesky, upper": row(
        lambda x: L.cholesky(product(x), upper=True), lambda x: TL.cholesky(product(x), upper=True), S3,
    ),
    "qr": row(
        lambda x: joined(mg, squares(L.qr(x))), lambda x: joined(torch, squares(TL.qr(x))), spaced(2, 4, 3),
    ),
    "qr, wide": row(lambda x: joined(mg, squares(L.qr(x))), lambda x: joined(torch, squares(TL.qr(x))), S34),
    "eigh": row(
        lambda x: eigenvectors(mg, *L.eigh(x + x.swapaxes(-1, -2))),
        lambda x: eigenvectors(torch, *TL.eigh(x + x.swapaxes(-1, -2))),
        S3[0],
    ),
    "eigvalsh": row(lambda x: L.eigvalsh(x + x.T), lambda x: TL.eigvalsh(x + x.T), S3[1]),
    "eigvalsh, a triangle": row(
        lambda x: L.eigvalsh(x, "U"), lambda x: TL.eigvalsh(torch.triu(x) + torch.triu(x, 1).T), S3[1],
    ),
    "eig": row(lambda x: eigenvectors(mg, *L.eig(x)), lambda x: eigenvectors(torch, *TL.eig(x)), COMPLEX_EIGENVALUES),
    "eigvals": row(
        lambda x: mg.real(mg.sum(L.eigvals(x) ** 3)) + mg.sum(mg.abs(L.eigvals(x))),
        lambda x: torch.real(torch.sum(TL.eigvals(x) ** 3)) + torch.sum(torch.abs(TL.eigvals(x))),
        COMPLEX_EIGENVALUES,
    ),
    "svd": row(
        lambda x: joined(mg, squares(L.svd(x, full_matrices=False))),
        lambda x: joined(torch, squares(TL.svd(x, full_matrices=False))),
        S43,
    ),
    "svd, wide": row(
        lambda x: joined(mg, squares(L.svd(x, full_matrices=False))),
        lambda x: joined(torch, squares(TL.svd(x, full_matrices=False))),
        S34,
    ),
    "svdvals": row(L.svdvals, TL.svdvals, S34),
    # Triangles and patterns
    "solve_triangular": row(
        lambda a, b: L.solve_triangular(a, b), lambda a, b: TL.solve_triangular(torch.triu(a), b, upper=True),
        S3[0] + 3 * np.eye(3, dtype=np.float64), normal(3, 2),
    ),
    "lu": row(
        lambda x: joined(mg, [part**3 for part in L.lu(x)[1:]]),
        lambda x: joined(torch, [part**3 for part in TL.lu(x)[1:]]), S3[1],
    ),
    "cho_solve": row(
        lambda x, b: L.cho_solve(L.cho_factor(x @ x.T + 3 * np.eye(3, dtype=np.float64), lower=True), b),
        lambda x, b: torch.cholesky_solve(b, TL.cholesky(x @ x.T + 3 * torch.eye(3, dtype=x.dtype))),
        S3[0], normal(3, 2),
    ),
    "block_diag": row(L.block_diag, torch.block_diag, normal(2, 3), normal(1, 2)),
    # Fourier transforms
    **{
        f"{name}, {norm} {n}": transform(name, normal(2, 4), n=n, norm=norm, imaginary=normal(2, 4))
        for name in ("fft", "ifft", "irfft", "hfft") for n, norm in ((None, None), (3, "ortho"), (6, "forward"))
    },
    **{
        f"{name}, {norm} {n}": transform(name, normal(5, 2), n=n, axis=0, norm=norm)
        for name in ("rfft", "ihfft", "fft") for n, norm in ((None, None), (4, "ortho"), (6, "forward"))
    },
    **{
        f"{name}, {s}": transform(name, normal(2, 3, 4), n=s, axis=axes, norm="ortho", imaginary=normal(2, 3, 4))
        for name in ("fftn", "ifftn", "irfftn", "fft2", "ifft2", "irfft2")
        for s, axes in ((None, (0, 2)), ((3, 5), (2, 1)))
    },
    **{
        f"{name}, {s}": transform(name, normal(2, 3, 4), n=s, axis=axes)
        for name in ("rfftn", "rfft2") for s, axes in ((None, (0, 2)), ((3, 5), (2, 1)))
    },
    "fftshift": shift("fftshift", None, normal(3, 4)),
    "ifftshift": shift("ifftshift", (1,), normal(3, 5)),
}  # fmt: skip

WITHOUT = {
    **dict.fromkeys(
        ("coshm", "cosm", "fractional_matrix_power", "logm", "sinhm", "sinm", "solve_continuous_lyapunov",
         "solve_discrete_lyapunov", "solve_sylvester", "sylvester", "tanhm", "tanm"),
        "PyTorch has no such function: against SciPy in tests/ops/test_matrix_logarithms.py, test_matrix_equations.py",
    ),
    **dict.fromkeys(
        ("banded", "circulant", "companion", "hankel", "khatri_rao", "solve_banded", "solve_circulant",
         "solve_toeplitz", "solveh_banded", "toeplitz"),
        "PyTorch has no such function: against SciPy in tests/ops/test_structured.py",
    ),
    **dict.fromkeys(
        ("sparse_product", "sparse_solution"), "of SciPy's sparse matrices: tests/numerics/test_sparse_matrices.py"
    ),
    "cho_factor": "cholesky and a flag; cho_solve is compared",
    "eliminated": "lu before it is taken apart",
    "substituted": "solve_triangular before its arguments are read",
    "cofactors": "PyTorch has no such function; they are the gradient of det, whose second gradients are compared",
    "cofactors_along": "the gradient of cofactors",
    "det_phase": "the sign in slogdet, of complex matrices: tests/ops/test_complex_numbers.py",
    "lyapunov": "PyTorch has no such function; it is the gradient of sqrtm, whose second gradients are compared",
    "per_length": "PyTorch has no such function; it is the gradient of norm, whose second gradients are compared",
    "matrix_rank": "a plain answer",
    "packed_eig": "eig before it is taken apart",
    "packed_eigh": "eigh before it is taken apart",
    "packed_qr": "qr before it is taken apart",
    "packed_svd": "svd before it is taken apart",
}  # fmt: skip


@pytest.mark.parametrize("name", ROWS)
def test_values_and_first_and_second_gradients_equal_pytorchs(name):
    compare(ROWS[name])
