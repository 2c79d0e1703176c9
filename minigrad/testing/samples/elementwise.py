"""Samples of elementwise ops, choices, activations and special functions."""

from __future__ import annotations

from hypothesis.strategies import SearchStrategy

from minigrad.testing.samples.builders import Sample

SAMPLES: dict[str, SearchStrategy[Sample]] = {}
