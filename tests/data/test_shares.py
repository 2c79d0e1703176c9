"""The rows that each rank loads: together they are the batches of one process."""

import numpy as np
import pytest

from minigrad.data import ArrayDataset, DataLoader, Subset
from minigrad.data.shares import own_rows

X, Y = np.arange(46.0).reshape(23, 2), np.arange(23)


class Samples:
    """Loaded one by one; counts."""

    count = 0

    def __len__(self):
        return len(X)

    def __getitem__(self, index):
        self.count += 1
        return X[index], Y[index]


class WithBatch(Samples):
    """Loaded a batch at a time, as whoever pads would."""

    def batch(self, indices):
        return X[indices] - X[indices].mean(), Y[indices]


def mean_free(batch):
    x, y = batch
    return x - x.mean(), y


DATA = {
    "arrays": lambda **options: DataLoader((X, Y), 6, **options),
    "a subset": lambda **options: DataLoader(Subset(ArrayDataset(X, Y), np.arange(20)), 6, **options),
    "samples": lambda **options: DataLoader(Samples(), 6, **options),
    "samples, ahead": lambda **options: DataLoader(Samples(), 6, prefetch=2, **options),
    "batches": lambda **options: DataLoader(WithBatch(), 6, **options),
    "a transform": lambda **options: DataLoader((X, Y), 6, transform=mean_free, **options),
    "one array": lambda **options: DataLoader(ArrayDataset(X), 6, **options),
}


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("name", list(DATA))
def test_shares_are_the_rows_of_the_batches(name, shuffle):
    batches = list(DATA[name](shuffle=shuffle, seed=3))
    loaders = [DATA[name](shuffle=shuffle, seed=3) for _ in range(3)]
    ranks = [list(loader.shares(rank, 3, 6)) for rank, loader in enumerate(loaders)]
    assert {len(shares) for shares in ranks} == {len(batches)}
    divided = 0
    for number, batch in enumerate(batches):
        for shares in ranks:
            share = shares[number]
            rows = len(batch[0])
            assert share.rows == rows
            for part, whole in zip(share.batch, batch, strict=True):
                expected = whole if len(part) == rows else whole[share.first : share.last]
                np.testing.assert_array_equal(part, expected)
            if share.whole is not None:
                divided += 1
                assert len(share.batch[0]) == 2
                for part, whole in zip(share.whole(), batch, strict=True):
                    np.testing.assert_array_equal(part, whole)
    sees_whole_batches = name in ("batches", "a transform", "one array")
    assert divided == (0 if sees_whole_batches else 9)
    assert loaders[0].epoch == 1


def test_a_rank_loads_its_own_samples_alone():
    loader = DataLoader(Samples(), 6)
    list(loader.shares(1, 3, 3))
    assert loader.dataset.count == 3 * 2 + 5


def test_shares_go_on_where_batches_would():
    loader = DataLoader((X, Y), 6, shuffle=True, seed=0)
    expected = list(DataLoader((X, Y), 6, shuffle=True, seed=0))
    shares = loader.shares(0, 2, 2)
    next(shares)
    state = loader.state_dict()
    later = DataLoader((X, Y), 6, shuffle=True, seed=0)
    later.load_state_dict(state)
    np.testing.assert_array_equal(next(iter(later))[0], expected[1][0])
    later.load_state_dict(state)
    np.testing.assert_array_equal(next(later.shares(1, 2, 2)).batch[0], expected[1][0][3:])


def test_arrays_that_are_seen_whole_are_not_written_to():
    share = next(DataLoader((X, Y), 6).shares(0, 2, 2))
    with pytest.raises(ValueError, match="read-only"):
        share.batch[1][0] = 1


@pytest.mark.parametrize(
    ("rows", "size", "devices", "expected"),
    [(8, 2, 2, (4, 8)), (8, 2, 4, (4, 8)), (6, 2, 4, (0, 6)), (7, 2, 2, (0, 7)), (8, 2, 1, (0, 8)), (0, 2, 2, (0, 0))],
)
def test_rows_that_do_not_divide_by_the_devices_are_everybodys(rows, size, devices, expected):
    assert own_rows(rows, 1, size, devices) == expected
