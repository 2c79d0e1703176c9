"""SciPy's functions for functions that are differentiated."""
