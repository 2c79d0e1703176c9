"""Generated code: the one place where text becomes functions, and names for what the text uses.

The text stands in ``linecache``, so a traceback shows the generated line, and a debugger steps through it.
"""

from __future__ import annotations

import functools
import itertools
import linecache
from collections import deque
from types import CodeType
from typing import Any

#: How the file names of generated code begin.
GENERATED = "<minigrad "
#: At most this many texts that are not shared stand in ``linecache``; the oldest leave first.
_SHOWN = 256

_count = itertools.count(1)
_shown: deque[str] = deque()


def define(text: str, kind: str, namespace: dict[str, Any]) -> dict[str, Any]:
    """Run the definitions in ``text`` in a namespace, and return it. ``kind`` names the code in tracebacks."""
    code = _compiled(text, kind)
    _shown.append(code.co_filename)
    if len(_shown) > _SHOWN:
        linecache.cache.pop(_shown.popleft(), None)
    return _run(code, namespace)


def define_shared(text: str, kind: str, namespace: dict[str, Any]) -> dict[str, Any]:
    """As ``define``, for short texts that come again with other values for their names: these share their code."""
    return _run(_compiled_once(text, kind), namespace)


def _run(code: CodeType, namespace: dict[str, Any]) -> dict[str, Any]:
    exec(code, namespace)  # noqa: S102 - text that the callers of this file write
    return namespace


def _compiled(text: str, kind: str) -> CodeType:
    name = f"{GENERATED}{kind} {next(_count)}>"
    code = compile(text, name, "exec")
    # An entry without a time is never looked for on disk.
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    return code


_compiled_once = functools.lru_cache(maxsize=512)(_compiled)


def free_name(wish: str, taken: set[str]) -> str:
    """``wish``, or with the first number behind it that makes a new name, which is taken from now on."""
    name, number = wish, 2
    while name in taken:
        name, number = f"{wish}_{number}", number + 1
    taken.add(name)
    return name


class Names:
    """Names in generated text for the objects that it uses: one for each object, which lives as long as its name."""

    def __init__(self, **bound: Any) -> None:
        #: What each name stands for: the namespace of the text, or the arguments of a function around it.
        self.bound = bound
        self._by_id: dict[int, str] = {}

    def __call__(self, x: Any, hint: str = "x") -> str:
        """The name of an object: ``hint`` and a number."""
        name = self._by_id.get(id(x))
        if name is None:
            name = self._by_id[id(x)] = f"{hint}{len(self.bound)}"
            self.bound[name] = x
        return name
