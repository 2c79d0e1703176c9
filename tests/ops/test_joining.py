"""Every row of minigrad/ops/joining.py has the properties that a row must have."""

from minigrad.ops import joining
from tests.ops.families import properties_of

test_properties = properties_of(joining)
