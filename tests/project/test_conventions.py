"""docs/conventions.md, row by row: the gradient of each expression at each point is what the page says."""

import re
from math import inf, nan
from pathlib import Path

import numpy as np
import pytest

import minigrad as mg

PAGE = (Path(__file__).parents[2] / "docs" / "conventions.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| `(.+?)` \| `(x = .+?)` \| `(.+?)` \| .+ \|$", PAGE, re.MULTILINE)
NAMES = {"mg": mg, "F": mg.nn.functional, "np": np, "inf": inf, "nan": nan}


def test_every_row_of_the_page_is_found():
    tables = PAGE.partition("## Kinks")[2].partition("## Not numbers but rules")[0]
    rows = [line for line in tables.splitlines() if line.startswith("|") and not line.startswith(("| expr", "|--"))]
    assert len(rows) == len(ROWS) > 30


@pytest.mark.parametrize(("expression", "at", "gradient"), ROWS, ids=[f"{e} at {a}" for e, a, _ in ROWS])
@pytest.mark.filterwarnings("ignore:.*(encountered|Degrees of freedom|All-NaN|Mean of empty).*")
def test_row(expression, at, gradient):
    points = [part.split("=")[1] for part in at.split(";")]
    leaves = [mg.tensor(_numbers(point), requires_grad=True) for point in points]
    z = eval(expression, {**NAMES, **dict(zip("xyw", leaves, strict=False))})
    z.sum().backward()
    for leaf, want in zip(leaves, gradient.split(";"), strict=True):
        got = np.zeros(leaf.shape) if leaf.grad is None else leaf.grad
        np.testing.assert_allclose(got, _numbers(want), rtol=1e-12, atol=1e-15)


def _numbers(text):
    array = np.array(eval(text, NAMES))
    return array.astype(complex if array.dtype.kind == "c" else float)
