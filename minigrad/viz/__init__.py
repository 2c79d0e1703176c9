"""Pictures: graphs of what was computed from what."""

from minigrad.viz.graph import graph

__all__ = ["graph"]
