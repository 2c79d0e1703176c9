"""``launch``: a training script in several processes, which train one model together."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

from minigrad.core.checks import is_positive
from minigrad.distributed.launching import launched, on_this_machine
from minigrad.distributed.variables import place_on_cluster
from minigrad.errors import FileError, HyperparameterError

NAME = "launch"


def arguments(parser: argparse.ArgumentParser) -> None:
    """How many processes, and of what."""
    parser.add_argument(
        "--processes",
        type=int,
        metavar="N",
        help="processes to start here; without it, this is one rank of a cluster, by MINIGRAD_* or SLURM_*",
    )
    parser.add_argument(
        "--timeout",
        type=float,
        default=300.0,
        metavar="SECONDS",
        help="seconds without a sign of life after which a rank counts as hanging (%(default)g)",
    )
    parser.add_argument("script", help="the training script, a Python file")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="arguments for the script")


def run(chosen: argparse.Namespace) -> Iterator[str]:
    """Run the script. Exits with the status of the rank that failed.

    Raises ``FileError`` where there is no script, ``HyperparameterError`` for a number of processes below 1, and where
    no variable of a cluster says what rank this is.
    """
    if not Path(chosen.script).is_file():
        raise FileError(f"there is no script {chosen.script}")
    if not is_positive(chosen.timeout):
        raise HyperparameterError(f"--timeout is a number of seconds above 0, got {chosen.timeout}")
    if chosen.processes is not None and chosen.processes < 1:
        raise HyperparameterError(f"--processes is a number from 1 on, got {chosen.processes}")
    here = (
        nullcontext([place_on_cluster()._replace(limit=chosen.timeout)])
        if chosen.processes is None
        else on_this_machine(chosen.processes, chosen.timeout)
    )
    with here as places:
        status, failure = launched(places, [chosen.script, *chosen.arguments])
    if failure is not None:
        sys.stderr.write(
            f"python -m minigrad launch: rank {failure.rank} has failed: {failure.reason}\n"
            f"All {places[0].size} ranks have ended. With trainer.resume(folder) in the script, the same command goes "
            "on from the last checkpoint, also with another number of processes\n"
        )
    if status:
        raise SystemExit(status)
    yield ""
