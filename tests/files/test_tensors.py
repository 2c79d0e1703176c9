"""The file itself: header, pieces and checksum."""

import hashlib
import json
import struct
from io import BytesIO

import numpy as np
import pytest

import minigrad as mg
from minigrad.errors import FileError
from minigrad.files import saving, tensors
from tests.files.states import same


@pytest.fixture
def path(tmp_path):
    return tmp_path / "state.safetensors"


def test_the_checksum_is_what_it_was():
    """Files of before are read: SHA-256 of one JSON text and of the arrays in the order of their names."""
    arrays = {"b": np.arange(3.0), "a": np.float32([[1, 2], [3, 4]]).T, "c": np.zeros((0, 2), "i2"), "d": np.array(5)}
    for text in ("null", '"\\u00e9"', 'x"\\\n' * 400_000, "é\N{GRINNING FACE}"):
        described = ["1", text, [[name, arrays[name].dtype.name, arrays[name].shape] for name in sorted(arrays)]]
        digest = hashlib.sha256(json.dumps(described).encode())
        for name in sorted(arrays):
            digest.update(np.ascontiguousarray(arrays[name]).tobytes())
        assert tensors.checksum(text, arrays) == digest.hexdigest()


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["<f4", ">f8", "bool", "c8", "<i2"])
def test_pieces_of_any_size(monkeypatch, path, order, dtype):
    array = (np.arange(7 * 5 * 6) % 3).reshape(7, 5, 6).astype(dtype).copy(order=order)
    for piece in (1, 8, 30, 64, 10_000):
        monkeypatch.setattr(tensors, "_PIECE", piece)
        for view in (array, array[::2], array[:, ::-1], array[0], array[:0], array[1, 2, 3:4], array[1, 2, 3]):
            assert (
                b"".join(map(bytes, tensors._pieces(np.asarray(view))))
                == view.astype(array.dtype.newbyteorder("<")).tobytes()
            )
            saving.save(path, [view])
            assert (saving.load(path)[0] == view).all()


def test_the_library_reads_what_is_written(path):
    library = pytest.importorskip("safetensors.numpy", reason="safetensors is not installed")
    arrays = {
        "épreuve": np.zeros((2, 3), "f4"),
        "b": np.arange(5, dtype="i2"),
        "c": np.array(True),
        "d": np.zeros((0, 4)),
    }
    mg.save(path, arrays)
    read = library.load_file(path)
    assert {name: array.tobytes() for name, array in read.items()} == {k: v.tobytes() for k, v in arrays.items()}
    assert {name: (array.dtype, array.shape) for name, array in read.items()} == {
        name: (array.dtype, array.shape) for name, array in arrays.items()
    }
    text, named = saving.taken_apart(arrays)
    metadata = {tensors.FORMAT: "1", tensors.STATE: text, tensors.DIGEST: tensors.checksum(text, named)}
    path.write_bytes(library.save(named, metadata))
    assert same(mg.load(path), arrays)


def test_a_header_is_at_most_so_long_however_large_the_file_is(path, monkeypatch):
    mg.save(path, {"w": np.zeros(10_000)})
    length = struct.unpack("<Q", path.read_bytes()[:8])[0]
    monkeypatch.setattr(tensors, "HEADER_LIMIT", length)
    assert same(mg.load(path), {"w": np.zeros(10_000)})
    monkeypatch.setattr(tensors, "HEADER_LIMIT", length - 1)
    with pytest.raises(FileError, match=f"its header claims {length:,} bytes"):
        mg.load(path)


@pytest.mark.parametrize("there", [0, 7, 8, 15])
def test_a_file_that_is_cut_off_while_it_is_read(there):
    """Its size was right when its header was read."""
    with pytest.raises(tensors.MalformedError, match="it was cut off"):
        tensors.fill(BytesIO(bytes(there)), np.dtype("<f8"), np.empty(2))
