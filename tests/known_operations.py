"""What the package tells of its operations at a terminal, from the pages: ``python -m tests.known_operations``."""

from __future__ import annotations

import json
import re
from pathlib import Path

from minigrad.command.ops import KNOWN
from tests.operations_page import certificates_in

DOCS = Path(__file__).parents[1] / "docs"


def text() -> str:
    """The file: certificates of docs/operations.md with their operations, rows of docs/conventions.md after theirs."""
    page = (DOCS / "conventions.md").read_text(encoding="utf-8")
    certificates = certificates_in((DOCS / "operations.md").read_text(encoding="utf-8"))
    conventions: list[list[str]] = []
    for row in re.findall(r"^\| `(.+?)` \| `(x = .+?)` \| `(.+?)` \| (.+) \|$", page, re.MULTILINE):
        names = dict.fromkeys(re.findall(r"\b(?:mg|np|F)(?:\.\w+)*\.(\w+)\(", row[0]))
        # Not in the table: an older NumPy lacks some.
        conventions.extend([name, *row] for name in names if name in certificates)
    named: dict[str, list[str]] = {}
    for name, certificate in sorted(certificates.items()):
        named.setdefault(" ".join(certificate.split()), []).append(name)
    kinds = [f" {_json(certificate)}: {_json(' '.join(names))}" for certificate, names in sorted(named.items())]
    rows = [f" {_json(row)}" for row in sorted(conventions, key=lambda row: row[0])]
    return "\n".join(['{"certificates": {', ",\n".join(kinds), "},", '"conventions": [', ",\n".join(rows), "]}", ""])


def _json(x: object) -> str:
    return json.dumps(x, ensure_ascii=False)


if __name__ == "__main__":  # pragma: no cover
    KNOWN.write_text(text(), encoding="utf-8")
