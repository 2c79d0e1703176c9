"""What the package tells of its operations at a terminal, from the pages: ``python -m tests.known_operations``."""

from __future__ import annotations

import json
import re
from pathlib import Path

from minigrad.command.ops import KNOWN
from tests.operations_page import certificates_in

DOCS = Path(__file__).parents[1] / "docs"


def text() -> str:
    """The file: certificates from docs/operations.md, rows of docs/conventions.md by the operation that they call."""
    page = (DOCS / "conventions.md").read_text(encoding="utf-8")
    certificates = certificates_in((DOCS / "operations.md").read_text(encoding="utf-8"))
    conventions: dict[str, list[list[str]]] = {}
    for row in re.findall(r"^\| `(.+?)` \| `(x = .+?)` \| `(.+?)` \| (.+) \|$", page, re.MULTILINE):
        for name in dict.fromkeys(re.findall(r"\b(?:mg|np|F)(?:\.\w+)*\.(\w+)\(", row[0])):
            if name in certificates:  # not in the table: an older NumPy lacks some
                conventions.setdefault(name, []).append(list(row))
    known = {"certificates": {n: " ".join(c.split()) for n, c in certificates.items()}, "conventions": conventions}
    return json.dumps(known, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


if __name__ == "__main__":  # pragma: no cover
    KNOWN.write_text(text(), encoding="utf-8")
