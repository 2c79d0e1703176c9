"""Long elementwise chains in blocks: NumPy's own calls, on pieces that stay in the cache, shared among threads.

A chain of calls on a million numbers goes to memory and back in each. On pieces of it, what is between the first
call and the last never leaves the cache, and has no memory but that of one block. The bits are the same: each number
goes through the same loops of NumPy's.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.compiler.expressions import literal, spelled
from minigrad.compiler.passes.aliasing import Memory, identity
from minigrad.compiler.passes.elementwise import Member
from minigrad.compiler.passes.grouping import Group
from minigrad.compiler.passes.lowering import lowered
from minigrad.compiler.program import Value
from minigrad.support.codegen import Names, define

#: Elements of a block. Half a dozen float32 arrays of this size lie in a second-level cache.
BLOCK = 32_768


def fits(member: Member) -> bool:
    """Whether all arrays of a call are of one shape and layout without gaps, so that a piece is a run of memory."""
    target = member.target
    return member.axes is None and all(_is_alike(value, target) for value in [*member.values, target])


def _is_alike(value: Value, target: Value) -> bool:
    if not value.is_array:
        return True
    dense = sorted(target.strides) == _dense_strides(target)
    scale = value.dtype.itemsize, target.dtype.itemsize
    same = value.shape == target.shape and [s * scale[1] for s in value.strides] == [
        s * scale[0] for s in target.strides
    ]
    return same and dense and not value.dtype.hasobject


def _dense_strides(value: Value) -> list[int]:
    """The strides, smallest first, of an array without gaps with these sizes in the order of its strides."""
    expected, strides = value.dtype.itemsize, []
    for _, size in sorted(zip(value.strides, value.shape, strict=True)):
        strides.append(expected)
        expected *= size
    return strides


def worth(group: Group) -> bool:
    """Whether a chain is long enough: blocks have a cost, and its arrays may stay in the cache all the same."""
    return group.size >= 2 * BLOCK and len(group.members) > 1 and group.work >= 8 * BLOCK


class Blocks:
    """The function of one group: ``kernel(first, last, *arrays, *scalars)`` goes over some of its blocks."""

    def __init__(self, group: Group, memory: Memory) -> None:
        self._group = group
        self._memory = memory
        self._names: dict[Any, str] = {}
        self._bind = Names(empty=np.empty)
        self.values: list[Value] = []
        self.chunks = -(-group.size // BLOCK)
        scalars = [x for x in group.inputs if not x.is_array]
        arrays = {self._key(x): x for x in [*group.inputs, *group.writes, *group.outputs] if x.is_array}
        parameters = []
        for number, value in enumerate([*arrays.values(), *scalars]):
            self._names[self._key(value)] = f"x{number}"
            self.values.append(value)
            parameters.append(f"a{number}" if value.is_array else f"x{number}")
        inside = {m.target: m for m in group.members if m.call.results and self._key(m.target) not in self._names}
        spare = []
        for number, member in enumerate(inside.values()):
            self._names[member.target] = f"t{number}"
            if lowered(member.call).takes_out:
                spare.append((f"t{number}", self._bind(member.target.dtype, "dtype")))
        body = [self._line(member) for member in group.members]
        text = [
            f"def kernel(first, last, {', '.join(parameters)}):",
            *[f"    {name} = whole_{name} = empty({BLOCK}, {dtype})" for name, dtype in spare],
            f"    for start in range(first * {BLOCK}, min(last * {BLOCK}, {group.size}), {BLOCK}):",
            f"        stop = min(start + {BLOCK}, {group.size})",
            *[f"        x{k} = a{k}[start:stop]" for k in range(len(arrays))],
            f"        if stop - start < {BLOCK}:",
            *[f"            {name} = whole_{name}[: stop - start]" for name, _ in spare],
            "            pass",
            *[f"        {line}" for line in body],
        ]
        self.run = define("\n".join(text), "blocks", self._bind.bound)["kernel"]

    def _key(self, value: Value) -> Any:
        array = self._memory.fixed.get(value)
        return identity(array) if isinstance(array, np.ndarray) else value

    def _text(self, x: Any) -> str:
        if isinstance(x, Value):
            return self._names.get(self._key(x)) or self._names[x]
        written = literal(x, self._text)
        return self._bind(x, "c") if written is None or written.startswith("np.") else written

    def _line(self, member: Member) -> str:
        low = lowered(member.call)

        def function(f: Any) -> str:
            return self._bind(f, getattr(f, "__name__", "f") + "_")

        args, kwargs = low.args, dict(low.kwargs)
        if "out" in kwargs and isinstance(kwargs["out"], tuple):
            (kwargs["out"],) = kwargs["out"]
        if not member.call.results:
            return spelled(low.function, args, kwargs, self._text, function)
        if not low.takes_out:
            text = spelled(low.function, args, kwargs, self._text, function)
            name = self._text(member.target)
            return f"{name} = {text}" if name.startswith("t") else f"{name}[...] = {text}"
        if low.function is np.copyto:
            return spelled(low.function, (member.target, *args), kwargs, self._text, function)
        return spelled(low.function, args, {**kwargs, "out": member.target}, self._text, function)
