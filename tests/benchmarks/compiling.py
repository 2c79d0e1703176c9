"""The time to compile a step against its number of calls: ``python -m tests.benchmarks.compiling``.

A Runge-Kutta loop of two variables and its gradient, for more and more steps; NumPy backend; processor time of this
process. Linear: the milliseconds per call stay what they are.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

import minigrad as mg


def trajectory(parameters: mg.Tensor, steps: int, width: float = 0.01) -> mg.Tensor:
    """A number that depends on the end of a predator-prey trajectory."""

    def slope(y: mg.Tensor) -> mg.Tensor:
        prey, predators = y[0], y[1]
        a, b, c, d = (parameters[i] for i in range(4))
        return mg.stack([a * prey - b * prey * predators, c * prey * predators - d * predators])

    y = mg.tensor(np.array([1.0, 0.5]))
    for _ in range(steps):
        k1 = slope(y)
        k2 = slope(y + width / 2 * k1)
        k3 = slope(y + width / 2 * k2)
        k4 = slope(y + width * k3)
        y = y + width / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    return (y**2).sum()


def measured(steps: int) -> tuple[int, float]:
    """(calls of the program, seconds of the calls up to and with the first replay)."""
    step = mg.compile(lambda parameters: mg.grad(lambda p: trajectory(p, steps))(parameters), backend="numpy")
    parameters = np.array([1.0, 0.5, 0.3, 0.7])
    start = time.process_time()
    while not step.stats()["replayed"]:
        step(parameters)
    return step.stats()["calls recorded"], time.process_time() - start


def main() -> None:
    """Print one line for each number of steps."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.compiling", description=__doc__)
    parser.add_argument("--steps", type=int, nargs="*", default=[10, 20, 40, 80, 160])
    for steps in parser.parse_args().steps:
        calls, seconds = measured(steps)
        print(f"{steps:5} steps {calls:7} calls {seconds:7.2f} s {seconds / calls * 1e3:6.3f} ms a call", flush=True)


if __name__ == "__main__":
    main()
