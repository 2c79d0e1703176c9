"""Every row of minigrad/ops/pooling.py has the properties that a row must have."""

from minigrad.ops import pooling
from tests.ops.families import properties_of

test_properties = properties_of(pooling)
