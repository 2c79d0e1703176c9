"""The base of all optimizers: parameter groups, the decaying rate, the step, saving and loading."""

from __future__ import annotations

import itertools
import numbers
from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter, is_
from typing import Any, Self

import numpy as np

from minigrad.core.batches import active, body, refuse_effect
from minigrad.core.context import mode, recorder
from minigrad.core.graph import Node
from minigrad.core.tensor import Tensor
from minigrad.errors import HyperparameterError, StateError
from minigrad.optim.flat import Flat, flats
from minigrad.optim.groups import Parameters, given_groups, named
from minigrad.optim.hyperparameters import Hyperparameter, checked, rate_of
from minigrad.optim.saving import fingerprints, fitting, saved
from minigrad.optim.schedules import Schedule
from minigrad.support.idioms import check_options, refuse_keywords, refuse_names

__all__ = ["Optimizer"]

#: The number of steps after which state that has decayed to subnormal numbers is set to zero.
FLUSH_EVERY = 64

#: The modules of what is called for rates and counts.
_modules = attrgetter(*[f"{name}.__module__" for name in ("rates", "rates_of", "_rate", "finish", "miss")])

Rate = float | Callable[[int], float]
Array = np.ndarray
#: Parameters and their hyperparameters, by name.
Group = dict[str, Any]
Pair = tuple[Array, Array]

#: What a step updates: (number of the group, flat array, gradients, how many of these are None), ...
Work = list[tuple[int, Flat, list[Any], int]]


class Optimizer:
    """The base of the optimizers. A subclass names its state and defines ``update``.

    ``params`` contains Parameters, (name, Parameter) pairs, or groups. A group is a dict of ``params`` and the
    hyperparameters that differ in this group. Parameters from ``model.parameters()`` have names, and their state is
    saved by name.

    ``lr`` is the initial rate. It decays as lr_t = lr / (1 + decay t), where t counts the steps from 0. It may also be
    a schedule, one of ``minigrad.optim.schedules`` or any function of the step: then lr_t = lr(t) / (1 + decay t). A
    schedule is saved as its name and numbers. Any other function is saved as its repr only, so an optimizer that loads
    such a state must be made with the function.

    Every keyword that a subclass passes to ``super().__init__`` is a hyperparameter, which ``update`` finds in
    ``group``: ``lr``, ``decay`` (0 if left out), and others: numbers, strings, booleans, None or tuples of these. The
    corrections for the start at zero count only the steps in which the parameter had a gradient.

    ``current_lr`` is the rate of the latest step (before the first step, the initial rate), and ``iterations`` the
    number of steps. With ``skip_nonfinite=True``, a step in which any gradient is infinite or NaN changes nothing but
    the count ``skipped``. ``param_groups`` holds the groups as dicts; their hyperparameters may be changed between
    steps, but not their parameters. The first step moves the parameters into one array, so arrays from ``p.data`` or
    ``p.detach()`` before it do not change with the parameters.

    Raises ``HyperparameterError`` for values outside their range and for an empty list of parameters, ``DTypeError``
    for anything that is not a Parameter.

    >>> optimizer = mg.optim.SGD([mg.nn.Parameter([0.0])], lr=0.5)
    >>> optimizer.current_lr, optimizer.iterations
    (0.5, 0)
    """

    #: What is counted, and saved.
    COUNTERS: tuple[str, ...] = ("iterations", "skipped")

    #: Whether ``rates`` depends on how many steps a parameter has made: on ``self.iterations - self.missed``.
    COUNTS_STEPS: bool = False

    def __new__(cls, *args: Any, **options: Any) -> Self:
        """An option of another framework is refused with what to write."""
        if options:
            check_options(cls, args, options)
        return object.__new__(cls)

    #: The initial learning rate, or the schedule.
    lr: Any

    def __init__(self, params: Parameters, *, skip_nonfinite: bool = False, **hyperparameters: Any) -> None:
        kind = type(self).__name__
        if "lr" not in hyperparameters:
            raise HyperparameterError(f"{kind}: every optimizer has a rate: write super().__init__(params, lr=lr)")
        hyperparameters.setdefault("decay", 0.0)
        hyperparameters = checked(kind, hyperparameters)
        self._defaults = hyperparameters
        self._skip_nonfinite: bool = checked(kind, {"skip_nonfinite": skip_nonfinite})["skip_nonfinite"]
        self._names: list[list[str]] = []  # of the parameters of each group
        self._iterations = 0
        self.missed = 0  # of the parameters for which ``rates`` is called
        self.skipped = 0
        groups: list[dict[str, Any]] = []
        for group in given_groups(kind, params):
            unknown = set(group) - set(hyperparameters) - {"params"}
            if unknown:
                raise HyperparameterError(
                    f"{kind} has no hyperparameter {', '.join(map(repr, unknown))}; it has {', '.join(hyperparameters)}"
                )
            settings = checked(kind, {**hyperparameters, **{k: v for k, v in group.items() if k != "params"}})
            before = [p for earlier in groups for p in earlier["params"]]
            tensors, names = named(kind, group["params"], before, self._names)
            groups.append({"params": tensors, **settings})
            self._names.append(names)
        self.param_groups = tuple(groups)
        self._params = tuple(group["params"] for group in groups)
        self._checked = [list(group.values()) for group in groups]  # as they were when they were last looked at
        if not any(self._names):
            raise HyperparameterError(
                f"{kind} got no parameters: pass model.parameters(), and note that a model finds parameters only "
                "in its attributes"
            )
        self._flats: list[list[Flat]] = []
        self._apart: list[Tensor] = []  # those that missed the latest step, where others in their flat array did not
        self._current_lr: float = self._rate(self.param_groups[0])

    def _take(self, **values: Any) -> None:
        """The common ``__init__`` of optimizers that state their hyperparameters as attributes."""
        Optimizer.__init__(self, **values)

    def _name_by_id(self) -> dict[int, str]:
        """The names of the parameters, made anew: in a copy of the optimizer they are other objects."""
        groups = zip(self._params, self._names, strict=True)
        return {id(p): name for params, names in groups for p, name in zip(params, names, strict=True)}

    # -- counts -------------------------------------------------------------------------------

    @property
    def iterations(self) -> int:
        """The number of steps so far."""
        recording = None if mode() is Node else recorder()
        count: int = self._iterations if recording is None else recording.told(self, "iterations", self._iterations)
        return count

    @iterations.setter
    def iterations(self, count: int) -> None:
        recording = recorder()
        if recording is not None:
            raise recording.refusal("optimizer.iterations is set in the step", "set it outside of the step")
        self._iterations = count

    @property
    def current_lr(self) -> float:
        """The rate of the latest step; before the first step, the initial rate."""
        recording = recorder()
        rate: float = self._current_lr if recording is None else recording.told(self, "current_lr", self._current_lr)
        return rate

    @current_lr.setter
    def current_lr(self, rate: float) -> None:
        self._current_lr = rate

    # -- rates --------------------------------------------------------------------------------

    def _rate(self, group: Group, missed: int = 0) -> float:
        """lr / (1 + decay t), with the notebook's rounding; t without the steps that were missed."""
        lr = group["lr"]
        if callable(lr):
            lr = rate_of(type(self).__name__, lr, self.iterations)
        rate: float = lr * (1.0 / (1.0 + group["decay"] * (self.iterations - missed)))
        return rate

    def has_plain_rates(self) -> bool:
        """Whether rates depend on its numbers and counts alone, as it is now: no function of the user's is called."""
        are_plain = [isinstance(group["lr"], (numbers.Real, Schedule)) for group in self.param_groups]
        return all(are_plain) and all(str(x).startswith("minigrad.optim.") for x in _modules(self))

    @property
    def skip_nonfinite(self) -> bool:
        """Whether steps with a gradient that is not finite are skipped; set when the optimizer is made."""
        return self._skip_nonfinite

    def rates(self, group: Group) -> Any:
        """What ``update`` gets as ``lr`` in this step: the decayed rate, or a tuple of numbers that vary by the step.

        Everything that depends on ``iterations`` belongs here, not in ``update``, which a compiled step calls only when
        it is recorded. With ``COUNTS_STEPS = True`` in the class, ``rates`` is called for parameters that had gradients
        in the same steps: all but ``missed`` of ``iterations``.
        """
        return self._rate(group)

    def rates_of(self, number: int, flat: Flat) -> Any:
        """``rates`` for the parameters in a flat array of that group."""
        self.missed = flat.missed
        return self.rates(self.param_groups[number])

    # -- the step -----------------------------------------------------------------------------

    def state_names(self, group: Group) -> Sequence[str]:
        """The names of the arrays that this optimizer keeps for each parameter of a group."""
        raise NotImplementedError(f"{type(self).__name__} defines no state_names(self, group), such as: return ('m',)")

    def update(self, group: Group, lr: Any, w: Array, g: Array, scratch: Pair, *state: Array) -> None:
        """Change weights ``w`` and their state in place, given gradients ``g``, which stay as they are.

        All are one-dimensional arrays of one length, and so are the two of ``scratch``. ``lr`` is from ``rates``.
        """
        raise NotImplementedError(f"{type(self).__name__} defines no update(self, group, lr, w, g, scratch, *state)")

    def step(self, *foreign: Any, **named: Any) -> None:
        """Update every parameter that has a gradient."""
        if foreign or named:  # not a parameter of its name: by that a Trainer knows who takes a closure
            refuse_keywords(f"{type(self).__name__}.step", [*named, "closure"])
        if active() or body():
            refuse_effect("an optimizer makes a step", "return the gradients, and make the step outside")
        recording = None if mode() is Node else recorder()
        if recording is not None:
            recording.settle()
        self.prepare()
        if recording is not None:
            with recording.phase("update"):
                if not self._skips(recording):
                    recording.update(self, self._work())
            return
        if self._skip_nonfinite and self._skips(None):
            return
        work = self._work()
        rates = [self.rates_of(number, flat) for number, flat, _, _ in work]  # all of them before anything is written
        self.current_lr = self._rate(self.param_groups[0])
        for (number, flat, gradients, without), rate in zip(work, rates, strict=True):
            flat.apply(self.update, self.param_groups[number], rate, gradients, without)
        if self.COUNTS_STEPS:
            self.miss(work)
        self.finish()

    def _work(self) -> Work:
        """The parameters that this step updates."""
        work = []
        for number, group_flats in enumerate(self._flats):
            for flat in group_flats:
                gradients = flat.gradients()
                without = sum([g is None for g in gradients])
                if without < len(gradients):
                    work.append((number, flat, gradients, without))
        return work

    def miss(self, work: Work) -> None:
        """Count a step that did not update some parameters."""
        if len(work) < sum(map(len, self._flats)):
            updated = {id(flat) for _, flat, _, _ in work}
            for flat in itertools.chain.from_iterable(self._flats):
                flat.missed += id(flat) not in updated
        for _, flat, gradients, without in work:
            if without:
                self._apart += [p for p, g in zip(flat.parameters, gradients, strict=True) if g is None]
                self._flats = [*self._flats]  # a program holds for the layout that it was made on

    def _skips(self, recording: Any) -> bool:
        """Whether the step is left out, for a gradient that is not finite; a program is made of other steps alone."""
        lift = None if recording is None else recording.capture
        if not self._skip_nonfinite or all(flat.is_finite(lift) for group in self._flats for flat in group):
            return False
        if recording is not None:
            recording.leave_out()
        self.skipped += 1
        return True

    def finish(self) -> None:
        """End a step: set tiny state to zero now and then, and count the step."""
        self._iterations += 1
        if not self._iterations % FLUSH_EVERY:
            for flat in itertools.chain.from_iterable(self._flats):
                flat.flush()

    def prepare(self) -> None:
        """Check the groups, and move parameters into flat arrays if they are not there yet."""
        current = bool(self._flats) and not self._apart
        for number, group in enumerate(self.param_groups):
            seen = self._checked[number]
            if group["params"] is not self._params[number]:
                raise HyperparameterError(
                    f"the parameters of a group are set when {type(self).__name__} is made: make a new one for others"
                )
            if not all(map(is_, group.values(), seen)):
                group.update(checked(type(self).__name__, {name: group[name] for name in self._defaults}))
                seen[:] = group.values()
            if current:
                names = self.state_names(group)
                for flat in self._flats[number]:
                    current = current and flat.state_names == names and flat.is_current()
        if not current:
            self._adopt()

    def zero_grad(self, **foreign: Any) -> None:
        """Forget the gradients of all parameters."""
        if foreign:
            refuse_keywords("zero_grad", foreign)
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
        self._lay_out(self._missed())
        self._fill(old)

    def _lay_out(self, missed: Mapping[int, int]) -> None:
        resting = {id(p): leaf for flat in itertools.chain(*self._flats) for leaf, p in flat.resting.items()}
        self._flats = [flats(group["params"], self.state_names(group), missed, resting) for group in self.param_groups]
        self._apart = []

    def _missed(self) -> dict[int, int]:
        """The number of steps in which each parameter had no gradient, by id; 0 where it is not counted."""
        missed = {id(p): flat.missed for flat in itertools.chain.from_iterable(self._flats) for p in flat.parameters}
        for p in self._apart:
            missed[id(p)] += 1
        return missed

    def _parts(self) -> list[tuple[Tensor, str, tuple[int, ...], np.ndarray]]:
        """(parameter, name of the state, shape, its part of the flat array)."""
        return [
            (p, name, shape, flat.part(array, number))
            for group in self._flats
            for flat in group
            for name, array in flat.state.items()
            for number, (p, shape) in enumerate(zip(flat.parameters, flat.shapes, strict=True))
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
        """All that a run needs to continue: the number of steps, the hyperparameters, and the state by name.

        ``{"iterations": int, "skipped": int, "current_lr": float, "param_groups": [{..., "params": [name, ...]}],
        "state": {name: {...}}, "missed": {name: int}}`` with arrays in the parameters' shapes. All but these arrays can
        be written as JSON. ``missed`` has the parameters that had no gradient in some of the steps, if the formulas
        depend on that. If two groups have parameters of the same name (local names of submodules), ``weights`` has a
        fingerprint of each, so that the state of one group is not loaded into the other.
        """
        names = self._name_by_id()
        state: dict[str, dict[str, np.ndarray]] = {}
        parts = self._parts()
        if self._iterations or self.skipped or any(part.any() for _, _, _, part in parts):  # else nobody has stepped
            for parameter, name, shape, part in parts:
                state.setdefault(names[id(parameter)], {})[name] = part.reshape(shape).copy()
        groups = [
            {**{k: saved(v) for k, v in group.items() if k != "params"}, "params": list(own)}
            for group, own in zip(self.param_groups, self._names, strict=True)
        ]
        counters = {name: getattr(self, name) for name in self.COUNTERS}
        missed = {names[key]: count for key, count in self._missed().items() if count}
        tree = {**counters, "current_lr": self.current_lr, "param_groups": groups, "state": state, "missed": missed}
        weights = fingerprints(self)
        return {**tree, "weights": weights} if weights else tree

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what ``state_dict`` returned.

        If groups have parameters of the same names, load the weights of the model first.

        Raises ``StateError``, and changes nothing, if names or shapes of parameters or the hyperparameters do not fit
        this optimizer, or if the saved rate was a function and this optimizer has none.
        """
        counters, current_lr, settings, arrays, missed = fitting(self, state)
        for group, changed in zip(self.param_groups, settings, strict=True):
            group.update(changed)
        for name, value in counters.items():
            setattr(self, name, value)
        self.current_lr = current_lr
        self._lay_out(missed if self.COUNTS_STEPS else {})
        self._fill(arrays)

    def __repr__(self) -> str:
        settings = ", ".join(f"{key}={self.param_groups[0][key]!r}" for key in self._defaults)
        return f"{type(self).__name__}({settings})"


Optimizer.lr = Hyperparameter("lr")
refuse_names(Optimizer, "an optimizer")
