"""``mg.compile`` from end to end: the same bits as the step as it is written, whatever happens in between."""

import itertools
import threading

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, optim
from minigrad.compiler.tracing.trace_comparison import same_bits

OPTIMIZERS = {
    "SGD": lambda p: optim.SGD(p, lr=0.5),
    "SGD, decay": lambda p: optim.SGD(p, lr=1.0, decay=1e-2),
    "momentum": lambda p: optim.SGD(p, lr=0.5, momentum=0.9, decay=1e-3),
    "Nesterov": lambda p: optim.SGD(p, lr=0.2, momentum=0.9, nesterov=True),
    "weight decay": lambda p: optim.SGD(p, lr=0.2, momentum=0.5, weight_decay=1e-3),
    "AdaGrad": lambda p: optim.AdaGrad(p, lr=0.5, decay=1e-4),
    "RMSProp": lambda p: optim.RMSProp(p, lr=0.01, decay=1e-4),
    "Adam": lambda p: optim.Adam(p, lr=0.05, decay=5e-7),
    "groups": lambda p: optim.Adam([{"params": list(p)[:2], "lr": 0.01}, {"params": list(p)[2:], "betas": (0.8, 0.9)}]),
}


class Classifier(nn.Module):
    def __init__(self, sizes=(2, 16, 3), dtype=None):
        generator = np.random.default_rng(0)
        self.layers = [nn.Linear(a, b, generator=generator, dtype=dtype) for a, b in itertools.pairwise(sizes)]

    def forward(self, x):
        for layer in self.layers[:-1]:
            x = layer(x).relu()
        return self.layers[-1](x)


def data(rows=30, features=2, classes=3, seed=1, dtype=np.float32):
    generator = np.random.default_rng(seed)
    return generator.standard_normal((rows, features)).astype(dtype), generator.integers(0, classes, rows)


def trainer(make=OPTIMIZERS["Adam"], sizes=(2, 16, 3), dtype=None):
    model = Classifier(sizes, dtype)
    optimizer = make(model.parameters())
    loss_fn = nn.CrossEntropyLoss()

    def step(x, y):
        loss = loss_fn(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    return model, optimizer, step


def assert_same(one, other):
    (model, optimizer, _), (model_2, optimizer_2, _) = one, other
    for (name, p), q in zip(model.named_parameters(), model_2.parameters(), strict=True):
        assert same_bits(p.data, q.data), name
        assert (p.grad is None) == (q.grad is None)
        assert p.grad is None or same_bits(p.grad, q.grad), name
    ours, theirs = optimizer.state_dict(), optimizer_2.state_dict()
    assert (ours["iterations"], ours["current_lr"]) == (theirs["iterations"], theirs["current_lr"])
    for name, arrays in ours["state"].items():
        for key, array in arrays.items():
            assert same_bits(array, theirs["state"][name][key])


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_two_hundred_steps_equal_eager_ones(name):
    eager, compiled = trainer(OPTIMIZERS[name]), trainer(OPTIMIZERS[name])
    step = mg.compile(compiled[2])
    x, y = data()
    for _ in range(200):
        assert same_bits(eager[2](mg.tensor(x), y).data, step(mg.tensor(x), y).data)
        assert_same(eager, compiled)
    assert step.stats()["replayed"] == 198


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_network_too_large_to_gather_is_updated_in_blocks(dtype):
    sizes = (40, 300, 260, 10)
    eager, compiled = trainer(sizes=sizes, dtype=dtype), trainer(sizes=sizes, dtype=dtype)
    step = mg.compile(compiled[2])
    for i in range(6):
        x, y = data(20, 40, 10, seed=i, dtype=dtype)
        assert same_bits(eager[2](mg.tensor(x), y).data, step(mg.tensor(x), y).data)
        assert_same(eager, compiled)


def test_eager_steps_and_replays_take_turns():
    eager, compiled = trainer(), trainer()
    step = mg.compile(compiled[2])
    x, y = data()
    for i in range(40):
        eager[2](mg.tensor(x), y)
        (compiled[2] if i % 3 == 2 else step)(mg.tensor(x), y)
        assert_same(eager, compiled)


def test_other_shapes_have_programs_of_their_own():
    eager, compiled = trainer(), trainer()
    step = mg.compile(compiled[2])
    for i in range(24):
        x, y = data(rows=(10, 20, 7)[i % 3], seed=i)
        if i % 2:
            x = np.asfortranarray(x)
        assert same_bits(eager[2](x, y).data, step(x, y).data)
    assert_same(eager, compiled)
    assert step.stats()["programs"] == 6


def test_an_empty_index():
    compiled = mg.compile(lambda x: (x * 2)[()])
    assert [float(compiled(mg.tensor(3.0))) for _ in range(3)] == [6.0] * 3


def test_numpy_arguments_and_one_hot_labels():
    eager, compiled = trainer(), trainer()
    step = mg.compile(compiled[2])
    for i in range(6):
        x, y = data(seed=i)
        y = np.eye(3, dtype=np.float32)[y]
        assert same_bits(eager[2](x, y).data, step(x, y).data)
    assert_same(eager, compiled)
    assert step.stats()["replayed"] == 4


def _assign(model, _):
    p = model.parameters()[0]
    p.data = p.data * np.float32(0.5)


def _write(model, _):
    model.parameters()[1].data[...] = 0.25


def _load(model, _):
    model.load_state_dict({name: array * np.float32(0.9) for name, array in model.state_dict().items()})


def _load_optimizer(_, optimizer):
    optimizer.load_state_dict(optimizer.state_dict())


def _freeze(model, _):
    model.parameters()[0].requires_grad_(False)


def _rate(_, optimizer):
    optimizer.lr = 0.001


def _betas(_, optimizer):
    optimizer.param_groups[0]["betas"] = (0.5, 0.9)


def _forget(model, _):
    model.zero_grad()


def _evaluate(model, _):
    model.eval()


def _widen(model, _):
    model.layers.insert(1, nn.Linear(16, 16, generator=np.random.default_rng(3)))


EDITS = [_assign, _write, _load, _load_optimizer, _freeze, _rate, _betas, _forget, _evaluate, _widen]


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.__name__.strip("_"))
def test_edits_are_noticed(edit):
    eager, compiled = trainer(), trainer()
    step = mg.compile(compiled[2])
    x, y = data()
    for i in range(12):
        if i == 6:
            edit(*eager[:2])
            edit(*compiled[:2])
        assert same_bits(eager[2](mg.tensor(x), y).data, step(mg.tensor(x), y).data)
        assert_same(eager, compiled)
    # Nobody forgets the gradient of the new layer: at first there is none to add to.
    again = {_assign: 2, _load: 2, _load_optimizer: 2, _freeze: 2, _betas: 2, _evaluate: 2, _widen: 3}
    assert step.stats()["recorded"] == 2 + again.get(edit, 0)


def test_gradients_accumulate_without_zero_grad():
    def make():
        w = nn.Parameter(np.array([1.0, -2.0], np.float32))

        def loss_and_gradient(x):
            loss = (w * x).sum()
            loss.backward()
            return loss

        return w, loss_and_gradient

    (w, eager), (w_2, function) = make(), make()
    compiled = mg.compile(function)
    for i in range(8):
        x = np.array([i, 1.5], np.float32)
        if i == 6:
            w.grad = w_2.grad = None
        assert same_bits(eager(x).data, compiled(x).data)
        assert same_bits(w.grad, w_2.grad)
    assert compiled.stats()["replayed"] >= 2


def test_gradients_forgotten_at_the_end_of_a_step():
    model, optimizer, _ = trainer()

    @mg.compile
    def step(x, y):
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        model.zero_grad()
        return loss

    x, y = data()
    for _ in range(5):
        step(mg.tensor(x), y)
        assert model.parameters()[0].grad is None
    assert step.stats()["replayed"] == 3


def test_transforms_compile():
    def f(w, x):
        return mg.tanh(w * x).sum()

    value_and_grad = mg.value_and_grad(f)
    compiled = mg.compile(lambda w, x: value_and_grad(w, x))
    for i in range(5):
        w, x = np.float32([1, i]), np.float32([0.5, -i])
        value, gradient = value_and_grad(w, x)
        made, made_gradient = compiled(w, x)
        assert same_bits(value, made)
        assert same_bits(gradient, made_gradient)
    assert compiled.stats()["replayed"] == 3


@pytest.mark.parametrize("inner", ["transform", "autograd"])
def test_a_derivative_in_the_loss(inner):
    """The variable that it is taken by gets a gradient in the backward pass, which nobody sees."""
    net = nn.Sequential(nn.Linear(1, 4), nn.Tanh(), nn.Linear(4, 1))

    def step(x):
        if inner == "transform":
            slope = mg.grad(lambda x: net(x).sum())(x)
        else:
            x = mg.tensor(x.data, requires_grad=True)
            (slope,) = mg.autograd.grad(net(x).sum(), [x], create_graph=True)
        loss = ((slope - net(x)) ** 2).mean()
        net.zero_grad()
        loss.backward()
        return loss

    compiled = mg.compile(step, backend="numpy")
    for i in range(5):
        x = mg.tensor([[1.0], [i]])
        expected = step(x).data, [p.grad for p in net.parameters()]
        made = compiled(x).data
        assert same_bits(made, expected[0])
        assert all(same_bits(p.grad, g) for p, g in zip(net.parameters(), expected[1], strict=True))
    assert compiled.stats()["replayed"] == 3


def test_labels_out_of_range_are_refused_in_a_replay_too():
    model, _, step = trainer()
    compiled = mg.compile(step)
    x, y = data()
    for _ in range(3):
        compiled(mg.tensor(x), y)
    before = model.state_dict()
    with pytest.raises(mg.errors.TargetError, match="labels run from 0 to 2"):
        compiled(mg.tensor(x), np.full_like(y, 3))
    assert all(same_bits(before[name], array) for name, array in model.state_dict().items())
    compiled(mg.tensor(x), y)
    assert compiled.stats()["eager"] == 1


def test_infinite_values_take_the_branch_that_eager_takes():
    compiled = mg.compile(lambda x: mg.table.ops["keep"](x, np.array([True, False])))
    for values in ([1, 2], [3, 4], [5, 6], [1, np.inf], [np.nan, np.nan], [7, 8]):
        x = np.float32(values)
        with np.errstate(invalid="ignore"):
            assert same_bits(compiled(mg.tensor(x)).data, mg.table.ops["keep"](x, np.array([True, False])))
    assert compiled.stats()["eager"] == 2


def test_a_graph_from_before_a_replay_is_not_walked_after_it():
    model, _, step = trainer()
    compiled = mg.compile(step)
    x, y = data()
    for _ in range(3):
        compiled(mg.tensor(x), y)
    loss = nn.functional.cross_entropy(model(mg.tensor(x)), y)
    compiled(mg.tensor(x), y)
    with pytest.raises(mg.errors.GraphError, match="data changed"):
        loss.backward()


def test_ten_threads_compile_at_once():
    model = Classifier()
    forward = mg.compile(lambda x: model(x))
    inputs = [data(rows=5 + i % 3, seed=i)[0] for i in range(10)]
    failures = []

    def run(x):
        try:
            for _ in range(20):
                assert same_bits(forward(mg.tensor(x)).data, model(mg.tensor(x)).data)
        except BaseException as error:  # noqa: BLE001 - shown by the main thread
            failures.append(error)

    threads = [threading.Thread(target=run, args=(x,)) for x in inputs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_a_compiled_function_inside_another_is_part_of_it():
    square = mg.compile(lambda x: x * x)
    outer = mg.compile(lambda x: square(x) + 1)
    for i in range(4):
        assert float(outer(mg.tensor([float(i)]))[0]) == i * i + 1
    assert square.stats()["recorded"] == 0


def test_a_watch_sees_the_step_as_it_is_written():
    f = mg.compile(lambda x: mg.log(x))
    for _ in range(3):
        f(mg.tensor([1.0]))
    with mg.detect_anomaly(), pytest.raises(mg.errors.AnomalyError):
        f(mg.tensor([0.0]))


def test_dtype_mode_and_default_dtype_are_told_apart():
    f = mg.compile(lambda x: x * mg.tensor(0.1))
    for dtype in (np.float32, np.float64) * 3:
        x = np.ones(3, dtype)
        assert same_bits(f(x).data, (x * mg.tensor(0.1)).data)
    mg.set_default_dtype("float64")
    try:
        for _ in range(3):
            assert same_bits(f(np.ones(3)).data, (np.ones(3) * mg.tensor(0.1)).data)
    finally:
        mg.set_default_dtype("float32")


def test_names_that_hold_something_else_are_noticed():
    scale, table = 2.0, {"shift": [1.0]}

    @mg.compile
    def f(x):
        return x * scale + table["shift"][0]

    for scale in (2.0, 2.0, 2.0, 3.0, 3.0, 3.0):
        assert float(f(mg.tensor([1.0]))[0]) == scale + table["shift"][0]
    for shift in (1.0, 5.0, 5.0, 5.0):
        table["shift"][0] = shift
        assert float(f(mg.tensor([1.0]))[0]) == scale + shift


def test_arrays_closed_over_are_read_anew():
    mask = np.float32([1, 0, 1])
    f = mg.compile(lambda x: x * mask)
    for value in range(6):
        mask[1] = value
        assert same_bits(f(np.float32([1, 2, 3])), np.float32([1, 2, 3]) * mask)


def test_the_checked_mode_agrees_and_leaves_one_step():
    eager, compiled = trainer(), trainer()
    step = mg.compile(compiled[2], check=True)
    x, y = data()
    for _ in range(8):
        assert same_bits(eager[2](mg.tensor(x), y).data, step(mg.tensor(x), y).data)
        assert_same(eager, compiled)
    with pytest.raises(mg.errors.TargetError):
        step(mg.tensor(x), y + 7)


def test_data_of_tensors_is_read_anew_however_it_is_read():
    w = nn.Parameter(np.float32([1, 2, 3]))
    scale = mg.tensor(2.0)
    mask = np.float32([1, 0, 1])
    f = mg.compile(lambda x: x * (w.data[:3] * 2) * scale + (mask > 0))

    def expected(x):
        return x * (w.data[:3] * 2) * scale.data + (mask > 0)

    x = np.float32([1, 2, 3])
    edits = [
        lambda: w.data.__setitem__(0, 5),
        lambda: setattr(w, "data", np.float32([7, 8, 9])),
        lambda: setattr(scale, "data", 3.0),
        lambda: mask.__setitem__(1, 1),
    ]
    for edit in [*edits, lambda: None]:
        for _ in range(4):
            assert same_bits(f(x).data, expected(x))
        edit()
    assert f.stats()["replayed"] >= 10


def test_weights_written_in_the_step():
    def make():
        w = nn.Parameter(np.float32([1, 2, 3]))

        def step(x):
            loss = (w * x).sum()
            w.zero_grad()
            loss.backward()
            w.data -= 0.1 * w.grad
            w.data *= 0.9
            return loss

        return w, step

    (w, eager), (w_2, step) = make(), make()
    compiled = mg.compile(step)
    for i in range(6):
        x = np.float32([1, i, -1])
        before = (w_2 * w_2).sum()
        assert same_bits(eager(x).data, compiled(x).data)
        assert same_bits(w.data, w_2.data)
        with pytest.raises(mg.errors.GraphError, match="data changed"):
            before.backward()
    assert compiled.stats()["replayed"] == 4


def test_a_rate_read_in_the_step_is_noticed():
    w = nn.Parameter(np.float32([1, 2, 3]))
    optimizer = optim.SGD([w], lr=0.1)
    f = mg.compile(lambda x: x * optimizer.lr * w)
    x = np.float32([1, 1, 1])
    for lr in (0.1, 0.5):
        optimizer.lr = lr
        for _ in range(3):
            assert same_bits(f(x).data, (x * lr * w).data)


@pytest.mark.parametrize("name", ["mse", "bce", "categorical", "smooth", "sum"])
def test_losses(name):
    loss_fn = {
        "mse": nn.MSELoss(), "bce": nn.BCEWithLogitsLoss(),
        "categorical": lambda p, t: nn.CategoricalCrossEntropy()(p.softmax(), t),
        "smooth": nn.CrossEntropyLoss(label_smoothing=0.1), "sum": nn.CrossEntropyLoss(reduction="sum"),
    }[name]  # fmt: skip

    def make():
        model = Classifier()
        optimizer = optim.RMSProp(model.parameters())

        def step(x, y):
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            return loss

        return model, optimizer, step

    eager, compiled = make(), make()
    step = mg.compile(compiled[2])
    for i in range(5):
        x, y = data(seed=i)
        y = np.eye(3, dtype=np.float32)[y] if name in ("mse", "bce") else y
        assert same_bits(eager[2](mg.tensor(x), y).data, step(mg.tensor(x), y).data)
        assert_same(eager, compiled)
    assert step.stats()["replayed"] == 3


def test_accumulation_takes_two_programs_in_turns():
    """The gradients are None in every other call: each case is recorded twice."""

    def run(compiled):
        model, loss_fn = nn.Linear(3, 1, generator=np.random.default_rng(0)), nn.MSELoss()
        optimizer = optim.SGD(model.parameters(), lr=0.1)

        def compute(x, y):
            loss = loss_fn(model(x), y)
            loss.backward()
            return loss

        step = mg.compile(compute, backend="numpy") if compiled else compute
        x, y = mg.tensor(np.ones((4, 3), "float32")), mg.tensor(np.zeros((4, 1), "float32"))
        losses = []
        for i in range(12):
            losses.append(step(x, y).detach().data)
            if i % 2:
                optimizer.step()
                optimizer.zero_grad()
        return losses, step

    (expected, _), (got, step) = run(False), run(True)
    assert all(same_bits(np.asarray(a), np.asarray(b)) for a, b in zip(expected, got, strict=True))
    assert step.stats()["programs"] == 2
    assert step.stats()["replayed"] == 5  # the first step of the optimizer moves the weights


@pytest.mark.parametrize("backend", ["numpy", "native"])
def test_a_step_that_settles_has_the_same_bits_wherever_it_is_recorded_anew(backend):
    """Each result is the program's, also the first: a run that goes on in another process records it again."""

    def run(anew):
        mg.manual_seed(0)
        rng = np.random.default_rng(0)
        model = nn.Sequential(nn.Linear(5, 9), nn.BatchNorm1d(9), nn.Tanh(), nn.Dropout(0.3), nn.Linear(9, 3))
        optimizer = optim.Adam(model.parameters())
        optimizer.prepare()
        losses = []

        def forward(x, y):
            loss = nn.functional.cross_entropy(model(x), y)
            loss.backward()
            return loss

        step = None
        for number in range(7):
            if step is None or number in anew:
                step = mg.compile(forward, backend=backend, audit=False)
                step.settles = True
            optimizer.zero_grad()
            losses.append(step(mg.tensor(rng.standard_normal((8, 5)), dtype="float32"), rng.integers(0, 3, 8)).item())
            optimizer.step()
        assert step.stats()["eager"] == 0
        return losses, [x.data.copy() for x in (*model.parameters(), *model.buffers())]

    if backend == "native":
        pytest.importorskip("llvmlite", reason="needs llvmlite")
    expected, got = run(()), run((1, 4, 5))
    assert got[0] == expected[0]
    for x, y in zip(got[1], expected[1], strict=True):
        np.testing.assert_array_equal(x, y)


@pytest.mark.native
@pytest.mark.parametrize("kind", ["frozen", "unused"])
def test_a_step_settles_also_behind_a_call_of_which_no_program_is_made(kind):
    """Adam's first step moves weights without a gradient into other memory."""

    def run(anew):
        draws = np.random.default_rng(0)
        model = nn.Sequential(*[nn.Linear(5, 5, generator=draws) for _ in range(3)])
        model[0].weight.requires_grad = kind != "frozen"
        used = nn.Sequential(*model[int(kind == "unused") :])
        optimizer = optim.Adam(model.parameters())
        losses = []

        def forward(x, y):
            loss = nn.functional.cross_entropy(used(x), y)
            loss.backward()
            optimizer.step()
            return loss

        step = None
        for number in range(7):
            if step is None or number in anew:
                step = mg.compile(forward, backend="native", audit=False)
                step.settles = True
            optimizer.prepare()
            optimizer.zero_grad()
            losses.append(step(mg.tensor(draws.standard_normal((8, 5)), dtype="float32"), np.arange(8) % 5).item())
        return losses, [x.data.tobytes() for x in model.parameters()]

    expected = run(())
    assert run((1, 2)) == expected
    assert run((4,)) == expected
