"""Every row of minigrad/ops/decompositions.py has the properties that a row must have."""

from minigrad.ops import decompositions
from tests.ops.families import properties_of

test_properties = properties_of(decompositions)
