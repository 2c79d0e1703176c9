"""Every row of minigrad/ops/padding.py has the properties that a row must have."""

from minigrad.ops import padding
from tests.ops.families import properties_of

test_properties = properties_of(padding)
