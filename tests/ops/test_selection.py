"""Every row of minigrad/ops/selection.py has the properties that a row must have."""

from minigrad.ops import selection
from tests.ops.families import properties_of

test_properties = properties_of(selection)
