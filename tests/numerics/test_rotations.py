"""Rotations: SciPy's values, smooth at no turn at all, every way of making one, errors."""

import numpy as np
import pytest
from scipy.spatial import transform

import minigrad as mg
from minigrad.errors import ShapeError
from minigrad.testing import check_gradients

RNG = np.random.default_rng(0)
V = RNG.normal(size=(5, 3)) * 1.2
Ours, Theirs = mg.spatial.Rotation, transform.Rotation


@pytest.mark.parametrize("v", [V, V[0], V * 1e-3, V * 0.02, V * 1e-9], ids=["stack", "one", "1e-3", "0.02", "1e-9"])
def test_values_are_scipys(v):
    one, other = Ours.from_rotvec(v), Theirs.from_rotvec(v)
    np.testing.assert_allclose(one.as_quat(), other.as_quat(), atol=1e-14)
    np.testing.assert_allclose(one.as_matrix(), other.as_matrix(), atol=1e-14)
    np.testing.assert_allclose(one.as_rotvec(), other.as_rotvec(), rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(one.as_rotvec(degrees=True), other.as_rotvec(degrees=True), rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(one.magnitude(), other.magnitude(), rtol=1e-12)
    np.testing.assert_allclose(one.apply([1.0, 2, 3]), other.apply([1.0, 2, 3]), atol=1e-14)
    np.testing.assert_allclose(one.apply([1.0, 2, 3], inverse=True), other.apply([1.0, 2, 3], inverse=True), atol=1e-14)
    np.testing.assert_allclose(one.inv().as_matrix(), other.inv().as_matrix(), atol=1e-14)
    back = Ours.from_matrix(other.as_matrix())
    np.testing.assert_allclose(back.as_quat(canonical=True), other.as_quat(canonical=True), atol=1e-14)


@pytest.mark.parametrize("v", [V, np.zeros(3), V * 1e-3, V * 1e-9], ids=["V", "zero", "1e-3", "1e-9"])
def test_gradients(v):
    check_gradients(lambda v: Ours.from_rotvec(v).as_matrix(), v, order=2)
    check_gradients(lambda v: Ours.from_rotvec(v).as_rotvec(), v, order=2)
    check_gradients(lambda v: Ours.from_matrix(Ours.from_rotvec(v).as_matrix()).as_quat(), v, order=2)
    check_gradients(lambda v, x: Ours.from_rotvec(v).apply(x), v, RNG.normal(size=3), order=2)


def test_quaternions():
    q = RNG.normal(size=(4, 4))
    np.testing.assert_allclose(Ours.from_quat(q).as_quat(), Theirs.from_quat(q).as_quat(), atol=1e-14)
    first = Ours.from_quat(q, scalar_first=True)
    np.testing.assert_allclose(
        first.as_quat(scalar_first=True), Theirs.from_quat(q, scalar_first=True).as_quat(scalar_first=True)
    )
    check_gradients(lambda q: Ours.from_quat(q).as_matrix(), q, order=2)
    product = Ours.from_quat(q) * Ours.from_quat(q[::-1])
    np.testing.assert_allclose(
        product.as_matrix(), (Theirs.from_quat(q) * Theirs.from_quat(q[::-1])).as_matrix(), atol=1e-14
    )
    check_gradients(lambda p, q: (Ours.from_quat(p) * Ours.from_quat(q)).as_quat(), q[:2], q[2:], order=2)


@pytest.mark.parametrize(
    "turn", [(180.0, 0, 0), (0, 180.0, 0), (0, 0, 180.0), (170.0, 20.0, 30.0), (100.0, 100.0, 90.0)]
)
def test_half_turns(turn):
    m = Theirs.from_rotvec(turn, degrees=True).as_matrix()
    np.testing.assert_allclose(Ours.from_matrix(m).as_matrix(), m, atol=1e-14)
    np.testing.assert_allclose(Ours.from_rotvec(turn, degrees=True).as_matrix(), m, atol=1e-14)


@pytest.mark.parametrize("seq", ["x", "xyz", "XYZ", "zxz", "YX"])
def test_angles(seq):
    angles = RNG.normal(size=(4, len(seq)))
    for degrees in (True, False):
        want = Theirs.from_euler(seq, angles, degrees).as_matrix()
        np.testing.assert_allclose(Ours.from_euler(seq, angles, degrees).as_matrix(), want, atol=1e-14)
    check_gradients(lambda a: Ours.from_euler(seq, a).as_matrix(), angles, order=2)
    if len(seq) == 1:
        np.testing.assert_allclose(Ours.from_euler(seq, 0.3).as_matrix(), Theirs.from_euler(seq, 0.3).as_matrix())


def test_stacks_and_errors():
    r = Ours.from_rotvec(V)
    assert len(r) == 5
    np.testing.assert_allclose(r[1].as_rotvec(), V[1], rtol=1e-12)
    np.testing.assert_array_equal(Ours.identity(2).apply(V[:2]), V[:2])
    assert repr(Ours.identity()).startswith("Rotation.from_quat(array(")
    with pytest.raises(TypeError, match="no length"):
        len(r[0])
    with pytest.raises(TypeError, match="unsupported operand"):
        r * 2
    with pytest.raises(ShapeError, match="takes 3 numbers"):
        Ours.from_rotvec(np.ones(4))
    with pytest.raises(ShapeError, match=r"\(\.\.\., 3, 3\)"):
        Ours.from_matrix(np.ones((2, 2)))
    with pytest.raises(ShapeError, match="takes 3 angles"):
        Ours.from_euler("xyz", np.ones(2))
    with pytest.raises(ValueError, match="seq is one to three"):
        Ours.from_euler("xYz", np.ones(3))
    with pytest.raises(ValueError, match="length that is not 0"):
        Ours.from_quat(np.zeros(4))


def test_compiled_and_dtypes():
    def slope(v):
        return mg.grad(lambda v: (Ours.from_rotvec(v).apply([1.0, 0.0, 0.0]) ** 3).sum())(v)

    step = mg.compile(slope, backend="numpy")
    for k in range(4):
        np.testing.assert_allclose(step(V + k), slope(V + k), rtol=1e-10, atol=1e-14)
    assert step.stats()["replayed"] > 0
    t = mg.tensor(V.astype("f4"), requires_grad=True)
    z = Ours.from_rotvec(t).apply([1.0, 0.0, 0.0])
    z.sum().backward()
    assert z.dtype == t.grad.dtype == np.float32
