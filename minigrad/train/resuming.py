"""Going on: which fit a checkpoint belongs to, what is put back when, and what has changed meanwhile."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minigrad.compiler.guards.code_names import is_of_package
from minigrad.errors import StateError
from minigrad.files import Checkpoints
from minigrad.nn import Module
from minigrad.optim.saving import saved
from minigrad.support.user_warnings import warn
from minigrad.train import settings, state
from minigrad.train.batches import Batches, Rewind
from minigrad.train.callbacks.callback import Callback
from minigrad.train.reachable import size

if TYPE_CHECKING:
    from minigrad.train.reachable import Reached
    from minigrad.train.run_state import RunState


_LARGE = 1 << 16  # bytes of an array that is not copied in each epoch unless it has changed before


class Fit:
    """One call of ``fit``, seen from its checkpoints: what they hold besides the state of the trainer."""

    def __init__(
        self, trainer: RunState, batches: Batches, validation: Batches | None, callbacks: Sequence[Callback]
    ) -> None:
        self.trainer, self.batches, self.validation, self.callbacks = trainer, batches, validation, callbacks
        self._acting: list[str] = []  # the callbacks that change gradients
        self.known = trainer.continuation
        self.pending: Mapping[str, Any] | None = None  # what it goes on from
        self._at_epoch: Mapping[str, Any] | None = None  # as the epoch under way began
        self._epoch_base: dict[str, Any] = {}
        self._there: tuple[set[str], set[str]] = set(), set()
        self._holders: set[str] = set()
        self._said = self._said_ahead = False
        self._before: list[tuple[Any, dict[str, Any]]] = []

    def looked_at(self) -> Reached:
        """All that it can get at now."""
        return state.looked_at(self.trainer, self.batches, self.validation, self.callbacks)

    def described(self) -> dict[str, str]:
        """What it is a fit of, in short, and where it begins; see ``settings``."""
        sources = {"train": self.batches, "validation": self.validation}
        positions = {name: one.data.state_dict() for name, one in sources.items() if one and one.has_position}
        where = {f"the position of {name}": repr(at) for name, at in positions.items()}
        return self._settings_now(self.looked_at()) | where

    def _settings_now(self, reached: Reached) -> dict[str, str]:
        return {**settings.described(reached, self.trainer, self._acting), **settings.of_script(self.trainer)}

    # -- before its first step ------------------------------------------------------------------

    def begin(self, epochs: int) -> bool:
        """Find out whether it is a new one, or goes on; True where it had ended before the checkpoint was written.

        Raises ``StateError``, and changes nothing, where it is not the fit that the checkpoint is of.
        """
        trainer = self.trainer
        self._acting = [name for name, one in state.named_callbacks(self.callbacks) if _is_own(one, "on_gradients")]
        if self.known.pending is None:
            self._begin_anew(epochs)
            return False
        here = self.known.pending.get("here", False)
        number = len(self.known.fits) - 1 if here else min(self.known.ended, len(self.known.fits) - 1)
        record = self.known.fits[number]
        reached = self.looked_at()
        of_script = settings.of_script(trainer)
        if self.known.given is not None:  # what was read, and has not been set since, is not what the script gave
            options, read = self.known.given
            own = settings.options(trainer)
            chosen = {p: options if _is_as_read(p, own, read) else of_script for p in {**options, **of_script}}
            of_script = {path: told[path] for path, told in chosen.items() if path in told}
        now = {**settings.described(reached, trainer, self._acting), **of_script}
        changed = settings.changes(settings.of_fit(self.known.fits, number + 1), now)
        if "frozen" not in now:  # a script that freezes after resume() what is frozen there leaves no trace
            changed.pop("frozen", None)
        if here:  # what else has been changed in this process was changed on purpose
            changed = {path: line for path, line in changed.items() if _is_of(path, "train", "validation")}
        if number < len(self.known.fits) - 1:
            self._check_earlier(number, epochs, changed)
            self._as_it_ended(record["ended"])
            self.known.given = None
            self.known.ended += 1
            return True
        if here and any(_is_of(path, "train") for path in changed):
            raise StateError(
                "the fit that was interrupted is not over, and was on other data: "
                f"{settings.few(list(changed.values()))}. Call the same fit to go on with it, or make a new Trainer"
            )
        if number or self.known.ran:  # what has changed on the way is put back below
            for entry in self.known.pending["values"]["values"]:
                changed.pop(entry["path"], None)
        self._go_on(reached, here, changed)
        record["epochs"] = epochs
        self.known.given = None
        return False

    def _begin_anew(self, epochs: int) -> None:
        trainer = self.trainer
        reached = self.looked_at() if trainer.checkpoints is not None else None
        self.known.first, trainer.batch, trainer.stopped = trainer.epoch, 0, ""
        record: dict[str, Any] = {"first": trainer.epoch, "epochs": epochs, "settings": None}
        if reached is not None:
            self._take_base(reached)
            record["settings"] = settings.difference(settings.last(self.known.fits), self._settings_now(reached))
            state.say_what_cannot_be_saved(reached)
        self.known.fits.append(record)

    def _take_base(self, reached: Reached) -> None:
        base = state.base_of(reached)
        self.known.base = {**base, **{path: taken for path, taken in self.known.base.items() if not _is_of_a_fit(path)}}

    def _check_earlier(self, number: int, epochs: int, changed: dict[str, str]) -> None:
        """A fit that is over is passed over; then it must be that one."""
        fits = self.known.fits
        where = f"the checkpoint was written in fit {len(fits)} of the run, and this is its fit {number + 1}"
        other = [line for path, line in changed.items() if _is_of(path, "train")]
        if epochs != fits[number]["epochs"]:
            other.append(f"epochs were {fits[number]['epochs']}, and are {epochs}")
        if other:
            raise StateError(
                f"{where}, which was another: {'; '.join(other)}. A script that goes on calls the same fits in the "
                "same order; those that are over return at once"
            )
        _warn_of(changed)

    def end(self) -> None:
        """It has ended as planned: a script may go on from what the optimizer has now."""
        optimizer = self.trainer.optimizer
        groups = [  # as in its state_dict, which would copy all momenta
            {**{name: saved(value) for name, value in group.items() if name != "params"}, "params": list(names)}
            for group, names in zip(optimizer.param_groups, optimizer._names, strict=True)
        ]
        frozen = state.frozen_weights(self.trainer.modules())
        self.known.fits[-1]["ended"] = {"param_groups": groups, "frozen": frozen}
        self.known.ended += 1

    def _as_it_ended(self, ended: Mapping[str, Any]) -> None:
        """The state that a script prepares the next fit with, as it was when this one was over."""
        optimizer = self.trainer.optimizer
        optimizer.load_state_dict({**optimizer.state_dict(), "param_groups": ended["param_groups"]})
        state.freeze(self.trainer.modules(), ended["frozen"])

    def _go_on(self, reached: Reached, here: bool, changed: dict[str, str]) -> None:
        trainer, pending = self.trainer, dict(self.known.pending or {})
        if not here and self.known.ended and self.known.saved is not None:
            # The script may have prepared this fit, and the checkpoint was written in the midst of it.
            state.load(trainer, self.known.saved)
        try:
            self.batches.load_state_dict(pending["train"])
        except StateError as error:
            if trainer.checkpoints is not None:
                error.add_note(elsewhere(trainer.checkpoints))
            raise
        held_out = self.validation
        if held_out is not None and held_out.has_position and pending["validation"] is not None:
            held_out.load_state_dict(pending["validation"])
        if here:
            pending["values"] = state.changed_values(reached, self.known.base)  # what the user has set since counts
        else:
            self._take_base(reached)
        _warn_of(changed)
        if trainer.checkpoints is not None:
            state.say_what_cannot_be_saved(reached)
        lost = state.set_callback_states(pending["callbacks"], self.callbacks)
        if lost:
            warn(
                f"the checkpoint has the state of {', '.join(lost)}, and fit got no such callback: pass the same "
                "callbacks to go on exactly"
            )
        state.put_back(pending["values"], reached)
        state.set_generator_states(pending["generators"], reached, strict=False, spawn=False)
        self.pending = pending
        if any(_is_own(callback, "on_fit_start") for callback in self.callbacks):
            self._before = [(part, part.state_dict()) for part in _parts(trainer)]

    def go_on(self) -> None:
        """After ``on_fit_start``, which may have begun anew: everything is again what the checkpoint says."""
        pending, trainer = self.pending, self.trainer
        self.known.ran = True
        if pending is None:
            if trainer.checkpoints is not None:
                self._note_what_is_there(self.looked_at())
            return
        for part, before in self._before:
            part.load_state_dict(before)
        if self._before:
            trainer.optimizer.prepare()
            state.set_callback_states(pending["callbacks"], self.callbacks)
        self._before = []
        for callback in self.callbacks:
            if _is_own(callback, "on_resume"):
                callback.on_resume(trainer)
        reached = self.looked_at()
        missing = state.put_back(pending["values"], reached)
        missing += state.set_unit_states(pending["units"], reached)
        if missing:
            raise StateError(
                f"the checkpoint has {', '.join(sorted(missing)[:8])}, which this run has not: it was made or "
                "exchanged on the way. Make it where the model or the callback is made, or in the callback's "
                "on_resume(trainer), or save what it is in its state_dict()"
            )
        rewinds = bool(trainer.batch) and self.batches.replays
        state.set_generator_states(pending["generators"], reached, spawn=not rewinds)
        self._note_what_is_there(reached)
        self.known.pending = self.known.saved = None  # only now: after an error above, fit may be called again
        self._at_epoch = pending["at_epoch"]
        if trainer.batch:
            self.batches.rewind = Rewind(
                self._back, lambda: self._restore(pending), pending["batch"], bool(pending.get("here"))
            )

    def _note_what_is_there(self, reached: Reached) -> None:
        self._there = {*reached.values}, {*reached.generators, *reached.units}
        self._holders = set(reached.holders)

    def _say_what_is_new(self, reached: Reached, values: Mapping[str, Any]) -> None:
        """Warn, once, of objects made on the way: they have no place in a process that goes on."""
        new = [e["path"] for e in values["values"] if e["path"] not in self._there[0] and e["at"] not in self._holders]
        new += [path for path in (*reached.generators, *reached.units) if path not in self._there[1]]
        ahead = [
            entry["path"]
            for name, data in (("train", self.batches), ("validation", self.validation))
            if data is not None and getattr(data.given, "prefetch", False)
            for entry in values["values"]
            if entry["path"].startswith(f"{name}.")
        ]
        if ahead and self.trainer.checkpoints is not None and not self._said_ahead:
            self._said_ahead = True
            warn(
                f"{', '.join(ahead[:8])} changes while batches are made ahead of time: how far is not known, and a run "
                "that goes on may not be the same. With prefetch=0 it is"
            )
        if new and self.trainer.checkpoints is not None and not self._said:
            self._said = True
            warn(
                f"{', '.join(new[:8])}: made on the way, and not there when a run goes on, which is then refused. Make "
                "it where its owner is made, in on_fit_start or in on_resume, or give the owner a state_dict() and a "
                "load_state_dict()"
            )

    def _back(self) -> None:
        if self._at_epoch is not None:
            self._restore(self._at_epoch)
            reached = self.looked_at()
            self._epoch_base = {path: taken for path, (_, taken) in reached.values.items() if path.startswith("train.")}

    def _restore(self, saved: Mapping[str, Any]) -> None:
        reached = self.looked_at()
        state.put_back(saved["values"], reached)
        state.set_generator_states(saved["generators"], reached, strict=False)

    # -- for its checkpoints --------------------------------------------------------------------

    def epoch_begins(self) -> None:
        """Note the state in which data must be gone through again."""
        if self.batches.replays:
            reached = self.looked_at()
            self._epoch_base = {path: taken for path, (_, taken) in reached.values.items() if path.startswith("train.")}
            large = {
                path: taken
                for path, taken in self._epoch_base.items()
                if self.known.base.get(path) == taken and size(reached.values[path][0].get()) > _LARGE
            }
            self._at_epoch = {
                "values": state.changed_values(reached, large, "train."),
                "generators": state.generator_states(reached),
            }

    def position(self) -> dict[str, Any]:
        """The state that exists only while ``fit`` runs: position, callbacks, generators, changed attributes."""
        reached, base, batches = self.looked_at(), self.known.base, self.batches
        within = self.trainer.batch and not batches.has_position
        at_epoch = self._at_epoch if within else None
        if at_epoch is not None:  # state of the data that has changed since the beginning
            moved = {
                path
                for path, (_, taken) in reached.values.items()
                if path.startswith("train.") and not base.get(path) == taken == self._epoch_base.get(path)
            }
            base = {path: taken for path, taken in base.items() if path not in moved}
            entries = [entry for entry in at_epoch["values"]["values"] if entry["path"] in moved]
            at_epoch = {**at_epoch, "values": {"values": entries, "kinds": {}}}
        values = state.settled(lambda: state.changed_values(reached, base))
        self._say_what_is_new(reached, values)
        return {
            "train": batches.state_dict(),
            "validation": None if self.validation is None else self.validation.state_dict(),
            "callbacks": state.callback_states(self.callbacks),
            "generators": state.generator_states(reached),
            "values": values,
            "units": state.unit_states(reached),
            "at_epoch": at_epoch,
            "batch": settings.batch_digest(batches.last) if at_epoch is not None else None,
        }


def _is_as_read(path: str, own: Mapping[str, Any], read: Mapping[str, Any]) -> bool:
    """Whether an option is what the checkpoint had, and has not been set since."""
    one, other = own.get(path), read.get(path)
    return one is other or (type(one) is str and one == other)


def _is_of(path: str, *roots: str) -> bool:
    return path.partition(".")[0] in roots


def _is_of_a_fit(path: str) -> bool:
    """Whether a value, or the type of an object, belongs to what each fit has anew."""
    return _is_of(path.removeprefix("type of ").removeprefix("place of "), "train", "validation", "callbacks")


def _parts(trainer: RunState) -> list[Any]:
    loss = [trainer.loss] if isinstance(trainer.loss, Module) else []
    return [trainer.model, *loss, _Frozen(trainer), trainer.optimizer]


class _Frozen:
    """Which weights are frozen, as a part that is saved."""

    def __init__(self, trainer: RunState) -> None:
        self.trainer = trainer

    def state_dict(self) -> Any:
        return state.frozen_weights(self.trainer.modules())

    def load_state_dict(self, names: Any) -> None:
        state.freeze(self.trainer.modules(), names)


def _is_own(callback: Callback, hook: str) -> bool:
    """Whether the user has written this hook."""
    function = getattr(type(callback), hook)
    return function is not getattr(Callback, hook) and not is_of_package(function.__module__)


def _warn_of(changed: dict[str, str]) -> None:
    if changed:
        warn(
            "the run continues with other settings or data than before, so its results differ from those of an "
            f"uninterrupted run: {settings.few(list(changed.values()))}. The optimizer's settings come from the "
            "checkpoint: to change one, set it between resume() and fit()"
        )


def elsewhere(checkpoints: Checkpoints) -> str:
    """The note to an error where a checkpoint does not fit: what to do."""
    return (
        f"while a run was to go on from {checkpoints.folder}: it goes on with the model, the optimizer, the metrics "
        "and the data that it was begun with. To begin anew, pass another folder to resume and fit"
    )


def check_folder(trainer: RunState, checkpoints: Checkpoints) -> None:
    """Refuse a folder with checkpoints that this run has neither written nor read: it would delete them."""
    if key(checkpoints.folder) not in trainer.continuation.folders and checkpoints.paths():
        folder = str(checkpoints.folder)
        raise StateError(
            f"{folder} holds checkpoints of another run, which this one would delete: call "
            f"trainer.resume({folder!r}) before fit to continue that run, or pass another folder"
        )


def key(folder: Path) -> str:
    """A folder, however it is written."""
    return os.path.realpath(folder)
