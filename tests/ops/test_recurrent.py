"""Every row of minigrad/ops/recurrent.py has the properties that a row must have."""

from minigrad.ops import recurrent
from tests.ops.families import properties_of

test_properties = properties_of(recurrent)
