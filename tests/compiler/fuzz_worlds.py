"""What the fuzzer of training loops draws: a model of the layers, an optimizer with options, a step around them."""

import functools

import numpy as np

import minigrad as mg
from minigrad import nn, optim
from minigrad.optim import schedules

CLASSES = 3
SCALE = 1.0  # a global that the step reads as a number
TABLE = np.ones(CLASSES, np.float32)  # and one that it reads as an array


def penalty(parameters):
    """A function with an attribute that it reads."""
    return sum((p * p).sum() for p in parameters) * penalty.factor


penalty.factor = 1e-3


class Residual(nn.Module):
    """x + factor * f(x): the factor is a number in an attribute."""

    def __init__(self, inner):
        self.inner, self.factor = inner, 0.5

    def forward(self, x):
        return x + self.factor * self.inner(x)


class Block(nn.Module):
    """Layers in a dict, and a function in an attribute."""

    def __init__(self, width, generator, dtype):
        self.parts = {
            "first": nn.Linear(width, 2 * width, generator=generator, dtype=dtype),
            "second": nn.Linear(2 * width, width, generator=generator, dtype=dtype),
        }
        self.activation = np.tanh

    def forward(self, x):
        return self.parts["second"](self.activation(self.parts["first"](x)))


class Pooled(nn.Module):
    """The mean or the last of a sequence of shape (batch, time, features), also of what a recurrent layer gives."""

    def __init__(self, how):
        self.how = how

    def forward(self, x):
        x = x[0] if isinstance(x, tuple) else x
        return x.mean(axis=1) if self.how == "mean" else x[:, -1]


class Noisy(nn.Module):
    """Noise in training, drawn as mg.random.drawing says."""

    def __init__(self, generator):
        self.generator, self.spread = generator, 0.1

    def forward(self, x):
        return x + self.spread * noise(self.generator, x.shape) if self.training else x


class Jittered(nn.Module):
    """Noise in training, drawn by methods of a generator."""

    def __init__(self, generator):
        self.generator = generator

    def forward(self, x):
        if not self.training:
            return x
        return x * self.generator.uniform(0.9, 1.1) + self.generator.normal(0, 0.1, x.shape).astype(x.dtype)


@mg.random.drawing
def noise(generator, shape):
    return generator.standard_normal(shape, np.float32)


ACTIVATIONS = [
    "ReLU",
    "Tanh",
    "GELU",
    "SiLU",
    "ELU",
    "Sigmoid",
    "Softplus",
    "LeakyReLU",
    "Mish",
    "SELU",
    "PReLU",
    "CELU",
]


def activation(rng):
    return getattr(nn, str(rng.choice(ACTIVATIONS)))()


def dense(rng, width, own, dtype, depth):
    """Layers that keep a width."""
    makers = [
        lambda: nn.Linear(width, width, bias=bool(rng.random() < 0.8), generator=own, dtype=dtype),
        lambda: nn.Linear(width, width, generator=own, dtype=dtype, weight_regularizer_l2=1e-2),
        lambda: activation(rng),
        lambda: activation(rng),
        lambda: nn.BatchNorm1d(width, dtype=dtype),
        lambda: nn.LayerNorm(width, dtype=dtype),
        lambda: nn.RMSNorm(width, dtype=dtype),
        lambda: nn.Dropout(0.3, own if rng.random() < 0.5 else None),
        lambda: Noisy(own if rng.random() < 0.5 else None),
        lambda: Jittered(own),
        lambda: Residual(nn.Linear(width, width, generator=own, dtype=dtype)),
        lambda: Block(width, own, dtype),
    ]
    return [makers[rng.integers(len(makers))]() for _ in range(depth)]


def mlp(rng, own, dtype):
    width = int(rng.integers(2, 7))
    first = nn.Linear(5, width, generator=own, dtype=dtype)
    return [first, *dense(rng, width, own, dtype, int(rng.integers(1, 5)))], width, (5,)


def image(rng, own, dtype):
    channels = int(rng.choice([2, 4]))
    layers = [nn.Conv2d(2, channels, 3, padding=1, generator=own, dtype=dtype)]
    norms = [lambda: nn.BatchNorm2d(channels, dtype=dtype), lambda: nn.GroupNorm(2, channels, dtype=dtype)]
    if rng.random() < 0.6:
        layers.append(norms[rng.integers(2)]())
    layers += [activation(rng), nn.MaxPool2d(2) if rng.random() < 0.5 else nn.AvgPool2d(2), nn.Flatten()]
    return layers, channels * 9, (2, 6, 6)


def signal(rng, own, dtype):
    stride = int(rng.choice([1, 2]))
    layers = [nn.Conv1d(2, 4, 3, stride=stride, padding=1, generator=own, dtype=dtype), activation(rng), nn.Flatten()]
    return layers, 4 * 8 // stride, (2, 8)


def sequence(rng, own, dtype, tokens):
    width = 4
    front = nn.Embedding if tokens else nn.Linear
    layers = [front(7 if tokens else 3, width, generator=own, dtype=dtype)]
    kind = str(rng.choice(["LSTM", "GRU", "RNN", "encoder"]))
    if kind == "encoder":
        options = {"norm_first": bool(rng.random() < 0.5), "dropout": float(rng.choice([0.0, 0.2]))}
        layers.append(nn.TransformerEncoderLayer(width, 2, 8, batch_first=True, generator=own, dtype=dtype, **options))
    else:
        both = bool(rng.random() < 0.3)
        layers.append(getattr(nn, kind)(width, width, batch_first=True, bidirectional=both, generator=own, dtype=dtype))
        width *= 1 + both
    return [*layers, Pooled(str(rng.choice(["mean", "last"])))], width, (5,) if tokens else (5, 3)


FAMILIES = {
    "mlp": mlp,
    "image": image,
    "signal": signal,
    "tokens": functools.partial(sequence, tokens=True),
    "series": functools.partial(sequence, tokens=False),
}

#: Losses with the kind of their targets.
LOSSES = {
    "CrossEntropyLoss": "labels",
    "MultiMarginLoss": "labels",
    "MSELoss": "numbers",
    "L1Loss": "numbers",
    "HuberLoss": "numbers",
    "SmoothL1Loss": "numbers",
    "BCEWithLogitsLoss": "shares",
}

#: Optimizers with values that their hyperparameters may have.
OPTIMIZERS = {
    "SGD": {"momentum": [0.0, 0.5, 0.9], "nesterov": [False, True], "weight_decay": [0.0, 0.01]},
    "AdaGrad": {"eps": [1e-7, 1e-3]},
    "RMSProp": {"rho": [0.9, 0.5], "eps": [1e-7, 1e-3]},
    "Adadelta": {"rho": [0.9, 0.5], "eps": [1e-6, 1e-3]},
    "Adam": {"betas": [(0.9, 0.999), (0.5, 0.9)], "eps": [1e-7, 1e-3]},
    "AdamW": {"betas": [(0.9, 0.999), (0.5, 0.9)], "weight_decay": [0.0, 0.1]},
    "Adamax": {"betas": [(0.9, 0.999), (0.5, 0.9)]},
    "NAdam": {"betas": [(0.9, 0.999), (0.5, 0.9)], "momentum_decay": [0.004, 0.1]},
    "RAdam": {"betas": [(0.9, 0.999), (0.5, 0.9)]},
    "Lion": {"betas": [(0.9, 0.99), (0.5, 0.9)], "weight_decay": [0.0, 0.1]},
}
SCHEDULES = [
    schedules.exponential(0.02, 0.9), schedules.cosine(0.02, 30), schedules.step(0.02, 3),
    lambda t: 0.02 / (1 + t),
]  # fmt: skip


def optimizer_of(rng, parameters):
    """A random optimizer, sometimes with two groups."""
    kind = str(rng.choice(list(OPTIMIZERS)))
    values = OPTIMIZERS[kind]
    options = {name: choices[rng.integers(len(choices))] for name, choices in values.items() if rng.random() < 0.5}
    if options.get("nesterov") and not options.get("momentum"):
        del options["nesterov"]
    options["lr"] = SCHEDULES[rng.integers(len(SCHEDULES))] if rng.random() < 0.3 else float(rng.choice([0.003, 0.02]))
    options |= {"decay": 0.01} if rng.random() < 0.3 else {}
    options |= {"skip_nonfinite": True} if rng.random() < 0.2 else {}
    groups = parameters
    if len(parameters) > 2 and rng.random() < 0.3:
        cut = int(rng.integers(1, len(parameters)))
        groups = [{"params": parameters[:cut]}, {"params": parameters[cut:], "lr": 0.001}]
    return getattr(optim, kind)(groups, **options)


def one_step(model, optimizer, loss, settings, extra, x, y, weight):
    """The step of training, as ``settings`` want it."""
    if not settings["accumulate"]:
        optimizer.zero_grad()
    value = loss(model(x), y) * (SCALE * settings["scale"])
    if settings["table"]:
        value = value + (model(x) * TABLE).mean()
    if settings["penalty"]:
        value = value + penalty(model.parameters())
    if settings["regularised"]:
        value = value + model.regularization_loss()
    value = value * (1 + weight / 10)
    if settings["looks"] and weight > 1:
        value = value + value * value
    value.backward()
    if settings["clip"]:
        optim.clip_grad_norm_(model.parameters(), settings["clip"])
    optimizer.step()
    if settings["accumulate"]:
        optimizer.zero_grad()
    if "ema" in extra:
        extra["ema"].update()
    if settings["returns"] == "dict":
        return {"loss": value, "rate": optimizer.current_lr, "count": optimizer.iterations}
    return (value, model(x)) if settings["returns"] == "tuple" else value


class Training:
    """The step as a method."""

    def __init__(self, **names):
        self.history = []
        self.rebind(**names)

    def rebind(self, **names):
        vars(self).update(names)

    def step(self, x, y, weight):
        return one_step(self.model, self.optimizer, self.loss, self.settings, self.extra, x, y, weight)


def closure(compiled, model, optimizer, loss, settings, extra):
    """The step as a function that closes over its parts: it, and what binds these anew."""

    def step(x, y, weight):
        return one_step(model, optimizer, loss, settings, extra, x, y, weight)

    def rebind(**names):
        nonlocal model, optimizer, loss, settings, extra
        model, optimizer, loss = names["model"], names["optimizer"], names["loss"]
        settings, extra = names["settings"], names["extra"]

    return compiled(step), rebind


class World:
    """One training: ``World(seed, compiled)`` makes the same from the same seed."""

    def __init__(self, seed, compiled):
        global SCALE
        SCALE, TABLE[...], penalty.factor = 1.0, 1.0, 1e-3
        rng = np.random.default_rng(seed)
        self.own = np.random.default_rng(rng.integers(2**32))
        self.dtype = np.dtype(str(rng.choice(["float32", "float32", "float64"])))
        mg.manual_seed(int(rng.integers(2**32)))
        self.family = str(rng.choice(list(FAMILIES)))
        layers, width, self.shape = FAMILIES[self.family](rng, self.own, self.dtype)
        self.model = nn.Sequential(*layers, nn.Linear(width, CLASSES, generator=self.own, dtype=self.dtype))
        self.optimizer = optimizer_of(rng, self.model.parameters())
        kind = str(rng.choice(list(LOSSES)))
        self.targets, self.loss = LOSSES[kind], getattr(nn, kind)()
        self.settings = {
            "accumulate": bool(rng.random() < 0.2),
            "scale": 1.0,
            "table": bool(rng.random() < 0.2),
            "penalty": bool(rng.random() < 0.2),
            "regularised": bool(rng.random() < 0.2),
            "clip": 0.5 if rng.random() < 0.2 else 0,
            "looks": bool(rng.random() < 0.2),
            "returns": str(rng.choice(["loss", "loss", "dict", "tuple"])),
        }
        self.extra = {"ema": optim.EMA(self.model, 0.9)} if rng.random() < 0.2 else {}
        self.rows = int(rng.integers(2, 7))
        self.weights = [[1.0], [1], [0.5, 1.0, 1.5, 2.0], [0, 1, 2, 3], [1, 2.0]][rng.integers(5)]
        self.saved = []
        self.package = mg.random.generator_state()
        self._compiled = compiled
        self.form = str(rng.choice(["closure", "object", "arguments", "partial"]))
        names = self.names()
        if self.form == "closure":
            self.step, self._rebind = closure(compiled, **names)
        elif self.form == "object":
            self.training = Training(**names)
            self.step, self._rebind = compiled(self.training.step), self.training.rebind
        elif self.form == "arguments":
            self.step, self._rebind = self._with_arguments(compiled(one_step)), lambda **names: None
        else:
            self.rebind()

    def names(self):
        return {name: getattr(self, name) for name in ("model", "optimizer", "loss", "settings", "extra")}

    def rebind(self):
        """Hand over parts that are other objects now."""
        if self.form == "partial":  # holds them for good: it is made anew
            self.step = self._compiled(functools.partial(one_step, *self.names().values()))
        else:
            self._rebind(**self.names())

    def _with_arguments(self, step):
        return lambda x, y, weight: step(*self.names().values(), x, y, weight=weight)

    def batch(self, rng):
        """Inputs, targets, and a number."""
        rows, weight = self.rows, self.weights[rng.integers(len(self.weights))]
        if self.family == "tokens":
            x = rng.integers(0, 7, (rows, *self.shape))
        else:
            x = rng.standard_normal((rows, *self.shape)).astype(self.dtype)
        if self.targets == "labels":
            return x, rng.integers(0, CLASSES, rows), weight
        y = rng.standard_normal((rows, CLASSES)).astype(self.dtype)
        return x, (y if self.targets == "numbers" else 1 / (1 + np.exp(-y))), weight

    def outcome(self):
        """All that must be the same, by name."""
        found = {name: p.data for name, p in self.model.named_parameters()}
        found |= {name: b.data for name, b in self.model.named_buffers()}
        found |= {f"the gradient of {name}": p.grad for name, p in self.model.named_parameters()}
        found["optimizer"] = self.optimizer.state_dict()
        found["rate"] = self.optimizer.current_lr
        found["generator"], found["package"] = mg.random.generator_state(self.own), self.package
        if "ema" in self.extra:
            found["ema"] = self.extra["ema"].state_dict()
        return found
