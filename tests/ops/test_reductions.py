"""Every row of minigrad/ops/reductions.py has the properties that a row must have."""

from minigrad.ops import reductions
from tests.ops.families import properties_of

test_properties = properties_of(reductions)
