"""Every row of minigrad/nn/functional/layers.py has the properties that a row must have."""

from minigrad.nn.functional import layers
from tests.ops.families import properties_of

test_properties = properties_of(layers)
