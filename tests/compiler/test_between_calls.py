"""What may change between two calls, also the first two; what a step may return; copies, methods, threads."""

import collections
import concurrent.futures
import copy
import dataclasses
import math
import pickle
import threading
import time
import warnings

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, optim
from minigrad.compiler import compiled as compiled_module
from minigrad.compiler.tracing.trace_comparison import same_bits
from minigrad.errors import CompileError

X = np.random.default_rng(0).standard_normal((6, 3)).astype("float32")


def made(kind=optim.Adam, **options):
    model = nn.Linear(3, 2, generator=np.random.default_rng(0))
    optimizer = kind(model.parameters(), lr=0.1, **options)

    def step(x):
        optimizer.zero_grad()
        loss = (model(x) ** 2).mean()
        loss.backward()
        optimizer.step()
        return loss

    return model, optimizer, step


def _assign(model, _):
    model.weight.data = model.weight.data * np.float32(0.5)


def _load(model, _):
    model.load_state_dict({name: array * np.float32(0.9) for name, array in model.state_dict().items()})


def _load_optimizer(_, optimizer):
    optimizer.load_state_dict(optimizer.state_dict())


def _rate(_, optimizer):
    optimizer.lr *= 0.5


def _freeze(model, _):
    model.bias.requires_grad_(not model.bias.requires_grad)


def _write(model, _):
    model.weight.data *= np.float32(0.5)


def _mode(model, _):
    model.train(not model.training)


EVERY = tuple(range(1, 10))


@pytest.mark.parametrize("when", [(1,), (2,), (1, 2), (1, 2, 3), (3, 5), (1, 4, 7), EVERY], ids=str)
@pytest.mark.parametrize("edit", [_assign, _load, _load_optimizer, _rate, _freeze, _write, _mode])
@pytest.mark.filterwarnings("ignore:mg.compile. .* changes from call to call:UserWarning")
def test_what_changes_between_calls_is_recorded_again(edit, when):
    eager, compiled = made(), made()
    step = mg.compile(compiled[2], backend="numpy")
    for i in range(10):
        if i in when:
            edit(*eager[:2])
            edit(*compiled[:2])
        assert same_bits(eager[2](X).data, step(X).data)
        assert same_bits(eager[0].weight.data, compiled[0].weight.data)


def test_what_changes_before_every_call_is_said_once():
    model, _, step = made()
    compiled = mg.compile(step, backend="numpy")
    found = []
    for _ in range(20):
        _assign(model, None)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            compiled(X)
        found += [str(one.message) for one in caught]
    assert len(found) == 1
    assert "weight changes from call to call" in found[0]


@pytest.mark.parametrize("kind", [optim.SGD, optim.Adam])
@pytest.mark.parametrize("backend", ["numpy", "native"])
def test_a_step_returns_the_rate_and_the_count(backend, kind):
    def told():
        _, optimizer, step = made(kind, decay=0.1)

        def both(x):
            before = optimizer.iterations
            loss = step(x)
            return {"loss": loss, "lr": optimizer.current_lr, "more": [optimizer.iterations, before]}

        return both

    eager, compiled = told(), mg.compile(told(), backend=backend)
    for _ in range(20):
        one, other = eager(X), compiled(X)
        assert (one["lr"], one["more"]) == (other["lr"], other["more"])
        assert type(other["lr"]) is float
        assert type(other["more"][0]) is int
    assert compiled.stats()["recorded"] == 2


def test_a_global_that_plain_numpy_reads():
    scale = np.ones(3, np.float32)
    step = mg.compile(lambda x: x * float(scale.mean()), backend="numpy")
    for i in range(12):
        if i in (1, 2, 3, 5, 9):
            scale[...] = i
        assert same_bits(step(X), X * np.float32(scale.mean()))


def test_a_safe_where_meets_a_zero_while_it_is_recorded():
    def told():
        w = nn.Parameter(np.ones(3, np.float32))

        def step(x):
            w.zero_grad()
            z = w * x
            mg.where(z > 0, mg.log(z), 0.0).sum().backward()

        return w, step

    (w, eager), (v, step) = told(), told()
    compiled = mg.compile(step, backend="numpy")
    for i in range(12):
        x = np.abs(X[0]) * (0 if i in (0, 1, 5) else 1)
        with np.errstate(all="ignore"):
            eager(x)
            compiled(x)
        assert same_bits(w.grad, v.grad)
        assert np.isfinite(v.grad).all()


def test_the_last_small_batch_of_an_accumulation():
    def told():
        model, optimizer, _ = made(optim.SGD)

        def micro(x):
            loss = (model(x) ** 2).mean() / 4
            loss.backward()
            return loss

        return model, optimizer, micro

    eager, compiled = told(), told()
    step = mg.compile(compiled[2], backend="numpy")
    for i in range(45):
        x = X[:2] if i % 9 == 8 else X
        assert same_bits(eager[2](x).data, step(x).data)
        if i % 9 in (3, 7, 8):
            for _, optimizer, _ in (eager, compiled):
                optimizer.step()
                optimizer.zero_grad()
        assert same_bits(eager[0].weight.data, compiled[0].weight.data)
    assert step.stats()["replayed"] > 20


# -- methods and copies ---------------------------------------------------------------------------


class Scaled:
    def __init__(self, scale):
        self.scale = scale

    @mg.compile
    def step(self, x):
        """Scale it."""
        return x * self.scale


class Net(nn.Module):
    def __init__(self):
        self.linear = nn.Linear(3, 2, generator=np.random.default_rng(0))
        self.fast = mg.compile(self.run)

    def run(self, x):
        return self.linear(x) * 2

    @mg.compile
    def forward(self, x):
        return self.linear(x)


def test_a_method():
    one, other = Scaled(2.0), Scaled(3.0)
    for i in range(6):
        assert same_bits(one.step(X + i), (X + i) * np.float32(2))
        assert same_bits(other.step(X + i), (X + i) * np.float32(3))
    one.scale = 5.0
    for _ in range(4):
        assert same_bits(one.step(X), X * np.float32(5))
    assert one.step.stats()["recorded"] == 4
    assert other.step.stats()["recorded"] == 2
    assert Scaled.step.__doc__ == "Scale it."
    assert same_bits(Scaled.step(other, X), X * np.float32(3))


def _pickled(x):
    return pickle.loads(pickle.dumps(x))  # noqa: S301 - our own


def test_a_compiled_model_in_a_class_is_no_method():
    class Held:
        fast = mg.compile(nn.Linear(3, 2, generator=np.random.default_rng(0)), backend="numpy")

    for _ in range(4):
        assert same_bits(Held().fast(X).data, Held.fast.function(X).data)


@pytest.mark.parametrize("again", [copy.deepcopy, _pickled, copy.copy])
def test_a_copy_of_a_model_that_holds_a_compiled_step(again):
    model = Net()
    for _ in range(4):
        model(X)
        model.fast(X)
    other = again(model)
    if again is not copy.copy:
        other.linear.weight.data = other.linear.weight.data * 3
    for _ in range(5):
        for net in (model, other):
            assert same_bits(net(X).data, net.linear(X).data)
            assert same_bits(net.fast(X).data, net.run(X).data)
    assert len(other.parameters()) == len(model.parameters()) == 2


@mg.compile
def doubled(x):
    return x * 2


def test_a_function_out_of_a_pickle_is_itself():
    assert _pickled(doubled) is doubled


def test_a_closure_variable_that_was_deleted():
    scale = 2.0

    def step(x):
        return x * scale

    compiled = mg.compile(step)
    for _ in range(4):
        compiled(X)
    del scale
    with pytest.raises(NameError):
        compiled(X)
    scale = 3.0
    for _ in range(3):
        assert same_bits(compiled(X), X * np.float32(3))


def test_threads_that_draw_from_the_package_s_generator():
    failed = []

    def run():
        try:
            drop, linear = nn.Dropout(0.5), nn.Linear(3, 2, generator=np.random.default_rng(0))
            step = mg.compile(lambda x: drop(linear(x)), backend="numpy")
            for _ in range(40):
                step(X)
        except Exception as error:  # noqa: BLE001 - told below
            failed.append(error)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []


def in_threads(count, run):
    """Run ``run(i)`` in threads of its own; errors are raised here."""
    with concurrent.futures.ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


def test_functions_of_math_are_python_s_own_after_threads_have_recorded():
    """While a step is recorded, others stand in their places; two recordings at once would put back each other's."""
    own = {name: getattr(math, name) for name in dir(math)}

    def run(i):
        def step(x, n):
            y = x * math.exp(n / 10) + float(n) * int(i)
            time.sleep(0.002)  # others begin meanwhile
            return y

        step = mg.compile(step, backend="numpy")
        results = [step(X, n) for n in range(12)]
        return all(np.allclose(y, X * math.exp(n / 10) + n * i, rtol=1e-5) for n, y in enumerate(results))

    assert all(in_threads(8, run))
    assert {name: getattr(math, name) for name in dir(math)} == own
    assert not {"float", "int"} & set(globals())


def test_a_call_runs_as_it_is_written_while_another_thread_records_for_long(monkeypatch):
    monkeypatch.setattr(compiled_module, "_PATIENCE", 0.01)
    step = mg.compile(lambda x: mg.tanh(x) * 2, backend="numpy")
    with compiled_module._recording:
        assert all(same_bits(y, np.tanh(X) * 2) for y in in_threads(3, lambda _: step(X)))
        assert (step.stats()["eager"], step.stats()["recorded"]) == (3, 0)
    in_threads(2, lambda _: step(X))
    step(X)
    assert (step.stats()["eager"], step.stats()["recorded"]) == (3, 2)


# -- arguments and results ------------------------------------------------------------------------


def test_a_memory_map_as_an_argument(tmp_path):
    held = np.memmap(tmp_path / "x", np.float32, "w+", shape=X.shape)
    held[...] = X
    eager, compiled = made(), made()
    step = mg.compile(compiled[2], backend="numpy")
    for i in range(6):
        held += i
        assert same_bits(eager[2](np.array(held)).data, step(held).data)
    assert step.stats()["recorded"] == 2
    del held


@dataclasses.dataclass
class Result:
    loss: object
    count: int = 3


@dataclasses.dataclass(frozen=True)
class Frozen:
    loss: object
    parts: list


RESULTS = {
    "dataclass": lambda x: Result(x * 2),
    "frozen": lambda x: Frozen(x * 2, [x, {"y": x + 1}]),
    "OrderedDict": lambda x: collections.OrderedDict(b=x * 2, a=x),
    "defaultdict": lambda x: collections.defaultdict(list, b=x * 2),
    "nested": lambda x: {"r": Result(collections.OrderedDict(z=(x * 2,)))},
}


def _leaves(tree):
    if dataclasses.is_dataclass(tree):
        return [leaf for field in dataclasses.fields(tree) for leaf in _leaves(getattr(tree, field.name))]
    if isinstance(tree, dict):
        return [leaf for key, item in tree.items() for leaf in (key, *_leaves(item))]
    if isinstance(tree, (list, tuple)):
        return [leaf for item in tree for leaf in _leaves(item)]
    return [np.asarray(getattr(tree, "data", tree))]


@pytest.mark.parametrize("name", RESULTS)
def test_results_keep_their_kind(name):
    step = mg.compile(RESULTS[name], backend="numpy")
    for i in range(6):
        x = mg.tensor(X + i)
        one, other = RESULTS[name](x), step(x)
        assert type(one) is type(other)
        for a, b in zip(_leaves(one), _leaves(other), strict=True):
            assert a == b if isinstance(a, str) else same_bits(a, b)
    assert step.stats()["replayed"] == 4


def test_a_gan():
    def told():
        generate = nn.Sequential(
            nn.ConvTranspose2d(4, 3, 3, generator=np.random.default_rng(0)), nn.BatchNorm2d(3), nn.ReLU(),
            nn.Conv2d(3, 1, 3, generator=np.random.default_rng(1)), nn.Tanh(),
        )  # fmt: skip
        judge = nn.Sequential(
            nn.Conv2d(1, 2, 3, generator=np.random.default_rng(2)), nn.LeakyReLU(0.2), nn.Flatten(),
            nn.Linear(2, 1, generator=np.random.default_rng(3)), nn.Sigmoid(),
        )  # fmt: skip
        first, second = optim.Adam(judge.parameters(), lr=1e-3), optim.Adam(generate.parameters(), lr=1e-3)
        loss_fn, one, zero = nn.BCELoss(), np.ones((5, 1), np.float32), np.zeros((5, 1), np.float32)

        def step(real, noise):
            first.zero_grad()
            fake = generate(noise)
            loss = loss_fn(judge(real), one) + loss_fn(judge(fake.detach()), zero)
            loss.backward()
            first.step()
            second.zero_grad()
            other = loss_fn(judge(fake), one)
            other.backward()
            second.step()
            return loss, other

        return step

    eager, compiled, draws = told(), mg.compile(told(), backend="numpy"), np.random.default_rng(5)
    for _ in range(8):
        real = draws.standard_normal((5, 1, 3, 3)).astype("float32")
        noise = draws.standard_normal((5, 4, 3, 3)).astype("float32")
        for one, other in zip(eager(real, noise), compiled(real, noise), strict=True):
            assert same_bits(one.data, other.data)
    assert compiled.stats()["replayed"] == 6


def test_backward_of_a_result_says_what_to_compile():
    compiled = mg.compile(nn.Linear(3, 2, generator=np.random.default_rng(0)))
    for _ in range(4):
        with pytest.raises(mg.errors.GraphError, match=r"compile the step that calls backward\(\)"):
            compiled(X).sum().backward()


def test_the_line_of_a_draw():
    generator = np.random.default_rng(0)

    def step(x):
        y = x * 2
        noise = generator.standard_normal(out=np.empty(3)).astype("float32")  # into an array: not drawn anew
        z = y + 1
        return z + noise

    with pytest.raises(CompileError, match="noise = generator"):
        mg.compile(step)(X)
