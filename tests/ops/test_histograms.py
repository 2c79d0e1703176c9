"""Every row of minigrad/ops/histograms.py has the properties that a row must have."""

from minigrad.ops import histograms
from tests.ops.families import properties_of

test_properties = properties_of(histograms)
