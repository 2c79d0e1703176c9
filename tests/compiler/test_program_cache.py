"""What a compiled function keeps: as many programs as are said, in memory that they share, and no more."""

import gc
import threading
import warnings
import weakref

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, optim
from minigrad.compiler import compiled as module
from minigrad.compiler import program_cache
from minigrad.compiler.arena import Arena
from minigrad.compiler.tracing.trace_comparison import same_bits
from tests.memory import allocations


def trainer(width=32):
    generator = np.random.default_rng(0)
    model = nn.Sequential(
        nn.Linear(8, width, generator=generator), nn.ReLU(), nn.Linear(width, width, generator=generator), nn.ReLU(),
        nn.Linear(width, 4, generator=generator),
    )  # fmt: skip
    optimizer, loss_fn = optim.Adam(model.parameters()), nn.CrossEntropyLoss()

    def step(x, y):
        loss = loss_fn(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    return model, step


def batch(n, seed=0):
    rng = np.random.default_rng((n, seed))
    return mg.tensor(rng.standard_normal((n, 8)).astype("float32")), rng.integers(0, 4, n)


def test_programs_share_their_buffers_and_give_what_eager_gives():
    (model, eager), (model_2, step) = trainer(), trainer()
    compiled = mg.compile(step, backend="numpy")
    losses = []
    for seed, n in enumerate([5, 5, 40, 40, 1, 1, 300, 300, 40, 5, 300, 1, 41, 41, 300, 5, 1, 40]):
        x, y = batch(n, seed)
        losses.append((eager(x, y).data, compiled(x, y)))
        for p, q in zip(model.parameters(), model_2.parameters(), strict=True):
            assert same_bits(p.data, q.data)
            assert same_bits(p.grad, q.grad)
    assert all(same_bits(np.asarray(one), np.asarray(two.data)) for one, two in losses)
    assert compiled.stats()["programs"] == 5
    assert compiled.stats()["replayed"] == 8


def test_many_batch_sizes_of_a_small_network():
    """Their memory is little, and ``stats()`` says how much it is."""
    compiled = mg.compile(trainer(512)[0], backend="numpy")
    with allocations() as traced:
        for n in range(100, 2100, 100):
            for seed in range(2):
                compiled(batch(n, seed)[0])
        gc.collect()
        held = traced()[0] + compiled._arena.nbytes
    stats = compiled.stats()
    assert stats["programs"] == 20
    assert stats["bytes"] >= 2 * 2000 * 512 * 4
    assert held < 20 * 200_000 + 3 * stats["bytes"]  # each with buffers and constants of its own: twenty times those
    assert stats["bytes"] < stats["bytes of all"]
    assert 0.5 * held < stats["bytes of all"] < 2 * held


def test_at_most_so_many_programs_and_recordings_are_kept(monkeypatch):
    monkeypatch.setattr(program_cache, "PROGRAMS", 5)
    monkeypatch.setattr(program_cache, "ALIKE", 3)
    monkeypatch.setattr(module, "PROGRAMS", 5)
    compiled = mg.compile(lambda x: mg.exp(x) * 2, backend="numpy")
    for n in range(1, 20):
        compiled(np.ones(n))
    assert len(compiled._first.programs) == 5
    for n in range(1, 20):
        for _ in range(2):
            compiled(np.ones(n))
        compiled(np.ones(1))  # it is used again and again, so it stays
    assert compiled.stats()["programs"] == 5
    before = compiled.stats()["recorded"]
    for n in (1, 16, 17, 18, 19):
        compiled(np.ones(n))
    assert compiled.stats()["recorded"] == before
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(2):
            for n in range(2, 12):
                for _ in range(2):
                    assert same_bits(compiled(np.ones(n)), np.exp(np.ones(n)) * 2)
    assert [str(one.message).split(",")[0] for one in caught] == [
        "mg.compile: <lambda> is called with more kinds of arguments than programs are kept (at most 5)"
    ]


def test_of_models_that_are_passed_the_last_stay_alive():
    compiled = mg.compile(lambda model, x: model(x), backend="numpy")
    alive = []
    for _ in range(30):
        model = nn.Linear(2, 3)
        alive.append(weakref.ref(model))
        for _ in range(3):
            assert same_bits(compiled(model, np.ones((1, 2))).data, model(np.ones((1, 2))).data)
    del model
    gc.collect()
    assert compiled.stats()["programs"] == program_cache.ALIKE
    assert [made() is not None for made in alive] == [False] * (30 - program_cache.ALIKE) + [True] * program_cache.ALIKE


class Counting(nn.Module):
    """Keeps numbers in Python."""

    def __init__(self):
        self.linear, self.calls, self.sums = nn.Linear(2, 3), 0, []

    def forward(self, x):
        self.calls += 1
        self.sums.append(x.sum().item())
        return self.linear(x) * self.calls


def test_what_models_keep_in_python_keeps_few_of_them_alive():
    compiled = mg.compile(lambda model, x: model(x), backend="numpy")
    alive = []
    for _ in range(40):
        model = Counting()
        alive.append(weakref.ref(model.linear))
        for _ in range(5):
            compiled(model, np.ones((1, 2)))
        assert (model.calls, model.sums) == (5, [2.0] * 5)
    del model
    gc.collect()
    assert sum(made() is not None for made in alive) <= 2 * program_cache.ALIKE


def test_texts_are_kinds_of_their_own():
    for made in (lambda n: [str(n)], str):
        compiled = mg.compile(lambda x, n: x * float(n[0]), backend="numpy")
        for n in range(10):
            for _ in range(2):
                compiled(np.ones(2), made(n))
        assert compiled.stats()["programs"] == 10


def test_so_many_bytes(monkeypatch):
    monkeypatch.setattr(program_cache, "BYTES", 100_000)
    compiled = mg.compile(lambda x: x + np.arange(float(x.size)), backend="numpy")
    for n in range(2000, 2020):
        for _ in range(2):
            compiled(np.ones(n))
    assert compiled.stats()["programs"] == program_cache.ALIKE


class TestArena:
    def test_one_program_has_each_block_once(self):
        arena = Arena()
        one, other = arena.claims(), arena.claims()
        a, b = one.claim(1000), one.claim(1000)
        c = arena.claims().claim(900)
        assert not np.shares_memory(a, b)
        assert np.shares_memory(a, c) or np.shares_memory(b, c)
        assert all(x.ctypes.data % 64 == 0 for x in (a, b, c))
        assert arena.nbytes == 2000
        assert not other.blocks

    def test_growing_sizes_take_few_blocks(self):
        arena, plans = Arena(), []
        for n in range(1, 101):
            taken = arena.claims()
            assert taken.claim(n * 10_000).nbytes == n * 10_000
            plans.append(taken)
        assert arena.nbytes < 2 * 1_000_000

    def test_a_large_block_is_not_taken_for_a_small_buffer(self):
        arena = Arena()
        large = arena.claims()
        large.claim(10_000_000)
        small = arena.claims()
        small.claim(100)
        assert small.blocks[0].nbytes < 1000

    def test_blocks_go_with_the_programs_that_had_them(self):
        arena = Arena()
        taken = arena.claims()
        buffer = taken.claim(5000)
        number = arena.filled(np.float32(0.5), 4000)
        assert arena.nbytes == 9000
        del buffer, taken, number
        assert arena.nbytes == 0
        assert arena.claims().claim(10).nbytes == 10

    @pytest.mark.parametrize("number", [np.float32(0), np.float64(-2.5), np.int64(7), np.True_])
    def test_numbers_are_filled_in_as_far_as_they_are_needed(self, number):
        arena = Arena()
        held = [arena.filled(number, n * number.nbytes) for n in (10, 3, 70, 75, 1000)]
        for array, n in zip(held, (10, 3, 70, 75, 1000), strict=True):
            assert (array.view(number.dtype) == number).all()
            assert array.nbytes == n * number.nbytes


def test_threads_with_other_shapes_wait_for_each_other():
    compiled = mg.compile(lambda x: (mg.exp(x) * x - mg.tanh(x)).sum(), backend="numpy")
    arrays = [np.random.default_rng(n).standard_normal(1000 + n) for n in range(8)]
    expected = [compiled(x).data for x in arrays]
    for x in arrays:
        compiled(x)
    wrong = []

    def work(i):
        wrong.extend(i for _ in range(50) if compiled(arrays[i]).data != expected[i])

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def _counts(x, n):
    return x * len(range(n))


def _says_the_number(x, _):
    if x.sum().item() > 0:
        str(x.sum().item())
    return x * 2


CHANGES = {"rate": 0}


def _reads_what_changes(x, _):
    return x * float(CHANGES["rate"])


@pytest.mark.parametrize(
    ("function", "size", "says"),
    [
        (_counts, 3, "is another one in each call"),
        (_says_the_number, 3, "runs as it is written"),
        (_reads_what_changes, 3, "changes from call to call"),
        (lambda x, n: mg.exp(x), None, "more kinds of arguments than programs"),
    ],
)
def test_a_warning_is_given_at_the_line_of_the_call(function, size, says, monkeypatch):
    monkeypatch.setattr(program_cache, "PROGRAMS", 3)
    monkeypatch.setattr(program_cache, "ALIKE", 2)
    compiled = mg.compile(function, backend="numpy")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for n in range(40):
            CHANGES["rate"] = f"{n}.5"
            for _ in range(1 if size else 2):
                compiled(np.ones(size or n % 10 + 1), n if size else 0)
    assert {(one.filename, says in str(one.message)) for one in caught} == {(__file__, True)}
