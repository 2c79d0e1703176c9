"""Groups: calls that go over the same elements, and can do so in one loop.

A group has the shape of its loop. Its members are elementwise calls of that shape and reductions of it. Where a
reduction's result is used again in the group (softmax, layer norm), its axes are the group's *inner* axes: for each
place along the others, the inner elements are gone over once for each stage, and numbers that hold for all of them
(the sum, its reciprocal) are members too.

Calls move to be together, as far as what they read and write allows: a call joins a group unless it needs something
that is made after the group began and outside of it.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from minigrad.compiler.passes.aliasing import Memory, dependencies
from minigrad.compiler.passes.elementwise import Member, member_of
from minigrad.compiler.program import Call, Program, Value, values_in

#: The number of groups back among which a call looks for one to join.
_REACH = 12


class Group:
    """Members in their order, the shape of their loop, and its inner axes where there are some."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape
        self.inner: tuple[int, ...] | None = None
        self.members: list[Member] = []
        self.late: set[Value] = set()  # reductions that are there only after the loop
        self.inputs: list[Value] = []
        self.outputs: list[Value] = []  # results that are used outside the group
        self.writes: list[Value] = []
        self._made: set[Value] = set()
        self._read: dict[Value, None] = {}
        self._written: dict[Value, None] = {}

    @property
    def size(self) -> int:
        """The number of elements."""
        return int(np.prod(self.shape, dtype=int))

    @property
    def work(self) -> int:
        """How many numbers the members compute."""
        return self.size * len(self.members)

    def outer_shape(self) -> tuple[int, ...]:
        """The shape of a value that is the same for all inner elements: 1 in place of the inner axes."""
        inner = self.inner or ()
        return tuple([1 if axis in inner else n for axis, n in enumerate(self.shape)])

    def takes(self, member: Member, memory: Memory) -> bool:
        """Whether a call may be a member, as far as shapes and writes go."""
        if any(value in self.late for value in member.values):
            return False
        targets = self._made
        outer = self.outer_shape()
        if member.axes is not None:
            every = tuple(range(len(self.shape)))
            known = (member.axes if self.inner is None else self.inner, every)
            rest = tuple([axis for axis in every if axis not in known[0]])
            (operand,) = member.operands
            if operand.shape != self.shape or member.axes not in (*known, rest):
                return False
        elif member.target.shape != self.shape and (
            self.inner is None or member.target.shape != outer or targets.isdisjoint(member.values)
        ):
            return False  # one number for all inner elements is made of another one
        if any(value in targets and value.shape not in (self.shape, outer) for value in member.values):
            return False
        return self._is_apart(member, memory)

    def _is_apart(self, member: Member, memory: Memory) -> bool:
        """Whether a member writes over what another one reads only where both look at the same element."""
        pairs = [(x, y) for x in member.call.writes for y in [*self._read, *self._written]]
        pairs += [(x, y) for x in member.values for y in self._written]
        together = member.axes is None and member.target.shape == self.shape
        return all(not memory.overlap(x, y) or (together and memory.same(x, y)) for x, y in pairs)

    def add(self, member: Member) -> None:
        """Take a member in."""
        self.members.append(member)
        self._made.add(member.target)
        self._read.update(dict.fromkeys(member.values))
        self._written.update(dict.fromkeys(member.call.writes))
        if member.axes is None:
            return
        if self.inner is None and len(member.axes) < len(self.shape):
            self.inner = member.axes
        elif member.axes != self.inner:
            self.late.add(member.target)

    def settle(self) -> None:
        """When all members are there: without a use of the inner reductions inside, there are no inner axes."""
        reductions = {member.target for member in self.members if member.axes is not None}
        if not any(value in reductions for member in self.members for value in member.values):
            self.late, self.inner = reductions, None

    def __repr__(self) -> str:
        return f"<group {self.shape} inner {self.inner}: {' '.join(member.op for member in self.members)}>"


def grouped(
    calls: list[Call],
    program: Program,
    fits: Callable[[Member], bool],
    worth: Callable[[Group], bool],
    minds_errors: bool,
) -> list[Call]:
    """The calls in a possible order, with groups in place of their members: calls whose function is a ``Group``.

    ``fits`` says which calls the backend can put into a loop, ``worth`` which groups are better than their calls, and
    ``minds_errors`` whether calls under different ``np.errstate`` stay apart.
    """
    memory = Memory(calls, program)
    needs = dependencies(calls, memory)
    detours = Detours(needs)
    belongs: dict[int, Group] = {}
    recent: list[Group] = []
    for i, call in enumerate(calls):
        member = member_of(call)
        if member is None or not member.shape or not fits(member) or _is_over_itself(member, memory):
            detours.add(i, None)
            continue
        for group in reversed(recent[-_REACH:]):
            alike = group.shape == member.shape or (group.inner is not None and member.shape == group.outer_shape())
            same_errors = not minds_errors or group.members[0].call.errors == call.errors
            possible = alike and same_errors and group.takes(member, memory)
            if possible and not detours.lead(i, group):
                break
        else:
            group = Group(member.shape)
            recent.append(group)
        group.add(member)
        belongs[i] = group
        detours.add(i, group)
    worthy = {i: group for i, group in belongs.items() if worth(group)}
    order = _in_order(calls, needs, worthy)
    _find_borders(order, program, memory)
    return [_call_of(item) if isinstance(item, Group) else item for item in order]


def _is_over_itself(member: Member, memory: Memory) -> bool:
    """Whether a call writes over its own operands at other places than it reads: NumPy makes a copy before."""
    pairs = [(x, y) for x in member.call.writes for y in member.values]
    return any(memory.overlap(x, y) and not memory.same(x, y) for x, y in pairs)


class Detours:
    """Which calls wait for which, where a group counts as one call.

    A rank for each group and each call outside of groups says an order in which they may run, and is kept as groups
    grow. So a search from a call back to a group looks only at what ranks after the group, which is little; without
    ranks the time to compile would grow with the square of the calls. The way to keep them is that of D. J. Pearce and
    P. H. J. Kelly, "A dynamic topological sort algorithm for directed acyclic graphs" (2006).
    """

    def __init__(self, needs: list[set[int]]) -> None:
        self._needs = needs
        self._nodes: list[Any] = []  # of each call so far: its group, or its own number
        self._rank: dict[Any, int] = {}
        self._waits: dict[Any, set[Any]] = {}  # what a node waits for
        self._followers: dict[Any, set[Any]] = {}  # what waits for it

    def add(self, i: int, group: Group | None) -> None:
        """Call i is a member of the group, or of none. Each call comes once, in order."""
        node = i if group is None else group
        self._nodes.append(node)
        waits = self._awaited(i, node)
        if node in self._rank:
            self._put_before(node, waits)
        else:
            self._rank[node] = i  # the last rank so far: ranks come from the numbers of calls
            self._waits[node], self._followers[node] = set(), set()
        self._waits[node] |= waits
        for other in waits:
            self._followers[other].add(node)

    def lead(self, i: int, group: Group) -> bool:
        """Whether call i needs something outside the group that needs the group."""
        return any(group in self._waits[node] for node in self._back(self._awaited(i, group), self._rank[group]))

    def _awaited(self, i: int, node: Any) -> set[Any]:
        """The nodes that call i needs, without its own."""
        nodes = {self._nodes[j] for j in self._needs[i]}
        nodes.discard(node)
        return nodes

    def _back(self, nodes: Iterable[Any], floor: int) -> set[Any]:
        """The nodes and all that they wait for, without those of rank ``floor`` or less."""
        reached = {node for node in nodes if self._rank[node] > floor}
        stack = list(reached)
        while stack:
            more = {node for node in self._waits[stack.pop()] if self._rank[node] > floor} - reached
            reached |= more
            stack += more
        return reached

    def _put_before(self, group: Any, waits: set[Any]) -> None:
        """Rank the calls that the group is to wait for before it, and before those that wait for the group."""
        before = self._back(waits, self._rank[group])
        if not before:
            return
        ceiling = max(self._rank[node] for node in before)
        after, stack = {group}, [group]
        while stack:
            more = {node for node in self._followers[stack.pop()] if self._rank[node] < ceiling} - after
            after |= more
            stack += more
        ranks = sorted(self._rank[node] for node in before | after)
        order = sorted(before, key=self._rank.__getitem__) + sorted(after, key=self._rank.__getitem__)
        self._rank.update(zip(order, ranks, strict=True))


def _in_order(calls: list[Call], needs: list[set[int]], belongs: dict[int, Group]) -> list[Any]:
    """Calls and groups in an order in which each comes after what it needs, as near to the given one as possible."""
    node_of = [belongs.get(i, i) for i in range(len(calls))]
    first: dict[Any, int] = {}
    for i, node in enumerate(node_of):
        first.setdefault(node, i)
    waits: dict[Any, set[Any]] = {node: set() for node in first}
    followers: dict[Any, set[Any]] = {node: set() for node in first}
    for i, need in enumerate(needs):
        for j in need:
            if node_of[j] is not node_of[i]:
                waits[node_of[i]].add(node_of[j])
                followers[node_of[j]].add(node_of[i])
    free = [(first[node], node) for node, need in waits.items() if not need]
    heapq.heapify(free)
    order: list[Any] = []
    while free:
        _, node = heapq.heappop(free)
        order.append(calls[node] if isinstance(node, int) else node)
        for follower in followers[node]:
            waits[follower].discard(node)
            if not waits[follower]:
                heapq.heappush(free, (first[follower], follower))
    if len(order) < len(first):
        raise RuntimeError(  # pragma: no cover - the invariant of Detours
            "groups that wait for each other: a call joined one in spite of a detour"
        )
    return order


def _find_borders(order: list[Any], program: Program, memory: Memory) -> None:
    """The inputs of each group, and its results that are seen outside."""
    groups = [item for item in order if isinstance(item, Group)]
    owner = {member.target: group for group in groups for member in group.members if member.call.results}
    seen = set(values_in(program.outputs)) | {value for _, value in program.gradients}
    for item in order:
        if isinstance(item, Call):
            seen.update(item.values)
        else:
            for member in item.members:
                seen.update(x for x in [*member.values, *member.call.writes] if owner.get(x) is not item)
    for group in groups:
        group.settle()
        for member in group.members:
            outside = [x for x in dict.fromkeys(member.values) if owner.get(x) is not group]
            group.inputs += [x for x in outside if x not in group.inputs]
            if member.call.results and member.target in seen:
                group.outputs.append(member.target)
            for value in member.call.writes:
                if owner.get(value) is not group and not any(memory.same(value, other) for other in group.writes):
                    group.writes.append(value)


def _call_of(group: Group) -> Call:
    """The group as one call."""
    call = Call(group, tuple(group.inputs), {}, list(group.outputs), list(group.writes))
    return call.beside(group.members[-1].call)
