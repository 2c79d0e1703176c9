"""Every row of minigrad/nn/functional/pooling.py has the properties that a row must have."""

from minigrad.nn.functional import pooling
from tests.ops.families import properties_of

test_properties = properties_of(pooling)
