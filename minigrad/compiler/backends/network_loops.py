"""The texts of loops for pooling, by what they unroll: sizes are arguments.

Images lie in memory as (H, C, W, N), see ``minigrad.kernels.convolution``, so that a row of a window is one run of
W * N numbers. ``line`` is such a run of the result, ``n`` is N. Kernels take ``first`` and ``last`` of what may be
shared among threads, and two numbers that are not used. All indices are unsigned: a signed one could count from the
end, which keeps a loop from becoming vector instructions.
"""

from __future__ import annotations

from minigrad.compiler.backends.kernel_expressions import kernel_text, u

_SIZES = "channels, width, x_line, n"
_PLACES = [
    "for h in range(np.uint64(first), np.uint64(last)):",
    "    for c in range(channels):",
    "        for v in range(width):",
]


def _elements(kernel: tuple[int, int], stride: tuple[int, int], dilation: tuple[int, int]) -> list[str]:
    """Where in x each element of the window at (h, c, v) begins."""
    return [
        f"e{a}_{b} = ((h * {u(stride[0])} + {u(a * dilation[0])}) * channels + c) * x_line"
        f" + (v * {u(stride[1])} + {u(b * dilation[1])}) * n"
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
    return kernel_text(f"x, z, {_SIZES}", _SIZES, _PLACES + [f"            {line}" for line in inner])


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
    return kernel_text(f"y, x, top, zero, one, z, {_SIZES}", _SIZES, _PLACES + [f"            {x}" for x in inner])
