"""The contents of a checkpoint: everything that decides how a run goes on."""

from __future__ import annotations

import platform
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

import minigrad
from minigrad.compiler.guards.code_names import is_of_package
from minigrad.data import DataLoader
from minigrad.errors import StateError
from minigrad.nn import Module, Parameter
from minigrad.optim.schedules import Schedule
from minigrad.random import default_generator, generator_state, set_generator_state
from minigrad.support.user_warnings import warn
from minigrad.train.attributes import NoTreeError, frozen, packed, unpacked
from minigrad.train.callbacks.callback import Callback
from minigrad.train.generators import PYTHON, set_state_of, state_of
from minigrad.train.reachable import Place, Reached, Root

if TYPE_CHECKING:
    from minigrad.train.batches import Batches
    from minigrad.train.run_state import RunState

T = TypeVar("T")
FORMAT = 2
_OF_TRAINER = ("accumulate", "clip_norm", "compile")  # which a callback may change


def versions() -> dict[str, str]:
    """The surroundings that the last bits of a result can depend on, besides the state."""
    return {
        "minigrad": minigrad.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "machine": platform.machine(),
    }


def check_versions(saved: Mapping[str, str]) -> None:
    """Warn where the run goes on under other versions than it was begun with."""
    now = versions()
    changed = [f"{name} {saved.get(name)}, now {now[name]}" for name in now if saved.get(name) != now[name]]
    if changed:
        warn(
            f"the checkpoint was made with {'; '.join(changed)}: the last bits of results may differ from those of a "
            "run that was not interrupted"
        )


# -- what is looked at ------------------------------------------------------------------------------


def named_callbacks(callbacks: Sequence[Callback]) -> Iterator[tuple[str, Callback]]:
    """Each with a name by which it is known again: its type, and its number among those of that type."""
    counts: Counter[str] = Counter()
    for callback in callbacks:
        kind = type(callback).__name__
        yield f"callbacks.{kind}.{counts[kind]}", callback
        counts[kind] += 1


def looked_at(
    trainer: RunState, batches: Batches | None, validation: Batches | None, callbacks: Sequence[Callback]
) -> Reached:
    """All that a run with these can get at."""
    roots = {"model": Root(trainer.model), "loss": Root(trainer.loss)}
    for name, data in (("train", batches), ("validation", validation)):
        if data is not None:
            roots[name] = Root(data.given, keeps_itself=data.has_position and _own(data.given), is_data=True)
    apart: list[Any] = [trainer, trainer.optimizer]
    metrics = [(f"metrics.{metric.name}", metric) for metric in trainer.metrics]
    for name, x in [*named_callbacks(callbacks), *metrics]:
        if is_of_package(type(x).__module__):
            apart.append(x)
        else:
            roots[name] = Root(x, keeps_itself=_own(x))
    for metric in trainer.metrics:
        if hasattr(metric, "function"):
            roots[f"metrics.{metric.name}.function"] = Root(metric.function)
    for number, group in enumerate(trainer.optimizer.param_groups):
        if callable(group["lr"]) and not isinstance(group["lr"], Schedule):
            roots[f"optimizer.lr.{number}"] = Root(group["lr"])
    reached = settled(lambda: Reached(roots, apart))
    _note_what_is_trained(reached, trainer)
    for name in _OF_TRAINER:
        reached.values[f"trainer.{name}"] = (Place(trainer, "trainer", name, False), frozen(getattr(trainer, name)))
    _find_drawn_ahead(reached, {"train": batches, "validation": validation})
    return reached


def settled(take: Callable[[], T]) -> T:
    """The result of ``take``; called again where threads of a loader change the objects meanwhile."""
    for _ in range(20):
        try:
            return take()
        except RuntimeError as error:  # a dict or a set that has grown
            if "changed size" not in str(error):
                raise
            time.sleep(0.001)
    return take()


def _note_what_is_trained(reached: Reached, trainer: RunState) -> None:
    """Note which weights of the model and the loss the optimizer has under which of its names."""
    names = {id(p): name for name, p in reversed(_named_weights(trainer.modules()).items())}
    for number, (group, own) in enumerate(zip(trainer.optimizer.param_groups, trainer.optimizer._names, strict=True)):
        for p, name in zip(group["params"], own, strict=True):
            reached.places[f"optimizer.param_groups.{number}.{name}"] = names.get(id(p), "elsewhere")


def _own(x: Any) -> bool:
    """Whether the user's class itself says what is saved of it."""
    definer = next((kind for kind in type(x).__mro__ if "state_dict" in vars(kind)), object)
    return not is_of_package(definer.__module__)


def _find_drawn_ahead(reached: Reached, data: Mapping[str, Batches | None]) -> None:
    for name, batches in data.items():
        loader = None if batches is None else batches.given
        if isinstance(loader, DataLoader) and loader.prefetch:
            for path, generator in reached.drawn_from.items():
                if path.startswith(f"{name}.") and path != f"{name}.generator":
                    reached.unsaved[path] = (
                        f"a {generator} that is drawn from ahead of time (prefetch={loader.prefetch}), how far is not "
                        "known: let the transform draw from its parameter called generator"
                    )


def say_what_cannot_be_saved(reached: Reached) -> None:
    """Warn, when a run with checkpoints begins, which objects they cannot hold."""
    if reached.unsaved:
        places = "; ".join(f"{path} is {why}" if " " in why else why for path, why in list(reached.unsaved.items())[:8])
        warn(
            f"checkpoints cannot hold all that this run depends on, and a resumed run may not be the same: {places}. "
            "What has a state_dict() and a load_state_dict(), or is made of numbers, arrays, lists and dicts, is saved"
        )


# -- values in attributes ---------------------------------------------------------------------------


def changed_values(reached: Reached, base: Mapping[str, Any], under: str = "") -> dict[str, Any]:
    """The values, and types of objects, that have changed since the run began."""
    values = []
    for path, (place, taken) in reached.values.items():
        if path.startswith(under) and not _is_weight(path) and (path not in base or base[path] != taken):
            values.append(
                {"path": path, "at": place.at, "key": _key(place), "item": place.is_item, "value": packed(place.get())}
            )
    kinds = {
        p: kind
        for p, kind in reached.kinds.items()
        if base.get(f"type of {p}", "" if p in reached.shadows else kind) != kind
    }
    for path in {*reached.places, *[p.removeprefix("place of ") for p in base if p.startswith("place of ")]}:
        was, is_now = base.get(f"place of {path}"), reached.places.get(path)
        if was != is_now and (was is not None or f"type of {path}" in base):
            kinds[f"place of {path}"] = is_now or ""
    return {"values": values, "kinds": {} if under else kinds}


def _of_place(path: str) -> str:
    other = path.removeprefix("place of ")
    return path if other == path else f"another object at {other}"


def _is_weight(path: str) -> bool:
    """Whether a weight is frozen is saved with the weights."""
    return path.endswith(".requires_grad") and path.startswith(("model.", "loss."))


def _key(place: Place) -> Any:
    return place.key if isinstance(place.key, (str, int, float, bool, tuple, type(None))) else None


def base_of(reached: Reached) -> dict[str, Any]:
    """The values from which later changes are told."""
    base = {path: taken for path, (_, taken) in reached.values.items()}
    base.update({path: (bool, True) for path in base if path.endswith(".training")})  # fit sets them
    base.update({f"type of {path}": kind for path, kind in reached.kinds.items()})
    base.update({f"place of {path}": place for path, place in reached.places.items()})
    return base


def put_back(state: Mapping[str, Any], reached: Reached) -> list[str]:
    """Put changed values where they were; the paths of those that have no place here."""
    missing = []
    for entry in state["values"]:
        path = entry["path"]
        if path in reached.values:
            place = reached.values[path][0]
        elif entry["at"] in reached.holders and entry["key"] is not None:
            place = Place(reached.holders[entry["at"]], entry["at"], entry["key"], entry["item"])
        else:
            missing.append(path)
            continue
        try:
            before = place.get()
        except LookupError:
            before = None
        try:
            after = unpacked(entry["value"], before)
            if after is not before and frozen(after) != frozen(place.get()):  # a tuple's items may have been changed
                place.set(after)
        except (LookupError, TypeError, AttributeError, ValueError, NoTreeError):
            missing.append(path)
    now = {**reached.kinds, **{f"place of {path}": first for path, first in reached.places.items()}}
    return missing + [_of_place(path) for path, kind in state["kinds"].items() if now.get(path, "") != kind]


# -- generators -------------------------------------------------------------------------------------


def generator_states(reached: Reached) -> dict[str, Any]:
    """The states of the package's generator, of all in reach, and of NumPy's and Python's global ones."""
    return {
        "package": generator_state(default_generator()),
        "found": {path: state_of(generator) for path, generator in reached.generators.items()},
        "numpy": dict(np.random.get_state(legacy=False)),  # noqa: NPY002 - a dataset may draw from it
        "python": state_of(PYTHON),
    }


def set_generator_states(states: Mapping[str, Any], reached: Reached, strict: bool = True, spawn: bool = True) -> None:
    """Let all generators go on from there. Raises ``StateError`` where a run has others, if ``strict``."""
    own, saved = reached.generators, states["found"]
    if strict and states.get("all", True) and own.keys() != saved.keys():
        raise StateError(
            f"the checkpoint has generators at {sorted(saved.keys() - own.keys())}, which are not here, and this run "
            f"has others at {sorted(own.keys() - saved.keys())}: make a generator where the model, the data or the "
            "callback is made"
        )
    for path in own.keys() & saved.keys():
        set_state_of(own[path], saved[path], spawn)
    set_generator_state(states["package"], default_generator())
    np.random.set_state(states["numpy"])  # noqa: NPY002
    set_state_of(PYTHON, states["python"])


# -- callbacks, and other objects with a state_dict ---------------------------------------------------


def callback_states(callbacks: Sequence[Callback]) -> list[dict[str, Any]]:
    """The type and state of each."""
    return [{"type": type(callback).__name__, "state": callback.state_dict()} for callback in callbacks]


def set_callback_states(states: Sequence[Mapping[str, Any]], callbacks: Sequence[Callback]) -> list[str]:
    """Give each callback the state of the one of its type, the first of them to the first; whose state nobody takes."""
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
    return sorted(name for (name, _), state in by_key.items() if state)


def unit_states(reached: Reached) -> dict[str, Any]:
    """The state of each object that has one, such as an EMA in a callback."""
    return {path: unit.state_dict() for path, unit in reached.units.items()}


def set_unit_states(states: Mapping[str, Any], reached: Reached) -> list[str]:
    """Put them back; the paths of those that have no place here."""
    for path in states.keys() & reached.units.keys():
        reached.units[path].load_state_dict(states[path])
    return sorted(states.keys() - reached.units.keys())


# -- frozen weights -----------------------------------------------------------------------------------


def frozen_weights(modules: Mapping[str, Any]) -> list[str]:
    """The names of the parameters that require no gradient."""
    return [name for name, parameter in _named_weights(modules).items() if not parameter.requires_grad]


def freeze(modules: Mapping[str, Any], names: Sequence[str] | None) -> None:
    """Freeze these weights and let go of all others. None, from an older checkpoint, changes nothing."""
    if names is not None:
        for name, parameter in _named_weights(modules).items():
            if parameter.requires_grad == (name in names):
                parameter.requires_grad_(name not in names)


def _named_weights(modules: Mapping[str, Any]) -> dict[str, Any]:
    return {
        f"{root}.{name}": parameter
        for root, module in modules.items()
        if isinstance(module, Module)
        for name, parameter in module._state().items()
        if isinstance(parameter, Parameter)
    }


# -- older checkpoints ----------------------------------------------------------------------------------


def upgraded(saved: Any) -> Any:
    """A checkpoint of format 1 in today's format, which holds more; others unchanged."""
    if not isinstance(saved, Mapping) or saved.get("format") != 1 or not isinstance(saved.get("position"), Mapping):
        return saved
    position = dict(saved["position"])
    generators = dict(position.get("generators", {}))
    generators.update(found=generators.pop("modules", {}), all=False)
    position.update(generators=generators, values={"values": [], "kinds": {}}, units={}, at_epoch=None, batch=None)
    warn(
        "the checkpoint was written by an earlier version of minigrad: which weights were frozen, what had changed in "
        "attributes, and generators outside of the model are not in it"
    )
    first = saved.get("first") or 0
    fits: list[dict[str, Any]] = [{"first": first, "epochs": 0, "settings": None}]
    return {**saved, "format": FORMAT, "position": position, "fits": fits, "frozen": None}


def note_base(run: RunState) -> None:
    """Before anything has changed: what a later checkpoint holds is what differs from this."""
    if not run.continuation.base:
        run.continuation.base = base_of(looked_at(run, None, None, ()))


def of_run(run: RunState) -> dict[str, Any]:
    """All that is known between two runs; a checkpoint has the position in the data as well."""
    return {
        "format": FORMAT,
        "versions": versions(),
        "model": run.model.state_dict(),
        "loss": run.loss.state_dict() if isinstance(run.loss, Module) else None,
        "optimizer": run.optimizer.state_dict(),
        "metrics": {metric.name: metric.state_dict() for metric in run.metrics},
        "history": run.history.state_dict(),
        "step": run.step,
        "epoch": run.epoch,
        "batch": run.batch,
        "first": run.continuation.first,
        "stopped": run.stopped,
        "totals": run.totals.state_dict(),
        "frozen": frozen_weights(run.modules()),
        "fits": run.continuation.fits,
        "position": run.continuation.pending,
    }


def load(run: RunState, saved: Mapping[str, Any]) -> None:
    """Read what ``of_run`` gave. Raises ``StateError`` where a part does not fit, and changes nothing then."""
    own = [metric.name for metric in run.metrics]
    if list(saved["metrics"]) != own:
        raise StateError(f"the checkpoint has the metrics {list(saved['metrics'])}, and the trainer has {own}")
    parts: list[tuple[Any, Any]] = [(run.model, saved["model"])]
    if isinstance(run.loss, Module):
        parts.append((run.loss, saved["loss"]))
    parts += [(metric, saved["metrics"][metric.name]) for metric in run.metrics]
    parts.append((run.optimizer, saved["optimizer"]))
    loaded: list[tuple[Any, Any]] = []
    try:
        for part, of_part in parts:
            before = part.state_dict()
            part.load_state_dict(of_part)  # one that does not fit changes nothing itself
            loaded.append((part, before))
    except Exception:
        for part, before in loaded:
            part.load_state_dict(before)
        raise
    freeze(run.modules(), saved["frozen"])
    run.continuation.fits = [dict(fit) for fit in saved["fits"]]
    run.history.load_state_dict(saved["history"])
    run.totals.load_state_dict(saved["totals"])
    run.step, run.epoch, run.batch = saved["step"], saved["epoch"], saved["batch"]
    run.continuation.first, run.stopped, run.continuation.pending = saved["first"], saved["stopped"], saved["position"]
