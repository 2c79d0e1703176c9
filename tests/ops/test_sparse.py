"""Rows of sparse products and systems; tests/numerics/test_sparse_matrices.py has their faces."""

from minigrad.ops import sparse as rows
from tests.ops.families import properties_of

test_properties = properties_of(rows)
