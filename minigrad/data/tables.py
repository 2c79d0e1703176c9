"""``read_csv``: a table of numbers and words from a file, as arrays that a network takes."""

from __future__ import annotations

import csv
import itertools
import os
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from minigrad.core.checks import as_path
from minigrad.core.context import get_default_dtype
from minigrad.errors import DataError, HyperparameterError
from minigrad.support.idioms import told
from minigrad.support.user_warnings import warn

#: What a cell without a value holds, in small letters.
MISSING = frozenset({"", "na", "n/a", "nan", "?"})
#: Columns of words with more different words than this are refused: they are names or texts rather than kinds.
MOST_WORDS = 50


class Table(NamedTuple):
    """What ``read_csv`` gives: ``X`` (rows, columns), ``y`` (rows,), the names of the columns, those of the classes.

    >>> table = mg.data.Table(np.ones((4, 2)), np.array([0, 1, 1, 0]), ["width", "height"], ["cat", "dog"])
    >>> [table.classes[k] for k in table.y]
    ['cat', 'dog', 'dog', 'cat']
    """

    X: np.ndarray
    y: np.ndarray
    columns: list[str]
    classes: list[str]


@told
def read_csv(
    path: str | os.PathLike[str], target: str, *, numbers: bool = False, missing: str = "refuse", delimiter: str = ","
) -> Table:
    r"""The table of a CSV file: the column ``target`` is to be predicted, all other columns are inputs.

    The first line has the names of the columns. A column of numbers becomes one column of ``X``, in the default dtype.
    A column of words becomes one column of 0 and 1 for each word, named "column=word". ``y`` (rows,) holds the index of
    each row's class in ``classes``; with ``numbers=True`` it holds the numbers of the target column, for a regression.
    A warning names each column in which the dtype makes more than a tenth of the different numbers equal.

    ``missing`` says what to do if a cell is missing (empty, "NA", "N/A", "nan" or "?"): "refuse" the file, or "drop"
    the row. ``delimiter`` stands between the cells of a row.

    >>> with open("pets.csv", "w") as file:
    ...     _ = file.write("kind,weight,coat\ncat,4,short\ndog,20,long\ncat,3.5,long\n")
    >>> table = mg.data.read_csv("pets.csv", target="kind")
    >>> table.X
    array([[ 4. ,  0. ,  1. ],
           [20. ,  1. ,  0. ],
           [ 3.5,  1. ,  0. ]], dtype=float32)
    >>> table.y, table.columns, table.classes
    (array([0, 1, 0]), ['weight', 'coat=long', 'coat=short'], ['cat', 'dog'])

    Raises ``DataError``, with the number of the line, for a file that is not such a table, ``HyperparameterError`` for
    an invalid option, and ``OSError`` for a file that cannot be opened.
    """
    if missing not in {"refuse", "drop"}:
        raise HyperparameterError(
            f"read_csv: missing is 'refuse' or 'drop', got {missing!r}; to fill cells, write a new file"
        )
    if not isinstance(numbers, bool):
        raise HyperparameterError(f"read_csv: numbers is True or False, got {numbers!r:.60}")
    names, rows = _rows(path, delimiter)
    if target not in names:
        raise DataError(f"{path} has no column {target!r}: its first line names {_listed(names)}")
    rows = _complete(path, names, rows, missing)
    texts = {name: [cells[place] for _, cells in rows] for place, name in enumerate(names)}
    columns: list[str] = []
    values: list[np.ndarray] = []
    for name in (name for name in names if name != target):
        for column, one in _as_numbers(path, name, texts[name]).items():
            columns.append(column)
            values.append(one)
    X = np.stack([_narrowed(path, column, one) for column, one in zip(columns, values, strict=True)], 1)
    y, classes = _answers(path, target, texts[target], numbers)
    return Table(X, y, columns, classes)


def _rows(path: str | os.PathLike[str], delimiter: str) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """The names in the first line, and (number of the line, cells) of the others that are not empty."""
    if not (isinstance(delimiter, str) and len(delimiter) == 1):
        raise HyperparameterError(f"read_csv: delimiter is one character such as ',' or ';', got {delimiter!r}")
    with open(as_path(path, "read_csv(path, target)"), encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, delimiter=delimiter, skipinitialspace=True, strict=True)
        try:
            read = [(reader.line_num, [cell.strip() for cell in cells]) for cells in reader if cells]
        except (csv.Error, UnicodeDecodeError) as error:
            raise DataError(
                f"{path}, line {reader.line_num + 1}, is no line of a CSV file in UTF-8: {error}"
            ) from error
    if len(read) < 2:
        raise DataError(f"{path} has no rows below its names")
    (_, names), *rows = read
    if all(map(_is_number, names)):
        raise DataError(f"{path} begins with numbers: expected the names of the columns in the first line")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice or "" in names:
        raise DataError(f"{path}: expected a name of its own for each column, got {_listed(names)}")
    if len(names) == 1:
        raise DataError(
            f"{path} has one column, {names[0]!r}, and nothing to predict from; if its cells are not separated by "
            f"{delimiter!r}, write delimiter=';' or delimiter='\\t'"
        )
    for line, cells in rows:
        if len(cells) != len(names):
            raise DataError(f"{path}, line {line}, has {len(cells)} cells where there are {len(names)} names")
    return names, rows


def _complete(
    path: str | os.PathLike[str], names: list[str], rows: list[tuple[int, list[str]]], missing: str
) -> list[tuple[int, list[str]]]:
    """The rows in which no cell is missing."""
    lacking = [(line, name) for line, cells in rows for name, cell in zip(names, cells, strict=True) if _lacks(cell)]
    if lacking and missing == "refuse":
        lines = sorted({line for line, _ in lacking})
        where = _listed(list(dict.fromkeys(name for _, name in lacking)))
        raise DataError(
            f"{path}: cells are missing in {len(lines)} of {len(rows)} rows, the first in line {lines[0]}, in {where}; "
            "missing='drop' leaves these rows out, or fill the cells first"
        )
    whole = [(line, cells) for line, cells in rows if not any(map(_lacks, cells))]
    if not whole:
        raise DataError(f"{path} has no row in which no cell is missing: leave out the columns that have few values")
    return whole


def _as_numbers(path: str | os.PathLike[str], name: str, cells: Sequence[str]) -> dict[str, np.ndarray]:
    """The column itself if it holds numbers, else one of 0 and 1 for each of its words."""
    number = [_is_number(cell) for cell in cells]
    if all(number):
        return {name: np.array(cells, np.float64)}
    words = sorted(set(cells))
    if sum(map(_looks_a_number, cells)) > len(cells) / 2:
        word = next(cell for cell, is_one in zip(cells, number, strict=True) if not is_one)
        raise DataError(
            f"{path}: column {name!r} holds numbers and {word!r}; write numbers alone, with a point for decimals, or "
            "leave the cell empty"
        )
    if len(words) > MOST_WORDS:
        raise DataError(
            f"{path}: column {name!r} holds {len(words)} different words, more than {MOST_WORDS}: leave it out of the "
            "file if it is a name or a number of the row, or write fewer kinds"
        )
    return {f"{name}={word}": np.array([cell == word for cell in cells], np.float64) for word in words}


def _answers(
    path: str | os.PathLike[str], target: str, cells: list[str], numbers: bool
) -> tuple[np.ndarray, list[str]]:
    """The target: classes counted from 0 and their names, or numbers and no names."""
    are_numbers = all(map(_is_number, cells))
    if numbers:
        if not are_numbers:
            word = next(cell for cell in cells if not _is_number(cell))
            raise DataError(
                f"{path}: column {target!r} holds {word!r}, which is no number; without numbers= it is a class"
            )
        return _narrowed(path, target, np.array(cells, np.float64)), []
    if not are_numbers and all(map(_looks_a_number, cells)):
        word = next(cell for cell in cells if "," in cell)
        raise DataError(f"{path}: column {target!r} holds {word!r}: write numbers with a point for decimals")
    if are_numbers and any(float(cell) % 1 for cell in cells):
        raise DataError(f"{path}: column {target!r} holds numbers, not classes; for a regression write numbers=True")
    classes = sorted(set(cells), key=(lambda cell: (float(cell), cell)) if are_numbers else None)
    for one, other in itertools.pairwise(classes if are_numbers else ()):
        if float(one) == float(other):
            raise DataError(
                f"{path}: column {target!r} writes one class as {one!r} and as {other!r}: write it in one way"
            )
    place = {name: k for k, name in enumerate(classes)}
    return np.array([place[cell] for cell in cells], np.int64), classes


def _narrowed(path: str | os.PathLike[str], name: str, numbers: np.ndarray) -> np.ndarray:
    """A column in the default dtype, with a warning where more than a tenth of its numbers become others of them.

    Of 10,000 measurements in full precision a few are neighbours that float32 does not tell apart, which says nothing.
    """
    narrow = numbers.astype(get_default_dtype())
    distinct = len(np.unique(numbers))
    together = distinct - len(np.unique(narrow))
    if 10 * together > distinct:
        warn(
            f"{path}: column {name!r} holds numbers that {narrow.dtype} does not tell apart, {together} of them become "
            "others: leave the column out if it counts the rows, subtract its least value, or write "
            "mg.set_default_dtype('float64')"
        )
    return narrow


def _is_number(cell: str) -> bool:
    """Whether a cell is a finite number as Python writes it."""
    try:
        return bool(np.isfinite(float(cell))) and "_" not in cell
    except ValueError:
        return False


def _looks_a_number(cell: str) -> bool:
    """Whether it is one, or would be with a point in place of its comma."""
    return _is_number(cell.replace(",", ".", 1))


def _lacks(cell: str) -> bool:
    return cell.lower() in MISSING


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names[:8])) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
