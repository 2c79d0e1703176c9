"""The texts of loops over all steps of a recurrent layer, by the cell and by what they unroll.

Sequences of a batch do not know each other: a block of them goes through all its steps while its states, and the
weights that all steps share, stay in the nearest caches. Threads share the blocks.
"""

from __future__ import annotations

from typing import NamedTuple


class Cell(NamedTuple):
    """A kind of layer: its gates, and what a step makes of them for one number ``j`` of one state.

    In the lines, ``a`` is the gates' array, ``n`` the hidden size, ``h`` the state before, ``s`` the place in ``p``,
    ``new`` the state after; ``c`` is the cell beside it.
    """

    gates: int
    inputs: int  # the gates to which ``p`` is added before the step's functions, the first ones
    lines: tuple[str, ...]
    has_cell: bool = False


_SIGMOID = "{name} = one / (one + {{f}}_exp(-a[{place}]))"

CELLS: dict[str, Cell] = {
    "rnn_tanh": Cell(1, 1, ("new = {f}_tanh(a[j])",)),
    "rnn_relu": Cell(1, 1, ("new = maximum(a[j], zero)",)),
    "gru": Cell(
        3,
        2,
        (
            _SIGMOID.format(name="reset", place="j"),
            _SIGMOID.format(name="update", place="j + n"),
            "proposed = {f}_tanh(p[s + n + n + j] + reset * a[n + n + j])",
            "new = (h[j] - proposed) * update + proposed",
        ),
    ),
    "lstm": Cell(
        4,
        4,
        (
            _SIGMOID.format(name="enter", place="j"),
            _SIGMOID.format(name="forget", place="j + n"),
            _SIGMOID.format(name="leave", place="n + n + n + j"),
            "cell = forget * c[j] + enter * {f}_tanh(a[n + n + j])",
            "c[j] = cell",
            "new = leave * {f}_tanh(cell)",
        ),
        True,
    ),
}

#: Sequences of a block: a weight is loaded once for all of them.
BLOCK = 4


def _deep(hidden: int) -> int:
    """How many numbers of the states before an inner loop takes at once."""
    return next(d for d in (8, 7, 6, 5, 4, 3, 2, 1) if hidden % d == 0)


def recurrent(name: str, kind: str, block: int, hidden: int) -> str:
    """All steps of ``block`` sequences at a time, in numbers of ``kind``; ``hidden`` counts by its divisors alone."""
    cell, deep, rows = CELLS[name], _deep(hidden), range(block)
    real = {"f4": "np.float32", "f8": "np.float64"}[kind]
    body = [
        f"one, zero = {kind}(1), {kind}(0)",
        f"width = np.uint64({cell.gates}) * n",
        *[f"a{i} = np.empty({cell.gates} * hidden, {real})" for i in rows],
        *[f"{name}{i} = np.empty(hidden, {real})" for i in rows for name in "hc"],
        "for q in range(np.uint64(first), np.uint64(last)):",
        f"    r = min(q * np.uint64({block}), batch - np.uint64({block}))",
        "    for j in range(n):",
        *[f"        h{i}[j] = state[(r + np.uint64({i})) * n + j]" for i in rows],
        *[f"        c{i}[j] = state[(batch + r + np.uint64({i})) * n + j]" for i in rows if cell.has_cell],
        "    for t in range(steps):",
        *[f"        s{i} = (t * batch + r + np.uint64({i})) * width" for i in rows],
    ]
    for i in rows:
        body += [
            f"        for j in range(np.uint64({cell.inputs}) * n):",
            f"            a{i}[j] = shift[j] + p[s{i} + j]",
            f"        for j in range(np.uint64({cell.inputs}) * n, width):",
            f"            a{i}[j] = shift[j]",
        ]
    body.append(f"        for k in range(np.uint64(0), n, np.uint64({deep})):")
    body += [f"            v{i}_{d} = h{i}[k + np.uint64({d})]" for i in rows for d in range(deep)]
    body.append("            for j in range(width):")
    body += [f"                w{d} = across[(k + np.uint64({d})) * width + j]" for d in range(deep)]
    for i in rows:
        body.append(f"                a{i}[j] = {' + '.join([f'a{i}[j]', *[f'v{i}_{d} * w{d}' for d in range(deep)]])}")
    for i in rows:
        body += [f"        a, h, c, s = a{i}, h{i}, c{i}, s{i}", f"        o = (t * batch + r + np.uint64({i})) * n"]
        body.append("        for j in range(n):")
        body += [f"            {line.format(f=kind)}" for line in cell.lines]
        body.append("            z[o + j] = new")
        if cell.has_cell:
            body.append("            z[steps * batch * n + o + j] = cell")
        # The state before is still read by no other number: it can be written over.
        body.append("            h[j] = new")
    head = "def kernel(first, last, rows, step, p, state, across, shift, z, steps, batch, hidden):"
    sizes = [f"{name} = np.uint64({name})" for name in ("steps", "batch")]
    return "\n".join([head, *[f"    {line}" for line in [*sizes, "n = np.uint64(hidden)", *body]], ""])
