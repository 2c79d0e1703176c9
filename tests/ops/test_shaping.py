"""Every row of minigrad/ops/shaping.py has the properties that a row must have."""

from minigrad.ops import shaping
from tests.ops.families import properties_of

test_properties = properties_of(shaping)
