"""The texts of loops for convolutions and pooling, by what they unroll: sizes are arguments.

Images lie in memory as (H, C, W, N), see ``minigrad.kernels.convolution``, so that a row of a window is one run of
W * N numbers. ``line`` is such a run of the result, ``n`` is N. Kernels take ``first`` and ``last`` of what may be
shared among threads, and two numbers that are not used. All indices are unsigned: a signed one could count from the
end, which keeps a loop from becoming vector instructions.
"""

from __future__ import annotations

#: Numbers that stay in the processor's registers in an inner loop, beside those that are loaded.
REGISTERS = 24

#: Numbers of a line that are made at a time: what a tile of a few channels reads and writes stays in the nearest cache.
TILE = 1024


def _kernel(arguments: str, sizes: str, body: list[str]) -> str:
    names = sizes.split()
    head = f"def kernel(first, last, rows, step, {arguments}, {', '.join(names)}):"
    return "\n".join([head, *[f"    {name} = np.uint64({name})" for name in names], *[f"    {x}" for x in body], ""])


def _u(number: int) -> str:
    return f"np.uint64({number})"


def _blocks(outputs: int, channels: int, width: int) -> tuple[int, int]:
    """How many outputs and channels an inner loop takes at once, as far as the weights between them have registers.

    Few outputs are made twice: where their number is no multiple, the last block ends where they end.
    """
    most = min(outputs, 4, max(1, REGISTERS // width))
    block = min(range(1, most + 1), key=lambda b: (-(-outputs // b) * b - outputs, -b))
    deep = next(d for d in range(4, 0, -1) if channels % d == 0 and (d == 1 or d * width * block <= REGISTERS))
    return block, deep


def convolution(outputs: int, channels: int, width: int) -> str:
    """z[h, o, j] = b[o] + the sum over a, c, b of w[o, c, a, b] x[h + a - low, c, b n + j], 0 outside of x's rows.

    The inner loop has a block of outputs and of channels, and the width of the window, written out: an element of x is
    loaded once for all outputs of the block. Threads share the rows h.
    """
    block, deep = _blocks(outputs, channels, width)
    taps = [(d, b) for d in range(deep) for b in range(width)]
    body = [
        "for h in range(np.uint64(first), np.uint64(last)):",
        f"    for begin in range({_u(0)}, line, {_u(TILE)}):",
        f"        tile = min(line - begin, {_u(TILE)})",
        f"        for q in range((outs + {_u(block - 1)}) // {_u(block)}):",
        f"            o = min(q * {_u(block)}, outs - {_u(block)})",
    ]
    for i in range(block):
        body += [
            f"            z{i} = h * z_row + (o + {_u(i)}) * z_line + begin",
            "            for j in range(tile):",
            f"                z[z{i} + j] = bias[o + {_u(i)}]",
        ]
    body += [
        "            for a in range(height):",
        "                row = h + a - low",  # below 0 it is a large number
        "                if row >= x_rows:",
        "                    continue",
        f"                for c in range({_u(0)}, channels, {_u(deep)}):",
    ]
    inner = [f"x{d} = (row * channels + c + {_u(d)}) * x_line + begin" for d in range(deep)]
    for i in range(block):
        for k, (d, b) in enumerate(taps):
            place = f"(((o + {_u(i)}) * channels + c + {_u(d)}) * height + a) * {_u(width)} + {_u(b)}"
            inner.append(f"w{i}_{k} = w[{place}]")
    inner.append("for j in range(tile):")
    inner += [f"    v{k} = x[x{d} + {_u(b)} * n + j]" for k, (d, b) in enumerate(taps)]
    for i in range(block):
        terms = [f"w{i}_{k} * v{k}" for k in range(len(taps))]
        inner.append(f"    z[z{i} + j] = {' + '.join([f'z[z{i} + j]', *terms])}")
    body += [f"                    {line}" for line in inner]
    return _kernel("x, w, bias, z", "channels outs height low x_rows x_line z_row z_line line n", body)


def kernel_gradient(outputs: int, channels: int, width: int) -> str:
    """w[o, c, a, b] = the sum over h, j of y[h, o, j] x[h + a - low, c, b n + j], 0 outside of x's rows.

    Threads share pairs of a block of outputs and one of channels.
    """
    block, deep = _blocks(outputs, channels, width)
    taps = [(d, b) for d in range(deep) for b in range(width)]
    totals = [(i, k) for i in range(block) for k in range(len(taps))]
    body = [
        f"blocks = (outs + {_u(block - 1)}) // {_u(block)}",
        "for q in range(np.uint64(first), np.uint64(last)):",
        f"    o = min(q % blocks * {_u(block)}, outs - {_u(block)})",
        f"    c = q // blocks * {_u(deep)}",
        "    for a in range(height):",
        *[f"        t{i}_{k} = zero[0]" for i, k in totals],
        "        for h in range(y_rows):",
        "            row = h + a - low",
        "            if row >= x_rows:",
        "                continue",
        *[f"            x{d} = (row * channels + c + {_u(d)}) * x_line" for d in range(deep)],
        *[f"            y{i} = (h * outs + o + {_u(i)}) * line" for i in range(block)],
        "            for j in range(line):",
        *[f"                v{k} = x[x{d} + {_u(b)} * n + j]" for k, (d, b) in enumerate(taps)],
        *[f"                g{i} = y[y{i} + j]" for i in range(block)],
        *[f"                t{i}_{k} = summed(t{i}_{k}, g{i} * v{k})" for i, k in totals],
    ]
    for i, k in totals:
        d, b = taps[k]
        place = f"(((o + {_u(i)}) * channels + c + {_u(d)}) * height + a) * {_u(width)} + {_u(b)}"
        body.append(f"        w[{place}] = t{i}_{k}")
    return _kernel("x, y, zero, w", "channels outs height low x_rows x_line y_rows line n", body)


def shares(outputs: int, channels: int, width: int) -> int:
    """How many parts ``kernel_gradient`` can be shared in."""
    block, deep = _blocks(outputs, channels, width)
    return -(-outputs // block) * (channels // deep)


_PLACES = [
    "for h in range(np.uint64(first), np.uint64(last)):",
    "    for c in range(channels):",
    "        for v in range(width):",
]


def _elements(kernel: tuple[int, int], stride: tuple[int, int], dilation: tuple[int, int]) -> list[str]:
    """Where in x each element of the window at (h, c, v) begins."""
    return [
        f"e{a}_{b} = ((h * {_u(stride[0])} + {_u(a * dilation[0])}) * channels + c) * x_line"
        f" + (v * {_u(stride[1])} + {_u(b * dilation[1])}) * n"
        for a in range(kernel[0])
        for b in range(kernel[1])
    ]


def max_pool(kernel: tuple[int, int], stride: tuple[int, int], dilation: tuple[int, int]) -> str:
    """z[h, c, v, :] = the largest element of the window there. Threads share the rows h."""
    names = [f"e{a}_{b}" for a in range(kernel[0]) for b in range(kernel[1])]
    inner = [*_elements(kernel, stride, dilation), "p = ((h * channels + c) * width + v) * n", "for j in range(n):"]
    inner.append(f"    top = x[{names[0]} + j]")
    inner += [f"    top = maximum(top, x[{name} + j])" for name in names[1:]]
    inner.append("    z[p + j] = top")
    return _kernel("x, z", "channels width x_line n", _PLACES + [f"            {line}" for line in inner])


def window_share(kernel: tuple[int, int]) -> str:
    """y, divided evenly among the elements of each window that equal its maximum, or are NaN; windows side by side."""
    names = [f"e{a}_{b}" for a in range(kernel[0]) for b in range(kernel[1])]
    inner = [*_elements(kernel, kernel, (1, 1)), "p = ((h * channels + c) * width + v) * n", "for j in range(n):"]
    inner.append("    best = top[p + j]")
    for name in names:
        inner += [f"    x_{name} = x[{name} + j]", f"    wins_{name} = x_{name} == best or x_{name} != x_{name}"]
    inner.append(f"    ties = {' + '.join(f'(one[0] if wins_{name} else zero[0])' for name in names)}")
    inner.append("    share = y[p + j] / ties")
    inner += [f"    z[{name} + j] = share if wins_{name} else zero[0]" for name in names]
    return _kernel("y, x, top, zero, one, z", "channels width x_line n", _PLACES + [f"            {x}" for x in inner])
