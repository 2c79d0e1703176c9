"""How far rounding alone may move the results of a program: the same calls, each result moved by its last place.

A backend that sums in another order may differ by more than any fixed bound where a step amplifies rounding: Adam makes
a whole step of a gradient that is nothing but rounding.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.compiler.backends import MISSED
from minigrad.compiler.program import ARGUMENT, CAPTURE, GRADIENT, Call, Program, Value, on_numpy, values_in
from minigrad.compiler.tracing.trace_comparison import ROUNDING, same_bits, same_to_rounding
from minigrad.core.trees import flat

#: A backend may differ by 100 times the effect of changing each result in its last place.
_AMPLIFIED = 100.0


def interpreted(calls: list[Call], program: Program, arrays: list[Any], noise: np.random.Generator | None) -> Any:
    """One run, call by call, by NumPy: the outputs, or ``MISSED``. With ``noise``, results move by their last place."""
    known: dict[Value, Any] = {value: value.origin for value in program.of_kind(CAPTURE)}
    known.update({value: value.origin.grad for value in program.of_kind(GRADIENT)})
    known.update(zip(program.of_kind(ARGUMENT), arrays, strict=True))
    with np.errstate(all="ignore"):
        for call in calls:
            if call.is_host and call.function.kind == "assume":
                if bool(known[call.args[0]]) != call.function.expected:
                    return MISSED
            elif call.is_host:
                known.update(
                    zip(call.results, call.function.run(*map(known.__getitem__, call.values)) or (), strict=False)
                )
            else:
                args, kwargs = call.given(known.__getitem__)
                results = list(flat(on_numpy(call.function, args, kwargs)))
                if noise is not None and not call.writes:
                    operands = [x for x in flat(args) if isinstance(x, (np.ndarray, np.generic, float))]
                    results = [
                        nudged(x, operands, noise) if value.root is value else x
                        for x, value in zip(results, call.results, strict=False)
                    ]
                known.update(zip(call.results, results, strict=False))
    for leaf, value in program.gradients:
        leaf.grad = np.asarray(known[value])
    for leaf in program.cleared:
        leaf.grad = None
    return tuple([known[value] for value in values_in(program.outputs)])


def nudged(x: Any, operands: list[Any], noise: np.random.Generator) -> Any:
    """Numbers moved by about their last place, up or down; those that were only taken from ``given`` are exact.

    The largest of moved numbers is one of them in any arithmetic, and formulas ask for it (``x == z``).
    """
    if getattr(x, "dtype", np.dtype(bool)).kind not in "fc":
        return x
    steps = noise.choice([-2.0, 2.0], np.shape(x))
    if operands:
        steps *= ~np.isin(x, np.concatenate([np.ravel(one) for one in operands]))
    return (x * (1 + np.finfo(x.dtype).eps * steps)).astype(x.dtype)


def within(expected: Any, got: Any, moved: list[Any]) -> bool:
    """Whether a result differs from the expected one by no more than ``moved``, results of moved numbers, let it."""
    one, other, others = np.asarray(expected), np.asarray(got), [np.asarray(x) for x in moved]
    if one.dtype.kind not in "fc":
        return same_bits(one, other) or any(not same_bits(one, third) for third in others)
    if one.shape != other.shape or one.dtype != other.dtype:
        return False
    others = [third for third in others if third.shape == one.shape and np.isfinite(third).all()]
    if not np.isfinite(one).all() or not others:
        return same_to_rounding(one, other)
    bound = ROUNDING[one.dtype.itemsize // (2 if one.dtype.kind == "c" else 1)]
    scale = max(1.0, float(np.max(np.abs(one), initial=0.0)))
    furthest = max(float(np.max(np.abs(one - third), initial=0.0)) for third in others)
    return bool((np.abs(one - other) <= bound * scale + _AMPLIFIED * furthest).all())
