"""Every row of minigrad/ops/cross_entropies.py has the properties that a row must have."""

from minigrad.ops import cross_entropies
from tests.ops.families import properties_of

test_properties = properties_of(cross_entropies)
