"""What was measured, as a table for the terminal, for the documentation, or as JSON."""

from __future__ import annotations

import datetime as dt
import os
import platform
import re
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from tests.paragraphs import wrapped

from .timing import Comparison

DISTURBING = 0.15  # cores that others use
UNITS = {"µs": 1e-6, "ms": 1e-3, "MiB": 2**20}
PACKAGES = ("numpy", "torch", "jax", "optax", "mygrad", "autograd")


def environment() -> dict[str, Any]:
    """The versions and the machine that the figures belong to."""
    return {
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "python": platform.python_version(),
        **{package: found for package in PACKAGES if (found := _version(package))},
        "machine": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "threads": _threads(),
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _threads() -> str:
    """The defaults, which are not changed, and whatever the environment says."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    given = [f"{name}={os.environ[name]}" for name in names if name in os.environ]
    torch = [f"torch {sys.modules['torch'].get_num_threads()}"] if "torch" in sys.modules else []
    return ", ".join([*(given or ["defaults"]), *torch])


def heading() -> str:
    """The environment in one line."""
    return ", ".join(f"{key} {value}" for key, value in environment().items())


def rows(comparison: Comparison) -> list[list[str]]:
    """A header and a row per competitor: median, least, and each subject's ratio to it and target."""
    c, unit = comparison, UNITS[comparison.unit]
    subjects = [subject for subject in c.subjects if subject in c.samples]
    header = ["", f"median {c.unit}", f"min {c.unit}"]
    for subject in subjects:
        header += [f"{subject} / it", "10-90 %", "target"]
    table = [header]
    for peer, seconds in c.samples.items():
        row = [peer, _figure(np.median(seconds) / unit), _figure(min(seconds) / unit)]
        for subject in subjects:
            row += ["", "", ""] if peer == subject else _ratio_cells(c, subject, peer)
        table.append(row)
    return table


def _ratio_cells(c: Comparison, subject: str, peer: str) -> list[str]:
    middle, low, high = c.ratio(subject, peer)
    met = c.met(subject, peer)
    verdict = ("met" if met else "NOT MET") + ("?" if _is_doubtful(c) else "")
    target = "" if met is None else f"≤ {c.targets[subject, peer]:.2f} {verdict}"
    return [f"{middle:.3f}", f"{low:.2f}-{high:.2f}", target]


def _is_doubtful(c: Comparison) -> bool:
    return c.busy is not None and c.busy > DISTURBING


def _figure(value: float) -> str:
    return f"{value:,.2f}" if value < 100 else f"{value:,.0f}"


def as_text(comparison: Comparison) -> str:
    """The table in columns."""
    table = rows(comparison)
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = [comparison.title]
    for row in table:
        name, *cells = (cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        lines.append("  ".join(["  " + name.strip().ljust(widths[0]), *cells]).rstrip())
    return "\n".join([*lines, *(f"  {line}" for line in _remarks(comparison))]) + "\n"


def as_markdown(comparisons: Sequence[Comparison]) -> str:
    """The tables as ``docs/performance.md`` holds them."""
    parts = [wrapped(f"Measured: {heading()}.")]
    for c in comparisons:
        header, *body = rows(c)
        rule = ["---", *["--:"] * (len(header) - 1)]
        table = "\n".join(f"| {' | '.join(cells)} |" for cells in (header, rule, *body))
        parts += [wrapped(f"**{c.title}**"), table, *map(wrapped, _remarks(c))]
    return "\n\n".join(parts) + "\n"


def _remarks(c: Comparison) -> list[str]:
    remarks = [*c.notes, *(f"skipped {name}: {reason}" for name, reason in c.skipped.items())]
    if _is_doubtful(c):
        remarks.append(f"doubtful: other programs used {c.busy:.1f} cores meanwhile")
    return remarks


def as_dict(comparison: Comparison) -> dict[str, Any]:
    """Everything, for a program to read; times in seconds."""
    c = comparison
    return {
        "title": c.title,
        "samples": c.samples,
        "ratios": [
            {"of": a, "to": b, **_ratio(c, a, b)} for a in c.subjects for b in c.samples if a != b and a in c.samples
        ],
        "busy": c.busy,
        "losses": c.losses,
        "skipped": c.skipped,
        "notes": c.notes,
    }


def _ratio(c: Comparison, subject: str, peer: str) -> dict[str, Any]:
    middle, low, high = c.ratio(subject, peer)
    target, met = c.targets.get((subject, peer)), c.met(subject, peer)
    return {"median": middle, "p10": low, "p90": high, "target": target, "met": met}


def write_pyperf(path: Path, comparisons: Sequence[Comparison]) -> None:
    """Write every sample as a suite of pyperf, whose ``stats``, ``hist`` and ``compare_to`` read it."""
    import pyperf

    benchmarks = []
    for c in comparisons:
        for name, seconds in c.samples.items():
            metadata = {"name": f"{c.title}: {name}", "description": "in turns with the others; one value a round"}
            benchmarks.append(pyperf.Benchmark([pyperf.Run(seconds, metadata=metadata)]))
    pyperf.BenchmarkSuite(benchmarks).dump(str(path), replace=True)


def update(path: Path, markdown: str) -> None:
    """Replace what stands between the two marks in a page. Raises ``ValueError`` if they are missing."""
    page = path.read_text(encoding="utf-8")
    marked = re.compile(r"(<!-- benchmarks -->\n).*(<!-- /benchmarks -->)", re.DOTALL)
    if not marked.search(page):
        raise ValueError(f"{path} has no <!-- benchmarks --> ... <!-- /benchmarks --> to write between")
    page = marked.sub(lambda found: f"{found[1]}\n{markdown}\n{found[2]}", page)
    path.write_text(page, encoding="utf-8")
