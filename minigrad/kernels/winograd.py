"""Convolutions of 3 x 3 elements with 16 products for 4 results in place of 36 (Winograd's F(2 x 2, 3 x 3)).

A tile of 4 x 4 elements of x gives 2 x 2 results. Along one axis, of weights w0, w1, w2 and elements d0 to d3:

    z0 = m0 + m1 + m2        m0 = (d0 - d2) w0               m1 = (d1 + d2) (w0 + w1 + w2) / 2
    z1 = m1 - m2 - m3        m3 = (d1 - d3) w2               m2 = (d2 - d1) (w0 - w1 + w2) / 2

and the same along the other. The products over all channels are 16 products of matrices, whose columns are the tiles.
Source: Lavin and Gray, Fast algorithms for convolutional neural networks, 2016.

Rounding: with C channels, and u half a step of the dtype at 1, the error is at most 64 C (C + 16) u max|w| max|x|.
Along each axis the m's of a result are of at most 8 max|w| max|x|, where their sum is of 3; C of them are added up,
each of at most 16 roundings. That of the plain sum of 9 C products is 81 C² u max|w| max|x|, which is more from 61
channels on. For normal numbers in float32 the root mean square error was 0.6 to 2.2 times that of the products of
BLAS.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from minigrad.kernels.image_layout import as_images
from minigrad.kernels.windows import Sizes, Window

#: Channels and results from which on the additions cost less than the products they save. With 32 of each it takes
#: 0.9 of the time, with 64 0.7 to 0.8, with 128 and 256 0.6 to 0.7.
CHANNELS = 48

#: Channels times results times places from which on the calls cost less than what is saved.
LEAST = 1 << 22

#: Columns of a product of matrices, about: more do not stay in the cache.
COLUMNS = 256

#: The same for the gradient of the weight, which adds up a result for each.
COLUMNS_OF_KERNEL = 512

#: How weights are brought into a tile; and for each m the d's it is made of, the second times a sign.
WEIGHTS = ((1, 0, 0), (0.5, 0.5, 0.5), (0.5, -0.5, 0.5), (0, 0, 1))
STEPS = ((0, 2, -1), (1, 2, 1), (2, 1, -1), (1, 3, -1))


def is_tiled(window: Window, x: Any, outputs: int, dtype: Any, groups: int) -> bool:
    """Whether a convolution of x is of this kind, and as large as makes it worth while."""
    ones = (1, 1)
    plain = window.kernel == (3, 3) and window.stride == ones == window.dilation and groups == 1
    if not plain or min(outputs, x.shape[1]) < CHANNELS or dtype not in (np.float32, np.float64):
        return False
    size: int = outputs * x.shape[1] * x.shape[0] * math.prod(window.counts(x.shape[2:]))
    return size >= LEAST


def _both_axes(dtype: Any) -> Any:
    """The matrix (16, 9) that makes the weights of a tile of those of a window."""
    one = np.array(WEIGHTS, dtype)
    return np.einsum("ia,jb->ijab", one, one).reshape(16, 9)


def _tiles(counts: Sizes) -> Sizes:
    return tuple([-(-count // 2) for count in counts])


def _phases(x: Any, window: Window, tiles: Sizes, dtype: Any) -> Any:
    """x with its padding as (rows, C, 2, tiles + 1, N): even and odd columns apart, each a run in memory."""
    batch, channels, height, _ = x.shape
    (top, _), (left, _) = window.padding
    phases = np.zeros((2 * tiles[0] + 2, channels, 2, tiles[1] + 1, batch), dtype)
    for phase in (0, 1):
        first = (phase - left) % 2
        columns = x[:, :, :, first::2].transpose(2, 1, 3, 0)
        place = (first + left) // 2
        phases[top : top + height, :, phase, place : place + columns.shape[2]] = columns
    return phases


def _chunks(tiles: Sizes, batch: int, columns: int) -> Iterator[tuple[slice, int]]:
    """Slices of the rows of tiles, and the number of rows in each."""
    step = max(1, -(-columns // (tiles[1] * batch)))
    for start in range(0, tiles[0], step):
        stop = min(start + step, tiles[0])
        yield slice(start, stop), stop - start


def _of_rows(phases: Any, rows: slice, step: int) -> Any:
    """What the tiles in these rows give along the first axis, for the m of this number: (rows, C, 2, tiles + 1, N)."""
    seen = phases[2 * rows.start : 2 * rows.stop + 2]
    count = rows.stop - rows.start
    lines = (seen[0::2][:count], seen[1::2][:count], seen[0::2][1:], seen[1::2][1:])
    return _combined(lines, step, None)


def _combined(parts: Any, step: int, out: Any) -> Any:
    one, other, sign = STEPS[step]
    return (np.add if sign > 0 else np.subtract)(parts[one], parts[other], out=out)


def _of_columns(lines: Any) -> Any:
    """The same along the second axis, for all m: matrices (4, C, rows * tiles * N)."""
    rows, channels, _, more, batch = lines.shape
    even, odd = np.moveaxis(lines, 2, 0).swapaxes(1, 2)
    parts = (even[:, :, :-1], odd[:, :, :-1], even[:, :, 1:], odd[:, :, 1:])
    columns = np.empty((4, channels, rows, more - 1, batch), lines.dtype)
    for step in range(4):
        _combined(parts, step, columns[step])
    return columns.reshape(4, channels, rows * (more - 1) * batch)


def tiled_convolved(x: Any, weight: Any, window: Window) -> Any:
    """Each window of x (N, in, height, width) times weight (out, in, 3, 3)."""
    batch, channels, *sizes = x.shape
    outputs, dtype, counts = len(weight), np.result_type(x, weight), window.counts(tuple(sizes))
    tiles = _tiles(counts)
    phases = _phases(x, window, tiles, dtype)
    weights = _both_axes(dtype) @ weight.reshape(outputs * channels, 9).astype(dtype, copy=False).T
    weights = weights.reshape(4, 4, outputs, channels)
    z = np.empty((counts[0], outputs, counts[1], batch), dtype)
    for rows, count in _chunks(tiles, batch, COLUMNS):
        results = np.empty((2, 2, outputs, count * tiles[1] * batch), dtype)
        for step in range(4):
            products = np.matmul(weights[step], _of_columns(_of_rows(phases, rows, step)))
            _end_to_end(products)
            _add_up(results, products[:2], step)
        results = results.reshape(2, 2, outputs, count, tiles[1], batch)
        room = z[2 * rows.start : 2 * rows.stop]
        for i, j in np.ndindex(2, 2):
            lines = room[i::2].swapaxes(0, 1)[:, :, j::2]
            lines[...] = results[i, j, :, : lines.shape[1], : lines.shape[2]]
    return as_images(z)


def _end_to_end(products: Any) -> None:
    """z0 and z1 of the four m, in the place of the first two."""
    products[0] += products[1]
    products[0] += products[2]
    products[1] -= products[2]
    products[1] -= products[3]


def _add_up(sums: Any, part: Any, step: int) -> None:
    """The same along the first axis, as the m of number ``step`` comes."""
    if step == 0:
        sums[0] = part
    elif step == 1:
        sums[0] += part
        sums[1] = part
    elif step == 2:
        sums[0] += part
        sums[1] -= part
    else:
        sums[1] -= part


def tiled_kernel(x: Any, y: Any, window: Window) -> Any:
    """The adjoint with respect to the weight: x (N, in, height, width) correlated with y (N, out, *places)."""
    batch, channels = x.shape[:2]
    outputs, dtype, counts = y.shape[1], np.result_type(x, y), y.shape[2:]
    tiles = _tiles(counts)
    phases = _phases(x, window, tiles, dtype)
    places = np.zeros((2 * tiles[0], outputs, 2, tiles[1], batch), dtype)
    lines = y.transpose(2, 1, 3, 0)
    for phase in (0, 1):
        columns = lines[:, :, phase::2]
        places[: counts[0], :, phase, : columns.shape[2]] = columns
    total = np.zeros((4, 4, outputs, channels), dtype)
    for rows, count in _chunks(tiles, batch, COLUMNS_OF_KERNEL):
        even, odd = (places[2 * rows.start + i : 2 * rows.stop : 2] for i in (0, 1))
        for step, part in enumerate((even, even + odd, even - odd, odd)):
            first, second = np.moveaxis(part, 2, 0).swapaxes(1, 2)
            wide = np.empty((4, outputs, count, tiles[1], batch), dtype)
            wide[0], wide[3] = first, second
            np.add(first, second, out=wide[1])
            np.subtract(first, second, out=wide[2])
            seen = _of_columns(_of_rows(phases, rows, step))
            total[step] += np.matmul(wide.reshape(4, outputs, -1), seen.swapaxes(-1, -2))
    total[:, 3] *= -1
    total[3] *= -1
    weight = _both_axes(dtype).T @ total.reshape(16, outputs * channels)
    return np.ascontiguousarray(weight.T).reshape(outputs, channels, 3, 3)
