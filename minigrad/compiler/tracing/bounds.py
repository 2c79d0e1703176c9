"""How large a number can be that Python computes of numbers of a step: 64 bits must do for it in every backend."""

from __future__ import annotations

import math
from typing import Any

#: What is computed of whole numbers stays below.
_LARGEST = 2**62

#: Powers of numbers of a step, at most.
_POWER = 64

#: Arithmetic that raises an error for 0.
DIVIDING = frozenset({"truediv", "floordiv", "mod"})


def _real_of(x: Any) -> Any:
    return x.real_number if _is_of_step(x) else x


def _is_of_step(x: Any) -> bool:
    return hasattr(type(x), "real_number")


def _size_of(x: Any) -> int:
    size: int = x.bound if _is_of_step(x) else abs(int(x))
    return size


def bound_of(name: str, one: Any, other: Any) -> int | None:
    """The bound of what arithmetic gives: 0 for a float. None where its type depends on the numbers, or its error."""
    kinds = {type(_real_of(one)), type(_real_of(other))}
    if not kinds <= {float, int}:
        return None
    if name == "pow":
        return _bound_of_power(one, other)
    if name in DIVIDING and not _is_of_step(other) and other == 0:
        return None
    if name == "truediv" or (kinds != {int} and name in ("add", "sub", "mul")):
        return 0
    if kinds != {int} or name not in ("add", "sub", "mul", "mod", "floordiv"):
        return None
    a, b = _size_of(one), _size_of(other)
    bound = {"add": a + b, "sub": a + b, "mul": a * b, "mod": b, "floordiv": a + 1}[name]
    return bound if bound < _LARGEST else None


def _bound_of_power(one: Any, other: Any) -> int | None:
    """0.99 ** step, (1 - step / 100) ** 2; see ``base_of``."""
    if _is_of_step(other):
        return 0 if type(one) is float and one > 0 else None
    if not 0 < other <= _POWER:
        return None
    if type(_real_of(one)) is float or type(other) is float:
        return 0
    return int(min(_size_of(one), _root(other)) ** int(other))


def _root(power: Any) -> int:
    """The whole numbers whose power has less than 62 bits."""
    return int(2.0 ** (61 / power))


def base_of(base: Any, power: Any) -> tuple[float, float]:
    """The bases for which a power is a number, and no error."""
    if _is_of_step(power):
        return -math.inf, math.inf
    if type(_real_of(base)) is int and type(power) is int:
        return (-math.inf, math.inf) if _size_of(base) <= _root(power) else (-float(_root(power)), float(_root(power)))
    largest = 10.0 ** (300.0 / max(power, 1))
    return (-largest if type(power) is int else 0.0), largest
