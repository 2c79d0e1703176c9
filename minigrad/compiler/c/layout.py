"""Lines of C below 120 columns: comments, calls, declarations."""

from __future__ import annotations

import textwrap

#: Columns of a line, with room for the depth that it stands at.
_WIDTH = 108


def comment(text: str) -> list[str]:
    """A comment, on as many lines as it needs."""
    lines = textwrap.wrap(text, _WIDTH, break_on_hyphens=False) or [""]
    lines[-1] += " */"
    return [f"/* {lines[0]}", *[f"   {line}" for line in lines[1:]]]


def listed(head: str, items: list[str], tail: str) -> list[str]:
    """A list with its opening and closing text, on as many lines as it needs."""
    whole = f"{head}{', '.join(items)}{tail}"
    if len(whole) <= _WIDTH:
        return [whole]
    lines = textwrap.wrap(", ".join(items), _WIDTH - 8, break_long_words=False, break_on_hyphens=False)
    return [head, *[f"    {line}" for line in lines[:-1]], f"    {lines[-1]}{tail}"]
