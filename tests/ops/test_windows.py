"""Every row of minigrad/ops/windows.py has the properties that a row must have."""

from minigrad.ops import windows
from tests.ops.families import properties_of

test_properties = properties_of(windows)
