"""Complex arguments: gradients that descend, by every way to them, held against differences of the values."""

import numpy as np
import pytest

import minigrad as mg
from minigrad.errors import DTypeError
from minigrad.transforms.checkpointing import checkpoint

RNG = np.random.default_rng(3)
Z = RNG.normal(size=(4, 3)) + 1j * RNG.normal(size=(4, 3))
A = RNG.normal(size=(3, 3)) + 1j * RNG.normal(size=(3, 3))


def energy(z):
    return np.sum(np.abs(np.exp(z) @ A) ** 2 + np.real(z * z[0]) * np.imag(z))


def slope(f, z, v, h=1e-5):
    return (f(z + h * v) - f(z - h * v)) / (2 * h)


def uphill(f, z):
    """dL/dx + i dL/dy of each element, by differences."""
    units = np.eye(z.size).reshape(-1, *z.shape)
    return np.array([slope(f, z, e) + 1j * slope(f, z, 1j * e) for e in units]).reshape(z.shape)


@mg.custom_vjp
def exponential(z):
    return np.exp(z)


exponential.defvjp(lambda z: (np.exp(z), np.exp(z)), lambda e, g: (g * e,))


@mg.custom_vjp
def parts(z):  # a complex result and a real one
    return np.exp(z), np.real(z)


parts.defvjp(lambda z: (parts.__wrapped__(z), np.exp(z)), lambda e, g: (g[0] * e + g[1],))


@mg.custom_jvp
def by_tangents(z):
    return np.exp(z)


by_tangents.defjvp(lambda args, tangents: (np.exp(args[0]), np.exp(args[0]) * tangents[0]))


def with_exp(exp):
    return lambda z: np.sum(np.abs(exp(z) @ A) ** 2 + np.real(z * z[0]) * np.imag(z))


def by_backward(z):
    z = mg.tensor(z, requires_grad=True)
    energy(z).backward()
    return z.grad


def by_autograd(z):
    z = mg.tensor(z, requires_grad=True)
    return mg.autograd.grad(energy(z), z)[0].data


WAYS = {
    "grad": mg.grad(energy),
    "value_and_grad": lambda z: mg.value_and_grad(energy)(z)[1],
    "backward": by_backward,
    "backward, twice as much": lambda z: 2 * by_backward(z) - by_backward(z),
    "autograd.grad": by_autograd,
    "vjp, conjugate": lambda z: np.conj(mg.vjp(energy, z)[1](1.0)[0]),
    "jacobian": mg.jacobian(energy),
    "jacfwd": mg.jacfwd(energy),
    "vmap": lambda z: mg.vmap(mg.grad(energy))(z[None])[0],
    "through vmap": lambda z: mg.grad(lambda z: mg.vmap(energy)(z[None])[0])(z),
    "checkpoint": mg.grad(lambda z: checkpoint(energy, z)),
    "custom_vjp": mg.grad(with_exp(exponential)),
    "custom_vjp, of two kinds": mg.grad(
        lambda z: np.sum(np.abs(parts(z)[0] @ A) ** 2 + (parts(z)[1] * 0 + np.real(z * z[0])) * np.imag(z))
    ),
    "custom_jvp": mg.grad(with_exp(by_tangents)),
    "compile": lambda z: mg.compile(mg.grad(energy), backend="numpy")(z),
    "compiled backward": lambda z: mg.compile(by_autograd, backend="numpy")(z),
    "two parts": lambda z: np.tensordot([1, 1j], mg.grad(lambda x, y: energy(x + 1j * y), (0, 1))(z.real, z.imag), 1),
    "a Module": lambda z: _module_gradient(z),
}  # fmt: skip


def _module_gradient(z):
    class Net(mg.nn.Module):
        def __init__(self):
            self.z = mg.nn.Parameter(z)

        def forward(self):
            return energy(self.z)

    return mg.grad(lambda net: net())(Net())["z"].data


@pytest.mark.parametrize("way", WAYS)
def test_the_gradient_is_the_way_uphill(way):
    found = WAYS[way](Z[0])
    assert found.dtype == np.complex128
    np.testing.assert_allclose(found, uphill(energy, Z[0]), rtol=1e-6)


def test_a_step_against_the_gradient_descends():
    z, before = Z[0], energy(Z[0])
    for _ in range(20):
        z = z - 1e-3 * mg.grad(energy)(z)
        assert energy(z) < before
        before = energy(z)


def test_tangents_and_second_orders():
    z, v = Z[0], Z[1]
    np.testing.assert_allclose(mg.jvp(energy, (z,), (v,))[1], slope(energy, z, v), rtol=1e-7)
    np.testing.assert_allclose(mg.linearize(energy, z)[1](v), slope(energy, z, v), rtol=1e-7)
    expected = slope(mg.grad(energy), z, v)
    np.testing.assert_allclose(mg.hvp(energy, z, v), expected, rtol=1e-6)
    np.testing.assert_allclose(mg.jvp(mg.grad(energy), (z,), (v,))[1], expected, rtol=1e-6)
    found = mg.hvp(lambda p: energy(p["z"] * p["x"]), {"z": z, "x": 1.5}, {"z": v, "x": 1.0})
    g = mg.grad(lambda p: energy(p["z"] * p["x"]))
    want = [slope(lambda t, k=k: g({"z": z + t * v, "x": 1.5 + t})[k], 0.0, 1.0) for k in ("z", "x")]
    np.testing.assert_allclose(found["z"], want[0], rtol=1e-6)
    np.testing.assert_allclose(found["x"], want[1], rtol=1e-6)
    [g] = mg.autograd.grad(energy(x := mg.tensor(z, requires_grad=True)), x, create_graph=True)
    [again] = mg.autograd.grad(g, x, grad_outputs=v)
    np.testing.assert_allclose(again.data, expected, rtol=1e-6)
    x.grad = None
    g = mg.autograd.grad(energy(x), x, create_graph=True)[0]
    g.backward(v)
    np.testing.assert_allclose(x.grad, expected, rtol=1e-6)


REAL = RNG.normal(size=2)
JACOBIANS = {
    "real of complex": (lambda z: np.stack([np.abs(z[0]) ** 2, np.real(z[0] * z[1]), np.imag(np.exp(z[2]))]), Z[0]),
    "one real of complex": (lambda z: np.real(z @ A @ z), Z[0]),
    "complex of real": (lambda x: np.stack([np.exp(1j * x[0]) * x[1], x[0] * (1 + 2j), 1j * x[1] ** 2]), REAL),
    "complex and real of real": (lambda x: (np.exp(1j * x).sum(), x**2), REAL),
}


@pytest.mark.parametrize("name", JACOBIANS)
@pytest.mark.parametrize("transform", [mg.jacobian, mg.jacrev, mg.jacfwd])
def test_jacobians(name, transform):
    f, x = JACOBIANS[name]
    units = np.eye(x.size)

    def column(e, which):
        at = slope(lambda x: which(f(x)), x, e)
        return at + 1j * slope(lambda x: which(f(x)), x, 1j * e) if x.dtype.kind == "c" else at

    count = len(f(x)) if isinstance(f(x), tuple) else None
    for i in [None] if count is None else range(count):
        want = np.stack([column(e, lambda z, i=i: z if i is None else z[i]) for e in units], -1)
        found = transform(f)(x)
        np.testing.assert_allclose(found if i is None else found[i], want, rtol=1e-6, atol=1e-9)


def test_two_numbers_are_refused_and_the_line_to_write_is_right():
    for transform in (mg.jacobian, mg.jacrev, mg.jacfwd):
        with pytest.raises(DTypeError, match=r"two numbers.*lambda x, y: f\(x \+ 1j \* y\)"):
            transform(np.exp)(Z[0])
    with pytest.raises(DTypeError, match=r"^hessian: .*mg\.hvp is right"):
        mg.hessian(energy)(Z[0])
    along_1, along_i = mg.jacobian(lambda x, y: np.exp(x + 1j * y), (0, 1))(Z[0].real, Z[0].imag)
    np.testing.assert_allclose(along_1, np.diag(np.exp(Z[0])))
    np.testing.assert_allclose(along_i, 1j * along_1)
    blocks = mg.hessian(lambda x, y: energy(x + 1j * y), (0, 1))(Z[0].real, Z[0].imag)
    v = Z[1]
    product = [row[0] @ v.real + row[1] @ v.imag for row in blocks]
    np.testing.assert_allclose(product[0] + 1j * product[1], mg.hvp(energy, Z[0], v))


def test_numbers_take_the_precision_of_the_company():
    single = np.ones(2, "complex64")
    f = lambda a, b, c: np.real(a * b * c).sum()  # noqa: E731
    assert [g.dtype for g in mg.grad(f, (0, 1, 2))(1j, 2.0, single)] == ["complex64", "float32", "complex64"]
    assert [g.dtype for g in mg.grad(f, (0, 1, 2))(1j, 2.0, np.ones(2, "f4"))] == ["complex64", "float32", "float32"]
    assert [g.dtype for g in mg.grad(f, (0, 1))(1j, 2.0, 3)] == ["complex128", "float64"]


def test_real_arguments_beside_complex_ones():
    gz, gx = mg.grad(lambda z, x: np.abs(z * x) ** 2, (0, 1))(1 + 2j, 3.0)
    assert (gz.dtype, gx.dtype) == ("complex128", "float64")
    np.testing.assert_allclose([gz, gx], [2 * 9 * (1 + 2j), 2 * 3 * 5])


def test_solvers_with_complex_arguments():
    def decay(y, _t, z):
        return -(np.abs(z) ** 2) * y

    def end(z):
        return mg.odeint(decay, np.array([1.0]), np.array([0.0, 1.0]), z)[-1, 0]

    z, v = 0.3 + 0.4j, 1 - 2j
    exact = lambda z: np.exp(-(np.abs(z) ** 2))  # noqa: E731
    np.testing.assert_allclose(mg.grad(end)(z), mg.grad(exact)(z), rtol=1e-5)
    np.testing.assert_allclose(mg.hvp(end, z, v), mg.hvp(exact, z, v), rtol=1e-4)
    np.testing.assert_allclose(mg.jvp(end, (z,), (v,))[1], mg.jvp(exact, (z,), (v,))[1], rtol=1e-5)

    def wave(z, y0, t):
        return np.abs(mg.odeint(lambda y, t, z: z * y, y0, t, z)[-1, 0]) ** 2

    found = mg.grad(wave, (0, 1, 2))(z, np.array([1 + 2j]), np.array([0.0, 1.0]))
    value = 5 * np.exp(0.6)
    np.testing.assert_allclose(found[0], 2 * value, atol=1e-5)
    np.testing.assert_allclose(found[1], [2 * np.exp(0.6) * (1 + 2j)], rtol=1e-5)
    np.testing.assert_allclose(found[2], [-0.6 * value, 0.6 * value], rtol=1e-5)
    with pytest.raises(DTypeError, match="y0 is of real ones: write y0"):
        mg.odeint(lambda y, t: 1j * y, [1.0], [0.0, 1.0])
    root = mg.implicit.root(lambda a: np.sqrt(np.abs(a)), lambda x, a: x * x - np.abs(a))
    np.testing.assert_allclose(mg.grad(root)(3 + 4j), mg.grad(lambda a: np.sqrt(np.abs(a)))(3 + 4j))


def test_leaves():
    z = mg.tensor([1 + 2j, 3j], requires_grad=True)
    assert z.dtype == np.complex64
    (z * z).real.sum().backward()
    (z * z).real.sum().backward()
    assert z.grad.dtype == np.complex64
    np.testing.assert_allclose(z.grad, 4 * np.conj(z.data))
    z.grad = [1, 2j]
    assert z.grad.dtype == np.complex64
    with pytest.raises(DTypeError, match="a loss is a real number"):
        z[0].backward()
    with pytest.raises(DTypeError, match="int64"):
        mg.tensor([1, 2], dtype="int64", requires_grad=True)
    w = mg.tensor(Z[0], requires_grad=True)
    (w**2).backward(np.array([1j, 2, 1 - 1j]))
    np.testing.assert_allclose(w.grad, np.array([1j, 2, 1 - 1j]) * np.conj(2 * Z[0]))
