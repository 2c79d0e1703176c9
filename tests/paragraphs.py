"""``wrapped``: a paragraph of a page in lines below 120 columns, for the pages that are written by a command."""

import re
import textwrap


def wrapped(paragraph: str) -> str:
    """The paragraph, or item of a list, in lines of at most 119 columns.

    No line begins with a sign that Markdown would take for a list, a quote or a heading.
    """
    glued = re.sub(r" (?=[-+*>#|=<]|\d+[.)])", "\0", paragraph)
    indent = "  " if paragraph.startswith("- ") else ""
    lines = textwrap.wrap(glued, 119, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
    return "\n".join(lines).replace("\0", " ")
