"""Columns of frames, with a sample in each row."""

import numpy as np
import pytest

from minigrad.data import ArrayDataset, DataLoader
from minigrad.errors import DTypeError


class TestPandas:
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")

    def test_frames_and_series_keep_their_dtype(self):
        frame = self.pandas.DataFrame({"a": np.ones(3, np.float32), "b": np.zeros(3, np.float32)})
        x, y = ArrayDataset(frame, self.pandas.Series([0, 1, 2], name="label")).arrays
        assert x.dtype == np.float32
        assert x.shape == (3, 2)
        assert y.dtype == np.int64

    def test_a_frame_alone_is_a_dataset(self):
        (batch,) = next(iter(DataLoader(self.pandas.DataFrame({"a": [1.5, 2.5]}), 2)))
        assert batch.tolist() == [[1.5], [2.5]]

    def test_rows_of_a_sorted_frame_come_in_its_order(self):
        frame = self.pandas.DataFrame({"a": [3, 1, 2]}).sort_values("a")  # its index is 1, 2, 0
        assert ArrayDataset(frame).arrays[0].ravel().tolist() == [1, 2, 3]

    def test_columns_that_are_no_numbers_are_named(self):
        frame = self.pandas.DataFrame({"age": [1, 2], "city": ["Ulm", "Rom"], "score": [0.5, 1.5]})
        with pytest.raises(DTypeError, match=r"'city' \(.*\); write .*get_dummies") as caught:
            ArrayDataset(frame)
        assert "age" not in str(caught.value)

    def test_bools_beside_floats_are_named(self):
        frame = self.pandas.DataFrame({"flag": [True, False], "score": [0.5, 1.5]})
        with pytest.raises(DTypeError, match=r"'flag' \(bool\).*astype"):
            ArrayDataset(frame)

    def test_a_series_of_strings_is_refused(self):
        with pytest.raises(DTypeError, match=r"np\.unique"):
            ArrayDataset(self.pandas.Series(["a", "b"]))
