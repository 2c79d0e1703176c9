"""Every row of minigrad/ops/indexing.py has the properties that a row must have."""

from minigrad.ops import indexing
from tests.ops.families import properties_of

test_properties = properties_of(indexing)
