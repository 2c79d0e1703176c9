"""The passes of a kernel over its inner elements: a sum is known only when all of them were seen."""

from __future__ import annotations

from typing import Any, NamedTuple

from minigrad.compiler.passes.elementwise import Member
from minigrad.compiler.passes.grouping import Group


class Held(NamedTuple):
    """A value that the kernel has at hand: its name, the stage that made it, and the number of the member that did."""

    name: str
    stage: int
    member: int


class Stages:
    """At which pass over the inner elements each member is computed, and what later passes need of it."""

    def __init__(self, group: Group, key: Any) -> None:
        self.of: list[int] = []
        self.last_writers: set[int] = set()
        ready: dict[Any, int] = {}
        read: dict[Any, int] = {}
        maker: dict[Any, int] = {}
        readers: dict[int, int] = {}
        for i, member in enumerate(group.members):
            at = max([ready.get(key(x), 0) for x in member.values], default=0)
            if member.call.writes:  # what was there before must have been made, and read by whoever does
                at = max(at, ready.get(key(member.target), 0), read.get(key(member.target), 0))
            for x in member.values:
                read[key(x)] = max(read.get(key(x), 0), at)
                if key(x) in maker:
                    readers[maker[key(x)]] = max(readers.get(maker[key(x)], 0), at)
            self.of.append(at)
            ready[key(member.target)] = at + (member.axes is not None)
            maker[key(member.target)] = i
        self.last_writers = set(maker.values())
        self.kept = [
            i
            for i, last in sorted(readers.items())
            if last > self.of[i] and group.members[i].axes is None and not is_outer(group, group.members[i])
        ]
        self.count = max(self.of) + 1


def is_outer(group: Group, member: Member) -> bool:
    """Whether an elementwise member is one number for all inner elements."""
    return group.inner is not None and member.axes is None and member.target.shape != group.shape
