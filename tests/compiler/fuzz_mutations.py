"""What the fuzzer of training loops does between two steps: each takes a world and a generator, and may do nothing."""

import copy
import pickle

import numpy as np

import minigrad as mg
from minigrad import nn, optim
from tests.compiler import fuzz_models, fuzz_steps
from tests.compiler.fuzz_models import Gated, Jittered, Masked, Noisy, Residual, Twice, activation
from tests.compiler.fuzz_steps import penalty
from tests.compiler.fuzz_worlds import (
    LOSSES,
    OPTIMIZERS,
    SCHEDULES,
    layers_of,
    network,
    one,
    optimizer,
    optimizer_of,
    parameter,
    trained,
)

# -- rates and hyperparameters ---------------------------------------------------------------------


def rate(world, rng):
    optimizer(world, rng).lr = float(rng.choice([0.001, 0.01, 0.05]))


def schedule(world, rng):
    optimizer(world, rng).lr = one(rng, SCHEDULES)


def rate_of_group(world, rng):
    one(rng, world.optimizer.param_groups)["lr"] = float(rng.random() / 100)


def hyperparameter(world, rng):
    values = OPTIMIZERS[type(world.optimizer).__name__]
    name = one(rng, list(values))
    group = one(rng, world.optimizer.param_groups)
    if name != "nesterov" and not (group.get("nesterov") and name == "momentum"):
        group[name] = one(rng, values[name])


def decay(world, rng):
    one(rng, world.optimizer.param_groups)["decay"] = float(rng.choice([0, 0.01, 0.1]))


# -- modes, freezing, replacing, tying -------------------------------------------------------------


def mode(world, rng):
    network(world, rng).train(bool(rng.random() < 0.5))


def mode_of_layer(world, rng):
    one(rng, world.model.modules()).train(bool(rng.random() < 0.5))


def freeze(world, rng):
    p = trained(world, rng)
    if p.requires_grad and sum(q.requires_grad for q in world.model.parameters()) > 1:
        p.requires_grad_(False)
    else:
        p.requires_grad_(True)


def freeze_layer(world, rng):
    one(rng, list(world.model)[:-1]).requires_grad_(bool(rng.random() < 0.5))


def thaw(world, rng):
    world.model.requires_grad_(True)


def replace_layer(world, rng):
    last = list(world.model)[-1]
    fresh = nn.Linear(last.in_features, last.out_features, generator=rng, dtype=world.dtype)
    world.model[-1] = fresh
    if rng.random() < 0.5:
        new_optimizer(world, rng)


def replace_parameter(world, rng):
    layer = one(rng, layers_of(world, nn.Linear))
    layer.weight = nn.Parameter((layer.weight.data * 0.5).astype(world.dtype))


def replace_activation(world, rng):
    kinds = tuple(getattr(nn, name) for name in fuzz_models.ACTIVATIONS)
    places = [i for i, layer in enumerate(world.model) if isinstance(layer, kinds)]
    if places:
        world.model[one(rng, places)] = activation(rng)


def insert(world, rng):
    world.model.insert(len(world.model) - 1, one(rng, [nn.Tanh(), nn.Identity(), nn.Dropout(0.1, world.own)]))


def tie(world, rng):
    layers = [layer for layer in layers_of(world, nn.Linear) if layer.in_features == layer.out_features]
    if len(layers) > 1:
        layers[-1].weight = layers[0].weight


def new_optimizer(world, rng):
    world.optimizer = optimizer_of(rng, world.model.parameters())
    world.rebind()


def new_loss(world, rng):
    kind = one(rng, [name for name, targets in LOSSES.items() if targets == world.targets])
    world.loss = getattr(nn, kind)()
    world.rebind()


def smoothing(world, rng):
    if isinstance(world.loss, nn.CrossEntropyLoss):
        world.loss.label_smoothing = float(rng.choice([0.0, 0.1]))


def new_average(world, rng):
    world.extra = {**world.extra, "ema": optim.EMA(world.model, float(rng.choice([0.5, 0.9])))}
    world.rebind()


def _hand_over(world, parts):
    world.model, world.optimizer, world.loss, world.settings, world.extra, world.own = parts
    world.rebind()


def copied(world, rng):
    """Training goes on with a copy, as after an experiment that failed."""
    _hand_over(world, copy.deepcopy((*world.names().values(), world.own)))


def pickled(world, rng):
    """And with what another process sent."""
    try:
        sent = pickle.dumps((*world.names().values(), world.own))
    except (pickle.PicklingError, AttributeError):  # a schedule that is a lambda
        return False
    _hand_over(world, pickle.loads(sent))  # noqa: S301 - its own
    return True


def copied_with_its_step(world, rng):
    """The object that holds all, its compiled method too."""
    if world.form == "method":
        world.training, world.own = copy.deepcopy((world.training, world.own))
        world._rebind = world.training.rebind
        vars(world).update({name: getattr(world.training, name) for name in world.names()})


# -- loading ---------------------------------------------------------------------------------------


def save(world, rng):
    world.saved.append(copy.deepcopy((world.model.state_dict(), world.optimizer.state_dict())))


def load_model(world, rng):
    state = one(rng, world.saved)
    current = world.model.state_dict()
    if state and {k: v.shape for k, v in state[0].items()} == {k: v.shape for k, v in current.items()}:
        world.model.load_state_dict(state[0])


def load_optimizer(world, rng):
    world.optimizer.load_state_dict(copy.deepcopy(world.optimizer.state_dict()))


def resume(world, rng):
    """Model and optimizer as they were, where these still are the same kind."""
    state = one(rng, world.saved)
    try:
        world.optimizer.load_state_dict(copy.deepcopy(state[1]) if state else {})
    except (ValueError, KeyError, TypeError) as error:
        return type(error).__name__
    load_model(world, np.random.default_rng(0))
    return None


# -- writing ---------------------------------------------------------------------------------------


def assign(world, rng):
    p = parameter(world, rng)
    p.data = p.data * p.dtype.type(0.9)


def assign_in_place(world, rng):
    p = parameter(world, rng)
    p.data *= p.dtype.type(0.9)


def write(world, rng):
    p = parameter(world, rng)
    p.data[...] = rng.standard_normal(p.shape) / 4


def write_element(world, rng):
    p = parameter(world, rng)
    if p.ndim:
        p.data[0] += p.dtype.type(0.1)


def write_buffer(world, rng):
    buffer = one(rng, world.model.buffers())
    if buffer is not None:
        buffer.data[...] = buffer.data + buffer.dtype.type(1)


def assign_buffer(world, rng):
    buffer = one(rng, world.model.buffers())
    if buffer is not None and buffer.dtype.kind == "f":
        buffer.data = buffer.data * buffer.dtype.type(0.5)


# -- what the step reads besides -------------------------------------------------------------------


def global_number(world, rng):
    fuzz_steps.SCALE = float(rng.choice([0.5, 1.0, 2.0]))


def global_array(world, rng):
    fuzz_steps.TABLE[...] = float(rng.choice([0.5, 1.0, 2.0]))


def function_attribute(world, rng):
    penalty.factor = float(rng.choice([1e-3, 1e-2]))


def setting(world, rng):
    world.settings["scale"] = float(rng.choice([0.5, 1.0, 2.0]))


def flag(world, rng):
    name = one(rng, ["accumulate", "table", "penalty", "regularised", "looks", "trains"])
    world.settings[name] = not world.settings[name]


def clip(world, rng):
    world.settings["clip"] = float(rng.choice([0, 0.1, 1.0]))


def numbers(world, rng):
    world.weights = one(rng, [[1.0], [0.25, 0.5, 0.75], [1, 2, 3], []])


def size(world, rng):
    world.settings["size"] = int(rng.integers(1, 4))


def new_settings(world, rng):
    world.settings = dict(world.settings)
    world.rebind()


HOLDERS = Residual, Noisy, Twice, Masked, Gated


def attribute(world, rng):
    layer = one(rng, layers_of(world, (*HOLDERS, nn.Dropout, nn.LayerNorm, nn.BatchNorm1d, nn.LeakyReLU)))
    if isinstance(layer, Residual):
        layer.factor = float(rng.random())
    elif isinstance(layer, Noisy):
        layer.spread = float(rng.random())
    elif isinstance(layer, Twice):
        layer.times = int(rng.integers(1, 4))
    elif isinstance(layer, Masked):
        layer.level = float(rng.random())
    elif isinstance(layer, Gated):
        layer.parts.options["gate"] = not layer.parts.options["gate"]
        layer.parts.layers.reverse()
    elif isinstance(layer, nn.Dropout):
        layer.p = float(rng.choice([0.0, 0.2, 0.5]))
    elif layer is not None and not isinstance(layer, nn.LeakyReLU):
        layer.eps = float(rng.choice([1e-5, 1e-3]))


def momentum_of_norm(world, rng):
    layer = one(rng, layers_of(world, (nn.BatchNorm1d, nn.BatchNorm2d)))
    if layer is not None:
        layer.momentum = float(rng.choice([0.1, 0.5]))


def function_in_attribute(world, rng):
    layer = one(rng, layers_of(world, fuzz_models.Block))
    if layer is not None:
        layer.activation = one(rng, [np.tanh, mg.sin, nn.ReLU(), nn.functional.gelu])


# -- generators ------------------------------------------------------------------------------------


def seed(world, rng):
    mg.manual_seed(int(rng.integers(2**32)))


def draw_outside(world, rng):
    world.own.random(3)
    mg.random.default_generator().random(2)


def new_generator(world, rng):
    layer = one(rng, layers_of(world, (nn.Dropout, Noisy, Jittered)))
    if layer is not None:
        world.own = layer.generator = np.random.default_rng(rng.integers(2**32))


def state_of_generator(world, rng):
    world.own.bit_generator.state = np.random.default_rng(rng.integers(2**32)).bit_generator.state


#: All of them, by name.
MUTATIONS = {
    name: value
    for name, value in list(vars().items())
    if callable(value) and getattr(value, "__module__", "") == __name__ and not name.startswith("_")
}
