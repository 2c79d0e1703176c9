"""The steps of training that the fuzzer draws: each takes the parts of a training and a batch, and trains.

``STEPS`` has them by name, with what they need beside a model and its optimizer: ``prepare(world, rng)`` puts it into
``world.extra``, where mutations find it too.
"""

import collections
import copy
import math

import numpy as np

import minigrad as mg
from minigrad import nn, optim
from minigrad.nn import functional as F

CLASSES = 3
SCALE = 1.0  # a global that the step reads as a number
TABLE = np.ones(CLASSES, np.float32)  # and one that it reads as an array


def penalty(parameters):
    """A function with an attribute that it reads."""
    return sum((p * p).sum() for p in parameters) * penalty.factor


penalty.factor = 1e-3


def numbers_of(y, dtype):
    """Targets as numbers: labels as rows of 0 and 1."""
    return mg.tensor(np.eye(CLASSES, dtype=dtype))[y] if y.ndim == 1 else y


def stop(settings, where):
    """An error in the middle of a step, where the settings want one."""
    if settings["fails"] == where:
        raise ValueError(f"a step that fails {where}")


def finish(model, optimizer, settings, extra):
    """What comes after the backward pass."""
    stop(settings, "after the backward pass")
    if settings["clip"]:
        optim.clip_grad_norm_(model.parameters(), settings["clip"])
    optimizer.step()
    stop(settings, "after the update")
    if "ema" in extra:
        extra["ema"].update()


def usual(model, optimizer, loss, settings, extra, x, y, weight):
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
    finish(model, optimizer, settings, extra)
    if settings["accumulate"]:
        optimizer.zero_grad()
    if settings["returns"] == "dict":
        return {"loss": value, "rate": optimizer.current_lr, "count": optimizer.iterations}
    return (value, model(x)) if settings["returns"] == "tuple" else value


def adversarial(model, optimizer, loss, settings, extra, x, y, weight):
    """Two models with their optimizers, in turns."""
    judge, second = extra["judge"], extra["second"]
    real, made = numbers_of(y, model[-1].weight.dtype), model(x)
    ones, zeros = np.ones((len(y), 1), real.dtype), np.zeros((len(y), 1), real.dtype)
    found = {"noise": extra["own"].standard_normal(real.shape)} if settings["table"] else {}
    if settings["trains"]:
        second.zero_grad()
        seen = real + 0.1 * found["noise"] if found else real
        judged = F.binary_cross_entropy_with_logits(judge(seen), ones)
        judged = judged + F.binary_cross_entropy_with_logits(judge(made.detach()), zeros)
        judged.backward()
        second.step()
        found["judge"] = judged
    optimizer.zero_grad()
    fooled = F.binary_cross_entropy_with_logits(judge(made), ones) * settings["scale"]
    fooled = fooled + loss(made, y) * weight
    fooled.backward()
    finish(model, optimizer, settings, extra)
    return found | {"model": fooled}


def in_parts(model, optimizer, loss, settings, extra, x, y, weight):
    """Small batches of one, added up; the last may be smaller."""
    optimizer.zero_grad()
    total, size = 0.0, settings["size"]
    for start in range(0, len(x), size):
        part = slice(start, start + size)
        value = loss(model(x[part]), y[part]) * (len(y[part]) / len(y)) * SCALE
        value.backward()
        total = total + value.detach()
    finish(model, optimizer, settings, extra)
    return total * weight


def collected(model, optimizer, loss, settings, extra, x, y, weight):
    """Gradients of several calls added up, until the one that steps."""
    value = loss(model(x), y) / settings["size"]
    value.backward()
    if weight >= 1:
        finish(model, optimizer, settings, extra)
        optimizer.zero_grad()
    return {"loss": value, "z": model(x)}


def smoothed(model, optimizer, loss, settings, extra, x, y, weight):
    """A penalty on gradients: backward through backward."""
    optimizer.zero_grad()
    parameters = [p for p in model.parameters() if p.requires_grad]
    if x.dtype.kind == "f" and settings["table"]:
        x = mg.tensor(x, requires_grad=True)
        wanted = [x]
    else:
        wanted = parameters
    value = loss(model(x), y)
    gradients = mg.autograd.grad(value, wanted, create_graph=True, allow_unused=True)
    lengths = [(g * g).sum() for g in gradients if g is not None]
    value = value + sum(lengths) * (0.01 * settings["scale"]) * weight
    value.backward()
    finish(model, optimizer, settings, extra)
    return value, lengths


def by_transform(model, optimizer, loss, settings, extra, x, y, weight):
    """Gradients as values, of a function made in the step or outside of it."""
    objective = extra["objective"] if settings["table"] else mg.value_and_grad(lambda m: loss(m(x), y) * SCALE)
    with mg.no_grad():
        value, gradients = objective(model, x, y) if settings["table"] else objective(model)
    optimizer.zero_grad()
    for name, p in model.named_parameters():
        if name in gradients:
            p.grad = gradients[name].data * weight
    finish(model, optimizer, settings, extra)
    return value, {name: g * settings["scale"] for name, g in gradients.items()}


def directional(model, optimizer, loss, settings, extra, x, y, weight):
    """Transforms of transforms, in a loss that is differentiated."""
    optimizer.zero_grad()
    z = model(x)
    along = np.ones(z.shape, z.dtype) if settings["table"] else mg.tensor(z.data * 0.5)
    value, slope = mg.jvp(lambda z: loss(z, y) * SCALE, (z,), (along,))
    bend = mg.hvp(lambda z: (np.tanh(z) * z).sum() * settings["scale"], z, along)
    outer = mg.grad(lambda s: s * mg.grad(lambda t: loss(z * t, y) * s)(1.0))(weight + 0.5)
    value = value + 0.1 * slope * slope + 0.01 * (bend * bend).mean() + 0.01 * outer
    value.backward()
    finish(model, optimizer, settings, extra)
    return value, slope, bend


def taught(model, optimizer, loss, settings, extra, x, y, weight):
    """A teacher that follows the model."""
    optimizer.zero_grad()
    teacher = extra["teacher"]
    with mg.no_grad():
        target = teacher(x)
    z = model(x)
    value = loss(z, y) + ((z - target) ** 2).mean() * weight
    value.backward()
    finish(model, optimizer, settings, extra)
    share = settings["scale"] * 0.1
    for p, q in zip(model.parameters(), teacher.parameters(), strict=False):
        if settings["table"]:
            q.data[...] = (1 - share) * q.data + share * p.data
        else:
            q.data *= 1 - share
            q.data += share * p.data
    return value


def mixed(model, optimizer, loss, settings, extra, x, y, weight):
    """Numbers drawn in the step: a share, an order, noise."""
    optimizer.zero_grad()
    rng = extra["own"]
    share, order = rng.beta(0.4, 0.4), rng.permutation(len(x))
    if x.dtype.kind == "f":
        x = share * x + (1 - share) * x[order]
        if settings["table"]:
            x = x + rng.normal(0, 0.1 * settings["scale"], x.shape)
        x = x.astype(model[-1].weight.dtype)
    z = model(x)
    value = share * loss(z, y) + (1 - share) * loss(z, y[order]) * weight
    if settings["penalty"]:
        value = value + mg.where(rng.random(z.shape) < 0.5, z, 0.0).mean()
    value.backward()
    finish(model, optimizer, settings, extra)
    return value


def measured(model, optimizer, loss, settings, extra, x, y, weight):
    """Training and evaluation in one, with numbers for a log."""
    if settings["table"]:
        model.train()
    optimizer.zero_grad()
    z = model(x)
    value = loss(z, y) * weight
    value.backward()
    finish(model, optimizer, settings, extra)
    if settings["table"]:
        model.eval()
    with mg.no_grad():
        after = model(x)
    found = z.data.argmax(-1)
    right = (found == (y if y.ndim == 1 else y.argmax(-1))).mean()
    norms = {name: mg.linalg.norm(p) for name, p in model.named_parameters()}
    return {"loss": value.detach(), "accuracy": right, "z": [z, after], "norms": norms, "n": len(x)}


def careful(model, optimizer, loss, settings, extra, x, y, weight):
    """Errors that the step itself catches."""
    optimizer.zero_grad()
    try:
        stop(settings, "inside")
        value = loss(model(x), y) * weight
    except ValueError:
        value = penalty(model.parameters())
    try:
        value.backward()
        finish(model, optimizer, settings, extra)
    finally:
        settings = dict(settings)
    return value, settings["returns"]


class Memory:
    """What a step keeps from one call to the next."""

    def __init__(self, dtype, rng):
        self.n, self.mean, self.kept, self.counts = 0, np.zeros(CLASSES, dtype), None, [0, 0.0]
        self.window, self.rngs, self.seen = collections.deque(maxlen=3), (rng,), np.zeros(CLASSES, np.int64)

    def outcome(self):
        """All of it, to be compared."""
        found = {key: held for key, held in vars(self).items() if key not in ("window", "rngs")}
        return found | {"window": [*self.window], "rng": mg.random.generator_state(self.rngs[0])}


def remembering(model, optimizer, loss, settings, extra, x, y, weight):
    """Rates by a counter, a running mean, lists and dicts that are new in each call, a generator in a tuple."""
    memory = extra["memory"]
    memory.n += 1
    if settings["table"]:
        optimizer.lr = 0.01 * (1 + math.cos(math.pi * min(memory.n, 15) / 15)) if memory.n > 2 else 0.01 * memory.n
    optimizer.zero_grad()
    z = model(x)
    noisy = z + 0.1 * memory.rngs[0].standard_normal(z.shape, z.dtype)
    value = loss(z, y) * (1 + 0.1 * math.exp(-memory.n / 10)) * weight
    value = value + ((noisy - memory.mean) ** 2).mean() * (0.01 * settings["scale"])
    value.backward()
    finish(model, optimizer, settings, extra)
    memory.mean = 0.9 * memory.mean + 0.1 * z.data.mean(axis=0)
    memory.kept = {"loss": value.item(), "z": [z.detach(), noisy.mean().item()]}
    memory.counts[0] += 1
    memory.counts[1] += float(value.detach())
    np.add.at(memory.seen, z.data.argmax(axis=1), 1)
    memory.window.append(value.item())
    return value, sum(memory.window) / len(memory.window)


class Rows:
    """Arrays that a step writes into, and what it has frozen."""

    def __init__(self, dtype):
        self.lib, self.n = np, 0
        self.centres, self.queue = np.zeros((CLASSES, CLASSES), dtype), np.zeros((9, CLASSES), dtype)
        self.history, self.confusion = np.zeros(7), np.zeros((CLASSES, CLASSES), np.int64)

    def outcome(self):
        """All of it, to be compared."""
        return {key: held for key, held in vars(self).items() if key != "lib"}


def filled(model, optimizer, loss, settings, extra, x, y, weight):
    """Arrays that the step makes and fills, and those from outside that it writes into by computed places."""
    rows, size = extra["rows"], len(x)
    labels = y if y.ndim == 1 else y.argmax(axis=-1)
    z = model(x)
    made = np.zeros((size, CLASSES), z.dtype)
    made[np.arange(size), labels] = 1
    shares = rows.lib.full_like(made, 0.1 * settings["scale"])
    shares[made > 0] = 0.5
    view = np.asarray(shares)
    shares[0] = z.data[0]
    value = loss(z, y) * weight + ((z - view) ** 2).mean() + ((z - rows.centres[labels]) ** 2).mean() * 0.1
    optimizer.zero_grad()
    value.backward()
    finish(model, optimizer, settings, extra)
    found = z.data.argmax(axis=-1)
    rows.centres[labels] = 0.9 * rows.centres[labels] + 0.1 * z.data
    rows.history[rows.n % 7] = value.item()
    at = rows.n % 3
    rows.queue[at : at + 1] = z.data[:1]
    np.add.at(rows.confusion, (labels, found), 1)
    rows.n += 1
    ends = np.linspace(0, value.item(), 3) if settings["table"] else np.full(2, value.item())
    return {"loss": value, "made": [made, shares, view], "ends": ends, "again": (z, z)}


def in_turns(model, optimizer, loss, settings, extra, x, y, weight):
    """Layers that are frozen and let go in the step, as networks in turns are; a judge that never learns by itself."""
    judge, second = extra["judge"], extra["second"]
    real = numbers_of(y, model[-1].weight.dtype)
    if settings["trains"]:
        model.requires_grad_(False)
        second.zero_grad()
        judged = (judge(model(x)) ** 2).mean() + ((judge(real) - 1) ** 2).mean()
        judged.backward()
        second.step()
        model.requires_grad_(True)
    judge.requires_grad_(False)
    optimizer.zero_grad()
    z = model(x)
    value = loss(z, y) * weight + ((judge(z) - 1) ** 2).mean() * settings["scale"]
    value.backward()
    finish(model, optimizer, settings, extra)
    judge.requires_grad_(True)
    if settings["table"]:
        model[0].requires_grad_(not model[0].weight.requires_grad)
        model[0].requires_grad_(True)
    return value, z


def nothing(_, __):
    """No more than a model and its optimizer."""


def a_generator(world, _):
    world.extra["own"] = world.own


def a_judge(world, rng):
    a_generator(world, rng)
    width = int(rng.integers(2, 5))
    options = {"generator": world.own, "dtype": world.dtype}
    judge = nn.Sequential(nn.Linear(CLASSES, width, **options), nn.LeakyReLU(), nn.Linear(width, 1, **options))
    kind = getattr(optim, str(rng.choice(["SGD", "Adam", "RMSProp"])))
    world.extra |= {"judge": judge, "second": kind(judge.parameters(), lr=0.02)}


def rows(world, _):
    world.extra["rows"] = Rows(world.dtype)


def a_memory(world, rng):
    world.extra["memory"] = Memory(world.dtype, np.random.default_rng(rng.integers(2**32)))


def a_teacher(world, _):
    world.extra["teacher"] = copy.deepcopy(world.model).requires_grad_(False)


class Objective:
    """A function that is made once, outside, and names the loss."""

    def __init__(self, loss):
        self.loss = loss

    def __call__(self, model, x, y):
        return self.loss(model(x), y) * SCALE


def an_objective(world, _):
    world.extra["objective"] = mg.value_and_grad(Objective(world.loss))


#: The steps by name, with what prepares them.
STEPS = {
    "usual": (usual, nothing),
    "adversarial": (adversarial, a_judge),
    "in parts": (in_parts, nothing),
    "collected": (collected, nothing),
    "smoothed": (smoothed, nothing),
    "by transform": (by_transform, an_objective),
    "directional": (directional, nothing),
    "taught": (taught, a_teacher),
    "mixed": (mixed, a_generator),
    "measured": (measured, nothing),
    "careful": (careful, nothing),
    "remembering": (remembering, a_memory),
    "filled": (filled, rows),
    "in turns": (in_turns, a_judge),
}
