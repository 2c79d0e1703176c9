"""Every row of minigrad/ops/products.py has the properties that a row must have."""

from minigrad.ops import products
from tests.ops.families import properties_of

test_properties = properties_of(products)
