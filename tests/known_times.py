"""What ``python -m minigrad bench`` is held against, from docs/performance.md: ``python -m tests.known_times``."""

from __future__ import annotations

import json
import re
from pathlib import Path

from minigrad.command.bench import KNOWN
from minigrad.command.workloads import WORKLOADS

PAGE = Path(__file__).parents[1] / "docs" / "performance.md"
#: A row of the page: the way that it is.
WAYS = {"minigrad": "eager", "numpy": "numpy", "native": "native"}


def text() -> str:
    """The file: medians in microseconds of each workload each way, and what they were measured with."""
    page = PAGE.read_text(encoding="utf-8")
    times: dict[str, dict[str, float]] = {}
    for name in WORKLOADS:
        section = page.split(f"\n**{name}: ")[1].split("\n**")[0]
        rows = re.findall(r"^\| ([\w-]+) \| ([\d.,]+) \|", section, re.MULTILINE)
        times[name] = {WAYS[row]: float(median.replace(",", "")) for row, median in rows if row in WAYS}
    [measured] = re.findall(r"^Measured: (.+?)\.\n\n", page, re.MULTILINE | re.DOTALL)[:1]
    return json.dumps({"measured": " ".join(measured.split()), "times": times}, indent=1) + "\n"


if __name__ == "__main__":  # pragma: no cover
    KNOWN.write_text(text(), encoding="utf-8")
