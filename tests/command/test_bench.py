"""``bench``: a table that is bounded in time, with facts of the machine."""

import json
from time import perf_counter

import pytest

from minigrad.command import bench, main
from minigrad.command.workloads import WORKLOADS
from tests import known_times


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Workloads of no size, and a clock that the tests need not wait for."""
    monkeypatch.setattr(bench, "WORKLOADS", {"spiral": (lambda: lambda: None, 1), "chain": (lambda: lambda: None, 10)})


def test_the_times_are_those_of_the_page():
    assert bench.KNOWN.read_text(encoding="utf-8") == known_times.text(), "write them anew: python -m tests.known_times"
    times = json.loads(known_times.text())["times"]
    assert set(times) == set(WORKLOADS)
    assert all(set(ways) == ({"eager"} if name == "chain" else set(bench.WAYS)) for name, ways in times.items())


def test_the_table(capsys, monkeypatch):
    monkeypatch.setattr(bench, "prepared", lambda step, way: step)
    monkeypatch.setattr(bench.os, "getloadavg", lambda: (99.0, 0.0, 0.0), raising=False)
    begin = perf_counter()
    assert main(["bench", "--seconds", "0.2"]) == 0
    assert perf_counter() - begin < 10
    printed = capsys.readouterr().out
    for text in (
        "BLAS",
        "cores",
        "load       99.0",
        "the table  date",
        "here / table",
        "other programs keep the cores",
    ):
        assert text in printed
    rows = [line.split() for line in printed.splitlines() if line.startswith(("spiral", "chain"))]
    assert [row[:2] for row in rows] == [["spiral", way] for way in bench.WAYS] + [["chain", "eager"]]
    assert all(len(row) == 6 and 0 <= float(row[5]) < 1 for row in rows)


def test_as_json(capsys, monkeypatch):
    monkeypatch.setattr(bench.os, "getloadavg", lambda: (0.0, 0.0, 0.0), raising=False)
    assert main(["bench", "--seconds", "0.05", "--only", "chain", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["machine"]["cores"]
    [row] = told["times"]
    assert (row["workload"], row["way"], row["table"]) == (
        "chain",
        "eager",
        json.loads(known_times.text())["times"]["chain"]["eager"],
    )
    assert 0 < row["least"] <= row["median"]


def test_what_is_left_out_says_why(monkeypatch):
    def missing(*_):
        raise ModuleNotFoundError("no", name="llvmlite")

    monkeypatch.setattr(bench, "prepared", missing)
    assert "llvmlite is not installed" in next(bench.measured(["spiral"], 1.0))["skipped"]
    late = list(bench.measured(["spiral"], 0.0))
    assert [row["skipped"].split(":")[0] for row in late] == ["left out"] * 3
    assert bench._line(late[0], 118.0).endswith("the time was over (--seconds, --only)\n")


def test_a_step_is_run_as_it_is_or_as_a_program():
    def step():
        return None

    assert bench.prepared(step, "eager") is step
    assert type(bench.prepared(step, "numpy")).__name__ == "Compiled"


def test_a_slow_step_ends_after_twice_its_time():
    calls = []

    def slow():
        begin = perf_counter()
        while perf_counter() - begin < 0.005:
            pass
        calls.append(1)

    begin = perf_counter()
    least, median = bench.timed(slow, 0.001)
    assert 5000 <= least <= median
    assert len(calls) < 20
    assert perf_counter() - begin < 5


@pytest.mark.parametrize("seconds", ["0", "-1", "61", "nan"])
def test_a_time_out_of_range_is_refused(seconds, capsys):
    assert main(["bench", "--seconds", seconds]) == 1
    assert "above 0 and at most 60" in capsys.readouterr().err
