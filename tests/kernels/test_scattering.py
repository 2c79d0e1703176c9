"""Sums and writes at places that an index names, against loops over what the index reads."""

import numpy as np
import pytest

from minigrad.kernels import scattering

RNG = np.random.default_rng(0)
INDICES = {
    "an integer": 1,
    "a slice": slice(None, None, 2),
    "a mask": np.array([True, False, True, True]),
    "integers, twice": np.array([0, 2, 0, -1]),
    "two axes": (np.array([0, 0, 3]), np.array([1, 1, 2])),
    "the second axis": (slice(None), np.array([2, 0, 2])),
    "a new axis": (None, np.array([[1, 1], [0, 3]])),
    "apart": (np.array([0, 1, 0]), slice(None), np.array([1, 0, 1])),
    "none": np.array([], int),
}
SHAPE = (4, 3, 2)


@pytest.mark.parametrize("name", INDICES)
def test_places_sums_and_writes(name):
    index = INDICES[name]
    numbers = np.arange(24).reshape(SHAPE)[index]
    np.testing.assert_array_equal(scattering.positions(index, SHAPE), numbers)
    x = RNG.normal(size=numbers.shape)
    added, written = np.zeros(24, np.float64), np.arange(24.0)
    for place, value in zip(np.ravel(numbers), np.ravel(x), strict=True):
        added[place] += value
        written[place] = value
    np.testing.assert_allclose(scattering.scatter_add(x, index, SHAPE), added.reshape(SHAPE))
    before = np.arange(24.0).reshape(SHAPE)
    np.testing.assert_array_equal(scattering.index_set(before, x, index), written.reshape(SHAPE))
    assert (before == np.arange(24).reshape(SHAPE)).all()


@pytest.mark.parametrize(
    "index", [[0, 2, 0, -1], [], (slice(None), [2, 0, 2]), (slice(None), slice(None), [1, 1, 0, -2])]
)
@pytest.mark.parametrize("one", [False, True], ids=["each", "one number for all"])
def test_a_few_large_slices_are_added_one_by_one_to_the_same_bits(index, one, monkeypatch):
    rng = np.random.default_rng(0)
    *before, last = index if isinstance(index, tuple) else (index,)
    index = (*before, np.array(last, int))
    x = rng.normal(size=() if one else np.empty(SHAPE)[index].shape).astype("f4")
    by_elements = scattering.scatter_add(x, index, SHAPE)
    monkeypatch.setattr(scattering, "LARGE", 1)
    monkeypatch.setattr(scattering, "_add_rows", None)  # nothing goes there
    np.testing.assert_array_equal(scattering.scatter_add(x, index, SHAPE), by_elements, strict=True)


@pytest.mark.parametrize("name", INDICES)
def test_what_may_repeat_and_what_comes_last(name):
    index = INDICES[name]
    places = np.ravel(np.arange(24).reshape(SHAPE)[index])
    if len(set(places.tolist())) < places.size:
        assert scattering.may_repeat(index)
    last = [places[i] not in places[i + 1 :] for i in range(places.size)]
    assert scattering.is_last(index, SHAPE).tolist() == last


def test_segments_and_rows():
    x, ids = RNG.normal(size=(5, 2)), np.array([2, 0, 2, 2, 0])
    got = scattering.reduce_segments("maximum", x, ids, 4, -np.inf)
    for segment in range(4):
        rows = x[ids == segment]
        np.testing.assert_array_equal(got[segment], rows.max(0) if len(rows) else [-np.inf] * 2)
    expected = np.zeros((4, 2), np.float64)
    np.add.at(expected, ids, x)
    np.testing.assert_allclose(scattering.scatter_rows(x, ids, 4), expected)
    weights = RNG.normal(size=5).astype("f4")
    counted = scattering.bincount(ids, weights, 6)
    assert counted.dtype == np.float32
    np.testing.assert_allclose(counted, np.bincount(ids, weights, 6), rtol=1e-6)


def test_more_rows_than_a_chunk_takes():
    ids = RNG.integers(0, 3, scattering.CHUNK + 7)
    x = np.ones((ids.size, 2), "f4")
    np.testing.assert_array_equal(scattering.scatter_add(x, ids, (3, 2))[:, 0], np.bincount(ids, minlength=3))


@pytest.mark.parametrize("repeats", ["alone", "few", "many", "one of many"])
@pytest.mark.parametrize("shape", [(), (3,), (2, 2)])
def test_rows_of_one_number_are_reduced_however_often_it_comes(repeats, shape):
    rng = np.random.default_rng(3)
    ids = {
        "alone": rng.permutation(40), "few": rng.integers(0, 12, 40), "many": rng.integers(0, 3, 40),
        "one of many": np.where(rng.random(40) < 0.6, 5, np.arange(40)),
    }[repeats]  # fmt: skip
    x = rng.normal(size=(40, *shape))
    for ufunc, empty in (("add", 0.0), ("maximum", -np.inf), ("minimum", np.inf)):
        wanted = np.full((41, *shape), empty)
        getattr(np, ufunc).at(wanted, ids, x)
        np.testing.assert_allclose(scattering.reduce_segments(ufunc, x, ids, 41, empty), wanted, rtol=1e-13)
