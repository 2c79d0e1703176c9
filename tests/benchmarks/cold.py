"""The time of a step's first calls, beside ``jax.jit``: ``python -m tests.benchmarks.cold``.

Each line is a process of its own: cold, with an empty folder for kernels, and warm, with the folder that the first one
left. The seconds are those of the processor, from the first call to the end of the first call that replays, without
making the step; and with what is imported on the way. JAX compiles in its first call.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time

WORKLOADS = ("spiral", "mlp", "lenet", "tfm")


def measured(workload: str, who: str) -> tuple[float, float]:
    """(seconds of all calls up to the first one that only runs, seconds to make the step), in this process."""
    from . import layered, workloads

    rate = workloads.TIMED_RATE
    builders = {"spiral": workloads.spiral, "mlp": workloads.mlp}
    made = builders[workload](rate) if workload in builders else layered.builders(workload, rate)
    start = time.process_time()
    step = made[who]()
    middle = time.process_time()
    while True:
        step()
        if who == "jax" or step.stats()["replayed"]:
            return time.process_time() - middle, middle - start


def main() -> None:
    """Print a line for each workload."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.cold", description=__doc__)
    parser.add_argument("--workload", nargs="*", default=list(WORKLOADS), choices=WORKLOADS)
    parser.add_argument("--one", nargs=2, metavar=("WORKLOAD", "WHO"), help="measure one in this process")
    given = parser.parse_args()
    if given.one:
        print(*measured(*given.one))
        return
    print("| workload | native, cold | native, warm | `jax.jit` | cold / `jax.jit` |\n|---|--:|--:|--:|--:|")
    for workload in given.workload:
        with tempfile.TemporaryDirectory() as folder:
            cold, warm, other = (_apart(workload, who, folder) for who in ("native", "native", "jax"))
        print(f"| {workload} | {cold:.2f} s | {warm:.2f} s | {other:.2f} s | {cold / other:.2f} |", flush=True)


def _apart(workload: str, who: str, folder: str) -> float:
    """The seconds of one process of its own."""
    command = [sys.executable, "-m", "tests.benchmarks.cold", "--one", workload, who]
    environment = {**os.environ, "MINIGRAD_CACHE": os.path.join(folder, "kernels"), "OMP_NUM_THREADS": "1"}
    made = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return float(made.stdout.split()[0])


if __name__ == "__main__":
    main()
