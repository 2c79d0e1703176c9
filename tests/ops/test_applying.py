"""Every row of minigrad/ops/applying.py has the properties that a row must have."""

from minigrad.ops import applying
from tests.ops.families import properties_of

test_properties = properties_of(applying)
