"""Every row of minigrad/ops/normalisation.py has the properties that a row must have."""

from minigrad.ops import normalisation
from tests.ops.families import properties_of

test_properties = properties_of(normalisation)
