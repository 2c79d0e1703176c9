"""``save(path, state)`` and ``load(path)``."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from typing import Any

from minigrad.core.checks import as_path
from minigrad.errors import FileError
from minigrad.files import atomic
from minigrad.files.tensors import MalformedError, check_text, checksum, read_array, read_header, tensor_file
from minigrad.files.tree import is_name, put_together, taken_apart
from minigrad.support.idioms import told


@told
def save(path: str | os.PathLike[str], state: Any) -> None:
    """Save ``state`` as a safetensors file; an old file at ``path`` stays whole until the new one is.

    ``state`` is a dict, list or tuple, nested as deep as needed, of arrays, tensors, NumPy scalars, int (of any
    size), float (also inf and NaN), str, bool and None. Dtypes are bool, int8 to int64, uint8 to uint64,
    float16 to float64, complex64 and complex128. A tensor is saved as its data.

    Atomic: the bytes go to a temporary file in the same folder, reach the disk, and only then take the name. A
    process that is killed on the way, or a full disk, leaves the previous file. Arrays are written piece by piece.

    >>> mg.save("model.safetensors", {"step": 3, "weights": mg.ones((2, 2))})
    >>> mg.load("model.safetensors")["step"]
    3

    Raises ``DTypeError`` for an object that cannot be saved, with the path of keys that leads to it, and ``FileError``
    if the file cannot be written. Neither changes the old file.
    """
    target = as_path(path, "save(path, state)")
    try:
        text, arrays = taken_apart(state)
        if target.exists() and not target.is_file():
            raise FileError(f"{target} was not saved: it is a folder or a device, which a file does not replace")
        atomic.write_whole(target, tensor_file(text, arrays))
    except MalformedError as error:
        raise FileError(f"{target} was not saved: {error}") from None
    except MemoryError as error:
        raise FileError(f"{target} was not saved: there is not enough memory to write it") from error
    except atomic.NotForcedError as error:
        raise failure(f"{target} was saved, but may not survive a loss of power", error) from error
    except FileError:
        raise
    except OSError as error:
        raise failure(f"{target} was not saved", error) from error


@told
def load(path: str | os.PathLike[str]) -> Any:
    """The state that was saved at ``path``, exactly: values, dtypes, shapes, the order of keys and of memory.

    Arrays own their memory and may be written to. Tensors come back as arrays, mappings as dicts, and named tuples as
    tuples. No file, whatever its content, can make this function run code.

    Raises ``FileError`` for a file that is damaged (a checksum of the whole content is compared), that was not written
    by ``save``, or that cannot be read.

    >>> mg.save("state.safetensors", {"step": 7, "w": np.ones(2)})
    >>> mg.load("state.safetensors")
    {'step': 7, 'w': array([1., 1.])}
    """
    source = as_path(path, "load(path)")
    try:
        if source.is_dir():
            raise FileError(f"{source} cannot be loaded: it is a folder")
        # Opened without waiting: nobody may ever write to a pipe.
        descriptor = os.open(source, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        with open(descriptor, "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise FileError(f"{source} cannot be loaded: it is a device or a pipe")
            return _read_state(file, status.st_size)
    except MalformedError as error:
        raise FileError(f"{source} cannot be loaded: {error}") from error
    except MemoryError as error:
        raise FileError(f"{source} cannot be loaded: it does not fit into memory") from error
    except FileError:
        raise
    except OSError as error:
        raise failure(f"{source} cannot be loaded", error) from error


def _read_state(file: Any, size: int) -> Any:
    """The state in an open file. An array is read when the description comes to it."""
    header = read_header(file, size)
    if header.text is None:
        raise MalformedError(
            "it has no checksum of minigrad's; safetensors.numpy.load_file reads files of other programs"
        )
    arrays: dict[str, Any] = {}

    def reader(name: str) -> Callable[[str], Any]:
        def read(order: str) -> Any:
            arrays[name] = read_array(file, header.entries[name], order)
            return arrays[name]

        return read

    for name in header.entries:
        if not is_name(name):
            raise MalformedError(f"{name[:80]!r} is not a name that it can have given to an array")
    check_text(header.text, size)
    state = put_together(header.text, {name: reader(name) for name in header.entries})
    if checksum(header.text, arrays) != header.digest:
        raise MalformedError("its content does not match its checksum: bytes of it have changed since it was saved")
    return state


def failure(what: str, error: OSError) -> FileError:
    """The system's error with the path in front; ``errno`` is kept."""
    failed = FileError(f"{what}: {(error.strerror or str(error)).lower()}")
    failed.errno = error.errno
    return failed
