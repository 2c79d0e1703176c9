"""What a compiled function keeps: of its programs those that were used last, over all arguments.

Other batch sizes are other programs. Each has some hundred kilobytes of its own, for its calls and their text; buffers
are memory that all share (``arena.py``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad.compiler.program import CAPTURE, Program
from minigrad.support.user_warnings import warn

if TYPE_CHECKING:
    from minigrad.compiler.executable import Ready

#: At most 64 programs are kept over all arguments, and at most 64 recordings that wait for a second one. Of programs
#: whose arguments differ in an object alone, such as a model, at most 8 are kept: each keeps its object alive.
PROGRAMS, ALIKE = 64, 8

#: Bytes that all programs may take together, beyond the last ``ALIKE`` that were used.
BYTES = 256 << 20

#: About what a call of a program takes: its values, its text, and its line in the replay.
_CALL = 3000

_PLAIN = (str, int, float, complex, bool, bytes, type(None), type, np.dtype)


def weight(program: Program) -> int:
    """About how many bytes a program takes for itself: its calls, and the constants that nobody else has."""
    own = [value.origin for value in program.of_kind(CAPTURE) if value.is_new and value.origin.base is None]
    constants = {id(array): array for array in own}
    return _CALL * len(program.calls) + sum(_span(array) for array in constants.values())


def _span(array: Any) -> int:
    """The bytes of memory that an array looks at, which are few where one row is spread."""
    if not isinstance(array, np.ndarray) or not array.size:
        return 0
    own = [abs(stride) * (n - 1) for n, stride in zip(array.shape, array.strides, strict=True)]
    return int(min(array.nbytes, sum(own) + array.itemsize))


def bound(programs: dict[Any, list[Ready]], key: Any) -> list[Any]:
    """Drop the programs that were used the longest time ago until all bounds hold.

    ``key`` is that of a program that was just added. Gives the keys of those dropped that hold no object alive.
    """
    dropped, kind = [], _kind(key)
    if kind != key:
        _drop(programs, {other for other in programs if _kind(other) == kind}, ALIKE)
    while len(all_ready := [ready for several in programs.values() for ready in several]) > ALIKE:
        if len(all_ready) <= PROGRAMS and sum(ready.weight for ready in all_ready) <= BYTES:
            break
        dropped += _drop(programs, set(programs), len(all_ready) - 1)
    return [old for old in dropped if _kind(old) == old]


def noted(dropped: dict[Any, None], keys: list[Any]) -> None:
    """Note keys of programs that were dropped: the last of them."""
    dropped.update(dict.fromkeys(keys))
    for old in [*dropped][: -4 * PROGRAMS]:
        del dropped[old]


def _drop(programs: dict[Any, list[Ready]], keys: set[Any], count: int) -> list[Any]:
    """Leave the ``count`` programs of these keys that were used last."""
    by_use = sorted(((ready.used, key, ready) for key in keys for ready in programs[key]), key=lambda one: -one[0])
    for _, key, ready in by_use[count:]:
        left = [other for other in programs[key] if other is not ready]  # a new list: a call may go over the old one
        if left:
            programs[key] = left
        else:
            del programs[key]
    return [key for _, key, _ in by_use[count:]]


def _kind(key: Any) -> Any:
    """A key with the type of each object in its place: models that are passed in turn are arguments of one kind."""
    if isinstance(key, tuple):
        return tuple([_kind(item) for item in key])
    return key if isinstance(key, _PLAIN) or np.isscalar(key) else type(key)


#: What is said of waste: {step} is the function, {name} what changes, {most} the number of programs.
WASTE: dict[str, str] = {
    "programs": (
        "{step} is called with more kinds of arguments than programs are kept (at most {most}), so it is recorded "
        "anew again and again: pad batches to fewer sizes, and pass numbers that vary as arrays"
    ),
    "changes": (
        "{name} changes from call to call, so {step} is recorded anew each time and takes longer than without "
        "mg.compile: pass as an argument what the step reads, and close over nothing that grows (of a self, take the "
        "parts that the step needs)"
    ),
    "numbers": (
        "a number that {step} is called with is another one in each call, and Python looks at it (a branch, an index, "
        "a text), so the step is recorded anew each time: calculate with it only, or look at it outside and pass what "
        "comes out as an array"
    ),
    "ways": (
        "{step} runs as it is written, since after a decision by a number that it computes it also wants the number "
        "itself (a text, an index): return the number, and look at it outside"
    ),
}


def say(kind: str, function: Any, name: str = "") -> None:
    """Warn of waste: of too many programs, or of what is another one in each call."""
    told = {"step": name_of(function), "name": name or "something that it reads", "most": PROGRAMS}
    warn("mg.compile: " + WASTE[kind].format(**told))


def name_of(function: Any) -> str:
    """What a compiled function is called in a message."""
    return getattr(function, "__name__", "the step")
