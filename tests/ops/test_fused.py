"""Every row of minigrad/ops/fused.py has the properties that a row must have."""

from minigrad.ops import fused
from tests.ops.families import properties_of

test_properties = properties_of(fused)
