"""Several ranks in one run, as threads that exchange bytes: what they agree on, and what they refuse."""

import threading

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, optim, train
from minigrad.data import DataLoader
from minigrad.data.shares import Share
from minigrad.errors import CompileError, DataError, HyperparameterError, StateError
from minigrad.train import ranks
from minigrad.train.batches import Batches
from minigrad.train.ranks import Agreement, Held, check_alike


class Threads:
    """Ranks as threads of this process, of which one runs while the others wait.

    In Python 3.11, two threads that read an array's header at once (``ast.literal_eval``) may fail with "AST
    constructor recursion depth mismatch" where a collection of garbage falls between them. Processes never meet there.
    """

    def __init__(self, monkeypatch, size=2):
        self.size, self.own, self.turn = size, threading.local(), threading.Lock()
        self.barrier, self.told = threading.Barrier(size, timeout=300), [b""] * size
        monkeypatch.setattr(ranks.distributed, "rank", lambda: getattr(self.own, "rank", 0))
        monkeypatch.setattr(ranks.distributed, "size", lambda: size)
        monkeypatch.setattr(ranks, "gathered", self.gathered)
        monkeypatch.setattr(
            ranks, "gathered_rows", lambda x: np.concatenate([self.array(one, x) for one in self.gathered(x.tobytes())])
        )

    @staticmethod
    def array(data, like):
        return np.frombuffer(data, like.dtype).reshape(like.shape)

    def gathered(self, payload, what=""):
        del what
        self.told[self.own.rank] = payload
        self.turn.release()
        try:
            self.barrier.wait()
            found = list(self.told)
            self.barrier.wait()
        finally:
            self.turn.acquire()
        return found

    def run(self, function):
        """The results of ``function(rank)`` in each; errors as values."""
        results = [None] * self.size

        def one(rank):
            self.own.rank = rank
            try:
                with self.turn:
                    results[rank] = function(rank)
            except Exception as error:  # noqa: BLE001 - each test says what it expects
                results[rank] = error

        threads = [threading.Thread(target=one, args=(rank,)) for rank in range(self.size)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return results


@pytest.fixture
def threads(monkeypatch):
    return Threads(monkeypatch)


def trainer(**options):
    mg.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))
    return train.Trainer(model, optim.SGD(model.parameters(), 0.1), nn.CrossEntropyLoss(), **options)


# -- who works together -----------------------------------------------------------------------------


@pytest.mark.usefixtures("threads")
def test_several_processes_need_jax():
    with pytest.raises(HyperparameterError, match=r'2 processes train one model through JAX: write .*backend="jax"'):
        trainer()
    with pytest.raises(HyperparameterError, match="2 processes"):
        trainer(compile="numpy")


def test_devices_are_those_of_jax():
    with pytest.raises(HyperparameterError, match=r"devices are JAX's: .*got backend=None"):
        trainer(devices=[0])
    with pytest.raises(HyperparameterError, match="name two"):
        trainer(backend="jax", compile="native")
    assert trainer(backend="numpy").compile == "numpy"
    assert trainer(backend="numpy", compile=True).compile == "numpy"


@pytest.mark.jax
@pytest.mark.parametrize("devices", [[], "gpu", 2, [0, 1]])
def test_what_is_no_list_of_devices_is_refused(devices):
    pytest.importorskip("jax", reason="needs jax (pip install jax)")
    with pytest.raises(CompileError, match="devices= lists devices of JAX"):
        trainer(backend="jax", devices=devices)


@pytest.mark.jax
def test_one_process_has_the_devices_that_it_is_given():
    jax = pytest.importorskip("jax", reason="needs jax (pip install jax)")
    ours, other = trainer(backend="jax", devices=jax.devices()), trainer(backend="jax")
    data = np.random.default_rng(0).standard_normal((8, 3)).astype("float32"), np.arange(8) % 2
    for one in (ours, other):
        one.fit(data, 3, progress="none")
    assert ours.devices == tuple(jax.devices())
    assert other.devices is None
    np.testing.assert_array_equal(ours.model[0].weight.data, other.model[0].weight.data)


# -- batches ------------------------------------------------------------------------------------------


def pair(batch):
    return batch


def test_the_other_rows_are_loaded_when_they_are_needed():
    x, y = np.arange(1.0, 9.0).reshape(4, 2), np.arange(4)
    held = Held(Share((x[2:], y), 4, 2, 4, lambda: (x, y)), pair)
    np.testing.assert_array_equal(held.batch[0], np.where(np.arange(4)[:, None] < 2, 0, x))
    assert held.targets(held.batch[1]) is held.batch[1]
    held.complete()
    np.testing.assert_array_equal(held.batch[0], x)
    held.complete()
    whole = Held(Share((x, y), 4, 0, 4, None), pair)
    whole.complete()
    assert whole.batch[0] is x
    assert whole.targets(y) is y


@pytest.mark.parametrize("other", [lambda x: x + 1, lambda x: x[:, :1], lambda x: x[:3]])
def test_rows_that_are_others_alone_are_refused(other):
    x, y = np.ones((4, 2)), np.arange(4)
    held = Held(Share((x[2:], y[2:]), 4, 2, 4, lambda: (other(x), y)), pair)
    with pytest.raises(DataError, match="are others when they are loaded alone"):
        held.complete()


def test_targets_of_all_ranks(threads):
    x, y = np.ones((4, 2)), np.arange(4)

    def targets(rank):
        rows = slice(2 * rank, 2 * rank + 2)
        held = Held(Share((x[rows], y[rows]), 4, rows.start, rows.stop, lambda: (x, y)), pair)
        return held.targets(held.batch[1])

    for found in threads.run(targets):
        np.testing.assert_array_equal(found, y)


def test_batches_of_a_loader_are_divided_and_others_are_whole(threads):
    x, y = np.arange(24.0).reshape(8, 3), np.arange(8) % 2

    def rows(data):
        def run(_):
            batches = Batches(data(), np.dtype("float32"))
            batches.devices = 2
            found = []
            for inputs, targets in batches.epoch():
                before = np.array(inputs.data)
                batches.complete()
                found.append((before.any(1).tolist(), inputs.data.copy(), batches.targets(targets)))
            return found

        return threads.run(run)

    one, other = rows(lambda: DataLoader((x + 1, y), 4))
    assert [there for there, _, _ in one] == [[True, True, False, False]] * 2
    assert [there for there, _, _ in other] == [[False, False, True, True]] * 2
    for found in (one, other):
        np.testing.assert_array_equal(np.concatenate([inputs for _, inputs, _ in found]), x + 1)
    assert rows(lambda: [(x + 1, y)])[1][0][0] == [True] * 8


# -- agreements ---------------------------------------------------------------------------------------


def test_a_wish_of_one_rank_ends_all_after_the_same_step(threads):
    def run(rank):
        wish = [""]
        agreement = Agreement(lambda: wish[0], 0)
        for step in range(1, 10_000):
            if rank == 1 and step == 5:
                wish[0] = "SIGTERM"
            agreement.look(step)
            if agreement.by:
                return step, agreement.by
        return None

    one, other = threads.run(run)
    assert one == other
    assert one[0] >= 5
    assert one[1] == "SIGTERM"


def test_ranks_that_stand_at_different_steps_are_refused(threads):
    def run(rank):
        Agreement(lambda: "", 0).look(1 + rank)

    assert any("stand at steps [1, 2]" in str(error) for error in threads.run(run))


def test_a_process_that_is_alone_has_its_own_wish():
    wish = [""]
    agreement = Agreement(lambda: wish[0], 0)
    agreement.look(1)
    assert agreement.by == ""
    wish[0] = "Ctrl-C"
    assert agreement.by == "Ctrl-C"


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda run: setattr(run, "step", 3), "the step: [3, 0, 0] in rank 1, [0, 0, 0] in rank 0"),
        (lambda run: setattr(run, "epochs", 3), "the number of epochs: 3 in rank 1, 0 in rank 0"),
        (lambda run: run.model[0].weight.data.__setitem__(0, 5.0), "the weights: "),
        (lambda run: run.model[1].running_mean.data.__setitem__(0, 5.0), "the weights: "),
    ],
)
def test_ranks_that_hold_other_things_are_refused(threads, change, named):
    mg.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    runs = [train.run_state.RunState(_copy(model), None, nn.MSELoss(), (), False, None, 1) for _ in range(2)]
    assert threads.run(lambda rank: check_alike(runs[rank], 4, dict)) == [None, None]
    change(runs[1])
    errors = threads.run(lambda rank: check_alike(runs[rank], 4, dict))
    for error in errors:
        assert isinstance(error, StateError)
        assert f"ranks differ when fit begins, in {named}" in str(error)
        assert ("mg.manual_seed(0)" in str(error)) == ("weights" in named)


def test_ranks_with_other_data_are_refused(threads):
    run = train.run_state.RunState(nn.Linear(3, 4), None, nn.MSELoss(), (), False, None, 1)
    errors = threads.run(lambda rank: check_alike(run, 4 + rank, dict))
    assert all("in the number of batches: 5 in rank 1, 4 in rank 0" in str(error) for error in errors)
    data = [{"train.dataset": "float32 (75, 4) 1a"}, {"train.dataset": "float32 (75, 4) 2b"}, {}]
    for other in data[1:]:
        errors = threads.run(lambda rank, other=other: check_alike(run, 4, lambda: [data[0], other][rank]))
        assert all("in train.dataset: " in str(error) for error in errors)


def _copy(model):
    made = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    made.load_state_dict(model.state_dict())
    return made


# -- evaluation -------------------------------------------------------------------------------------------


class Counting(nn.Module):
    """Counts its calls; with ``pairs`` it gives two results, of which the loss takes one."""

    def __init__(self, pairs=False):
        self.layer, self.calls, self.pairs = nn.Linear(3, 2), 0, pairs

    def forward(self, x):
        self.calls += 1
        return (self.layer(x), x) if self.pairs else self.layer(x)


@pytest.mark.parametrize("pairs", [False, True])
@pytest.mark.parametrize("metrics", [(), (train.Accuracy(ignore_index=-1),)])
@pytest.mark.parametrize("count", [1, 7, 40])
def test_ranks_evaluate_in_turns_to_the_same_bits(monkeypatch, count, metrics, pairs):
    if pairs and metrics:
        metrics = (_First(),)
    x, y = np.random.default_rng(0).standard_normal((4 * count, 3)), np.arange(4 * count) % 2
    y[:4] = -1
    criterion = nn.CrossEntropyLoss(ignore_index=-1)
    data = [(x[i : i + 4].astype("float32"), y[i : i + 4]) for i in range(0, 4 * count, 4)]

    def run():
        mg.manual_seed(0)
        model = Counting(pairs)
        loss = (lambda p, t: criterion(p[0], t)) if pairs else criterion
        return train.run_state.RunState(model, None, loss, metrics, False, None, 1)

    alone = run()
    expected = alone.evaluate(data)
    threads = Threads(monkeypatch, 3)
    runs = [run() for _ in range(3)]
    found = threads.run(lambda rank: runs[rank].evaluate(data))
    for one in found:
        np.testing.assert_equal(one, expected)
    if not (pairs and metrics):
        assert all(one.model.calls <= count / 3 + 2 for one in runs)


class _First(train.Accuracy):
    def update(self, predictions, targets):
        if (np.asarray(targets) >= 0).any():
            super().update(predictions[0], np.maximum(targets, 0))
