"""Every row of minigrad/ops/activations.py has the properties that a row must have."""

from minigrad.ops import activations
from tests.ops.families import properties_of

test_properties = properties_of(activations)
