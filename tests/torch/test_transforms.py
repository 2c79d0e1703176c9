"""The transforms give what torch.func gives, on the same functions and inputs."""

import numpy as np
import pytest

import minigrad as mg
from minigrad.transforms import grad, hessian, hvp, jacobian, jvp, vjp
from tests.torch.differential import torch

# PyTorch's forward mode compiles its decompositions by a way that PyTorch itself has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit.*:DeprecationWarning")

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(2, 3)), RNG.normal(size=3)
DX, DY = RNG.normal(size=(2, 3)), RNG.normal(size=3)
G = RNG.normal(size=(2, 3))


def product(lib, x, y):
    return lib.tanh(x * y) * lib.exp(x)


def softmax(lib, x, y):
    e = lib.exp(x - y)
    return e / e.sum(-1)[..., None]


def matrix(lib, x, y):
    return lib.sqrt(1 + (x @ y)[:, None] ** 2) * y


FUNCTIONS = {f.__name__: f for f in (product, softmax, matrix)}


@pytest.fixture(params=FUNCTIONS)
def pair(request):
    f = FUNCTIONS[request.param]
    return (lambda x, y: f(mg, x, y)), (lambda x, y: f(torch, x, y))


def close(ours, theirs):
    if isinstance(ours, (tuple, list)):
        assert len(ours) == len(theirs)
        for one, two in zip(ours, theirs, strict=True):
            close(one, two)
    elif isinstance(ours, dict):
        assert ours.keys() == theirs.keys()
        for key, one in ours.items():
            close(one, theirs[key])
    else:
        np.testing.assert_allclose(ours.data, theirs.numpy(force=True), rtol=1e-10, atol=1e-12)


def to_torch(*arrays):
    return tuple(torch.tensor(a) for a in arrays)


def test_grad(pair):
    ours, theirs = pair
    found = grad(lambda x, y: ours(x, y).sum(), argnums=(0, 1))(X, Y)
    close(found, torch.func.grad(lambda x, y: theirs(x, y).sum(), argnums=(0, 1))(*to_torch(X, Y)))


def test_vjp(pair):
    ours, theirs = pair
    value, pull = vjp(ours, X, Y)
    their_value, their_pull = torch.func.vjp(theirs, *to_torch(X, Y))
    close(value, their_value)
    close(pull(G), their_pull(torch.tensor(G)))


def test_jvp(pair):
    ours, theirs = pair
    close(jvp(ours, (X, Y), (DX, DY)), torch.func.jvp(theirs, to_torch(X, Y), to_torch(DX, DY)))


@pytest.mark.parametrize("argnums", [0, 1, (0, 1)])
def test_jacobian(pair, argnums):
    ours, theirs = pair
    close(jacobian(ours, argnums)(X, Y), torch.func.jacrev(theirs, argnums)(*to_torch(X, Y)))


@pytest.mark.parametrize("argnums", [0, (0, 1)])
def test_hessian(pair, argnums):
    ours, theirs = pair
    found = hessian(lambda x, y: (ours(x, y) ** 2).sum(), argnums)(X, Y)
    close(found, torch.func.hessian(lambda x, y: (theirs(x, y) ** 2).sum(), argnums)(*to_torch(X, Y)))


def test_hvp(pair):
    ours, theirs = pair
    found = hvp(lambda x: (ours(x, Y) ** 2).sum(), X, DX)
    (y,) = to_torch(Y)
    gradient = torch.func.grad(lambda x: (theirs(x, y) ** 2).sum())
    close(found, torch.func.jvp(gradient, to_torch(X), to_torch(DX))[1])


def test_structures():
    def ours(p):
        return {"out": mg.tanh(p["w"] @ p["b"][0]), "norm": (p["w"] ** 2).sum()}

    def theirs(p):
        return {"out": torch.tanh(p["w"] @ p["b"][0]), "norm": (p["w"] ** 2).sum()}

    tensors = {"w": torch.tensor(X), "b": [torch.tensor(Y)]}
    moves = {"w": torch.tensor(DX), "b": [torch.tensor(DY)]}
    arrays = {"w": X, "b": [Y]}
    close(jacobian(ours)(arrays), torch.func.jacrev(theirs)(tensors))
    close(jvp(ours, (arrays,), ({"w": DX, "b": [DY]},)), torch.func.jvp(theirs, (tensors,), (moves,)))
    close(
        hessian(lambda p: (ours(p)["out"] ** 3).sum())(arrays),
        torch.func.hessian(lambda p: (theirs(p)["out"] ** 3).sum())(tensors),
    )


def test_nested_transforms(pair):
    ours, theirs = pair
    x, y = to_torch(X, Y)

    def norm(lib_grad, f):
        return lambda x, y: (lib_grad(lambda x: f(x, y).sum())(x) ** 2).sum()

    close(hessian(norm(grad, ours))(X, Y), torch.func.hessian(norm(torch.func.grad, theirs))(x, y))
    close(
        jacobian(lambda y: jvp(lambda x: ours(x, y), (X,), (DX,))[1])(Y),
        torch.func.jacrev(lambda y: torch.func.jvp(lambda x: theirs(x, y), (x,), to_torch(DX))[1])(y),
    )
    close(
        jvp(lambda x: vjp(lambda y: ours(x, y), Y)[1](G)[0], (X,), (DX,)),
        torch.func.jvp(lambda x: torch.func.vjp(lambda y: theirs(x, y), y)[1](torch.tensor(G))[0], (x,), to_torch(DX)),
    )


def test_the_parameters_of_a_network():
    model = mg.nn.Sequential(mg.nn.Linear(3, 4, dtype=float), mg.nn.Tanh(), mg.nn.Linear(4, 1, dtype=float))
    module = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 1)).double()
    module.load_state_dict({name: torch.tensor(p.data) for name, p in model.named_parameters()})
    named = dict(module.named_parameters())

    def theirs(parameters):
        return (torch.func.functional_call(module, parameters, (torch.tensor(X),)) ** 2).sum()

    def ours(model):
        return (model(X) ** 2).sum()

    close(grad(ours)(model), torch.func.grad(theirs)(named))
    close(hessian(ours)(model), torch.func.hessian(theirs)(named))
