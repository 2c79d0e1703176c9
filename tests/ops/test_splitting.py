"""Every row of minigrad/ops/splitting.py has the properties that a row must have."""

from minigrad.ops import splitting
from tests.ops.families import properties_of

test_properties = properties_of(splitting)
