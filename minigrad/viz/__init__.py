"""Pictures: graphs of what was computed from what; curves and regions of training, drawn by matplotlib."""

from minigrad.viz.curves import curves
from minigrad.viz.graph import graph
from minigrad.viz.regions import decision_regions

__all__ = ["curves", "decision_regions", "graph"]
