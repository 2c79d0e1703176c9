"""What a compiled function is called with: dataclasses, objects that are equal, and what the step puts into them."""

import argparse
import array
import collections
import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from minigrad.compiler.tracing.trace_comparison import same_bits
from minigrad.errors import CompileError

X = np.random.default_rng(0).standard_normal((4, 3)).astype("float32")


@dataclasses.dataclass
class Batch:
    x: object
    k: float = 2.0
    more: object = None
    factor = 1.0

    def scaled(self):
        return mg.tensor(self.x) * self.k * self.factor


@dataclasses.dataclass(eq=False)
class ByIdentity(Batch):
    pass


@dataclasses.dataclass(frozen=True)
class Frozen:
    x: object
    k: float = 2.0
    more: object = None

    def scaled(self):
        return mg.tensor(self.x) * self.k


@dataclasses.dataclass(slots=True)
class Slots:
    x: object
    k: float = 2.0
    more: object = None

    def scaled(self):
        return mg.tensor(self.x) * self.k


KINDS = [Batch, ByIdentity, Frozen, Slots]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("how", ["alone", "in a list", "by name", "with a tensor"])
def test_a_dataclass_with_arrays_is_an_input(kind, how):
    def step(batch, w):
        batch = batch[0] if isinstance(batch, list) else batch
        return (batch.scaled() * w).sum()

    compiled, w = mg.compile(step, backend="numpy"), np.float32(0.5) * X
    for i in range(12):
        array = X + np.float32(i)
        batch = kind(mg.tensor(array) if how == "with a tensor" else array, k=2.0 if i < 8 else 3.0)
        given = {"batch": batch} if how == "by name" else {}
        args = () if given else ([batch] if how == "in a list" else batch,)
        assert same_bits(step(batch, w).data, compiled(*args, w=w, **given).data)
        assert batch.k == (2.0 if i < 8 else 3.0)
    assert compiled.stats()["recorded"] == 4
    assert compiled.stats()["replayed"] == 8


def test_what_the_class_of_a_batch_says_is_watched(monkeypatch):
    step = mg.compile(lambda batch: batch.scaled().sum(), backend="numpy")
    for i in range(8):
        if i == 4:
            monkeypatch.setattr(Batch, "factor", 3.0)
        assert same_bits(step(Batch(X)).data, Batch(X).scaled().sum().data)


@dataclasses.dataclass
class Training:
    """No arrays of its own: an object, as any other is."""

    model: object
    factor: float = 2.0


@pytest.mark.parametrize("kind", [Training, SimpleNamespace, argparse.Namespace])
def test_an_object_without_a_hash_is_watched(kind):
    training = kind(model=nn.Linear(3, 2, generator=np.random.default_rng(0)), factor=2.0)

    def step(training, x):
        training.model.zero_grad()
        loss = (training.model(x) * training.factor).sum()
        loss.backward()
        return loss

    compiled = mg.compile(step, backend="numpy")
    for i in range(10):
        training.factor = 2.0 if i < 5 else 3.0
        expected, gradient = step(training, X).data, training.model.weight.grad
        assert same_bits(compiled(training, X).data, expected)
        assert same_bits(training.model.weight.grad, gradient)
    assert compiled.stats()["recorded"] == 4


HOLDERS = {
    "set": (lambda: {2.0}, lambda h: (h.clear(), h.add(5.0)), lambda h: next(iter(h))),
    "deque": (lambda: collections.deque([2.0]), lambda h: h.appendleft(5.0), lambda h: h[0]),
    "bytearray": (lambda: bytearray(b"a"), lambda h: h.__setitem__(0, 5), lambda h: h[0]),
    "array": (lambda: array.array("d", [2.0]), lambda h: h.__setitem__(0, 5.0), lambda h: h[0]),
    "UserDict": (lambda: collections.UserDict(k=2.0), lambda h: h.update(k=5.0), lambda h: h["k"]),
    "ChainMap": (lambda: collections.ChainMap({"k": 2.0}), lambda h: h.update(k=5.0), lambda h: h["k"]),
    "namespace": (lambda: SimpleNamespace(k=2.0), lambda h: setattr(h, "k", 5.0), lambda h: h.k),
    "parser": (
        lambda: argparse.Namespace(k={"a": [2.0]}), lambda h: h.k["a"].append(5.0), lambda h: h.k["a"][-1],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", HOLDERS)
def test_what_an_argument_holds_is_watched(name):
    make, change, read = HOLDERS[name]
    held, other = make(), make()
    change(other)
    step = mg.compile(lambda x, h: x * read(h), backend="numpy")
    for i in range(12):
        if i == 5:
            change(held)
        for given in (held, other):
            assert same_bits(step(X, given), X * np.float32(read(given)))
    assert step.stats()["replayed"] >= 12


class Named:
    """Two that are equal may hold other numbers."""

    def __init__(self, name, factor):
        self.name, self.factor = name, factor

    def __eq__(self, other):
        return self.name == other.name

    def __hash__(self):
        return hash(self.name)


@dataclasses.dataclass(frozen=True)
class Options:
    name: str
    factor: float = dataclasses.field(compare=False)
    more: tuple = ()


@pytest.mark.parametrize("kind", [Named, Options])
def test_objects_that_are_equal_are_not_the_same(kind):
    step = mg.compile(lambda x, options: x * options.factor, backend="numpy")
    kept = [kind("a", 2.0), kind("a", 5.0)]
    for i in range(12):
        options = kept[i % 2]
        assert same_bits(step(X, options), X * np.float32(options.factor))
    assert step.stats()["replayed"] == 8


def test_equal_options_made_anew_share_a_program():
    step = mg.compile(lambda x, options: x * options.factor, backend="numpy")
    for _ in range(6):
        step(X, Options("a", 2.0, (1, "b")))
    assert step.stats()["recorded"] == 2


def _put(given):
    given["new"] = given["x"] * 2


def _instead(given):
    given["x"] = given["x"] * 2


def _pop(given):
    given["y"] = given.pop("x")


def _append(given):
    given.append(1)


def _swap(given):
    given.reverse()


def _attribute(given):
    given.k = 7.0


def _nested(given):
    given.more["a"] = 1


WRITES = {
    "into a dict": (_put, lambda: {"x": X.copy()}),
    "over an item": (_instead, lambda: {"x": X.copy()}),
    "out of a dict": (_pop, lambda: {"x": X.copy()}),
    "into a list": (_append, lambda: [X.copy()]),
    "order of a list": (_swap, lambda: [X.copy(), 1.0]),
    "into a dataclass": (_attribute, lambda: Batch(X.copy())),
    "over its array": (lambda given: setattr(given, "x", 1.0), lambda: ByIdentity(mg.tensor(X))),
    "deeper": (_nested, lambda: Batch(X.copy(), more={})),
    "in a tuple": (lambda given: given[0].append(2), lambda: ([X.copy()], 1)),
}


@pytest.mark.parametrize("name", WRITES)
def test_what_a_step_puts_into_an_argument_is_refused(name):
    write, make = WRITES[name]

    def step(given, x):
        write(given)
        return mg.tensor(x).sum()

    compiled = mg.compile(step, backend="numpy")
    with pytest.raises(CompileError, match="work on a copy of it"):
        compiled(make(), X)


def test_arrays_in_an_argument_may_be_written_into():
    def step(given):
        given["x"] += 1
        given["list"][0][...] = 0
        return given["x"].sum()

    one, other = ({"x": X.copy(), "list": [X.copy()]} for _ in "ab")
    compiled = mg.compile(step, backend="numpy")
    for _ in range(5):
        assert same_bits(np.asarray(step(one)), np.asarray(compiled(other)))
        assert same_bits(one["x"], other["x"])
        assert same_bits(one["list"][0], other["list"][0])


def test_an_argument_that_is_to_have_a_gradient():
    def step(x):
        x.requires_grad_()
        (x * x).sum().backward()
        return x.grad

    with pytest.raises(CompileError, match=r"x = x.detach\(\).requires_grad_\(\)"):
        mg.compile(step, backend="numpy")(mg.tensor(X))

    def other(x):
        x = x.detach().requires_grad_()
        (x * x).sum().backward()
        return x.grad

    compiled = mg.compile(other, backend="numpy")
    for i in range(4):
        assert same_bits(compiled(mg.tensor(X * i)), 2 * X * i)


@dataclasses.dataclass(eq=False)
class Scaled(nn.Module):
    """A module that is a dataclass stands for its parameters."""

    weight: object

    def forward(self, x):
        return x * self.weight


def test_a_module_that_is_a_dataclass():
    def step(model, x):
        model.zero_grad()
        loss = model(x).sum()
        loss.backward()
        return loss

    model = Scaled(nn.Parameter(np.ones(3, np.float32)))
    compiled = mg.compile(step, backend="numpy")
    for i in range(4):
        compiled(model, X * np.float32(i))
        assert same_bits(model.weight.grad, (X * np.float32(i)).sum(0))


@pytest.mark.parametrize("backend", ["numpy", pytest.param("native", marks=pytest.mark.native)])
@pytest.mark.parametrize("kept", [False, True])
def test_a_number_that_somebody_has_looked_at_is_an_array(backend, kept):
    """``.data`` of a tensor without axes makes an array of its scalar: another layout in memory, another program."""
    if backend == "native":
        pytest.importorskip("llvmlite", reason="machine code needs llvmlite: pip install llvmlite")
    held = {"s": mg.tensor(2.0)}
    compiled = mg.compile((lambda x, _: x * held["s"]) if kept else (lambda x, s: x * s), backend=backend)
    x = mg.tensor([1.0, 2.0])
    for looked in (True, False, True, False):
        for n in range(4):
            held["s"] = mg.tensor(float(n))
            if looked:
                assert held["s"].data.shape == ()
            np.testing.assert_array_equal(compiled(x, None if kept else held["s"]).data, x.data * n)


@pytest.mark.parametrize(
    "made",
    [
        lambda: np.ma.masked_array([1.0, 2.0], [False, True]),
        lambda: np.matrix([[1.0, 2.0]]),
        lambda: np.rec.array([(1.0,)], [("a", float)]),
    ],
    ids=["masked", "matrix", "records"],
)
@pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")
def test_arrays_with_a_meaning_of_their_own_are_refused(made):
    x = made()
    step = mg.compile(lambda x, y: (x, y), backend="numpy")
    for given in [(x, 1.0), ([x], 1.0), ({"x": x}, 1.0)]:
        with pytest.raises(CompileError, match=f"an argument is a {type(x).__name__}"):
            step(*given)
    assert step.stats()["calls"] == 0
