"""Every row of minigrad/ops/gathering.py has the properties that a row must have."""

from minigrad.ops import gathering
from tests.ops.families import properties_of

test_properties = properties_of(gathering)
