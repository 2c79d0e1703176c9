"""Samples of shaping, arranging, splitting, padding, indexing and gathering."""

from __future__ import annotations

from hypothesis.strategies import SearchStrategy

from minigrad.testing.samples.builders import Sample

SAMPLES: dict[str, SearchStrategy[Sample]] = {}
