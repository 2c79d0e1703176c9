"""Looking at every operation as it runs: the first value that is not finite, a dtype that grows, data that changed.

Inside ``detect_anomaly`` or ``strict_dtypes`` the mode (``minigrad.core.context``) is a ``Watch``: each call of an op
shows it what came out before it records a node. Outside, none of this costs anything.
"""

from __future__ import annotations

import linecache
import os
import sys
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import FrameType, TracebackType
from typing import Any, ClassVar, NamedTuple

import numpy as np

from minigrad.core.context import ModeContext, Refusing, recorder
from minigrad.core.conversion import as_array
from minigrad.core.graph import Node
from minigrad.core.members import anywhere, everywhere
from minigrad.core.reachability import ELEMENTWISE
from minigrad.core.stands import shown
from minigrad.core.table import Op
from minigrad.errors import AnomalyError, CompileError, DTypeError, GraphError
from minigrad.support.codegen import GENERATED
from minigrad.support.user_warnings import PACKAGE

_OWN = (PACKAGE, os.path.dirname(np.__file__) + os.sep, GENERATED)
_PYTHON = (os.path.dirname(os.__file__) + os.sep, "<frozen ")

Check = Callable[[Op, Any, Sequence[Any], Sequence[Any]], None]

#: What usually helps when an op makes something that is not finite.
REMEDIES = {
    "log": "the logarithm of 0 is -inf, and that of a negative number NaN: work on logits (log_softmax, "
    "cross_entropy), use log1p near 0, or add a small number first",
    "divide": "something was divided by 0, or by a number close to it: add a small number to the denominator, or "
    "choose with mg.where before the division",
    "sqrt": "the root of a negative number is NaN, and its slope at 0 is infinite: take sqrt(x + eps) of an x that is "
    "not negative, or mg.linalg.norm, which has the gradient 0 at 0",
    "power": "the power overflowed, or its base is 0 with an exponent below 1, or negative with one that is not whole: "
    "look at the scale of the base; add a small number to it, or clip it",
    "exp": "the exponential overflowed: subtract the maximum first, or use softmax, log_softmax or logsumexp",
    "multiply": "the product overflowed, or 0 met inf: look at the operands; smaller weights or a smaller rate may do",
    "matmul": "a sum of products overflowed: look at the scale of weights and inputs, and at the learning rate",
    "linear": "a sum of products overflowed: look at the scale of weights and inputs, and at the learning rate",
    "square": "the square overflowed: look at the scale of what goes in, and at the learning rate",
    "arcsin": "arcsin has an infinite slope at -1 and 1, and is NaN beyond: clip to just inside",
    "arccos": "arccos has an infinite slope at -1 and 1, and is NaN beyond: clip to just inside",
    "arctanh": "arctanh is infinite at -1 and 1, and NaN beyond: clip to just inside",
    "log1p": "log1p(-1) is -inf, and NaN below: clip to just above -1",
    "reciprocal": "1 / 0 is infinite, and 1 / x overflows close to 0: add a small number first",
}


class Watch:
    """A mode that runs ``checks`` on the result of every op, and then records it or not."""

    def __init__(self, checks: frozenset[Check], records: bool) -> None:
        self.checks = checks
        self.records = records

    #: What ``mg.compile`` records with: a watch is none.
    recorder: ClassVar[Any] = None

    @property
    def strict(self) -> bool:
        """Whether a cast is an error."""
        return check_dtypes in self.checks

    def lifted(self, arrays: Sequence[Any]) -> Sequence[Any]:
        """The arguments of an op's forward: the arrays as they are."""
        return arrays

    def run(self, op: Op, function: Callable[..., Any], args: Sequence[Any], options: Mapping[str, Any]) -> Any:
        """The forward of an op, as it is."""
        return function(*args, **options)

    def recording(self, flag: bool) -> Watch:
        """The same with or without recording: what ``no_grad`` makes of it."""
        return Watch(self.checks, flag)

    def observe(
        self, op: Op, z: Any, arrays: Sequence[Any], nodes: Sequence[Any], options: Mapping[str, Any]
    ) -> type[Node] | None:
        """Check a result; returns the class of node that records it, or None."""
        for check in self.checks:
            check(op, z, arrays, nodes)
        if not self.records:
            return None
        return WatchedNode if check_finite in self.checks else Node


class _Watching(ModeContext):
    check: ClassVar[Any]  # a Check, in a staticmethod

    def changed(self, now: Any) -> Any:
        """The mode outside with one more check."""
        if recorder() is not None:
            raise CompileError(
                f"{type(self).__name__} inside a function that mg.compile records: put it around the call instead, "
                "which then runs as it is written"
            )
        before = now.checks if isinstance(now, Watch) else frozenset()
        return Watch(before | {self.check}, now is Node or (now is not None and now.records))


# -- what is not finite -------------------------------------------------------------------------


class Place(NamedTuple):
    """A line of the user's code."""

    file: str
    line: int

    def __str__(self) -> str:
        code = linecache.getline(self.file, self.line).strip()
        return f"{self.file}:{self.line}" + (f": {code}" if code else "")


def user_line() -> Place:
    """The line outside this package, NumPy and Python's library that led here."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and _is_passed(frame.f_code.co_filename):
        frame = frame.f_back
    return Place(frame.f_code.co_filename, frame.f_lineno) if frame is not None else Place("?", 0)


def _is_passed(file: str) -> bool:
    return file.startswith(_OWN) or (file.startswith(_PYTHON) and "site-packages" not in file)


class WatchedNode(Node):
    """A node that knows the line it came from and what the arrays it saved looked like."""

    __slots__ = ("place", "sums", "via")

    place: Place
    sums: list[int]
    via: WatchedNode  # the node through which the gradient came

    def remember(self) -> None:
        """Note the line, and a checksum of everything the edges saved."""
        self.place = user_line()
        self.sums = [_checksum(edge[2]) for edge in self.edges or () if edge is not None]

    def check_saved(self, edges: Iterable[Any]) -> None:
        """Raise ``GraphError`` if an array that this node saved was written to, by whatever way."""
        for argument, (edge, before) in enumerate(zip([e for e in edges if e is not None], self.sums, strict=True)):
            if _checksum(edge[2]) != before:
                raise GraphError(
                    f"data changed between forward and backward: {self.op.name} saved an array for the gradient of "
                    f"its argument {argument}, at\n  {self.place}\nand the numbers in it were written to since (by "
                    "way of a NumPy array that shares its memory), so the gradient would be wrong. Write to a copy, "
                    "or run the forward pass again"
                )

    def check_gradient(self, argument: int, gradient: Any, g: Any, saved: tuple[Any, ...], parent: Any) -> None:
        """Raise ``AnomalyError`` if this formula made a gradient that is not finite."""
        if isinstance(parent, WatchedNode):
            parent.via = self
        values = _values(gradient)
        index = _first_made(values, [_values(g), *map(_values, saved)])
        if index is None:
            return
        named = [("g", _values(g)), *zip(self.op.roles[0 if self.op.variadic else argument], saved, strict=True)]
        above: list[WatchedNode] = []
        node = self
        while len(above) < _CHAIN and hasattr(node, "via"):
            node = node.via
            above.append(node)
        raise AnomalyError(
            f"the gradient of {self.op.name} with respect to argument {argument} is the first that is not finite: "
            f"{shown(values)[index]} at {index}\n{_operands(named, shown(values).shape, index)}  at {self.place}\n"
            f"{_chain('on its way from', above)}{_cause(self.op, named, shown(values).shape, index)}"
        )


def check_finite(op: Op, z: Any, arrays: Sequence[Any], nodes: Sequence[Any]) -> None:
    """Raise ``AnomalyError`` if this op made a value that is not finite."""
    values = as_array(z)
    index = _first_made(values, arrays, op.flow == ELEMENTWISE)
    if index is None:
        return
    below = [node for node in nodes if isinstance(node, WatchedNode)]
    while below and len(below) < _CHAIN and below[-1].edges:
        further = [edge[0] for edge in below[-1].edges if edge is not None and isinstance(edge[0], WatchedNode)]
        if not further:
            break
        below.append(further[0])
    named = list(zip(op.arguments * len(arrays) if op.variadic else op.arguments, arrays, strict=False))
    raise AnomalyError(
        f"{op.name} made the first value that is not finite: {shown(values)[index]} at {index}\n"
        f"{_operands(named, shown(values).shape, index)}  at {user_line()}\n"
        f"{_chain('computed from', below)}{_cause(op, named, shown(values).shape, index)}"
    )


#: Ops of a chain that are shown, at most.
_CHAIN = 8


def _first_made(values: Any, sources: Iterable[Any], in_place: bool = False) -> tuple[int, ...] | None:
    """The index of the first NaN, or of the first inf where no source holds one: a mask of -inf is no accident.

    With ``in_place`` only the elements of the sources in the same place count.
    """
    if (
        not isinstance(values, (np.ndarray, np.generic))
        or values.dtype.kind not in "fc"
        or everywhere(np.isfinite(values))
    ):
        return None
    wrong = np.isnan(values)
    if not anywhere(wrong):
        wrong = np.isinf(values)
        for a in map(as_array, sources):
            if a.dtype.kind in "fc":
                wrong = wrong & ~(np.isinf(a) if in_place else np.isinf(a).any())
    places = np.argwhere(shown(wrong))  # of a batch, the member comes first
    return tuple(int(i) for i in places[0]) if len(places) else None


def _values(x: Any) -> Any:
    """The array in a Tensor; anything else as it is, if an array can hold it."""
    data = getattr(x, "_array", x)
    return data if isinstance(data, (np.ndarray, np.generic)) else np.zeros((), np.float64)


def _checksum(saved: Any) -> int:
    """One number for all the arrays in what an edge saved."""
    total = 0
    for value in saved:
        if isinstance(value, np.ndarray):
            total = zlib.crc32(np.ascontiguousarray(shown(value)).tobytes(), total)
        elif isinstance(value, (tuple, list)):
            total = zlib.crc32(_checksum(value).to_bytes(4, "big"), total)
    return total


def _array_of(operand: Any) -> np.ndarray:
    """An operand as it is shown: of a batch, the member comes first."""
    return np.asarray(shown(_values(operand) if hasattr(operand, "_array") else operand))


def _operands(named: Sequence[tuple[str, Any]], shape: tuple[int, ...], index: tuple[int, ...]) -> str:
    """The values that met at ``index``, or what an operand of another shape looks like."""
    lines = []
    for name, operand in named:
        array = _array_of(operand)
        if array.dtype.kind not in "fciub":
            continue
        try:
            lines.append(f"  {name} = {np.broadcast_to(array, shape)[index]} there\n")
        except ValueError:
            finite = array[np.isfinite(array)]
            within = f", from {finite.min():.6g} to {finite.max():.6g}" if finite.size else ""
            lines.append(f"  {name} of shape {array.shape}, {array.size - finite.size} not finite{within}\n")
    return "".join(lines)


def _chain(words: str, nodes: Sequence[WatchedNode]) -> str:
    return f"  {words}:\n" + "".join(f"    {node.op.name} at {node.place}\n" for node in nodes) if nodes else ""


def _cause(op: Op, named: Sequence[tuple[str, Any]], shape: tuple[int, ...], index: tuple[int, ...]) -> str:
    """What is at fault: an operand that came in like this (of an elementwise op, at ``index``), or else the op."""
    for name, operand in named:
        array = _array_of(operand)
        if array.dtype.kind not in "fc" or np.isfinite(array).all():
            continue
        try:
            met = np.broadcast_to(array, shape)[index] if op.flow == ELEMENTWISE else np.nan
        except ValueError:
            met = np.nan
        if not np.isfinite(met):
            return f"  {name} holds NaN or inf already, and no op watched here made it: it came in with the data"
    return f"  {REMEDIES.get(op.name, 'look at the operands, and at the learning rate')}"


class detect_anomaly(Refusing, _Watching):
    """Inside, the first value or gradient that is not finite raises ``AnomalyError``, and says where it came from.

    The message names the op, the element, the operands, the line of your code, the ops around it and the usual
    remedy. An inf counts where an op makes it, not where it came in with the data (as a mask of -inf does). Writes
    into arrays that a graph has saved raise ``GraphError`` at the backward pass, also those made through NumPy; so does
    a tensor with a graph when it becomes a Python number. All this takes time: use it to look for a fault. NumPy's own
    warnings are off inside.

    >>> x = mg.tensor([1.0, 0.0], requires_grad=True)
    >>> with mg.detect_anomaly():
    ...     mg.log(x)
    Traceback (most recent call last):
        ...
    minigrad.errors.AnomalyError: log made the first value that is not finite: -inf at (1,)
      x = 0.0 there
    ...
    """

    check = staticmethod(check_finite)
    where = "detect_anomaly()"

    def __enter__(self) -> None:
        super().__enter__()
        self._quiet = getattr(self, "_quiet", [])
        self._quiet.append(np.errstate(all="ignore"))
        self._quiet[-1].__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._quiet.pop().__exit__(kind, error, trace)
        super().__exit__(kind, error, trace)


# -- dtypes that grow ---------------------------------------------------------------------------


def check_dtypes(op: Op, z: Any, arrays: Sequence[Any], nodes: Sequence[Any]) -> None:  # noqa: ARG001 - a Check
    """Raise ``DTypeError`` if this op met floats of two dtypes, or made floats of another dtype than its own."""
    if op.name == "astype":
        return
    met = {a.dtype for a in arrays if hasattr(a, "dtype") and a.dtype.kind in "fc"}
    precisions = {np.finfo(dtype).bits for dtype in (*met, *([z.dtype] if z.dtype.kind in "fc" else []))}
    if len(precisions) > 1 or (not met and z.dtype.kind in "fc"):
        shown = " and ".join(str(a.dtype) for a in arrays if hasattr(a, "dtype"))
        raise DTypeError(
            f"{op.name} of {shown} is {z.dtype}: under strict_dtypes() nothing is promoted. Convert with "
            "x.astype('float32'), or write constants as Python numbers, which take the tensor's dtype"
        )


class strict_dtypes(_Watching):
    """Inside, an op that promotes one dtype to another raises ``DTypeError``: no float64 comes up unnoticed.

    So does a write, ``out[i] = value``, that casts.

    >>> with mg.strict_dtypes():
    ...     mg.tensor([1.0, 2.0]) * np.float64(2)
    Traceback (most recent call last):
        ...
    minigrad.errors.DTypeError: multiply of float32 and float64 is float64: under strict_dtypes() nothing is promoted...
    """

    check = staticmethod(check_dtypes)
