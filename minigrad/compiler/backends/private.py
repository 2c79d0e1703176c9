"""A folder that nobody else can write to, nor swap for another: what is kept there is run as machine code.

Every level is looked at, from the root down. Each belongs to the user or to the system, and others may not write to it;
where they may, as in /tmp, they must not be allowed to rename what is not theirs (the sticky bit). Levels that are
missing are made for their owner alone, whatever the umask is.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

_OTHERS = stat.S_IWGRP | stat.S_IWOTH


class NotPrivateError(Exception):
    """Why a folder cannot be used."""


def private(folder: Path) -> Path:
    """The folder, without links in its path; it is made if it is missing. Raises ``NotPrivateError``."""
    try:
        real = Path(os.path.realpath(folder.expanduser()))
        for level in [*reversed(real.parents), real]:
            if not os.path.lexists(level):
                os.mkdir(level, 0o700)
            _check(level, is_last=level == real)
    except (OSError, RuntimeError, ValueError) as error:  # a file in its place, no space, no home
        raise NotPrivateError(f"{folder} cannot be made: {error}") from None
    if not os.access(real, os.W_OK | os.X_OK):
        raise NotPrivateError(f"{folder} cannot be written to")
    return real


def _check(level: Path, is_last: bool) -> None:
    facts = level.lstat()
    if not stat.S_ISDIR(facts.st_mode):
        raise NotPrivateError(f"{level} is no folder")
    if not hasattr(os, "getuid"):
        return  # pragma: no cover - Windows: a profile's folders are its user's own
    if facts.st_uid not in ({os.getuid()} if is_last else {os.getuid(), 0}):
        raise NotPrivateError(f"{level} belongs to somebody else")
    if facts.st_mode & _OTHERS and (is_last or not facts.st_mode & stat.S_ISVTX):
        raise NotPrivateError(f"others may write to {level}")


def read(path: Path) -> bytes | None:
    """The content of a file of the user's own that nobody else may write to; None where there is none."""
    flags = [getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY")]  # no link, no pipe to wait for
    try:
        descriptor = os.open(path, os.O_RDONLY | sum(flags))
    except OSError:
        return None
    try:
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode):
            return None
        if hasattr(os, "getuid") and (facts.st_uid != os.getuid() or facts.st_mode & _OTHERS):
            return None
        with open(descriptor, "rb", closefd=False) as file:
            return file.read()
    finally:
        os.close(descriptor)


def write(path: Path, content: bytes) -> None:
    """Put a file there, for its owner alone: whoever looks sees the old one or the new one. Raises ``OSError``."""
    temporary = path.with_name(f"{path.name}.{os.urandom(8).hex()}.tmp")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    try:
        with open(os.open(temporary, flags, 0o600), "wb") as file:
            file.write(content)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
