"""Every row of minigrad/ops/attention.py has the properties that a row must have."""

from minigrad.ops import attention
from tests.ops.families import properties_of

test_properties = properties_of(attention)
