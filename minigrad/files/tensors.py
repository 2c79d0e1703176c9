"""Named arrays and text as the bytes of a safetensors file, with a checksum, and back.

The ``safetensors`` library writes and reads the format and refuses holes, overlaps and wrong sizes. It notices
no flipped bit and accepts a name that comes twice; both are checked here, before and after it has read.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import math
from collections.abc import Mapping
from types import ModuleType
from typing import Any, BinaryIO

import numpy as np

from minigrad.files.tree import MalformedError, is_name, without_duplicates

HEADER_LIMIT = 100_000_000  # bytes: the library's own limit
VERSION = "1"
STATE, DIGEST, FORMAT = "minigrad.state", "minigrad.sha256", "minigrad.format"
_ITEMSIZES = {
    "BOOL": 1, "I8": 1, "U8": 1, "I16": 2, "U16": 2, "F16": 2, "I32": 4, "U32": 4, "F32": 4,
    "I64": 8, "U64": 8, "F64": 8, "C64": 8,
}  # fmt: skip


def as_bytes(text: str, arrays: Mapping[str, np.ndarray]) -> bytes:
    """The whole file. Raises ``MalformedError`` where text and names are longer than a header may be."""
    library, _ = _library()
    metadata = {FORMAT: VERSION, STATE: text, DIGEST: _digest(text, arrays)}
    data: bytes = library.save(dict(arrays), metadata)
    if int.from_bytes(data[:8], "little") > HEADER_LIMIT:
        raise MalformedError(
            f"names, plain values and lists take more than {HEADER_LIMIT:,} bytes; make arrays of long lists of numbers"
        )
    return data


def from_file(file: BinaryIO, size: int) -> tuple[str, dict[str, np.ndarray]]:
    """(text, arrays) of an open file of ``size`` bytes.

    Raises ``MalformedError`` for whatever ``as_bytes`` has not written, before memory is taken for it.
    """
    library, damaged = _library()
    header, length = _header(file, size)
    metadata = _metadata(header)
    _check_entries(header, size - 8 - length)
    file.seek(0)
    try:
        data = file.read()
        arrays = {name: _owned(array) for name, array in library.load(data).items()}
    except damaged as error:
        raise MalformedError(f"its header is damaged ({error})") from error
    if _digest(metadata[STATE], arrays) != metadata[DIGEST]:
        raise MalformedError("its content does not match its checksum: bytes of it have changed since it was saved")
    return metadata[STATE], arrays


def _library() -> tuple[ModuleType, type[Exception]]:
    """The library, and what it raises for a file that it refuses."""
    try:
        return importlib.import_module("safetensors.numpy"), importlib.import_module("safetensors").SafetensorError
    except ImportError as error:
        raise ImportError("files are written and read by the package safetensors: pip install safetensors") from error


def _digest(text: str, arrays: Mapping[str, np.ndarray]) -> str:
    """SHA-256 of all that the file says: names, dtypes, shapes, text, and every byte of the arrays."""
    names = sorted(arrays)
    described = [VERSION, text, [[name, arrays[name].dtype.name, arrays[name].shape] for name in names]]
    digest = hashlib.sha256(json.dumps(described).encode())
    for name in names:
        little = arrays[name].astype(arrays[name].dtype.newbyteorder("<"), copy=False)
        digest.update(np.ascontiguousarray(little).reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def _owned(array: np.ndarray) -> np.ndarray:
    """An array that may be written to; the library's can be a view of the bytes that were read."""
    return array if array.flags.writeable else array.copy()


# -- the header ---------------------------------------------------------------------------------


def _header(file: BinaryIO, size: int) -> tuple[dict[str, Any], int]:
    """The parsed header, a JSON object in which no name comes twice, and its length."""
    start = file.read(8)
    if not start:
        raise MalformedError("it is empty")
    kind = _other_kind(start)
    length = int.from_bytes(start, "little")
    if len(start) < 8 or length > min(HEADER_LIMIT, size - 8):
        raise MalformedError(kind or f"its header claims {length:,} bytes, and the file has {size:,}")
    try:
        header = json.loads(file.read(length).decode(), object_pairs_hook=without_duplicates)
    except MalformedError:
        raise
    except (ValueError, RecursionError) as error:
        raise MalformedError(kind or "its header is damaged") from error
    if not isinstance(header, dict):
        raise MalformedError("its header is damaged")
    return header, length


def _other_kind(start: bytes) -> str:
    """What else a file that begins like this may be."""
    if start[:4] == b"PK\x03\x04":
        return "it is a zip archive, as .npz and PyTorch's files are; np.load reads an .npz"
    if start[:6] == b"\x93NUMPY":
        return "it is a .npy file; np.load reads it"
    if start[:1] == b"\x80" and start[1:2] in b"\x02\x03\x04\x05":
        return "it is a pickle, which is never loaded: it could run any code"
    return ""


def _metadata(header: dict[str, Any]) -> dict[str, str]:
    metadata = header.pop("__metadata__", None)
    if not isinstance(metadata, dict) or not {FORMAT, STATE, DIGEST} <= metadata.keys():
        raise MalformedError(
            "it has no checksum of minigrad's; safetensors.numpy.load_file reads files of other programs"
        )
    if metadata.keys() != {FORMAT, STATE, DIGEST} or not all(isinstance(text, str) for text in metadata.values()):
        raise MalformedError("its header is damaged")
    if metadata[FORMAT] != VERSION:
        raise MalformedError(f"it has the format {metadata[FORMAT]!r}, and this version of minigrad reads {VERSION!r}")
    return metadata


def _check_entries(header: dict[str, Any], size: int) -> None:
    """Check that names, dtypes and shapes are what they can be, and that the file is as long as they say.

    Whether the offsets leave holes or overlap is checked by the library.
    """
    total = 0
    for name, entry in header.items():
        if not is_name(name):
            raise MalformedError(f"{name!r} is not a name that it can have given to an array")
        if not isinstance(entry, dict) or entry.keys() != {"dtype", "shape", "data_offsets"}:
            raise MalformedError(f"its header is damaged at {name!r}")
        shape, offsets, dtype = entry["shape"], entry["data_offsets"], entry["dtype"]
        itemsize = _ITEMSIZES.get(dtype) if isinstance(dtype, str) else None
        if not _are_sizes(shape) or not _are_sizes(offsets) or len(offsets) != 2 or itemsize is None:
            raise MalformedError(f"its header is damaged at {name!r}")
        length = math.prod(shape) * itemsize
        if offsets[1] - offsets[0] != length:
            raise MalformedError(f"{name!r} has the shape {shape}, which takes {length:,} bytes, not those it claims")
        total += length
    if total > size:
        raise MalformedError(f"it was cut off: its arrays take {total:,} bytes, and {size:,} are there")
    if total < size:
        raise MalformedError(f"it has {size - total:,} bytes more than its header claims")


def _are_sizes(values: Any) -> bool:
    return isinstance(values, list) and len(values) <= 64 and all(type(n) is int and 0 <= n < 2**63 for n in values)
