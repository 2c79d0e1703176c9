"""Threads that share the chunks of a long loop."""

import os
import threading

import pytest

from minigrad.compiler.backends.team import Team
from minigrad.errors import CompileError


def team(monkeypatch, size):
    monkeypatch.setenv("MINIGRAD_NUM_THREADS", str(size))
    return Team()


@pytest.mark.parametrize("size", [1, 2, 3])
@pytest.mark.parametrize("chunks", [1, 2, 7])
def test_each_chunk_is_done_once_and_the_end_comes_last(size, chunks, monkeypatch):
    done, threads = [], set()
    made = team(monkeypatch, size)

    def kernel(first, last, add):
        threads.add(threading.current_thread().name)
        done.extend(["end"] if first == last == chunks else range(first, last))
        assert add == 5

    made.run(kernel, chunks, 5)
    assert sorted(x for x in done if x != "end") == list(range(chunks))
    assert done[-1:] == ["end"] or size == 1
    assert len(threads) <= size


def test_an_error_comes_out_and_the_team_works_on(monkeypatch):
    made = team(monkeypatch, 2)

    def fails(first, _):
        raise ZeroDivisionError(str(first))

    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            made.run(fails, 4)
    seen = []
    made.run(lambda first, last: seen.append((first, last)), 4)
    assert sorted(seen) == [(0, 2), (2, 4), (4, 4)]


def test_a_loop_within_a_loop_is_the_caller_s_own(monkeypatch):
    made = team(monkeypatch, 2)
    inner = []

    def kernel(first, _):
        if first == 0:
            made.run(lambda a, b: inner.append((a, b)), 4)

    made.run(kernel, 2)
    assert (0, 4) in inner


@pytest.mark.parametrize("wrong", ["many", "-1", "2.5"])
def test_a_size_that_is_no_number(wrong, monkeypatch):
    monkeypatch.setenv("MINIGRAD_NUM_THREADS", wrong)
    with pytest.raises(CompileError, match="expected a whole number"):
        Team()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_by_default_it_is_as_many_as_may_be_used(monkeypatch):
    monkeypatch.delenv("MINIGRAD_NUM_THREADS", raising=False)
    assert 1 <= Team().size <= (os.cpu_count() or 1)
