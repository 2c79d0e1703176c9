"""Every row of minigrad/ops/integrals.py has the properties that a row must have."""

from minigrad.ops import integrals
from tests.ops.families import properties_of

test_properties = properties_of(integrals)
