"""Training runs that are killed at random moments, and go on to the same bits.

    python -m tests.benchmarks.kill_resume --trials 500

Each trial is a process that trains: one of the designs of ``tests/train/designs.py`` (gradual unfreezing, schedules,
averages, own callbacks, own iterables, generators in helpers, several fits, ...), or an optimizer with dropout, batch
norm, shuffling, augmentation, metrics and callbacks. It is sent SIGKILL or SIGTERM at a random moment, up to three
times, and started again each time; the last one runs to its end. Weights, momenta, history, logs and generators are
then compared, bit for bit, with those of a run that nobody killed. The processes are forks of one that has imported
everything, so that a trial takes a fraction of a second. Needs a system with fork.
"""

from __future__ import annotations

import argparse
import csv
import functools
import itertools
import json
import os
import random
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

import minigrad as mg
from minigrad import train
from tests.train.designs import DESIGNS, EndedBySignal
from tests.train.runs import OPTIMIZERS, Run, differences

EPOCHS = 4
KILLS = 3  # at most, in a trial

SETTINGS = [
    {},
    {"accumulate": 3},
    {"prefetch": 2},
    {"loader": "list"},
    {"compiled": True, "loader": "list"},
]
ENDED = 3  # the exit code of a script whose fit was ended by SIGTERM, after a step

Script = Callable[[Path, int], dict[str, Any]]


def scripts() -> dict[str, Script]:
    """All of them by name: the designs, and between each two of them an optimizer with some settings."""
    optimizers = {
        " ".join([name, *map(str, settings.items())]): functools.partial(with_optimizer, name, settings)
        for settings in SETTINGS
        for name in OPTIMIZERS
    }
    pairs = itertools.zip_longest(DESIGNS.items(), optimizers.items())
    return dict(entry for pair in pairs for entry in pair if entry)


def with_optimizer(name: str, settings: dict[str, Any], folder: Path, every: int) -> dict[str, Any]:
    """A run with everything in it that a checkpoint must hold of the package's own."""
    log = folder / "log.csv"
    made = Run(name, callbacks=[train.CSVLogger(log)], **settings)
    outcome = made.fit(EPOCHS, folder / "checkpoints", checkpoint_every=every)
    if not made.trainer.is_over:
        raise EndedBySignal
    rows = list(csv.DictReader(log.read_text(encoding="utf-8").splitlines()))
    return {**outcome, "log": [{name: text for name, text in row.items() if name != "seconds"} for row in rows]}


def in_child(action: Callable[[], None]) -> int:
    """Run ``action`` in a new process; its id."""
    child = os.fork()
    if child:
        return child
    try:
        action()
    except EndedBySignal:
        os._exit(ENDED)
    except BaseException:  # noqa: BLE001 - whatever it is, the child ends here
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def finished(child: int, end: tuple[float, int] | None) -> bool:
    """Wait for a child, or send it a signal after so many seconds; whether it had come to its end."""
    if end is not None:
        time.sleep(end[0])
        os.kill(child, end[1])
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    if code not in {0, ENDED, -signal.SIGKILL, -signal.SIGTERM}:
        raise RuntimeError("a run failed; its traceback is above")
    return code == 0


def trial(name: str, script: Script, seed: int, folder: Path) -> dict[str, Any]:
    """One run without an interruption and one with; how they differ."""
    moments = random.Random(seed)
    every = moments.choice([1, 1, 2, 3, 7])

    def run(part: Path) -> None:
        mg.manual_seed(seed)
        np.random.seed(seed % 2**32)
        random.seed(seed)
        mg.save(part / "outcome", script(part, every))

    whole, killed = folder / "whole", folder / "killed"
    for part in (whole, killed):
        part.mkdir()
    start = time.perf_counter()
    finished(in_child(lambda: run(whole)), None)
    seconds = time.perf_counter() - start
    kills: list[str] = []
    while True:
        number = moments.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM])
        end = (moments.uniform(0, seconds), number) if len(kills) < KILLS else None
        if finished(in_child(lambda: run(killed)), end):
            break
        kills.append(number.name)
    expected, got = mg.load(whole / "outcome"), mg.load(killed / "outcome")
    return {"script": name, "every": every, "kills": kills, "differences": differences(expected, got)}


def trials(count: int, seed: int) -> Iterator[dict[str, Any]]:
    """So many of them, all scripts in turn."""
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108 - fsync is fast there
    for number, (name, script) in zip(range(count), itertools.cycle(scripts().items()), strict=False):
        with tempfile.TemporaryDirectory(dir=memory) as folder:
            yield trial(name, script, seed + number, Path(folder))


def main(arguments: list[str] | None = None) -> int:
    """Run the trials; the exit code is 1 if a single bit differed."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.kill_resume", description=__doc__)
    parser.add_argument("--trials", type=int, default=500, metavar="N")
    parser.add_argument("--seed", type=int, default=None, help="of the moments; by default another each time")
    parser.add_argument("--json", action="store_true", help="print each trial as a line of JSON")
    options = parser.parse_args(arguments)
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(2**32)
    Run().fit(1)  # what is imported and compiled late is there before the first fork
    kills: Counter[str] = Counter()
    failed = 0
    start = time.perf_counter()
    for result in trials(options.trials, seed):
        kills.update(result["kills"])
        failed += bool(result["differences"])
        if options.json or result["differences"]:
            print(json.dumps(result), flush=True)
    print(
        f"{options.trials} trials (seed {seed}) of {len(DESIGNS)} designs and {len(OPTIMIZERS)} optimizers, "
        f"{kills.total()} processes killed ({kills['SIGTERM']} by SIGTERM), {failed} trials with a difference, "
        f"{time.perf_counter() - start:.0f} s",
        file=sys.stderr,
    )
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
