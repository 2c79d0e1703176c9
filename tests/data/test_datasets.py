"""Datasets: what may become one, what they give, what they refuse."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import minigrad as mg
from minigrad.data import ArrayDataset, DataLoader, MapDataset, Subset, TensorDataset, collate, random_split
from minigrad.errors import DataError, DetachWarning, DTypeError

X = np.arange(20, dtype=np.float32).reshape(10, 2)
Y = np.arange(10) % 3


class TestArrayDataset:
    def test_a_sample_is_a_tuple_of_rows(self):
        data = ArrayDataset(X, Y)
        assert len(data) == 10
        x, y = data[4]
        assert x.tolist() == [8, 9]
        assert y == 1
        assert data[-1][0].tolist() == [18, 19]
        assert data[2:4][1].tolist() == [2, 0]
        assert TensorDataset is ArrayDataset

    @pytest.mark.parametrize("dtype", ["bool", "uint8", "int64", "float16", "float32", "float64", "complex64"])
    def test_arrays_keep_their_dtype_and_are_not_copied(self, dtype):
        array = np.ones((3, 2), dtype)
        data = ArrayDataset(array)
        assert data.arrays[0].dtype == dtype
        assert np.shares_memory(data.arrays[0], array)

    def test_lists_of_floats_become_the_default_dtype_and_ints_stay_ints(self):
        floats, ints, mixed = ArrayDataset([1.0, 2.5], [1, 2], [[1, 2.0], [3, 4]]).arrays
        assert floats.dtype == mixed.dtype == np.float32
        assert ints.dtype.kind == "i"

    def test_lists_of_numpy_numbers_keep_their_dtype(self):
        assert ArrayDataset([np.float64(1), np.float64(2)]).arrays[0].dtype == np.float64
        assert ArrayDataset([mg.ones(2), mg.zeros(2)]).arrays[0].tolist() == [[1, 1], [0, 0]]

    def test_tensors_give_their_data(self):
        with pytest.warns(DetachWarning, match="data of a dataset"):
            (array,) = ArrayDataset(mg.tensor([1.0, 2.0], requires_grad=True)).arrays
        assert type(array) is np.ndarray
        assert array.tolist() == [1, 2]

    def test_samples_in_a_graph_lose_it_with_a_word(self):
        samples = list(mg.tensor([[1.0], [2.0]], requires_grad=True) * 2)
        for make in (collate, ArrayDataset):
            with pytest.warns(DetachWarning, match="data of a dataset"):
                make(samples)
        with mg.no_grad():
            assert collate(samples).tolist() == [[2.0], [4.0]]

    def test_iterating_ends(self):
        assert len(list(ArrayDataset(X, Y))) == 10

    def test_repr_shows_shapes(self):
        assert repr(ArrayDataset(X, Y)) == "ArrayDataset(float32(10, 2), int64(10,))"

    @pytest.mark.parametrize(
        ("arrays", "error", "words"),
        [
            ((), DataError, ["at least one array"]),
            ((X, Y[:9]), DataError, ["[10, 9]", "(10, 2), (9,)"]),
            ((np.array(["a", "b"]),), DTypeError, ["<U1", "np.unique"]),
            ((np.array([None, 1]),), DTypeError, ["object"]),
            ((np.array(["2020-01-01"], "M8[D]"),), DTypeError, ["datetime64[D]"]),
            (([[1.0], [1.0, 2.0]],), DataError, ["rectangular"]),
            ((np.float32(3),), DTypeError, ["float32", "3.0"]),
            ((np.array(3.0),), DataError, ["single number"]),
            ((iter([1]),), DTypeError, ["iterator"]),
            ((["a"],), DTypeError, ["np.unique"]),
        ],
    )
    def test_refusals_say_what_to_write(self, arrays, error, words):
        with pytest.raises(error) as caught:
            ArrayDataset(*arrays)
        assert all(word in str(caught.value) for word in words)

    def test_a_memory_mapped_file_stays_on_the_disk(self, tmp_path):
        np.save(tmp_path / "x.npy", np.arange(600, dtype=np.float64).reshape(100, 6))
        mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
        data = ArrayDataset(mapped)
        assert np.shares_memory(data.arrays[0], mapped)
        assert not data.arrays[0].flags.owndata
        for shuffle in (False, True):
            batches = [batch for (batch,) in DataLoader(data, 32, shuffle=shuffle, seed=0)]
            assert all(type(batch) is np.ndarray for batch in batches)
            assert sorted(np.concatenate(batches)[:, 0].tolist()) == list(range(0, 600, 6))

    def test_a_file_larger_than_memory_is_read_a_batch_at_a_time(self, tmp_path):
        # A terabyte with holes: reading it whole, or copying it, would end here.
        shape = (2**30, 2**7)
        path = tmp_path / "big.npy"
        with path.open("wb") as file:
            header = {"descr": "<f8", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, header)
            try:
                file.truncate(file.tell() + 8 * shape[0] * shape[1])
            except OSError:
                pytest.skip("this file system has no files of a terabyte")
        loader = DataLoader(np.load(path, mmap_mode="r"), batch_size=4)
        (batch,) = next(iter(loader))
        assert batch.shape == (4, 128)
        assert not batch.any()
        part = Subset(loader.dataset, [shape[0] - 1, 5, 7])
        assert next(iter(DataLoader(part, 2)))[0].shape == (2, 128)


class TestSubset:
    def test_gives_the_chosen_samples_in_their_order(self):
        part = Subset(ArrayDataset(X, Y), [3, 1, 3])
        assert [int(sample[1]) for sample in (part[0], part[1], part[2])] == [0, 1, 0]
        assert len(part) == 3
        assert next(iter(DataLoader(part, 3)))[0][:, 0].tolist() == [6, 2, 6]

    def test_of_a_subset(self):
        inner = Subset(X, [9, 8, 7])
        assert next(iter(DataLoader(Subset(inner, [2, 0]), 2, shuffle=False)))[0][:, 0].tolist() == [14, 18]

    @pytest.mark.parametrize(
        ("indices", "words"),
        [
            ([10], "0 to 9, got 10"),
            ([-1], "got -1"),
            ([0.5], "float64"),
            ([[1]], r"shape \(1, 1\)"),
            (np.ones(10, bool), "flatnonzero"),
        ],
    )
    def test_wrong_indices(self, indices, words):
        with pytest.raises(DataError, match=words):
            Subset(X, indices)

    def test_an_empty_one_has_a_length_but_no_batches(self):
        assert len(Subset(X, [])) == 0
        with pytest.raises(DataError, match="empty"):
            DataLoader(Subset(X, []))


class TestRandomSplit:
    @given(st.integers(0, 50), st.integers(0, 50), st.integers(0, 50), st.integers(0, 2**40))
    def test_each_sample_is_in_one_part(self, a, b, c, seed):
        parts = random_split(range(a + b + c), [a, b, c], seed=seed)
        assert [len(part) for part in parts] == [a, b, c]
        assert sorted(part[i] for part in parts for i in range(len(part))) == list(range(a + b + c))

    @given(st.integers(1, 1000), st.lists(st.integers(1, 20), min_size=1, max_size=6))
    @example(231, [7, 2, 20, 20])  # 7 / 49 of 231 are 33, and nothing is left of that part to round up
    def test_fractions_are_off_by_less_than_one_sample_for_each_part(self, samples, weights):
        fractions = [weight / sum(weights) for weight in weights]
        sizes = [len(part) for part in random_split(range(samples), fractions, seed=0)]
        assert sum(sizes) == samples
        assert all(-1e-6 <= size - fraction * samples + 1 < 2 for size, fraction in zip(sizes, fractions, strict=True))

    def test_a_fraction_that_is_rounded_down_in_binary_is_what_was_meant(self):
        assert [len(part) for part in random_split(range(100), [0.71, 0.29], seed=0)] == [71, 29]  # 0.29 * 100 < 29

    def test_the_seed_decides(self):
        first, again = (random_split(range(100), [50, 50], seed=3)[0].indices for _ in range(2))
        assert (first == again).all()
        assert (first != random_split(range(100), [50, 50], seed=4)[0].indices).any()
        mg.manual_seed(7)
        package = random_split(range(100), [50, 50])[0].indices
        mg.manual_seed(7)
        assert (package == random_split(range(100), [50, 50])[0].indices).all()
        generator = np.random.default_rng(3)
        assert (first == random_split(range(100), [50, 50], seed=generator)[0].indices).all()

    @pytest.mark.parametrize("lengths", [[5, 4], [0.5, 0.4], [], [-1, 11], [float("nan"), 1.0], [True, 9], [5, 0.5]])
    def test_lengths_that_do_not_fit(self, lengths):
        with pytest.raises(DataError, match=r"lengths|fractions"):
            random_split(range(10), lengths, seed=0)

    @pytest.mark.parametrize("lengths", [0.8, "ab", ["a", "b"]])
    def test_lengths_that_are_no_numbers(self, lengths):
        with pytest.raises(DataError, match="lengths"):
            random_split(range(10), lengths, seed=0)

    def test_lengths_that_are_none(self):
        with pytest.raises(DTypeError, match="random_split: lengths is None"):
            random_split(range(10), None, seed=0)

    @pytest.mark.parametrize("seed", [-1, 1.5, True, "a"])
    def test_wrong_seeds(self, seed):
        with pytest.raises(DataError, match="seed="):
            random_split(range(10), [5, 5], seed=seed)


class TestMapDataset:
    def test_the_function_runs_when_a_sample_is_asked_for(self):
        calls = []
        data = MapDataset(ArrayDataset(X, Y), lambda sample: calls.append(sample) or (sample[0] * 2, sample[1]))
        assert len(data) == 10
        assert not calls
        x, y = next(iter(DataLoader(data, 4)))
        assert x.tolist() == (X[:4] * 2).tolist()
        assert x.dtype == np.float32
        assert y.tolist() == Y[:4].tolist()
        assert len(calls) == 4
