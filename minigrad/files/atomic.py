"""Writing a file so that whoever looks sees the old one or the new one, whole, at any moment.

The bytes go to a temporary file in the same folder (a rename is atomic within one file system only), reach
the disk, and only then take the name. What a killed process left behind has a name that says so, and the
next save to the same path removes it. Exported programs carry this text along.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import Any

try:
    import fcntl
except ImportError:  # pragma: no cover
    fcntl = None  # type: ignore[assignment]  # Windows: a file that is open there cannot be removed anyway

_TEMPORARY = re.compile(r"\.(.+)\.[0-9a-f]{16}\.saving", re.DOTALL)
#: What a system or a file system answers that cannot force a folder to the disk, or does not let this user.
_NO_FORCE = {errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EBADF, errno.EACCES, errno.EPERM}


class NotForcedError(OSError):
    """The file is there, whole; its name may not survive a loss of power."""


def write_whole(path: Any, parts: Iterable[Any]) -> None:
    """Put the bytes of ``parts`` at ``path``, or raise ``OSError`` and leave what was there as it was.

    A symbolic link stays one: the file that it points to is replaced. The permissions of a file that is replaced stay.
    When this returns, the file survives a loss of power, as far as the disk keeps its promises.
    """
    path = Path(os.path.realpath(path))
    stem = temporary_stem(path.name)
    remove_strays(path.parent, re.compile(re.escape(stem)))
    temporary, file = _new_temporary(path.parent, stem)
    with file:
        try:
            with contextlib.suppress(OSError):  # there is no file yet; or one of another user, whose mode is not ours
                os.chmod(temporary, os.stat(path).st_mode & 0o777)
            for part in parts:
                file.write(part)
            file.flush()
            os.fsync(file.fileno())
            if os.name == "nt":  # pragma: no cover
                file.close()  # it cannot be renamed while it is open
            os.replace(temporary, path)
        except BaseException:
            with contextlib.suppress(OSError):
                file.close()  # on a full disk closing fails too
            temporary.unlink(missing_ok=True)
            raise
    _force_folder(path.parent)


def temporary_stem(name: str) -> str:
    """The beginning of the names of temporary files: the name itself, or the digest of a long one."""
    encoded = os.fsencode(name)
    return name if len(encoded) <= 100 else hashlib.sha256(encoded).hexdigest()[:32]


def remove_strays(folder: Path, name: re.Pattern[str]) -> None:
    """Remove what killed saves to files of such a ``name`` left behind; a save that is under way keeps its file."""
    try:
        names = os.listdir(folder)
    except OSError:
        return  # one may be allowed to write here and not to look; a save that can be made is made
    for match in filter(None, map(_TEMPORARY.fullmatch, names)):
        if not name.fullmatch(match[1]):
            continue
        stray = folder / match[0]
        with contextlib.suppress(OSError), open(stray, "rb") as file:  # another process may clean up as well
            if _is_free(file.fileno()):
                stray.unlink()


def _new_temporary(folder: Path, stem: str) -> tuple[Path, Any]:
    """A new temporary file, which no other process removes."""
    for last in [False] * 20 + [True]:
        temporary = folder / f".{stem}.{secrets.token_hex(8)}.saving"
        # "x" with the usual mode: the umask decides who may read it, as for any file that is written the plain way.
        file = open(temporary, "xb")  # noqa: SIM115 - the caller closes it
        lock(file.fileno())
        # Another process may have taken it for a stray, before it was locked.
        if last or fcntl is None or os.path.lexists(temporary):
            break
        file.close()
    return temporary, file


def lock(descriptor: int) -> None:
    """Lock the file while it is open; the system releases it when the process is killed."""
    if fcntl is not None:
        with contextlib.suppress(OSError):  # a file system without locks: nobody removes anything there
            fcntl.flock(descriptor, fcntl.LOCK_EX)


def _is_free(descriptor: int) -> bool:
    """Whether nobody is writing the file: then the lock can be had."""
    if fcntl is not None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)  # raises OSError where it is held
    return True


def _force_folder(folder: Path) -> None:
    """Let the rename itself reach the disk, where the system can."""
    if not hasattr(os, "O_DIRECTORY"):  # pragma: no cover
        return  # Windows opens no folders
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno not in _NO_FORCE:
            raise NotForcedError(error.errno, error.strerror) from error
