"""Every row of minigrad/ops/diagonals.py has the properties that a row must have."""

from minigrad.ops import diagonals
from tests.ops.families import properties_of

test_properties = properties_of(diagonals)
