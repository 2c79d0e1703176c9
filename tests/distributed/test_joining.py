"""Joining: nothing where a process is alone, and what is said where it cannot be."""

import importlib.util

import pytest

from minigrad.distributed import joining, start
from minigrad.distributed.reporting import meeting, reporter


def test_a_process_that_is_alone_joins_nobody(monkeypatch):
    assert not start()
    for name, text in {"RANK": "0", "WORLD_SIZE": "1", "COORDINATOR": "127.0.0.1:1"}.items():
        monkeypatch.setenv(f"MINIGRAD_{name}", text)
    assert not start()
    joining.leave()
    with meeting():
        assert reporter() is None


def test_without_jax_it_says_what_to_install(monkeypatch):
    for name, text in {"RANK": "0", "WORLD_SIZE": "2", "COORDINATOR": "127.0.0.1:1"}.items():
        monkeypatch.setenv(f"MINIGRAD_{name}", text)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match="2 processes train together through JAX"):
        start()
