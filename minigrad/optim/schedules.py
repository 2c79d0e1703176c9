"""Schedules: the learning rate as a pure function of the step, passed to an optimizer as ``lr=``.

>>> rate = optim.schedules.linear_warmup(optim.schedules.cosine(0.1, steps=100), steps=10)
>>> rate
linear_warmup(cosine(lr=0.1, steps=100, end=0.0), steps=10, start=0.0)
>>> [round(rate(t), 4) for t in (0, 5, 10, 60, 110, 1000)]
[0.0, 0.05, 0.1, 0.05, 0.0, 0.0]

A schedule is data: a name and numbers, which are stored in checkpoints. Steps are counted from 0, and a schedule has a
value for every step, also after its end. An optimizer's ``lr`` may also be a plain function of the step; ``Optimizer``
says how that is saved.
"""

from __future__ import annotations

import bisect
import functools
import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec

from minigrad.core.checks import is_not_negative, is_number, is_positive
from minigrad.errors import HyperparameterError
from minigrad.optim.hyperparameters import Ranges, checked, count
from minigrad.support.idioms import missing_from

__all__ = ["Schedule", "cosine", "cosine_restarts", "exponential", "inverse_time"]
__all__ += ["linear_warmup", "multi_step", "one_cycle", "piecewise", "polynomial", "step"]

P = ParamSpec("P")

#: The functions (step, *numbers) -> rate, by name.
TABLE: dict[str, Callable[..., float]] = {}


@dataclass(frozen=True)
class Schedule:
    """A schedule with its numbers: a function of the step that can be printed, compared and saved.

    Made by the functions of this module. ``schedule(step)`` is the rate of a step, counted from 0.

    >>> schedule = optim.schedules.exponential(0.1, gamma=0.5)
    >>> isinstance(schedule, optim.schedules.Schedule), schedule(1)
    (True, 0.05)
    """

    name: str
    numbers: tuple[tuple[str, Any], ...]

    def __call__(self, step: int) -> float:
        """The rate of a step."""
        return TABLE[self.name](step, **dict(self.numbers))

    def __repr__(self) -> str:
        shown = [repr(value) if key == "then" else f"{key}={value!r}" for key, value in self.numbers]
        return f"{self.name}({', '.join(shown)})"

    def state_dict(self) -> dict[str, Any]:
        """The name and the numbers as plain data: ``{"schedule": "exponential", "lr": 0.1, "gamma": 0.9}``."""
        return {
            "schedule": self.name,
            **{key: value.state_dict() if isinstance(value, Schedule) else value for key, value in self.numbers},
        }


def _increasing(value: Any) -> bool:
    return isinstance(value, (tuple, list)) and all(map(count, value)) and list(value) == sorted(set(value))


#: name -> (whether a value is allowed, what is allowed)
RANGES: Ranges = {
    "lr": (is_not_negative, "a finite number >= 0, such as 0.1"),
    "decay": (is_not_negative, "a finite number >= 0, such as 1e-4"),
    "gamma": (is_not_negative, "a finite number >= 0, such as 0.9"),
    "power": (is_positive, "a finite number > 0, such as 2"),
    "start": (is_not_negative, "a finite number >= 0, such as 0.001"),
    "end": (is_not_negative, "a finite number >= 0, such as 0.001"),
    "steps": (count, "a whole number >= 1, such as 1000"),
    "every": (count, "a whole number >= 1, such as 100"),
    "growth": (count, "a whole number >= 1, such as 2"),
    "milestones": (_increasing, "a list of whole numbers >= 1 that increase, such as (100, 200)"),
    "values": (
        lambda value: isinstance(value, (tuple, list)) and all(map(is_not_negative, value)),
        "a list of finite numbers >= 0, such as (0.1, 0.01)",
    ),
    "then": (
        lambda value: is_not_negative(value) or isinstance(value, Schedule),
        "a finite number >= 0 or another of these schedules (a function of one's own cannot be saved inside of one)",
    ),
    "pct_start": (lambda value: is_number(value) and 0 < value < 1, "a number in (0, 1), such as 0.3"),
    "div_factor": (is_positive, "a finite number > 0, such as 25"),
    "final_div_factor": (is_positive, "a finite number > 0, such as 1e4"),
}


def schedule_from(state: Mapping[str, Any]) -> Schedule:
    """The schedule with this ``state_dict()``. Raises ``HyperparameterError`` if there is none."""
    numbers = {key: schedule_from(value) if isinstance(value, Mapping) else value for key, value in state.items()}
    name = numbers.pop("schedule", None)
    if not isinstance(name, str) or name not in TABLE:
        raise HyperparameterError(f"there is no schedule {name!r}; there are {', '.join(TABLE)}")
    return _schedule_of(TABLE[name], (), numbers)


def _schedule_of(function: Callable[..., float], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Schedule:
    """A function of the table with its numbers, which are checked."""
    signature = inspect.signature(function)
    try:
        bound = signature.bind(0, *args, **kwargs)
    except TypeError as error:
        wanted = ", ".join(str(p) for p in [*signature.parameters.values()][1:])
        raise HyperparameterError(f"schedules.{function.__name__}: {error}; it takes ({wanted})") from None
    bound.apply_defaults()
    numbers = {key: value for key, value in bound.arguments.items() if key != "t"}
    numbers = checked(f"schedules.{function.__name__}", numbers, RANGES)
    if "values" in numbers and len(numbers["values"]) != len(numbers["milestones"]) + 1:
        raise HyperparameterError(
            f"schedules.{function.__name__}: between and around {len(numbers['milestones'])} milestones there are "
            f"{len(numbers['milestones']) + 1} values, got {len(numbers['values'])}"
        )
    return Schedule(function.__name__, tuple(numbers.items()))


def _schedule(function: Callable[Concatenate[int, P], float]) -> Callable[P, Schedule]:
    """Enter a function of (step, *numbers) into the table; what stands for it takes the numbers."""
    TABLE[function.__name__] = function

    @functools.wraps(function)
    def make(*args: P.args, **kwargs: P.kwargs) -> Schedule:
        return _schedule_of(function, args, kwargs)

    parameters = [*inspect.signature(function).parameters.values()][1:]
    vars(make)["__signature__"] = inspect.Signature(parameters, return_annotation=Schedule)
    return make


@_schedule
def inverse_time(t: int, lr: float, decay: float) -> float:
    """lr / (1 + decay t): what an optimizer's own ``decay`` does.

    >>> schedule = optim.schedules.inverse_time(1.0, decay=1.0)
    >>> [round(schedule(t), 4) for t in range(5)]
    [1.0, 0.5, 0.3333, 0.25, 0.2]
    """
    return lr * (1.0 / (1.0 + decay * t))


@_schedule
def exponential(t: int, lr: float, gamma: float) -> float:
    """lr gammaᵗ.

    >>> schedule = optim.schedules.exponential(1.0, gamma=0.5)
    >>> [round(schedule(t), 4) for t in range(5)]
    [1.0, 0.5, 0.25, 0.125, 0.0625]
    """
    return float(lr * gamma**t)


@_schedule
def step(t: int, lr: float, every: int, gamma: float = 0.1) -> float:
    """lr gamma^⌊t / every⌋: times gamma after each ``every`` steps.

    >>> schedule = optim.schedules.step(1.0, every=2)
    >>> [round(schedule(t), 4) for t in range(5)]
    [1.0, 1.0, 0.1, 0.1, 0.01]
    """
    return float(lr * gamma ** (t // every))


@_schedule
def multi_step(t: int, lr: float, milestones: tuple[int, ...], gamma: float = 0.1) -> float:
    """lr gammaᵏ, where k of the milestones are ≤ t.

    >>> schedule = optim.schedules.multi_step(1.0, milestones=[1, 3])
    >>> [round(schedule(t), 4) for t in range(5)]
    [1.0, 0.1, 0.1, 0.01, 0.01]
    """
    return float(lr * gamma ** bisect.bisect_right(milestones, t))


@_schedule
def piecewise(t: int, milestones: tuple[int, ...], values: tuple[float, ...]) -> float:
    """values[k], where k of the milestones are ≤ t: constant between two milestones.

    >>> schedule = optim.schedules.piecewise([2], [1.0, 0.1])
    >>> [round(schedule(t), 4) for t in range(5)]
    [1.0, 1.0, 0.1, 0.1, 0.1]
    """
    return values[bisect.bisect_right(milestones, t)]


@_schedule
def polynomial(t: int, lr: float, steps: int, power: float = 1.0, end: float = 0.0) -> float:
    """end + (lr - end) (1 - t / steps)^power up to t = steps, then end. A straight line with power 1.

    >>> schedule = optim.schedules.polynomial(1.0, steps=4)
    >>> [round(schedule(t), 4) for t in range(5)]
    [1.0, 0.75, 0.5, 0.25, 0.0]
    """
    return float(end + (lr - end) * (1 - min(t, steps) / steps) ** power)


@_schedule
def cosine(t: int, lr: float, steps: int, end: float = 0.0) -> float:
    """end + (lr - end) (1 + cos(π t / steps)) / 2 up to t = steps, then end.

    Loshchilov and Hutter, SGDR: stochastic gradient descent with warm restarts, 2017.

    >>> schedule = optim.schedules.cosine(1.0, steps=4)
    >>> [round(schedule(t), 4) for t in range(5)]
    [1.0, 0.8536, 0.5, 0.1464, 0.0]
    """
    return _half_cosine(lr, end, min(t, steps) / steps)


@_schedule
def cosine_restarts(t: int, lr: float, steps: int, growth: int = 1, end: float = 0.0) -> float:
    """``cosine`` over and over: the first round takes ``steps``, each further one ``growth`` times the one before.

    Loshchilov and Hutter, 2017, who call ``growth`` T_mult.

    >>> schedule = optim.schedules.cosine_restarts(1.0, steps=2)
    >>> [round(schedule(t), 4) for t in range(5)]
    [1.0, 0.5, 1.0, 0.5, 1.0]
    """
    if growth == 1:
        return _half_cosine(lr, end, t % steps / steps)
    while t >= steps:
        t, steps = t - steps, steps * growth
    return _half_cosine(lr, end, t / steps)


@_schedule
def linear_warmup(t: int, then: Schedule | float, steps: int, start: float = 0.0) -> float:
    """From ``start`` in a straight line to ``then`` at t = steps, where that schedule (or rate) begins with its step 0.

    Goyal et al., Accurate, large minibatch SGD, 2017.

    >>> schedule = optim.schedules.linear_warmup(optim.schedules.exponential(1.0, gamma=0.5), steps=2)
    >>> [round(schedule(t), 4) for t in range(5)]
    [0.0, 0.5, 1.0, 0.5, 0.25]
    """
    first, t_then = (t, 0) if t < steps else (steps, t - steps)
    rate = then(t_then) if isinstance(then, Schedule) else then
    return start + (rate - start) * (first / steps) if t < steps else rate


@_schedule
def one_cycle(
    t: int, lr: float, steps: int, pct_start: float = 0.3, div_factor: float = 25.0, final_div_factor: float = 1e4
) -> float:
    """Up along a half cosine from lr / div_factor to ``lr``, and down along another to the last of ``steps`` steps.

    The top is reached at t = pct_start steps - 1, the end, lr / div_factor / final_div_factor, at t = steps - 1.
    Smith and Topin, Super-convergence, 2018, with the names and numbers of PyTorch's ``OneCycleLR``.

    >>> schedule = optim.schedules.one_cycle(1.0, steps=4, pct_start=0.5)
    >>> [round(schedule(t), 4) for t in range(5)]
    [0.04, 1.0, 0.5, 0.0, 0.0]
    """
    start = lr / div_factor
    top, last = max(pct_start * steps - 1, 0.0), steps - 1
    if t < top:
        return _half_cosine(start, lr, t / top)
    return _half_cosine(lr, start / final_div_factor, min((t - top) / (last - top), 1.0) if last > top else 1.0)


def _half_cosine(first: float, last: float, way: float) -> float:
    """From ``first`` (way = 0) to ``last`` (way = 1)."""
    return last + (first - last) * ((1 + math.cos(math.pi * way)) / 2)


if not TYPE_CHECKING:
    __getattr__ = missing_from(__name__)
    __path__ = ()  # where an import looks for what is missing, so that it gives this answer too
