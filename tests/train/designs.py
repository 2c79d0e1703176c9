"""Scripts that train, each with other things that decide how it goes on: all of them can be killed and started again.

A design is a function of a folder and of the steps between checkpoints. It makes everything anew from the same seeds,
goes on from the folder if there is something in it, trains, and gives all that two runs must have the same.
"""

import copy
import random
from collections import Counter, deque
from dataclasses import dataclass, field
from enum import Enum

import numpy as np

import minigrad as mg
from minigrad import nn, optim, train
from minigrad.data import DataLoader, Subset
from minigrad.nn import functional as F
from minigrad.optim import schedules
from minigrad.random import default_generator, generator_state
from tests.train.runs import CLASSES, FEATURES, SAMPLES, X, Y

EPOCHS = 4
DESIGNS = {}


class EndedBySignal(Exception):  # noqa: N818
    """A fit has ended after a step, with a checkpoint: the script is to be started again."""


def design(function):
    DESIGNS[function.__name__] = function
    return function


def model(seed=0, norm=True, p=0.2):
    own = np.random.default_rng(seed)
    layers = [nn.Linear(FEATURES, 8, generator=own)]
    if norm:
        layers.append(nn.BatchNorm1d(8))
    return nn.Sequential(*layers, nn.Tanh(), nn.Dropout(p, own), nn.Linear(8, CLASSES, generator=own))


def trainer_of(net, optimizer=None, loss=None, **options):
    optimizer = optimizer or optim.Adam(net.parameters(), lr=0.02)
    return train.Trainer(net, optimizer, loss or nn.CrossEntropyLoss(), **options)


def loader(**options):
    return DataLoader((X, Y), batch_size=5, shuffle=True, **options)


def fit(trainer, data, folder, every, epochs=EPOCHS, **options):
    history = trainer.fit(
        data, epochs, checkpoint_dir=folder / "run", checkpoint_every=every, progress="none", **options
    )
    if not trainer.is_over:
        raise EndedBySignal
    return history


def run(trainer, data, folder, every, **options):
    trainer.resume(folder / "run")
    fit(trainer, data, folder, every, **options)
    return outcome(trainer)


def outcome(trainer, **more):
    records = [{k: v for k, v in record.items() if k != "seconds"} for record in trainer.history.records]
    return {
        "model": trainer.model.state_dict(),
        "frozen": [p.requires_grad for p in trainer.model.parameters()],
        "optimizer": trainer.optimizer.state_dict(),
        "history": records,
        "step": trainer.step,
        "generator": generator_state(),
        "numpy": dict(np.random.get_state(legacy=False)),
        "python": list(random.getstate()[1]),
        **more,
    }


# -- what is frozen, and when -------------------------------------------------------------------------


class Unfreezing(train.Callback):
    """One layer more in each epoch, the last first; what is frozen first is frozen where the fit begins."""

    def __init__(self, layers):
        self.layers = layers

    def on_fit_start(self, trainer):
        for layer in self.layers:
            layer.requires_grad_(False)

    def on_epoch_start(self, trainer):
        if trainer.epoch < len(self.layers):
            self.layers[trainer.epoch].requires_grad_()


@design
def gradual_unfreezing(folder, every):
    net = model()
    return run(trainer_of(net), loader(), folder, every, callbacks=[Unfreezing([net[1], net[0]])])


@design
def unfrozen_at_random(folder, every):
    class Toggle(train.Callback):
        rng = np.random.default_rng(5)

        def on_epoch_start(self, trainer):
            for p in trainer.model.parameters():
                p.requires_grad_(bool(self.rng.random() < 0.7))

    return run(trainer_of(model()), loader(), folder, every, callbacks=[Toggle()])


@design
def norms_that_stop_and_dropout_that_grows(folder, every):
    class Settle(train.Callback):
        def on_epoch_start(self, trainer):
            if trainer.epoch == 2:
                trainer.model[1].eval()
            trainer.model[3].p = 0.1 * trainer.epoch

    return run(trainer_of(model()), loader(), folder, every, callbacks=[Settle()])


# -- optimizers ---------------------------------------------------------------------------------------


class Slower:
    """A rate of the user's own."""

    def __call__(self, step):
        return 0.02 / (1 + step)

    def __repr__(self):
        return "slower"


@design
def schedules_and_groups(folder, every):
    net = model()
    rates = {
        0: {"lr": schedules.linear_warmup(schedules.cosine(0.05, steps=20), steps=5)},
        1: {"lr": Slower(), "weight_decay": 0.1},
        4: {"lr": 0.01},
    }
    groups = [
        {"params": [(f"{i}.{name}", p) for name, p in net[i].named_parameters()], **options}
        for i, options in rates.items()
    ]
    return run(trainer_of(net, optim.AdamW(groups)), loader(), folder, every, callbacks=[train.LearningRateLogger()])


@design
def accumulated_and_clipped(folder, every):
    return run(trainer_of(model(), accumulate=3, clip_norm=0.5), loader(), folder, every)


@design
def options_that_change(folder, every):
    class More(train.Callback):
        def on_epoch_end(self, trainer, record):
            trainer.accumulate += 1
            trainer.clip_norm = 1.0 / trainer.accumulate
            trainer.optimizer.lr *= 0.9

    return run(trainer_of(model()), loader(), folder, every, callbacks=[More()])


@design
def lbfgs(folder, every):
    net = model(norm=False, p=0.0)
    return run(trainer_of(net, optim.LBFGS(net.parameters(), lr=0.1, max_iter=3)), loader(), folder, every)


@design
def averaged_weights(folder, every):
    class Averaging(train.Callback):
        def __init__(self, net):
            self.ema = optim.EMA(net, decay=0.9)
            self.shadow = None

        def on_step(self, trainer):
            self.ema.update()
            if self.shadow is None:  # an average of the user's own, made on the way
                self.shadow = {name: p.data.copy() for name, p in trainer.model.named_parameters()}
            for name, p in trainer.model.named_parameters():
                self.shadow[name] += 0.1 * (p.data - self.shadow[name])

    net = model()
    averaging = Averaging(net)
    made = run(trainer_of(net), loader(), folder, every, callbacks=[averaging])
    return {**made, "ema": averaging.ema.state_dict(), "shadow": averaging.shadow}


# -- state in the user's own objects ------------------------------------------------------------------


@design
def callback_with_attributes(folder, every):
    class Plateau(train.Callback):
        """Halves the rate when the loss of the last steps has not become smaller; keeps all in plain attributes."""

        def __init__(self):
            self.losses, self.best, self.seen, self.by_epoch = [], None, set(), {}

        def on_step(self, trainer):
            self.losses.append(trainer.loss_value)
            self.by_epoch.setdefault(trainer.epoch, []).append(round(trainer.loss_value, 3))
            self.seen.add(int(trainer.loss_value * 10))
            if len(self.losses) % 4 == 0:
                mean = float(np.mean(self.losses[-4:]))
                if self.best is not None and mean > self.best:
                    trainer.optimizer.lr *= 0.5
                self.best = mean if self.best is None else min(mean, self.best)

    plateau = Plateau()
    made = run(trainer_of(model()), loader(), folder, every, callbacks=[plateau])
    return {**made, "losses": plateau.losses, "seen": sorted(plateau.seen), "by_epoch": plateau.by_epoch}


@design
def metric_with_attributes(folder, every):
    class Margin(train.Metric):
        name = "margin"

        def reset(self):
            self.sum, self.rows = np.zeros(CLASSES), []

        def update(self, predictions, targets):
            scores = np.asarray(predictions.data if isinstance(predictions, mg.Tensor) else predictions)
            self.sum += scores.sum(0)
            self.rows.append(len(scores))

        def value(self):
            return float(self.sum[0] - self.sum[1]) / sum(self.rows)

    class Follow(train.Callback):
        def on_epoch_end(self, trainer, record):
            trainer.optimizer.lr = 0.01 + 0.001 * abs(record["margin"])

    metrics = [Margin(), train.F1()]
    return run(trainer_of(model(), metrics=metrics), loader(), folder, every, callbacks=[Follow()])


@design
def loss_with_memory(folder, every):
    calls = 0

    class Annealed:
        def __init__(self):
            self.weight = 1.0

        def __call__(self, predictions, targets):
            nonlocal calls
            calls += 1
            self.weight *= 0.97
            return F.cross_entropy(predictions, targets) * self.weight + 0.001 * calls * (predictions**2).mean()

    made = run(trainer_of(model(), loss=Annealed()), loader(), folder, every)
    return {**made, "calls": calls}


@design
def hidden_state_that_is_carried(folder, every):
    class Carrying(nn.Module):
        def __init__(self):
            own = np.random.default_rng(0)
            self.inner = nn.Linear(FEATURES + 4, 4, generator=own)
            self.out = nn.Linear(4, CLASSES, generator=own)
            self.h = None
            self.calls = 0
            self.itself = [self]

        def forward(self, x):
            self.calls += 1
            h = mg.zeros((1, 4)) if self.h is None else self.h
            h = self.inner(mg.concatenate([x, h * np.ones((len(x), 1), np.float32)], 1)).tanh()
            self.h = h[-1:].detach()
            return self.out(h)

    net = Carrying()
    data = [(X[i : i + 5], Y[i : i + 5]) for i in range(0, SAMPLES, 5)]
    made = run(trainer_of(net), data, folder, every)
    return {**made, "h": net.h.data, "calls": net.calls}


# -- generators and data ------------------------------------------------------------------------------


class Helper:
    """Draws from generators of three kinds, one of them behind another object."""

    def __init__(self):
        self.old = np.random.RandomState(1)
        self.inner = {"python": random.Random(2), "new": [np.random.default_rng(3)]}

    def noisy(self, batch):
        x, y = batch
        scale = self.inner["python"].random() / 8 + self.old.rand() / 8
        return x + self.inner["new"][0].standard_normal(x.shape, np.float32) * np.float32(scale), y


@design
def generators_in_helpers(folder, every):
    return run(trainer_of(model()), loader(transform=Helper().noisy), folder, every)


class Drawing:
    """An iterable in the user's own style: shuffles and adds noise by the global generators, and counts its epochs."""

    def __init__(self):
        self.epoch = 0

    def __iter__(self):
        self.epoch += 1
        order = np.random.permutation(SAMPLES)
        for i in range(0, SAMPLES, 5):
            rows = order[i : i + 5]
            noise = np.random.standard_normal((len(rows), FEATURES)) * random.random() / self.epoch
            yield (X[rows] + noise).astype(np.float32), Y[rows]


@design
def iterable_that_draws_from_numpy(folder, every):
    np.random.seed(1)
    random.seed(2)
    return run(trainer_of(model()), Drawing(), folder, every)


@design
def iterable_with_the_package_generator(folder, every):
    class Shuffled:
        def __iter__(self):
            order = default_generator().permutation(SAMPLES)
            return ((X[rows], Y[rows]) for rows in np.array_split(order, 7))

    return run(trainer_of(model()), Shuffled(), folder, every)


@design
def loader_of_ones_own(folder, every):
    class Biased(DataLoader):
        """A loader with an attribute more, which the run changes."""

        bias = 0.0

        def __iter__(self):
            for x, y in super().__iter__():
                yield x + np.float32(self.bias), y

    class Push(train.Callback):
        def on_step(self, trainer):
            data.bias += 0.01

    data = Biased((X, Y), batch_size=5, shuffle=True)
    return run(trainer_of(model()), data, folder, every, callbacks=[Push()])


@design
def harder_samples_more_often(folder, every):
    class Hard:
        """A dataset whose weights the run changes."""

        def __init__(self):
            self.weights = np.ones(SAMPLES, np.float32)
            self.rng = np.random.default_rng(4)

        def __len__(self):
            return SAMPLES

        def __getitem__(self, index):
            raise AssertionError("batches are drawn")

        def batch(self, indices):
            numbers = range(SAMPLES)[indices] if isinstance(indices, slice) else indices
            chosen = self.rng.choice(SAMPLES, len(numbers), p=self.weights / self.weights.sum())
            self.weights[chosen] *= 1.2
            return X[chosen], Y[chosen]

    data = Hard()
    made = run(trainer_of(model()), DataLoader(data, batch_size=5), folder, every)
    return {**made, "weights": data.weights}


@design
def mapped_file_and_subset(folder, every):
    path = folder / "x.npy"
    if not path.exists():
        np.save(folder / "new.npy", X)
        (folder / "new.npy").rename(path)
    data = mg.data.ArrayDataset(np.load(path, mmap_mode="r"), Y)
    chosen = DataLoader(Subset(data, np.arange(1, SAMPLES)), batch_size=5, shuffle=True, seed=1)
    return run(trainer_of(model()), chosen, folder, every, validation=(X[:9], Y[:9]))


@design
def prefetched(folder, every):
    def noisy(batch, generator):
        return batch[0] + generator.standard_normal(batch[0].shape, np.float32) / 8, batch[1]

    data = loader(transform=noisy, prefetch=3, threads=2)
    return run(trainer_of(model()), data, folder, every, validation=loader(seed=1))


@design
def compiled(folder, every):
    data = DataLoader((X, Y), batch_size=5, shuffle=True, drop_last=True)
    return run(trainer_of(model(), compile=True), data, folder, every)


class Phase(Enum):
    WARM = 1
    COLD = 2


@dataclass
class Progress:
    """What a callback knows, in a class of its own."""

    steps: int = 0
    phase: Phase = Phase.WARM
    latest: deque = field(default_factory=lambda: deque(maxlen=3))
    counts: Counter = field(default_factory=Counter)


@design
def progress_in_a_dataclass(folder, every):
    class Follow(train.Callback):
        def __init__(self):
            self.progress = Progress()

        def on_step(self, trainer):
            now = self.progress
            now.steps += 1
            now.latest.append(trainer.loss_value)
            now.counts[int(trainer.loss_value * 10)] += 1
            if now.steps == 9:
                now.phase = Phase.COLD
            if now.phase is Phase.COLD:
                trainer.optimizer.lr = 0.001 * (1 + sum(now.latest)) / len(now.counts)
            self.made_late = getattr(self, "made_late", 0) + 1

    follow = Follow()
    made = run(trainer_of(model()), loader(), folder, every, callbacks=[follow])
    return {**made, "late": follow.made_late}


@design
def more_data_in_each_epoch(folder, every):
    class Growing:
        level = 1  # of the class, until the run sets that of the object

        def __init__(self):
            self.given = 0

        def __iter__(self):
            for i in range(0, min(10 * self.level, SAMPLES), 5):
                self.given += 1
                yield X[i : i + 5], Y[i : i + 5]

    class Grow(train.Callback):
        def on_epoch_end(self, trainer, record):
            data.level += 1

    data = Growing()
    made = run(trainer_of(model()), data, folder, every, callbacks=[Grow()])
    return {**made, "given": data.given}


@design
def two_optimizers_and_a_copy_of_the_model(folder, every):
    class Both(train.Callback):
        def __init__(self, net):
            self.second = optim.SGD(net[0].parameters(), lr=0.01, momentum=0.9)
            self.mean, self.count = copy.deepcopy(net), 0

        def on_gradients(self, trainer):
            self.second.step()

        def on_epoch_end(self, trainer, record):
            self.count += 1
            for mean, p in zip(self.mean.parameters(), trainer.model.parameters(), strict=True):
                mean.data = mean.data + (p.data - mean.data) / self.count

    net = model()
    both = Both(net)
    made = run(trainer_of(net), loader(), folder, every, callbacks=[both])
    return {**made, "mean": both.mean.state_dict(), "second": both.second.state_dict()}


# -- several fits ---------------------------------------------------------------------------------------


@design
def two_fits(folder, every):
    net = model()
    trainer = trainer_of(net)
    trainer.resume(folder / "run")
    net[0].requires_grad_(False)
    first = fit(trainer, loader(), folder, every, epochs=2, callbacks=[Unfreezing([])])
    lowest = min(first["loss"])
    net[0].requires_grad_()
    trainer.optimizer.lr = 0.005
    data = DataLoader((X[::-1].copy(), Y[::-1].copy()), batch_size=6, shuffle=True)

    class Falling(train.Callback):
        def on_step(self, trainer):
            trainer.optimizer.lr *= 0.95

    fit(trainer, data, folder, every, epochs=2, callbacks=[Falling()])
    return outcome(trainer, lowest=lowest)


@design
def until_it_gets_worse_then_once_more(folder, every):
    net = model()
    trainer = trainer_of(net, optim.SGD(net.parameters(), lr=0.5, momentum=0.9))
    trainer.resume(folder / "run")
    held_out = DataLoader((X[:10], Y[:10]), batch_size=4)
    stopping = train.EarlyStopping(patience=2)
    fit(trainer, loader(), folder, every, epochs=8, validation=held_out, callbacks=[stopping])
    best = net.state_dict()
    fit(trainer, loader(), folder, every, epochs=2)
    return outcome(trainer, epochs=[trainer.epoch, len(best)])


@design
def three_fits_in_a_loop(folder, every):
    net = model()
    trainer = trainer_of(net)
    trainer.resume(folder / "run")
    for number in range(3):
        trainer.optimizer.lr = 0.01 / (number + 1)
        net[0].requires_grad_(number != 1)
        data = DataLoader((X + np.float32(number), Y), batch_size=5 + number, shuffle=True)
        callbacks = [Unfreezing([net[4]])] if number == 2 else [train.EarlyStopping("loss", patience=5)]
        fit(trainer, data, folder, every, epochs=2, callbacks=callbacks)
    return outcome(trainer)
