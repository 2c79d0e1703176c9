"""Python's built-in names, as autograd has them: ``isinstance`` and ``type`` ask the value behind a tensor.

Tuples, lists and dicts are Python's own: gradients pass through them as they are.
"""

from __future__ import annotations

import builtins
from typing import Any

from minigrad.compat.autograd.values import getval, isbox

dict, list, tuple = builtins.dict, builtins.list, builtins.tuple

#: autograd's names for what stands in the place of a dict, or of a list or tuple, while a function is differentiated.
DictBox, SequenceBox = dict, list | tuple

__all__ = ["DictBox", "SequenceBox", "dict", "isinstance", "list", "tuple", "type"]


def isinstance(x: Any, kind: Any) -> bool:
    """Whether ``x``, or the value behind it, is an instance of ``kind``."""
    return builtins.isinstance(x, kind) or (isbox(x) and builtins.isinstance(getval(x), kind))


def type(x: Any) -> Any:
    """The type of the value behind ``x``."""
    return builtins.type(getval(x))
