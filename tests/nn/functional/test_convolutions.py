"""Every row of minigrad/nn/functional/convolutions.py has the properties that a row must have."""

from minigrad.nn.functional import convolutions
from tests.ops.families import properties_of

test_properties = properties_of(convolutions)
