"""The workloads: what is timed, among whom, and how fast it ought to be.

A workload is a function of the ``Settings`` that returns ``Comparison`` objects. Most are made by
``stepwise`` from a dict of builders: functions without arguments that import their framework and
return a step.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np

from . import converged, derivatives, fitting, layered, life, loading, memory, networks, replay, scalars, small
from .peers import Builders, agree, built
from .timing import SUBJECTS, Comparison, Settings, alternate, per_call

Workload = Callable[[Settings], list[Comparison]]

TIMED_RATE = 1e-6  # so small that the weights, and with them the work, stay what they were
CHECKED_RATE = 1e-2  # so large that a wrong update shows in the loss

LAYERED = {"minigrad": {"torch": 1.5}, "numpy": {"torch": 1.2}, "native": {"torch": 0.9}}


def stepwise(
    title: str,
    timed: Builders,
    checked: Builders | None = None,
    targets: Mapping[str, Mapping[str, float]] | None = None,
    operations: int = 1,
) -> Workload:
    """A workload that repeats a step. The ``checked`` builders must agree before the ``timed`` are run.

    ``targets`` maps a subject (minigrad as it is, or compiled) and a peer to the largest share of its time that it may
    take; ``operations`` is the number that the time of a step is divided by.
    """

    def run(settings: Settings) -> list[Comparison]:
        steps, skipped = built(settings.chosen(checked or timed))
        losses = agree(steps)
        steps, _ = built({name: timed[name] for name in steps})
        measurements = {name: per_call(step, settings.seconds) for name, step in steps.items()}
        samples = {
            name: [seconds / operations for seconds in times]
            for name, times in alternate(measurements, settings.rounds).items()
        }
        limits = {(ours, peer): limit for ours, peers in (targets or {}).items() for peer, limit in peers.items()}
        subjects = tuple([name for name in SUBJECTS if name in samples])
        return [Comparison(title, samples, subjects, targets=limits, losses=losses, skipped=skipped)]

    return run


def spiral_problem() -> networks.Problem:
    """The notebook's network and its data: three arms of 100 points."""
    rng = np.random.default_rng(0)
    radius = np.tile(np.linspace(0.0, 1.0, 100), 3)
    labels = np.repeat(np.arange(3), 100)
    angle = 4 * (labels + radius) + 0.2 * rng.standard_normal(300)
    points = radius[:, None] * np.stack([np.sin(2.5 * angle), np.cos(2.5 * angle)], 1)
    return networks.problem((2, 64, 3), points, labels)


def mlp_problem() -> networks.Problem:
    """A network of the size of MNIST, where the matrix products are most of the work."""
    rng = np.random.default_rng(0)
    return networks.problem((784, 512, 256, 10), rng.standard_normal((128, 784)), rng.integers(0, 10, 128))


def spiral(lr: float) -> Builders:
    """A step of the notebook's network."""
    task = spiral_problem()
    return {
        "minigrad": partial(networks.minigrad_step, task, lr),
        "numpy": partial(networks.compiled_step, task, lr, "numpy"),
        "native": partial(networks.compiled_step, task, lr, "native"),
        "notebook": partial(networks.notebook_step, task, lr),
        "torch": partial(networks.torch_step, task, lr),
        "torch-fused": partial(networks.torch_step, task, lr, fused=True),
        "torch-compile": partial(networks.torch_step, task, lr, compiled=True),
        "jax": partial(networks.jax_step, task, lr),
        "mygrad": partial(networks.mygrad_step, task, lr),
        "autograd": partial(networks.autograd_step, task, lr),
    }


def mlp(lr: float) -> Builders:
    """A step of the larger network."""
    task = mlp_problem()
    return {
        "minigrad": partial(networks.minigrad_step, task, lr),
        "numpy": partial(networks.compiled_step, task, lr, "numpy"),
        "native": partial(networks.compiled_step, task, lr, "native"),
        "torch": partial(networks.torch_step, task, lr),
        "torch-fused": partial(networks.torch_step, task, lr, fused=True),
        "torch-compile": partial(networks.torch_step, task, lr, compiled=True),
        "jax": partial(networks.jax_step, task, lr),
    }


def loader(settings: Settings) -> list[Comparison]:
    """An epoch of the in-memory loader: batches so small that its own work shows, and so large that copying is all."""
    sizes = {(300, 2, 32): 10, (10_000, 20, 32): 313, (20_000, 784, 128): 157}
    return [
        comparison
        for (samples, features, size), batches in sizes.items()
        for comparison in stepwise(
            f"loader: each batch of {size} in an epoch of {samples:,} x {features} floats with labels, shuffled",
            loading.epochs(samples, features, size),
            loading.epochs(samples, features, size, check=True),
            {"minigrad": {"hand": 1.1}},
            operations=batches,
        )(settings)
    ]


def fit(settings: Settings) -> list[Comparison]:
    """Trainer.fit beside a loop by hand, on the spiral net and the larger one."""
    workloads = (
        fitting.added("fit: a step of the spiral net with Adam", spiral_problem(), 500, TIMED_RATE),
        fitting.added("fit: a step of the mlp with Adam", mlp_problem(), 100, TIMED_RATE),
    )
    return [comparison for workload in workloads for comparison in workload(settings)]


WORKLOADS: dict[str, Workload] = {
    "spiral": stepwise(
        "spiral: a training step of a 2-64-3 relu net, batch 300, Adam",
        spiral(TIMED_RATE), spiral(CHECKED_RATE),
        {"minigrad": {"notebook": 0.75, "torch": 0.45}, "numpy": {"torch": 0.35},
         "native": {"torch": 0.15, "jax": 0.45}},
    ),
    "chain": stepwise(
        "chain: each of 1,000 scalar multiplications x * w, forward and backward",
        scalars.chain(by_tensor=True), targets={"minigrad": {"torch": 1 / 3}}, operations=scalars.LENGTH,
    ),
    "chain_const": stepwise(
        "chain_const: each of 1,000 scalar multiplications x * 1.0001, forward and backward",
        scalars.chain(by_tensor=False), targets={"minigrad": {"torch": 1 / 3}}, operations=scalars.LENGTH,
    ),
    "logistic": stepwise(
        "logistic: a training step of logistic regression, 20 to 2, batch 64, Adam",
        small.logistic(TIMED_RATE), small.logistic(CHECKED_RATE),
        {"minigrad": {"torch-fused": 0.5, "mygrad": 0.5, "autograd": 0.5}},
    ),
    "rk4": stepwise(
        "rk4: 60 steps of Runge and Kutta with two variables, and the gradient in four numbers, float64",
        small.predators(), targets={"minigrad": {"torch": 0.6, "autograd": 0.2}},
    ),
    "mlp": stepwise(
        "mlp: a training step of a 784-512-256-10 relu net, batch 128, Adam",
        mlp(TIMED_RATE), mlp(1e-4),
        {"minigrad": {"torch": 0.85}, "numpy": {"torch": 0.8},
         "native": {"torch": 0.7, "torch-compile": 1, "jax": 1}},
    ),
    "elem": stepwise(
        "elem: value and gradient of sum(tanh(c * w + 0.5)**2 * sigmoid(w)), 1 M floats",
        scalars.elementwise(),
        targets={"minigrad": {"torch": 1.5}, "numpy": {"torch": 0.8}, "native": {"torch": 0.25, "jax": 1}},
    ),
    "jacobian": stepwise(
        "jacobian: of two layers, 50 to 50, float64", derivatives.square(),
        targets={"minigrad": {"torch": 1, "autograd": 1}, "numpy": {"jax": 1.5}, "native": {"jax": 1.5}},
    ),
    "hvp": stepwise(
        "hvp: the Hessian of two layers of 50, squared and summed, times a vector, float64", derivatives.product(),
        targets={"minigrad": {"torch": 1, "autograd": 1}, "numpy": {"jax": 1.5}, "native": {"jax": 1.5}},
    ),
    "tall": lambda settings: stepwise(
        "tall: a Jacobian of 1,000 x 5, beside five products with it", derivatives.tall(),
        targets={"minigrad": {"parts": 1.5}},
    )(settings),
    "samples": lambda settings: stepwise(
        "samples: gradients of 256 single samples of a 20-64-1 net, beside one of the batch", derivatives.samples(),
        targets={"minigrad": {"parts": 6}},
    )(settings),
    "loader": loader,
    "fit": fit,
    "tfm": stepwise(
        "tfm: a training step of a transformer, 2 layers of width 64, 4 heads, 64 tokens, batch 16, Adam",
        layered.builders("tfm", TIMED_RATE), layered.builders("tfm", 1e-3), LAYERED,
    ),
    "gru": stepwise(
        "gru: a training step of a GRU 32-64, 50 steps, batch 32, and a linear layer, Adam",
        layered.builders("gru", TIMED_RATE), layered.builders("gru", 1e-3), LAYERED,
    ),
    "lenet": stepwise(
        "lenet: a training step of LeNet-5 on images of 28 x 28, batch 64, Adam",
        layered.builders("lenet", TIMED_RATE), layered.builders("lenet", 1e-3), LAYERED,
    ),
    "replay": lambda settings: replay.replay(spiral_problem(), settings),
    "graph": life.graph,
    "linear": life.linear,
    "import": life.importing,
    "converged": converged.converged,
    "memory": memory.peak,
    "steady": memory.steady,
}  # fmt: skip
