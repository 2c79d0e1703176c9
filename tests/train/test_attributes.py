"""Values in attributes: what a checkpoint holds of them, and putting them back."""

from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from enum import Enum

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, train
from minigrad.train import attributes
from tests.train.designs import model, trainer_of
from tests.train.runs import Stop, X, Y

pytest.importorskip("safetensors", reason="checkpoints need safetensors (pip install safetensors)")


class Phase(Enum):
    WARM = 1
    COLD = 2


Best = namedtuple("Best", ["loss", "step"])


TREES = {
    "numbers": [True, 3, 2**80, 0.1, float("nan"), 1 - 2j, "ä", b"\x00a", None],
    "arrays": [np.arange(6).reshape(2, 3).T, np.zeros(0, np.float64), np.float16(3), np.array(["a", "bc"]),
               np.array([1j]),
               np.datetime64("2020-01-01"), np.arange(3, dtype=">i4")],
    "containers": {1: [1, (2, [3])], "a": {4, 5}, (1, "b"): frozenset({"x"}), None: deque([1, 2], maxlen=3)},
    "of collections": [Counter("abca"), OrderedDict(b=1, a=2), defaultdict(list, {"k": [1]}), {"n": defaultdict(int)}],
    "tensors": [mg.tensor([1.0, 2.0]), {"p": nn.Parameter(np.ones(2, np.float32))}],
    "enum": Phase.COLD,
    "named": Best(0.5, 3),
}  # fmt: skip


@pytest.mark.parametrize("name", TREES)
def test_values_come_back_from_a_file_as_they_were(name, tmp_path):
    value = TREES[name]
    mg.save(tmp_path / "value", {"value": attributes.packed(value)})
    back = attributes.unpacked(
        mg.load(tmp_path / "value")["value"], {"enum": Phase.WARM, "named": Best(1.0, 0)}.get(name)
    )
    assert repr(attributes.frozen(back)) == repr(attributes.frozen(value))
    assert type(back) is type(value)


def test_values_are_put_back_into_the_objects_that_are_there():
    held = {
        "list": [1, 2],
        "array": np.zeros(3, np.float64),
        "deque": deque([1], maxlen=2),
        "dict": {"a": [0]},
        "tensor": mg.zeros(2),
    }
    before = {name: id(value) for name, value in held.items()} | {"inner": id(held["dict"]["a"])}
    now = {
        "list": [5],
        "array": np.arange(3.0),
        "deque": deque([7, 8], maxlen=2),
        "dict": {"a": [9], "b": 1},
        "tensor": mg.ones(2),
    }
    back = attributes.unpacked(attributes.packed(now), held)
    assert back is held
    assert attributes.frozen(back) == attributes.frozen(now)
    assert {name: id(value) for name, value in held.items()} | {"inner": id(held["dict"]["a"])} == before


@pytest.mark.parametrize(
    "value",
    [object(), [object()], {object(): 1}, np.array([None]), np.array, [[object()]]],
    ids=["object", "list", "key", "array", "function", "nested"],  # workers agree on names without addresses
)
def test_what_is_no_value_is_not_taken_for_one(value):
    with pytest.raises(attributes.NoTreeError):
        attributes.frozen(value)


def test_containers_that_contain_themselves_and_are_deep_or_long(tmp_path):
    def script():
        net = model()
        net.config = {"rate": 0.1}
        net.config["itself"] = [net.config, net]
        net.words = {f"word {i}": i for i in range(20_000)}
        deep = net.deep = []
        for _ in range(60):
            deep.append([])
            deep = deep[0]
        deep.append(1.0)
        trainer = trainer_of(net)
        trainer.resume(tmp_path)
        trainer.fit((X, Y), 3, None, [Change()], tmp_path, "none", checkpoint_every=1)
        return net

    class Change(train.Callback):
        def on_step(self, trainer):
            trainer.model.config["rate"] += 1.0
            trainer.model.words[f"step {trainer.step}"] = -trainer.step
            if trainer.step == 2 and crash:
                raise Stop

    crash = True
    with pytest.raises(Stop):
        script()
    crash = False
    net = script()
    assert net.config["rate"] == pytest.approx(3.1)
    assert net.config["itself"][0] is net.config
    assert list(net.words)[-3:] == ["step 1", "step 2", "step 3"]
