"""The backend "jax" beside the same step as JAX's users write it: ``python -m tests.benchmarks.on_jax``.

Both are called in turn, many times; the ratio is that of the least times.
"""

from __future__ import annotations

import sys
import time

from . import layered, networks, workloads
from .timing import Step

NAMES = ("spiral", "mlp", "lenet", "tfm")

#: Rounds, and the seconds of each.
ROUNDS, LENGTH = 40, 0.05


def steps(name: str) -> tuple[Step, Step]:
    """Ours, and that of hand."""
    if name in ("spiral", "mlp"):
        task = workloads.spiral_problem() if name == "spiral" else workloads.mlp_problem()
        return networks.compiled_step(task, 0.001, "jax"), networks.jax_step(task, 0.001)
    drawn = layered.task(name)
    return layered.compiled_step(drawn, 0.001, "jax"), layered.builders(name, 0.001)["jax"]()


def least(name: str) -> list[float]:
    """The least seconds of a step of each."""
    both = steps(name)
    for step in both:
        for _ in range(20):  # recorded, compiled and audited
            step()
    start = time.perf_counter()
    both[1]()
    count = max(2, int(LENGTH / (time.perf_counter() - start)))
    found = [float("inf")] * 2
    for _ in range(ROUNDS):
        for i, step in enumerate(both):
            start = time.perf_counter()
            for _ in range(count):
                step()
            found[i] = min(found[i], (time.perf_counter() - start) / count)
    return found


def main() -> None:
    """Print a table."""
    print("| step | minigrad on JAX | JAX by hand | ratio |\n|---|--:|--:|--:|")
    for name in sys.argv[1:] or NAMES:
        ours, other = least(name)
        print(f"| {name} | {ours * 1e6:.0f} µs | {other * 1e6:.0f} µs | {ours / other:.2f} |", flush=True)


if __name__ == "__main__":
    main()
