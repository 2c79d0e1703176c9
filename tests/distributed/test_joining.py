"""Joining: nothing where a process is alone, and what is said where it cannot be."""

import importlib.util
import types

import pytest

from minigrad.distributed import joining, start
from minigrad.distributed.reporting import meeting, reporter
from minigrad.distributed.variables import Place
from minigrad.errors import StateError


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


class Jax:
    """What joining asks of JAX, and what it was told."""

    def __init__(self, initialized=False, error=None):
        self.told = []
        self.config = types.SimpleNamespace(update=lambda *args: self.told.append(args))
        self.distributed = types.SimpleNamespace(
            is_initialized=lambda: initialized, initialize=self._initialize, shutdown=lambda: self.told.append("left")
        )
        self.error = error

    def _initialize(self, *args, **options):
        if self.error is not None:
            raise RuntimeError(self.error)
        self.told.append((args, options["coordinator_bind_address"]))


@pytest.fixture
def joined(monkeypatch):
    """Join as rank 1 of 2 by this JAX."""

    def join(jax, coordinator="127.0.0.1:4000"):
        monkeypatch.setattr(joining, "_joined", [])
        monkeypatch.setattr(joining, "place", lambda: Place(1, 2, coordinator))
        monkeypatch.setattr(joining.importlib.util, "find_spec", lambda name: name)
        monkeypatch.setattr(joining.importlib, "import_module", lambda name: jax)
        return start()

    return join


def test_the_others_are_joined_once_and_left_at_the_end(joined):
    jax = Jax()
    assert joined(jax)
    assert start()
    joining.leave()
    gloo = ("jax_cpu_collectives_implementation", "gloo")
    assert jax.told == [gloo, (("127.0.0.1:4000", 2, 1), "127.0.0.1:4000"), "left"]
    other = Jax()
    assert joined(other, "10.0.0.1:4000")
    assert other.told[1] == (("10.0.0.1:4000", 2, 1), None)  # another host's address is not this one's to bind
    ready = Jax(initialized=True)
    assert joined(ready)
    assert ready.told == []


def test_jax_that_was_used_before_is_named(joined):
    with pytest.raises(StateError, match="before JAX computes anything"):
        joined(Jax(error="must be called before any JAX computations"))
    with pytest.raises(RuntimeError, match="no answer"):
        joined(Jax(error="no answer"))
