"""Steps are counted by parameter: one that had no gradient in some of them goes on as if it had been alone."""

import copy
import json

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, optim, train
from minigrad.compiler.tracing.trace_comparison import same_bits
from minigrad.errors import StateError
from tests.compiler.output.exported import exported
from tests.optim.formulas import CASES

SIZES = [(3, 2), (4,), (130, 140), (2,)]
#: Which parameters have a gradient, step by step.
PATTERNS = {
    "one joins late": ["1101"] * 5 + ["1111"] * 4,
    "in turns": ["1110", "1011"] * 5,
    "one by one": ["1000", "0100", "0010", "0001"] * 3,
    "none at first": ["0000"] * 3 + ["1111"] * 3,
    "all, then some": ["1111"] * 3 + ["0110"] * 3 + ["1111"] * 3,
}
BY_STEPS = [name for name, (make, *_) in CASES.items() if make.COUNTS_STEPS]


def gradients(seed, pattern, dtype="float64"):
    rng = np.random.default_rng(seed)
    drawn = [rng.normal(size=size).astype(dtype) for size in SIZES]
    return [g if there == "1" else None for g, there in zip(drawn, pattern, strict=True)]


def weights(dtype="float64"):
    rng = np.random.default_rng(99)
    return [nn.Parameter(rng.normal(size=size).astype(dtype)) for size in SIZES]


def step_of(params, optimizer):
    def step(*given):
        for p, g in zip(params, given, strict=True):
            p.grad = None if g is None else mg.tensor(g) * 1
        optimizer.step()

    return step


@pytest.mark.parametrize("way", ["eager", "numpy", "resumed"])
@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("case", BY_STEPS)
def test_each_parameter_is_as_if_it_had_an_optimizer_of_its_own(case, pattern, way):
    make, _, _, settings = CASES[case]
    together, apart = weights(), weights()
    decay = 0.1 if make is optim.AdaGrad else 0.0  # that of the others is a schedule, by the optimizer's steps
    optimizer = make(together, lr=0.01, decay=decay, **settings)
    alone = [make([p], lr=0.01, decay=decay, **settings) for p in apart]
    step = step_of(together, optimizer)
    run = mg.compile(step, backend="numpy", check=True) if way == "numpy" else step
    for seed, there in enumerate(PATTERNS[pattern]):
        given = gradients(seed, there)
        run(*given)
        for p, g, other in zip(apart, given, alone, strict=True):
            p.grad = g
            if g is not None:
                other.step()
        assert all(same_bits(p.data, q.data) for p, q in zip(together, apart, strict=True))
        if way == "resumed":
            state = optimizer.state_dict()
            state = {**json.loads(json.dumps({**state, "state": None})), "state": state["state"]}
            together = [nn.Parameter(p.data.copy()) for p in together]
            optimizer = make(together, lr=0.5)
            optimizer.load_state_dict(state)
            run = step_of(together, optimizer)
    assert optimizer.iterations == len(PATTERNS[pattern])
    counts = [sum(row[i] == "0" for row in PATTERNS[pattern]) for i in range(4)]
    assert optimizer.state_dict()["missed"] == {str(i): count for i, count in enumerate(counts) if count}


@pytest.mark.parametrize("make", [optim.Adam, optim.AdamW, optim.NAdam, optim.Adamax, optim.RAdam])
def test_the_first_step_of_a_parameter_that_was_let_go_is_the_first_step(make):
    """Not 2.5, 13.4 or 0.1 times it, which the corrections of step 1,000 would make of it."""
    settings = {"weight_decay": 0.0} if make is optim.AdamW else {}
    sizes = []
    for frozen in (0, 1000):
        p, q = nn.Parameter(np.ones(1)), nn.Parameter(np.ones(1), requires_grad=not frozen)
        optimizer = make([p, q], lr=0.01, **settings)
        for _ in range(frozen):
            p.grad = [1.0]
            optimizer.step()
        q.requires_grad_()
        p.grad = q.grad = [1.0]
        optimizer.step()
        sizes.append(1 - q.item())
    assert sizes[0] == sizes[1] > 0


def test_programs_take_turns_over_parameters_that_join_and_leave():
    """A program that was made when all had the same history does not run after one has missed a step."""
    runs = []
    for compiled in (False, True):
        params = weights()
        optimizer = optim.Adam(params, lr=0.01)
        step = step_of(params, optimizer)
        step = mg.compile(step, backend="numpy") if compiled else step
        for seed, there in enumerate(["1111"] * 4 + ["1011"] + ["1111"] * 4 + ["1011", "1111"] * 3):
            step(*gradients(seed, there))
        runs.append(params)
    assert all(same_bits(p.data, q.data) for p, q in zip(*runs, strict=True))
    assert step.stats()["replayed"] >= 7
    assert len(optimizer._flats[0]) == 2  # laid apart once, and not again at each turn


@pytest.mark.parametrize("make", [optim.SGD, optim.RMSProp, optim.Adadelta, optim.Lion])
def test_where_no_step_depends_on_the_count_the_parameters_stay_together(make):
    params = weights()
    optimizer = make(params, lr=0.01)
    for seed in range(3):
        step_of(params, optimizer)(*gradients(seed, "1011"))
    assert len(optimizer._flats[0]) == 1
    assert optimizer.state_dict()["missed"] == {}


def test_a_copy_of_an_optimizer_counts_on():
    params = weights()
    optimizer = optim.Adam(params, lr=0.01)
    step_of(params, optimizer)(*gradients(0, "1011"))
    others, other = copy.deepcopy((params, optimizer))
    for seed in (1, 2):
        step_of(params, optimizer)(*gradients(seed, "1111"))
        step_of(others, other)(*gradients(seed, "1111"))
    assert all(same_bits(p.data, q.data) for p, q in zip(params, others, strict=True))
    assert other.state_dict()["missed"] == {"1": 1}


def test_a_step_that_is_left_out_is_nobodys():
    params = weights()
    optimizer = optim.Adam(params, lr=0.01, skip_nonfinite=True)
    bad = gradients(0, "1011")
    bad[0][0] = np.nan
    step_of(params, optimizer)(*bad)
    assert (optimizer.skipped, optimizer.state_dict()["missed"]) == (1, {})


def test_an_exported_program_goes_on_by_the_steps_of_its_parameters(tmp_path):
    params = weights("float32")
    optimizer = optim.NAdam([{"params": params[:2]}, {"params": params[2:], "lr": 0.1}])
    model = nn.Module()
    model.layers = params
    for seed, there in enumerate(["1011", "0011", "1111"]):
        step_of(params, optimizer)(*gradients(seed, there, "float32"))

    def step(x):
        for p in params[1:]:
            p.zero_grad()
        loss = sum((p * p * x).sum() for p in params[1:])
        loss.backward()
        optimizer.step()
        return loss

    params[0].zero_grad()
    compiled = mg.compile(step, backend="numpy")
    x = np.ones((), "float32")
    for _ in range(4):
        compiled(x)
    made = exported(compiled, tmp_path / "f.py")
    state = made.load()
    for _ in range(3):
        assert same_bits(np.asarray(made.train(x, state)[0]), compiled(x).data)


BAD = {
    "no dict": (3, "missed is a dict of whole numbers"),
    "no number": ({"0": "many"}, "missed is a dict of whole numbers"),
    "negative": ({"0": -1}, "missed is a dict of whole numbers"),
    "of nobody": ({"9": 1}, "unexpected state: 9"),
    "more than there were": ({"0": 2}, "0: missed 2 of 1 steps"),
}


@pytest.mark.parametrize("bad", BAD)
def test_counts_that_do_not_fit_are_refused(bad):
    params = weights()
    optimizer = optim.Adam(params)
    step_of(params, optimizer)(*gradients(0, "1111"))
    state = optimizer.state_dict()
    value, message = BAD[bad]
    with pytest.raises(StateError, match=message):
        optimizer.load_state_dict({**state, "missed": value})
    assert optimizer.state_dict()["missed"] == {}
    del state["missed"]
    optimizer.load_state_dict(state)  # of a file from before they were counted


# -- float16 ------------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", [None, "numpy"])
@pytest.mark.parametrize("case", CASES)
def test_float16_parameters_are_stepped_in_float32(case, backend):
    """Gradients of 0, and those whose squares float16 does not have."""
    make, _, _, settings = CASES[case]
    start = np.float16([1, 2, 3, 0.5, -1])
    p, q = nn.Parameter(start[:3]), nn.Parameter(start[3:])
    exact = nn.Parameter(start.astype("float32"))
    optimizer, reference = make([p, q], lr=0.01, **settings), make([exact], lr=0.01, **settings)
    step = lambda *given: step_of([p, q], optimizer)(*given)  # noqa: E731
    step = mg.compile(step, backend=backend) if backend else step
    for _ in range(5):
        g = np.float16([0, 1e-5, 1, 300, 0])
        step(g[:3], g[3:])
        exact.grad = g.astype("float32")
        reference.step()
        exact.data[...] = exact.data.astype("float16")  # the weights are what they are
        np.testing.assert_array_equal(np.concatenate([p.data, q.data]), exact.data.astype("float16"))
    assert p.dtype == np.float16
    assert {a.dtype.name for arrays in optimizer.state_dict()["state"].values() for a in arrays.values()} <= {"float32"}


def test_float16_state_is_loaded_and_not_flushed():
    p = nn.Parameter(np.float16([1.0]))
    optimizer = optim.SGD([p], lr=1e-3, momentum=0.5)
    for _ in range(64):
        p.grad = [1e-3]
        optimizer.step()
    momentum = optimizer.state_dict()["state"]["0"]["momentum"]
    assert momentum[0] == pytest.approx(-2e-6, rel=1e-3)  # which float16 has not
    other = optim.SGD([nn.Parameter(np.float16([1.0]))], momentum=0.5)
    other.load_state_dict({**optimizer.state_dict(), "state": {"0": {"momentum": np.float16([0.25])}}})
    assert other.state_dict()["state"]["0"]["momentum"].tolist() == [0.25]


def test_averages_and_clipping_of_float16():
    """An average that moves by less than float16 can tell; a factor below its smallest normal number."""
    p = nn.Parameter(np.float16([1.0]))
    ema = optim.EMA([p], decay=0.999)
    p.data[...] = 2
    for _ in range(700):
        ema.update()
    with ema.applied():
        assert p.dtype == np.float16
        assert p.item() == pytest.approx(2 - 0.999**700, abs=1e-3)
    assert p.item() == 2
    again = optim.EMA([p], decay=0.5)
    again.load_state_dict(ema.state_dict())
    assert same_bits(again.state_dict()["averages"]["0"], ema.state_dict()["averages"]["0"])
    p.grad = [60_000]
    optim.clip_grad_norm_([p], 0.123)
    assert p.grad[0] == np.float16(0.123)
    assert p.grad.dtype == np.float16


def test_a_fit_with_frozen_layers_that_are_let_go_is_compiled():
    """The weights move between the first recordings of its step, when the frozen ones are laid apart."""
    x, y = np.random.default_rng(0).normal(size=(24, 3)).astype("float32"), np.arange(24) % 2

    class Thaw(train.Callback):
        def on_step(self, trainer):
            if trainer.step == 5:
                trainer.model.requires_grad_()

    runs = []
    for compiled in (False, True):
        rng = np.random.default_rng(1)
        model = nn.Sequential(nn.Linear(3, 4, generator=rng), nn.Tanh(), nn.Linear(4, 2, generator=rng))
        model[0].requires_grad_(False)
        trainer = train.Trainer(model, optim.Adam(model.parameters(), lr=0.1), nn.CrossEntropyLoss(), compile=compiled)
        trainer.fit((x, y), epochs=12, callbacks=[Thaw()], progress="none")
        runs.append(model.parameters())
        assert trainer.optimizer.state_dict()["missed"] == {"0.weight": 5, "0.bias": 5}
    assert all(same_bits(p.data, q.data) for p, q in zip(*runs, strict=True))


def test_parameters_that_join_one_by_one_use_up_no_patience_of_a_compiled_step():
    """Each time the weights move; such a step is not one of the recordings that must agree."""
    runs = []
    for compiled in (False, True):
        params = [nn.Parameter(np.ones(2)) for _ in range(10)]
        optimizer, active = optim.Adam(params, lr=0.01), [0]

        def step(g, params=params, optimizer=optimizer, active=active):
            for i, p in enumerate(params):
                p.grad = g * 1 if i < active[0] else None
            optimizer.step()

        step = mg.compile(step, backend="numpy") if compiled else step
        for i in [*range(1, 11), 10, 10, 10]:
            active[0] = i
            step(mg.tensor([1.0, float(i)], dtype="float64"))
        runs.append(params)
    assert all(same_bits(p.data, q.data) for p, q in zip(*runs, strict=True))
    assert step.stats()["replayed"] >= 1
