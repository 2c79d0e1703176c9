"""Every row of minigrad/ops/error_functions.py has the properties that a row must have."""

from minigrad.ops import error_functions
from tests.ops.families import properties_of

test_properties = properties_of(error_functions)
