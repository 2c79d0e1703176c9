"""Every row of minigrad/ops/sliding.py has the properties that a row must have."""

from minigrad.ops import sliding
from tests.ops.families import properties_of

test_properties = properties_of(sliding)
