"""Every row of minigrad/ops/representations.py has the properties that a row must have."""

from minigrad.ops import representations
from tests.ops.families import properties_of

test_properties = properties_of(representations)
