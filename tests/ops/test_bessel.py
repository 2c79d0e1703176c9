"""Every row of minigrad/ops/bessel.py has the properties that a row must have."""

from minigrad.ops import bessel
from tests.ops.families import properties_of

test_properties = properties_of(bessel)
