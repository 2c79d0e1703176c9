"""Damaged files, very many of them: ``python -m tests.damage`` from the root of the repository.

Each is a good file with one thing done to it. It must be refused with a ``FileError`` or, where the damage changes
nothing that is said (a space in the header made a tab), load as exactly what was saved. Anything else is printed.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import minigrad as mg
from minigrad.errors import FileError

from .states import same, training_state

Damage = Callable[[bytes, np.random.Generator], bytes]


def _place(data: bytes, rng: np.random.Generator) -> int:
    """A place in the file; the header, which is small beside the arrays of a real model, is as likely as these."""
    header = min(8 + int.from_bytes(data[:8], "little"), len(data))
    return int(rng.integers(header if rng.random() < 0.5 else len(data)))


def _flip(data: bytes, rng: np.random.Generator) -> bytes:
    at = _place(data, rng)
    return data[:at] + bytes([data[at] ^ 1 << int(rng.integers(8))]) + data[at + 1 :]


def _flips(data: bytes, rng: np.random.Generator) -> bytes:
    for _ in range(int(rng.integers(2, 20))):
        data = _flip(data, rng)
    return data


def _overwrite(data: bytes, rng: np.random.Generator) -> bytes:
    at, length = _place(data, rng), int(rng.integers(1, 600))
    return data[:at] + rng.bytes(min(length, len(data) - at)) + data[at + length :]


def _zeros(data: bytes, rng: np.random.Generator) -> bytes:
    at, length = _place(data, rng), int(rng.integers(1, 4096))
    return data[:at] + bytes(min(length, len(data) - at)) + data[at + length :]


def _cut(data: bytes, rng: np.random.Generator) -> bytes:
    return data[: _place(data, rng)]


def _append(data: bytes, rng: np.random.Generator) -> bytes:
    return data + rng.bytes(int(rng.integers(1, 64)))


def _insert(data: bytes, rng: np.random.Generator) -> bytes:
    at = _place(data, rng)
    return data[:at] + rng.bytes(int(rng.integers(1, 16))) + data[at:]


def _drop(data: bytes, rng: np.random.Generator) -> bytes:
    at = _place(data, rng)
    return data[:at] + data[at + int(rng.integers(1, 16)) :]


def _repeat(data: bytes, rng: np.random.Generator) -> bytes:
    at, length = _place(data, rng), int(rng.integers(1, 200))
    return data[:at] + data[at : at + length] + data[at:]


def _claim(data: bytes, rng: np.random.Generator) -> bytes:
    """Another length of the header: off by a little, or terabytes."""
    true = int.from_bytes(data[:8], "little")
    claims = [0, 1, true - 1, true + 1, true + 8, 2**31, 2**32 - 1, 2**40, 2**63 - 1, 2**64 - 1]
    return int(rng.choice(np.array(claims, np.uint64))).to_bytes(8, "little") + data[8:]


def _header(data: bytes, rng: np.random.Generator) -> bytes:
    """A header that is JSON of the right form and says something else."""
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    text = _edited(header, rng)
    return len(text).to_bytes(8, "little") + text + data[8 + length :]


def _edited(header: dict[str, Any], rng: np.random.Generator) -> bytes:
    names = [name for name in header if name != "__metadata__"]
    name = names[int(rng.integers(len(names)))]
    entry, other = header[name], header[names[int(rng.integers(len(names)))]]
    choice = int(rng.integers(10))
    if choice == 0:
        entry["dtype"] = ["F32", "I32", "U32", "F64", "BF16", "O", "", "f4", [], {}, None, 4][int(rng.integers(12))]
    elif choice == 1:
        entry["shape"] = [[2**40], [-1], [2**62, 4], [[1]], [1.5], "3", None, [True]][int(rng.integers(8))]
    elif choice == 2:
        entry["shape"] = entry["shape"][::-1] + [1] * int(rng.integers(0, 80))
    elif choice == 3:
        entry["data_offsets"] = [[0, 2**50], [-8, 0], [8, 0], [0], ["0", "4"], None, 7][int(rng.integers(7))]
    elif choice == 4:
        entry["data_offsets"] = other["data_offsets"]
    elif choice == 5:
        header[str(rng.choice(["../../etc/passwd", "/etc/passwd", "a\0b", "", "x" * 5000, "\n"]))] = header.pop(name)
    elif choice == 6:
        metadata = header["__metadata__"]
        metadata[str(rng.choice([*metadata, "new"]))] = ["", "0", {}, 3, None, "[" * 200_000][int(rng.integers(6))]
    elif choice == 7:
        del header[str(rng.choice([*header]))]
    elif choice == 8:
        header[f"{name}-2"] = entry
    else:  # a name that comes twice
        text = json.dumps(header)
        return (text[:-1] + f", {json.dumps(name)}: {json.dumps(other)}}}").encode()
    return json.dumps(header).encode()


DAMAGES: dict[str, Damage] = {
    "a bit flipped": _flip,
    "bits flipped": _flips,
    "bytes overwritten": _overwrite,
    "zeros": _zeros,
    "cut off": _cut,
    "bytes appended": _append,
    "bytes inserted": _insert,
    "bytes dropped": _drop,
    "bytes repeated": _repeat,
    "header of another length": _claim,
    "header that says something else": _header,
}


def outcome(path: Path, state: Any) -> str:
    """``refused``, ``equal``, ``SILENT`` (another state was loaded) or ``CRASH`` with what was raised."""
    try:
        loaded = mg.load(path)
    except FileError:
        return "refused"
    except BaseException as error:  # noqa: BLE001
        return f"CRASH {error!r:.200}\n{traceback.format_exc(limit=-2)}"
    return "equal" if same(loaded, state) else "SILENT"


def main() -> int:
    """Damage, load, count; returns the number of files that were not handled."""
    parser = argparse.ArgumentParser(prog="python -m tests.damage", description=__doc__)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    counts: dict[str, Counter[str]] = {kind: Counter() for kind in DAMAGES}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "state.safetensors"
        mg.save(path, state := training_state())
        good = path.read_bytes()
        for i in range(options.count):
            kind = [*DAMAGES][i % len(DAMAGES)]
            path.write_bytes(DAMAGES[kind](good, rng))
            what = outcome(path, state)
            counts[kind][what.split()[0]] += 1
            if what not in {"refused", "equal"}:
                print(f"file {i}, {kind}: {what}")
    for kind, count in counts.items():
        print(f"{kind:33}", *(f"{what} {n:>5}" for what, n in sorted(count.items(), reverse=True)), sep="  ")
    bad = sum(n for count in counts.values() for what, n in count.items() if what not in {"refused", "equal"})
    print(f"{options.count:,} damaged files: {bad} crashes and silent loads")
    return bad


if __name__ == "__main__":
    sys.exit(bool(main()))
