"""Every row of minigrad/ops/nan_reductions.py has the properties that a row must have."""

from minigrad.ops import nan_reductions
from tests.ops.families import properties_of

test_properties = properties_of(nan_reductions)
