"""Runs of several processes of which one is killed at a random moment, and that go on.

    python -m tests.benchmarks.kill_ranks --kills 100

Each trial launches a training in some processes, and sends one of them SIGKILL at a random moment, from the first
import to the end. All must end within seconds, with the rank and the reason. Then the run is launched again: in as many
processes, where it must have the bits of a run that nobody killed, or in another number, where it must have its numbers
to rounding. Needs JAX, and a system with /proc.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[2]
#: Processes of which one is killed, and those in which the run goes on: of one trial after the other.
PAIRS = ((2, 2), (2, 1), (1, 2), (2, 2), (1, 1), (2, 2), (2, 3), (2, 2), (4, 2), (4, 4))
TRAINS = 1.0  # seconds from the first checkpoint to a kill, at most
Run = dict[str, np.ndarray]
PATIENCE = 20.0  # seconds from the kill to the end of the last process, at most
ROUNDING = 1e-5
SECONDS = 300  # of a launch that nobody kills, at most


def command(folder: Path, processes: int) -> list[str]:
    """A launch of the training whose checkpoints lie in a folder."""
    script = ROOT / "tests/distributed/scripts.py"
    head = [sys.executable, "-m", "minigrad", "launch", "--processes", str(processes), "--timeout", "60"]
    return [*head, str(script), "kept", str(folder / "out"), str(folder / "checkpoints")]


def environment() -> dict[str, str]:
    """The variables of a launch; what was compiled once is kept, so that a trial takes seconds."""
    kept = Path(tempfile.gettempdir()) / f"minigrad-kill-ranks-{os.getpid()}"
    jax = {"JAX_COMPILATION_CACHE_DIR": str(kept), "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"}
    return {**os.environ, **jax, "PYTHONPATH": str(ROOT)}


def run(folder: Path, processes: int) -> Run:
    """Launch and wait; weights and records of the first rank."""
    made = subprocess.run(command(folder, processes), capture_output=True, text=True, check=False, timeout=SECONDS,
                          env=environment())  # fmt: skip
    if made.returncode:
        raise RuntimeError(f"a launch that nobody killed ended with status {made.returncode}:\n{made.stderr[-2000:]}")
    with np.load(folder / "out-kept-0.npz") as held:
        return {name: held[name] for name in held if name != "count"}


def ranks_of(launcher: int) -> dict[int, int]:
    """The process of each rank that is there."""
    found = {}
    for children in Path(f"/proc/{launcher}/task").glob("*/children"):
        with contextlib.suppress(OSError):  # one has ended meanwhile
            for child in children.read_text().split():
                environment = Path(f"/proc/{child}/environ").read_bytes()
                matched = re.search(rb"MINIGRAD_RANK=(\d+)", environment)
                if matched:
                    found[int(matched[1])] = int(child)
    return found


def killed(folder: Path, processes: int, seconds: float, rank: int, trains: bool) -> tuple[str, float]:
    """Launch, kill a rank after so long, with ``trains`` counted from the first checkpoint on.

    Gives what was said, and how long all took to end then.
    """
    there: dict[int, int] = {}
    with subprocess.Popen(command(folder, processes), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                          env=environment()) as process:  # fmt: skip
        try:
            while trains and process.poll() is None and not list(folder.glob("checkpoints/*.safetensors")):
                time.sleep(0.01)
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            while process.poll() is None and rank not in there:  # it may not have begun
                there = ranks_of(process.pid)
            with contextlib.suppress(ProcessLookupError):
                os.kill(there.get(rank, process.pid), signal.SIGKILL)
        start = time.perf_counter()
        _, said = process.communicate(timeout=SECONDS)
        took = time.perf_counter() - start
    left = [number for number in there.values() if Path(f"/proc/{number}").exists()]
    if left:
        raise RuntimeError(f"processes {left} are left over")
    if process.returncode == 0:
        return "it had ended before", took
    matched = re.search(r"rank (\d+) has failed: (.*)", said)
    if matched is None or (int(matched[1]), matched[2]) != (rank, "it was ended by SIGKILL"):
        raise RuntimeError(f"rank {rank} was killed, and the launcher said:\n{said[-2000:]}")
    return f"rank {rank}", took


def differ(got: Run, expected: Run, bits: bool) -> bool:
    """Whether two runs are not the same, to the bit or to rounding."""
    arrays = [name for name in expected if name != "records"]
    if bits:
        return any(not np.array_equal(got[name], expected[name]) for name in expected)
    return any(not np.allclose(got[name], expected[name], rtol=0, atol=ROUNDING) for name in arrays)


def trial(
    moments: random.Random, wholes: dict[int, Run], seconds: float, memory: str | None, pair: tuple[int, int]
) -> dict[str, Any]:
    """One kill of a run in ``pair[0]`` processes, which goes on in ``pair[1]``; ``wholes`` are runs nobody killed."""
    first, then = pair
    with tempfile.TemporaryDirectory(dir=memory) as name:
        folder = Path(name)
        trains = moments.random() < 0.7
        after = moments.uniform(0, TRAINS) if trains else moments.uniform(0.5, seconds)
        what, took = killed(folder, first, after, moments.randrange(first), trains)
        had = (folder / "checkpoints").is_dir()
        good = not differ(run(folder, then), wholes[first], bits=first == then)
        return {"what": what, "after a checkpoint": had, "seconds": round(took, 1), f"{first} to {then}": good}


def main(arguments: list[str] | None = None) -> int:
    """Run the trials; the exit code is 1 if one did not go on as it should."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.kill_ranks", description=__doc__)
    parser.add_argument("--kills", type=int, default=100, metavar="N")
    parser.add_argument("--minutes", type=float, default=600.0, help="after which no other trial begins")
    parser.add_argument("--seed", type=int, default=None, help="of the moments; by default another each time")
    options = parser.parse_args(arguments)
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(2**32)
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108 - fsync is fast there
    begun, wholes, seconds = time.perf_counter(), {}, 0.0
    for processes in dict.fromkeys(first for first, _ in PAIRS[: options.kills]):
        with tempfile.TemporaryDirectory(dir=memory) as name:
            start = time.perf_counter()
            wholes[processes] = run(Path(name), processes)
            seconds = seconds or time.perf_counter() - start
    found: Counter[str] = Counter()
    slowest, bad = 0.0, 0
    moments, number = random.Random(seed), 0
    for number in range(1, options.kills + 1):
        first, then = PAIRS[(number - 1) % len(PAIRS)]
        result = trial(moments, wholes, seconds, memory, (first, then))
        found.update(name for name, value in result.items() if value is True)
        found[result["what"]] += 1
        slowest = max(slowest, result["seconds"])
        bad += not result[f"{first} to {then}"] or result["seconds"] > PATIENCE
        print(f"{number}: {result}", flush=True)
        if time.perf_counter() - begun > 60 * options.minutes:
            break
    shutil.rmtree(environment()["JAX_COMPILATION_CACHE_DIR"], ignore_errors=True)
    print(
        f"{number} trials (seed {seed}): {dict(sorted(found.items()))}; the last process ended at most {slowest:.1f} s "
        f"after the kill; {bad} trials did not go on as they should; {time.perf_counter() - begun:.0f} s"
    )
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
