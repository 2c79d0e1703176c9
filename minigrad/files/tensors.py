"""Named arrays and text as a safetensors file, with a checksum, and back: the one writer, and the one reader.

The format is eight bytes of length, a header of JSON, and the bytes of the arrays without a gap. Our own are the
text, and SHA-256 over the whole contents, in the header's metadata. Arrays are written and read piece by piece, so
neither takes a second copy of them. Exported programs carry this text along: it needs NumPy and nothing else.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

HEADER_LIMIT = 100_000_000  # bytes: the limit of other programs that read the format
OBJECTS_LIMIT = 64 << 20  # bytes of Python objects that a header may become, or half of a longer file
VERSION = "1"
#: Put together, since exported programs, which carry this text along, mention no package that they do not need.
_OURS = "mini" + "grad."
STATE, DIGEST, FORMAT = f"{_OURS}state", f"{_OURS}sha256", f"{_OURS}format"
DTYPES = {
    "BOOL": "bool",
    "I8": "int8",
    "U8": "uint8",
    "I16": "int16",
    "U16": "uint16",
    "F16": "float16",
    "I32": "int32",
    "U32": "uint32",
    "F32": "float32",
    "I64": "int64",
    "U64": "uint64",
    "F64": "float64",
    "C64": "complex64",
}
_PIECE = 1 << 20


class MalformedError(ValueError):
    """A file that is not what it should be; the caller names it."""


class Entry(NamedTuple):
    """An array in a file."""

    dtype: Any
    shape: tuple[int, ...]
    start: int  # in the file


class Header(NamedTuple):
    """The contents of a header: a text and its checksum (None in files of other programs), and the arrays."""

    text: str | None
    digest: str
    entries: dict[str, Entry]


# -- writing ------------------------------------------------------------------------------------


def tensor_file(text: str, arrays: Mapping[str, Any]) -> Iterator[Any]:
    """The bytes of the file, piece by piece. Raises ``MalformedError`` where the header is longer than it may be."""
    codes = {name: code for code, name in DTYPES.items()}
    names = sorted(arrays, key=lambda name: (-arrays[name].dtype.itemsize, name))  # each at a multiple of its itemsize
    end = 0
    header: dict[str, Any] = {"__metadata__": {FORMAT: VERSION, STATE: text, DIGEST: checksum(text, arrays)}}
    for name in names:
        array = arrays[name]
        header[name] = {
            "dtype": codes[array.dtype.name],
            "shape": list(array.shape),
            "data_offsets": [end, end := end + array.nbytes],
        }
    raw = json.dumps(header, separators=(",", ":")).encode()
    raw += b" " * (-len(raw) % 8)
    what = "names, plain values and lists take more than"
    if len(raw) > HEADER_LIMIT:
        raise MalformedError(f"{what} {HEADER_LIMIT:,} bytes; make arrays of long lists of numbers")
    if max(_cost(raw), _cost(text.encode())) > _memory_cap(end):
        raise MalformedError(
            f"{what} {_memory_cap(end):,} bytes of memory; make arrays of long lists of numbers, and one string of many"
        )
    yield len(raw).to_bytes(8, "little") + raw
    for name in names:
        yield from _pieces(arrays[name])


def checksum(text: str, arrays: Mapping[str, Any]) -> str:
    """SHA-256 of the whole contents: names, dtypes, shapes, text, and every byte of the arrays."""
    names = sorted(arrays)
    digest = _begun(text, [(name, arrays[name].dtype, arrays[name].shape) for name in names])
    for name in names:
        for piece in _pieces(arrays[name]):
            digest.update(piece)
    return str(digest.hexdigest())


def _begun(text: str, described: list[tuple[str, Any, tuple[int, ...]]]) -> Any:
    """The checksum, before the bytes of the arrays in the order of their names."""
    digest = hashlib.sha256(f'["{VERSION}", "'.encode())
    for start in range(0, len(text), _PIECE):
        digest.update(json.dumps(text[start : start + _PIECE])[1:-1].encode())
    listed = [[name, dtype.name, shape] for name, dtype, shape in described]
    digest.update(f'", {json.dumps(listed)}]'.encode())
    return digest


def _pieces(array: Any) -> Iterator[Any]:
    """The bytes of an array in the order of C, as little-endian numbers."""
    little = array.dtype.newbyteorder("<")
    if array.flags.c_contiguous and array.dtype == little:
        whole = array.reshape(-1).view(np.uint8)
        for start in range(0, whole.size, _PIECE):
            yield whole[start : start + _PIECE].data
    elif array.nbytes <= _PIECE:
        yield from _pieces(np.ascontiguousarray(array, little))
    else:
        rows = _PIECE * len(array) // array.nbytes
        for start in range(0, len(array), max(rows, 1)):
            yield from _pieces(array[start : start + rows] if rows else array[start])


# -- reading ------------------------------------------------------------------------------------


def read_header(file: Any, size: int) -> Header:
    """The header of an open file of ``size`` bytes.

    Raises ``MalformedError`` for what no such file says, before memory is taken for it.
    """
    start = file.read(8)
    if not start:
        raise MalformedError("it is empty")
    kind = _other_kind(start)
    length = int.from_bytes(start, "little")
    if len(start) < 8 or length > min(HEADER_LIMIT, size - 8):
        raise MalformedError(kind or f"its header claims {length:,} bytes, and the file has {size:,}")
    raw = file.read(length)
    if _cost(raw) > _memory_cap(size):
        raise MalformedError("its header would take many times its length in memory")
    try:
        text = raw.decode()
        del raw
        header = json.loads(text, object_pairs_hook=without_duplicates)
    except MalformedError:
        raise
    except (ValueError, RecursionError) as error:
        raise MalformedError(kind or "its header is damaged") from error
    if not isinstance(header, dict):
        raise MalformedError("its header is damaged")
    stated, digest = _metadata(header.pop("__metadata__", {}))
    return Header(stated, digest, _entries(header, 8 + length, size))


def read_array(file: Any, entry: Entry, order: str = "C") -> Any:
    """An array of a file, in new memory."""
    array = np.empty(entry.shape, entry.dtype, "F" if order == "F" else "C")
    file.seek(entry.start)
    fill(file, entry.dtype, array)
    return array


def read_verified(file: Any, header: Header, targets: Mapping[str, Any]) -> None:
    """Fill the arrays of these names, and compare the checksum of all if the file has one."""
    names = sorted(targets if header.text is None else header.entries)
    digest = _begun(header.text or "", [(name, *header.entries[name][:2]) for name in names])
    for name in names:
        entry = header.entries[name]
        file.seek(entry.start)
        fill(file, entry.dtype, targets.get(name, np.empty(0)), digest, math.prod(entry.shape))
    if header.text is not None and digest.hexdigest() != header.digest:
        raise MalformedError("its content does not match its checksum: bytes of it have changed since it was saved")


def fill(file: Any, dtype: Any, array: Any, digest: Any = None, size: int | None = None) -> None:
    """Fill an array, in the order of C, with the numbers of a dtype that come next in a file; ``size`` may be more."""
    size, done = array.size if size is None else size, 0
    while done < size:
        count = min(max(1, _PIECE // dtype.itemsize), size - done)
        data = file.read(count * dtype.itemsize)
        if len(data) < count * dtype.itemsize:
            raise MalformedError("it was cut off")
        if digest is not None:
            digest.update(data)
        if array.size:
            place = array.reshape(-1) if array.flags.c_contiguous else array.flat
            place[done : done + count] = np.frombuffer(data, dtype)
        done += count


def without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object of a JSON text (an ``object_pairs_hook``); ``MalformedError`` where a key comes twice."""
    tree = dict(pairs)
    if len(tree) < len(pairs):
        raise MalformedError("a name occurs twice in it")
    return tree


def check_text(text: str, size: int) -> None:
    """Raise ``MalformedError`` where a JSON text would become more objects than a file of ``size`` bytes may."""
    if _cost(text.encode()) > _memory_cap(size):
        raise MalformedError("its description would take many times its length in memory")


def _cost(raw: bytes) -> int:
    """About the bytes of the Python objects that a JSON text becomes, beside its characters."""
    wide = 0 if raw.isascii() and b"\\u" not in raw else 4 * len(raw)  # one such character makes a string wide
    return 88 * raw.count(b"[") + 240 * raw.count(b"{") + 30 * raw.count(b'"') + 40 * raw.count(b",") + wide


def _memory_cap(size: int) -> int:
    return max(OBJECTS_LIMIT, size // 2)


def _other_kind(start: bytes) -> str:
    """The other kind of file that begins like this."""
    if start[:4] == b"PK\x03\x04":
        return "it is a zip archive, as .npz and PyTorch's files are; np.load reads an .npz"
    if start[:6] == b"\x93NUMPY":
        return "it is a .npy file; np.load reads it"
    if start[:1] == b"\x80" and start[1:2] in b"\x02\x03\x04\x05":
        return "it is a pickle, which is never loaded: it could run any code"
    return ""


def _metadata(metadata: Any) -> tuple[str | None, str]:
    """The text and the checksum, or (None, "") for a file of another program."""
    if not isinstance(metadata, dict) or not any(str(name).startswith(_OURS) for name in metadata):
        return None, ""
    if metadata.keys() != {FORMAT, STATE, DIGEST} or not all(isinstance(text, str) for text in metadata.values()):
        raise MalformedError("its header is damaged")
    if metadata[FORMAT] != VERSION:
        raise MalformedError(f"it has the format {metadata[FORMAT]!r}, and this version reads {VERSION!r}")
    return metadata[STATE], metadata[DIGEST]


def _entries(header: dict[str, Any], first: int, size: int) -> dict[str, Entry]:
    """The arrays by name: dtypes and shapes that there are, and bytes without a hole from ``first`` to the end."""
    entries: dict[str, Entry] = {}
    places = []
    for name, entry in header.items():
        if not isinstance(entry, dict) or entry.keys() != {"dtype", "shape", "data_offsets"}:
            raise MalformedError(f"its header is damaged at {name[:80]!r}")
        shape, offsets, code = entry["shape"], entry["data_offsets"], entry["dtype"]
        known = isinstance(code, str) and code in DTYPES
        if not known or not _are_sizes(shape) or not _are_sizes(offsets) or len(offsets) != 2:
            raise MalformedError(f"its header is damaged at {name[:80]!r}")
        dtype = np.dtype(DTYPES[code]).newbyteorder("<")
        length = math.prod(shape) * dtype.itemsize
        if offsets[1] - offsets[0] != length:
            raise MalformedError(
                f"{name[:80]!r} has the shape {shape}, which takes {length:,} bytes, not those it claims"
            )
        entries[name] = Entry(dtype, tuple(shape), first + offsets[0])
        places.append((offsets[0], offsets[1], name))
    total, there = sum(stop - start for start, stop, _ in places), size - first
    if total > there:
        raise MalformedError(f"it was cut off: its arrays take {total:,} bytes, and {there:,} are there")
    if total < there:
        raise MalformedError(f"it has {there - total:,} bytes more than its header claims")
    end = 0
    for start, stop, name in sorted(places):
        if start != end:
            raise MalformedError(f"its header is damaged: a hole or an overlap before {name[:80]!r}")
        end = stop
    return entries


def _are_sizes(values: Any) -> bool:
    return isinstance(values, list) and len(values) <= 64 and all(type(n) is int and 0 <= n < 2**63 for n in values)
