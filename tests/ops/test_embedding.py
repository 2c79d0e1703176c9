"""Every row of minigrad/ops/embedding.py has the properties that a row must have."""

from minigrad.ops import embedding
from tests.ops.families import properties_of

test_properties = properties_of(embedding)
