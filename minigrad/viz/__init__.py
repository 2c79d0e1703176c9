"""Pictures of graphs, of training, and of where a gradient comes from."""

from typing import TYPE_CHECKING

from minigrad.support.idioms import missing_from
from minigrad.viz.curves import curves
from minigrad.viz.explanation import Explanation, explain
from minigrad.viz.graph import graph
from minigrad.viz.landscape import loss_surface
from minigrad.viz.rates import LearningRates, learning_rates
from minigrad.viz.regions import decision_regions
from minigrad.viz.report import report

__all__ = [
    "Explanation", "LearningRates", "curves", "decision_regions", "explain", "graph", "learning_rates", "loss_surface",
    "report",
]

if not TYPE_CHECKING:
    __getattr__ = missing_from(__name__)
