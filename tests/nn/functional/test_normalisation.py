"""Every row of minigrad/nn/functional/normalisation.py has the properties that a row must have."""

from minigrad.nn.functional import normalisation
from tests.ops.families import properties_of

test_properties = properties_of(normalisation)
