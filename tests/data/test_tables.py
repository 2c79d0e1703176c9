"""``read_csv``: what a file holds becomes arrays, and what it cannot become is refused with its line."""

import numpy as np
import pytest

import minigrad as mg
from minigrad.data import Table, read_csv
from minigrad.errors import DataError, HyperparameterError


@pytest.fixture
def written(tmp_path):
    def write(text, encoding="utf-8", **options):
        path = tmp_path / "table.csv"
        path.write_bytes(text.encode(encoding))
        options = {"target": "kind", **options}
        return read_csv(path, **options)

    return write


def test_numbers_words_and_classes(written):
    table = written("width,colour,kind\n1.5,red,b\n-2e1,blue,a\n 3 ,red,b\n")
    assert isinstance(table, Table)
    np.testing.assert_array_equal(table.X, [[1.5, 0, 1], [-20, 1, 0], [3, 0, 1]])
    assert table.X.dtype == mg.get_default_dtype()
    assert table.columns == ["width", "colour=blue", "colour=red"]
    assert (table.y.tolist(), table.y.dtype, table.classes) == ([1, 0, 1], np.int64, ["a", "b"])


def test_the_target_may_stand_anywhere(written):
    assert written("kind,width\na,1\nb,2\n").columns == ["width"]
    assert written("x,kind,width\n1,a,1\n1,b,2\n").columns == ["x", "width"]


def test_classes_that_are_numbers_are_ordered_as_numbers(written):
    table = written("x,kind\n1,10\n2,9\n3,10\n")
    assert (table.classes, table.y.tolist()) == (["9", "10"], [1, 0, 1])


def test_one_class_that_is_written_in_two_ways_is_refused(written):
    with pytest.raises(DataError, match=r"column 'kind' writes one class as '1' and as '1.0': write it in one way"):
        written("x,kind\n1,1\n2,1.0\n3,0\n")


@pytest.mark.parametrize("options", [{}, {"target": "x", "numbers": True}])
def test_numbers_that_the_dtype_does_not_tell_apart_are_warned_of(written, options):
    with pytest.warns(UserWarning, match="column 'x' holds numbers that float32 does not tell apart, 1 of them become"):
        written("x,kind\n16777216,1\n16777217,0\n3,0\n", **options)
    written("x,kind\n331893745,1\n0.1,0\n", **options)  # rounded, and still two


def test_measurements_in_full_precision_are_not_warned_of(written):
    rows = np.random.default_rng(0).uniform(100, 200, 10_000).tolist()
    assert len(np.unique(np.array(rows, "f4"))) < len(rows)
    written("x,kind\n" + "".join(f"{x!r},{i % 2}\n" for i, x in enumerate(rows)))


def test_numbers_to_predict(written):
    table = written("x,kind\n1,0.5\n2,9\n", numbers=True)
    np.testing.assert_array_equal(table.y, np.array([0.5, 9], table.X.dtype))
    assert table.classes == []


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("x;kind\n1;a\n2;b\n", {"delimiter": ";"}),
        ("x\tkind\r\n1\ta\r\n2\tb\r\n", {"delimiter": "\t"}),
        ("\ufeffx,kind\n1,a\n\n2,b\n\n", {}),
        ('"x","kind"\n"1","a"\n"2","b"', {}),
    ],
    ids=["semicolons", "tabs and carriage returns", "a mark of the encoding and empty lines", "quotes"],
)
def test_dialects(written, text, options):
    table = written(text, **options)
    np.testing.assert_array_equal(table.X, [[1], [2]])
    assert table.classes == ["a", "b"]


def test_a_cell_in_quotes_may_hold_the_delimiter_and_lines(written):
    assert written('x,kind\n1,"a, or\nso"\n2,b\n').classes == ["a, or\nso", "b"]


@pytest.mark.parametrize("cell", ["", " ", "NA", "nan", "N/A", "?"])
def test_missing_cells(written, cell):
    text = f"x,kind\n1,a\n{cell},b\n3,c\n"
    with pytest.raises(DataError, match=r"missing in 1 of 3 rows, the first in line 3, in 'x'.*missing='drop'"):
        written(text)
    table = written(text, missing="drop")
    assert (table.X.tolist(), table.y.tolist(), table.classes) == ([[1], [3]], [0, 1], ["a", "c"])


def test_words_that_only_look_missing_are_words(written):
    assert written("x,kind\nnone,a\nnull,b\n").columns == ["x=none", "x=null"]


REFUSED = {
    "no such column": ("x,y\n1,2\n", r"no column 'kind': its first line names 'x', 'y'"),
    "the target alone": ("kind\na\nb\n", "has one column"),
    "one column of another delimiter": ("x;kind\n1;a\n", r"delimiter=';'"),
    "no names": ("1,2\n3,4\n", "begins with numbers"),
    "no rows": ("x,kind\n", "no rows below its names"),
    "nothing": ("", "no rows below its names"),
    "a name twice": ("x,x,kind\n1,2,a\n", "a name of its own"),
    "a column without a name": ("x,,kind\n1,2,a\n", "a name of its own"),
    "a short line": ("x,kind\n1,a\n2\n", "line 3, has 1 cells where there are 2 names"),
    "a long line": ("x,kind\n1,a,b\n", "line 2, has 3 cells"),
    "an open quote": ('x,kind\n1,"a\n', "is no line of a CSV file"),
    "a word among numbers": ("x,kind\n1,a\n2,b\n3.5,a\n1 000,b\n", "'x' holds numbers and '1 000'"),
    "a number with a comma": ('x,kind\n1,a\n2,b\n"3,5",a\n', "with a point for decimals"),
    "a column of numbers with commas": ('x,kind\n"1,5",a\n"2,5",b\n3,a\n', "'x' holds numbers and '1,5'"),
    "a target of numbers with commas": ('x,kind\n1,"1,5"\n2,3\n', "'kind' holds '1,5'.*a point for decimals"),
    "infinity among numbers": ("x,kind\n1,a\n2,b\ninf,a\n", "holds numbers and 'inf'"),
    "nothing complete": ("x,kind\n,a\nNA,b\n", "missing in 2 of 2 rows"),
    "numbers that are no classes": ("x,kind\n1,0.5\n2,9\n", "for a regression write numbers=True"),
    "a name in each row": (
        "x,kind\n" + "".join(f"somebody {k},{'ab'[k % 2]}\n" for k in range(60)),
        "60 different words, more than 50",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refusals(written, case):
    text, said = REFUSED[case]
    with pytest.raises(DataError, match=said):
        written(text)


def test_more_refusals(written, tmp_path):
    with pytest.raises(DataError, match="no row in which no cell is missing"):
        written("x,kind\n,a\nNA,b\n", missing="drop")
    with pytest.raises(DataError, match="'a', which is no number"):
        written("x,kind\n1,a\n", numbers=True)
    with pytest.raises(DataError, match="in UTF-8"):
        written("x,kind\n1,é\n", encoding="latin-1")
    with pytest.raises(HyperparameterError, match="'refuse' or 'drop', got 'mean'"):
        written("x,kind\n1,a\n", missing="mean")
    with pytest.raises(HyperparameterError, match="numbers is True or False, got 'kind'"):
        written("x,kind\n1,2\n", numbers="kind")
    with pytest.raises(HyperparameterError, match="delimiter is one character"):
        written("x,kind\n1,a\n", delimiter="")
    with pytest.raises(FileNotFoundError):
        read_csv(tmp_path / "none.csv", target="kind")
