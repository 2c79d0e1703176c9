"""What a checkpoint holds: all that decides how a run goes on."""

from __future__ import annotations

import platform
import random
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from minigrad.errors import StateError
from minigrad.nn import Module
from minigrad.random import default_generator, generator_state, set_generator_state
from minigrad.train.callbacks.callback import Callback

FORMAT = 1


def versions() -> dict[str, str]:
    """What the last bits of a result can depend on, besides the state."""
    from minigrad import __version__  # noqa: PLC0415 - the package imports this module

    return {
        "minigrad": __version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "machine": platform.machine(),
    }


def check_versions(saved: Mapping[str, str]) -> None:
    """Warn where the run goes on under other versions than it was begun with."""
    now = versions()
    changed = [f"{name} {saved.get(name)}, now {now[name]}" for name in now if saved.get(name) != now[name]]
    if changed:
        warnings.warn(
            f"the checkpoint was made with {'; '.join(changed)}: the last bits of results may differ from those of a "
            "run that was not interrupted",
            UserWarning,
            stacklevel=4,
        )


# -- generators ---------------------------------------------------------------------------------


def generators_of(modules: Mapping[str, Any]) -> dict[str, np.random.Generator]:
    """Every generator in the attributes of these modules and those inside, also in lists and dicts; each once."""
    found: dict[int, tuple[str, np.random.Generator]] = {}
    for holder, root in modules.items():
        if isinstance(root, Module):
            for path, module in root.named_modules():
                for name, generator in _in(vars(module), ".".join(filter(None, (holder, path)))):
                    found.setdefault(id(generator), (name, generator))
    return dict(found.values())


def _in(value: Any, name: str) -> Iterator[tuple[str, np.random.Generator]]:
    if isinstance(value, np.random.Generator):
        yield name, value
    elif isinstance(value, (list, tuple, dict)):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, item in items:
            yield from _in(item, f"{name}.{key}")


def generator_states(modules: Mapping[str, Any]) -> dict[str, Any]:
    """The states of the package's generator, of the modules' own, and of NumPy's and Python's global ones."""
    python = random.getstate()
    return {
        "package": generator_state(default_generator()),
        "modules": {name: generator_state(generator) for name, generator in generators_of(modules).items()},
        "numpy": dict(np.random.get_state(legacy=False)),  # noqa: NPY002 - a dataset may draw from it
        "python": {"version": python[0], "state": np.array(python[1], np.uint32), "gauss": python[2]},
    }


def set_generator_states(states: Mapping[str, Any], modules: Mapping[str, Any]) -> None:
    """Let all generators go on from there. Raises ``StateError`` where the modules have others."""
    own = generators_of(modules)
    if own.keys() != states["modules"].keys():
        raise StateError(
            f"the checkpoint has generators at {sorted(states['modules'])}, and the model has them at {sorted(own)}"
        )
    for name, generator in own.items():
        set_generator_state(states["modules"][name], generator)
    set_generator_state(states["package"], default_generator())
    np.random.set_state(states["numpy"])  # noqa: NPY002
    python = states["python"]
    random.setstate((python["version"], tuple(python["state"].tolist()), python["gauss"]))


# -- callbacks ------------------------------------------------------------------------------------


def callback_states(callbacks: Sequence[Callback]) -> list[dict[str, Any]]:
    """The type and state of each."""
    return [{"type": type(callback).__name__, "state": callback.state_dict()} for callback in callbacks]


def set_callback_states(states: Sequence[Mapping[str, Any]], callbacks: Sequence[Callback]) -> None:
    """Give each callback the state of the one of its type, the first of them to the first.

    Warns of state that nobody takes: the run will not go on as it would have.
    """
    counts: Counter[str] = Counter()
    by_key = {}
    for saved in states:
        by_key[saved["type"], counts[saved["type"]]] = saved["state"]
        counts[saved["type"]] += 1
    counts.clear()
    for callback in callbacks:
        name = type(callback).__name__
        state = by_key.pop((name, counts[name]), None)
        counts[name] += 1
        if state is not None:
            callback.load_state_dict(state)
    lost = sorted(name for (name, _), state in by_key.items() if state)
    if lost:
        warnings.warn(
            f"the checkpoint has the state of {', '.join(lost)}, and fit got no such callback: pass the same callbacks "
            "to go on exactly",
            UserWarning,
            stacklevel=4,
        )
