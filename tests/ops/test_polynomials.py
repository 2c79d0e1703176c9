"""Every row of minigrad/ops/polynomials.py has the properties that a row must have."""

from minigrad.ops import polynomials
from tests.ops.families import properties_of

test_properties = properties_of(polynomials)
