"""Every row of minigrad/ops/lengths.py has the properties that a row must have."""

from minigrad.ops import lengths
from tests.ops.families import properties_of

test_properties = properties_of(lengths)
