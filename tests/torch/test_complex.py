"""Complex leaves against PyTorch's, in complex128: gradients, products, Jacobians, clipping, steps of optimizers."""

import numpy as np
import pytest

import minigrad as mg
from minigrad import optim
from tests.torch.differential import torch
from tests.torch.test_optim import OPTIMIZERS, assert_close

RNG = np.random.default_rng(7)


def normal(*shape):
    return RNG.normal(size=shape) + 1j * RNG.normal(size=shape)


def conj(z):
    return torch.conj(z) if isinstance(z, torch.Tensor) else np.conj(z)


Z, V = normal(3), normal(3)
#: Real numbers of complex ones, written for both libraries.
LOSSES = {
    "abs": lambda lib, z: lib.abs(z * z[0]).sum(),
    "angle": lambda lib, z: lib.angle(z * z[1]).sum(),
    "real and imag": lambda lib, z: (lib.real(lib.exp(z)) * lib.imag(z**3)).sum(),
    "conjugate": lambda lib, z: lib.real(conj(z) * lib.sin(z) * 1j).sum(),
    "quotient": lambda lib, z: (lib.abs(1 / (z + 2j)) ** 2 + lib.real(z / conj(z))).sum(),
    "log": lambda lib, z: lib.imag(lib.log(z) * lib.sqrt(z)).sum(),
    "tanh": lambda lib, z: lib.real(lib.tanh(z) + lib.cosh(z) * lib.arctan(z)).sum(),
    "power": lambda lib, z: lib.real(z ** (1 + 2j)).sum(),
    "fft": lambda lib, z: (lib.abs(lib.fft.fft(z)) ** 3).sum(),
    "matrix": lambda lib, z: lib.abs(z @ lib.outer(z, conj(z)) @ z),
    "inv": lambda lib, z: lib.real(lib.linalg.inv(lib.outer(z, z) + lib.diag(z))).sum(),
    "det": lambda lib, z: lib.imag(lib.linalg.det(lib.outer(z, conj(z)) + lib.diag(z))),
    "prod": lambda lib, z: lib.abs(lib.prod(z)),
    "var": lambda lib, z: lib.std(z) if lib is mg else lib.std(z, correction=0),
    "cumsum": lambda lib, z: lib.abs(lib.cumsum(z, 0)).sum(),
    "where": lambda lib, z: lib.abs(lib.where(lib.abs(z) > 1, z * z, 1j * z)).sum(),
}


@pytest.mark.parametrize("name", LOSSES)
def test_gradients_and_products_with_the_hessian(name):
    f = LOSSES[name]
    z, w = mg.tensor(Z, requires_grad=True), torch.tensor(Z, requires_grad=True)
    ours, theirs = f(mg, z), f(torch, w)
    np.testing.assert_allclose(ours.item(), theirs.item())
    ours.backward()
    theirs.backward()
    np.testing.assert_allclose(z.grad, w.grad.numpy(force=True), rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(mg.grad(lambda z: f(mg, z))(Z), z.grad)
    product = torch.autograd.functional.hvp(lambda w: f(torch, w), w.detach(), torch.tensor(V))[1]
    np.testing.assert_allclose(mg.hvp(lambda z: f(mg, z), Z, V), product.numpy(force=True), rtol=1e-8, atol=1e-10)


def test_cotangents_of_complex_results():
    """``grad_outputs`` and ``gradient`` are PyTorch's; ``mg.vjp`` carries their conjugates, as JAX does."""
    z, w = mg.tensor(Z, requires_grad=True), torch.tensor(Z, requires_grad=True)
    [ours] = mg.autograd.grad(np.exp(z) * np.conj(z), z, V)
    [theirs] = torch.autograd.grad(torch.exp(w) * torch.conj(w), w, torch.tensor(V))
    np.testing.assert_allclose(ours.data, theirs.numpy(force=True))
    [pulled] = mg.vjp(lambda z: np.exp(z) * np.conj(z), Z)[1](np.conj(V))
    np.testing.assert_allclose(np.conj(pulled), ours.data)
    jax = pytest.importorskip("jax")
    narrow = [np.asarray(x, "complex64") for x in (Z, np.conj(V))]
    [other] = jax.vjp(lambda z: jax.numpy.exp(z) * jax.numpy.conj(z), narrow[0])[1](narrow[1])
    np.testing.assert_allclose(pulled, other, rtol=1e-5)


def test_jacobians_of_real_results():
    f = lambda lib, z: lib.abs(lib.exp(z) * z[0]) ** 2  # noqa: E731
    theirs = torch.autograd.functional.jacobian(lambda w: f(torch, w), torch.tensor(Z))
    for transform in (mg.jacobian, mg.jacrev, mg.jacfwd):
        np.testing.assert_allclose(transform(lambda z: f(mg, z))(Z), theirs.numpy(force=True), rtol=1e-10)


def pair():
    arrays = [normal(3, 2), normal(), RNG.normal(size=4), normal(2)]
    return [mg.tensor(a, requires_grad=True) for a in arrays], [torch.tensor(a, requires_grad=True) for a in arrays]


@pytest.fixture
def _doubles():
    """PyTorch's default dtype, in which its NAdam keeps a product."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


@pytest.mark.usefixtures("_doubles")
@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("compiled", [False, True])
def test_steps(name, compiled):
    ours, theirs = pair()
    make_ours, make_theirs = OPTIMIZERS[name]
    optimizer, reference = make_ours(ours), make_theirs(theirs)
    target = normal(3, 2)

    def ours_step():
        optimizer.zero_grad()
        a, b, c, d = ours
        loss = (np.abs(a * b - target + d) ** 2).sum() + np.abs(c * b).sum()
        loss.backward()
        optimizer.step()
        return loss

    step = mg.compile(ours_step, backend="numpy") if compiled else ours_step
    for _ in range(6):
        reference.zero_grad()
        a, b, c, d = theirs
        (((a * b - torch.tensor(target) + d).abs() ** 2).sum() + (c * b).abs().sum()).backward()
        reference.step()
        step()
        assert_close(ours, theirs, 1e-9)
    state = optimizer.state_dict()
    kinds = {key: {array.dtype.kind for array in kept.values()} for key, kept in state["state"].items()}
    assert all(found <= {"f" if key == "2" else "c"} for key, found in kinds.items())


@pytest.mark.parametrize("search", [None, "strong_wolfe"])
def test_lbfgs(search):
    start, target = normal(4), normal(4)
    ours, theirs = mg.tensor(start, requires_grad=True), torch.tensor(start, requires_grad=True)
    optimizer = optim.LBFGS([ours], line_search_fn=search, max_iter=6, lr=0.3)
    reference = torch.optim.LBFGS([theirs], line_search_fn=search, max_iter=6, lr=0.3)

    def closure(x, opt, lib, target):
        def call():
            opt.zero_grad()
            loss = (lib.abs(x - target) ** 4).sum() + (lib.abs(x * x[0]) ** 2).sum()
            loss.backward()
            return loss

        return call

    for _ in range(3):
        optimizer.step(closure(ours, optimizer, mg, target))
        reference.step(closure(theirs, reference, torch, torch.tensor(target)))
        np.testing.assert_allclose(ours.data, theirs.numpy(force=True), rtol=1e-7)


@pytest.mark.parametrize("norm", [2.0, 1.0, np.inf, 3.0])
def test_clipping(norm):
    ours, theirs = pair()
    for p, q in zip(ours, theirs, strict=True):
        p.grad = (normal(*p.shape) if p.dtype.kind == "c" else RNG.normal(size=p.shape)) * 3
        q.grad = torch.tensor(p.grad.copy())
    found = optim.clip_grad_norm_(ours, 1.5, norm)
    np.testing.assert_allclose(found.item(), torch.nn.utils.clip_grad_norm_(theirs, 1.5, norm).item())
    for p, q in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(p.grad, q.grad.numpy(), rtol=1e-12)
    optim.clip_grad_value_(ours, 0.1)
    for p, q in zip(ours, theirs, strict=True):  # PyTorch has none for complex numbers
        parts = torch.view_as_real(q.grad) if q.is_complex() else q.grad
        limited = parts.clamp(-0.1, 0.1)
        np.testing.assert_allclose(
            p.grad, (torch.view_as_complex(limited) if q.is_complex() else limited).numpy(), rtol=1e-12
        )
