"""Every row of minigrad/ops/matrices.py has the properties that a row must have."""

from minigrad.ops import matrices
from tests.ops.families import properties_of

test_properties = properties_of(matrices)
