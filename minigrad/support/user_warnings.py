"""A warning that names the user's line, however deep in the package its cause was found."""

from __future__ import annotations

import os
import sys
import warnings
from types import FrameType

from minigrad.support.codegen import GENERATED

#: The folder of this package, as the file names of its code begin.
PACKAGE = os.path.dirname(os.path.dirname(__file__)) + os.sep
#: Files whose lines are not the user's: this package, Python's library, and what is installed.
_LIBRARIES = (PACKAGE, os.path.dirname(os.__file__) + os.sep, GENERATED, "<frozen ")
#: What the file names of installed code have in them.
INSTALLED = os.sep + "site-packages" + os.sep


def is_users(frame: FrameType) -> bool:
    """Whether a frame runs the user's code, and no library's."""
    file = frame.f_code.co_filename
    return INSTALLED not in file and not file.startswith(_LIBRARIES)


def warn(text: str, category: type[Warning] = UserWarning) -> None:
    """Warn at the innermost line that is the user's; Python shows a warning once for each line."""
    frame: FrameType | None = sys._getframe(1)
    level = 2
    while frame is not None and not is_users(frame):
        frame, level = frame.f_back, level + 1
    # Where all of it is a library's, the caller of the caller: of float() for a tensor that becomes a number.
    warnings.warn(text, category, stacklevel=level if frame is not None else 4)
