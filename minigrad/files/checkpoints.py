"""``Checkpoints``: the last few states of a run, in a folder."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from minigrad.core.checks import as_path, is_index
from minigrad.errors import DataError, FileError
from minigrad.files import atomic
from minigrad.files.saving import failure, load, save
from minigrad.support.user_warnings import warn

_NAME = re.compile(r"checkpoint-(\d{6,})-step-(\d+)\.safetensors")


class Checkpoints:
    """The last ``keep`` states that were saved in ``folder``, each a file of ``mg.save``.

    A file is named ``checkpoint-000007-step-1200.safetensors``: the seventh that was saved here, after 1200 steps. The
    newest is the one that was saved last, even if a run went back and saved an earlier step. Other files in the folder
    are left alone.

    >>> checkpoints = mg.files.Checkpoints("checkpoints", keep=2)
    >>> for step in (10, 20, 30):
    ...     path = checkpoints.save({"step": step}, step)
    >>> checkpoints.steps()
    [20, 30]
    >>> checkpoints.load()
    {'step': 30}

    Raises ``DataError`` for a ``keep`` below 1.
    """

    def __init__(self, folder: str | os.PathLike[str], keep: int = 3) -> None:
        if not is_index(keep, 1):
            raise DataError(f"keep= is how many checkpoints stay, at least 1, got {keep!r}")
        self.folder = as_path(folder, "a folder of checkpoints")
        self.keep = keep

    def save(self, state: Any, step: int) -> Path:
        """Save ``state`` as the newest checkpoint, then remove the oldest beyond ``keep``; returns the path.

        Creates the folder if necessary. Raises ``FileError`` or ``DTypeError`` as ``mg.save`` does, and then keeps all
        earlier checkpoints.
        """
        if not is_index(step, 0):
            raise DataError(f"step is a count of steps, an int from 0 on, got {step!r}")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise failure(f"the folder {self.folder} cannot be made", error) from error
        with _alone_in(self.folder):  # else two processes take one number
            return self._save_next(state, step)

    def _save_next(self, state: Any, step: int) -> Path:
        listing = self._listing()
        count = listing[-1][0] + 1 if listing else 1
        path = self.folder / f"checkpoint-{count:06}-step-{step}.safetensors"
        atomic.remove_strays(self.folder, _NAME)  # of saves that were killed, whatever their step was
        save(path, state)
        for _, _, old in listing[: max(0, len(listing) + 1 - self.keep)]:
            with contextlib.suppress(FileNotFoundError):
                old.unlink()
        return path

    def paths(self) -> list[Path]:
        """The files, oldest first; an empty list if there is no folder yet."""
        return [path for _, _, path in self._listing()]

    def steps(self) -> list[int]:
        """The steps of the checkpoints, oldest first."""
        return [step for _, step, _ in self._listing()]

    def latest(self) -> Path | None:
        """The newest file, or None. It may be damaged: ``load`` finds out."""
        paths = self.paths()
        return paths[-1] if paths else None

    def load(self, step: int | None = None) -> Any:
        """The newest state that is whole, or the newest of that ``step``.

        A damaged file is skipped with a ``UserWarning`` that names it, and the one before is loaded: continuing from an
        earlier step is better than not at all, but should be noticed. With ``step`` there is no other file to take, so
        the ``FileError`` is raised. ``FileError`` is also raised if nothing can be loaded.
        """
        paths = [path for _, at, path in self._listing() if step is None or at == step]
        if not paths:
            what = "checkpoints" if step is None else f"checkpoint of step {step} (there are {self.steps()})"
            raise FileError(f"{self.folder} has no {what}")
        failures: list[FileError] = []
        for path in reversed(paths):
            try:
                state = load(path)
            except FileError as error:
                if not os.path.lexists(path):  # another process, which has saved newer ones, has removed it
                    return self.load(step)
                if step is not None:
                    raise
                failures.append(error)
                continue
            for failed in failures:
                warn(f"{failed}. Loaded {path.name} instead")
            return state
        raise FileError("\n".join(["no checkpoint can be loaded:", *map(str, failures)]))

    def _listing(self) -> list[tuple[int, int, Path]]:
        """(count, step, path) in the order of saving."""
        try:
            names = os.listdir(self.folder)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise failure(f"the folder {self.folder} cannot be read", error) from error
        matches = [match for match in map(_NAME.fullmatch, names) if match]
        return sorted((int(match[1]), int(match[2]), self.folder / match[0]) for match in matches)


@contextlib.contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Wait until no other process is in such a block for the same folder, where the system has locks of folders."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
    except OSError:  # Windows opens none
        yield
        return
    try:
        atomic.lock(descriptor)
        yield
    finally:
        os.close(descriptor)  # the lock goes with it
