"""The table of docs/compile.md: each row is a test; objects of all its kinds, in one another, are drawn and changed."""

import array
import collections
import configparser
import contextvars
import dataclasses
import functools
import logging
import os
import pathlib
import random
import time
import types
import weakref

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from minigrad import nn, optim
from minigrad.compiler.tracing.trace_comparison import same_bits
from minigrad.errors import CompileError
from minigrad.random import drawing

X = np.float32([1.0, 2.0, -3.0])
PAGE = pathlib.Path(__file__).parents[3] / "docs" / "compile.md"


class Box:
    def __init__(self, held=None):
        self.held = held


class Slots:
    __slots__ = ("held",)

    def __init__(self, held=None):
        self.held = held


@dataclasses.dataclass
class Fields:
    held: object = None


# -- objects in one another -----------------------------------------------------------------------


def _config(value):
    made = configparser.ConfigParser()
    made["a"] = {"held": str(value)}
    return made


def _module(value):
    made = types.ModuleType("module_of_a_test")
    made.held = value
    return made


def _function(value):
    def made():
        return made.held

    made.held = value
    return made


def _default(value):
    def made(held=value):
        return held

    return made


def _variable(value):
    made = contextvars.ContextVar("held")
    made.set(value)
    return made


def _kind(value):
    return type("Kind", (), {"held": value})


def _large(value):
    return {str(i): value for i in range(200)}


def _key(x):
    return x["held"]


def _attribute(x):
    return x.held


def _first(x):
    return x[0]


def _set_key(x, value):
    x["held"] = value


def _set_attribute(x, value):
    x.held = value


def _set_first(x, value):
    x[0] = value


#: What holds a number: how it is made, read and changed.
LEAVES = {
    "dict": (lambda v: {"held": v}, _key, _set_key),
    "list": (lambda v: [v], _first, _set_first),
    "deque": (lambda v: collections.deque([v]), _first, _set_first),
    "set": (lambda v: {v}, max, lambda x, v: [x.clear(), x.add(v)]),
    "object": (Box, _attribute, _set_attribute),
    "slots": (Slots, _attribute, _set_attribute),
    "dataclass": (Fields, _attribute, _set_attribute),
    "SimpleNamespace": (lambda v: types.SimpleNamespace(held=v), _attribute, _set_attribute),
    "UserDict": (lambda v: collections.UserDict(held=v), _key, _set_key),
    "UserList": (lambda v: collections.UserList([v]), _first, _set_first),
    "ChainMap": (lambda v: collections.ChainMap({}, {"held": v}), _key, lambda x, v: x.maps[1].update(held=v)),
    "OrderedDict": (lambda v: collections.OrderedDict(held=v), _key, _set_key),
    "defaultdict": (lambda v: collections.defaultdict(list, held=v), _key, _set_key),
    "Counter": (lambda v: collections.Counter(held=v), _key, _set_key),
    "array": (lambda v: array.array("d", [v]), _first, _set_first),
    "bytearray": (lambda v: bytearray([int(v)]), _first, lambda x, v: _set_first(x, int(v))),
    "np.ndarray": (lambda v: np.array([v], np.float32), lambda x: float(x[0]), _set_first),
    "array that calls read": (lambda v: np.array([v], np.float32), _first, _set_first),
    "Tensor": (lambda v: mg.tensor([v]), lambda x: x, lambda x, v: x.data.__setitem__(0, v)),
    "other data of a Tensor": (lambda v: mg.tensor([v]), lambda x: x, lambda x, v: setattr(x, "data", np.float32([v]))),
    "ContextVar": (_variable, lambda x: x.get(), lambda x, v: x.set(v)),
    "ConfigParser": (_config, lambda x: x.getfloat("a", "held"), lambda x, v: x.set("a", "held", str(v))),
    "module": (_module, _attribute, _set_attribute),
    "function": (_function, lambda x: x(), _set_attribute),
    "default": (_default, lambda x: x(), lambda x, v: setattr(x, "__defaults__", (v,))),
    "class": (_kind, _attribute, _set_attribute),
    "attribute of a dict": (lambda v: _with(type("D", (dict,), {}), v), _attribute, _set_attribute),
    "attribute of a list": (lambda v: _with(type("L", (list,), {}), v), _attribute, _set_attribute),
    "large dict": (_large, lambda x: x["7"], lambda x, v: x.update({"7": v})),
    "large dict as a whole": (_large, lambda x: sum(x.values()), lambda x, v: x.update({"7": v})),
    "large list": (lambda v: [v] * 300, lambda x: x[-1], lambda x, v: x.append(v)),
    "large set": (lambda v: {*range(100, 400), v}, lambda x: 2.0 if 5.0 in x else 3.0, lambda x, v: x.add(v)),
    "environment": (
        lambda v: os.environ.update(MINIGRAD_PROMISE=str(v)) or os,
        lambda x: float(x.environ["MINIGRAD_PROMISE"]),
        lambda x, v: x.environ.update(MINIGRAD_PROMISE=str(v)),
    ),
}


def _with(kind, value):
    made = kind()
    made.held = value
    return made


def _cell(x):
    made = np.empty(1, object)
    made[0] = x
    return made


#: What an object may lie in: how it is wrapped, and found again.
AROUND = {
    "dict": (lambda x: {"held": x}, _key),
    "list": (lambda x: [x], _first),
    "tuple": (lambda x: (x,), _first),
    "deque": (lambda x: collections.deque([x]), _first),
    "object": (Box, _attribute),
    "slots": (Slots, _attribute),
    "dataclass": (Fields, _attribute),
    "SimpleNamespace": (lambda x: types.SimpleNamespace(held=x), _attribute),
    "module": (_module, _attribute),
    "class": (_kind, lambda x: vars(x)["held"]),
    "partial": (lambda x: functools.partial(lambda y: y, x), lambda x: x()),
    "closure": (lambda x: lambda: x, lambda x: x()),
    "default": (_default, lambda x: x()),
    "function": (_function, lambda x: x()),
    "wraps": (lambda x: functools.wraps(len)(lambda: x), lambda x: x()),
    "bound method": (lambda x: {"held": x}.get, lambda x: x("held")),
    "UserDict": (lambda x: collections.UserDict(held=x), _key),
    "ChainMap": (lambda x: collections.ChainMap({"held": x}), _key),
    "MappingProxyType": (lambda x: types.MappingProxyType({"held": x}), _key),
    "values": (lambda x: {"held": x}.values(), lambda x: next(iter(x))),
    "defaultdict": (lambda x: collections.defaultdict(list, held=x), _key),
    "ContextVar": (_variable, lambda x: x.get()),
    "weak reference": (lambda x: _weak(Box(x)), lambda x: x[1]().held),
    "lru_cache": (lambda x: functools.lru_cache(lambda: x), lambda x: x()),
    "getattr": (Box, lambda x: getattr(x, "he" + "ld")),
    "vars": (Box, lambda x: vars(x)["held"]),
    "object array": (_cell, _first),
}


def _weak(x):
    return (x, weakref.ref(x))


class Step:
    def __init__(self, root, path):
        self.root, self.path = root, path

    def run(self, x):
        return stepped(x, self.root, self.path)


def stepped(x, root, path):
    for find in path:
        root = find(root)
    return x * root


ROOTS = {
    "closure": lambda root, path: lambda x: stepped(x, root, path),
    "method": lambda root, path: Step(root, path).run,
    "partial": lambda root, path: functools.partial(stepped, root=root, path=path),
    "default": lambda root, path: _with_defaults(root, path),
    "wraps": lambda root, path: functools.wraps(stepped)(lambda x: stepped(x, root, path)),
    "gradient": lambda root, path: mg.grad(lambda x: (x * stepped(x, root, path)).sum()),
    "compiled": lambda root, path: mg.compile(lambda x: stepped(x, root, path), backend="numpy"),
}


def _with_defaults(root, path):
    return lambda x, root=root, path=path: stepped(x, root, path)


@given(
    st.sampled_from([*LEAVES]),
    st.lists(st.sampled_from([*AROUND]), max_size=3),
    st.sampled_from([*ROOTS]),
    st.integers(0, 6),
)
def test_a_change_anywhere_is_seen_or_refused(leaf, around, root, when):
    make, get, change = LEAVES[leaf]
    held = whole = make(2.0)
    path = [get]
    for name in around:
        wrap, find = AROUND[name]
        whole = wrap(whole)
        path.insert(0, find)
    step = ROOTS[root](whole, tuple(path))
    eager = step.function if root == "compiled" else step
    compiled = mg.compile(step, backend="numpy", audit=False)
    try:
        for i in range(8):
            if i == when:
                change(held, 5.0)
            x = mg.tensor(X + i)
            expected = eager(x)
            assert same_bits(expected.data, compiled(x).data), f"stale in call {i}"
    except CompileError as error:
        raise AssertionError(f"refused: {error}") from error
    assert compiled.stats()["replayed"] >= 2


# -- the rows of the table ------------------------------------------------------------------------


def rows():
    """{what: verdict} of the table in the page."""
    lines = PAGE.read_text().splitlines()
    first = next(i for i, line in enumerate(lines) if line.startswith("| what a step depends on |"))
    found = {}
    for line in lines[first + 2 :]:
        if not line.startswith("|"):
            break
        what, verdict, _ = [cell.strip() for cell in line.strip("|").split("|", 2)]
        found[what] = verdict
    return found


def watched(make):
    """A change after the replays have begun is recorded again, and seen."""
    step, change = make()
    compiled = mg.compile(step, backend="numpy", audit=False)
    for i in range(9):
        if i == 5:
            change()
        x = mg.tensor(X + i)
        assert same_bits(np.asarray(step(x).data), np.asarray(compiled(x).data))
    assert compiled.stats()["recorded"] >= 3


def as_input(make):
    """A change is seen by the same program."""
    step, change = make()
    compiled = mg.compile(step, backend="numpy", audit=False)
    for i in range(9):
        if i >= 4:
            change()
        x = mg.tensor(X + i)
        assert same_bits(np.asarray(step(x).data), np.asarray(compiled(x).data))
    assert compiled.stats()["recorded"] == 2


def effect(make):
    """It happens in each replay as in each eager step: two of a kind go the same way."""
    (step, look), (other, look_2) = make(), make()
    compiled = mg.compile(other, backend="numpy", audit=False)
    for i in range(9):
        x = mg.tensor(X + i)
        one, two = step(x), compiled(x)
        assert same_bits(np.asarray(one.data), np.asarray(two.data))
        assert repr(look()) == repr(look_2())
    assert compiled.stats()["recorded"] == 2


def refused(make):
    """An error that names it, before any replay."""
    step, match = make()
    compiled = mg.compile(step, backend="numpy", audit=False)

    def calls():
        for _ in range(9):
            compiled(mg.tensor(X))

    with pytest.raises(CompileError, match=match):
        calls()


def left_out(make):
    """It happens in the two recordings and in audits only."""
    step, look = make()
    compiled = mg.compile(step, backend="numpy", audit=False)
    for _ in range(6):
        compiled(mg.tensor(X))
    assert look() == 2


def condition(make):
    """Each way has a program of its own, and a call takes the way of eager."""
    (step, look), (other, look_2) = make(), make()
    compiled = mg.compile(other, backend="numpy", audit=False)
    for i in range(30):
        x = mg.tensor(X + i)
        assert same_bits(np.asarray(step(x).data), np.asarray(compiled(x).data))
        assert repr(look()) == repr(look_2())
    assert (compiled.stats()["recorded"], compiled.stats()["programs"]) == (4, 2)


VERDICTS = {
    "condition": condition,
    "watched": watched,
    "input": as_input,
    "effect": effect,
    "refused": refused,
    "left out": left_out,
}


def _kind_of(name):
    make, get, change = LEAVES[name]

    def made():
        held = make(2.0)
        return (lambda x: x * get(held)), (lambda: change(held, 5.0))

    return made


def _arguments():
    return lambda x: x * 2, lambda: None


def _weights():
    w = nn.Parameter(np.ones(3, np.float32))
    return lambda x: x * w, lambda: w.data.__iadd__(1)


def _rates():
    w = nn.Parameter(np.ones(3, np.float32))
    optimizer = optim.SGD([w], lr=lambda t: 1 / (1 + t), decay=0.1)

    def step(x):
        optimizer.zero_grad()
        loss = (w * x).sum()
        loss.backward()
        optimizer.step()
        return loss

    return step, lambda: (w.data, optimizer.iterations, optimizer.current_lr)


def _told():
    w = nn.Parameter(np.ones(3, np.float32))
    optimizer = optim.SGD([w], lr=0.1, decay=0.1)
    told = []

    def step(x):
        optimizer.zero_grad()
        (w * x).sum().backward()
        optimizer.step()
        return Told(w.data * 1, optimizer.current_lr)

    return step, lambda: told


@dataclasses.dataclass
class Told:
    data: object
    rate: float


@drawing
def noise(generator, shape):
    return generator.standard_normal(shape, np.float32)


def _drawn():
    generator, drop = np.random.default_rng(0), nn.Dropout(0.5, generator=np.random.default_rng(1))
    return lambda x: drop(x) + noise(generator, x.shape) * generator.normal(), lambda: generator.bit_generator.state


def _running():
    norm, w = nn.BatchNorm1d(3), nn.Parameter(np.ones(3, np.float32))

    def step(x):
        w.zero_grad()
        norm.zero_grad()
        loss = (norm(mg.stack([x, 2 * x])) * w).sum()
        loss.backward()
        optim.clip_grad_norm_([w], 0.1)
        return loss

    return step, lambda: (norm.state_dict(), w.grad)


def _assigned():
    w = nn.Parameter(np.ones(3, np.float32))

    def step(x):
        w.data = 0.9 * w.data + x.data
        return w.sum()

    return step, lambda: w.data


def _gradients():
    w = nn.Parameter(np.ones(3, np.float32))

    def step(x):
        loss = (w * x).sum()
        loss.backward()
        return mg.tensor(w.grad * 1)

    return step, lambda: w.zero_grad()


def _mode():
    model = nn.Sequential(nn.BatchNorm1d(3))
    w = nn.Parameter(np.ones(3, np.float32))
    return lambda x: model(mg.stack([x, 3 * x])) * w, lambda: [model.eval(), w.requires_grad_(False)]


def _code():
    def inner(x, k=2.0):
        return x * k

    def change():
        inner.__defaults__ = (3.0,)

    return mg.grad(lambda x: (inner(x) * x).sum()), change


def _primitive():
    box = Box(2.0)
    scaled = mg.primitive(lambda x: x * np.float32(box.held), lambda g: g, name="scaled_of_a_promise")
    return lambda x: scaled(x), lambda: setattr(box, "held", 5.0)


def _unread():
    box = Box(2.0)
    box.unread, box.words = [], {str(i): i for i in range(500)}
    return lambda x: x * box.held + box.words["3"], lambda: [box.unread.append(1), box.words.update({"4": 7})]


def _opaque():
    held = Box(weakref.proxy(THING))
    return lambda x: x * held.held.scale, "cannot look"


THING = Box()
THING.scale = 2.0


def _many():
    held = [Box(1.0) for _ in range(20_001)]
    return lambda x: x * held[-1].held, "more than 20000 objects"


def _nameless():
    logging.getLogger("of a promise").table = np.ones(3, np.float32)
    return lambda x: x * logging.getLogger("of a promise").table, "not found from the function's names"


class _Said(logging.Handler):
    count = 0

    def emit(self, _):
        self.count += 1


def _printed():
    log = logging.Logger("of a promise")
    said = _Said()
    log.addHandler(said)
    return lambda x: [x * 2, log.error("now")][0], lambda: said.count


def _counting():
    count = ""

    def step(x):
        nonlocal count
        count += "a"
        return x * 2

    return step, "changes count"


def _using(held, use, match):
    return lambda x: use(x, held), match


def _own_counts():
    w = nn.Parameter(np.ones(3, np.float32))
    optimizer = optim.SGD([w], lr=0.1)
    return lambda x: x * optimizer.current_lr, "another number in each step"


def _iterations():
    optimizer = optim.SGD([nn.Parameter(np.ones(3, np.float32))], lr=0.1)
    return lambda x: x * optimizer.iterations, lambda: setattr(optimizer, "iterations", optimizer.iterations + 1)


def _appended():
    kept = []
    return lambda x: [kept.append(x.sum().item()), x * 2][1], lambda: kept


def _decided():
    turns = random.Random(0)
    return lambda x: x * 2 if turns.random() < 0.5 else x * 3, turns.getstate


def _global():
    globals()["SCALE"] = 2.0
    return lambda x: x * SCALE, lambda: globals().update(SCALE=5.0)


SCALE = 2.0


ROWS = {
    "array and tensor arguments": _arguments,
    "weights, momenta, buffers, arrays that recorded calls read": _weights,
    "data that no code in reach mentions or reads": _unread,
    "closure variables, globals": _global,
    "attributes of objects, slots and classes": _kind_of("slots"),
    "items of containers of Python": _kind_of("ChainMap"),
    "defaults, attributes and code of functions; what partial, wraps and mg.grad wrap": _code,
    "forwards and formulas of mg.primitive": _primitive,
    "names of modules": _kind_of("module"),
    "buffers (array.array, bytearray, memoryview), arrays that plain NumPy calls read": _kind_of("np.ndarray"),
    "context variables, weak references, os.environ, the current folder": _kind_of("environment"),
    "p.data = ..., frozen parameters, train() and eval(), whether a gradient is there": _mode,
    "rates, schedules, steps of optimizers": _rates,
    "optimizer.iterations": _iterations,
    "optimizer.current_lr, as a result": _told,
    "numbers that the step puts into attributes, variables and dicts that have one; what it appends to a list or deque "
    "that it does not read": _appended,
    "decisions of Python by such numbers and by tensors: if, while, min(), max(), math.isfinite()": _decided,
    "dropout, rng.normal() and rng.shuffle() of a generator in reach, random.random(), random.choice(), "
    "np.random.rand(), and functions marked @mg.random.drawing": _drawn,
    "running statistics, gradients, clipping": _running,
    "`p.data = x` in the step, of a computed x in p's shape and dtype": _assigned,
    "random numbers drawn otherwise: rng.spawn(), one of more than eight objects, seeding, with computed numbers":
        lambda: _using(random.Random(0), lambda x, r: x * r.choice([mg.exp] * 9)(1.0), "a program of its own"),
    "iterators, generators, files that are read": lambda: _using(
        iter([1.0] * 9), lambda x, r: x * next(r), "take the item outside"),
    "the clock, open(), input()": lambda: (lambda x: x * time.time(), "something else in each call"),
    "optimizer.current_lr, in arithmetic or a branch": _own_counts,
    "objects with a state in C that Python does not show": _opaque,
    "more than 20,000 objects": _many,
    "arrays that no name leads to": _nameless,
    "the digits of a number that the step computes: a text, range()": lambda: (
        lambda x: x * len(str(x.sum().item())), "taken out of the step"),
    "what else the step itself changes in Python: text, slots, sets, classes": _counting,
    "print, logging, writing to files": _printed,
}  # fmt: skip


TENSORS = (
    "tensors and arrays in attributes, globals, closures, dicts and lists that are replaced in each call: "
    "self.h = h.detach(), self.aux = [], box[0] = params"
)

#: See test_numeric_arguments.py, test_conversions.py, test_ways.py, test_arguments.py, test_replaced.py,
#: test_python_state.py and test_heeded_errors.py.
ELSEWHERE = {
    TENSORS,
    "counters in lists; deque(maxlen=n) with numbers, once it is full",
    "functions that somebody replaces: np.exp = ..., nn.Linear.forward = ..., builtins",
    "numbers in attributes, globals, closures and dicts that change from call to call",
    "numbers (float, int, those of NumPy) as arguments",
    "arrays that the step makes and fills: rows = np.zeros((n, 3)); rows[np.arange(n), y] = 1",
    "other objects as arguments",
    "what a function behind functools.lru_cache keeps",
    'what NumPy does about errors of arithmetic: `np.seterr(all="raise")`, `np.errstate(divide="raise")`',
    "rows, slices and items at places that the step counts, computes or draws: data[at : at + 8], table[n], betas[n]",
    "what the step puts into, or takes out of, an argument (a dict, a list, a dataclass)",
}


def test_the_table_has_these_rows():
    assert set(rows()) == {*ROWS, *ELSEWHERE}


@pytest.mark.parametrize("what", ROWS)
def test_a_row_of_the_table(what):
    VERDICTS[rows()[what]](ROWS[what])
