"""What a run can reach: values in every place are put back, and another object in a place is noticed."""

import array
import datetime as dt
import decimal
import fractions
import functools
import pathlib
import types
import uuid
from collections import ChainMap, UserDict, UserList

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, optim, train
from minigrad.data import DataLoader
from minigrad.errors import StateError
from tests.train.designs import model, outcome, trainer_of
from tests.train.runs import Crash, Stop, X, Y, differences

EPOCHS, STEPS_OF_EPOCH = 2, 7


def started(parts, folder, *more):
    """What a script does with the parts of a run, from the beginning or from where it was."""
    mg.manual_seed(1)
    made = {
        "net": model,
        "loss": nn.CrossEntropyLoss,
        "data": lambda: DataLoader((X, Y), 5, shuffle=True),
        "callbacks": tuple,
    }
    made = {name: make() for name, make in (made | parts()).items()}
    trainer = trainer_of(made["net"], loss=made["loss"])
    options = {}
    if folder is not None:
        trainer.resume(folder)
        options = {"checkpoint_dir": folder, "checkpoint_every": 3}
    trainer.fit(made["data"], EPOCHS, None, [*made["callbacks"], *more], progress="none", **options)
    return outcome(trainer)


def assert_goes_on(parts, tmp_path, steps=(4, 10)):
    """A run that is interrupted twice ends as a run without interruptions."""
    whole = started(parts, None)
    for step in steps:
        with pytest.raises(Stop):
            started(parts, tmp_path / "killed", Crash(step))
    assert differences(whole, started(parts, tmp_path / "killed")) == []


# -- where values stand -------------------------------------------------------------------------------


def brighter(batch, count):
    return batch[0] * np.float32(1 + 0.02 * count), batch[1]


def of_a_function():
    def transform(batch):
        transform.calls += 1
        return brighter(batch, transform.calls)

    transform.calls = 0
    return transform


def made_at_the_first_call():
    def transform(batch):
        transform.calls = getattr(transform, "calls", 0) + 1
        return brighter(batch, transform.calls)

    return transform


def of_a_default():
    def transform(batch, seen=[0], *, more={"n": 0}):  # noqa: B006 - as people write it
        seen[0] += 1
        more["n"] += 2
        return brighter(batch, seen[0] + more["n"])

    return transform


def of_a_partial():
    def transform(seen, batch, more):
        seen.append(0)
        more["n"] = len(seen)
        return brighter(batch, len(seen) + more["n"])

    return functools.partial(transform, [], more={"n": 0})


def of_a_method():
    class Helper:
        def transform(self, batch, seen=[0]):  # noqa: B006 - as people write it
            seen[0] += 1
            return brighter(batch, seen[0])

    return Helper().transform


def beside_an_object_in_a_tuple():
    class Helper:
        def __init__(self):
            self.held = ([0], types.SimpleNamespace(n=0), of_a_function())

        def __call__(self, batch):
            seen, other, function = self.held
            seen[0] += 1
            other.n += 1
            return function(brighter(batch, seen[0] + other.n))

    return Helper()


def behind_a_bound_method():
    append = [].append

    def transform(batch):
        append(0)
        return brighter(batch, len(append.__self__))

    return transform


@pytest.mark.parametrize(
    "transform",
    [
        of_a_function, made_at_the_first_call, of_a_default, of_a_partial, of_a_method, beside_an_object_in_a_tuple,
        behind_a_bound_method,
    ],
    ids=lambda f: f.__name__,
)  # fmt: skip
def test_a_count_goes_on_wherever_it_stands(transform, tmp_path):
    assert_goes_on(lambda: {"data": lambda: DataLoader((X, Y), 5, shuffle=True, transform=transform())}, tmp_path)


# -- values of Python's library and NumPy ---------------------------------------------------------------

DAY = dt.timedelta(days=1)
#: name: what it is in the beginning, what becomes of it in a step (None: it was changed in place), its number.
VALUES = {
    "fraction": (lambda: fractions.Fraction(1, 3), lambda v: v + 1, float),
    "decimal": (lambda: decimal.Decimal("0.1"), lambda v: v + 1, float),
    "date": (lambda: dt.date(2020, 1, 1), lambda v: v + DAY, lambda v: v.day),
    "datetime": (lambda: dt.datetime.fromisoformat("2020-01-01T05:07:08.000009"), lambda v: v + DAY, lambda v: v.day),
    "time": (lambda: dt.time(1), lambda v: v.replace(second=v.second + 1), lambda v: v.second),
    "timedelta": (lambda: DAY, lambda v: v + DAY, lambda v: v.days),
    "range": (lambda: range(3), lambda v: range(len(v) + 1), len),
    "slice": (lambda: slice(0, 3), lambda v: slice(None, v.stop + 1), lambda v: v.stop),
    "path": (lambda: pathlib.Path("a"), lambda v: v / "b", lambda v: len(v.parts)),
    "uuid": (lambda: uuid.UUID(int=1), lambda v: uuid.UUID(int=v.int + 1), lambda v: v.int),
    "bytearray": (bytearray, lambda v: v.append(1), len),
    "array": (lambda: array.array("d", [0.0]), lambda v: v.append(2.0), len),
    "set of tuples": (set, lambda v: v.add((len(v), "a")), len),
    "frozenset of tuples": (frozenset, lambda v: v | {(len(v), None)}, len),
    "list of fractions": (list, lambda v: v.append(fractions.Fraction(len(v) + 1, 2)), lambda v: float(sum(v))),
    "chain": (lambda: ChainMap({}, {"n": 5}), lambda v: v.update(n=v["n"] + 1), lambda v: v["n"]),
    "user's dict": (UserDict, lambda v: v.update(n=v.get("n", 0) + 1), lambda v: v["n"]),
    "user's list": (UserList, lambda v: v.append(1), len),
    "masked": (lambda: np.ma.array([1.0, 2.0], mask=[False, True]), lambda v: v + 1, lambda v: float(v.sum())),
    "mask": (
        lambda: np.ma.array(np.ones(30)),
        lambda v: v.__setitem__(v.count() - 1, np.ma.masked),
        lambda v: int(v.count()),
    ),
    "matrix": (lambda: np.ones((2, 2)).view(np.matrix), lambda v: v + 1, lambda v: float(v.sum())),
    "fields": (
        lambda: np.zeros(2, [("n", "i4"), ("x", "f8")]),
        lambda v: v.__setitem__("n", v["n"] + 1),
        lambda v: int(v["n"][0]),
    ),
    "fields by attribute": (
        lambda: np.rec.array([(0, 1.0)], dtype=[("n", "i4"), ("x", "f8")]),
        lambda v: v.n.__iadd__(1) is None or None,
        lambda v: int(v.n[0]),
    ),
    "long double": (lambda: np.zeros(1, np.longdouble), lambda v: v.__setitem__(0, v[0] + 1), lambda v: float(v[0])),
}  # fmt: skip


@pytest.mark.parametrize("name", VALUES)
def test_values_of_other_types_go_on(name, tmp_path):
    make, change, number = VALUES[name]

    class Weighing(train.Callback):
        def __init__(self):
            self.held = make()
            self.shared = [self.held]

        def on_gradients(self, trainer):
            changed = change(self.held)
            if changed is None:
                assert self.shared[0] is self.held
            else:
                self.held = changed
                self.shared = [changed]
            for p in trainer.model.parameters():
                p.grad = p.grad * np.float32(1 + number(self.held) % 7)

    assert_goes_on(lambda: {"callbacks": lambda: [Weighing()]}, tmp_path)


def test_a_value_that_no_file_holds_is_said(tmp_path):
    class Keeps(train.Callback):
        def __init__(self):
            self.began = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)

    with pytest.warns(UserWarning, match=r"callbacks\.Keeps\.0\.began is a datetime of other parts"):
        started(lambda: {"callbacks": lambda: [Keeps()]}, tmp_path)


# -- objects that change places ---------------------------------------------------------------------------


class OwnNet(nn.Module):
    def __init__(self):
        own = np.random.default_rng(0)
        self.layers = [nn.Linear(4, 4, generator=own), nn.Linear(4, 4, generator=own), nn.Tanh(), nn.Tanh()]
        self.last, self.activation = nn.Linear(4, 3, generator=own), np.tanh

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return self.last(self.activation(x))


class Strategy:
    def __init__(self, factor):
        self.factor = factor


class Changing(train.Callback):
    """Changes something as an epoch begins, which is not the first; with ``again``, also when the run goes on."""

    def __init__(self, change, again):
        self.change, self.again = change, again
        self.known = [Strategy(1), Strategy(3)]
        self.strategy = self.known[0]
        self.losses = [nn.CrossEntropyLoss(), nn.CrossEntropyLoss(label_smoothing=0.5)]

    def on_epoch_start(self, trainer):
        if trainer.epoch == 1:
            getattr(self, self.change)(trainer)

    def on_resume(self, trainer):
        if self.again and trainer.step > STEPS_OF_EPOCH:
            getattr(self, self.change)(trainer)

    def on_gradients(self, trainer):
        for p in trainer.model.parameters():
            p.grad = p.grad * np.float32(self.strategy.factor)

    def loss(self, trainer):
        trainer.loss = self.losses[1]

    def strategy_of_known(self, _):
        self.strategy = self.known[1]

    def function(self, trainer):
        trainer.model.activation = np.sin

    def net(self, trainer):
        net = OwnNet()
        net.load_state_dict(trainer.model.state_dict())
        trainer.model = net

    def order(self, trainer):
        layers = trainer.model.layers
        layers[0], layers[1] = layers[1], layers[0]

    def layer_less(self, trainer):
        trainer.model.layers.pop()

    def method(self, trainer):
        trainer.model.layers[2].forward = np.sin


CHANGES = {
    "loss": "another object at callbacks.Changing.0.losses",
    "strategy_of_known": "another object at callbacks.Changing.0.known",
    "function": "the checkpoint has model.activation",
    "net": "another object at optimizer.param_groups.0.last",
    "order": "another object at optimizer.param_groups.0.layers.0",
    "layer_less": "the checkpoint has model.layers",
    "method": "the checkpoint has model.layers.2.forward",
}


@pytest.mark.parametrize("change", CHANGES)
def test_an_object_in_another_place_is_refused_unless_it_is_put_there_again(change, tmp_path):
    def script(folder, again, *more):
        return started(lambda: {"net": OwnNet, "callbacks": lambda: [Changing(change, again)]}, folder, *more)

    whole = script(None, False)
    with pytest.raises(Stop):
        script(tmp_path / "killed", False, Crash(STEPS_OF_EPOCH))
    with pytest.raises(Stop):  # nothing has changed before that
        script(tmp_path / "killed", False, Crash(STEPS_OF_EPOCH + 5))
    with pytest.raises(StateError, match=CHANGES[change].replace(".", r"\.")):
        script(tmp_path / "killed", False)
    if change not in ("net", "order"):  # whose weights are read under other names before
        with pytest.warns(UserWarning, match="again was False, and is True"):
            assert differences(whole, script(tmp_path / "killed", True)) == []


def test_references_that_are_made_on_the_way_are_no_change(tmp_path):
    class Refers(train.Callback):
        def on_epoch_start(self, trainer):
            self.model, self.optimizer, self.loss = trainer.model, trainer.optimizer, trainer.loss
            self.function, self.kind = brighter, Strategy

    assert_goes_on(lambda: {"callbacks": lambda: [Refers()]}, tmp_path)


@pytest.mark.parametrize(
    "make", [lambda: np.random.default_rng(3), lambda: optim.EMA(nn.Linear(1, 1))], ids=["generator", "averages"]
)
def test_an_object_in_the_place_of_none_is_said_to_be_made_on_the_way(make, tmp_path):
    class Late(train.Callback):
        def __init__(self):
            self.held = None

        def on_step(self, trainer):
            self.held = self.held or make()

    def script(*more):
        started(lambda: {"callbacks": lambda: [Late()]}, tmp_path, *more)

    with pytest.warns(UserWarning, match=r"callbacks\.Late\.0\.held.*: made on the way"), pytest.raises(Stop):
        script(Crash(4))
    with pytest.raises(StateError, match=r"callbacks\.Late\.0\.held"):
        script()


@pytest.mark.parametrize(
    ("one", "other"),
    [(np.cos, np.sin), (np.dot, np.matmul), (mg.tanh, mg.sigmoid), (str.upper, str.lower), (len, sum)],
    ids=lambda f: f.__name__,
)
def test_another_function_of_a_library_is_said(one, other, tmp_path):
    def parts(function):
        net = OwnNet()
        net.activation = np.tanh
        net.unused = function
        return {"net": lambda: net}

    with pytest.raises(Stop):
        started(lambda: parts(one), tmp_path, Crash(4))
    with pytest.warns(UserWarning, match=rf"model\.unused was .*{one.__name__}, and is .*{other.__name__}"):
        started(lambda: parts(other), tmp_path)
