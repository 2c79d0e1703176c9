"""The texts of loops over all steps of a recurrent layer, by the cell and by what they unroll.

Sequences of a batch do not know each other: a block of them goes through all its steps while its states, and the
weights that all steps share, stay in the nearest caches. Threads share the blocks.
"""

from __future__ import annotations

from typing import NamedTuple

from minigrad.compiler.backends.kernel_expressions import kernel_text, u


class Cell(NamedTuple):
    """A kind of layer: its gates, and what a step makes of them for one number ``j`` of one state.

    In the lines forward, ``a`` is the gates' array, ``n`` the hidden size, ``h`` the state before, ``s`` the place in
    ``p``, ``new`` the state after; ``c`` is the cell beside it. What ``kept`` names is written to ``gates`` for the way
    back. In the lines backward, ``d`` and ``e`` are the gradients of the state and of the cell, ``gates`` is what was
    kept, from ``u`` on, ``after`` and ``before`` are the states, or cells, of this step and of the one before;
    ``onward`` is what reaches the state before beside the product with the weight.
    """

    gates: int
    inputs: int  # the gates to which ``p`` is added before the step's functions, the first ones
    lines: tuple[str, ...]
    kept: tuple[str, ...]
    back: tuple[str, ...]
    has_cell: bool = False


_SIGMOID = "{name} = one / (one + {{f}}_exp(-a[{place}]))"

CELLS: dict[str, Cell] = {
    "rnn_tanh": Cell(
        1, 1, ("new = {f}_tanh(a[j])",), (), ("pulled[u + j] = d[j] * (one - after * after)", "onward = zero")
    ),
    "rnn_relu": Cell(
        1,
        1,
        ("new = maximum(a[j], zero)",),
        (),
        ("pulled[u + j] = d[j] * (one if after != zero else zero)", "onward = zero"),
    ),
    "gru": Cell(
        3,
        2,
        (
            _SIGMOID.format(name="reset", place="j"),
            _SIGMOID.format(name="update", place="j + n"),
            "proposed = {f}_tanh(p[s + n + n + j] + reset * a[n + n + j])",
            "new = (h[j] - proposed) * update + proposed",
        ),
        ("reset", "update", "a[n + n + j]", "proposed"),
        (
            "reset = gates[u + j]",
            "update = gates[u + n + j]",
            "proposed = gates[u + n + n + n + j]",
            "of_new = d[j] * (one - update) * (one - proposed * proposed)",
            "pulled[u + j] = of_new * gates[u + n + n + j] * (reset * (one - reset))",
            "pulled[u + n + j] = d[j] * (before - proposed) * (update * (one - update))",
            "pulled[u + n + n + j] = of_new * reset",
            "pulled[u + n + n + n + j] = of_new",
            "onward = d[j] * update",
        ),
    ),
    "lstm": Cell(
        4,
        4,
        (
            _SIGMOID.format(name="enter", place="j"),
            _SIGMOID.format(name="forget", place="j + n"),
            _SIGMOID.format(name="leave", place="n + n + n + j"),
            "value = {f}_tanh(a[n + n + j])",
            "cell = forget * c[j] + enter * value",
            "new = leave * {f}_tanh(cell)",
        ),
        ("enter", "forget", "leave", "value"),
        (
            "enter = gates[u + j]",
            "forget = gates[u + n + j]",
            "leave = gates[u + n + n + j]",
            "value = gates[u + n + n + n + j]",
            "shown = {f}_tanh(after)",
            "of_cell = e[j] + d[j] * (leave * (one - shown * shown))",
            "pulled[u + j] = of_cell * (value * enter * (one - enter))",
            "pulled[u + n + j] = of_cell * (before * forget * (one - forget))",
            "pulled[u + n + n + j] = of_cell * (enter * (one - value * value))",
            "pulled[u + n + n + n + j] = d[j] * (shown * leave * (one - leave))",
            "e[j] = of_cell * forget",
            "onward = zero",
        ),
        True,
    ),
}

#: Numbers of the longer side of a product that an inner loop takes at once, at most.
_DEEP = 4


def block_of(batch: int) -> int:
    """How many sequences go together: a weight is loaded once for all of them. Where they do not come out even, few.

    Eight take 0.8 of the time of four, and the last block begins in the one before.
    """
    few, many = -(-batch // 4) * 4, -(-batch // 8) * 8
    return min(batch, 8 if 0.8 * many < few else 4)


def _deep(size: int) -> int:
    """How many numbers of the longer side of a product an inner loop takes at once."""
    return next(d for d in range(_DEEP, 0, -1) if size % d == 0)


def _product(block: int, deep: int, size: str, width: str, source: str, matrix: str, total: str) -> list[str]:
    """``total`` += ``given`` @ ``matrix``, of each of the block's rows: ``given`` has ``size``, ``total`` ``width``."""
    lines = [f"for k in range({u(0)}, {size}, {u(deep)}):"]
    lines += [f"    v{i}_{d} = {source.format(i=i)} + {u(d)}]" for i in range(block) for d in range(deep)]
    lines.append(f"    for j in range({width}):")
    lines += [f"        w{d} = {matrix}[(k + {u(d)}) * {width} + j]" for d in range(deep)]
    for i in range(block):
        terms = [f"{total}{i}[j]", *[f"v{i}_{d} * w{d}" for d in range(deep)]]
        lines.append(f"        {total}{i}[j] = {' + '.join(terms)}")
    return lines


def _text(arguments: str, kind: str, body: list[str]) -> str:
    start = ["n = np.uint64(hidden)", f"one, zero = {kind}(1), {kind}(0)"]
    return kernel_text(f"{arguments}, steps, batch, hidden", "steps, batch", [*start, *body])


REALS = {"f4": "np.float32", "f8": "np.float64"}


def recurrent(name: str, kind: str, block: int, hidden: int, keep: bool = False, ends: bool = False) -> str:
    """All steps of ``block`` sequences at a time, in numbers of ``kind``; ``hidden`` counts by its divisors alone.

    With ``keep`` the gates are written too, (steps, batch, 4, hidden). With ``ends``, ``ended`` (steps, batch) says
    where a sequence is over, whose state stays as it is.
    """
    cell, rows, real = CELLS[name], range(block), REALS[kind]
    body = [
        f"width = {u(cell.gates)} * n",
        *[f"a{i} = np.empty({cell.gates} * hidden, {real})" for i in rows],
        *[f"{name}{i} = np.empty(hidden, {real})" for i in rows for name in "hc"],
        "for q in range(np.uint64(first), np.uint64(last)):",
        f"    r = min(q * {u(block)}, batch - {u(block)})",
        "    for j in range(n):",
        *[f"        h{i}[j] = state[(r + {u(i)}) * n + j]" for i in rows],
        *[f"        c{i}[j] = state[(batch + r + {u(i)}) * n + j]" for i in rows if cell.has_cell],
        "    for t in range(steps):",
        *[f"        s{i} = (t * batch + r + {u(i)}) * width" for i in rows],
    ]
    for i in rows:
        body += [
            f"        for j in range({u(cell.inputs)} * n):",
            f"            a{i}[j] = shift[j] + p[s{i} + j]",
            f"        for j in range({u(cell.inputs)} * n, width):",
            f"            a{i}[j] = shift[j]",
        ]
    body += [f"        {line}" for line in _product(block, _deep(hidden), "n", "width", "h{i}[k", "across", "a")]
    for i in rows:
        body += [f"        a, h, c, s = a{i}, h{i}, c{i}, s{i}", f"        o = (t * batch + r + {u(i)}) * n"]
        body += [f"        u = {u(len(cell.kept))} * o"] if keep else []
        body.append("        for j in range(n):")
        body += [f"            {line.format(f=kind)}" for line in cell.lines]
        if ends:
            body += [f"            if ended[t * batch + r + {u(i)}]:", "                new = h[j]"]
            body += ["                cell = c[j]"] if cell.has_cell else []
        body.append("            z[o + j] = new")
        if cell.has_cell:
            body += ["            c[j] = cell", "            z[steps * batch * n + o + j] = cell"]
        if keep:
            places = ["u + n * np.uint64(" + str(part) + ") + j" for part in range(len(cell.kept))]
            body += [f"            gates[{place}] = {x}" for place, x in zip(places, cell.kept, strict=True)]
        # The state before is still read by no other number: it can be written over.
        body.append("            h[j] = new")
    return _text(f"p, state, across, shift, z{', gates' * keep}{', ended' * ends}", kind, body)


def backward(name: str, kind: str, block: int, hidden: int, ends: bool = False) -> str:
    """The way back through all steps: ``pulled`` (steps, batch, gates, hidden), and ``start``, of the first state.

    ``g`` is the gradient of all states ``z``, ``gates`` what the forward loop kept; ``ends`` is as there.
    """
    cell, rows, real = CELLS[name], range(block), REALS[kind]
    count = max(len(cell.kept), 1)
    named = ("d", "b", "l", *("e" if cell.has_cell else ""))
    # Of an LSTM what acts beside the gates are the cells, which lie behind all states.
    cells = "steps * batch * n + "
    behind = cells if cell.has_cell else ""
    body = [
        f"width = {u(cell.gates)} * n",
        *[f"{x}{i} = np.empty(hidden, {real})" for i in rows for x in named],
        "for q in range(np.uint64(first), np.uint64(last)):",
        f"    r = min(q * {u(block)}, batch - {u(block)})",
    ]
    for i in rows:
        body += [
            f"    o = ((steps - {u(1)}) * batch + r + {u(i)}) * n",
            "    for j in range(n):",
            f"        d{i}[j] = g[o + j]",
            *[f"        e{i}[j] = g[{cells}o + j]"] * cell.has_cell,
        ]
    body += ["    for s in range(steps):", f"        t = steps - {u(1)} - s"]
    for i in rows:
        head = [f"o = (t * batch + r + {u(i)}) * n", f"u{i} = {u(count)} * o", f"u, d, l = u{i}, d{i}, l{i}"]
        head += [
            *[f"e = e{i}"] * cell.has_cell,
            "if t > np.uint64(0):",
            "    for j in range(n):",
            f"        l[j] = z[{behind}o + j - batch * n]",
            "if t == np.uint64(0):",
            "    for j in range(n):",
            f"        l[j] = state[{'batch * n + ' if cell.has_cell else ''}(r + {u(i)}) * n + j]",
            "for j in range(n):",
            f"    after, before = z[{behind}o + j], l[j]",
            *["    carried = e[j]"] * (ends and cell.has_cell),
            *[f"    {line.format(f=kind)}" for line in cell.back],
            *(_over(cell, count, i) if ends else []),
            f"    b{i}[j] = onward",
        ]
        body += [f"        {line}" for line in head]
    deep = _deep(cell.gates * hidden)
    body += [f"        {line}" for line in _product(block, deep, "width", "n", "pulled[u{i} + k", "weight", "b")]
    body += [f"        {line}" for i in rows for line in _onward(cell, i)]
    return _text(f"g, z, gates, state, weight, pulled, start{', ended' * ends}", kind, body)


def _onward(cell: Cell, i: int) -> list[str]:
    """The gradients of sequence i for the step before, or of its first state."""
    has_cell, before = cell.has_cell, "g[{}o + j - batch * n]"
    return [
        f"o = (t * batch + r + {u(i)}) * n",
        "if t > np.uint64(0):",
        "    for j in range(n):",
        f"        d{i}[j] = b{i}[j] + {before.format('')}",
        *[f"        e{i}[j] = e{i}[j] + {before.format('steps * batch * n + ')}"] * has_cell,
        "if t == np.uint64(0):",
        "    for j in range(n):",
        f"        start[(r + {u(i)}) * n + j] = b{i}[j]",
        *[f"        start[(batch + r + {u(i)}) * n + j] = e{i}[j]"] * has_cell,
    ]


def _over(cell: Cell, count: int, i: int) -> list[str]:
    """Where a sequence is over, gradients pass by a step."""
    places = ["".join(["n + "] * k) for k in range(count)]
    lines = [f"if ended[t * batch + r + {u(i)}]:", "    onward = d[j]"]
    lines += [f"    pulled[u + {place}j] = zero" for place in places]
    return [f"    {line}" for line in [*lines, *["    e[j] = carried"] * cell.has_cell]]
