"""Methods of a generator in a step, ``rng.normal(...)``: drawn anew in each replay, as they are in eager steps."""

import copy
import pickle

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, optim
from minigrad.compiler.guards import generator_proxies
from minigrad.compiler.tracing.trace_comparison import same_bits
from minigrad.errors import CompileError

X = np.random.default_rng(0).standard_normal((6, 3)).astype("float32")


def _mixup(m, x, r):
    share, order = r.beta(0.4, 0.4), r.permutation(len(x))
    return m(share * x + (1 - share) * x[order]).sum()


DRAWN = {
    "noise": lambda m, x, r: m(x + r.normal(0, 0.1, x.shape).astype(np.float32)).sum(),
    "noise of float32": lambda m, x, r: m(x + r.standard_normal(x.shape, dtype=np.float32)).sum(),
    "a latent variable": lambda m, x, r: (m(x) + mg.exp(m(x)) * mg.tensor(r.normal(size=m(x).shape))).sum(),
    "mixup": _mixup,
    "numbers": lambda m, x, r: m(x).sum() * r.random() + m(x).mean() * r.normal(loc=1.0),
    "a tensor of a number": lambda m, x, r: m(x).sum() * mg.tensor(r.random()),
    "a choice of rows": lambda m, x, r: m(x[r.choice(6, size=3, replace=False)]).sum(),
    "one row": lambda m, x, r: m(x)[r.integers(6)].sum(),
    "a mask": lambda m, x, r: mg.where(r.random((6, 2)) < 0.5, m(x), 0.0).sum(),
    "a factor": lambda m, x, r: m(x * r.uniform(0.5, 1.5)).sum(),
    "several": lambda m, x, r: (m(x + r.normal(size=(6, 3))) * r.poisson(2.0, (6, 2))).sum(),
}


def in_a_closure(function, generator, _):
    return lambda x: function(x, generator)


def in_an_attribute(function, generator, _):
    holder = nn.Module()
    holder.rng = generator
    return lambda x: function(x, holder.rng)


def in_a_dict(function, generator, _):
    parts = {"rng": [generator]}
    return lambda x: function(x, parts["rng"][0])


def as_a_global(function, generator, name):
    globals()[name] = generator
    namespace = globals()
    exec(f"def step_{name}(x, function=None): return HELD[{name!r}](x, {name})", namespace)
    HELD[name] = function
    return namespace[f"step_{name}"]


HELD = {}


def made(body, how, name):
    model = nn.Linear(3, 2, generator=np.random.default_rng(0))
    optimizer = optim.Adam(model.parameters(), lr=0.1)
    generator = np.random.default_rng(3)

    def function(x, rng):
        optimizer.zero_grad()
        loss = body(model, x, rng)
        loss.backward()
        optimizer.step()
        return loss

    return model, generator, how(function, generator, name)


@pytest.mark.parametrize("how", [in_a_closure, in_an_attribute, in_a_dict, as_a_global])
@pytest.mark.parametrize("name", DRAWN)
def test_draws_are_those_of_eager_in_each_replay(name, how):
    (one, source, eager), (other, stream, function) = made(DRAWN[name], how, "RNG_A"), made(DRAWN[name], how, "RNG_B")
    step = mg.compile(function, backend="numpy")
    for _ in range(10):
        expected, got = eager(X), step(X)
        assert expected.dtype == got.dtype
        assert same_bits(expected.data, got.data)
        assert same_bits(one.weight.data, other.weight.data)
        assert source.bit_generator.state == stream.bit_generator.state
    assert (step.stats()["recorded"], step.stats()["replayed"]) == (2, 8)


def test_a_generator_as_an_argument():
    one, other = np.random.default_rng(0), np.random.default_rng(0)
    step = mg.compile(lambda x, rng: x * rng.random(3), backend="numpy")
    for _ in range(8):
        assert same_bits(step(X, one), X * other.random(3))
    assert step.stats()["replayed"] == 6


@pytest.mark.parametrize("backend", ["native", "jax"])
def test_numbers_and_arrays_are_drawn_on_every_backend(backend):
    (_, source, eager), (_, stream, function) = made(_mixup, in_a_closure, ""), made(_mixup, in_a_closure, "")
    step = mg.compile(function, backend=backend)
    for _ in range(5):
        np.testing.assert_allclose(eager(X).data, step(X).data, rtol=1e-3)
    assert source.bit_generator.state == stream.bit_generator.state
    assert step.stats()["replayed"] == 3


@pytest.mark.parametrize("name", generator_proxies.METHODS)
def test_every_method_gives_what_it_gives(name):
    given = {
        "choice": (5, 3), "dirichlet": ((1.0, 2.0),), "binomial": (5, 0.5, 3), "chisquare": (2.0, 3), "f": (2.0, 3.0),
        "gamma": (2.0, 1.0, 3), "geometric": (0.5, 3), "hypergeometric": (5, 5, 3, 3), "integers": (5,),
        "logseries": (0.5, 3), "multinomial": (5, (0.5, 0.5)),
        "multivariate_normal": ((0.0, 0.0), ((1.0, 0.0), (0.0, 1.0))),
        "negative_binomial": (3, 0.5, 3), "noncentral_chisquare": (2.0, 1.0, 3), "pareto": (2.0,), "permutation": (5,),
        "power": (2.0, 3), "standard_gamma": (2.0, 3), "standard_t": (3.0, 3), "triangular": (0.0, 0.5, 1.0, 3),
        "vonmises": (0.0, 1.0, 3), "wald": (1.0, 1.0, 3), "weibull": (2.0, 3), "zipf": (2.0, 3), "beta": (0.5, 0.5),
    }.get(name, ())  # fmt: skip
    one, other = np.random.default_rng(0), np.random.default_rng(0)
    step = mg.compile(lambda x: x.sum() * getattr(one, name)(*given), backend="numpy")
    for _ in range(4):
        assert same_bits(np.asarray(step(X)), np.asarray(X.sum() * getattr(other, name)(*given)))
    assert step.stats()["replayed"] == 2


@pytest.mark.parametrize(
    ("body", "match"),
    [
        (lambda x, r: x * np.float32(r.random()), "a number of Python's times an array of float32 is float32"),
        (lambda x, r: x * r.normal(x), "normal draws random numbers, and is given computed ones"),
        (lambda x, r: r.permutation(x), "permutation draws random numbers, and is given computed ones"),
        (lambda x, r: (r.shuffle([1, 2, 3]), x)[1], "random numbers are drawn inside the step"),
        (lambda x, r: x + r.random(out=np.zeros((6, 3), dtype=float)), "random numbers are drawn inside the step"),
        (lambda x, r: x + r.spawn(1)[0].random(), "differs from call to call"),
    ],
)
def test_what_is_refused(body, match):
    generator = np.random.default_rng(0)
    step = mg.compile(lambda x: body(x, generator), backend="numpy")
    with pytest.raises(CompileError, match=match):
        [step(X) for _ in range(9)]


def test_what_holds_a_generator_holds_it_again():
    generator, parts = np.random.default_rng(0), {}
    parts["rng"] = generator

    def step(x):
        kept.append(parts["rng"])
        return x * parts["rng"].random()

    kept = []
    with pytest.raises(CompileError):
        mg.compile(lambda x: len(step(x).data.tobytes()))(X)
    assert parts["rng"] is generator
    stand = kept[0]
    assert isinstance(stand, np.random.Generator)
    assert stand.bit_generator is generator.bit_generator
    again = pickle.loads(pickle.dumps(stand))  # noqa: S301 - it was pickled here
    for other in (copy.deepcopy(stand), again):
        assert type(other) is np.random.Generator
        assert other.random() == copy.deepcopy(generator).random()
