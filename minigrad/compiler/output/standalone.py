"""What stands in an exported file beside the program: its arrays in files, its rates, its command line.

``export`` copies the text of the functions below and of the files that read and write (``files/tensors.py``,
``files/atomic.py``), and writes the tables anew; here they are empty. So the code that runs without this package is
checked and tested like the rest of it.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import math
import os
import pathlib
import re
import zipfile
from typing import Any

import numpy as np

from minigrad.files.atomic import write_whole
from minigrad.files.tensors import fill, read_header, read_verified, tensor_file

WEIGHTS = pathlib.Path(__file__).with_suffix(".npz")
ARGUMENTS: dict[str, Any] = {}
GENERATORS = 0
ARRAYS: dict[str, Any] = {}
INSIDE: dict[str, Any] = {}
WORK: tuple[str, ...] = ()
CONSTANTS: tuple[str, ...] = ()
KEPT: dict[str, Any] = {}
OPTIMIZERS: dict[str, Any] = {}
FLUSH_EVERY = 64


def run(*inputs: Any) -> Any:
    """The program, of the arguments and the state."""
    raise NotImplementedError


def load(path: Any = WEIGHTS) -> dict[str, Any]:
    """The arrays of the program, from a .npz or .safetensors file.

    The file is one of ``save``, or of a model's ``state_dict()``: then training begins anew. What else is in it is left
    out. Raises ``ValueError`` for a file that is damaged or does not fit. No file makes this run code.
    """
    state = _allocated()
    places = _places(state)
    momenta = {name: place for name, place in places.items() if name in KEPT}
    constants = {name: place for name, place in places.items() if name in CONSTANTS}
    rest = {name: place for name, place in places.items() if name not in {*momenta, *constants}}
    names = _read(path, rest, momenta, *[{name: place} for name, place in constants.items()])
    if not names >= {*constants}:
        _read(WEIGHTS, {name: place for name, place in constants.items() if name not in names})
    return state


def save(path: Any, state: dict[str, Any]) -> None:
    """Write the arrays to a .npz or .safetensors file, from which ``load`` makes them again.

    What was there stays until the new file is whole and on the disk.
    """
    _write(path, _places(state))


def _allocated() -> dict[str, Any]:
    """New arrays, those inside others as views of them."""
    state: dict[str, Any] = {}
    for name, (dtype, shape, axes) in ARRAYS.items():  # axes: in the order of memory, from the outermost
        array = np.zeros([shape[axis] for axis in axes], dtype)
        state[name] = array.transpose([axes.index(axis) for axis in range(len(axes))])
    for name, (whole, start, strides, dtype, shape) in INSIDE.items():
        state[name] = np.ndarray(shape, dtype, state[whole], start, strides)
    return state


def _places(state: dict[str, Any]) -> dict[str, Any]:
    """The arrays by their names in files: of a flat array of an optimizer, the part of each parameter."""
    places = {name: array for name, array in state.items() if name not in WORK}
    for name, (whole, start, shape) in KEPT.items():
        places[name] = state[whole][start : start + math.prod(shape)].reshape(shape)
    return places


def _read(path: Any, *groups: dict[str, Any]) -> set[str]:
    """Fill the arrays of these names from a file; those of a later group may all be missing. Gives the names found."""
    path = pathlib.Path(path)
    if path.suffix not in (".npz", ".safetensors"):
        raise ValueError(f"{path}: expected a file .npz or .safetensors")
    wanted = {name: place for group in groups for name, place in group.items()}
    kind = "safetensors file" if path.suffix == ".safetensors" else ".npz file"
    with open(path, "rb") as file:
        try:
            size = os.fstat(file.fileno()).st_size
            if kind == "safetensors file":
                header = read_header(file, size)
                entries = {name: (entry.dtype, entry.shape) for name, entry in header.entries.items()}
            else:
                archive, members = _archive(file, wanted)
                entries = {name: (dtype, shape) for name, (_, dtype, shape, _) in members.items()}
        except Exception as error:  # noqa: BLE001 - there are many ways in which an archive may be wrong
            raise ValueError(f"{path}: a damaged {kind}: {error or type(error).__name__}") from None
        for i, group in enumerate(groups):
            missing = [name for name in group if name not in entries]
            if missing and (i == 0 or len(missing) < len(group)):
                expected = f"expected arrays named {', '.join(wanted)}"
                raise ValueError(f"{path}: {expected}; these are missing: {', '.join(missing)}")
        targets = {name: place for name, place in wanted.items() if name in entries}
        for name, place in targets.items():
            dtype, shape = entries[name]
            if shape != place.shape or not np.can_cast(dtype, place.dtype, "same_kind"):
                raise ValueError(
                    f"{path}: {name}: expected shape {place.shape}, dtype {place.dtype}; "
                    f"got shape {shape}, dtype {dtype}"
                )
        try:
            if kind == "safetensors file":
                read_verified(file, header, targets)
            else:
                for name, place in targets.items():
                    _fill_from(archive, members[name], place)
        except Exception as error:  # noqa: BLE001 - there are many ways in which an archive may be wrong
            raise ValueError(f"{path}: a damaged {kind}: {error or type(error).__name__}") from None
    return {*targets}


class _Limited(io.BufferedReader):
    """A file that gives out at most a megabyte at once, the largest directory of an archive that is read."""

    def read(self, size: int | None = -1) -> bytes:
        """At most a megabyte."""
        size = -1 if size is None else size
        if size > 1 << 20:
            raise ValueError("the directory of the archive is longer than a megabyte")
        return super().read(1 << 20 if size < 0 else size)


def _archive(file: Any, wanted: Any) -> tuple[Any, dict[str, Any]]:
    """An open .npz file; and of the arrays that are wanted the member, dtype, shape, and whether it lies by columns."""
    archive = zipfile.ZipFile(_Limited(file.raw))
    names = [info.filename.removesuffix(".npy") for info in archive.infolist()]
    if len({*names}) < len(names):
        raise ValueError("a name occurs twice in it")
    if archive.comment[:6] == b"names " and archive.comment != _comment(names):
        raise ValueError("its names have changed since it was saved")
    members = {}
    for name, info in zip(names, archive.infolist(), strict=True):
        if name in wanted:
            if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise ValueError(f"{name!r} is compressed in another way than NumPy does")
            with archive.open(info) as member:
                members[name] = (info, *_array_header(member, name))
    return archive, members


def _array_header(member: Any, name: str) -> tuple[Any, tuple[int, ...], bool]:
    """dtype, shape, and whether the array lies by columns, from the header of a .npy file."""
    start = member.read(8)
    width = 2 if start[6:7] == b"\1" else 4
    length = int.from_bytes(member.read(width), "little")
    if start[:6] != b"\x93NUMPY" or start[6:] not in (b"\1\0", b"\2\0", b"\3\0") or length > 10_000:
        raise ValueError(f"{name!r} is no array")
    text = member.read(length).decode("latin-1")
    form = r"\{'descr': '([^']*)', 'fortran_order': (True|False), 'shape': \(((?:\d+, ?)*\d*)\),? ?\}\s*"
    match = re.fullmatch(form, text)
    if match is None or not re.fullmatch(r"[<>|=]?[biufc]\d{1,2}", match[1]):
        raise ValueError(f"{name!r} is no array of numbers (with allow_pickle=False)")
    return np.dtype(match[1]), tuple([int(n) for n in re.findall(r"\d+", match[3])]), match[2] == "True"


def _fill_from(archive: Any, described: Any, place: Any) -> None:
    """Fill an array from a member, to its end, where its checksum is compared."""
    info, dtype, shape, by_columns = described
    with archive.open(info) as member:
        _array_header(member, info.filename)
        if info.file_size - member.tell() != math.prod(shape) * dtype.itemsize:
            raise ValueError(f"{info.filename!r} has another size than its header says")
        fill(member, dtype, place.T if by_columns else place)
        member.read(1)


def _comment(names: Any) -> bytes:
    """The comment of an archive by ``save``: a digest of its names. Each array has a checksum of its own."""
    return b"names " + hashlib.sha256(json.dumps(sorted(names)).encode()).hexdigest().encode()


class _Sink:
    """What is written comes out as parts of a file."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []

    def write(self, data: Any) -> int:
        """Keep it."""
        self.parts.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing is behind it."""

    def taken(self) -> list[bytes]:
        """What came since."""
        parts, self.parts = self.parts, []
        return parts


def _write(path: Any, arrays: dict[str, Any]) -> None:
    """The arrays as a file, all of it or nothing."""
    if pathlib.Path(path).suffix == ".safetensors":
        text = json.dumps({"dict": [[name, {"array": name}] for name in arrays]}, separators=(",", ":"))
        write_whole(path, tensor_file(text, arrays))
    else:
        write_whole(path, _archived(arrays))


def _archived(arrays: dict[str, Any]) -> Any:
    """The bytes of a .npz file, array by array."""
    sink: Any = _Sink()
    with zipfile.ZipFile(sink, "w") as archive:
        archive.comment = _comment(arrays)
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.asanyarray(array), allow_pickle=False)
            yield from sink.taken()
    yield from sink.taken()


def _check(name: str, x: Any) -> None:
    """Raise ``ValueError`` unless the argument is such as the program was recorded for."""
    dtype, shape = ARGUMENTS[name]
    if getattr(x, "shape", None) != shape or x.dtype != dtype:
        got = f"shape {x.shape}, dtype {x.dtype}" if hasattr(x, "dtype") else type(x).__name__
        raise ValueError(f"{name}: the program is for an array of shape {shape}, dtype {dtype}; got {got}")


def _with(kind: type, **attributes: Any) -> Any:
    """An object of a class with these attributes."""
    instance: Any = object.__new__(kind)
    vars(instance).update(attributes)
    return instance


def rates(state: dict[str, Any]) -> tuple[float, ...]:
    """The numbers of the next step, as the optimizers work them out from the count of steps."""
    numbers: list[float] = []
    for name, (optimizer, _, updated) in OPTIMIZERS.items():
        optimizer.iterations = int(state[f"{name}.iterations"][0])
        for group, optimizer.missed in updated:
            result = optimizer.rates(optimizer.param_groups[group])
            numbers += result if isinstance(result, tuple) else [result]
    return tuple(numbers)


def count(state: dict[str, Any]) -> None:
    """Count a step. Now and then momenta below the smallest normal float become zero: calculating with them is slow."""
    for name, (_, momenta, _) in OPTIMIZERS.items():
        steps = state[f"{name}.iterations"]
        steps += 1
        if not steps[0] % FLUSH_EVERY:
            for array in [state[momentum] for momentum in momenta]:
                array[np.abs(array) < float(np.finfo(array.dtype).tiny)] = 0


def _leaves(result: Any) -> list[Any]:
    if isinstance(result, (tuple, list, dict)):
        return [leaf for item in (result.values() if isinstance(result, dict) else result) for leaf in _leaves(item)]
    return [result]


def main(words: list[str] | None = None) -> None:
    """Run the program from the command line, on .npy files."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    for name, (dtype, shape) in ARGUMENTS.items():
        parser.add_argument(f"input {name}", metavar=name, help=f"a .npy file: shape {shape}, dtype {dtype}")
    parser.add_argument(
        "--weights", default=WEIGHTS, help="a .npz or .safetensors file; that beside this one if left out"
    )
    if OPTIMIZERS:
        parser.add_argument("--steps", type=int, default=1, help="the number of steps on the same input, by default 1")
    parser.add_argument("--out", help=".npz: the arrays after training" if OPTIMIZERS else ".npy: the result")
    if GENERATORS:
        parser.add_argument("--seed", type=int, default=0, help="of the random numbers; 0 if left out")
    options = vars(parser.parse_args(words))
    generators = [np.random.default_rng((options["seed"], number)) for number in range(GENERATORS)]
    inputs = [np.load(options[f"input {name}"], allow_pickle=False) for name in ARGUMENTS]
    state = load(options["weights"])
    for number in range(options.get("steps", 1)):
        result = run(*inputs, state, *generators)
        print(f"{number + 1}: {result[0]}" if OPTIMIZERS else result)  # noqa: T201
    if options["out"] and OPTIMIZERS:
        save(options["out"], state)
    elif options["out"]:
        leaves = _leaves(result)
        written = io.BytesIO()
        (np.save if len(leaves) == 1 else np.savez)(written, *leaves)
        write_whole(options["out"], [written.getbuffer()])
