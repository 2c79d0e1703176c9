"""Small trainings that are the same in one process and in several: ``python -m tests.distributed.scripts NAME OUT``."""

import json
import os
import signal
import sys

import numpy as np

import minigrad as mg
from minigrad import nn, optim, train
from minigrad.data import DataLoader


class Loaded:
    """Samples that are loaded one by one; it counts them."""

    def __init__(self, x, y):
        self.x, self.y, self.count = x, y, 0

    def __len__(self):
        return len(self.x)

    def __getitem__(self, index):
        self.count += 1
        return self.x[index], self.y[index]


def moved(batch, generator):
    """An augmentation: of each image a shift of its own."""
    x, y = batch
    shifts = generator.integers(-1, 2, len(x))
    return np.stack([np.roll(image, shift, -1) for image, shift in zip(x, shifts, strict=True)]), y


def largest(predictions, targets):
    """A measure of all predictions in their order."""
    return float(predictions.data[-1].max() + targets[-1])


def classified(loader="arrays", epochs=2, folder=None, samples=75, fails=None, **options):
    """Images, with batch norm, dropout, labels that do not count, class weights, and a last batch of 11 rows."""
    mg.manual_seed(0)
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((samples, 1, 6, 6)), rng.integers(0, 3, samples)
    y[::5] = -1
    model = nn.Sequential(
        nn.Conv2d(1, 3, 3, bias=False), nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten(), nn.Dropout(0.3), nn.Linear(48, 3)
    )
    loss = nn.CrossEntropyLoss(weight=np.array([1.0, 2.0, 4.0]), ignore_index=-1)
    measures = [train.Accuracy(ignore_index=-1), train.ConfusionMatrix(3, ignore_index=-1), largest]
    trainer = train.Trainer(model, optim.Adam(model.parameters(), 0.01), loss, measures, backend="jax", **options)
    data = {
        "arrays": lambda: DataLoader((x, y), 16, shuffle=True),
        "samples": lambda: DataLoader(Loaded(x, y), 16, shuffle=True, prefetch=2),
        "transform": lambda: DataLoader((x, y), 16, shuffle=True, transform=moved),
        "list": lambda: [(x[i : i + 16], y[i : i + 16]) for i in range(0, samples, 16)],
        "pair": lambda: (x[:74], y[:74]),
    }[loader]()
    if folder:
        trainer.resume(folder)
    callbacks = [] if fails is None else [Fails(fails)]
    held = DataLoader((x[:40], y[:40]), 16)
    trainer.fit(data, epochs, held, callbacks, folder, "none", **({"checkpoint_every": 2} if folder else {}))
    count = data.dataset.count if loader == "samples" else 0
    return outcome(trainer), count


def fitted():
    """Numbers, with gradients of several batches for a step, penalties, a norm that is bounded, and no metric."""
    mg.manual_seed(0)
    rng = np.random.default_rng(1)
    x = rng.standard_normal((50, 4)).astype("float32")
    y = (x @ rng.standard_normal((4, 2))).astype("float32")
    model = nn.Sequential(nn.Linear(4, 8, weight_regularizer_l2=0.01), nn.Tanh(), nn.Linear(8, 2))
    trainer = train.Trainer(
        model, optim.SGD(model.parameters(), 0.1), nn.MSELoss(), backend="jax", accumulate=3, clip_norm=0.5
    )
    trainer.fit(DataLoader((x, y), 8, shuffle=True, seed=3), 2, (x, y), progress="none")
    return outcome(trainer), 0


def outcome(trainer):
    """Weights, buffers, and records."""
    arrays = [np.array(x.data) for x in (*trainer.model.parameters(), *trainer.model.buffers())]
    records = [{key: np.asarray(value).tolist() for key, value in record.items() if key != "seconds"}
               for record in trainer.history.records]  # fmt: skip
    return arrays, records


class Fails(train.Callback):
    """What goes wrong in one rank, after a step: (rank, step, how)."""

    def __init__(self, when):
        self.rank, self.step, self.how = when

    def on_step(self, trainer):
        """Fail, when it is time."""
        if (mg.distributed.rank(), trainer.step) != (self.rank, self.step):
            return
        if self.how == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        elif self.how == "end":
            os.kill(os.getpid(), signal.SIGTERM)
        elif self.how == "stop":
            trainer.stop("alone")
        else:
            raise MemoryError("9 GiB")


RUNS = {
    "short": lambda: classified("samples", 1),
    "fitted": fitted,
    **{name: lambda name=name: classified(name) for name in ("arrays", "samples", "transform", "list", "pair")},
    "kept": lambda: classified(epochs=3, folder=sys.argv[3]),
    "killed": lambda: classified(epochs=3, folder=sys.argv[3], fails=(1, 8, "kill")),
    "ended": lambda: classified(epochs=3, folder=sys.argv[3], fails=(1, 3, "end")),
    "stopped": lambda: classified(epochs=3, fails=(1, 3, "stop")),
    "memory": lambda: classified(epochs=3, fails=(1, 3, "memory")),
}


def save(name, path, result):
    """What a rank has in the end."""
    (arrays, records), count = result
    np.savez(f"{path}-{name}-{mg.distributed.rank()}.npz", *arrays, records=json.dumps(records), count=count)


if __name__ == "__main__":
    for one in sys.argv[1].split(","):
        save(one, sys.argv[2], RUNS[one]())
