"""The folder that a callback writes into, made when a run begins: better missed then than after an epoch."""

from __future__ import annotations

from pathlib import Path

from minigrad.errors import FileError


def make_folder(folder: Path, callback: str) -> None:
    """Make ``folder`` and those above it, where they are missing. Raises ``FileError``."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(f"{callback} cannot make the folder {folder}: {error.strerror}") from error
