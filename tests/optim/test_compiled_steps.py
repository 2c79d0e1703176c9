"""Whole training steps under ``mg.compile``: every optimizer, schedules, clipping, averages, skipped updates."""

import math

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, optim
from minigrad.compiler.tracing.trace_comparison import same_bits
from minigrad.errors import CompileError, HyperparameterError
from minigrad.optim import schedules
from tests.compiler.test_compiled import Classifier, assert_same, data
from tests.optim.formulas import CASES
from tests.optim.test_optimizer import Heavy

SCHEDULE = schedules.linear_warmup(schedules.cosine_restarts(0.02, 20, growth=2, end=0.001), 7)


def trainer(make, prepare=lambda model: None, sizes=(2, 16, 3), dtype=None):
    """A model, its optimizer, and a step that returns the loss and what ``prepare(model)`` did with the gradients."""
    model = Classifier(sizes, dtype)
    optimizer = make(model.parameters())
    loss_fn = nn.CrossEntropyLoss()

    def step(x, y):
        loss = loss_fn(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        made = prepare(model)
        optimizer.step()
        return loss, made

    return model, optimizer, step


def run_both(eager, compiled, steps, rows=30):
    """Both on the same data; returns the compiled function."""
    step = mg.compile(compiled[2])
    for seed in range(steps):
        x, y = data(rows, seed=seed, dtype=eager[0].parameters()[0].dtype)
        (loss, made), (loss_2, made_2) = eager[2](mg.tensor(x), y), step(mg.tensor(x), y)
        assert same_bits(loss.data, loss_2.data)
        assert (made is None and made_2 is None) or same_bits(made.data, made_2.data)
        assert_same(eager, compiled)
    return step


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", CASES)
def test_a_hundred_steps_with_a_schedule_equal_eager_ones(case, dtype):
    make, _, _, settings = CASES[case]
    pair = [trainer(lambda p: make(p, lr=SCHEDULE, decay=1e-3, **settings), dtype=dtype) for _ in "ab"]
    step = run_both(*pair, 100)
    assert step.stats()["replayed"] == 98


ALL_SCHEDULES = [
    schedules.inverse_time(0.1, 0.1), schedules.exponential(0.1, 0.9), schedules.step(0.1, 3), SCHEDULE,
    schedules.piecewise([5], [0.1, 0]), schedules.multi_step(0.1, [2, 5]), schedules.polynomial(0.1, 9, 2),
    schedules.cosine(0.1, 9), schedules.one_cycle(0.1, 12), schedules.cosine_restarts(0.1, 4),
    lambda t: 0.1 / (1 + t), lambda t: np.float32(0.1),
]  # fmt: skip


@pytest.mark.parametrize("schedule", ALL_SCHEDULES, ids=lambda s: str(s).split(" at ")[0])
def test_every_schedule_goes_on_in_replays(schedule):
    pair = [trainer(lambda p: optim.SGD(p, lr=schedule, momentum=0.9)) for _ in "ab"]
    step = run_both(*pair, 15)
    assert step.stats()["replayed"] == 13
    assert pair[1][1].current_lr == float(schedule(14))


def test_another_schedule_needs_no_recording():
    pair = [trainer(lambda p: optim.Adam(p, lr=0.01)) for _ in "ab"]
    step = run_both(*pair, 5)
    for _, optimizer, _ in pair:
        optimizer.lr = SCHEDULE
    x, y = data()
    pair[0][2](mg.tensor(x), y), step(mg.tensor(x), y)
    assert_same(*pair)
    assert step.stats()["recorded"] == 2
    assert pair[1][1].current_lr == SCHEDULE(5)


CLIPPINGS = {
    "norm": lambda model: optim.clip_grad_norm_(model.parameters(), 0.05),
    "norm, rarely": lambda model: optim.clip_grad_norm_(model.parameters(), 0.7),
    "largest": lambda model: optim.clip_grad_norm_(model.parameters(), 0.02, math.inf),
    "norm 1": lambda model: optim.clip_grad_norm_(model.parameters(), 0.5, 1),
    "norm 3, finite": lambda model: optim.clip_grad_norm_(model.parameters(), 0.1, 3, error_if_nonfinite=True),
    "value": lambda model: optim.clip_grad_value_(model.parameters(), 0.01),
    "one parameter": lambda model: optim.clip_grad_norm_(model.parameters()[0], 0.01),
}


@pytest.mark.parametrize("sizes", [(2, 16, 3), (2, 150, 130, 3)], ids=["gathered", "one by one"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", CLIPPINGS)
@pytest.mark.slow
def test_clipped_steps_equal_eager_ones(name, dtype, sizes):
    pair = [trainer(lambda p: optim.Adam(p, lr=0.05), CLIPPINGS[name], sizes, dtype) for _ in "ab"]
    step = run_both(*pair, 25)
    assert step.stats()["replayed"] == 23
    assert "update" in step.source()


def test_clipping_alone_is_a_program():
    """Of gradients that were there before."""
    p, q = nn.Parameter([1.0, 2.0]), nn.Parameter([1.0, 2.0])
    clip = mg.compile(lambda: optim.clip_grad_norm_([p], 1.0))
    for i in range(5):
        p.grad, q.grad = np.float32([3, 4 + i]), np.float32([3, 4 + i])
        kept = p.grad
        assert same_bits(clip().data, optim.clip_grad_norm_([q], 1.0).data)
        assert same_bits(p.grad, q.grad)
        assert kept.tolist() == [3, 4 + i]
    assert clip.stats()["replayed"] == 3


def test_gradients_assigned_in_a_step():
    """``p.grad = ...`` of a computed array is part of the program."""

    def halve(model):
        for p in model.parameters():
            p.grad = p.grad * 0.5
        model.parameters()[1].grad = None

    pair = [trainer(lambda p: optim.SGD(p, lr=0.1, momentum=0.9), halve) for _ in "ab"]
    step = run_both(*pair, 8)
    assert step.stats()["replayed"] == 6


@pytest.mark.parametrize("sizes", [(2, 16, 3), (2, 150, 130, 3)], ids=["gathered", "one by one"])
def test_averages_in_a_step(sizes):
    averages, pair = [], []
    for _ in "ab":
        model, optimizer, step = trainer(lambda p: optim.Adam(p, lr=0.05), sizes=sizes)
        ema = optim.EMA(model, decay=0.9)
        averages.append(ema)

        def averaged(x, y, step=step, ema=ema):
            made = step(x, y)
            ema.update()
            return made

        pair.append((model, optimizer, averaged))
    step = run_both(*pair, 20)
    assert step.stats()["replayed"] == 18
    one, other = (ema.state_dict()["averages"] for ema in averages)
    assert all(same_bits(one[name], other[name]) for name in one)
    assert "averages" in step.source()
    # Evaluation with the averages and back is one program, and the step's is still good.
    evaluate = mg.compile(pair[1][0])
    x = mg.tensor(data()[0])
    for _ in range(4):
        with averages[1].applied(), mg.no_grad():
            inside = evaluate(x)
            assert same_bits(inside.data, pair[1][0](x).data)
        with mg.no_grad():
            assert same_bits(evaluate(x).data, pair[1][0](x).data)
    assert evaluate.stats()["recorded"] == 2
    recorded = step.stats()["recorded"]
    for i in range(3):
        x, y = data(seed=i)
        pair[0][2](mg.tensor(x), y), step(mg.tensor(x), y)
        assert_same(*pair)
    assert step.stats()["recorded"] == recorded


def test_averages_are_exchanged_outside():
    model, _, _ = trainer(lambda p: optim.SGD(p))
    ema = optim.EMA(model)

    @mg.compile
    def evaluate(x):
        with ema.applied():
            return model(x)

    with pytest.raises(CompileError, match="use it around the compiled function"):
        evaluate(mg.tensor(data()[0]))


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning", "ignore:overflow:RuntimeWarning")
@pytest.mark.parametrize("check", [False, True])
def test_updates_that_are_not_finite_are_skipped_in_replays(check):
    pair = [trainer(lambda p: optim.Adam(p, lr=SCHEDULE, skip_nonfinite=True)) for _ in "ab"]
    step = mg.compile(pair[1][2], check=check)
    bad = {0, 1, 7, 8, 12}
    for seed in range(20):
        x, y = data(seed=seed)
        if seed in bad:
            x[3, 0] = np.inf
        eager, replayed = pair[0][2](mg.tensor(x), y), step(mg.tensor(x), y)
        assert same_bits(np.isnan(eager[0].data), np.isnan(replayed[0].data))
        for p, q in zip(pair[0][0].parameters(), pair[1][0].parameters(), strict=True):
            assert same_bits(p.data, q.data)
    assert [optimizer.skipped for _, optimizer, _ in pair] == [5, 5]
    assert [optimizer.iterations for _, optimizer, _ in pair] == [15, 15]
    assert step.stats()["recorded"] == 2
    if not check:
        assert step.stats()["replayed"] == 13
        assert step.stats()["eager"] == 5


def test_two_skipping_optimizers_look_at_both_gradients_before_one_writes():
    def make():
        p, q = nn.Parameter([1.0]), nn.Parameter([2.0])
        optimizers = [optim.SGD([p], lr=0.1, skip_nonfinite=True), optim.SGD([q], lr=0.1, skip_nonfinite=True)]

        def step(x):
            p.grad = q.grad = None
            (p * 2 + q * x).sum().backward()
            for optimizer in optimizers:
                optimizer.step()

        return p, q, optimizers, step

    (*eager, plain), (*compiled, function) = make(), make()
    step = mg.compile(function)
    for x in (1.0, 2.0, 3.0, np.inf, 4.0, np.nan, 5.0):
        with np.errstate(invalid="ignore"):
            plain(mg.tensor([x]))
            step(mg.tensor([x]))
        assert eager[0].item() == compiled[0].item()
        assert eager[1].item() == compiled[1].item()
    assert [optimizer.skipped for optimizer in compiled[2]] == [optimizer.skipped for optimizer in eager[2]] == [0, 2]
    assert step.stats()["replayed"] == 3


def test_a_norm_that_is_not_finite_is_an_error_in_replays_too():
    p = nn.Parameter([1.0, 2.0])

    @mg.compile
    def step(x):
        p.zero_grad()
        (p * x).sum().backward()
        return optim.clip_grad_norm_([p], 1.0, error_if_nonfinite=True)

    for x in ([1.0, 2.0], [2.0, 3.0], [3.0, 4.0]):
        step(mg.tensor(x))
    with pytest.raises(FloatingPointError, match="norm of the gradients is not finite"):
        step(mg.tensor([np.inf, 1.0]))


def test_a_schedule_that_fails_in_a_replay_says_so():
    pair = [trainer(lambda p: optim.SGD(p, lr=lambda t: 0.1 if t < 4 else math.nan)) for _ in "ab"]
    step = run_both(*pair, 4)
    x, y = data()
    with pytest.raises(HyperparameterError, match="gave nan in step 4"):
        step(mg.tensor(x), y)


def test_lbfgs_is_no_part_of_a_program_but_its_closure_may_be_one():
    x, y = data(dtype=np.float64)
    runs = []
    for compiled in (False, True):
        model = Classifier(dtype="float64")
        optimizer = optim.LBFGS(model.parameters(), line_search_fn="strong_wolfe")

        def closure(model=model, optimizer=optimizer):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(mg.tensor(x)), y)
            loss.backward()
            return loss

        runs.append([optimizer.step(mg.compile(closure) if compiled else closure).item() for _ in range(3)])
    assert runs[0] == runs[1]
    assert runs[0][2] < runs[0][0]
    step = mg.compile(lambda: optimizer.step(closure))
    with pytest.raises(CompileError, match="LBFGS calls its closure as often as the numbers ask for"):
        step()


def test_what_a_graph_saved_of_a_frozen_parameter_stays_over_a_compiled_step():
    """A replay writes into the memory that it was recorded with; a parameter that was let go again is recorded anew."""
    x, w = nn.Parameter([2.0, 3.0]), nn.Parameter([5.0, 7.0])
    optimizer = optim.SGD([w], lr=1.0)

    @mg.compile
    def step():
        optimizer.zero_grad()
        w.sum().backward()
        optimizer.step()

    for _ in range(4):
        step()
    assert step.stats()["replayed"] == 2
    w.requires_grad_(False)
    loss = (x * w).sum()
    w.requires_grad_()
    for _ in range(3):
        step()
    assert w.data.tolist() == [-2, 0]
    loss.backward()
    assert x.grad.tolist() == [1, 3]


def test_a_hyperparameter_of_ones_own_may_change_between_compiled_steps():
    pair = [trainer(Heavy) for _ in "ab"]
    step = mg.compile(pair[1][2])
    for number in range(12):
        for _, optimizer, _ in pair:
            optimizer.param_groups[0]["mu"] = (0.9, 0.5, 0.0)[number // 4]
        x, y = data(8, seed=number)
        assert same_bits(pair[0][2](mg.tensor(x), y)[0].data, step(mg.tensor(x), y)[0].data)
        assert_same(*pair)
    assert step.stats()["replayed"] >= 6
