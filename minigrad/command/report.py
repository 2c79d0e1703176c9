"""``report``: the page of a finished run, from the folder of its checkpoints."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from typing import Any

from minigrad.errors import FileError, StateError
from minigrad.files import Checkpoints
from minigrad.train import History
from minigrad.viz import report

NAME = "report"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Which runs, and where the page goes."""
    parser.add_argument("folders", nargs="+", metavar="RUN", help="checkpoint_dir of a run, or of several side by side")
    parser.add_argument("--output", default="report.html", metavar="FILE", help="file to write (%(default)s)")


def run(chosen: argparse.Namespace) -> Iterator[str]:
    """Write the page. Raises ``FileError`` for a folder without checkpoints, ``StateError`` for others than a run's."""
    runs = {folder: saved(folder) for folder in chosen.folders}
    if len(runs) == 1:
        [state] = runs.values()
        page = report(history_of(state), state["model"], facts_of(state))
    else:
        page = report({folder: history_of(state) for folder, state in runs.items()}, facts=_side_by_side(runs))
    page.save(chosen.output)
    yield f"{page.title} is in {chosen.output}\n"


def _side_by_side(runs: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The facts of several runs: once where all have the same, else with the run's name."""
    told = {folder: facts_of(state) for folder, state in runs.items()}
    facts: dict[str, Any] = {}
    for name in dict.fromkeys(name for one in told.values() for name in one):
        values = {folder: one[name] for folder, one in told.items() if name in one}
        alike = len(values) == len(told) and len(set(map(str, values.values()))) == 1
        facts |= {name: next(iter(values.values()))} if alike else {f"{name}, {f}": v for f, v in values.items()}
    return facts


def saved(folder: str) -> dict[str, Any]:
    """The newest checkpoint of a run."""
    checkpoints = Checkpoints(folder)
    if not checkpoints.paths():
        raise FileError(f"{folder} holds no checkpoints: name the folder that was passed to fit as checkpoint_dir")
    state = checkpoints.load()
    if not isinstance(state, Mapping) or not {"history", "model", "versions"} <= set(state):
        raise StateError(f"{folder} holds no checkpoints of a Trainer")
    return dict(state)


def history_of(state: Mapping[str, Any]) -> History:
    """The history that a checkpoint holds."""
    history = History()
    history.load_state_dict(state["history"])
    return history


def facts_of(state: Mapping[str, Any]) -> dict[str, Any]:
    """The versions under which a run was made, how far it is, and the settings of its last fit."""
    facts = {**state["versions"], "steps": state.get("step"), "epochs": state.get("epoch")}
    fits = state.get("fits") or [{}]
    facts |= fits[-1].get("settings") or {}
    groups = state.get("optimizer", {}).get("param_groups", ())
    for number, group in enumerate(groups):
        facts[f"optimizer, group {number}"] = ", ".join(f"{k}={v}" for k, v in group.items() if k != "params")
    return facts
