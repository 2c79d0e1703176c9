"""Damaged files, very many of them: ``python -m tests.files.damage`` from the root of the repository.

Each is a good file with one thing done to it, for each reader: ``mg.load``, ``Checkpoints``, and the ``load`` of an
exported module, of both kinds of files. It must be refused with the error that is promised or, where the damage changes
nothing that is said (a space in the header made a tab), load as exactly what was saved, within ten seconds and twice
the memory of the file. Anything else is printed.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import signal
import sys
import tempfile
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import minigrad as mg
from minigrad import nn, optim
from minigrad.errors import FileError
from minigrad.files import Checkpoints
from tests.compiler.output.exported import exported, run_thrice
from tests.files.states import same, training_state

try:
    import resource
except ImportError:
    resource = None  # type: ignore[assignment]

#: Bytes that a reader may take beside twice the file: Python's own objects, and what the allocator asks for at once.
SPARE = 96 << 20
SECONDS = 10

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


def _fields(data: bytes, rng: np.random.Generator) -> bytes:
    """Another number in a header of a zip archive: of a member, of the directory, or of its end."""
    marks = [b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"]
    mark = marks[int(rng.integers(3))]
    starts = [at for at in range(len(data)) if data.startswith(mark, at)]
    at = starts[int(rng.integers(len(starts)))] + 4 + 2 * int(rng.integers(21))
    width = int(rng.choice([2, 4, 8]))
    number = int(rng.choice(np.array([0, 1, 8, 20, 45, 255, 2**15, 2**16 - 1, 2**31, 2**32 - 1, 2**63], np.uint64)))
    return data[:at] + (number % 256**width).to_bytes(width, "little") + data[at + width :]


def _swapped(data: bytes, rng: np.random.Generator) -> bytes:
    """Two runs of bytes in each other's place."""
    length = int(rng.integers(1, 100))
    a, b = sorted([_place(data, rng), _place(data, rng)])
    if a + length > b or b + length > len(data):
        return _flip(data, rng)
    return data[:a] + data[b : b + length] + data[a + length : b] + data[a : a + length] + data[b + length :]


def _renamed(data: bytes, rng: np.random.Generator) -> bytes:
    """One letter of a name, or of what looks like one, in all places."""
    words = [b"weight", b"bias", b"momentum", b"iterations", b"state", b"optimizer", b"<f4", b"<i8", b"F32", b"F16"]
    found = [word for word in words if word in data]
    word = found[int(rng.integers(len(found)))] if found else data[:2]
    at = int(rng.integers(len(word)))
    return data.replace(word, word[:at] + bytes([word[at] ^ 1 << int(rng.integers(7))]) + word[at + 1 :])


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
    "bytes swapped": _swapped,
    "a word changed everywhere": _renamed,
}
#: An archive has no header of JSON.
ARCHIVES: dict[str, Damage] = {
    **{kind: damage for kind, damage in DAMAGES.items() if damage not in (_claim, _header)},
    "a field of the archive": _fields,
}


class Reader(NamedTuple):
    """What reads files of a kind: a good file, the function, what comes of it, and the error that is promised."""

    path: Path
    load: Callable[[], Any]
    state: Any
    error: type[Exception]
    damages: dict[str, Damage]


def _of_mg(folder: Path) -> Reader:
    path = folder / "state.safetensors"
    mg.save(path, training_state())
    return Reader(path, lambda: mg.load(path), training_state(), FileError, DAMAGES)


def _of_checkpoints(folder: Path) -> Reader:
    """The newest is damaged: then the one before comes, with a warning."""
    checkpoints = Checkpoints(folder / "run")
    checkpoints.save("the one before", 1)
    path = checkpoints.save(training_state(), 2)

    def load() -> Any:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            state = checkpoints.load()
        if state == "the one before" and len(caught) == 1:
            raise FileError(str(caught[0].message))
        return state

    return Reader(path, load, training_state(), FileError, DAMAGES)


def _of_export(folder: Path, suffix: str) -> Reader:
    generator = np.random.default_rng(0)
    model = nn.Sequential(nn.Linear(3, 4, generator=generator), nn.ReLU(), nn.Linear(4, 2, generator=generator))
    optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)

    def step(x: Any) -> Any:
        loss = (model(x) ** 2).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    made = exported(run_thrice(step, np.ones((2, 3), np.float32)), folder / "step.py")
    path = folder / f"weights{suffix}"
    made.save(path, state := made.load())
    return Reader(path, lambda: made.load(path), state, ValueError, ARCHIVES if suffix == ".npz" else DAMAGES)


READERS: dict[str, Callable[[Path], Reader]] = {
    "mg.load": _of_mg,
    "Checkpoints": _of_checkpoints,
    "exported .npz": lambda folder: _of_export(folder, ".npz"),
    "exported .safetensors": lambda folder: _of_export(folder, ".safetensors"),
}


@contextlib.contextmanager
def limited(size: int, spare: int = SPARE) -> Iterator[None]:
    """No more memory than twice ``size``, and no more time than ten seconds, where the system has such limits."""

    def late(*_: Any) -> None:
        raise TimeoutError(f"it took longer than {SECONDS} seconds")

    if resource is None or not Path("/proc/self/statm").exists():
        yield
        return
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    before = resource.getrlimit(resource.RLIMIT_AS)
    handler = signal.signal(signal.SIGALRM, late)
    resource.setrlimit(resource.RLIMIT_AS, (taken + 2 * size + spare, before[1]))
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        resource.setrlimit(resource.RLIMIT_AS, before)
        signal.signal(signal.SIGALRM, handler)


def outcome(path: Path, state: Any, load: Callable[[], Any] | None = None, error: type[Exception] = FileError) -> str:
    """``refused``, ``equal``, ``SILENT`` (another state was loaded), ``MEMORY``, or ``CRASH`` with what was raised."""
    try:
        loaded = mg.load(path) if load is None else load()
    except error as refused:
        words = str(refused)
        if "does not fit into memory" in words or "MemoryError" in words:
            return f"MEMORY {words}"
        return f"CRASH {words}" if "longer than" in words and "seconds" in words else "refused"
    except BaseException as other:  # noqa: BLE001
        return f"CRASH {other!r:.200}\n{traceback.format_exc(limit=-2)}"
    return "equal" if same(loaded, state) else "SILENT"


def run(name: str, count: int, seed: int) -> int:
    """Damage, load, count, for one reader; returns the number of files that were not handled."""
    rng = np.random.default_rng(seed)
    with tempfile.TemporaryDirectory() as folder:
        reader = READERS[name](Path(folder))
        good = reader.path.read_bytes()
        counts: dict[str, Counter[str]] = {kind: Counter() for kind in reader.damages}
        for i in range(count):
            kind = [*reader.damages][i % len(reader.damages)]
            reader.path.write_bytes(data := reader.damages[kind](good, rng))
            with limited(len(data)):
                what = outcome(reader.path, reader.state, reader.load, reader.error)
            counts[kind][what.split()[0]] += 1
            if what not in {"refused", "equal"}:
                print(f"file {i}, {kind}: {what}")
    for kind, found in counts.items():
        print(f"{kind:33}", *(f"{what} {n:>5}" for what, n in sorted(found.items(), reverse=True)), sep="  ")
    bad = sum(n for found in counts.values() for what, n in found.items() if what not in {"refused", "equal"})
    print(f"{name}: {count:,} damaged files: {bad} crashes, hangs, silent loads, and loads that take too much memory")
    return bad


def main() -> int:
    """One reader, or all."""
    parser = argparse.ArgumentParser(prog="python -m tests.files.damage", description=__doc__)
    parser.add_argument("--count", type=int, default=24_000, help="files for each reader")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--reader", choices=[*READERS], help="all if left out")
    options = parser.parse_args()
    return sum(run(name, options.count, options.seed) for name in ([options.reader] if options.reader else READERS))


if __name__ == "__main__":
    sys.exit(bool(main()))
