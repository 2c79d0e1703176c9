"""Every row of minigrad/ops/row_norms.py has the properties that a row must have."""

from minigrad.ops import row_norms
from tests.ops.families import properties_of

test_properties = properties_of(row_norms)
