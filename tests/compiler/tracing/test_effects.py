"""What a compiled step does besides arithmetic: random masks, running statistics, clipped gradients, checkpoints."""

import contextlib
import importlib

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, optim, random
from minigrad.compiler.backends import BACKENDS
from minigrad.compiler.passes.conditions import is_condition
from minigrad.compiler.tracing.trace_comparison import same_bits
from minigrad.core.trees import leaves
from minigrad.errors import CompileError
from minigrad.nn import functional as F
from minigrad.random import drawing
from minigrad.transforms.checkpointing import checkpoint

X = np.random.default_rng(1).standard_normal((200, 4)).astype("float32")
Y = np.random.default_rng(2).integers(0, 3, 200)


class Net(nn.Module):
    """Both kinds of generators, both kinds of running means."""

    def __init__(self, momentum=0.1, through=lambda block, x: block(x)):
        generator = np.random.default_rng(0)
        self.first = nn.Linear(4, 8, generator=generator)
        self.norm = nn.BatchNorm1d(8, momentum=momentum)
        self.own = nn.Dropout(0.3, generator=np.random.default_rng(5))
        self.package = nn.Dropout(0.5)
        self.last = nn.Linear(8, 3, generator=generator)
        self.through = through

    def block(self, x):
        return self.package(x.tanh())

    def forward(self, x):
        return self.last(self.through(self.block, self.own(self.norm(self.first(x)).relu())))


def trainer(clip=lambda model: None, **options):
    model = Net(**options)
    optimizer = optim.Adam(model.parameters(), lr=0.01)

    def step(x, y):
        loss = F.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        clip(model)
        optimizer.step()
        return loss

    return model, step


@pytest.fixture
def streams():
    """Two equal generators to take turns as the package's own; which one is set by its number."""
    kept = list(random.package_generator)
    pair = [np.random.default_rng(7), np.random.default_rng(7)]

    def use(number):
        random.package_generator[:] = [pair[number]]

    yield use
    random.package_generator[:] = kept


def assert_agree(streams, make, steps=50, check=False, eager_every=7, labels=Y):
    (model, eager), (model_2, function) = make(), make()
    compiled = mg.compile(function, check=check)
    for i in range(steps):
        rows = slice(10 * (i % 20), 10 * (i % 20) + 10)
        streams(0)
        expected = eager(mg.tensor(X[rows]), labels[rows])
        streams(1)
        got = (compiled if i % eager_every else function)(mg.tensor(X[rows]), labels[rows])
        assert same_bits(expected.data, got.data)
        for (name, one), other in zip(model.state_dict().items(), model_2.state_dict().values(), strict=True):
            assert same_bits(np.asarray(one), np.asarray(other)), name
    return compiled


@pytest.mark.parametrize("check", [False, True])
@pytest.mark.parametrize("momentum", [0.1, None])
def test_dropout_and_batch_norm_draw_and_follow_as_eager_does(streams, momentum, check):
    compiled = assert_agree(streams, lambda: trainer(momentum=momentum), check=check)
    assert compiled.stats()["replayed"] == 40
    assert sum(call.is_host and call.function.kind == "draw" for call in compiled._latest.program.calls) == 2


@pytest.mark.parametrize("check", [False, True])
def test_a_block_that_is_run_again_has_the_masks_it_had(streams, check):
    assert assert_agree(streams, lambda: trainer(through=checkpoint), check=check).stats()["replayed"] == 40


def test_a_checkpoint_in_a_transform():
    w = nn.Parameter(np.float32([1, 2, 3]))
    f = lambda w, x: checkpoint(lambda w: (w * x).tanh() ** 2, w).sum()  # noqa: E731
    for transform in (mg.grad, mg.hessian, mg.value_and_grad):
        compiled = mg.compile(lambda x, transform=transform: transform(f)(w, x))
        for i in range(4):
            x = mg.tensor(np.float32([1, i, -1]))
            for (_, one), (_, other) in zip(leaves(transform(f)(w, x)), leaves(compiled(x)), strict=True):
                assert same_bits(one.data, other.data)
        assert compiled.stats()["replayed"] == 2


def test_a_checkpoint_that_draws_from_another_generator_is_refused_as_in_eager():
    layer = nn.Dropout(0.5, generator=np.random.default_rng(0))
    w = nn.Parameter(np.ones(50, np.float32))
    for run in (lambda f: f, mg.compile):
        with pytest.raises(mg.errors.GraphError, match="not deterministic"):
            run(lambda: checkpoint(lambda w: layer(w), w).sum().backward())()


CLIPS = {
    "by norm": lambda model: optim.clip_grad_norm_(model.parameters(), 0.1),
    "by value": lambda model: optim.clip_grad_value_(model.parameters(), 0.01),
    "assigned": lambda model: [setattr(p, "grad", p.grad * 0.5) for p in model.parameters()],
}


def _in_place(model):
    norm = sum((p.grad**2).sum() for p in model.parameters())
    for p in model.parameters():
        p.grad *= np.minimum(1, 0.1 / norm)
        p.grad[0] = 0


@pytest.mark.parametrize("clip", [*CLIPS.values(), _in_place], ids=[*CLIPS, "in place"])
def test_gradients_may_be_clipped_in_the_step(streams, clip):
    assert assert_agree(streams, lambda: trainer(clip), steps=12, eager_every=5).stats()["replayed"] == 7


def test_what_a_missed_run_has_drawn_is_drawn_again(streams):
    """The labels are looked at after the masks are drawn: with a stray one, the step runs as it is written."""

    def attempt(compile_):
        model, step = trainer()
        run = compile_(step)
        losses = []
        for i in range(8):
            labels = Y[:10] + 3 * (i == 5)
            try:
                losses.append(run(mg.tensor(X[:10]), labels).data)
            except mg.errors.TargetError:
                losses.append(np.float32(0))
        return model.state_dict(), losses

    streams(0)
    state, losses = attempt(lambda step: step)
    streams(1)
    state_2, losses_2 = attempt(mg.compile)
    assert all(map(same_bits, map(np.asarray, losses), map(np.asarray, losses_2)))
    # In the eager step batch norm has seen the batch before the labels were found wrong, and so it has here.
    assert all(same_bits(np.asarray(one), np.asarray(state_2[name])) for name, one in state.items())


def test_conditions_come_before_writes():
    compiled = mg.compile(trainer()[1])
    for _ in range(3):
        compiled(mg.tensor(X[:10]), Y[:10])
    calls = compiled._latest.program.calls
    last = max(i for i, call in enumerate(calls) if is_condition(call))
    assert not any(value.root.kind == "capture" for call in calls[:last] for value in call.writes)


@pytest.mark.parametrize("backend", ["numpy", "native"])
def test_a_condition_on_what_was_written(backend):
    """What was written before a condition that does not hold is put back, and the step runs as it is written."""
    importlib.import_module(BACKENDS[backend][1])

    def made():
        total, w = mg.tensor(np.ones(3, np.float32)), nn.Parameter(np.ones(3, np.float32))
        optimizer, generator = optim.Adam([w], lr=0.1), np.random.default_rng(0)

        def step(x):
            for _ in range(2):
                optimizer.zero_grad()
                (w * F.dropout(x, 0.5, generator=generator)).relu().sum().backward()
                optimizer.step()
            total.data[...] += x.data
            return F.relu(mg.table.ops["keep"](total, np.array([True, False, True])))

        return total, w, optimizer, step

    eager, compiled = made(), made()
    assert np.array_equal(eager[0].data, compiled[0].data)  # handed out before a program holds it: it stays there
    step = mg.compile(compiled[3], backend=backend, audit=backend == "numpy")
    same = same_bits if backend == "numpy" else np.allclose
    for i in range(12):
        x = np.float32([1.0, 2.0, np.inf if i == 9 else 3.0])
        with np.errstate(all="ignore"):
            one, other = eager[3](mg.tensor(x)), step(mg.tensor(x))
        assert np.allclose(one.data, other.data, equal_nan=True)
        if i < 9:
            assert same(eager[1].data, compiled[1].data)
        assert eager[2].iterations == compiled[2].iterations
        assert np.array_equal(eager[0].data, compiled[0].data)
    assert step.stats()["replayed"] > 6
    with pytest.raises(CompileError, match="undoes nothing"):
        step.export("step.py")


@drawing
def noise(generator, shape, scale):
    return generator.standard_normal(shape) * scale


def test_a_function_of_the_users_that_draws():
    generator, other = np.random.default_rng(3), np.random.default_rng(3)
    function = lambda x: x + noise(generator, x.shape, 0.5) * noise(generator, (1,), 2.0)  # noqa: E731
    compiled = mg.compile(function)
    kept = []
    for i in range(10):
        x = mg.tensor(np.arange(3.0))
        got = (function if i == 6 else compiled)(x).data
        expected = x.data + noise(other, (3,), 0.5) * noise(other, (1,), 2.0)
        assert same_bits(got, expected)
        kept.append((got, expected))
    assert all(same_bits(got, expected) for got, expected in kept)  # nobody wrote into them later
    assert generator.bit_generator.state == other.bit_generator.state


def test_what_is_drawn_by_itself_is_refused_with_the_cure():
    generator = np.random.default_rng(0)
    for step in (
        lambda x: x + generator.standard_normal(out=np.empty(3)),
        lambda x: (np.random.shuffle([1, 2]), x)[1],
        lambda x: mg.manual_seed(0) or F.dropout(x, 0.5),
        lambda x: F.dropout(x, 0.5) * (mg.manual_seed(0) or 1),
    ):
        with pytest.raises(CompileError, match=r"@mg\.random\.drawing"):
            mg.compile(step)(mg.tensor(np.ones(3)))


def test_a_generator_made_in_the_step_is_refused():
    with pytest.raises(CompileError, match="make the generator once"):
        mg.compile(lambda x: F.dropout(x, 0.5, generator=np.random.default_rng(0)))(mg.tensor(np.ones(3)))


def test_a_draw_is_of_a_fixed_distribution():
    generator = np.random.default_rng(0)
    with pytest.raises(CompileError, match="scale and shift"):
        mg.compile(lambda x: noise(generator, (3,), x.data))(mg.tensor(np.ones(3)))


def test_another_generator_is_noticed():
    layer = nn.Dropout(0.5, generator=np.random.default_rng(0))
    compiled = mg.compile(layer)
    x = mg.tensor(np.ones(20, np.float32))
    for seed in (0, 1):
        layer.generator = np.random.default_rng(seed)
        other = np.random.default_rng(seed)
        for _ in range(4):
            assert same_bits(compiled(x).data, F.dropout(x, 0.5, generator=other).data)
    layer.eval()
    for _ in range(4):
        assert same_bits(compiled(x).data, x.data)
    mg.manual_seed(1)
    compiled = mg.compile(lambda x: F.dropout(x, 0.5))
    first = [compiled(x).data for _ in range(4)]
    mg.manual_seed(1)  # another generator object: the package's own is looked up in each run
    assert all(map(same_bits, first, [compiled(x).data for _ in range(4)]))


def test_batch_norm_in_evaluation_follows_a_state_that_is_loaded():
    model = Net().eval()
    compiled = mg.compile(model)
    mean = model.norm.running_mean.data  # handed out before a program holds it, so that it stays where it is
    for i in range(6):
        if i == 4:
            mean[...] = 3
        assert same_bits(compiled(mg.tensor(X[:5])).data, model(mg.tensor(X[:5])).data)
    assert compiled.stats()["replayed"] == 4


@pytest.mark.parametrize("check", [False, True])
def test_a_gradient_from_before_may_be_read_and_written_first_of_all(check):
    """No recorded array has met it yet when plain NumPy would do."""
    w = mg.tensor(np.ones(3), requires_grad=True)

    def step():
        w.grad *= 2
        return w.grad.sum() + 1

    compiled = mg.compile(step, backend="numpy", check=check)
    for k in (1.0, 1.0, 1.0, 2.0, 3.0):
        w.grad = np.full(3, k)
        assert compiled() == 6 * k + 1
        np.testing.assert_array_equal(w.grad, np.full(3, 2 * k))


@pytest.mark.parametrize("inside", [False, True])
@pytest.mark.parametrize(
    ("kind", "name"),
    [(optim.SGD, "momentum"), (optim.AdamW, "weight_decay"), (optim.RMSProp, "rho")],
)
def test_a_number_of_a_group_changes_from_call_to_call(kind, name, inside):
    """As rates may: it was refused in the step, and recorded anew in each call outside of it."""
    ways = []
    for compiled in (False, True):
        layer = nn.Linear(3, 2, generator=np.random.default_rng(0))
        optimizer = kind(layer.parameters(), lr=0.05)
        group = optimizer.param_groups[0]
        group[name] = 0.5

        def step(x, layer=layer, optimizer=optimizer, group=group):
            if inside:
                group[name] = group[name] * 0.9 + 0.01
            optimizer.zero_grad()
            loss = (layer(x) ** 2).mean()
            loss.backward()
            optimizer.step()
            return loss

        run = mg.compile(step, backend="numpy", audit=False) if compiled else step
        made = []
        for i in range(12):
            if not inside:
                group[name] = 0.5 - i / 40
            x = mg.tensor(np.random.default_rng(i).standard_normal((4, 3)).astype("float32"))
            made.append((run(x).data.tobytes(), layer.weight.data.tobytes(), group[name]))
        ways.append(made)
    assert ways[0] == ways[1]
    assert run.stats()["replayed"] == 9


@contextlib.contextmanager
def _scaled(group, name, factor):
    before = group[name]
    group[name] = before * factor
    try:
        yield
    finally:
        group[name] = before


def _for_the_first_step_alone(optimizer, group, _, __):
    with _scaled(group, "lr", 0.5):
        optimizer.step()


def _twice(optimizer, _, __, ___):
    before = optimizer.lr
    for factor in (0.5, 2.0):
        optimizer.lr = before * factor
        optimizer.step()
    optimizer.lr = before


def _by_the_loss(optimizer, group, loss, _):
    with _scaled(group, "lr", 1 / (1 + loss.item())):
        optimizer.step()


def _now_and_then(optimizer, group, _, count):
    with _scaled(group, "lr", 0.1) if count % 3 == 0 else contextlib.nullcontext():
        optimizer.step()


def _another_number(optimizer, group, _, __):
    with _scaled(group, "decay" if "decay" in group else "rho", 0.5):
        optimizer.step()


@pytest.mark.parametrize("kind", [optim.SGD, optim.RMSProp])
@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize("make", [_for_the_first_step_alone, _twice, _by_the_loss, _now_and_then, _another_number])
def test_a_rate_that_the_step_changes_and_restores_is_that_of_its_update(make, kind, number):
    """Programs worked it out of the group as it is before and after the step: the replay had the other rate."""
    ways = []
    for compiled in (False, True):
        layers = [nn.Linear(3, 2, generator=np.random.default_rng(seed)) for seed in range(2)]
        optimizer = kind([{"params": layer.parameters()} for layer in layers], lr=0.05)
        group, box = optimizer.param_groups[number], {"n": 0}

        def step(x, layers=layers, optimizer=optimizer, group=group, box=box):
            box["n"] += 1
            optimizer.zero_grad()
            loss = ((layers[0](x) - layers[1](x)) ** 2).mean()
            loss.backward()
            make(optimizer, group, loss, box["n"])
            return loss

        run = mg.compile(step, backend="numpy") if compiled else step
        seen = []
        for i in range(14):
            if i == 8:
                group["lr"] = 0.03
            x = mg.tensor(np.random.default_rng(i).standard_normal((4, 3)).astype("float32"))
            seen.append((run(x).data.tobytes(), *[layer.weight.data.tobytes() for layer in layers], group["lr"]))
        ways.append(seen)
    assert ways[0] == ways[1]
    assert run.stats()["replayed"] >= 4
