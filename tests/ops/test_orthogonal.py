"""Every row of minigrad/ops/orthogonal.py has the properties that a row must have."""

from minigrad.ops import orthogonal
from tests.ops.families import properties_of

test_properties = properties_of(orthogonal)
