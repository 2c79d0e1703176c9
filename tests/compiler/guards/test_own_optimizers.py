"""What an optimizer of the user's own reads in its update and its rates."""

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, optim
from minigrad.compiler.tracing.trace_comparison import same_bits
from tests.compiler.guards.reading import X

BOOST = 2.0


class Boosted(optim.SGD):
    """An optimizer of the user's: what its update reads, and what its rates read."""

    boost = 2.0

    def state_names(self, group):
        return ()

    def update(self, group, lr, w, g, scratch, *state):
        w -= g * (lr * self.boost * BOOST * self.settings()["boost"])

    def rates(self, group):
        return self._rate(group) * self.gain

    def settings(self):
        return SETTINGS


SETTINGS = {"boost": 1.0}


@pytest.mark.parametrize("change", ["class", "object", "global", "dict", "rates"])
def test_what_an_own_optimizer_reads(change, monkeypatch):
    def made():
        w = nn.Parameter(np.ones(3, np.float32))
        optimizer = Boosted([w], lr=0.01)
        optimizer.gain = 1.0

        def step(x):
            optimizer.zero_grad()
            (w * x).sum().backward()
            optimizer.step()

        return w, optimizer, step

    (w, one, eager), (v, two, step) = made(), made()
    compiled = mg.compile(step, backend="numpy", audit=False)
    for i in range(12):
        if i == 6:
            if change == "class":
                monkeypatch.setattr(Boosted, "boost", 3.0)
            elif change == "global":
                monkeypatch.setitem(globals(), "BOOST", 3.0)
            elif change == "dict":
                monkeypatch.setitem(SETTINGS, "boost", 3.0)
            for optimizer in (one, two):
                setattr(optimizer, {"rates": "gain"}.get(change, "boost" if change == "object" else "_unused"), 3.0)
        eager(X)
        compiled(X)
        assert same_bits(w.data, v.data)
