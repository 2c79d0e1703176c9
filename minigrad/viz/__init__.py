"""Pictures of graphs, of training, and of where a gradient comes from."""

from minigrad.viz.curves import curves
from minigrad.viz.explanation import Explanation, explain
from minigrad.viz.graph import graph
from minigrad.viz.regions import decision_regions
from minigrad.viz.report import report

__all__ = ["Explanation", "curves", "decision_regions", "explain", "graph", "report"]
