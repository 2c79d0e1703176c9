"""Every row of minigrad/ops/differences.py has the properties that a row must have."""

from minigrad.ops import differences
from tests.ops.families import properties_of

test_properties = properties_of(differences)
