"""Files that are damaged, forged or something else: a clear error, no crash, no other state than was saved."""

import json
import os
import pickle
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import minigrad as mg
from minigrad.errors import FileError
from minigrad.files import tensors, tree
from tests.files.damage import DAMAGES, READERS, outcome, run
from tests.files.states import same, states, training_state

EXAMPLES = max(settings().max_examples, 100)  # a file is read in less than a millisecond


@pytest.fixture
def path(tmp_path):
    return tmp_path / "state.safetensors"


def as_bytes(text, arrays):
    return b"".join(tensors.tensor_file(text, arrays))


def with_header(text, data=b"", length=None):
    raw = text.encode() if isinstance(text, str) else text
    return struct.pack("<Q", len(raw) if length is None else length) + raw + data


META = '"__metadata__": {"minigrad.format": "1", "minigrad.state": "null", "minigrad.sha256": ""}'
F32 = '"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}'


def with_entry(old, new, data=bytes(4)):
    """A file of one array, with a part of its entry in the header replaced."""
    return with_header(f"{{{META}, {F32.replace(old, new, 1)}}}", data)


FILES = {
    "empty": (b"", "it is empty"),
    "short": (b"\x01\x02", "its header claims 513 bytes, and the file has 2"),
    "a header of terabytes": (with_header("{}", length=2**42), "claims 4,398,046,511,104 bytes"),
    "the largest header": (with_header("{}", length=2**64 - 1), "claims 18,446,744,073,709,551,615 bytes"),
    "a pickle": (pickle.dumps({"a": 1}), "a pickle, which is never loaded"),
    "a zip archive": (b"PK\x03\x04" + bytes(100), "np.load reads an .npz"),
    "an array": (b"\x93NUMPY\x01\x00" + bytes(100), "a .npy file"),
    "text": (b"hello, world, how are you?", "claims"),
    "no JSON": (with_header("{{}}"), "header is damaged"),
    "no UTF-8": (with_header(b"\xff\xfe\xfa"), "header is damaged"),
    "a list": (with_header("[1]"), "header is damaged"),
    "deep": (with_header("[" * 100_000), "header is damaged"),
    "many digits": (with_header('{"a": ' + "9" * 10_000 + "}"), "header is damaged"),
    "a name twice": (with_header(f"{{{META}, {F32}, {F32}}}", bytes(4)), "occurs twice"),
    "of another program": (with_header(f"{{{F32}}}", bytes(4)), "safetensors.numpy.load_file reads"),
    "odd metadata": (with_header('{"__metadata__": [1]}'), "no checksum"),
    "more metadata": (with_header("{" + META[:-1] + ', "x": "y"}}'), "header is damaged"),
    "numbers as metadata": (with_header("{" + META.replace('"null"', "0") + "}"), "header is damaged"),
    "of a later version": (with_header("{" + META.replace('"1"', '"2"') + "}"), "the format '2'"),
    "a wrong checksum": (with_header(f"{{{META}}}"), "does not match its checksum"),
    "bytes missing": (with_header(f"{{{META}, {F32}}}", bytes(3)), "cut off"),
    "bytes left over": (with_header(f"{{{META}}}", bytes(3)), "3 bytes more than its header claims"),
    "an escaping name": (with_entry('"a"', '"../a"'), "'../a' is not a name"),
    "no entry": (with_header(f'{{{META}, "a": 3}}'), "damaged at 'a'"),
    "a surplus key": (with_entry("}", ', "x": 1}'), "damaged at 'a'"),
    "an unknown dtype": (with_entry("F32", "O"), "damaged at 'a'"),
    "a dtype that is a list": (with_entry('"F32"', "[]"), "damaged at 'a'"),
    "a negative size": (with_entry("[1]", "[-1]"), "damaged at 'a'"),
    "another shape": (with_entry("[1]", "[2]"), r"\[2\], which takes 8 bytes"),
    "a shape of exabytes": (with_entry("[1]", "[4611686018427387904, 4]"), "takes"),
    "a hole": (with_entry("[0, 4]", "[4, 8]"), "header is damaged"),
}  # fmt: skip


class TestDamage:
    @pytest.mark.parametrize("kind", FILES)
    def test_each_kind_is_told(self, path, kind):
        data, words = FILES[kind]
        path.write_bytes(data)
        with pytest.raises(FileError, match=words) as caught:
            mg.load(path)
        assert str(path) in str(caught.value)
        assert path.read_bytes() == data

    def test_a_pickle_in_disguise_runs_nothing(self, path):
        class Evil:
            def __reduce__(self):
                return (os.mkdir, (str(path.parent / "evil"),))

        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            path.write_bytes(pickle.dumps({"a": Evil()}, protocol))
            with pytest.raises(FileError):
                mg.load(path)
        assert not (path.parent / "evil").exists()

    def test_every_single_byte_counts(self, path):
        state = {"weights": np.arange(3, dtype=np.float32), "step": 3}
        mg.save(path, state)
        good = path.read_bytes()
        for at in range(len(good)):
            path.write_bytes(good[:at] + bytes([good[at] ^ 0x20]) + good[at + 1 :])
            try:
                loaded = mg.load(path)
            except FileError:
                continue
            assert same(loaded, state)

    def test_every_length_counts(self, path):
        mg.save(path, {"weights": np.arange(3, dtype=np.float32)})
        good = path.read_bytes()
        for length in range(len(good)):
            path.write_bytes(good[:length])
            with pytest.raises(FileError):
                mg.load(path)

    def test_a_file_larger_than_memory(self, path, monkeypatch):
        mg.save(path, {})

        def full(*_, **__):
            raise MemoryError

        monkeypatch.setattr(tensors.json, "loads", full)
        with pytest.raises(FileError, match="does not fit into memory"):
            mg.load(path)

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "[",
            '{"a": 1, "a": 2}',
            '{"a": 1}',
            "{}",
            '{"array": "missing"}',
            '{"array": 3}',
            '{"scalar": "a"}',
            '[{"array": "a"}, {"array": "a"}]',
            "[]",
            '{"int": "12"}',
            '{"float": "1.5"}',
            '{"dict": [1]}',
            '{"dict": [["a"]]}',
            '{"dict": [[[], 1]]}',
            '{"dict": [["k", 1], ["k", 2]]}',
            '{"dict": [[{"array": "a"}, 1]]}',
            '{"tuple": 3}',
            "[" * 70 + "]" * 70,
            "[" * 100_000,
            "9" * 5000,
        ],
    )
    def test_a_description_that_is_forged_with_its_checksum(self, path, text):
        path.write_bytes(as_bytes(text, {"a": np.zeros(2)}))
        with pytest.raises(FileError, match="cannot be loaded"):
            mg.load(path)


GOOD = as_bytes(*tree.taken_apart(training_state()))
TAGS = st.sampled_from(["dict", "tuple", "int", "float", "array", "fortran", "scalar", "x"])
LEAVES = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.sampled_from(["a", "b", "0x1f", "inf"]))
TREES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TAGS, inner, max_size=2))


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    return tmp_path_factory.mktemp("fuzz") / "state.safetensors"


class TestFuzz:
    @pytest.mark.parametrize("kind", DAMAGES)
    @settings(max_examples=EXAMPLES)
    @given(seed=st.integers(0, 2**64 - 1))
    def test_damage_is_refused_or_says_the_same(self, shared, kind, seed):
        shared.write_bytes(DAMAGES[kind](GOOD, np.random.default_rng(seed)))
        assert outcome(shared, training_state()) in {"refused", "equal"}

    @settings(max_examples=EXAMPLES)
    @given(state=states(), data=st.data())
    def test_one_byte_of_any_state(self, shared, state, data):
        good = as_bytes(*tree.taken_apart(state))
        at, other = data.draw(st.integers(0, len(good) - 1)), data.draw(st.integers(0, 255))
        shared.write_bytes(good[:at] + bytes([other]) + good[at + 1 :])
        assert outcome(shared, state) in {"refused", "equal"}

    @settings(max_examples=EXAMPLES)
    @given(st.binary(max_size=200), st.booleans())
    def test_any_bytes_at_all(self, shared, data, framed):
        shared.write_bytes(struct.pack("<Q", len(data)) + data if framed else data)
        with pytest.raises(FileError):
            mg.load(shared)

    @settings(max_examples=EXAMPLES)
    @given(TREES)
    def test_any_description_with_its_right_checksum(self, shared, description):
        arrays = {"a": np.array(1.5), "b": np.arange(6.0).reshape(2, 3)}
        text = json.dumps([description, {"array": "a"}, {"array": "b"}])
        shared.write_bytes(as_bytes(text, arrays))
        try:
            loaded = mg.load(shared)
        except FileError:
            return
        assert same(loaded[1:], [*arrays.values()])

    @pytest.mark.parametrize("reader", READERS)
    def test_each_reader_refuses_what_is_damaged(self, reader, capsys):
        assert run(reader, 260, seed=7) == 0
        assert "260 damaged files: 0 crashes" in capsys.readouterr().out
