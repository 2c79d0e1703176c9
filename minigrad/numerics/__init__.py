"""Functions of SciPy's signals, integrals, interpolation, rotations and sparse matrices, made of operations."""
