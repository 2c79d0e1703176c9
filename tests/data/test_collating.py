"""Samples put together into a batch."""

import numpy as np
import pytest

import minigrad as mg
from minigrad.data import collate
from minigrad.errors import DataError, DTypeError
from tests.data.test_datasets import X


class TestCollate:
    def test_structures_and_dtypes(self):
        batch = collate([{"x": (X[i], float(i)), "label": i, "name": f"n{i}", "none": None} for i in range(3)])
        assert batch["x"][0].tolist() == X[:3].tolist()
        assert batch["x"][1].dtype == np.float32
        assert batch["label"].dtype.kind == "i"
        assert batch["name"] == ["n0", "n1", "n2"]
        assert batch["none"] == [None] * 3

    def test_tensors_and_named_tuples(self):
        from typing import NamedTuple

        class Pair(NamedTuple):
            x: object
            y: object

        batch = collate([Pair(mg.ones(2), np.float64(1)), Pair(mg.zeros(2), np.float64(2))])
        assert type(batch) is Pair
        assert batch.x.tolist() == [[1, 1], [0, 0]]
        assert batch.y.dtype == np.float64

    def test_bools_stay_bools(self):
        assert collate([True, False]).dtype == bool

    @pytest.mark.parametrize(
        ("samples", "error", "words"),
        [
            ([X[0], X[0, :1]], DataError, r"\(2,\) at place 0, \(1,\) at place 1; pad"),
            ([(1, 2), (1, 2, 3)], DataError, "a tuple of 2 at place 0, a tuple of 3"),
            ([{"a": 1}, {"b": 1}], DataError, "keys"),
            ([1, None], DataError, "numbers at place 0, NoneType at place 1"),
            ([{"x": (1, object())}] * 2, DTypeError, r"sample\['x'\]\[1\] is object"),
        ],
    )
    def test_what_does_not_stack(self, samples, error, words):
        with pytest.raises(error, match=words):
            collate(samples)
