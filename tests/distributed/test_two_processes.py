"""Two processes on the loopback address against one: the same losses, metrics and weights."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.distributed import scripts

pytest.importorskip("jax", reason="needs jax (pip install jax)")
pytestmark = pytest.mark.jax

#: These take some minutes: MINIGRAD_PROCESSES=1 python -m pytest tests/distributed/test_two_processes.py
by_command = pytest.mark.skipif("MINIGRAD_PROCESSES" not in os.environ, reason="runs where MINIGRAD_PROCESSES is set")

ROOT = Path(__file__).parents[2]


def launch(tmp_path, names, *more, processes=2):
    """Run these in several processes: the exit status, and what was said."""
    command = [sys.executable, "-m", "minigrad", "launch", "--processes", str(processes), "--timeout", "100"]
    made = subprocess.run(
        [*command, str(ROOT / "tests/distributed/scripts.py"), ",".join(names), str(tmp_path / "out"), *more],
        capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    return made.returncode, made.stderr


def read(tmp_path, name, rank=0):
    """(arrays, records), count"""
    with np.load(tmp_path / f"out-{name}-{rank}.npz") as held:
        arrays = [held[key] for key in held if key.startswith("arr_")]
        return (arrays, json.loads(str(held["records"]))), int(held["count"])


def assert_same(got, expected, bits=False):
    for x, y in zip(got[0], expected[0], strict=True):
        np.testing.assert_allclose(x, y, rtol=0, atol=0 if bits else 2e-6)
    for one, other in zip(got[1], expected[1], strict=True):
        assert one.keys() == other.keys()
        for key in one:
            np.testing.assert_allclose(one[key], other[key], rtol=0 if bits else 1e-5, atol=0, err_msg=key)


def check(tmp_path, names):
    status, said = launch(tmp_path, names)
    assert status == 0, said
    for name in names:
        expected, _ = scripts.RUNS[name]()
        for rank in (0, 1):
            got, count = read(tmp_path, name, rank)
            assert_same(got, expected)
            if name == "short":  # 4 halves and 11; the others of the first batch, of two audits, and of what was ahead
                assert count <= 4 * 8 + 11 + 3 * 16
        assert_same(read(tmp_path, name, 1)[0], read(tmp_path, name, 0)[0], bits=True)


@pytest.mark.slow
def test_two_processes_train_as_one(tmp_path):
    """One epoch of all that could differ: 4 batches of 16 in two halves, and one of 11 that each rank has."""
    check(tmp_path, ["short"])


@by_command
def test_two_processes_train_as_one_on_other_data(tmp_path):
    check(tmp_path, ["fitted", "samples", "arrays", "transform", "list", "pair"])


@pytest.mark.slow
def test_a_run_whose_rank_was_killed_goes_on_in_one_process(tmp_path):
    status, said = launch(tmp_path, ["killed"], str(tmp_path / "run"))
    assert status == 137
    assert "rank 1 has failed: it was ended by SIGKILL" in said
    whole = scripts.classified(epochs=3)[0]
    assert_same(scripts.classified(epochs=3, folder=str(tmp_path / "run"))[0], whole)


@by_command
def test_a_run_whose_rank_was_killed_goes_on_to_the_same_bits(tmp_path):
    assert launch(tmp_path, ["kept"], str(tmp_path / "whole"))[0] == 0
    whole, _ = read(tmp_path, "kept")
    assert launch(tmp_path, ["killed"], str(tmp_path / "cut"))[0] == 137
    assert launch(tmp_path, ["kept"], str(tmp_path / "cut"))[0] == 0
    assert_same(read(tmp_path, "kept")[0], whole, bits=True)


@by_command
def test_a_rank_that_is_asked_to_end_ends_all_after_a_step(tmp_path):
    status, said = launch(tmp_path, ["ended"], str(tmp_path / "run"))
    assert status == 0, said
    assert [read(tmp_path, "ended", rank)[0][1] for rank in (0, 1)] == [[], []]
    assert list((tmp_path / "run").iterdir())
    assert launch(tmp_path, ["kept"], str(tmp_path / "run"))[0] == 0
    assert len(read(tmp_path, "kept")[0][1]) == 3


@by_command
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("memory", "rank 1 has failed: MemoryError: 9 GiB"),
        ("stopped", "has failed: it waits at meeting 8 for "),
    ],
)
def test_what_goes_wrong_in_one_rank_is_told(tmp_path, name, said):
    status, told = launch(tmp_path, [name])
    assert status != 0
    assert said in told
