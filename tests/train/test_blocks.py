"""Steps that a fit makes many at a time, in machine code: the same bits as one at a time."""

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, optim
from minigrad.compiler.backends import looping
from minigrad.data import ArrayDataset, DataLoader
from minigrad.errors import DivergenceError
from minigrad.optim import schedules
from minigrad.train import Accuracy, Callback, Trainer
from minigrad.train.blocks import Blocks

pytestmark = pytest.mark.native

ROWS, SIZE = 203, 10  # the last batch has three rows
rng = np.random.default_rng(0)
X = rng.normal(size=(ROWS, 5)).astype(np.float32)
Y = rng.integers(0, 3, ROWS)


class OneByOne(Callback):
    """Who looks at each step gets each: no blocks."""

    def __init__(self):
        self.losses = []

    def on_step(self, trainer):
        self.losses.append(trainer.loss_value)


def network(*layers):
    draws = np.random.default_rng(1)
    return nn.Sequential(
        nn.Linear(5, 8, generator=draws), nn.ReLU(), *layers, nn.Linear(8, 3, generator=draws)
    )  # fmt: skip


def run(
    one_by_one, monkeypatch, layers=(), optimizer=optim.Adam, data=(X, Y), loader=(), epochs=4, loss=None, **options
):
    """A fit, the steps that blocks made, and where it ended."""
    made = []
    several = Blocks.next_steps
    monkeypatch.setattr(Blocks, "next_steps", lambda *args: made.append(several(*args)) or made[-1])
    mg.manual_seed(0)
    model = network(*[layer() for layer in layers])
    fit = {name: options.pop(name) for name in ("checkpoint_dir", "checkpoint_every", "val") if name in options}
    trainer = Trainer(
        model, optimizer(model.parameters(), lr=options.pop("lr", 0.01)), loss or nn.CrossEntropyLoss(),
        **{"compile": "native", "metrics": [Accuracy()], **options},
    )  # fmt: skip
    batches = DataLoader(data, **{"batch_size": SIZE, "shuffle": True, "seed": 3, **dict(loader)})
    callbacks = [OneByOne()] if one_by_one else []
    error = None
    try:
        trainer.fit(batches, epochs, callbacks=callbacks, progress="none", **fit)
    except DivergenceError as raised:
        error = str(raised)
    records = [{k: v for k, v in record.items() if k != "seconds"} for record in trainer.history.records]
    state = {name: np.asarray(x).tobytes() for name, x in model.state_dict().items()}
    place = (trainer.step, trainer.epoch, trainer.batch, trainer.loss_value, batches.state_dict()["position"])
    return sum(map(len, made)), (state, repr(records), repr(place), trainer.optimizer.iterations, error)


CASES = {
    "Adam": {},
    "SGD with decay and momentum": {"optimizer": lambda p, lr: optim.SGD(p, lr=lr, decay=1e-3, momentum=0.9)},
    "a schedule": {"lr": schedules.cosine(0.05, 60)},
    "clipping": {"clip_norm": 0.1},
    "dropout": {"layers": [lambda: nn.Dropout(0.3, generator=np.random.default_rng(2))]},
    "batch norm": {"layers": [lambda: nn.BatchNorm1d(8)]},
    "a sum": {"loss": nn.CrossEntropyLoss(reduction="sum"), "lr": 0.001},
    "class weights": {"loss": nn.CrossEntropyLoss(weight=[1.0, 2.0, 0.5])},
    "padding": {"loss": nn.CrossEntropyLoss(ignore_index=2)},
    "in order": {"loader": {"shuffle": False, "seed": None}},
    "no last batch": {"loader": {"drop_last": True}},
    "float64 data": {"data": (X.astype(np.float64), Y)},
    "a dataset": {"data": ArrayDataset(X, Y)},
}


@pytest.mark.parametrize("case", CASES)
def test_blocks_have_the_bits_of_single_steps(case, monkeypatch):
    made, ended = run(False, monkeypatch, **CASES[case])
    none, expected = run(True, monkeypatch, **CASES[case])
    assert made > 40
    assert none == 0
    assert ended == expected


@pytest.mark.parametrize("case", ["transform", "prefetch", "numpy", "accumulate", "another dataset", "int32"])
def test_what_is_not_made_in_blocks(case, monkeypatch):
    """Steps that need Python, or whose batches are not slices of arrays."""
    options = {
        "int32": {"data": (X, Y.astype(np.int32))},
        "transform": {"loader": {"transform": lambda batch: batch}},
        "prefetch": {"loader": {"prefetch": 2}},
        "numpy": {"compile": True},
        "accumulate": {"accumulate": 2},
        "another dataset": {"data": [*zip(X, Y, strict=True)]},
    }[case]
    made, ended = run(False, monkeypatch, **options)
    _, expected = run(True, monkeypatch, **options)
    assert made == 0
    assert ended == expected


@pytest.mark.parametrize("skip", [False, True])
@pytest.mark.parametrize("row", [0, 120])
def test_a_batch_that_is_not_finite_stops_the_run_at_its_step(skip, row, monkeypatch):
    bad = X.copy()
    bad[row] = np.nan
    options = {
        "data": (bad, Y), "loader": {"shuffle": False, "seed": None}, "epochs": 3,
        "optimizer": lambda p, lr: optim.Adam(p, lr=lr, skip_nonfinite=skip),
    }  # fmt: skip
    made, ended = run(False, monkeypatch, **options)
    _, expected = run(True, monkeypatch, **options)
    assert ended == expected
    assert (ended[-1] is None) == skip
    assert bool(made) == (row == 120 and not skip)  # one that skips leaves marks in Python


def test_several_predictions_of_which_nobody_asks(monkeypatch):
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = network()

        def forward(self, x):
            z = self.inner(x)
            return z, z.sum()

    made = []
    several = Blocks.next_steps
    monkeypatch.setattr(Blocks, "next_steps", lambda *args: made.append(several(*args)) or made[-1])
    model = Two()
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    trainer = Trainer(model, optimizer, lambda z, y: nn.functional.cross_entropy(z[0], y), compile="native")
    trainer.fit(DataLoader((X, Y), SIZE), 3, progress="none")
    assert sum(map(len, made)) > 20  # nobody asks for them


def test_checkpoints_come_at_their_steps_and_a_run_goes_on_to_the_same_bits(tmp_path, monkeypatch):
    made, ended = run(False, monkeypatch, checkpoint_dir=tmp_path, checkpoint_every=17)
    assert made
    steps = sorted(int(path.stem.rpartition("-")[2]) for path in tmp_path.glob("*.safetensors"))
    assert steps
    assert all(step % 17 == 0 or step == 84 for step in steps)
    assert ended == run(True, monkeypatch)[1]


def test_steps_that_a_block_has_made_count_where_a_later_one_raises(monkeypatch):
    calls = []
    run = looping.Looped.__call__

    def limited(self, count, *args):
        calls.append(count)
        if len(calls) > 1 and 8 < calls[-2] == calls[-1] + 8:  # the second call of a block
            monkeypatch.setattr(looping.Looped, "__call__", run)
            raise MemoryError("no memory")
        return run(self, count, *args)

    def ended(callbacks):
        model = network()
        optimizer = optim.SGD(model.parameters(), lr=0.1)
        trainer = Trainer(model, optimizer, nn.CrossEntropyLoss(), compile="native")
        trainer.fit(DataLoader((X, Y), 2), 4, callbacks=callbacks, progress="none")
        return trainer.step, optimizer.iterations, [p.data.tobytes() for p in model.parameters()]

    monkeypatch.setattr(looping, "MOST", 8)
    monkeypatch.setattr(looping.Looped, "__call__", limited)
    got = ended([])
    assert looping.Looped.__call__ is run  # it was raised
    assert got == ended([OneByOne()])
    assert got[0] == 4 * 102


def test_a_callback_that_stops_the_run_between_epochs_is_heard():
    class Stop(Callback):
        def on_record(self, trainer, record):
            trainer.stop("enough")

    model = network()
    trainer = Trainer(model, optim.Adam(model.parameters(), lr=0.01), nn.CrossEntropyLoss(), compile="native")
    trainer.fit(DataLoader((X, Y), SIZE), 5, callbacks=[Stop()], progress="none")
    assert trainer.epoch == 1
    assert trainer.step == 21


def test_a_step_that_leaves_gradients_is_not_looped_in_machine_code():
    w = mg.tensor([1.0, 2.0], requires_grad=True)

    def step(x):
        loss = (w * x).sum()
        loss.backward()
        return loss

    x = mg.tensor([3.0, 4.0])
    compiled = mg.compile(step, backend="native", audit=False)
    for _ in range(5):
        compiled(x)
        w.zero_grad()
    compiled.repeat(4, x)
    np.testing.assert_array_equal(w.grad.data, [12, 16])
