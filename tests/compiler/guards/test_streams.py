"""Random numbers, iterators and clocks: what is taken away by looking, or is another thing in each call."""

import itertools
import random

import numpy as np
import pytest

import minigrad as mg
from minigrad.compiler.tracing.trace_comparison import same_bits
from minigrad.errors import CompileError
from tests.compiler.guards.reading import Thing, X, agree


def _draws(make, draw):
    source = make()
    return lambda x: x * draw(source)


def _in_an_attribute(make, draw):
    held = Thing(source=make())
    return lambda x: x * draw(held.source)


def _in_a_dict(make, draw):
    held = {"source": make()}
    return lambda x: x * draw(held["source"])


def _if_drawn(make, draw):
    source = make()
    return lambda x: x * 2 if draw(source) < 0.5 else x * 3


def _shuffled(items):
    random.shuffle(items)
    return items[0]


DRAWN = {
    "choice": (lambda: random.Random(0), lambda r: r.choice([0.25, 0.75])),
    "sample": (lambda: random.Random(0), lambda r: r.sample(range(9), 3)[1] * r.choices([1.0, 3.0], [1, 2])[0]),
    "shuffle": (lambda: random, lambda r: _shuffled([1.0, 2.0, 3.0, 4.0])),
    "Random": (lambda: random.Random(0), lambda r: r.random()),
    "RandomState": (lambda: np.random.RandomState(0), lambda r: r.rand()),
    "random": (lambda: random, lambda r: r.random()),
    "np.random": (lambda: np.random, lambda r: r.rand()),
    "random.random": (lambda: random.random, lambda r: r()),
    "random.gauss": (lambda: random.gauss, lambda r: r(0, 1)),
    "np.random.rand": (lambda: np.random.rand, lambda r: r()),
    "bound method": (lambda: np.random.default_rng(0).random, lambda r: r()),
    "method of a Random": (lambda: random.Random(0).uniform, lambda r: r(0, 1)),
}


SOURCES = {
    "Generator, in place": (lambda: np.random.default_rng(0), lambda r: np.float32(r.random(out=np.empty(1))[0])),
    "BitGenerator": (lambda: np.random.PCG64(0), lambda r: np.float32(r.random_raw() / 2**64)),
    "manual_seed": (lambda: mg, lambda r: r.manual_seed(3) or 1.0),
}


USES = [_draws, _in_an_attribute, _in_a_dict, _if_drawn]


@pytest.mark.parametrize("use", USES, ids=lambda f: f.__name__.strip("_"))
@pytest.mark.parametrize("source", DRAWN)
def test_streams_of_other_kinds_are_drawn_from_in_each_replay(source, use):
    eager, function = use(*DRAWN[source]), use(*DRAWN[source])
    compiled, results = mg.compile(function, backend="numpy"), []
    for step in (eager, compiled):
        random.seed(0)
        np.random.seed(0)
        results.append([step(mg.tensor(X + i)).data for i in range(20)])
    assert all(map(same_bits, *results))
    assert compiled.stats()["replayed"] >= 16


@pytest.mark.parametrize("use", USES, ids=lambda f: f.__name__.strip("_"))
@pytest.mark.parametrize("source", SOURCES)
def test_random_numbers_are_refused(source, use):
    random.seed(0)
    compiled = mg.compile(use(*SOURCES[source]), audit=False)
    with pytest.raises(CompileError, match="random numbers are drawn") as caught:
        compiled(mg.tensor(X))
    assert "test_streams.py:" in str(caught.value)


def _generated():
    while True:
        yield 1.0


ITERATORS = {
    "generator": _generated,
    "list": lambda: iter([1.0] * 9),
    "count": lambda: itertools.count(1.0),
    "cycle": lambda: itertools.cycle([1.0, 2.0]),
    "enumerate": lambda: enumerate([1.0] * 9),
    "zip": lambda: zip([1.0] * 9, strict=True),
    "filter": lambda: filter(None, [1.0] * 9),
    "chain": lambda: itertools.chain([1.0], [2.0] * 8),
    "repeat": lambda: itertools.repeat(1.0, 9),
    "file": lambda: open(__file__),  # noqa: SIM115 - closed by the test
    "dict": lambda: iter({1.0: 1, 2.0: 1}),
    "nditer": lambda: iter(np.ones(9)),
}


@pytest.mark.parametrize("use", [_draws, _in_an_attribute, _in_a_dict], ids=lambda f: f.__name__.strip("_"))
@pytest.mark.parametrize("source", ITERATORS)
def test_iterators_are_refused(source, use):
    made = ITERATORS[source]()
    compiled = mg.compile(use(lambda: made, next), audit=False)
    with pytest.raises(CompileError, match="take the item outside"):
        compiled(mg.tensor(X))
    getattr(made, "close", int)()


def test_an_iterator_that_nobody_mentions_is_no_matter():
    held = Thing(scale=2.0, batches=iter([1, 2]), source=random.Random(0))
    compiled = mg.compile(lambda x: x * held.scale)
    for _ in range(4):
        assert same_bits(compiled(X), X * 2)
        next(held.batches, None)
        held.source.random()
    assert compiled.stats()["recorded"] == 2


@pytest.mark.parametrize("text", ["time.time()", "time.perf_counter()", "monotonic()", "datetime.datetime.now().hour",
                                  "float(input())", "open('x').fileno()", "os.urandom(1)[0]"])  # fmt: skip
def test_what_comes_from_outside_is_refused(text):
    namespace = {}
    imports = "import time, os, datetime\nfrom time import monotonic\n"
    exec(compile(f"{imports}def f(x):\n    return x * ({text} > 0)\n", "<cell>", "exec"), namespace)
    with pytest.raises(CompileError, match=r"something else in each call|asks for the time"):
        mg.compile(namespace["f"])(X)


def test_a_pause_is_no_clock():
    import time

    def step(x):
        time.sleep(0)
        return x * 2

    assert agree(step, lambda: None)["recorded"] == 2
