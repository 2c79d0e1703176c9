"""The texts of loops for convolutions and their gradients, by what they hold in registers: sizes are arguments.

Images lie in memory as (rows, C, W, N), see ``minigrad.kernels.image_layout``, so that what a window sees of a line is
one run of W * N numbers. A block of sums stays in registers while all that belongs to it goes by: each number that is
loaded is multiplied several times. ``x[i : i + 16]`` are the numbers of one register.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from minigrad.compiler.backends.kernel_expressions import kernel_text, u
from minigrad.compiler.backends.machine import Registers


class Block(NamedTuple):
    """The sums of a block: ``outputs`` times ``others`` of them, in registers of ``lanes`` numbers."""

    outputs: int
    others: int
    lanes: int


def _run(array: str, place: str, lanes: int) -> str:
    return f"{array}[{place} : {place} + {lanes}]" if lanes > 1 else f"{array}[{place}]"


def _waste(length: int, block: int) -> float:
    """The numbers computed for each one needed, when the last block of ``block`` overlaps the one before."""
    return -(-length // block) * block / length


#: Numbers of a line of usual images: that of one program is not asked for, as another batch is to have its kernels.
USUAL = 256


def block_of_outputs(outputs: int, line: int, registers: Registers) -> Block | None:
    """Outputs and registers of a line whose sums are made at once; None for a line shorter than a register."""

    def cost(tile: tuple[int, int]) -> float:
        one, other = tile
        # A number for all lanes is loaded with its product, so that costs less than a register of the line.
        work = max(one * other, 0.5 * one + 1.4 * other) + 0.5
        return work / (one * other) * _waste(outputs, one) * (1 + other * registers.lanes / (2 * USUAL))

    pairs = [
        (one, other)
        for one in range(1, min(outputs, registers.held) + 1)
        for other in range(1, 9)
        if one * other + other <= registers.held - 2
    ]
    best = min(pairs, key=cost)
    if best[1] * registers.lanes > line:
        best = min([pair for pair in pairs if pair[1] == 1], key=cost)
    return Block(*best, registers.lanes) if registers.lanes <= line else None


def correlation(block: Block, dtype: str, is_scattered: bool) -> str:
    """z[r, o, j] = bias[o] + the sum over a, c, b of w[o, a, c, b] x[table[r, a], c, offsets[b] + j].

    A row of the table beyond ``x_rows`` is one of zeros. Threads share the rows r. Channels and outputs are those of a
    group. The weights of a block of outputs follow each other. Where it ``is_scattered``, z is written in runs of ``n``
    numbers, each ``gap`` numbers after the one before.
    """
    one, many, lanes = block
    span = many * lanes
    body = [
        *([f"made = np.empty(groups * outs * line, {dtype})"] if is_scattered else []),
        f"blocks = (outs + {u(one - 1)}) // {u(one)}",
        "for r in range(np.uint64(first), np.uint64(last)):",
        "    for g in range(groups):",
        f"        for q in range((line + {u(span - 1)}) // {u(span)}):",
        f"            begin = min(q * {u(span)}, line - {u(span)})",
        "            for p in range(blocks):",
        f"                o = g * outs + min(p * {u(one)}, outs - {u(one)})",
    ]
    body += [
        f"                t{i}_{k} = np.repeat(bias[o + {u(i)}], {lanes})" for i in range(one) for k in range(many)
    ]
    body += [
        "                for a in range(height):",
        "                    row = table[r * height + a]",
        "                    if row >= x_rows:",
        "                        continue",
        f"                    weight = ((g * blocks + p) * height + a) * channels * width * {u(one)}",
        "                    for c in range(channels):",
        "                        at = ((row * groups + g) * channels + c) * x_line + begin",
        "                        for b in range(width):",
        "                            place = at + offsets[b]",
    ]
    inner = [f"v{k} = {_run('x', f'place + {k * lanes}', lanes)}" for k in range(many)]
    inner += [f"t{i}_{k} = t{i}_{k} + w[weight + {i}] * v{k}" for i in range(one) for k in range(many)]
    body += [f"                            {line}" for line in [*inner, f"weight = weight + {u(one)}"]]
    to = "(o + {}) * line + begin" if is_scattered else "places[r] + (o + {}) * z_line + begin"
    for i in range(one):
        body.append(f"                to = {to.format(u(i))}")
        body += [
            f"                {_run('made' if is_scattered else 'z', f'to + {k * lanes}', lanes)} = t{i}_{k}"
            for k in range(many)
        ]
    if is_scattered:
        body += [
            "    for o in range(groups * outs):",
            "        to = places[r] + o * z_line",
            "        for j in range(np.uint64(0), line, n):",
            "            for m in range(n):",
            "                z[to + m] = made[o * line + j + m]",
            "            to = to + gap",
        ]
    sizes = "groups, channels, outs, height, width, x_rows, x_line, z_line, line, n, gap"
    return kernel_text(f"x, w, bias, z, table, offsets, places, {sizes}", sizes, body)


def block_of_weights(outputs: int, taps: int, registers: Registers) -> Block:
    """Outputs and taps of the window whose sums are made at once."""

    def cost(tile: tuple[int, int]) -> float:
        one, other = tile
        work = max(one * other, 1.3 * (one + other)) + 1.5
        return work / (one * other) * _waste(outputs, one) * _waste(taps, other)

    most = registers.held - registers.held // 4 + 1
    pairs = [(one, other) for one in range(1, min(outputs, 6) + 1) for other in range(1, min(taps, 8, most // one) + 1)]
    return Block(*min(pairs, key=cost), registers.lanes)


def weight_gradient(block: Block) -> str:
    """w[part, o, a, k] = the sum over the rows r of a part, and j, of y[r, o, j] x[table[r, a], taps[k] + j].

    ``taps`` says where, behind the first channel of a group, what an element of the window sees begins. Threads share
    the parts, of ``several`` rows, so that these stay in a cache.
    """
    one, many, lanes = block
    sums = [(i, k) for i in range(one) for k in range(many)]
    body = [
        "whole = line - line % " + u(lanes),
        "for part in range(np.uint64(first), np.uint64(last)):",
        "    for g in range(groups):",
        f"        for q in range((count + {u(many - 1)}) // {u(many)}):",
        f"            k = min(q * {u(many)}, count - {u(many)})",
        *[f"            k{k} = taps[k + {u(k)}]" for k in range(many)],
        "            for a in range(height):",
        f"                for p in range((outs + {u(one - 1)}) // {u(one)}):",
        f"                    o = g * outs + min(p * {u(one)}, outs - {u(one)})",
        *[f"                    t{i}_{k} = np.repeat(zero[0], {lanes})" for i, k in sums],
        "                    for r in range(part * several, min(part * several + several, y_rows)):",
        "                        row = table[r * height + a]",
        "                        if row >= x_rows:",
        "                            continue",
        "                        at = (row * groups + g) * x_group",
        *[f"                        x{k} = at + k{k}" for k in range(many)],
        *[f"                        y{i} = (r * groups * outs + o + {u(i)}) * line" for i in range(one)],
    ]

    def added(read: Callable[[str, str], str]) -> list[str]:
        lines = [f"g{i} = {read('y', f'y{i} + j')}" for i in range(one)]
        lines += [f"v{k} = {read('x', f'x{k} + j')}" for k in range(many)]
        return [*lines, *[f"t{i}_{k} = t{i}_{k} + g{i} * v{k}" for i, k in sums]]

    body.append(f"                        for j in range({u(0)}, whole, {u(lanes)}):")
    body += [f"                            {line}" for line in added(lambda x, i: _run(x, i, lanes))]
    if lanes > 1:
        body += ["                        if whole < line:", "                            j = whole"]
        body += [
            f"                            {line}"
            for line in added(lambda x, i: f"head({x}, {i}, line - whole, {lanes})")
        ]
    for i, k in sums:
        to = f"(((part * groups * outs + o + {u(i)}) * height + a) * count + k + {u(k)})"
        body.append(f"                    w[{to}] = {f'np.sum(t{i}_{k})' if lanes > 1 else f't{i}_{k}'}")
    sizes = "groups, count, outs, height, x_rows, x_group, y_rows, line, several"
    return kernel_text(f"x, y, zero, w, table, taps, {sizes}", sizes, body)
