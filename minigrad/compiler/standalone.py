"""What stands in an exported file beside the program: its arrays in files, its rates, its command line.

``export`` copies the text of the functions below, and writes the tables anew; here they are empty. So the code that
runs without this package is checked and tested like the rest of it.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import os
import pathlib
import zipfile
from typing import Any

import numpy as np

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
    found = _read(path)
    if not set(CONSTANTS) <= set(found):
        found = {**{name: array for name, array in _read(WEIGHTS).items() if name in CONSTANTS}, **found}
    state = _allocated()
    places = _places(state)
    fresh = [name for name in KEPT if name not in found]
    missing = [name for name in places if name not in found and not (len(fresh) == len(KEPT) and name in KEPT)]
    if missing:
        raise ValueError(f"{path}: expected arrays named {', '.join(places)}; these are missing: {', '.join(missing)}")
    for name, place in places.items():
        new = found.get(name, np.zeros(place.shape, place.dtype))
        if new.shape != place.shape or not np.can_cast(new.dtype, place.dtype, "same_kind"):
            raise ValueError(
                f"{path}: {name}: expected shape {place.shape}, dtype {place.dtype}; "
                f"got shape {new.shape}, dtype {new.dtype}"
            )
        place[...] = new
    return state


def save(path: Any, state: dict[str, Any]) -> None:
    """Write the arrays to a .npz file, from which ``load`` makes them again; what was there stays until it is whole."""
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


def _read(path: Any) -> dict[str, Any]:
    path = pathlib.Path(path)
    if path.suffix == ".safetensors":
        return _safetensors(path)
    if path.suffix != ".npz":
        raise ValueError(f"{path}: expected a file .npz or .safetensors")
    with np.load(path, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def _safetensors(path: pathlib.Path) -> dict[str, Any]:
    """The arrays of a file: eight bytes of length, a header in JSON, and the bytes that it describes without a gap."""
    dtypes = {
        "BOOL": "?", "I8": "i1", "U8": "u1", "I16": "<i2", "U16": "<u2", "I32": "<i4", "U32": "<u4", "I64": "<i8",
        "U64": "<u8", "F16": "<f2", "F32": "<f4", "F64": "<f8", "C64": "<c8",
    }  # fmt: skip
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    if len(data) < 8 or length > len(data) - 8:
        raise ValueError(f"{path}: no safetensors file: its header would be longer than the file")
    arrays: dict[str, Any] = {}
    try:
        pairs = json.loads(data[8 : 8 + length], object_pairs_hook=list)
        entries = [(name, dict(entry)) for name, entry in pairs if name != "__metadata__"]
        entries.sort(key=lambda pair: pair[1]["data_offsets"])
        end = 0
        for name, entry in entries:
            start, stop = entry["data_offsets"]
            shape, dtype = entry["shape"], np.dtype(dtypes[entry["dtype"]])
            sizes = all(type(n) is int and n >= 0 for n in [*shape, start, stop])
            if not sizes or name in arrays or start != end or stop - start != math.prod(shape) * dtype.itemsize:
                raise ValueError(f"the entry {name!r} does not fit its bytes")
            arrays[name] = np.ndarray(shape, dtype, data, 8 + length + start)
            end = stop
        if end != len(data) - 8 - length:
            raise ValueError(f"it has {len(data) - 8 - length} bytes of arrays where its header says {end}")
    except (AttributeError, IndexError, KeyError, RecursionError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: a damaged safetensors file: {error}") from None
    return arrays


def _write(path: Any, arrays: dict[str, Any]) -> None:
    """The arrays as a .npz file, all of it or nothing."""

    def content(file: Any) -> None:
        with zipfile.ZipFile(file, "w") as archive:
            for name, array in arrays.items():
                with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                    np.lib.format.write_array(member, np.asanyarray(array), allow_pickle=False)

    _replace(path, content)


def _replace(path: Any, content: Any) -> None:
    """Write a file under another name first: who looks sees the old one or the new one, whole."""
    temporary = f"{path}.{os.getpid()}.tmp"
    try:
        with open(temporary, "xb") as file:
            content(file)
        os.replace(temporary, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)


def _check(name: str, x: Any) -> None:
    """Raise ``ValueError`` unless the argument is such as the program was recorded for."""
    dtype, shape = ARGUMENTS[name]
    if getattr(x, "shape", None) != shape or x.dtype != dtype:
        got = f"shape {x.shape}, dtype {x.dtype}" if hasattr(x, "dtype") else type(x).__name__
        raise ValueError(f"{name}: the program is for an array of shape {shape}, dtype {dtype}; got {got}")


def _with(kind: type, **attributes: Any) -> Any:
    """An object of a class with these attributes."""
    made: Any = object.__new__(kind)
    vars(made).update(attributes)
    return made


def rates(state: dict[str, Any]) -> tuple[float, ...]:
    """The numbers of the next step, as the optimizers work them out from the count of steps."""
    numbers: list[float] = []
    for name, (optimizer, _, updated) in OPTIMIZERS.items():
        optimizer.iterations = int(state[f"{name}.iterations"][0])
        for group, optimizer.missed in updated:
            made = optimizer.rates(optimizer.param_groups[group])
            numbers += made if isinstance(made, tuple) else [made]
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
        parser.add_argument("--steps", type=int, default=1, help="so many steps on the same input; 1 if left out")
    parser.add_argument("--out", help=".npz: the arrays after training" if OPTIMIZERS else ".npy: the result")
    if GENERATORS:
        parser.add_argument("--seed", type=int, default=0, help="of the random numbers; 0 if left out")
    given = vars(parser.parse_args(words))
    generators = [np.random.default_rng((given["seed"], number)) for number in range(GENERATORS)]
    inputs = [np.load(given[f"input {name}"], allow_pickle=False) for name in ARGUMENTS]
    state = load(given["weights"])
    for number in range(given.get("steps", 1)):
        result = run(*inputs, state, *generators)
        print(f"{number + 1}: {result[0]}" if OPTIMIZERS else result)  # noqa: T201
    if given["out"] and OPTIMIZERS:
        save(given["out"], state)
    elif given["out"]:
        leaves = _leaves(result)
        _replace(given["out"], lambda file: np.save(file, leaves[0]) if len(leaves) == 1 else np.savez(file, *leaves))
