"""What the fuzzer of training loops does with gradients, batches and steps between two of them; see fuzz_mutations."""

import gc

import numpy as np

import minigrad as mg
from minigrad.errors import CompileError
from tests.compiler.fuzz_models import noise
from tests.compiler.fuzz_worlds import LAYOUTS, PACKINGS, one, parameter, trained

# -- gradients -------------------------------------------------------------------------------------


def gradient(world, rng):
    p = parameter(world, rng)
    if p.requires_grad:
        p.grad = rng.standard_normal(p.shape).astype(p.dtype)


def no_gradient(world, rng):
    parameter(world, rng).grad = None


def write_gradient(world, rng):
    p = parameter(world, rng)
    if p.grad is not None:
        p.grad[...] = 0


def zero_grad(world, rng):
    (world.model if rng.random() < 0.5 else world.optimizer).zero_grad()


def hold(world, _):
    """Gradients that somebody keeps, to look at later."""
    world.held = [p.grad for p in world.model.parameters()]


# -- steps -----------------------------------------------------------------------------------------


def eager_backward(world, rng):
    x, y, _ = world.batch(rng)
    world.loss(world.model(x), y).backward()


def eager_step(world, rng):
    world.train(*world.names().values(), *world.batch(rng))


def _tried(call):
    """The kind of the error that a call raises."""
    try:
        call()
    except CompileError:
        raise
    except Exception as error:  # noqa: BLE001 - both are to raise it
        return type(error).__name__
    return "none"


def failing(world, rng):
    """A step that is left in the middle, once."""
    world.settings["fails"] = one(rng, ["after the backward pass", "after the update", "inside"])
    found = _tried(lambda: world.call(*world.batch(rng)))
    world.settings["fails"] = ""
    return found


def wrong_batch(world, rng):
    """A batch that the step refuses, or that is full of NaN."""
    x, y, weight = world.batch(rng)
    kind = int(rng.integers(3))
    if kind == 0:
        return _tried(lambda: world.call(x, y[:-1], weight))
    if kind == 1 and world.family != "tokens":
        return _tried(lambda: world.call(x[..., :-1], y, weight))
    if y.ndim == 1:
        return _tried(lambda: world.call(x, np.full(len(y), 99), weight))
    return None


def unusual_numbers(world, rng):
    """Zeros, large numbers, infinities."""
    x, y, weight = world.batch(rng)
    if world.family != "tokens" and world.settings["fails"] == "":
        return _tried(lambda: world.call(x * x.dtype.type(one(rng, [0, 1e3, np.inf])), y, weight))
    return None


def thread(world, rng):
    world.threaded = bool(rng.random() < 0.7)


def same_batch(world, rng):
    """The very same objects twice."""
    batch = world.batch(rng)
    return [world.call(*batch) for _ in range(int(rng.integers(1, 4)))]


def write_results(world, rng):
    """What a step gives is the caller's to write into."""
    result = world.call(*world.batch(rng))
    if isinstance(result, mg.Tensor):
        result.data = result.data * 2
    p = trained(world, rng)
    if p.grad is not None:
        p.grad *= p.dtype.type(0.5)


def optimizer_step(world, _):
    world.optimizer.step()


def evaluate(world, rng):
    x = world.batch(rng)[0]
    was = world.model.training
    world.model.eval()
    with mg.no_grad():
        world.model(x)
    world.model.train(was)


# -- batches and memory ----------------------------------------------------------------------------


def rows(world, rng):
    world.sizes = [int(rng.integers(2, 7))]


def last_batch(world, rng):
    world.sizes = [*[int(rng.integers(3, 7))] * int(rng.integers(1, 4)), int(rng.integers(1, 3))]


def packing(world, rng):
    world.packing = one(rng, list(PACKINGS))


def layout(world, rng):
    world.layout = one(rng, list(LAYOUTS))


def collect(world, _):
    world.saved.clear()
    gc.collect()


def forget(world, rng):
    """Something else where a step keeps what comes in again."""
    memory = world.extra.get("memory")
    if memory is not None:
        memory.n = int(rng.integers(3))
        memory.mean = memory.mean * 0
        memory.counts = [int(rng.integers(9)), 0.5]
        memory.kept = one(rng, [None, {}, {"loss": 1.0, "z": []}])


def draw(world, _):
    noise(world.own, (2, 2))


#: All of them, by name.
MUTATIONS = {
    name: value
    for name, value in list(vars().items())
    if callable(value) and getattr(value, "__module__", "") == __name__ and not name.startswith("_")
}
