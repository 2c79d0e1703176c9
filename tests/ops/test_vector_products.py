"""Every row of minigrad/ops/vector_products.py has the properties that a row must have."""

from minigrad.ops import vector_products
from tests.ops.families import properties_of

test_properties = properties_of(vector_products)
