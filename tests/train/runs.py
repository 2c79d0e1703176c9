"""A small training run with everything in it that a checkpoint must hold, and what is compared at its end."""

import inspect

import numpy as np

import minigrad as mg
from minigrad import nn, optim, train
from minigrad.data import DataLoader
from minigrad.random import generator_state
from minigrad.train import Trainer

SAMPLES, FEATURES, CLASSES = 33, 4, 3
RNG = np.random.default_rng(7)
X = RNG.standard_normal((SAMPLES, FEATURES)).astype(np.float32)
Y = (X[:, 0] > X[:, 1]).astype(int) + (X[:, 2] > 0.5)

#: Every optimizer of the package: a new one is tested without being named here.
OPTIMIZERS = {
    name: kind
    for name, kind in vars(optim).items()
    if inspect.isclass(kind) and issubclass(kind, optim.Optimizer) and kind is not optim.Optimizer
}
#: Options that make use of more of an optimizer's state.
OPTIONS = {
    "SGD": {"lr": 0.05, "momentum": 0.9, "nesterov": True},
    "LBFGS": {"lr": 0.1, "max_iter": 3},
    "Adadelta": {"lr": 0.5},
}


class Run:
    """One run: everything is made anew from the same seeds, as a script does that is started again."""

    def __init__(self, optimizer="Adam", accumulate=1, prefetch=0, compiled=False, callbacks=(), loader="shuffled"):
        mg.manual_seed(1)
        own = np.random.default_rng(2)
        self.model = nn.Sequential(
            nn.Linear(FEATURES, 8, generator=own),
            nn.BatchNorm1d(8),
            nn.Tanh(),
            nn.Dropout(0.2, own),
            nn.Dropout(0.1),
            nn.Linear(8, CLASSES, generator=own),
        )
        kind = OPTIMIZERS[optimizer]
        options = OPTIONS.get(optimizer, {"lr": optim.schedules.cosine(0.02, steps=12)})
        self.loss = nn.CrossEntropyLoss()
        closure = "closure" in inspect.signature(kind.step).parameters
        self.trainer = train.Trainer(
            self.model,
            kind(self.model.parameters(), **options),
            self.loss,
            metrics=[train.Accuracy(), train.F1()],
            accumulate=1 if closure else accumulate,
            compile=compiled,
        )
        self.train = self._loader(loader, prefetch)
        self.validation = DataLoader((X[:10], Y[:10]), batch_size=4, shuffle=True, seed=3)
        own_callbacks = [train.LearningRateLogger(), train.EarlyStopping(patience=50), train.GradientHealth()]
        self.callbacks = [*own_callbacks, *callbacks]

    def _loader(self, loader, prefetch):
        if loader == "pair":
            return (X, Y)
        if loader == "list":
            return [(X[i : i + 5], Y[i : i + 5]) for i in range(0, SAMPLES, 5)]

        def noisy(batch, generator):
            x, y = batch
            return x + generator.standard_normal(x.shape, np.float32) / 8, y

        return DataLoader((X, Y), batch_size=5, shuffle=True, transform=noisy, prefetch=prefetch)

    def fit(self, epochs, checkpoint_dir=None, **options):
        """Go on from the folder if there is something in it, and train to the end."""
        if checkpoint_dir is not None:
            self.trainer.resume(checkpoint_dir)
        self.trainer.fit(
            self.train, epochs, self.validation, self.callbacks, checkpoint_dir, progress="none", **options
        )
        return self.outcome()

    def outcome(self):
        """All that two runs must have the same, to the last bit."""
        records = [{k: v for k, v in record.items() if k != "seconds"} for record in self.trainer.history.records]
        return {
            "model": self.model.state_dict(),
            "optimizer": self.trainer.optimizer.state_dict(),
            "history": records,
            "step": self.trainer.step,
            "generators": [generator_state(), *[generator_state(g) for _, g in self.model.named_generators()]],
        }


def differences(one, other, path=""):
    """The paths at which two outcomes differ in a bit."""
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        return [d for key in one for d in differences(one[key], other[key], f"{path}.{key}")]
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)) and len(one) == len(other):
        return [d for i, pair in enumerate(zip(one, other, strict=True)) for d in differences(*pair, f"{path}.{i}")]
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        same = one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()
    elif isinstance(one, float) and isinstance(other, float):
        same = one.hex() == other.hex()
    else:
        same = type(one) is type(other) and one == other
    return [] if same else [path]


class Stop(Exception):  # noqa: N818
    """Ends a run the hard way."""


class Crash(train.Callback):
    """Ends a run after a step, with an error."""

    def __init__(self, at):
        self.at = at

    def on_step(self, trainer):
        if trainer.step == self.at:
            raise Stop


def small(lr=0.1, model=None, optimizer=optim.SGD, **options):
    model = model or nn.Linear(4, 3, generator=np.random.default_rng(0))
    return Trainer(model, optimizer(model.parameters(), lr=lr), nn.CrossEntropyLoss(), **options)


def fit(trainer, *callbacks, epochs=6, **options):
    return trainer.fit((X, Y), epochs, callbacks=callbacks, progress="none", **options)
