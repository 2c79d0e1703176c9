"""Training runs that are killed at random moments, and go on to the same bits.

    python -m tests.benchmarks.kill_resume --trials 500

Each trial is a process that trains with dropout, batch norm, shuffling, augmentation, a schedule, metrics and
callbacks. It is sent SIGKILL at a random moment, up to three times, and started again each time; the last one runs to
its end. Weights, momenta, history, the CSV log and generators are then compared, bit for bit, with those of a run that
nobody killed. Optimizers, accumulation, prefetching, compilation and the steps between checkpoints vary. The processes
are forks of one that has imported everything, so that a trial takes a fraction of a second. Needs a system with fork.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import json
import os
import random
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import minigrad as mg
from minigrad import train
from tests.runs import OPTIMIZERS, Run, differences

EPOCHS = 4
KILLS = 3  # at most, in a trial

SETTINGS = [
    {},
    {"accumulate": 3},
    {"prefetch": 2},
    {"loader": "list"},
    {"compiled": True, "loader": "list"},
]


def in_child(action: Callable[[], None]) -> int:
    """Run ``action`` in a new process; its id."""
    child = os.fork()
    if child:
        return child
    try:
        action()
    except BaseException:  # noqa: BLE001 - whatever it is, the child ends here
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def finished(child: int, kill_after: float | None) -> bool:
    """Wait for a child, or kill it after so many seconds; whether it had come to its end."""
    if kill_after is not None:
        time.sleep(kill_after)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if os.WIFEXITED(status) and os.WEXITSTATUS(status):
        raise RuntimeError("a run failed; its traceback is above")
    return os.WIFEXITED(status)


def trial(name: str, settings: dict[str, Any], seed: int, folder: Path) -> dict[str, Any]:
    """One run without an interruption and one with; how they differ."""
    moments = random.Random(seed)
    every = moments.choice([1, 1, 2, 3, 7])

    def run(part: Path, log: Path) -> None:
        made = Run(name, callbacks=[train.CSVLogger(log)], **settings)
        outcome = made.fit(EPOCHS, part / "checkpoints", checkpoint_every=every)
        rows = list(csv.DictReader(log.read_text(encoding="utf-8").splitlines()))
        logged = [{name: text for name, text in row.items() if name != "seconds"} for row in rows]
        mg.save(part / "outcome", {**outcome, "log": logged})

    whole, killed = folder / "whole", folder / "killed"
    for part in (whole, killed):
        part.mkdir()
    start = time.perf_counter()
    finished(in_child(lambda: run(whole, whole / "log.csv")), None)
    seconds = time.perf_counter() - start
    kills = 0
    while not finished(
        in_child(lambda: run(killed, killed / "log.csv")), moments.uniform(0, seconds) if kills < KILLS else None
    ):
        kills += 1
    expected, got = mg.load(whole / "outcome"), mg.load(killed / "outcome")
    return {"optimizer": name, **settings, "every": every, "kills": kills, "differences": differences(expected, got)}


def trials(count: int, seed: int) -> Iterator[dict[str, Any]]:
    """So many of them, all optimizers and settings in turn."""
    cases = itertools.cycle((name, settings) for settings in SETTINGS for name in OPTIMIZERS)
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108 - fsync is fast there
    for number, (name, settings) in zip(range(count), cases, strict=False):
        with tempfile.TemporaryDirectory(dir=memory) as folder:
            yield trial(name, settings, seed + number, Path(folder))


def main(arguments: list[str] | None = None) -> int:
    """Run the trials; the exit code is 1 if a single bit differed."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.kill_resume", description=__doc__)
    parser.add_argument("--trials", type=int, default=500, metavar="N")
    parser.add_argument("--seed", type=int, default=None, help="of the moments; by default another each time")
    parser.add_argument("--json", action="store_true", help="print each trial as a line of JSON")
    options = parser.parse_args(arguments)
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(2**32)
    Run().fit(1)  # what is imported and compiled late is there before the first fork
    kills = failed = 0
    start = time.perf_counter()
    for result in trials(options.trials, seed):
        kills += result["kills"]
        failed += bool(result["differences"])
        if options.json or result["differences"]:
            print(json.dumps(result), flush=True)
    print(
        f"{options.trials} trials (seed {seed}), {kills} processes killed, {failed} trials with a difference, "
        f"{time.perf_counter() - start:.0f} s",
        file=sys.stderr,
    )
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
