"""Every row of minigrad/ops/convolution.py has the properties that a row must have."""

from minigrad.ops import convolution
from tests.ops.families import properties_of

test_properties = properties_of(convolution)
