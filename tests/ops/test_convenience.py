"""Every row of minigrad/ops/convenience.py has the properties that a row must have."""

from minigrad.ops import convenience
from tests.ops.families import properties_of

test_properties = properties_of(convenience)
