"""Every row of minigrad/ops/segments.py has the properties that a row must have."""

from minigrad.ops import segments
from tests.ops.families import properties_of

test_properties = properties_of(segments)
