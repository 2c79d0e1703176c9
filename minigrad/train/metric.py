"""The base of the metrics, and a copy of one that has seen nothing."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Mapping
from typing import Any

from minigrad.compiler.guards.code_names import is_of_package
from minigrad.core.tensor import Tensor
from minigrad.errors import DTypeError, StateError
from minigrad.nn import Module


class Metric:
    """The base class of metrics. A subclass has a ``name``, and defines ``reset``, ``update`` and ``value``.

    ``SUMS`` names the attributes in which batches are added up.

    >>> class Largest(train.Metric):
    ...     name = "largest_error"
    ...     SUMS = ("largest",)
    ...
    ...     def reset(self):
    ...         self.largest = 0.0
    ...
    ...     def update(self, predictions, targets):
    ...         self.largest = max(self.largest, float(np.abs(np.asarray(predictions) - targets).max()))
    ...
    ...     def value(self):
    ...         return self.largest
    >>> Largest()(np.array([1.0, 2.0]), np.array([0.0, 4.0]))
    2.0
    """

    name: str
    SUMS: tuple[str, ...] = ()

    def __init__(self) -> None:
        self.reset()

    def update(self, predictions: Any, targets: Any) -> None:
        """Add a batch of tensors or arrays. A batch that does not fit raises an error, and changes nothing."""
        raise NotImplementedError(f"{type(self).__name__} defines no update(self, predictions, targets)")

    def value(self) -> Any:
        """The value for all batches since ``reset()``: a float, or an array; NaN without batches."""
        raise NotImplementedError(f"{type(self).__name__} defines no value(self)")

    def reset(self) -> None:
        """Forget all batches."""
        raise NotImplementedError(f"{type(self).__name__} defines no reset(self)")

    def state_dict(self) -> dict[str, Any]:
        """The sums so far."""
        return {name: copy.copy(getattr(self, name)) for name in self.SUMS}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what ``state_dict`` returned. Raises ``StateError`` for the state of another metric."""
        if not isinstance(state, Mapping) or set(state) != set(self.SUMS):
            got = sorted(state) if isinstance(state, Mapping) else type(state).__name__
            raise StateError(f"{type(self).__name__} keeps {sorted(self.SUMS)}, got {got}")
        for name, value in state.items():
            setattr(self, name, copy.copy(value))

    def __call__(self, predictions: Any, targets: Any) -> Any:
        """The measure of these predictions alone; the sums of earlier ones stay."""
        alone = fresh(self)
        alone.update(predictions, targets)
        return alone.value()

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


def measured(metric: Metric) -> Any:
    """The value of a metric, for a record. Raises ``DTypeError`` where it gives None."""
    value = metric.value()
    if value is None:
        raise DTypeError(f"the metric {metric.name} gave None, and a metric is a number or an array: write return")
    return value


def fresh(metric: Metric) -> Metric:
    """A metric of the same settings that has seen nothing, and shares nothing with ``metric`` that it changes."""
    alone = copy.copy(metric)
    if not is_of_package(type(metric).__module__):  # those of the package make new sums in reset()
        shared: dict[int, Any] = {id(x): x for x in vars(metric).values() if isinstance(x, (Module, Tensor))}
        for name, value in vars(metric).items():
            with contextlib.suppress(TypeError):  # a lock, a file: no sums are in there
                setattr(alone, name, copy.deepcopy(value, dict(shared)))
    alone.reset()
    return alone
