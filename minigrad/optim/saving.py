"""The state dict of an optimizer: what goes into it, and whether one fits before anything of it is taken."""

from __future__ import annotations

import importlib
import itertools
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from minigrad.core.checks import is_whole
from minigrad.errors import HyperparameterError, StateError
from minigrad.optim.hyperparameters import checked
from minigrad.optim.schedules import Schedule, schedule_from

if TYPE_CHECKING:
    from minigrad.optim.optimizer import Optimizer


def saved(value: Any) -> Any:
    """A hyperparameter as plain data. Of a function of the user's there is only what it looks like."""
    if isinstance(value, Schedule):
        return value.state_dict()
    return {"callable": repr(value)} if callable(value) else value


def fingerprints(optimizer: Optimizer) -> dict[str, str]:
    """What tells the weights of parameters apart, of all whose names do not.

    Two groups made of submodules have the same names, those that the submodules have for their parameters. The later
    one is given its number, which says nothing to another optimizer that has the groups in another order.
    """
    own = optimizer._names
    shared = {
        name
        for number, names in enumerate(own)
        for earlier in itertools.chain.from_iterable(own[:number])
        if (later := f"{number}.{earlier}") in names
        for name in (earlier, later)
    }
    pairs = [(name, p) for _, p, name in _parameters(optimizer) if name in shared]
    hashed = importlib.import_module("hashlib").blake2b  # it loads OpenSSL, which takes long for an import
    return {
        name: hashed(p._array.astype(np.result_type(p._array, np.float64)).tobytes(), digest_size=12).hexdigest()
        for name, p in pairs
    }


def _of_other_weights(optimizer: Optimizer, weights: Any) -> list[str]:
    """The error for state whose name fits, but which may belong to another parameter."""
    if not isinstance(weights, Mapping):
        return [f"weights is a dict of fingerprints by name, got {weights!r:.60}"]
    others = [
        name for name, fingerprint in fingerprints(optimizer).items() if weights.get(name, fingerprint) != fingerprint
    ]
    if not others:
        return []
    named = '{"params": [(name, p) for name, p in model.named_parameters() if name.startswith("encoder.")]}'
    problem = (
        f"{', '.join(others)}: several groups have parameters of these names, and the weights are not those that the "
        "state was saved with, so it may be that of another group. Have the groups in the same order and load the "
        f"model's weights first; or make groups with full names, {named}"
    )
    return [problem]


class Fitting(NamedTuple):
    """A state dict that fits, taken apart."""

    counters: dict[str, int]
    current_lr: float
    settings: list[dict[str, Any]]  # of each group
    arrays: dict[int, dict[str, np.ndarray]]  # by the id of the parameter
    missed: dict[int, int]  # likewise


def fitting(optimizer: Optimizer, state: Any) -> Fitting:
    """A result of ``state_dict``, checked against the optimizer that continues from it.

    Raises ``StateError``, or ``HyperparameterError`` for a value outside its range.
    """
    kind = type(optimizer).__name__
    if not isinstance(state, Mapping):
        raise StateError(f"{kind} loads the dict that state_dict() gave, got {type(state).__name__}")
    if problems := _other_kinds(state):
        raise StateError(f"this is no state dict of {kind}: " + ", ".join(problems))
    groups, kept_state = state["param_groups"], state["state"]
    current_lr = checked(kind, {"current_lr": state.get("current_lr", optimizer.current_lr)})["current_lr"]
    own = optimizer._names
    names = [list(group.get("params", ())) for group in groups]
    if [sorted(map(str, some)) for some in names] != list(map(sorted, own)):  # state is found by name, not by place
        problems.append(f"expected the parameters {own}, got {names}")
    settings = [_settings(optimizer, number, group, problems) for number, group in enumerate(groups)]
    counters = {name: state.get(name, 0) for name in optimizer.COUNTERS}
    for name, value in counters.items():
        if not is_whole(value, 0):
            problems.append(f"{name} is a whole number >= 0, got {value!r}")
    missed = state.get("missed", {})
    if not isinstance(missed, Mapping) or not all(is_whole(value, 0) for value in missed.values()):
        problems.append(f"missed is a dict of whole numbers >= 0 by name, got {missed!r:.60}")
        missed = {}
    total = sum(map(len, kept_state.values()))
    if not problems and counters.get("pairs", 0) > total:  # a list of names that long is not even made
        problems.append(f"pairs is {counters['pairs']}, and there are {total} arrays")
    arrays = {} if problems else _arrays(optimizer, kept_state, settings, counters, problems)
    if not problems:
        problems += [
            f"{name}: missed {count} of {counters['iterations']} steps"
            for name, count in missed.items()
            if count > counters["iterations"]
        ]
    if not problems and counters["iterations"]:
        problems += _of_other_weights(optimizer, state.get("weights", {}))
    unknown = {*kept_state, *missed}.difference(*own)
    problems += [f"unexpected state: {name}" for name in sorted(map(str, unknown))]
    if problems:
        raise StateError(f"this state dict does not fit, nothing was loaded into {kind}:\n  " + "\n  ".join(problems))
    by_id = {id(p): int(missed.get(name, 0)) for _, p, name in _parameters(optimizer)}
    return Fitting({name: int(value) for name, value in counters.items()}, current_lr, settings, arrays, by_id)


def _other_kinds(state: Mapping[str, Any]) -> list[str]:
    """What is missing in a state dict, or of another kind."""
    problems = [f"missing: {key}" for key in ("iterations", "param_groups", "state") if key not in state]
    if problems:
        return problems
    groups, kept_state = state["param_groups"], state["state"]
    if not (isinstance(groups, (list, tuple)) and all(isinstance(group, Mapping) for group in groups)):
        problems.append(f"param_groups is a list of dicts, got {groups!r:.60}")
    if not (isinstance(kept_state, Mapping) and all(isinstance(arrays, Mapping) for arrays in kept_state.values())):
        problems.append(f"state is a dict of dicts of arrays, got {kept_state!r:.60}")
    return problems


def _parameters(optimizer: Optimizer) -> Iterator[tuple[int, Any, str]]:
    """The number of its group, each parameter, and its name."""
    for number, (group, names) in enumerate(zip(optimizer.param_groups, optimizer._names, strict=True)):
        for p, name in zip(group["params"], names, strict=True):
            yield number, p, name


def _arrays(
    optimizer: Optimizer,
    kept_state: Mapping[str, Any],
    settings: list[dict[str, Any]],
    counters: dict[str, int],
    problems: list[str],
) -> dict[int, dict[str, np.ndarray]]:
    """The arrays of each parameter, by its id; what is wrong with them is added to ``problems``."""
    arrays: dict[int, dict[str, np.ndarray]] = {}
    known_of = [
        optimizer.state_names({**group, **changed, **counters})
        for group, changed in zip(optimizer.param_groups, settings, strict=True)
    ]
    for number, p, name in _parameters(optimizer):
        known = known_of[number]
        own = {key: np.asarray(value) for key, value in kept_state.get(name, {}).items()}
        arrays[id(p)] = own
        if counters["iterations"]:
            problems += [f"{name}: missing {key}" for key in known if key not in own]
        problems += [
            f"{name}: expected {', '.join(known) or 'no state'} of shape {p.shape}, "
            f"got {key} of shape {array.shape}, dtype {array.dtype}"
            for key, array in own.items()
            if key not in known or array.shape != p.shape or array.dtype.kind != p.dtype.kind
        ]
    return arrays


def _settings(optimizer: Optimizer, number: int, group: Mapping[str, Any], problems: list[str]) -> dict[str, Any]:
    """The hyperparameters of one group; what is wrong with them is added to ``problems``."""
    settings = {key: value for key, value in group.items() if key != "params"}
    if set(settings) != set(optimizer._defaults):
        problems.append(f"expected the hyperparameters {sorted(optimizer._defaults)}, got {sorted(settings)}")
        return settings
    rate = settings["lr"]
    if isinstance(rate, Mapping) and "callable" in rate:
        own = optimizer.param_groups[number]["lr"] if number < len(optimizer.param_groups) else None
        if not callable(own) or isinstance(own, Schedule):
            problems.append(
                f"the rate was a function, {rate['callable']}, which a state dict cannot hold: make the "
                f"{type(optimizer).__name__} with lr= that function, then load"
            )
            return settings
        settings["lr"] = own
    elif isinstance(rate, Mapping):
        try:
            settings["lr"] = schedule_from(rate)
        except HyperparameterError as error:
            problems.append(str(error))
            return settings
    return checked(type(optimizer).__name__, settings)
