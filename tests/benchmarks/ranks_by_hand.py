"""A step in several processes beside the same step as JAX's users write it, with the same sharding.

    python -m minigrad launch --processes 2 tests/benchmarks/ranks_by_hand.py

The network 784-512-256-10 on batches of 512 that come from the host, of which each process gives its rows; Adam;
weights on every device. Both are called in turn, many times. The table has the least and the median time of a step, and
the processor time of the first process.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import Mesh, NamedSharding, PartitionSpec

sys.path.insert(0, str(Path(__file__).parents[2]))

import minigrad as mg
from minigrad import nn, optim
from tests.benchmarks.networks import EPS, Problem, problem

ROUNDS, STEPS, BATCH = 30, 10, 512
LR = 0.001


def ours(task: Problem) -> Callable[[], Any]:
    """The step of minigrad: each process gives the whole batch, of which its own rows are read."""
    modules = [module for w, _ in task.layers for module in (nn.Linear(*w.shape), nn.ReLU())]
    model = nn.Sequential(*modules[:-1])
    for p, array in zip(model.parameters(), [a.T.copy() for layer in task.layers for a in layer], strict=True):
        p.data = array
    optimizer, loss_of = optim.Adam(model.parameters(), lr=LR, eps=EPS), nn.CrossEntropyLoss()

    def step(x: Any, y: Any) -> Any:
        loss = loss_of(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    compiled = mg.compile(step, backend="jax", devices=jax.devices())
    return lambda: compiled(mg.tensor(task.x), task.y)


def by_hand(task: Problem) -> Callable[[], Any]:
    """The same in JAX."""
    mesh = Mesh(np.array(jax.devices()), ("batch",))
    along, whole = NamedSharding(mesh, PartitionSpec("batch")), NamedSharding(mesh, PartitionSpec())
    optimizer = optax.adam(LR, eps=EPS)

    def loss_of(params: Any, x: Any, y: Any) -> Any:
        for w, b in params[:-1]:
            x = jax.nn.relu(x @ w + b)
        w, b = params[-1]
        return optax.softmax_cross_entropy_with_integer_labels(x @ w + b, y).mean()

    def update(params: Any, state: Any, x: Any, y: Any) -> Any:
        loss, grads = jax.value_and_grad(loss_of)(params, x, y)
        updates, state = optimizer.update(grads, state, params)
        return optax.apply_updates(params, updates), state, loss

    step = jax.jit(update, in_shardings=(whole, whole, along, along), out_shardings=whole)
    params = jax.tree.map(lambda a: jax.make_array_from_process_local_data(whole, a), task.layers)
    state = jax.jit(optimizer.init, out_shardings=whole)(params)
    rows = len(task.x) // jax.process_count()
    own = slice(jax.process_index() * rows, (jax.process_index() + 1) * rows)

    def run() -> Any:
        nonlocal params, state
        x, y = (jax.make_array_from_process_local_data(along, part[own]) for part in (task.x, task.y.astype(np.int32)))
        params, state, loss = step(params, state, x, y)
        return np.asarray(jnp.asarray(loss.addressable_data(0)))

    return run


def main() -> None:
    """Print a table."""
    mg.distributed.start()
    rng = np.random.default_rng(0)
    task = problem((784, 512, 256, 10), rng.standard_normal((BATCH, 784)), rng.integers(0, 10, BATCH))
    both = {"minigrad": ours(task), "JAX by hand": by_hand(task)}
    for step in both.values():
        for _ in range(70):  # recorded, compiled, audited
            step()
    wall: dict[str, list[float]] = {name: [] for name in both}
    processor: dict[str, list[float]] = {name: [] for name in both}
    for _ in range(ROUNDS):
        for name, step in both.items():
            start, used = time.perf_counter(), time.process_time()
            for _ in range(STEPS):
                step()
            wall[name].append((time.perf_counter() - start) / STEPS)
            processor[name].append((time.process_time() - used) / STEPS)
    if mg.distributed.rank():
        return
    print(f"| {mg.distributed.size()} processes | least ms | median ms | median processor ms |\n|---|--:|--:|--:|")
    rows = [[min(wall[n]), statistics.median(wall[n]), statistics.median(processor[n])] for n in both]
    for name, row in zip([*both, "ratio"], [*rows, [a / b / 1e3 for a, b in zip(*rows, strict=True)]], strict=True):
        print(f"| {name} | " + " | ".join(f"{1e3 * x:.2f}" for x in row) + " |", flush=True)


if __name__ == "__main__":
    main()
