"""Every row of minigrad/ops/even_steps.py has the properties that a row must have."""

from minigrad.ops import even_steps
from tests.ops.families import properties_of

test_properties = properties_of(even_steps)
