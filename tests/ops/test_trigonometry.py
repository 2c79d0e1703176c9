"""Every row of minigrad/ops/trigonometry.py has the properties that a row must have."""

from minigrad.ops import trigonometry
from tests.ops.families import properties_of

test_properties = properties_of(trigonometry)
