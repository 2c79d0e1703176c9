"""Every row of minigrad/ops/determinants.py has the properties that a row must have."""

from minigrad.ops import determinants
from tests.ops.families import properties_of

test_properties = properties_of(determinants)
