"""The derivative of a complex function, and what is seen not to have one."""

import numpy as np
import pytest

import minigrad as mg
from minigrad.errors import DTypeError, ShapeError

Z = np.array([1 + 2j, 0.5 - 1j, -0.3 + 0.2j])

#: f and f'.
PAIRS = {
    "power": (lambda z: z**3, lambda z: 3 * z**2),
    "exp": (np.exp, np.exp),
    "quotient": (lambda z: np.sin(z) / (1 + z), lambda z: np.cos(z) / (1 + z) - np.sin(z) / (1 + z) ** 2),
    "log": (np.log, lambda z: 1 / z),
    "constant": (lambda z: 2j, lambda z: 0 * z),
    "cancels": (lambda z: np.sin(z) ** 2 + np.cos(z) ** 2, lambda z: 0 * z),
    "conjugate twice": (lambda z: np.conj(np.exp(np.conj(z))), np.exp),
    "of a real matrix": (lambda z: np.linalg.det(np.eye(2) * z), lambda z: 2 * z),
}


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("dtype", ["complex128", "complex64"])
def test_the_derivative(name, dtype):
    f, slope = PAIRS[name]
    for z in Z.astype(dtype):
        found = mg.holomorphic_grad(f)(z)
        assert found.dtype == dtype
        np.testing.assert_allclose(found, slope(z), rtol=1e-10 if dtype == "complex128" else 1e-4, atol=1e-4)


def test_all_derivatives_at_once_and_second_ones():
    np.testing.assert_allclose(mg.vmap(mg.holomorphic_grad(np.sin))(Z), np.cos(Z))
    np.testing.assert_allclose(mg.holomorphic_grad(mg.holomorphic_grad(np.sin))(Z[0]), -np.sin(Z[0]))
    np.testing.assert_allclose(mg.compile(mg.holomorphic_grad(np.sin))(Z[0]), np.cos(Z[0]))
    np.testing.assert_allclose(mg.grad(lambda x: np.abs(mg.holomorphic_grad(np.exp)(x * 1j)))(2.0), 0, atol=1e-15)


def test_structures_places_and_tensors():
    found = mg.holomorphic_grad(lambda a, p: a * p["z"].sum() ** 2, (1, 0))(2j, {"z": mg.tensor(Z[:2])})
    assert isinstance(found[0]["z"], mg.Tensor)
    np.testing.assert_allclose(found[0]["z"].data, 4j * Z[:2].sum())
    np.testing.assert_allclose(found[1], Z[:2].sum() ** 2)


@pytest.mark.parametrize(
    "f",
    [np.conj, lambda z: z * np.abs(z), lambda z: np.abs(z) + 0j, lambda z: z.real + 2j * z.imag,
     lambda z: 1e9 + np.conj(z), lambda z: np.exp(1j * np.angle(z)), lambda z: z + 1e-6 * np.conj(z)],
)  # fmt: skip
def test_what_is_not_holomorphic_is_refused(f):
    with pytest.raises(DTypeError, match=r"not holomorphic here.*mg\.jvp"):
        mg.holomorphic_grad(f)(Z[0])
    with pytest.raises(DTypeError, match="not holomorphic here"):
        mg.vmap(mg.holomorphic_grad(f))(Z)


def test_what_is_refused():
    with pytest.raises(DTypeError, match=r"the result is of dtype float64.*mg\.grad"):
        mg.holomorphic_grad(np.abs)(Z[0])
    with pytest.raises(DTypeError, match=r"the argument is of dtype float64.*0j"):
        mg.holomorphic_grad(lambda x: 1j * x)(2.0)
    with pytest.raises(ShapeError, match=r"scalar result.*\(3,\).*vmap"):
        mg.holomorphic_grad(np.exp)(Z)
    with pytest.raises(ShapeError, match="2 results"):
        mg.holomorphic_grad(lambda z: (z, z))(Z[0])
    with pytest.raises(TypeError, match="argnums"):
        mg.holomorphic_grad(np.exp, 1.5)
