"""The models that the fuzzer of training loops draws, of the package's layers and of own ones."""

import dataclasses
import functools

import numpy as np

import minigrad as mg
from minigrad import nn
from minigrad.transforms.checkpointing import checkpoint


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


class Checkpointed(nn.Module):
    """A part of which no graph is kept."""

    def __init__(self, inner):
        self.inner = inner

    def forward(self, x):
        return checkpoint(self.inner, x) if self.training else self.inner(x)


class Twice(nn.Module):
    """One layer, used more than once: how often is a number in an attribute."""

    def __init__(self, inner):
        self.inner, self.times = inner, 2

    def forward(self, x):
        for _ in range(self.times):
            x = np.tanh(self.inner(x))
        return x


class Masked(nn.Module):
    """Masks, writes in place, slices, and a buffer that the forward pass moves."""

    def __init__(self, width, dtype):
        self.level, self.width = 0.1, width
        self.seen = nn.Buffer(np.zeros(width, dtype))
        self.scale = nn.Parameter(np.ones(width, dtype))

    def forward(self, x):
        if self.training:
            self.seen.data[...] = np.maximum(self.seen.data, np.abs(x.data).max(tuple(range(x.ndim - 1))))
        z = x * self.scale
        z[..., 0] = z[..., 0] * 0.5 + self.level
        z += mg.where(x > self.level, x, 0.0)
        z[x > 2] = 1.0
        return np.concatenate([z[..., 1:], z[..., :1]], axis=-1) / (1 + self.seen.data)


class Gated(nn.Module):
    """Parts in a list of a dataclass, chosen by name."""

    def __init__(self, width, generator, dtype):
        self.parts = Parts([nn.Linear(width, width, generator=generator, dtype=dtype) for _ in "ab"], {"gate": True})

    def forward(self, x):
        z = self.parts.layers[0](x)
        return z * mg.sigmoid(self.parts.layers[1](x)) if self.parts.options["gate"] else z


@dataclasses.dataclass
class Parts:
    """What ``Gated`` holds."""

    layers: list
    options: dict


class Cell(nn.Module):
    """An own cell."""

    def __init__(self, inputs, hidden, generator, dtype):
        self.into = nn.Linear(inputs, hidden, generator=generator, dtype=dtype)
        self.over = nn.Linear(hidden, hidden, bias=False, generator=generator, dtype=dtype)

    def forward(self, x, h):
        return np.tanh(self.into(x) + self.over(h))


class Unrolled(nn.Module):
    """A loop over time, with an own cell or one of the package's."""

    def __init__(self, cell, hidden):
        self.cell, self.hidden = cell, hidden

    def forward(self, x):
        zeros = np.zeros((len(x), self.hidden), x.dtype)
        state = (zeros, zeros) if isinstance(self.cell, nn.LSTMCell) else zeros
        found = []
        for t in range(x.shape[1]):
            state = self.cell(x[:, t], state)
            found.append(state[0] if isinstance(state, tuple) else state)
        return np.stack(found, axis=1)


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
        lambda: Twice(nn.Linear(width, width, generator=own, dtype=dtype)),
        lambda: Masked(width, dtype),
        lambda: Gated(width, own, dtype),
        lambda: Checkpointed(nn.Sequential(nn.Linear(width, width, generator=own, dtype=dtype), nn.Dropout(0.2))),
        lambda: Checkpointed(Residual(nn.BatchNorm1d(width, dtype=dtype))),
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
    kind = str(rng.choice(["LSTM", "GRU", "RNN", "encoder", "LSTMCell", "GRUCell", "RNNCell", "Cell"]))
    if kind == "encoder":
        options = {"norm_first": bool(rng.random() < 0.5), "dropout": float(rng.choice([0.0, 0.2]))}
        layers.append(nn.TransformerEncoderLayer(width, 2, 8, batch_first=True, generator=own, dtype=dtype, **options))
    elif kind == "Cell":
        layers.append(Unrolled(Cell(width, width, own, dtype), width))
    elif kind.endswith("Cell"):
        layers.append(Unrolled(getattr(nn, kind)(width, width, generator=own, dtype=dtype), width))
    else:
        both = bool(rng.random() < 0.3)
        layers.append(getattr(nn, kind)(width, width, batch_first=True, bidirectional=both, generator=own, dtype=dtype))
        width *= 1 + both
    steps = 3 if kind.endswith("Cell") else 5
    return [*layers, Pooled(str(rng.choice(["mean", "last"])))], width, (steps,) if tokens else (steps, 3)


FAMILIES = {
    "mlp": mlp,
    "image": image,
    "signal": signal,
    "tokens": functools.partial(sequence, tokens=True),
    "series": functools.partial(sequence, tokens=False),
}
