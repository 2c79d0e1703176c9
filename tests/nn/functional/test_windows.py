"""Every row of minigrad/nn/functional/windows.py has the properties that a row must have."""

from minigrad.nn.functional import windows
from tests.ops.families import properties_of

test_properties = properties_of(windows)
