"""Samples of recurrent layers."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from minigrad.ops.recurrent import CELLS
from minigrad.testing.sample import Sample
from minigrad.testing.strategies import arrays_of
from tests.samples.builders import REALS


def _with_absent(f: Any, xs: Any, options: dict[str, Any]) -> Any:
    """f(p, state, weight, bias or None, ended or None, cell)."""
    given_ = iter(xs)
    arguments = [next(given_) for _ in range(3)]
    arguments += [next(given_) if options[name] else None for name in ("bias", "ended")]
    return f(*arguments, options["cell"])


@st.composite
def _recurrent_scan(draw: DrawFn) -> Sample:
    name = draw(st.sampled_from(sorted(set(CELLS) - {"rnn_relu"})))  # which has kinks: tests/nn/test_recurrent.py
    cell, steps = CELLS[name], draw(st.integers(1, 3))
    batch, hidden = draw(st.integers(1, 2)), draw(st.integers(1, 2))
    state = (batch, hidden) if cell.states == 1 else (2, batch, hidden)
    bias, ended = draw(st.booleans()), draw(st.booleans())
    made = [(steps, batch, cell.gates * hidden), state, (cell.gates * hidden, hidden), (cell.gates * hidden,)]
    made = made[: 4 if bias else 3]
    found = draw(arrays_of(made, [REALS] * len(made)))
    if ended:
        lengths = np.array([draw(st.integers(0, steps)) for _ in range(batch)])
        found.append(np.arange(steps)[:, None, None] >= lengths[:, None])
    return Sample(found, {"bias": bias, "ended": ended, "cell": name}, _with_absent)


SAMPLES: dict[str, SearchStrategy[Sample]] = {"recurrent_scan": _recurrent_scan()}
