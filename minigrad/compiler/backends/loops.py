"""A group as the text of one loop nest, for ``translation.py`` to compile.

Every array is passed as the run of memory that it spans, and found by its strides, so layouts and broadcasts are
arithmetic on indices. Indices are unsigned: signed ones may be negative, and the compiler would have to ask for each.
Numbers that change with the batch (1 / N, the distance from a column to the next) are arguments, so that another batch
size mostly needs no other kernel; the sizes of short inner loops stand in the text, where they make for better code.
Chunks do not depend on the number of threads, so neither do the results: what is reduced over all chunks is kept for
each of them, and put together by the call for all chunks, or, when these were shared, by a last call for none.
"""

from __future__ import annotations

import math
import re
from typing import Any, NamedTuple

import numpy as np

from minigrad.compiler.backends.kernel_expressions import REDUCTIONS, TYPES, dtype_name, expression, number
from minigrad.compiler.backends.nest import Loop, Nest
from minigrad.compiler.backends.stages import Held, Stages, is_outer
from minigrad.compiler.passes.aliasing import Memory, identity
from minigrad.compiler.passes.copies import uniform
from minigrad.compiler.passes.elementwise import Member
from minigrad.compiler.passes.grouping import Group
from minigrad.compiler.program import Value

#: Elements of a chunk: enough work for a thread to be worth waking.
CHUNK = 16_384

#: Elements of an inner loop up to which its size stands in the text.
_SHORT = 256

#: Elements of an inner loop with reductions up to which it is written out.
_WRITTEN_OUT = 16

#: Numbers that stand in the text.
_PLAIN = frozenset({-1, -0.5, 0, 0.5, 1, 2})


class Kernel(NamedTuple):
    """A text, and its arguments: ``kernel(first, last, rows, step, *partial, *numbers, *arrays, *scalars)``."""

    text: str
    rows: int
    step: int  # rows of a chunk
    partial: list[np.ndarray]
    numbers: list[float]  # or ints
    arrays: list[Value]
    scalars: list[Value]

    @property
    def chunks(self) -> int:
        """How many parts the loop has."""
        return -(-self.rows // self.step)

    def sample(self) -> list[Any]:
        """Arguments of the types that the kernel will be called with, after its first four numbers."""
        arrays = [np.empty(1, value.dtype) for value in self.arrays]
        return [*self.partial, *self.numbers, *arrays, *[np.empty(1, value.dtype)[0] for value in self.scalars]]


def _count(group: Group, member: Member) -> int:
    """How many elements a reduction makes one of."""
    return math.prod(group.shape[axis] for axis in member.axes or ())


class Writer:
    """Writes the kernel of one group."""

    def __init__(self, group: Group, memory: Memory) -> None:
        self._group = group
        self._memory = memory
        self._nest = Nest(group, memory)
        self._stages = Stages(group, self._key)
        self._outer_names = [f"o{k}" for k in range(len(self._nest.outer))] if len(self._nest.outer) > 1 else ["i"]
        self._outer_names = self._outer_names[: len(self._nest.outer)]
        self._inner_names = [f"j{k}" for k in range(len(self._nest.inner))]
        self._array_names: dict[Any, tuple[str, Value]] = {}
        self._scalar_names: dict[Value, str] = {}
        self._constants: set[int] = set()
        self._numbers: dict[Any, str] = {}  # arguments: (number, type), a size has none
        self._fixed = self._fixed_sizes()
        self._held: dict[Any, Held] = {}
        self._loads = 0
        # Lines before, in and after the inner loops of the stage that is being written.
        self._before: list[str] = []
        self._inside: list[str] = []
        self._after: list[str] = []
        self._loaded: dict[Any, str] = {}
        # Of what is reduced over all chunks: arrays with a place for each, what begins and ends a chunk, and the end.
        self._partial: list[np.ndarray] = []
        self._setup: list[str] = []
        self._ends: list[str] = []
        self._finals: list[str] = []

    def write(self) -> Kernel:
        """The kernel."""
        group, nest = self._group, self._nest
        written_out = self._is_written_out()
        for i in self._stages.kept * (not written_out):
            self._setup.append(f"kept{i} = np.empty({self._width()}, {dtype_name(group.members[i].dtypes[-1])})")
        body = self._outer_indices()
        for stage in range(self._stages.count):
            self._before, self._inside, self._after, self._loaded = [], [], [], {}
            for i, member in enumerate(group.members):
                if self._stages.of[i] == stage:
                    (self._element if member.axes is None else self._reduction)(i, member, stage)
            indent = ""
            body += self._before
            if written_out:
                body += [line for k in range(nest.width) for line in self._turn(k)] + self._after
                continue
            if self._inside:
                for name, loop in zip(self._inner_names, nest.inner, strict=True):
                    body.append(f"{indent}for {name} in range({self._size(loop.size)}):")
                    indent += "    "
            body += [indent + line for line in self._inside] + self._after
        return self._assembled(body)

    def _is_written_out(self) -> bool:
        """Whether the inner loop is short, and written out, so that the outer one becomes vector instructions."""
        nest = self._nest
        is_short = len(nest.inner) == 1 and nest.width <= _WRITTEN_OUT
        reduced = [member for member in self._group.members if member.axes is not None]
        return is_short and self._stages.count > 1 and all(map(nest.is_inner, reduced))

    def _turn(self, k: int) -> list[str]:
        """The lines of the inner loop for its element k, with names of their own for what it computes."""
        text = "\n".join(self._inside)
        for name in re.findall(r"^([xv][0-9]+) = ", text, re.MULTILINE):
            text = re.sub(rf"\b{name}\b", f"{name}_{k}", text)
        text = re.sub(r"(kept[0-9]+)\[j0\]", rf"\1_{k}", text)
        return re.sub(r"\bj0\b", f"np.uint64({k})", text).split("\n")

    # -- names and places ---------------------------------------------------------------------

    def _key(self, value: Value) -> Any:
        """The same for two values that are the same elements."""
        array = self._memory.fixed.get(value)
        return identity(array) if isinstance(array, np.ndarray) else value

    def _array(self, value: Value) -> str:
        key = self._key(value)
        name, known = self._array_names.setdefault(key, (f"a{len(self._array_names)}", value))
        array = self._memory.fixed.get(known)
        if isinstance(array, np.ndarray) and not array.flags.writeable:
            self._array_names[key] = name, value  # a broadcast view cannot be written to, what it is of may be
        return name

    def _constant(self, n: int) -> str:
        self._constants.add(n)
        return f"n{n}"

    def _fixed_sizes(self) -> set[int]:
        """The sizes that stand in the text: those of short inner loops, but for the first of several; products too.

        The first of several is often the batch, as a long one is (of a batch norm, with all places of an image). The
        choice is made from the program alone: each run of it has the same kernels, and the same bits.
        """
        several = len(self._nest.inner) > 1
        sizes = [
            loop.size for loop in (self._nest.inner[1:] if several else [*self._nest.outer[1:], *self._nest.inner])
        ]
        return {n for n in [*(math.prod(sizes[k:]) for k in range(len(sizes))), *sizes] if n <= _SHORT}

    def _size(self, n: int) -> str:
        """A size or a stride: in the text, or an argument."""
        return self._constant(n) if n in self._fixed or n < 2 else self._numbers.setdefault(n, f"m{len(self._numbers)}")

    def _width(self) -> str:
        """How many inner elements there are."""
        return str(self._nest.width) if self._nest.width in self._fixed else self._size(self._nest.width)

    def _number(self, x: Any, dtype: np.dtype) -> str:
        """A number of a member: in the text if it is one of those that stand for themselves, else an argument."""
        plain = x.item() if isinstance(x, np.generic) else x
        if isinstance(plain, bool) or not math.isfinite(plain) or plain in _PLAIN:
            return number(plain, dtype)
        plain = int(plain) if dtype.kind == "i" else float(plain)
        return f"{TYPES[dtype]}({self._numbers.setdefault((plain, dtype), f'm{len(self._numbers)}')})"

    def _outer_indices(self) -> list[str]:
        """The index of each outer loop, from the number of the row."""
        lines, rest = [], "i"
        for k in range(len(self._nest.outer) - 1, 0, -1):
            size = self._constant(self._nest.outer[k].size)
            lines += [f"o{k} = {rest} % {size}", f"{'o0' if k == 1 else f'rest{k}'} = {rest} // {size}"]
            rest = f"rest{k}"
        return lines

    def _place(self, value: Value, inside: bool = True) -> str:
        """An element of an array in memory."""
        strides = self._nest.strides(value)
        loops = [*zip(self._outer_names, self._nest.outer, strict=True)]
        loops += [*zip(self._inner_names, self._nest.inner, strict=True)] if inside else []
        terms = []
        for name, loop in loops:
            stride = loop.stride(strides)
            if stride:
                terms.append(name if stride == 1 else f"{name} * {self._size(stride)}")
        return f"{self._array(value)}[{' + '.join(terms) or self._constant(0)}]"

    def _inner_index(self, names: list[str]) -> str:
        """The number of the inner element."""
        text = names[0]
        for name, loop in zip(names[1:], self._nest.inner[1:], strict=True):
            text = f"({text}) * {self._constant(loop.size)} + {name}"
        return text

    # -- members ------------------------------------------------------------------------------

    def _operand(self, x: Any, dtype: np.dtype, stage: int, lines: list[str]) -> str:
        """An operand in the type of the member's loop."""
        constant = uniform(x) if isinstance(x, Value) else x
        if constant is not None:
            return self._number(constant, dtype)
        key = self._key(x)
        known = self._held.get(key)
        if not x.is_array and known is None:
            return f"{TYPES[dtype]}({self._scalar_names.setdefault(x, f's{len(self._scalar_names)}')})"
        where = None
        if known is None:
            where = self._place(x)
        elif known.member in self._stages.kept and known.stage < stage:
            key, where = known.member, f"kept{known.member}[{self._inner_index(self._inner_names)}]"
        if where is None:
            name = known.name if known is not None else ""
        elif key in self._loaded and lines is self._inside:
            name = self._loaded[key]
        else:
            self._loads += 1
            name = f"x{self._loads}"
            lines.append(f"{name} = {where}")
            if lines is self._inside:
                self._loaded[key] = name
        return name if x.dtype == dtype else f"{TYPES[dtype]}({name})"

    def _element(self, i: int, member: Member, stage: int) -> None:
        lines = self._before if is_outer(self._group, member) else self._inside
        pairs = zip(member.operands, member.dtypes, strict=False)
        operands = [self._operand(x, dtype, stage, lines) for x, dtype in pairs]
        lines.append(f"v{i} = {expression(member, operands)}")
        self._held[self._key(member.target)] = Held(f"v{i}", stage, i)
        if i in self._stages.kept:
            lines.append(f"kept{i}[{self._inner_index(self._inner_names)}] = v{i}")
        seen = [*self._group.outputs, *self._group.writes]
        if i in self._stages.last_writers and any(self._memory.same(member.target, value) for value in seen):
            lines.append(f"{self._place(member.target)} = v{i}")

    def _reduction(self, i: int, member: Member, stage: int) -> None:
        (x,), dtype = member.operands, member.dtypes[0]
        operand = self._operand(x, dtype, stage, self._inside)
        kind = TYPES[dtype]
        start, join, combine = REDUCTIONS[member.op]
        start = start.format(type=kind)
        every = len(member.axes or ()) == len(self._group.shape)
        if not every and not self._nest.is_inner(member):
            place = f"t{i}[{self._inner_index(self._inner_names)}]"
            self._inside.append(f"{place} = {kind}({combine.format(place, operand)})")
            self._keep_partial(i, member, self._nest.width)
            return
        # Over a flat nest the running total is the chunk's own.
        first, last = (self._setup, self._ends) if self._nest.is_flat else (self._before, self._after)
        total = f"r{i}_"
        wide = self._total_type(member)
        if wide != dtype:
            start, operand = start.replace(kind, TYPES[wide]), f"{TYPES[wide]}({operand})"
        first.append(f"{total} = {start}")
        self._inside.append(f"{total} = {join}({total}, {operand})")
        if join != "summed":  # which take NaN for a number
            first.append(f"{total}bad = False")
            self._inside.append(f"{total}bad = {total}bad or {operand} != {operand}")
            last.append(f"{total} = {kind}(math.nan) if {total}bad else {total}")
        if member.op == "mean" and not every:
            last.append(f"{total} = {total} / {self._number(_count(self._group, member), wide)}")
        if every:
            joined = total if self._nest.is_flat else f"{TYPES[wide]}({combine.format(f't{i}', total)})"
            last.append(f"t{i} = {joined}")
            self._keep_partial(i, member, 0)
            return
        if wide != dtype:
            last.append(f"r{i} = {kind}({total})")
            total = f"r{i}"
        self._held[self._key(member.target)] = Held(total, stage + 1, i)
        if member.target in self._group.outputs:
            last.append(f"{self._place(member.target, inside=False)} = {total}")

    def _total_type(self, member: Member) -> np.dtype:
        """The dtype of a running total: float64 for a sum of many float32 numbers.

        Lanes add up a 16th of the numbers each, one after the other: of half a million that loses two digits more than
        NumPy's sums in pairs, and as many of a variance about a large mean.
        """
        dtype = member.dtypes[0]
        few = not self._nest.is_flat and self._nest.width <= _SHORT and len(member.axes or ()) < len(self._group.shape)
        sums = REDUCTIONS[member.op][1] == "summed"
        return np.dtype(np.float64) if sums and dtype == np.float32 and not few else dtype

    def _keep_partial(self, i: int, member: Member, width: int) -> None:
        """A place for what each chunk makes of a reduction, of ``width`` numbers or of one, and its end over all."""
        dtype = member.dtypes[0] if width else self._total_type(member)
        kind = TYPES[dtype]
        start, _, combine = REDUCTIONS[member.op]
        start = start.format(type=kind)
        part, out = f"p{len(self._partial)}", self._array(member.target)
        self._partial.append(np.empty(self._chunks() * max(width, 1), dtype))
        if width:
            size = self._size(width)
            self._setup.append(f"t{i} = np.full({self._width()}, {start}, {dtype_name(dtype)})")
            self._ends += [f"for j in range({size}):", f"    {part}[q * {size} + j] = t{i}[j]"]
        else:
            self._setup.append(f"t{i} = {start}")
            self._ends.append(f"{part}[q] = t{i}")
        loops: list[Loop] = self._nest.inner if width else []
        names = [f"k{k}" for k in range(len(loops))]
        indent = ""
        for name, loop in zip(names, loops, strict=True):
            self._finals.append(f"{indent}for {name} in range({self._size(loop.size)}):")
            indent += "    "
        strides = self._nest.strides(member.target) if width else ()
        terms = [f"{name} * {self._size(loop.stride(strides))}" for name, loop in zip(names, loops, strict=True)]
        place = f"q * {self._size(width)} + {self._inner_index(names)}" if width else "q"
        share = f" / {self._number(_count(self._group, member), dtype)}" if member.op == "mean" else ""
        self._finals += [
            f"{indent}total{i} = {start}",
            f"{indent}for q in range(np.uint64(chunks)):",
            f"{indent}    total{i} = {kind}({combine.format(f'total{i}', f'{part}[{place}]')})",
            f"{indent}{out}[{' + '.join(terms) or self._constant(0)}] = {TYPES[member.dtypes[0]]}(total{i}{share})",
        ]

    # -- the whole ----------------------------------------------------------------------------

    def _step(self) -> int:
        """Rows of a chunk."""
        nest = self._nest
        return nest.rows if nest.rows * nest.width <= 2 * CHUNK else max(1, CHUNK // nest.width)

    def _chunks(self) -> int:
        return -(-self._nest.rows // self._step())

    def _assembled(self, body: list[str]) -> Kernel:
        arrays = list(self._array_names.values())
        names = [f"p{k}" for k in range(len(self._partial))] + [*self._numbers.values()]
        names += [name for name, _ in arrays] + [*self._scalar_names.values()]
        lines = [f"n{n} = np.uint64({n})" for n in sorted(self._constants)]
        lines += [f"{name} = np.uint64({name})" for n, name in self._numbers.items() if isinstance(n, int)]
        lines += [
            "for q in range(np.uint64(first), np.uint64(last)):",
            "    lo = q * np.uint64(step)",
            "    hi = min(np.uint64(rows), lo + np.uint64(step))",
            *[f"    {line}" for line in self._setup],
            "    for i in range(lo, hi):",
            *[f"        {line}" for line in body],
            *[f"    {line}" for line in self._ends],
        ]
        if self._finals:
            lines += [
                "chunks = (rows + step - 1) // step",
                "if last == chunks and (first == 0 or first == chunks):",
                *[f"    {line}" for line in self._finals],
            ]
        head = f"def kernel(first, last, rows, step, {', '.join(names)}):"
        text = "\n".join([head, *[f"    {line}" for line in lines], ""])
        values = [value for _, value in arrays]
        numbers = [n if isinstance(n, int) else n[0] for n in self._numbers]
        return Kernel(text, self._nest.rows, self._step(), self._partial, numbers, values, list(self._scalar_names))
