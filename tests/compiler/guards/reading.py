"""Steps that read something, what changes it, and the check that a call sees the change or is refused."""

import numpy as np
import pytest

import minigrad as mg
from minigrad.compiler.tracing.trace_comparison import same_bits
from minigrad.errors import CompileError

X = np.float32([1.0, 2.0, -3.0])


def agree(step, change, calls=9, **options):
    """The values that are right, or a refusal before any other; audits are off, so that nothing else helps."""
    compiled = mg.compile(step, backend="numpy", audit=False, **options)
    for i in range(calls):
        if i == 5:
            change()
        x = mg.tensor(X + i)
        expected = step(x)
        assert same_bits(np.asarray(expected.data), np.asarray(compiled(x).data)), f"stale in call {i}"
    return compiled.stats()


class Thing:
    scale = 1.0

    def __init__(self, **attributes):
        vars(self).update(attributes)


THING = Thing()


#: Those of which nobody can say what they hold, or which hold too much.
UNKNOWN = {
    "weak proxy": "cannot look", "beyond the limit": "more than 20000 objects",
    "weak reference alone": "what no other name leads to", "weak values": "what no other name leads to",
}  # fmt: skip


class Kinds(dict):
    """Functions that give a step and what changes what it reads, by their names in words."""

    def __call__(self, make):
        self[make.__name__.strip("_").replace("_", " ")] = make
        return make


def seen_or_refused(name, step, change):
    if name in UNKNOWN:
        with pytest.raises(CompileError, match=UNKNOWN[name]):
            agree(step, change)
    else:
        agree(step, change)
