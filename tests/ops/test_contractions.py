"""Every row of minigrad/ops/contractions.py has the properties that a row must have."""

from minigrad.ops import contractions
from tests.ops.families import properties_of

test_properties = properties_of(contractions)
