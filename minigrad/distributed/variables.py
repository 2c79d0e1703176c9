"""The variables by which a process knows its place among the others, and those of clusters that they come from."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import NamedTuple

from minigrad.errors import HyperparameterError

_SPAN = 5000  # jobs of a cluster on one host that get ports of their own
_FIRST_PORT = 20000


class Place(NamedTuple):
    """Where a process stands: ``coordinator`` and ``watch`` are "host:port" of the first rank."""

    rank: int
    size: int
    coordinator: str
    watch: str = ""
    token: str = ""  # of the run: a stranger who connects has another
    limit: float = 300.0  # seconds that ranks wait for another

    def variables(self) -> dict[str, str]:
        """The environment of a process that stands there."""
        return {
            "MINIGRAD_RANK": str(self.rank),
            "MINIGRAD_WORLD_SIZE": str(self.size),
            "MINIGRAD_COORDINATOR": self.coordinator,
            "MINIGRAD_WATCH": self.watch,
            "MINIGRAD_TOKEN": self.token,
            "MINIGRAD_TIMEOUT": str(self.limit),
        }


def place(environment: Mapping[str, str] = os.environ) -> Place | None:
    """The place that the variables ``MINIGRAD_*`` say; None where there are none, so one process is all.

    Raises ``HyperparameterError`` for some without the others, and for a rank that is none.
    """
    if "MINIGRAD_WORLD_SIZE" not in environment and "MINIGRAD_RANK" not in environment:
        return None
    size, rank = (_number(environment, name) for name in ("MINIGRAD_WORLD_SIZE", "MINIGRAD_RANK"))
    if size < 1 or not 0 <= rank < size:
        raise HyperparameterError(f"MINIGRAD_RANK={rank} is not below MINIGRAD_WORLD_SIZE={size}")
    coordinator = environment.get("MINIGRAD_COORDINATOR", "")
    if not re.fullmatch(r".+:\d+", coordinator):
        raise HyperparameterError(
            f"MINIGRAD_COORDINATOR={coordinator!r}: expected host:port of the first rank, such as 10.0.0.1:29500"
        )
    limit = environment.get("MINIGRAD_TIMEOUT", "300")
    if not re.fullmatch(r"\d+(\.\d*)?(e[+-]?\d+)?", limit):
        raise HyperparameterError(f"MINIGRAD_TIMEOUT={limit!r}: expected a number of seconds")
    return Place(
        rank,
        size,
        coordinator,
        environment.get("MINIGRAD_WATCH", ""),
        environment.get("MINIGRAD_TOKEN", ""),
        float(limit),
    )


def place_on_cluster(environment: Mapping[str, str] = os.environ) -> Place:
    """The place of a process that a cluster has started, by ``MINIGRAD_*`` or by ``SLURM_*``.

    Raises ``HyperparameterError`` where neither are there.
    """
    known = place(environment)
    if known is None:
        known = _of_slurm(environment)
    host, _, port = known.coordinator.rpartition(":")
    watch = known.watch or f"{host}:{int(port) + 1}"
    return known._replace(watch=watch, token=known.token or environment.get("SLURM_JOB_ID", known.coordinator))


def _of_slurm(environment: Mapping[str, str]) -> Place:
    nodes = environment.get("SLURM_STEP_NODELIST") or environment.get("SLURM_JOB_NODELIST")
    if not nodes or "SLURM_PROCID" not in environment:
        raise HyperparameterError(
            "launch needs --processes N for N processes on this machine, or the variables of a cluster: MINIGRAD_RANK, "
            "MINIGRAD_WORLD_SIZE and MINIGRAD_COORDINATOR=host:port of the first rank; srun sets its own, SLURM_*"
        )
    sizes = [name for name in ("SLURM_STEP_NUM_TASKS", "SLURM_NTASKS") if name in environment]
    if not sizes:
        raise HyperparameterError("neither SLURM_STEP_NUM_TASKS nor SLURM_NTASKS is set: start it with srun")
    port = _FIRST_PORT + 2 * (_number(environment, "SLURM_JOB_ID") % _SPAN)
    return Place(_number(environment, "SLURM_PROCID"), _number(environment, sizes[0]), f"{first_host(nodes)}:{port}")


def first_host(nodes: str) -> str:
    """The first host of a list as SLURM writes it.

    >>> from minigrad.distributed.variables import first_host
    >>> first_host("gpu[017-019,040],cpu3"), first_host("login1"), first_host("a[1,3]-ib")
    ('gpu017', 'login1', 'a1-ib')
    """
    matched = re.match(r"([^,\[]+)(?:\[([^\],-]+)[^\]]*\]([^,]*))?", nodes)
    if matched is None:
        raise HyperparameterError(f"the list of hosts {nodes!r} has no first host")
    return "".join(part or "" for part in matched.groups())


def _number(environment: Mapping[str, str], name: str) -> int:
    if name not in environment:
        raise HyperparameterError(f"{name} is not set, though others of its kind are: expected a number")
    text = environment[name]
    if not re.fullmatch(r"\d{1,9}", text):
        raise HyperparameterError(f"{name}={text!r}: expected a number")
    return int(text)


def rank() -> int:
    """The number of this process among those that train together, from 0; 0 if it is the only one.

    >>> mg.distributed.rank(), mg.distributed.size()
    (0, 1)
    """
    known = place()
    return 0 if known is None else known.rank


def size() -> int:
    """The number of processes that train together; 1 if this is the only one.

    >>> mg.distributed.size()
    1
    """
    known = place()
    return 1 if known is None else known.size
