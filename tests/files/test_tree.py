"""A state taken apart, and what its description may not say."""

import json

import numpy as np
import pytest

import minigrad as mg
from minigrad.errors import DTypeError
from minigrad.files import tensors, tree
from tests.files.states import same
from tests.files.test_crafted import refused, with_state


@pytest.fixture
def path(tmp_path):
    return tmp_path / "state.safetensors"


BIG = 2**61 - 1  # hash(n) is n modulo this number


KEYS = {
    "ints": [{"int": hex(BIG * n)} for n in range(1, 20_001)],
    "negative": [{"int": hex(-BIG * n - 7)} for n in range(1, 20_001)],
    "floats and ints": [{"int": hex(BIG * n + 5)} for n in range(1, 3000)] + [5, 5.0],
    "tuples": [{"tuple": [{"int": hex(BIG * n)}, 1]} for n in range(1, 20_001)],
}


@pytest.mark.parametrize("kind", KEYS)
@pytest.mark.parametrize("inside", [False, True])
def test_keys_of_one_hash(path, kind, inside):
    text = json.dumps({"dict": [[key, None] for key in KEYS[kind]]})
    path.write_bytes(with_state(f"[1, {text}]" if inside else text))
    refused(path, "keys that are made to be found slowly")


def test_keys_of_one_hash_are_not_saved(path):
    with pytest.raises(DTypeError, match=r"state\['a'\] cannot be saved: more than 16 of its keys have one hash"):
        mg.save(path, {"a": {BIG * n: n for n in range(1, 30)}})
    state = {BIG * n: n for n in range(1, 10)} | {-1: 1, -2: 2, 2.5: 3} | {n: n for n in range(1000)}
    mg.save(path, state)
    assert same(mg.load(path), state)


@pytest.mark.parametrize(
    "keys",
    [["a", "a"], [1, 1.0], [True, 1], [{"tuple": [1, "a"]}, {"tuple": [1, "a"]}]],
    ids=["str", "int", "bool", "tuple"],
)
def test_a_key_that_occurs_twice(path, keys):
    """The later one would take the place of the first without a word."""
    path.write_bytes(with_state(json.dumps({"dict": [[key, number] for number, key in enumerate(keys)]})))
    refused(path, "a key occurs twice")


def test_arrays_that_the_description_does_not_mention():
    with pytest.raises(tensors.MalformedError, match="arrays that its description does not mention: 'b'"):
        tree.put_together('{"array": "a"}', {name: lambda _: np.zeros(1) for name in "ab"})
