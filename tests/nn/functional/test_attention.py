"""Every row of minigrad/nn/functional/attention.py has the properties that a row must have."""

from minigrad.nn.functional import attention
from tests.ops.families import properties_of

test_properties = properties_of(attention)
