"""Every row of minigrad/ops/rectifiers.py has the properties that a row must have."""

from minigrad.ops import rectifiers
from tests.ops.families import properties_of

test_properties = properties_of(rectifiers)
