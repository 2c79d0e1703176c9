"""The command: ``python -m tests.benchmarks``, from the root of the repository."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from . import report
from .peers import ON_REQUEST, PEERS
from .timing import Bystanders, Settings
from .workloads import WORKLOADS


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, write; returns 0, also when a target is missed: a busy machine proves nothing."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks",
        description="Measure minigrad beside its peers, in turns, in one process. Peers: pip install -e '.[bench]'.",
    )
    add = parser.add_argument
    add("--workload", action="append", choices=[*WORKLOADS], metavar="NAME", help="only this one; may be repeated")
    add("--peer", action="append", choices=[*PEERS], default=[], metavar="NAME", help="only this one; may be repeated")
    add("--rounds", type=int, default=Settings.rounds, help="default %(default)s")
    add("--seconds", type=float, default=Settings.seconds, help="per measurement, default %(default)s")
    add("--json", type=Path, metavar="FILE", help="write every sample there")
    add("--pyperf", type=Path, metavar="FILE", help="write every sample there, for pyperf stats and compare_to")
    add("--markdown", action="store_true", help="print the tables as Markdown")
    add("--update", type=Path, metavar="PAGE", help="replace the tables in a page, docs/performance.md")
    add("--list", action="store_true", help="print the names of workloads and peers")
    options = parser.parse_args(arguments)
    if options.list:
        print("workloads:", ", ".join(WORKLOADS))
        print("peers:", *(f"  {name:12} {what}" for name, what in PEERS.items()), sep="\n")
        return 0
    if options.rounds < 1 or options.seconds <= 0:
        parser.error("--rounds is at least 1 and --seconds above 0")
    settings = Settings(options.rounds, options.seconds, tuple(options.peer), frozenset(ON_REQUEST))
    comparisons = []
    for name in options.workload or WORKLOADS:
        print(f"measuring {name} ...", file=sys.stderr, flush=True)
        bystanders = Bystanders()
        for comparison in WORKLOADS[name](settings):
            comparison.busy = bystanders.cores()
            comparisons.append(comparison)
            if not options.markdown:
                print(report.as_text(comparison), flush=True)
    print(report.as_markdown(comparisons) if options.markdown else report.heading())
    if options.json:
        results = {"environment": report.environment(), "comparisons": [report.as_dict(c) for c in comparisons]}
        options.json.write_text(json.dumps(results, indent=1, ensure_ascii=False), encoding="utf-8")
    if options.pyperf:
        report.write_pyperf(options.pyperf, comparisons)
    if options.update:
        report.update(options.update, report.as_markdown(comparisons))
    return 0


if __name__ == "__main__":
    sys.exit(main())
