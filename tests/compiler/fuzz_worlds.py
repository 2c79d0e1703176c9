"""What the fuzzer of training loops draws: a model of the layers, an optimizer with options, a step around them."""

import concurrent.futures
import dataclasses
import functools

import numpy as np

import minigrad as mg
from minigrad import nn, optim
from minigrad.optim import schedules
from tests.compiler import fuzz_steps
from tests.compiler.fuzz_models import FAMILIES
from tests.compiler.fuzz_steps import CLASSES, STEPS

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


@dataclasses.dataclass
class Batch:
    """A batch as one object."""

    x: object
    y: object
    weight: object


#: How a batch is passed.
PACKINGS = {
    "arguments": lambda x, y, weight: (x, y, weight),
    "dict": lambda x, y, weight: ({"x": x, "y": y, "weight": weight},),
    "list": lambda x, y, weight: ([x, [y, weight]],),
    "dataclass": lambda x, y, weight: (Batch(x, y, weight),),
    "options": lambda x, y, weight: (x, y, {"weight": weight, "names": ["a", "b"]}),
}


def unpacked(*given):
    """Inputs, targets and the number of a batch, however it was passed."""
    first = given[0]
    if isinstance(first, dict):
        return first["x"], first["y"], first["weight"]
    if isinstance(first, list):
        x, (y, weight) = first
        return x, y, weight
    if isinstance(first, Batch):
        return first.x, first.y, first.weight
    x, y, weight = given
    return x, y, weight["weight"] if isinstance(weight, dict) else weight


def _refilled(held, array):
    """One array for all batches of a shape, as a loader may have it."""
    kept = held.setdefault((array.shape, array.dtype), np.empty_like(array))
    kept[...] = array
    return kept


def _read_only(_, array):
    array.flags.writeable = False
    return array


#: What a batch is made of: (the arrays held so far, an array) -> what is passed.
LAYOUTS = {
    "array": lambda _, array: array,
    "tensor": lambda _, array: mg.tensor(array) if array.dtype.kind == "f" else array,
    "columns": lambda _, array: np.asfortranarray(array),
    "strided": lambda _, array: np.repeat(array, 2, 0)[::2],
    "refilled": _refilled,
    "read-only": _read_only,
}


class Training:
    """The step as a method."""

    def __init__(self, **names):
        self.history = []
        self.rebind(**names)

    def rebind(self, **names):
        vars(self).update(names)

    def step(self, *batch):
        parts = self.model, self.optimizer, self.loss, self.settings, self.extra
        return self.train(*parts, *unpacked(*batch))


def closure(compiled, train, model, optimizer, loss, settings, extra):
    """The step as a function that closes over its parts: it, and what binds these anew."""

    def step(*batch):
        x, y, weight = unpacked(*batch)
        return train(model, optimizer, loss, settings, extra, x, y, weight)

    def rebind(**names):
        nonlocal model, optimizer, loss, settings, extra
        model, optimizer, loss = names["model"], names["optimizer"], names["loss"]
        settings, extra = names["settings"], names["extra"]

    return compiled(step), rebind


def whole(train, model, optimizer, loss, settings, extra, *batch):
    """The step as a function of all its parts."""
    return train(model, optimizer, loss, settings, extra, *unpacked(*batch))


class World:
    """One training: ``World(seed, compiled)`` makes the same from the same seed."""

    def __init__(self, seed, compiled):
        fuzz_steps.SCALE, fuzz_steps.TABLE[...], fuzz_steps.penalty.factor = 1.0, 1.0, 1e-3
        rng = np.random.default_rng(seed)
        self.own = np.random.default_rng(rng.integers(2**32))
        self.dtype = np.dtype(str(rng.choice(["float32", "float32", "float64"])))
        mg.manual_seed(int(rng.integers(2**32)))
        self.family = str(rng.choice(list(FAMILIES), p=[0.4, 0.15, 0.15, 0.15, 0.15]))
        layers, width, self.shape = FAMILIES[self.family](rng, self.own, self.dtype)
        self.model = nn.Sequential(*layers, nn.Linear(width, CLASSES, generator=self.own, dtype=self.dtype))
        self.optimizer = optimizer_of(rng, self.model.parameters())
        kind = str(rng.choice(list(LOSSES)))
        self.targets, self.loss = LOSSES[kind], getattr(nn, kind)()
        self.settings = {
            "accumulate": bool(rng.random() < 0.2),
            "scale": 1.0,
            "table": bool(rng.random() < 0.3),
            "penalty": bool(rng.random() < 0.2),
            "regularised": bool(rng.random() < 0.2),
            "clip": 0.5 if rng.random() < 0.2 else 0,
            "looks": bool(rng.random() < 0.2),
            "returns": str(rng.choice(["loss", "loss", "dict", "tuple"])),
            "trains": True,
            "size": int(rng.integers(1, 4)),
            "fails": "",
        }
        self.extra = {"ema": optim.EMA(self.model, 0.9)} if rng.random() < 0.2 else {}
        kinds = list(STEPS)
        self.kind = "usual" if rng.random() < 0.4 else str(rng.choice(kinds[1:]))
        self.train, prepare = STEPS[self.kind]
        prepare(self, rng)
        self.sizes = [int(rng.integers(2, 7))]
        if rng.random() < 0.2:  # the last batch of an epoch is small
            self.sizes = [*self.sizes * int(rng.integers(2, 5)), int(rng.integers(1, 3))]
        self.weights = [[1.0], [1], [0.5, 1.0, 1.5, 2.0], [0, 1, 2, 3], [1, 2.0], []][rng.integers(6)]
        self.packing, self.layout = "arguments", "array"
        if rng.random() < 0.4:
            self.packing, self.layout = str(rng.choice(list(PACKINGS))), str(rng.choice(list(LAYOUTS)))
        self.calls, self.threaded, self.saved, self.held, self._buffers = 0, False, [], [], {}
        self.package = mg.random.generator_state()
        self._compiled = compiled
        self.form = str(rng.choice(["closure", "object", "method", "arguments", "partial"]))
        names = self.names()
        if self.form == "closure":
            self.step, self._rebind = closure(compiled, self.train, **names)
        elif self.form == "object":
            self.training = Training(train=self.train, **names)
            self.step, self._rebind = compiled(self.training.step), self.training.rebind
        elif self.form == "method":
            kind = type("Method", (Training,), {"step": compiled(Training.step)})
            self.training = kind(train=self.train, **names)
            self.step, self._rebind = lambda *batch: self.training.step(*batch), self.training.rebind
        elif self.form == "arguments":
            self._whole = compiled(whole)
            self.step, self._rebind = lambda *batch: self._whole(self.train, *self.names().values(), *batch), None
        else:
            self.rebind()

    def names(self):
        return {name: getattr(self, name) for name in ("model", "optimizer", "loss", "settings", "extra")}

    def rebind(self):
        """Hand over parts that are other objects now."""
        if self.form == "partial":  # holds them for good: it is made anew
            self.step = self._compiled(functools.partial(whole, self.train, *self.names().values()))
        elif self._rebind is not None:
            self._rebind(**self.names())

    def call(self, x, y, weight):
        """One step, from this thread or from another."""
        self.calls += 1
        batch = PACKINGS[self.packing](x, y, weight)
        if not self.threaded:
            return self.step(*batch)
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            return pool.submit(self._quietly, batch).result()

    def several(self, n, x, y, weight, each):
        """Some steps: in one call where the step has ``repeat``, and what they give one after the other."""
        self.calls += n
        step, before = (self.training.step if self.form == "method" else self.step), ()
        if self.form == "arguments":
            step, before = self._whole, (self.train, *self.names().values())
        if hasattr(step, "repeat"):
            return step.repeat(n, *before, *PACKINGS[self.packing](x, y, weight), each=each)
        batches = [PACKINGS[self.packing](x[k], y[k], weight) if each else () for k in range(n)]
        batches = batches if each else [PACKINGS[self.packing](x, y, weight)] * n
        results = [step(*before, *batch) for batch in batches]
        try:
            return stacked(results)
        except ValueError:  # of other shapes, or None now and then
            return results

    def _quietly(self, batch):
        with np.errstate(all="ignore"):
            return self.step(*batch)

    def batch(self, rng, rows=None):
        """Inputs, targets, and a number."""
        rows = rows or self.sizes[self.calls % len(self.sizes)]
        weight = self.weights[rng.integers(len(self.weights))] if self.weights else float(rng.random())
        if self.family == "tokens":
            x = rng.integers(0, 7, (rows, *self.shape))
        else:
            x = rng.standard_normal((rows, *self.shape)).astype(self.dtype)
        if self.targets == "labels":
            y = rng.integers(0, CLASSES, rows)
        else:
            y = rng.standard_normal((rows, CLASSES)).astype(self.dtype)
            y = y if self.targets == "numbers" else 1 / (1 + np.exp(-y))
        lay = functools.partial(LAYOUTS[self.layout], self._buffers)
        return lay(x), lay(y), weight

    def networks(self):
        """The model and those beside it."""
        return [self.model, *[part for part in self.extra.values() if isinstance(part, nn.Module)]]

    def amplifies(self):
        """Whether rounding may grow by itself: some optimizers make a whole step of a gradient that is nothing else."""
        parts = [self.optimizer, *[part for part in self.extra.values() if isinstance(part, optim.Optimizer)]]
        finite = all(np.isfinite(p.data).all() for model in self.networks() for p in model.parameters())
        return not finite or any(not isinstance(part, optim.SGD) for part in parts)

    def outcome(self):
        """All that must be the same, by name."""
        found = {}
        for i, model in enumerate(self.networks()):
            found |= {f"{i} {name}": p.data for name, p in model.named_parameters()}
            found |= {f"{i} {name}": b.data for name, b in model.named_buffers()}
            found |= {f"the gradient of {i} {name}": p.grad for name, p in model.named_parameters()}
            found |= {f"{i} {name}": mg.random.generator_state(g) for name, g in model.named_generators()}
            found |= {f"the mode of {i}": [module.training for module in model.modules()]}
        for name, part in {"optimizer": self.optimizer, **self.extra}.items():
            if isinstance(part, (optim.Optimizer, optim.EMA)):
                found[name] = part.state_dict()
            elif isinstance(part, (fuzz_steps.Memory, fuzz_steps.Rows)):
                found[name] = part.outcome()
        found["rate"], found["held"] = self.optimizer.current_lr, self.held
        found["generator"], found["package"] = mg.random.generator_state(self.own), self.package
        return found


def stacked(results):
    """Results of one structure as arrays of all of them."""
    first = results[0]
    if isinstance(first, dict):
        return {key: stacked([x[key] for x in results]) for key in first}
    if isinstance(first, (tuple, list)):
        return type(first)([stacked(list(column)) for column in zip(*results, strict=True)])
    if first is None and all(x is None for x in results):
        return None
    if isinstance(first, str):
        return results
    return np.stack([x.data if isinstance(x, mg.Tensor) else x for x in results])


# -- some part of a world, for a mutation ----------------------------------------------------------


def one(rng, items):
    return items[rng.integers(len(items))] if items else None


def network(world, rng):
    return one(rng, world.networks())


def optimizer(world, rng):
    return one(rng, [world.optimizer, *[x for x in world.extra.values() if isinstance(x, optim.Optimizer)]])


def parameter(world, rng):
    return one(rng, network(world, rng).parameters())


def trained(world, rng):
    return one(rng, world.model.parameters())


def layers_of(world, kind):
    return [module for module in world.model.modules() if isinstance(module, kind)]
