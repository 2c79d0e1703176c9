"""Every row of minigrad/ops/scans.py has the properties that a row must have."""

from minigrad.ops import scans
from tests.ops.families import properties_of

test_properties = properties_of(scans)
