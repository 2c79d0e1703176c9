"""Every row of minigrad/ops/sorting.py has the properties that a row must have."""

from minigrad.ops import sorting
from tests.ops.families import properties_of

test_properties = properties_of(sorting)
