"""What is done to a program before it runs: each pass is one short file."""

from minigrad.compiler.passes.buffers import Plan, planned
from minigrad.compiler.passes.copies import without_copies
from minigrad.compiler.passes.dead import without_dead_calls

__all__ = ["Plan", "planned", "without_copies", "without_dead_calls"]
