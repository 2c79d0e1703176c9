"""Every row of minigrad/ops/rounding.py has the properties that a row must have."""

from minigrad.ops import rounding
from tests.ops.families import properties_of

test_properties = properties_of(rounding)
