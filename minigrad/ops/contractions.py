"""Einstein's summation, whose gradient is one too: the output's gradient takes the argument's place in the sum."""

from __future__ import annotations

import math
import string
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from minigrad.core.primitive import primitive
from minigrad.core.table import Primitive, derived
from minigrad.errors import ShapeError
from minigrad.ops.along import narrowed, widened

__all__ = ["einsum"]

Shape = tuple[int, ...]

#: Rows, columns and terms of a matrix product from which on it is faster than a loop over all indices, and the
#: multiplications that pay for finding it.
LEAST, WORTH = 2, 2048

BLAS_DTYPES = frozenset(map(np.dtype, "fdFD"))

#: How many times as large as the largest operand a product of two of them may be.
LARGER = 8

LETTERS = string.ascii_uppercase + string.ascii_lowercase  # in the order in which NumPy sorts an implicit output


def _adjoint(g: Any, operands: Any, shapes: list[Shape], i: int, subscripts: str, optimize: Any) -> Any:
    """The gradient of operand ``i``: g contracted with the others, then spread over the indices only it has."""
    inputs, output = subscripts.split("->")
    terms = inputs.split(",")
    own, sizes = terms[i], shapes[i]
    terms[i] = output  # g stands where the operand did, so that a path given as ``optimize`` still fits
    letters = "".join([c for c in dict.fromkeys(own) if any(c in term for term in terms)])
    to_own = f"{','.join(terms)}->{letters}"
    wide = widened(g)  # in float16 a sum of many ones stays at 2048
    total = contract(*operands[:i], wide, *operands[i + 1 :], subscripts=to_own, optimize=optimize)
    total = narrowed(total, g)
    known = dict(zip(letters, total.shape, strict=True))
    # A repeated index has its values along the first of its axes, and an index that was summed away has none yet.
    columns = [known.get(c, 1) if c not in own[:axis] else 1 for axis, c in enumerate(own)]
    spread = [size if column == 1 else column for size, column in zip(sizes, columns, strict=True)]
    total = np.broadcast_to(np.reshape(total, columns), spread)
    for axis, c in enumerate(own):
        if c in own[:axis] and sizes[axis] != 1:
            total = np.where(_same(own.index(c), axis, sizes), total, 0)
    return total


def _same(first: int, second: int, shape: Shape) -> Any:
    """Where the indices along two axes are equal: the diagonal that a repeated subscript takes."""
    places = np.ogrid[tuple(slice(size) for size in shape)]
    return places[first] == places[second]


# -- by matrix products -------------------------------------------------------------------------


class Product(NamedTuple):
    """A sum of products of two arrays as one of matrices: axes in the order of ``of_x``, with the shape ``x_shape``."""

    of_x: Shape
    x_shape: Shape
    of_y: Shape
    y_shape: Shape
    shape: Shape
    order: Shape


@lru_cache(maxsize=1024)
def _product(subscripts: str, x_shape: Shape, y_shape: Shape) -> Product | None:
    """The sum as a product of matrices, where it is one that BLAS is faster at than a loop."""
    inputs, output = subscripts.split("->")
    x, y = inputs.split(",")
    sizes = dict(zip(x, x_shape, strict=True)) | dict(zip(y, y_shape, strict=True))
    batch, left = [c for c in output if c in x and c in y], [c for c in output if c not in y]
    right, summed = [c for c in output if c not in x], [c for c in x if c not in output]
    is_plain = len(sizes) == len({*batch, *left, *right, *summed}) and len({*x}) == len(x) and len({*y}) == len(y)
    if not is_plain or not set(summed) <= set(y) or any(sizes[c] != n for c, n in zip(x, x_shape, strict=True)):
        return None  # a diagonal, an index that one of them has alone, or one along which it broadcasts
    each, rows, columns, inner = (math.prod([sizes[c] for c in part]) for part in (batch, left, right, summed))
    if min(rows, columns, inner) < LEAST or each * rows * columns * inner < WORTH:
        return None
    many = tuple([sizes[c] for c in batch])
    result = [*batch, *left, *right]
    return Product(
        tuple([x.index(c) for c in (*batch, *left, *summed)]), (*many, rows, inner),
        tuple([y.index(c) for c in (*batch, *summed, *right)]), (*many, inner, columns),
        tuple([sizes[c] for c in result]), tuple([result.index(c) for c in output]),
    )


@lru_cache(maxsize=1024)
def _pairs(subscripts: str, *shapes: Shape) -> list[tuple[int, int]] | None:
    """Which two of more than two operands to take at a time, so that none is much larger than the operands; or None."""
    sizes: dict[str, int] = {}
    for term, shape in zip(subscripts.partition("->")[0].split(","), shapes, strict=True):
        sizes |= dict(zip(term, shape, strict=True))
    if math.prod(sizes.values()) < WORTH:
        return None
    room = LARGER * max(map(math.prod, shapes))
    stand_ins = [np.broadcast_to(0.0, shape) for shape in shapes]
    _, *path = np.einsum_path(subscripts, *stand_ins, optimize=("greedy", room))[0]
    return path if all(len(pair) == 2 for pair in path) else None


def _contracted(*operands: Any, subscripts: str, optimize: Any = False) -> Any:
    has_products = all(getattr(x, "dtype", None) in BLAS_DTYPES for x in operands)
    if len(operands) < 2 or not has_products or not isinstance(optimize, bool):
        return np.einsum(subscripts, *operands, optimize=optimize)
    if len(operands) > 2:
        return _in_pairs(operands, subscripts, optimize)
    x, y = operands
    product = _product(subscripts, x.shape, y.shape)
    if product is None:
        return np.einsum(subscripts, x, y, optimize=False)
    x = np.reshape(np.transpose(x, product.of_x), product.x_shape)
    y = np.reshape(np.transpose(y, product.of_y), product.y_shape)
    return np.transpose(np.reshape(np.matmul(x, y), product.shape), product.order)


def _in_pairs(operands: tuple[Any, ...], subscripts: str, optimize: bool) -> Any:
    pairs = _pairs(subscripts, *[x.shape for x in operands])
    if pairs is None:
        return np.einsum(subscripts, *operands, optimize=optimize)
    inputs, output = subscripts.split("->")
    rest = list(zip(operands, inputs.split(","), strict=True))
    for first, second in pairs:
        (y, of_y), (x, of_x) = rest.pop(max(first, second)), rest.pop(min(first, second))
        needed = "".join([term for _, term in rest]) + output
        letters = "".join([c for c in dict.fromkeys(of_x + of_y) if c in needed]) if rest else output
        rest.append((_contracted(x, y, subscripts=f"{of_x},{of_y}->{letters}"), letters))
    return rest[0][0]


contract: Primitive = primitive(
    _contracted,
    lambda g, operands, shapes, i, subscripts, optimize: _adjoint(g, operands, shapes, i, subscripts, optimize),
    name="contract", analytic=True, view=True,
    doc='The sum of products named by subscripts in full, without an ellipsis: contract(x, y, subscripts="ij,jk->ik").',
)


@derived(np.einsum)
def einsum(*operands: Any, optimize: Any = False) -> Any:
    """Einstein's summation, in all of NumPy's forms: ``einsum("ij,jk", x, y)`` or ``einsum(x, [0, 1], y, [1, 2])``.

    Indices may repeat in one operand (its diagonal) or be left out of the output (their sum), an ellipsis stands
    for axes that broadcast, and without ``->`` the output has, in order, the indices that occur once. ``optimize``
    is NumPy's: True, or a path, for more than two operands. Raises ``ShapeError`` for subscripts that do not fit.
    """
    terms, output, arrays = _subscripts(operands)
    subscripts = _spelled_out(tuple(terms), output, *[np.shape(x) for x in arrays])
    return contract(*arrays, subscripts=subscripts, optimize=optimize)


def _subscripts(operands: Sequence[Any]) -> tuple[list[str], str | None, list[Any]]:
    """The subscripts of each operand, those of the output if given, and the operands."""
    if not operands:
        raise ShapeError('einsum takes subscripts and operands: einsum("ij,jk->ik", x, y)')
    if isinstance(operands[0], str):
        inputs, arrow, output = operands[0].replace(" ", "").partition("->")
        terms, arrays = inputs.split(","), list(operands[1:])
    else:
        terms = [_letters(subscripts) for subscripts in operands[1::2]]
        arrow, output = ("->", _letters(operands[-1])) if len(operands) % 2 else ("", "")
        arrays = list(operands[: 2 * len(terms) : 2])
    if len(terms) != len(arrays):
        raise ShapeError(f"einsum of {len(arrays)} operands needs as many subscripts, got {','.join(terms)!r}")
    for term in (*terms, output):
        rest = term.replace("...", "", 1)
        if not all(c in LETTERS for c in rest):
            raise ShapeError(f"the subscripts of einsum are letters and one '...' for each operand, got {term!r}")
    return terms, output if arrow else None, arrays


def _letters(subscripts: Any) -> str:
    """Subscripts given as a list of ints, and an Ellipsis, as letters."""
    try:
        return "".join(["..." if c is Ellipsis else LETTERS[c] for c in subscripts])
    except (TypeError, IndexError):
        raise ShapeError(
            f"einsum takes a string first, or after each operand a list of ints below {len(LETTERS)}, "
            f"got {subscripts!r:.60}"
        ) from None


@lru_cache(maxsize=1024)
def _spelled_out(terms: tuple[str, ...], output: str | None, *shapes: Shape) -> str:
    """Subscripts with letters for every ellipsis, and with an output."""
    missing = [len(shape) - len(term.replace("...", "")) for term, shape in zip(terms, shapes, strict=True)]
    for number, (term, shape, axes) in enumerate(zip(terms, shapes, missing, strict=True)):
        if axes < 0 or (axes and "..." not in term):
            raise ShapeError(f"einsum: operand {number} has shape {shape}, which does not fit its subscripts {term!r}")
    widest = max(missing)
    unused = [c for c in LETTERS if not any(c in term for term in terms)]
    if widest > len(unused):
        raise ShapeError(f"einsum tells at most {len(LETTERS)} axes apart; reshape some of them into one")
    leading = "".join(unused[:widest])
    filled = [term.replace("...", leading[widest - axes :]) for term, axes in zip(terms, missing, strict=True)]
    together = "".join(terms).replace(".", "")
    if output is None:
        output = leading + "".join(sorted(c for c in set(together) if together.count(c) == 1))
    else:
        _check_output(output, together, widest)
        output = output.replace("...", leading)
    _check_sizes(filled, shapes)
    return f"{','.join(filled)}->{output}"


def _check_output(output: str, together: str, widest: int) -> None:
    named = output.replace("...", "")
    for c in named:
        if c not in together or named.count(c) > 1:
            raise ShapeError(f"einsum: each index of the output {output!r} is one of an operand, once; {c!r} is not")
    if widest and "..." not in output:
        raise ShapeError(f"einsum: the output {output!r} needs '...' for the axes that the operands' '...' stand for")


def _check_sizes(terms: list[str], shapes: Sequence[Shape]) -> None:
    """Raise unless each index has one size, or 1, which broadcasts from one operand to another."""
    sizes: dict[str, tuple[int, int]] = {}
    for number, (term, shape) in enumerate(zip(terms, shapes, strict=True)):
        for c, size in zip(term, shape, strict=True):
            known, where = sizes.setdefault(c, (size, number))
            first = shape[term.index(c)]
            if size != first:
                raise ShapeError(f"einsum: index {c!r} has sizes {first} and {size} in operand {number}")
            if size != known and 1 not in (size, known):
                raise ShapeError(f"einsum: index {c!r} has size {known} in operand {where} and {size} in {number}")
            if known == 1:
                sizes[c] = (size, number)
