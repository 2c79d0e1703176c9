"""Every row of minigrad/ops/eigenvalues.py has the properties that a row must have."""

from minigrad.ops import eigenvalues
from tests.ops.families import properties_of

test_properties = properties_of(eigenvalues)
