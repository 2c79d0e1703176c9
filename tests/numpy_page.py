"""``docs/numpy.md``, found out by calls: ``python -m tests.numpy_page docs/numpy.md``.

With ``--check`` nothing is written: the page is made anew and compared with the file.
"""

from __future__ import annotations

import argparse
import operator
import re
import sys
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import minigrad as mg
from minigrad.errors import MinigradError
from tests import numpy_calls as calls
from tests.numpy_check import arrays_in
from tests.paragraphs import wrapped

#: What a name does, in the order of the page.
DIFFERENTIATES, PLAIN, PLAIN_WITHOUT, REFUSES, NO_ARRAYS = ANSWERS = (
    "differentiates",
    "plain",
    "plain without a gradient",
    "refuses",
    "takes no arrays",
)

#: The table that a name is in says what it is to do.
TABLES = {
    DIFFERENTIATES: calls.DIFFERENTIATE,
    PLAIN: calls.PLAIN,
    PLAIN_WITHOUT: calls.PLAIN_WITHOUT,
    REFUSES: calls.REFUSED,
}

HEAD = """# NumPy, name by name

What each public callable name of `np`, `np.linalg` and `np.fft` does with tensors, under its own name: `np.sum(x)` of
a tensor `x`. This page is found out by calling each of them (`python -m tests.numpy_page docs/numpy.md`, with NumPy
{version}); a test holds it to be in sync, compares each value with NumPy's own and each gradient, of two orders, with
differences of NumPy's values.

| | names |
|---|--:|
{counts}
| together | {total} |

Options are NumPy's too (`where=`, `initial=`, `dtype=`, `out=`, `order=`, `axes=`, ...); one that cannot be carried
out is refused by name. `out=` writes into a tensor, and so do `np.copyto` and its like, as `x[index] = value` does;
into a plain array, which would lose the gradient, they refuse. The methods of ufuncs, `np.add.reduce`, `accumulate`,
`reduceat`, `outer` and `at`, hold for every ufunc that differentiates.

Outside of these namespaces `np.lib.stride_tricks.sliding_window_view` differentiates. Functions of `np.polynomial`
such as `polyval(x, c)` and `chebval(x, c)` are plain arithmetic on x, so a tensor x of any shape passes through them,
with a vector c of numbers. A matrix c means one series in each column, and there NumPy takes a tensor for a number: so
write `c[..., None]`, with a new axis for each of x. Coefficients that are tensors are refused, since NumPy makes an
array of them: write `np.polyval(c[::-1], x)`.
"""

TEXTS = {
    DIFFERENTIATES: "A gradient flows through these. Where values jump (`floor`, `sign`) it is 0.",
    PLAIN: "Comparisons, tests, searches, shapes and text: NumPy's answer in plain arrays, whether a gradient is "
    "required or not, since none could flow. Those of bits take tensors of integers.",
    PLAIN_WITHOUT: "NumPy's own answer, in plain arrays, for tensors that require no gradient; with one "
    "`UnsupportedError` says what to write.",
    REFUSES: "NumPy makes a plain array, or a number, of these arguments before it asks anybody, so a gradient would "
    "be lost. Of a tensor that requires one they raise an error (`np.fromiter` and texts of numbers raise it where a "
    "function is differentiated, and warn elsewhere); of others the answer is NumPy's.",
    NO_ARRAYS: "Types, settings, files, dates, text, shapes and places, and what makes arrays of sizes.",
}


class Found(NamedTuple):
    """What a call did, and the text of its refusal."""

    name: str
    call: str
    answer: str
    reason: str


def public_names() -> dict[str, Any]:
    """The public callable names of the three namespaces."""
    return {
        prefix + name: function
        for space, prefix in ((np, ""), (np.linalg, "linalg."), (np.fft, "fft."))
        for name in dir(space)
        if not name.startswith("_") and callable(function := getattr(space, name))
    }


def call_of(name: str, call: str) -> Any:
    """A call as a function of its tensors, in the order of ``calls.arguments``."""
    taken = calls.arguments(call)
    space = {**calls.NAMESPACE, "f": operator.attrgetter(name)(np)}
    return eval(f"lambda {', '.join(taken)}: {call}" if taken else f"lambda: {call}", space)


def tensors(call: str, requires_grad: bool) -> list[mg.Tensor]:
    """The tensors of a call."""
    return [mg.tensor(data, requires_grad=requires_grad and data.dtype.kind == "f") for data in arrays(call)]


def arrays(call: str) -> list[np.ndarray]:
    """The same as arrays."""
    return [(calls.FLOATS | calls.INTEGERS)[name].copy() for name in calls.arguments(call)]


def planned() -> Iterator[tuple[str, str, str]]:
    """Each name that takes arrays, its call, and what it is to do."""
    for answer, table in TABLES.items():
        for call, names in table.items():
            yield from ((name, call, answer) for name in names.split())


def found(name: str, call: str) -> Found:
    """What a name does, found out by its call."""
    function = call_of(name, call)
    result, reason = tried(function, tensors(call, requires_grad=True))
    if not reason:
        flows = any(isinstance(x, mg.Tensor) and x.requires_grad for x in arrays_in(result))
        return Found(name, call, DIFFERENTIATES if flows else PLAIN, "")
    tried(function, tensors(call, requires_grad=False))
    return Found(name, call, PLAIN_WITHOUT if "no gradient formula" in reason else REFUSES, reason)


def tried(function: Any, arguments: Sequence[Any]) -> tuple[Any, str]:
    """The result of a call, and the text of its refusal, or of its warning that a gradient ends there."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = function(*arguments)
        except MinigradError as error:
            return None, str(error)
    lost = [str(warning.message) for warning in caught if warning.category is mg.errors.DetachWarning]
    return result, lost[0] if lost else ""


def every_name() -> list[Found]:
    """What each public name does; those without a call in ``tests/numpy_calls.py`` take no arrays."""
    there = public_names()
    rows = [found(name, call) for name, call, _ in planned() if name in there]
    others = set(there) - {row.name for row in rows}
    return sorted([*rows, *[Found(name, "", NO_ARRAYS, "") for name in others]], key=lambda row: row.name)


def counts(rows: Sequence[Found]) -> dict[str, int]:
    """How many names give each answer."""
    return {answer: sum(row.answer == answer for row in rows) for answer in ANSWERS}


def page() -> str:
    """The whole page."""
    rows = every_name()
    lines = [f"| {answer} | {count} |" for answer, count in counts(rows).items()]
    version = ".".join(np.__version__.split(".")[:2])
    parts = [HEAD.format(version=version, counts="\n".join(lines), total=len(rows))]
    for answer in ANSWERS:
        chosen = [row for row in rows if row.answer == answer]
        parts.append(f"## {answer[0].upper()}{answer[1:]}\n\n{wrapped(TEXTS[answer])}\n")
        if answer in (DIFFERENTIATES, PLAIN):
            parts.append(_by_call(chosen))
        elif answer == NO_ARRAYS:
            parts.append(wrapped(", ".join(f"`np.{row.name}`" for row in chosen)) + "\n")
        else:
            parts.append(_by_reason(chosen))
    return "\n".join(parts)


def _by_call(rows: Sequence[Found]) -> str:
    """Names, and how they were called, one in each row."""
    lines = [f"| `np.{row.name}` | `{_shown(row)}` |" for row in rows]
    return "\n".join(["| name | called as |", "|---|---|", *lines, ""])


def _by_reason(rows: Sequence[Found]) -> str:
    """Names, and under those of one reason the text of their refusal."""
    reasons = dict.fromkeys(row.reason for row in rows)
    texts = [
        f"- {', '.join(f'`np.{row.name}`' for row in rows if row.reason == reason)}: {reason}" for reason in reasons
    ]
    return "\n".join(map(wrapped, texts)) + "\n"


def _shown(row: Found) -> str:
    """A call with the name in the place of f."""
    return re.sub(r"\bf\(", f"np.{row.name}(", row.call)


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the page, or compare it. Returns 0 if it is in sync."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--check", action="store_true", help="compare with the file, and write nothing")
    chosen = parser.parse_args(arguments)
    text = page()
    if chosen.check:
        return int(chosen.file.read_text() != text)
    chosen.file.write_text(text)
    return 0


if __name__ == "__main__":  # pragma: no cover
    sys.exit(main())
