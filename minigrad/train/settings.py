"""Whether two runs are one: what the model, the data and the options of both are, and in what they differ."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from minigrad.core.tensor import Tensor
from minigrad.nn import Module
from minigrad.nn.losses import Loss
from minigrad.train.attributes import CONTAINERS, PLAIN, NoTreeError, digest, frozen
from minigrad.train.reachable import Reached
from minigrad.train.state import frozen_weights

_SHOWN = 8  # differences in a message
_NO_SETTINGS = (".training", ".requires_grad", ".prefetch", ".threads")  # saved otherwise, or without a say in results
_ROWS = 64  # of a file that is not read as a whole


def described(reached: Reached, trainer: Any, acting: Sequence[str] = ()) -> dict[str, str]:
    """{path: a short description}: a digest of data in memory, and of the code of functions.

    Callbacks are left out, since they watch a run, but for those that are ``acting``: they change gradients.
    """

    def is_left_out(path: str) -> bool:
        return path.startswith("callbacks.") and not f"{path}.".startswith(tuple(f"{name}." for name in acting))

    told = {path: kind for path, kind in reached.kinds.items() if not is_left_out(path)}
    for path, value in reached.settings.items():
        if not path.endswith(_NO_SETTINGS) and not is_left_out(path):
            told[path] = _short_text(value)
    told.update({path: _data(value) for path, value in reached.data.items()})
    told["python"] = ".".join(platform.python_version_tuple()[:2])
    for name in ("accumulate", "clip_norm", "compile"):
        told[f"trainer.{name}"] = repr(getattr(trainer, name))
    return told


def of_script(trainer: Any) -> dict[str, str]:
    """A setting that the script gives and a checkpoint replaces."""
    optimizer = trainer.optimizer
    told = _given_in_short(trainer)
    for path, value in _hyperparameters(optimizer).items():
        told[path] = "a function" if _is_function(value) else repr(value)
    if getattr(optimizer, "skip_nonfinite", False):
        told["optimizer.skip_nonfinite"] = "True"
    return {"optimizer": type(optimizer).__name__, **told}


def options(trainer: Any) -> dict[str, Any]:
    """The part that a checkpoint puts back: frozen weights, arrays of losses, hyperparameters."""
    return {**_given_in_short(trainer), **_hyperparameters(trainer.optimizer)}


def _given_in_short(trainer: Any) -> dict[str, str]:
    """The weights that are frozen, and the arrays that the package's losses were given."""
    frozen_ones = frozen_weights(trainer.modules())
    texts = {"frozen": few(frozen_ones)} if frozen_ones else {}
    if isinstance(trainer.loss, Module):
        for path, module in trainer.loss.named_modules():
            if isinstance(module, Loss):
                for name, buffer in module.named_buffers():
                    texts[".".join(filter(None, ("loss", path, name)))] = _data(buffer)
    return texts


def _hyperparameters(optimizer: Any) -> dict[str, Any]:
    """The hyperparameters of each group themselves."""
    several = len(optimizer.param_groups) > 1
    return {
        f"optimizer.param_groups.{number}.{name}" if several else f"optimizer.{name}": value
        for number, group in enumerate(optimizer.param_groups)
        for name, value in group.items()
        if name != "params"
    }


def _is_function(value: Any) -> bool:
    return callable(value) and not hasattr(value, "numbers")


def changes(before: Mapping[str, str], now: Mapping[str, str]) -> dict[str, str]:
    """The differences, each as "accumulate was 1, and is 2"; for an object of another type, without its attributes."""
    differences: dict[str, str] = {}
    if not before:
        return differences
    if before.get("python") != now.get("python"):  # the same text is other code there
        before, now = ({path: told.partition(" (code ")[0] for path, told in one.items()} for one in (before, now))
    for path in sorted({*before, *now}, key=lambda path: (path.count("."), path)):
        one, other = before.get(path), now.get(path)
        if one == other or any(above in differences for above in _above(path)):
            continue
        differences[path] = f"{path} was {one or 'not there'}, and is {other or 'not there'}"
    differences.pop("python", None)
    return differences


def difference(before: Mapping[str, str], now: Mapping[str, str]) -> dict[str, str | None]:
    """The settings of ``now`` that differ from ``before``: a run may have thousands of fits."""
    new: dict[str, str | None] = {path: told for path, told in now.items() if before.get(path) != told}
    return {**new, **dict.fromkeys(before.keys() - now.keys())}


def of_fit(fits: Sequence[Mapping[str, Any]], count: int) -> dict[str, str]:
    """The settings as of fit number ``count``; {} if it noted none, as a fit without a folder does."""
    known: dict[str, str | None] = {}
    if not count or fits[count - 1]["settings"] is None:
        return {}
    for fit in fits[:count]:
        known.update(fit["settings"] or {})
    return {path: told for path, told in known.items() if told is not None}


def last(fits: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """The settings that were noted last."""
    noted = [number for number, fit in enumerate(fits, 1) if fit["settings"] is not None]
    return of_fit(fits, noted[-1]) if noted else {}


def few(lines: list[str]) -> str:
    """The first lines, and how many more there are."""
    return "; ".join(lines if len(lines) <= _SHOWN else [*lines[:_SHOWN], f"and {len(lines) - _SHOWN} more"])


def _above(path: str) -> Iterator[str]:
    while "." in path:
        path = path.rpartition(".")[0]
        yield path


def _short_text(value: Any) -> str:
    """The value of ``frozen``, in short."""
    kind = value[0]
    if kind in PLAIN:
        text = value[1] if kind in {float, complex} else repr(value[1])
        return text if len(text) <= 40 else f"{kind.__name__} {_short(text)}"
    if len(value) == 4:
        return f"{np.dtype(value[1])} {value[2]} {value[3]}"
    return f"{kind.__name__} {_short(repr(value[1:]))}"


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _data(value: Any) -> str:
    if isinstance(value, Tensor):
        value = np.asarray(value._array)
    if isinstance(value, np.ndarray):
        if not _is_mapped(value) or len(value) <= _ROWS:
            return f"{value.dtype} {value.shape} {digest(value)}"
        rows = np.linspace(0, len(value) - 1, _ROWS).astype(int)
        return f"{value.dtype} {value.shape} {digest(np.asarray(value[rows]))}"
    if isinstance(value, CONTAINERS):
        whole = hashlib.sha256()
        count = _add(whole, value)
        return f"{type(value).__name__} of {len(value)} ({count:,} parts) {whole.hexdigest()[:16]}"
    return type(value).__name__


def _add(whole: Any, value: Any) -> int:
    """Feed all parts of a container into a digest; how many there are."""
    if not isinstance(value, CONTAINERS):
        try:
            whole.update(repr(frozen(value)).encode())
        except NoTreeError:
            whole.update(type(value).__name__.encode())
        return 1
    whole.update(f"{type(value).__name__} {len(value)}".encode())
    if isinstance(value, (set, frozenset)):
        value = sorted(value, key=repr)
    pairs = value.items() if isinstance(value, dict) else ((None, item) for item in value)
    return sum(_add(whole, item) + (whole.update(repr(key).encode()) or 0) for key, item in pairs)


def _is_mapped(array: Any) -> bool:
    """Whether it lies in a file that is read piece by piece."""
    while array is not None:
        if isinstance(array, np.memmap):
            return True
        array = getattr(array, "base", None)
    return False


def batch_digest(batch: Any) -> str | None:
    """A batch by its content; None where it is made of other things than arrays."""
    try:
        return _short(repr(frozen(batch)))
    except NoTreeError:
        return None
