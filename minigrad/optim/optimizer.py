"""What all optimizers share: parameter groups, the decaying rate, the step, saving and loading."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from operator import is_
from typing import Any

import numpy as np

from minigrad.context import recorder
from minigrad.errors import DTypeError, HyperparameterError, StateError
from minigrad.optim.flat import Flat, flats
from minigrad.optim.hyperparameters import checked
from minigrad.tensor import Tensor

#: Every so many steps, state that has decayed to subnormal numbers is set to zero.
FLUSH_EVERY = 64

Parameters = Iterable[Any]
Array = np.ndarray


class Optimizer:
    """The base of the optimizers. A subclass names its state and defines ``update``.

    ``params`` holds Parameters, (name, Parameter) pairs, or groups: dicts of ``params`` and the
    hyperparameters that differ in this group. With names (those of ``model.parameters()`` come
    along), the state is saved by name.

    ``lr`` is the initial rate; it decays as lr_t = lr / (1 + decay t), where t counts the steps from
    0. ``current_lr`` is the rate of the latest step (the initial one before any), ``iterations`` the
    number of steps made. ``param_groups`` holds the groups as dicts; their hyperparameters may be changed
    between steps, their parameters not. The first step moves the parameters into one array: what was taken as
    ``p.data`` or ``p.detach()`` before is not changed by it.

    Raises ``HyperparameterError`` for values outside their range and for an empty list of
    parameters, ``DTypeError`` for what is no parameter.
    """

    def __init__(self, params: Parameters, **hyperparameters: Any) -> None:
        kind = type(self).__name__
        hyperparameters = checked(kind, hyperparameters)
        self._defaults = hyperparameters
        self._names: list[list[str]] = []  # of the parameters of each group
        self.iterations = 0
        groups: list[dict[str, Any]] = []
        for group in _groups(kind, params):
            unknown = set(group) - set(hyperparameters) - {"params"}
            if unknown:
                raise HyperparameterError(
                    f"{kind} has no hyperparameter {', '.join(map(repr, unknown))}; it has {', '.join(hyperparameters)}"
                )
            settings = {**hyperparameters, **{k: v for k, v in group.items() if k != "params"}}
            settings = checked(kind, settings)
            groups.append({"params": self._named(groups, group["params"]), **settings})
        self.param_groups = tuple(groups)
        self._params = tuple(group["params"] for group in groups)
        self._checked = [list(group.values()) for group in groups]  # as they were when they were last looked at
        if not any(self._names):
            raise HyperparameterError(
                f"{kind} got no parameters: pass model.parameters(), and note that a model finds parameters only "
                "in its attributes"
            )
        self._flats: list[list[Flat]] = []
        self.current_lr: float = self.lr

    def _named(self, groups: list[dict[str, Any]], params: Any) -> tuple[Tensor, ...]:
        """The parameters of one group, checked; their names are remembered."""
        kind = type(self).__name__
        items = [params] if isinstance(params, Tensor) else list(params)
        known = getattr(params, "names", ())
        if len(known) == len(items):
            items = [*zip(known, items, strict=True)]
        before = [p for group in groups for p in group["params"]]
        taken = {name for names in self._names for name in names}
        found: list[Tensor] = []
        names: list[str] = []
        for item in items:
            pair = isinstance(item, tuple) and len(item) == 2 and not isinstance(item[0], Tensor)
            name, p = (str(item[0]), item[1]) if pair else (str(len(before) + len(found)), item)
            if not isinstance(p, Tensor):
                raise DTypeError(
                    f"{kind} optimizes Tensors that require a gradient, got {type(p).__name__}: pass model.parameters()"
                )
            if not p.is_leaf or p.dtype.kind != "f":
                raise DTypeError(
                    f"{kind} optimizes tensors of a floating dtype that were not computed from others; "
                    f"got one of dtype {p.dtype}{'' if p.is_leaf else ', which is the result of an operation'}"
                )
            if any(p is other for other in (*before, *found)):
                raise HyperparameterError(f"{kind}: parameter {name!r} is given twice")
            if name in taken:  # two models in two groups may well use the same names
                name = f"{len(self._names)}.{name}"
            if name in names:
                raise HyperparameterError(f"{kind}: two parameters are called {name!r}; their state is saved by name")
            found.append(p)
            names.append(name)
        self._names.append(names)
        return tuple(found)

    def _name_by_id(self) -> dict[int, str]:
        """The names of the parameters, made anew: in a copy of the optimizer they are other objects."""
        return {
            id(p): name
            for params, names in zip(self._params, self._names, strict=True)
            for p, name in zip(params, names, strict=True)
        }

    # -- rates --------------------------------------------------------------------------------

    @property
    def lr(self) -> float:
        """The initial learning rate (of the first group); assigning sets it in all groups."""
        return self.param_groups[0]["lr"]  # type: ignore[no-any-return]

    @lr.setter
    def lr(self, value: float) -> None:
        settings = checked(type(self).__name__, {"lr": value})
        for group in self.param_groups:
            group.update(settings)

    def _rate(self, group: dict[str, Any]) -> float:
        """lr / (1 + decay t), with the notebook's rounding."""
        return group["lr"] * (1.0 / (1.0 + group["decay"] * self.iterations))  # type: ignore[no-any-return]

    def rates(self, group: dict[str, Any]) -> Any:
        """What ``update`` gets as ``lr`` in this step: the decayed rate, or a tuple of numbers that vary by the step.

        Whatever depends on ``iterations`` belongs here, not in ``update``: ``mg.compile`` runs this anew for each step,
        and ``update`` once.
        """
        return self._rate(group)

    # -- the step -----------------------------------------------------------------------------

    def state_names(self, group: dict[str, Any]) -> Sequence[str]:
        """The names of the arrays that this optimizer keeps for each parameter of a group."""
        raise NotImplementedError(f"{type(self).__name__} defines no state_names(self, group)")

    def update(
        self, group: dict[str, Any], lr: Any, w: Array, g: Array, scratch: tuple[Array, Array], *state: Array
    ) -> None:
        """Change weights ``w`` and their state in place, given gradients ``g``, which stay as they are.

        All are one-dimensional arrays of one length; ``scratch`` holds two more to calculate in. ``lr`` is what
        ``rates`` gave.
        """
        raise NotImplementedError(f"{type(self).__name__} defines no update(self, group, lr, w, g, scratch, *state)")

    def step(self) -> None:
        """Update every parameter that has a gradient."""
        self.prepare()
        recording = recorder()
        if recording is not None:
            recording.update(self)
            return
        self.current_lr = self._rate(self.param_groups[0])
        for group, group_flats in zip(self.param_groups, self._flats, strict=True):
            rates = self.rates(group)
            for flat in group_flats:
                flat.apply(self.update, group, rates)
        self.finish()

    def finish(self) -> None:
        """What every step ends with: tiny state is set to zero now and then, and the step is counted."""
        self.iterations += 1
        if not self.iterations % FLUSH_EVERY:
            for flat in itertools.chain.from_iterable(self._flats):
                flat.flush()

    def prepare(self) -> None:
        """Check the groups, and lay the parameters into flat arrays unless they lie there."""
        for group, params, seen in zip(self.param_groups, self._params, self._checked, strict=True):
            if group["params"] is not params:
                raise HyperparameterError(
                    f"the parameters of a group are set when {type(self).__name__} is made: make a new one for others"
                )
            if not all(map(is_, group.values(), seen)):
                group.update(checked(type(self).__name__, {name: group[name] for name in self._defaults}))
                seen[:] = group.values()
        current = bool(self._flats)
        for group, group_flats in zip(self.param_groups, self._flats, strict=False):
            names = self.state_names(group)
            for flat in group_flats:
                current = current and flat.is_current() and flat.state_names == names
        if not current:
            self._adopt()

    def zero_grad(self) -> None:
        """Forget the gradients of all parameters."""
        for group in self.param_groups:
            for p in group["params"]:
                p.zero_grad()

    def _adopt(self) -> None:
        """Lay the parameters into flat arrays (again), and carry their state over.

        Raises ``StateError`` when a parameter has another shape than its state.
        """
        for flat in itertools.chain.from_iterable(self._flats):
            for p, shape in zip(flat.parameters, flat.shapes, strict=True):
                if p.shape != shape:
                    name = self._name_by_id()[id(p)]
                    raise StateError(
                        f"parameter {name!r} changed its shape from {shape} to {p.shape} under its optimizer: "
                        f"make a new {type(self).__name__} for it"
                    )
        old = self._state_by_parameter()
        self._flats = [flats(group["params"], self.state_names(group)) for group in self.param_groups]
        self._fill(old)

    def _parts(self) -> list[tuple[Tensor, str, tuple[int, ...], np.ndarray]]:
        """(parameter, name of the state, shape, its part of the flat array)."""
        return [
            (p, name, shape, array[part])
            for group in self._flats
            for flat in group
            for name, array in flat.state.items()
            for p, shape, part in zip(flat.parameters, flat.shapes, flat.slices, strict=True)
        ]

    def _state_by_parameter(self) -> dict[int, dict[str, np.ndarray]]:
        state: dict[int, dict[str, np.ndarray]] = {}
        for parameter, name, _, part in self._parts():
            state.setdefault(id(parameter), {})[name] = part
        return state

    def _fill(self, state: Mapping[int, Mapping[str, np.ndarray]]) -> None:
        for parameter, name, _, part in self._parts():
            old = state.get(id(parameter), {}).get(name)
            if old is not None:
                part[...] = old.reshape(-1)

    # -- saving and loading -------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """Everything a run needs to go on: the number of steps, hyperparameters, state by name.

        ``{"iterations": int, "param_groups": [{..., "params": [name, ...]}], "state": {name: {...}}}``
        with arrays in the parameters' shapes.
        """
        names = self._name_by_id()
        state: dict[str, dict[str, np.ndarray]] = {}
        for parameter, name, shape, part in self._parts():
            state.setdefault(names[id(parameter)], {})[name] = part.reshape(shape).copy()
        groups = [
            {**{k: v for k, v in group.items() if k != "params"}, "params": list(own)}
            for group, own in zip(self.param_groups, self._names, strict=True)
        ]
        return {"iterations": self.iterations, "current_lr": self.current_lr, "param_groups": groups, "state": state}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what ``state_dict`` gave.

        Raises ``StateError`` when the parameters' names, their shapes or the hyperparameters do not
        fit this optimizer, and changes nothing then.
        """
        kind = type(self).__name__
        if not isinstance(state, Mapping):
            raise StateError(f"{kind} loads the dict that state_dict() gave, got {type(state).__name__}")
        problems = [f"missing: {key}" for key in ("iterations", "param_groups", "state") if key not in state]
        if problems:
            raise StateError(f"this is no state dict of {kind}: " + ", ".join(problems))
        groups, kept_state = state["param_groups"], state["state"]
        if not (isinstance(groups, (list, tuple)) and all(isinstance(group, Mapping) for group in groups)):
            problems.append(f"param_groups is a list of dicts, got {groups!r:.60}")
        if not (isinstance(kept_state, Mapping) and all(isinstance(kept, Mapping) for kept in kept_state.values())):
            problems.append(f"state is a dict of dicts of arrays, got {kept_state!r:.60}")
        if problems:
            raise StateError(f"this is no state dict of {kind}: " + ", ".join(problems))
        current_lr = checked(kind, {"lr": state.get("current_lr", self.lr)})["lr"]
        own = self._names
        names = [list(group.get("params", ())) for group in state["param_groups"]]
        if names != own:
            problems.append(f"expected the parameters {own}, got {names}")
        hyperparameters = [{k: v for k, v in group.items() if k != "params"} for group in state["param_groups"]]
        for i, group in enumerate(hyperparameters):
            if set(group) == set(self._defaults):
                hyperparameters[i] = checked(kind, group)
            else:
                problems.append(f"expected the hyperparameters {sorted(self._defaults)}, got {sorted(group)}")
        if not isinstance(state["iterations"], (int, np.integer)) or state["iterations"] < 0:
            problems.append(f"iterations is a whole number >= 0, got {state['iterations']!r}")
        arrays: dict[int, dict[str, np.ndarray]] = {}
        for group, own_names, settings in zip(self.param_groups, own, hyperparameters, strict=False):
            known = self.state_names({**group, **settings})
            for p, name in zip(group["params"], own_names, strict=True):
                kept = {key: np.asarray(value) for key, value in state["state"].get(name, {}).items()}
                arrays[id(p)] = kept
                if state["iterations"]:
                    problems += [f"{name}: missing {key}" for key in known if key not in kept]
                for key, array in kept.items():
                    if key not in known or array.shape != p.shape or array.dtype.kind != "f":
                        problems.append(
                            f"{name}: expected {', '.join(known) or 'no state'} of shape {p.shape}, "
                            f"got {key} of shape {array.shape}, dtype {array.dtype}"
                        )
        unknown = set(state["state"]).difference(*own)
        problems += [f"unexpected state: {name}" for name in sorted(unknown)]
        if problems:
            raise StateError(
                f"this state dict does not fit, nothing was loaded into {kind}:\n  " + "\n  ".join(problems)
            )
        for group, settings in zip(self.param_groups, hyperparameters, strict=True):
            group.update(settings)
        self.iterations = int(state["iterations"])
        self.current_lr = current_lr
        self._flats = []
        self._adopt()
        self._fill(arrays)

    def __repr__(self) -> str:
        settings = ", ".join(f"{key}={self.param_groups[0][key]!r}" for key in self._defaults)
        return f"{type(self).__name__}({settings})"


def _groups(kind: str, params: Any) -> list[dict[str, Any]]:
    """The groups that were given, or one of all parameters."""
    if isinstance(params, (Tensor, np.ndarray, dict)) or not hasattr(params, "__iter__"):
        raise DTypeError(f"{kind} takes a list of parameters, got one {type(params).__name__}: pass model.parameters()")
    if hasattr(params, "names"):
        return [{"params": params}]
    items = list(params)
    if not items or not all(isinstance(item, dict) for item in items):
        return [{"params": items}]
    for item in items:
        if "params" not in item:
            raise HyperparameterError(f"{kind}: a group of parameters has the key 'params'; got {', '.join(item)}")
    return items
