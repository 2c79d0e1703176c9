"""Pictures of training, drawn by matplotlib (extra ``plots``)."""

from minigrad.viz.curves import curves
from minigrad.viz.regions import decision_regions

__all__ = ["curves", "decision_regions"]
