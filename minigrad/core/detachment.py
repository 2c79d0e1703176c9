"""A tensor that leaves its graph on the way: an error where the gradient was asked for by name, else a warning.

Python and NumPy ask for numbers in many ways (``float(t)``, ``math.exp(t)``, ``array[0] = t``, ``np.fromiter``, a
callback of ``scipy.integrate.quad``), and all of them come through ``__float__``, ``__int__`` or ``__complex__``.
"""

from __future__ import annotations

from typing import Any

from minigrad.core.context import differentiating, is_recording, refusing
from minigrad.core.library_calls import instead
from minigrad.errors import DetachWarning, GraphError
from minigrad.support.user_warnings import warn

NUMBER = (
    "a tensor that requires a gradient became a Python number (by float(t), math.exp(t), array[i] = t, '%f' % t or the "
    "like), and its gradient ends there. {}; write t.item() to leave the graph on purpose"
)
_NUMBERS_INSTEAD = (
    "Join numbers with mg.stack([a, b]), or fill out = mg.zeros(n, t.dtype) by out[i] = t; write mg.exp for math.exp"
)
COPY = (
    "mg.tensor(t) of a tensor that requires a gradient copies its numbers alone, and its gradient ends there. Write "
    "t.copy() for a copy in the graph, and mg.tensor(t.data) to leave the graph on purpose"
)
ARRAY = (
    "turning a tensor that requires a gradient into an array would lose the gradient in silence: {}; write x.data, "
    "x.item() or x.detach().numpy() to leave the graph on purpose"
)
_ARRAYS_INSTEAD = "join tensors with mg.stack([...]), or fill out = mg.zeros(n, t.dtype) by out[i] = t"
LISTED = (
    "t.tolist() of a tensor that requires a gradient gives Python numbers, and the gradient ends there: write t itself "
    "for the list, or for row in t; write t.data.tolist() to leave the graph on purpose"
)
PICKLED = (
    "a copy by pickle is outside the graph, and the gradient ends there: {}, or x.detach() to leave the graph on "
    "purpose"
)
MASKED = (
    "the functions of np.ma would lose the gradient of a tensor in silence: write mg.where(mask, 0, value) with a "
    "plain array for the mask, or take x.data to leave the graph on purpose"
)


def leaves_in_passing(what: str) -> None:
    """A tensor with a graph becomes numbers: raise where that cannot be meant, and warn where it may be.

    Silent where nothing is recorded. Raises ``GraphError`` inside a function that is differentiated (``mg.grad`` and
    its like, a backward pass with ``create_graph``) and inside ``detect_anomaly``; issues a ``DetachWarning`` anywhere
    else, which Python shows once for each line of the user's.
    """
    if not is_recording():
        return
    if refusing() is not None:
        raise refusal(what)
    warn(_told(what), DetachWarning)


def refuse_inside(what: str, node: Any) -> None:
    """Raise ``GraphError`` for a tensor with a node, where a function is differentiated; elsewhere it is meant."""
    if node is not None and isinstance(refusing(), differentiating):
        raise refusal(what)


def refusal(what: str) -> GraphError:
    """The error of a tensor that must not leave its graph; kept, where code in between may replace it by another."""
    what, context = _told(what), refusing()
    if context is None:
        return GraphError(what)
    context.refusal = error = GraphError(f"inside {context.where}: {what}")
    return error


def _told(what: str) -> str:
    """A message with what to write instead: in place of a library's function, if it is one that asks."""
    usual = {ARRAY: _ARRAYS_INSTEAD, NUMBER: _NUMBERS_INSTEAD, PICKLED: "write x.copy()"}.get(what)
    return what if usual is None else what.format(instead(usual))
