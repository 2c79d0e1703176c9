"""Every row of minigrad/ops/gamma_functions.py has the properties that a row must have."""

from minigrad.ops import gamma_functions
from tests.ops.families import properties_of

test_properties = properties_of(gamma_functions)
