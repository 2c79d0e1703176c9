"""Every row of minigrad/ops/norms.py has the properties that a row must have."""

from minigrad.ops import norms
from tests.ops.families import properties_of

test_properties = properties_of(norms)
