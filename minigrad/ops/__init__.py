"""The formulas: every operation of the package as a row of a table.

Reading these files is reading the calculus. Each holds one family; ``fused`` has whole expressions in one step.
The names listed here are those of ``minigrad`` itself; the rest is found in ``minigrad.linalg``, ``minigrad.fft``
and ``minigrad.nn.functional``.
"""

import importlib

from minigrad.core.table import builtin, later, numpy_functions, ops
from minigrad.ops.examples import add_examples

#: The families whose names are those of ``minigrad`` itself.
FAMILIES = """
    activations applying arranging complex_numbers contractions cross_entropies diagonals differences
    elementwise even_steps fused gathering histograms indexing joining nan_reductions padding polynomials
    products rectifiers reductions representations rounding scans segments selection shaping sliding sorting
    special splitting statistics trigonometry vector_products
""".split()
#: Those whose names stand elsewhere, or nowhere.
OTHERS = """
    attention convolution decompositions determinants eigenvalues embedding fourier in_place least_squares linalg
    matrices matrix_equations matrix_functions matrix_logarithms normalisation norms numpy_options pooling recurrent
    recursive_filters reduction_options row_norms sparse structured substitution triangular ufunc_calls
    ufunc_methods windows
""".split()

__all__: list[str] = []
for _name in sorted(FAMILIES + OTHERS):
    _family = importlib.import_module(f"minigrad.ops.{_name}")
    if _name in FAMILIES:
        __all__ += _family.__all__
        globals().update({name: getattr(_family, name) for name in _family.__all__})

builtin.update(ops, numpy_functions)
later["scipy.special"] = "minigrad.ops.scipy_names"
add_examples(ops)
