"""Samples of reductions, statistics, sorting, scans and segments."""

from __future__ import annotations

from hypothesis.strategies import SearchStrategy

from minigrad.testing.samples.builders import Sample

SAMPLES: dict[str, SearchStrategy[Sample]] = {}
