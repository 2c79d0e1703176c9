"""``DataLoader``: batches, their order, its position, threads."""

import os
import signal
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from minigrad.data import ArrayDataset, DataLoader, MapDataset, Subset
from minigrad.errors import DataError, DTypeError, StateError

X = np.arange(20, dtype=np.float32).reshape(10, 2)
Y = np.arange(10) % 3
KINDS = {
    "arrays": lambda n: ArrayDataset(np.arange(n)),
    "list": lambda n: [(i,) for i in range(n)],
    "mapped": lambda n: MapDataset(ArrayDataset(np.arange(n)), lambda sample: sample),
    "subset": lambda n: Subset(ArrayDataset(np.arange(2 * n)), np.arange(n)),
}


def numbers(loader):
    return [batch[0].tolist() for batch in loader]


class TestBatches:
    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize("prefetch", [0, 3])
    @given(n=st.integers(1, 40), size=st.integers(1, 12), shuffle=st.booleans(), drop=st.booleans())
    def test_every_sample_comes_once(self, kind, prefetch, n, size, shuffle, drop):
        if drop and n < size:
            return
        loader = DataLoader(KINDS[kind](n), size, shuffle, drop, seed=0, prefetch=prefetch, threads=2)
        batches = numbers(loader)
        assert len(batches) == len(loader)
        given_out = [i for batch in batches for i in batch]
        assert all(len(batch) == size for batch in (batches if drop else batches[:-1]))
        assert len(given_out) == (n // size * size if drop else n)
        assert len(set(given_out)) == len(given_out)
        assert set(given_out) <= set(range(n))
        if not shuffle:
            assert given_out == sorted(given_out)

    def test_the_order_is_of_the_seed_and_another_each_epoch(self):
        orders = [[numbers(loader) for _ in range(3)] for loader in (DataLoader(X, 3, True, seed=1) for _ in range(2))]
        assert orders[0] == orders[1]
        assert orders[0][0] != orders[0][1] != orders[0][2]
        assert orders[0][0] != numbers(DataLoader(X, 3, True, seed=2))

    @pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "arrays"])
    def test_the_order_does_not_depend_on_the_kind_of_dataset_nor_on_threads(self, kind):
        expected = numbers(DataLoader(KINDS["arrays"](10), 3, True, seed=1))
        assert numbers(DataLoader(KINDS[kind](10), 3, True, seed=1)) == expected
        assert numbers(DataLoader(KINDS[kind](10), 3, True, seed=1, prefetch=2, threads=3)) == expected

    def test_manual_seed_reaches_a_loader_without_a_seed(self):
        mg.manual_seed(5)
        first = DataLoader(X, 3, True)
        mg.manual_seed(5)
        assert numbers(first) == numbers(DataLoader(X, 3, True))

    def test_what_others_draw_from_the_packages_generator_does_not_change_the_order(self):
        orders = []
        for drawn in (0, 3):
            mg.manual_seed(5)
            loader = DataLoader(X, 3, True)
            for _ in range(drawn):
                mg.nn.Linear(2, 2)
            orders.append(numbers(loader))
        assert orders[0] == orders[1]

    def test_one_that_is_not_shuffled_leaves_the_packages_generator_alone(self):
        mg.manual_seed(5)
        before = mg.random.generator_state()
        list(DataLoader(X, 3))
        assert mg.random.generator_state() == before

    def test_the_global_generator_is_left_alone(self):
        before = np.random.get_state()[1].copy()
        list(DataLoader(X, 3, True))
        assert (np.random.get_state()[1] == before).all()

    def test_dtypes(self):
        x, y = next(iter(DataLoader((X.astype(np.float64), Y.astype(np.uint8)), 4, shuffle=True, seed=0)))
        assert x.dtype == np.float64
        assert y.dtype == np.uint8

    def test_an_unshuffled_batch_is_a_view_that_cannot_spoil_the_data(self):
        x, _ = next(iter(DataLoader((X, Y), 4)))
        assert np.shares_memory(x, X)
        with pytest.raises(ValueError, match="read-only"):
            x *= 2
        assert X.flags.writeable
        shuffled, _ = next(iter(DataLoader((X, Y), 4, shuffle=True, seed=0)))
        shuffled *= 2
        assert X[0, 1] == 1

    def test_a_dataset_with_batches_of_its_own_is_asked_for_them(self):
        class Squares:
            def __len__(self):
                return 6

            def __getitem__(self, index):
                raise AssertionError("whole batches are faster")

            def batch(self, indices):
                return np.arange(6)[indices] ** 2

        assert [batch.tolist() for batch in DataLoader(Squares(), 4)] == [[0, 1, 4, 9], [16, 25]]
        assert sorted(np.concatenate(list(DataLoader(Subset(Squares(), [1, 5]), 1, True))).tolist()) == [1, 25]

    def test_collate_of_ones_own(self):
        loader = DataLoader([[1], [1, 2], [1, 2, 3]], 3, collate=lambda samples: [len(sample) for sample in samples])
        assert list(loader) == [[1, 2, 3]]

    def test_batches_train_a_model(self):
        model = mg.nn.Linear(2, 3)
        for x, y in DataLoader((X, Y), 4, shuffle=True, seed=0):
            loss = mg.nn.CrossEntropyLoss()(model(mg.tensor(x)), y)
        loss.backward()
        assert model.weight.grad.dtype == np.float32

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ({"batch_size": 0}, "batch_size= is an int from 1 on, got 0"),
            ({"batch_size": 2.0}, "got 2.0"),
            ({"batch_size": True}, "got True"),
            ({"batch_size": 11, "drop_last": True}, "10 samples make no batch of 11"),
            ({"prefetch": -1}, "prefetch="),
            ({"threads": 0}, "threads="),
            ({"seed": "0"}, "seed="),
            ({"transform": 3}, "transform= is a function of a batch, got 3"),
            ({"collate": None}, "collate= is a function of a batch, got None"),
        ],
    )
    def test_wrong_settings(self, options, words):
        with pytest.raises(DataError, match=words):
            DataLoader(X, **options)

    @pytest.mark.parametrize("dataset", ["abc", {"x": X}, iter([1]), 3])
    def test_what_is_no_dataset(self, dataset):
        with pytest.raises(DataError, match=r"ArrayDataset\(X, y\)"):
            DataLoader(dataset)

    @pytest.mark.parametrize("empty", [[], np.ones((0, 2)), (np.ones((0, 2)), np.ones(0))])
    def test_an_empty_dataset(self, empty):
        with pytest.raises(DataError, match="empty"):
            DataLoader(empty)

    def test_a_tuple_of_what_is_no_array(self):
        with pytest.raises(DTypeError, match="pandas"):
            DataLoader((X, None))


class TestTransform:
    def test_is_applied_to_each_batch(self):
        loader = DataLoader((X, Y), 5, transform=lambda batch: (batch[0] / 10, batch[1]))
        assert np.concatenate([x for x, _ in loader]).tolist() == (X / 10).tolist()

    def test_a_function_without_a_signature_is_called_with_the_batch(self):
        assert list(DataLoader([1, 2], 2, transform=max)) == [2]

    @pytest.mark.parametrize("shuffle", [False, True])
    def test_its_generator_does_not_depend_on_what_is_loaded_before(self, shuffle):
        def noisy(batch, generator):
            return (batch[0] + generator.standard_normal(batch[0].shape, dtype=np.float32),)

        def loader(**options):
            return DataLoader(X, 3, shuffle, seed=3, transform=noisy, **options)

        plain = loader()
        epochs = [numbers(plain), numbers(plain)]
        assert epochs[0] != epochs[1]
        ahead = loader(prefetch=4, threads=3)
        assert [numbers(ahead), numbers(ahead)] == epochs
        stopped = loader(prefetch=2)
        next(iter(stopped))
        resumed = loader()
        resumed.load_state_dict(stopped.state_dict())
        assert [numbers(resumed), numbers(resumed)] == [epochs[0][1:], epochs[1]]


class TestPosition:
    @given(
        n=st.integers(1, 30), size=st.integers(1, 8), shuffle=st.booleans(), epochs=st.integers(0, 2),
        batches=st.integers(0, 8), prefetch=st.sampled_from([0, 2]), kind=st.sampled_from(sorted(KINDS)),
        bits=st.sampled_from(["PCG64", "MT19937", "Philox", "SFC64", "PCG64DXSM"]),
    )  # fmt: skip
    def test_a_loader_goes_on_where_another_stood(self, n, size, shuffle, epochs, batches, prefetch, kind, bits):
        def loader(seed):
            generator = np.random.Generator(getattr(np.random, bits)(seed))
            return DataLoader(KINDS[kind](n), size, shuffle, seed=generator, prefetch=prefetch)

        first = loader(1)
        for _ in range(epochs):
            list(first)
        iterator = iter(first)
        for _ in range(min(batches, len(first))):
            next(iterator)
        state = first.state_dict()
        rest = [batch[0].tolist() for batch in iterator]
        later = [numbers(first), numbers(first)]

        second = loader(2)
        second.load_state_dict(state)
        np.testing.assert_equal(second.state_dict(), state)
        assert second.epoch == epochs
        assert numbers(second) == rest
        assert second.epoch == epochs + 1
        assert [numbers(second), numbers(second)] == later

    def test_it_goes_through_a_file(self, tmp_path):
        pytest.importorskip("safetensors", reason="safetensors is not installed")
        loader = DataLoader(X, 3, True, seed=np.random.Generator(np.random.MT19937(0)))
        iterator = iter(loader)
        next(iterator)
        mg.save(tmp_path / "state", loader.state_dict())
        rest = [batch[0].tolist() for batch in iterator]
        other = DataLoader(X, 3, True, seed=np.random.Generator(np.random.MT19937(1)))
        other.load_state_dict(mg.load(tmp_path / "state"))
        assert numbers(other) == rest

    def test_between_epochs_it_is_the_next_one(self):
        loader, other = DataLoader(X, 3, True, seed=0), DataLoader(X, 3, True, seed=1)
        list(loader)
        other.load_state_dict(loader.state_dict())
        assert numbers(other) == numbers(loader)
        assert other.epoch == 2

    def test_a_shared_generator_is_not_drawn_from_when_an_epoch_is_resumed(self):
        shared = np.random.default_rng(0)
        loader = DataLoader(X, 3, True, seed=shared)
        iterator = iter(loader)
        next(iterator)
        shared.random(5)  # somebody else, say dropout, draws from it in the epoch
        state = loader.state_dict()
        rest = [batch[0].tolist() for batch in iterator]
        expected = shared.random()
        other = np.random.default_rng(1)
        resumed = DataLoader(X, 3, True, seed=other)
        resumed.load_state_dict(state)
        assert numbers(resumed) == rest
        assert other.random() == expected

    def test_a_loop_that_is_left_early_is_followed_by_a_new_epoch(self):
        loader = DataLoader(X, 3, True, seed=0)
        first = next(iter(loader))
        assert loader.epoch == 0
        assert len(list(loader)) == 4
        assert loader.epoch == 2
        assert first[0].shape == (3, 2)

    def test_after_the_last_batch_the_rest_of_the_epoch_is_empty(self):
        loader = DataLoader(X, 5)
        iterator = iter(loader)
        next(iterator), next(iterator)
        state = loader.state_dict()
        other = DataLoader(X, 5)
        other.load_state_dict(state)
        assert list(other) == []
        assert other.epoch == 1
        assert len(list(other)) == 2

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ({"samples": 9}, "samples=10, and the state is of one with samples=9"),
            ({"batch_size": 4}, "batch_size=3"),
            ({"shuffle": False}, "shuffle=True"),
            ({"drop_last": True}, "drop_last=False"),
            ({"position": 5}, "4 batches, and the state stands at 5"),
            ({"position": -1}, "got -1"),
            ({"position": "1"}, "got '1'"),
            ({"epoch": None}, "got None"),
            ({"generator": None}, "whether anything is random"),
            ({"epoch_generator": None}, "start of the epoch"),
            ({"generator": {"bit_generator": "PCG64"}}, "no state of a PCG64"),
            ({"epoch_generator": {"bit_generator": "PCG64", "state": 3}}, "no state of a PCG64"),
            ({"generator": {"bit_generator": "MT19937"}}, "the generator is a PCG64, and the state is of 'MT19937'"),
            ({"surplus": 1}, "surplus"),
        ],
    )
    def test_a_state_that_does_not_fit_changes_nothing(self, change, words):
        loader = DataLoader(X, 3, True, seed=0)
        next(iter(loader))
        before = loader.state_dict()
        other = DataLoader(X, 3, True, seed=1)
        next(iter(other))
        with pytest.raises(StateError, match=words):
            loader.load_state_dict({**other.state_dict(), **change})
        assert loader.state_dict() == before
        with pytest.raises(StateError, match="list"):
            loader.load_state_dict([1])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:os.fork.* JAX is multithreaded:RuntimeWarning")  # where another test imported it
@pytest.mark.parametrize("ending", ["to its end", "closed", "dropped"])
@pytest.mark.parametrize("threads", [1, 3])
def test_prefetching_goes_on_in_a_forked_child(ending, threads):
    def slow(batch):
        time.sleep(0.002)
        return batch

    def loader():
        return DataLoader(
            np.arange(40), batch_size=2, shuffle=True, seed=1, transform=slow, prefetch=4, threads=threads
        )

    expected = [batch[0].tolist() for batch in loader()]
    batches = iter(loader())
    for _ in range(5):
        next(batches)
    child = os.fork()
    if not child:
        signal.alarm(20)
        try:
            grandchild = 0
            if ending == "to its end":
                next(batches)
                grandchild = os.fork()
                signal.alarm(20)
                rest = [batch[0].tolist() for batch in batches]
                code = int(rest != expected[6:])
            elif ending == "closed":
                batches.close()
                code = 0
            else:
                del batches
                code = 0
            if grandchild:
                code |= os.waitpid(grandchild, 0)[1] != 0
        except BaseException:  # noqa: BLE001 - the child ends here
            os._exit(7)
        os._exit(code)
    assert os.waitpid(child, 0)[1] == 0
    assert [batch[0].tolist() for batch in batches] == expected[5:]  # the parent's goes on as well


@pytest.mark.parametrize("name", ["shuffle", "drop_last"])
@pytest.mark.parametrize("value", ["no", None, 2, 0.5, [True]], ids=repr)
def test_a_flag_is_true_or_false(name, value):
    with pytest.raises(DataError, match=f"{name}= is True or False"):
        DataLoader(np.ones((4, 2)), batch_size=2, **{name: value})
    assert len(DataLoader(np.ones((4, 2)), batch_size=2, **{name: np.True_})) == 2


def test_a_loop_gives_what_upcoming_gave_unless_it_is_skipped():
    loader = DataLoader((np.arange(11), np.arange(11)), batch_size=2, shuffle=True, seed=0)
    (expected, _), (seen, _) = (zip(*loader, strict=True) for _ in range(2))  # two epochs differ
    assert [x.tolist() for x in expected] != [x.tolist() for x in seen]
    other = DataLoader((np.arange(11), np.arange(11)), batch_size=2, shuffle=True, seed=0)
    taken = []
    for x, _ in other:
        taken.append(x.tolist())
        block = other.upcoming(2)
        if len(taken) in (1, 4):
            taken += block[0].tolist()
            other.skip(len(block[0]))
    assert taken == [x.tolist() for x in expected]


@pytest.mark.parametrize("value", [-1, 1.0, None, "2", [1]], ids=repr)
def test_numbers_of_batches_are_ints_from_0_on(value):
    loader = DataLoader(np.arange(10), batch_size=2)
    batches = iter(loader)
    next(batches)
    for call in loader.upcoming, loader.skip:
        with pytest.raises(DataError, match="is an int from 0 on"):
            call(value)
    assert loader.upcoming(0) is None
    loader.skip(0)
    assert [b[0].tolist() for b in batches] == [[2, 3], [4, 5], [6, 7], [8, 9]]


def test_more_batches_than_are_left_are_not_skipped():
    loader = DataLoader(np.arange(9), batch_size=2)
    with pytest.raises(DataError, match=r"skip\(1\) goes beyond the end: 0 whole batches"):
        loader.skip(1)
    batches = iter(loader)
    next(batches)
    with pytest.raises(DataError, match=r"skip\(4\) goes beyond the end: 3 whole batches"):
        loader.skip(4)
    loader.skip(3)
    assert [b[0].tolist() for b in batches] == [[8]]  # the loop gives the last, smaller batch
    assert loader.upcoming(1) is None


def test_settings_that_change_within_an_epoch_hold_from_the_next_on():
    """The loop had batches of the old size and ``upcoming`` of the new one, other samples."""
    loader = DataLoader(np.arange(10), batch_size=2)
    batches = iter(loader)
    next(batches)
    loader.batch_size = 3
    assert loader.upcoming(9)[0].tolist() == [[2, 3], [4, 5], [6, 7], [8, 9]]
    assert [b[0].tolist() for b in batches] == [[2, 3], [4, 5], [6, 7], [8, 9]]
    loader.transform = lambda batch: (batch[0] + 1,)
    for batch in loader:
        assert batch[0][0] % 3 == 1
        loader.transform = None
        assert loader.upcoming(1) is None


def test_a_state_that_is_loaded_ends_what_was_coming():
    loader = DataLoader(np.arange(10), batch_size=2)
    batches = iter(loader)
    next(batches)
    state = loader.state_dict()
    next(batches)
    loader.load_state_dict(state)
    assert loader.upcoming(2) is None
    assert next(iter(loader))[0].tolist() == [2, 3]
    assert loader.upcoming(1)[0].tolist() == [[4, 5]]
