"""``mg.save`` and ``mg.load``: exact, and plain about what cannot be saved or loaded."""

import errno
import importlib
import os
import subprocess
import sys
import tempfile
from collections import OrderedDict, defaultdict, namedtuple
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given

import minigrad as mg
from minigrad.errors import DTypeError, FileError
from minigrad.files import tensors
from tests.files.states import DTYPES, same, states, training_state

safetensors = pytest.importorskip("safetensors.numpy", reason="safetensors is not installed")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "state.safetensors"


def round_trip(path, state):
    mg.save(path, state)
    return mg.load(path)


class TestRoundTrip:
    @given(states())
    def test_of_any_state_is_exact(self, tmp_path_factory, state):
        path = tmp_path_factory.getbasetemp() / "any.safetensors"
        assert same(round_trip(path, state), state)

    def test_of_a_training_state(self, path):
        loaded = round_trip(path, training_state())
        assert same(loaded, training_state())
        loaded["model"]["hidden.bias"] += 1  # it owns its memory

    @pytest.mark.parametrize("dtype", DTYPES)
    @pytest.mark.parametrize("shape", [(), (0,), (2, 0, 3), (3, 4)])
    def test_every_dtype(self, path, dtype, shape):
        array = np.ones(shape, dtype)
        loaded = round_trip(path, {"a": array})["a"]
        assert same(loaded, array)
        assert loaded.flags.writeable

    def test_memory_order_of_matrices_is_kept(self, path):
        array = np.asfortranarray(np.arange(12.0).reshape(3, 4))
        assert same(round_trip(path, [array, array.T]), [array, array.T])

    def test_views_and_other_byte_orders_become_plain_arrays_of_the_same_values(self, path):
        array = np.arange(24, dtype=">i4").reshape(4, 6)[::-2, 1::3]
        loaded = round_trip(path, array)
        assert (loaded == array).all()
        assert loaded.dtype == np.int32
        assert loaded.flags.c_contiguous

    def test_what_comes_back_as_something_plainer(self, path):
        pair = namedtuple("pair", "a b")(1, 2)
        default = defaultdict(list, {"a": [1]})
        tensor = mg.tensor([1.0, 2.0], requires_grad=True)
        loaded = round_trip(path, [OrderedDict(a=1), default, pair, tensor, mg.nn.Linear(2, 1).state_dict()])
        assert same(loaded[:3], [{"a": 1}, {"a": [1]}, (1, 2)])
        assert same(loaded[3], np.array([1, 2], np.float32))
        assert [*loaded[4]] == ["weight", "bias"]

    @pytest.mark.parametrize(
        "state",
        [
            {"a.b": np.zeros(1), "a": {"b": np.ones(1)}},
            {"a-2": np.zeros(1), "a": [np.ones(1)], "a.0": np.full(1, 2.0), "a.0-2": np.full(1, 3.0)},
            {"__metadata__": np.zeros(1)},
            {"": np.zeros(1), "/": np.ones(1), "\\": np.full(1, 2.0), "\ud800\x00": np.full(1, 3.0)},
            {"n" * 1000 + "1": np.zeros(1), "n" * 1000 + "2": np.ones(1)},
            {1: np.zeros(1), "1": np.ones(1), (1,): np.full(1, 2.0), None: np.full(1, 3.0)},
            {"array": "x", "dict": [["a", 1]], "float": "inf"},
            [],
            {},
            None,
            np.zeros(3),
            10**5000,
        ],
        ids=lambda state: type(state).__name__,
    )
    def test_names_never_get_mixed_up(self, path, state):
        assert same(round_trip(path, state), state)

    def test_arrays_have_the_names_that_other_programs_expect(self, path):
        model = mg.nn.Sequential(mg.nn.Linear(2, 3), mg.nn.Linear(3, 1))
        mg.save(path, model.state_dict())
        read = safetensors.load_file(path)
        assert read.keys() == model.state_dict().keys()
        assert all((read[name] == value).all() for name, value in model.state_dict().items())

    def test_import_minigrad_needs_numpy_only(self):
        code = "import sys, minigrad; print({'safetensors', 'pandas', 'minigrad.files'} & {*sys.modules})"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert done.stdout == "set()\n"


class TestRefusals:
    @pytest.mark.parametrize(
        ("value", "words"),
        [
            (lambda: 1, "got function"),
            (object(), "got object"),
            ({1, 2}, "got set"),
            (b"bytes", "got bytes"),
            (1j, "got complex"),
            (Path("a"), "PosixPath" if os.name == "posix" else "Path"),
            (np.array(["a"]), r"no str32; save its \.tolist\(\)"),
            (np.array([None]), r"no object; save its \.tolist\(\)"),
            (np.zeros(2, np.clongdouble), r"no complex256; save its \.real and \.imag"),
            (np.zeros(2, np.longdouble), "as numbers"),
            (np.zeros(2, "M8[s]"), "datetime64"),
            (np.zeros(2, "f4,i4"), "void64"),
            (np.ma.masked_array([1.0], [True]), "MaskedArray"),
            ({object(): 1}, "a key of .* got object"),
            ({(1, object()): 1}, "a key of .* got object"),
        ],
        ids=lambda value: type(value).__name__,
    )
    def test_what_cannot_be_saved_is_named_with_its_place(self, path, value, words):
        mg.save(path, "before")
        with pytest.raises(DTypeError, match=words) as caught:
            mg.save(path, {"model": [1, value]})
        assert "state['model'][1]" in str(caught.value)
        assert mg.load(path) == "before"

    def test_a_state_that_contains_itself(self, path):
        state = {}
        state["again"] = [state]
        with pytest.raises(DTypeError, match=r"state\['again'\]\[0\]\['again'\]\.\.\. .*contain itself"):
            mg.save(path, state)

    def test_arguments_the_other_way_round(self, path):
        with pytest.raises(DTypeError, match=r"save\(path, state\): expected a path .* got dict"):
            mg.save({"a": 1}, path)
        with pytest.raises(DTypeError, match="expected a path"):
            mg.load("")
        with pytest.raises(DTypeError, match="expected a path"):
            mg.load(3)
        with pytest.raises(DTypeError, match=r"expected a path.*x\\x00"):
            mg.load("x\0")

    def test_more_text_than_a_header_may_have(self, path, monkeypatch):
        monkeypatch.setattr(tensors, "HEADER_LIMIT", 10_000)
        with pytest.raises(FileError, match=r"more than 10,000 bytes; make arrays"):
            mg.save(path, list(range(5000)))
        assert not path.exists()


class TestSystem:
    def test_missing(self, path):
        with pytest.raises(FileError, match="no such file") as caught:
            mg.load(path)
        assert caught.value.errno == errno.ENOENT
        assert isinstance(caught.value, OSError)

    def test_a_folder(self, tmp_path):
        with pytest.raises(FileError, match="a folder"):
            mg.load(tmp_path)
        with pytest.raises(FileError, match="a folder or a device"):
            mg.save(tmp_path, {})

    def test_a_name_that_is_too_long(self, tmp_path):
        for call in (mg.load, lambda path: mg.save(path, {})):
            with pytest.raises(FileError, match="name too long"):
                call(tmp_path / ("n" * 1000))

    def test_no_folder(self, tmp_path):
        with pytest.raises(FileError, match="was not saved: no such file"):
            mg.save(tmp_path / "none" / "state", {})

    @pytest.mark.skipif(os.name != "posix", reason="there are no pipes in folders")
    def test_devices_and_pipes_are_neither_read_nor_replaced(self, tmp_path):
        os.mkfifo(tmp_path / "pipe")
        for special in (tmp_path / "pipe", Path("/dev/null")):
            with pytest.raises(FileError, match="a device or a pipe"):
                mg.load(special)
            with pytest.raises(FileError, match="a folder or a device"):
                mg.save(special, {})

    @pytest.mark.skipif(not hasattr(os, "geteuid"), reason="permissions are another thing there")
    def test_no_permission(self):
        nobody = 65534
        is_superuser = os.geteuid() == 0  # who may do everything, and becomes somebody else for a moment
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            path = folder / "state.safetensors"
            mg.save(path, "before")
            path.chmod(0)
            if is_superuser:
                os.chown(folder, nobody, nobody)
                os.chown(path, nobody, nobody)
                os.seteuid(nobody)
            try:
                with pytest.raises(FileError, match="cannot be loaded: permission denied"):
                    mg.load(path)
                folder.chmod(0o500)
                with pytest.raises(FileError, match="was not saved: permission denied"):
                    mg.save(path, "after")
                folder.chmod(0)
                for call in (mg.load, lambda path: mg.save(path, {})):
                    with pytest.raises(FileError, match="permission denied"):
                        call(path)
            finally:
                if is_superuser:
                    os.seteuid(0)
                folder.chmod(0o700)
                path.chmod(0o600)
            assert mg.load(path) == "before"


def test_mg_has_them_on_demand():
    assert {"save", "load", "files", "data"} <= {*dir(mg)}
    assert mg.save is importlib.import_module("minigrad.files").save
    with pytest.raises(AttributeError, match="no attribute 'sav'"):
        mg.sav  # noqa: B018


@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
def test_complex_numbers_come_back_to_the_bit(tmp_path, dtype):
    z = (np.arange(6.0) - 2j).reshape(2, 3).astype(dtype)
    z[0, 0] = complex(-0.0, np.nan)
    state = {"c": z, "fortran": np.asfortranarray(z), "view": z[:, ::2], "0-d": np.array(z[1, 1]), "number": z[1, 1],
             "empty": z[:0], "row": z[0]}  # fmt: skip
    mg.save(tmp_path / "a", state)
    found = mg.load(tmp_path / "a")
    for name, value in state.items():
        assert type(found[name]) is type(value)
        assert found[name].dtype == dtype
        assert found[name].shape == value.shape
        assert found[name].tobytes() == value.tobytes()
    assert found["fortran"].flags.f_contiguous
