"""The loops that a group needs: which axes are outer and inner, in which order, and where in memory an element is."""

from __future__ import annotations

import math

import numpy as np

from minigrad.compiler.passes.aliasing import Memory
from minigrad.compiler.passes.copies import uniform
from minigrad.compiler.passes.elementwise import Member
from minigrad.compiler.passes.grouping import Group
from minigrad.compiler.program import Value

Strides = tuple[int, ...]


class Loop:
    """One loop over axes that are one, since all arrays go over them at even steps."""

    def __init__(self, axes: tuple[int, ...], size: int) -> None:
        self.axes = axes
        self.size = size

    def stride(self, strides: Strides) -> int:
        """Elements from one turn of the loop to the next."""
        return strides[self.axes[-1]]


class Nest:
    """The loops of a group: ``outer`` ones, which are shared among threads, and ``inner`` ones, none in a flat nest.

    The axes are gone over in the order in which the largest array lies in memory, and neighbours among them that no
    array tells apart are one loop.
    """

    def __init__(self, group: Group, memory: Memory) -> None:
        self.group = group
        self._memory = memory
        shape = group.shape
        inputs = [x for x in group.inputs if x.is_array and uniform(x) is None]
        outputs = [member.target for member in group.members if member.axes is None and member.target in group.outputs]
        values = [*inputs, *group.writes, *outputs]
        self._strides = {value: self._of_elements(value) for value in values}
        for member in group.members:
            if member.axes is not None and member.target in group.outputs and len(member.axes) < len(shape):
                self._strides[member.target] = self._of_reduction(member)
        full = [value for value in values if value.shape == shape] or values
        main = self._strides[full[-1]] if full else (0,) * len(shape)
        order = sorted(range(len(shape)), key=lambda axis: (-main[axis], axis))
        inner = self._inner_axes(order)
        self.outer = self._merged([axis for axis in order if axis not in inner])
        self.inner = self._merged([axis for axis in order if axis in inner])
        if not inner and len(self.outer) > 1:
            self.inner = [self.outer.pop()]
        self.rows = math.prod(loop.size for loop in self.outer)
        self.width = math.prod(loop.size for loop in self.inner)

    @property
    def is_flat(self) -> bool:
        """Whether the outer loop is the only one."""
        return not self.inner

    def strides(self, value: Value) -> Strides:
        """Elements from one place to the next along each axis of the group; 0 where the value is spread."""
        return self._strides[value] if value in self._strides else self._of_elements(value)

    def is_inner(self, member: Member) -> bool:
        """Whether a reduction is over the inner loops, so that its result is there after them."""
        shape = self.group.shape
        inside = {axis for loop in self.inner for axis in loop.axes}
        return {axis for axis in member.axes or () if shape[axis] > 1} == inside

    def _inner_axes(self, order: list[int]) -> tuple[int, ...]:
        """The axes of the reductions, or all others."""
        group = self.group
        if group.inner is not None:
            return group.inner
        every = tuple(range(len(group.shape)))
        partial = [m.axes for m in group.members if m.axes is not None and m.axes != every]
        if not partial:
            return ()
        rest = tuple([axis for axis in every if axis not in partial[0]])
        # What is last in memory is inner, unless nothing is.
        return partial[0] if order[-1] in partial[0] or all(group.shape[axis] == 1 for axis in rest) else rest

    def _merged(self, axes: list[int]) -> list[Loop]:
        shape = self.group.shape
        merged: list[Loop] = []
        for axis in axes:
            if shape[axis] == 1:
                continue
            if merged and all(merged[-1].stride(own) == own[axis] * shape[axis] for own in self._strides.values()):
                merged[-1] = Loop((*merged[-1].axes, axis), merged[-1].size * shape[axis])
            else:
                merged.append(Loop((axis,), shape[axis]))
        return merged

    def _of_elements(self, value: Value) -> Strides:
        array = self._memory.fixed.get(value)
        strides = array.strides if isinstance(array, np.ndarray) else value.strides
        own = [0 if n == 1 else s // value.dtype.itemsize for n, s in zip(value.shape, strides, strict=True)]
        return (*(0,) * (len(self.group.shape) - len(own)), *own)

    def _of_reduction(self, member: Member) -> Strides:
        value = member.target
        own = [0 if n == 1 else s // value.dtype.itemsize for n, s in zip(value.shape, value.strides, strict=True)]
        if len(own) == len(self.group.shape):
            return tuple(own)
        left = iter(own)
        return tuple([0 if axis in (member.axes or ()) else next(left) for axis in range(len(self.group.shape))])
