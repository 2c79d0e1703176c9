"""The formulas: every operation of the package as a row of a table.

Reading these files is reading the calculus. Each holds one family; ``fused`` has whole expressions in one step.
The names listed here are those of ``minigrad`` itself; the rest is found in ``minigrad.linalg``, ``minigrad.fft``
and ``minigrad.nn.functional``.
"""

from minigrad.core.examples import add_examples
from minigrad.core.table import builtin, numpy_functions, ops
from minigrad.ops import (
    activations,
    applying,
    arranging,
    attention,
    complex_numbers,
    contractions,
    convolution,
    cross_entropies,
    decompositions,
    determinants,
    diagonals,
    differences,
    eigenvalues,
    elementwise,
    embedding,
    even_steps,
    fourier,
    fused,
    gathering,
    histograms,
    in_place,
    indexing,
    joining,
    linalg,
    matrices,
    matrix_equations,
    matrix_functions,
    matrix_logarithms,
    nan_reductions,
    normalisation,
    norms,
    numpy_options,
    padding,
    polynomials,
    pooling,
    products,
    rectifiers,
    recurrent,
    recursive_filters,
    reduction_options,
    reductions,
    representations,
    rounding,
    scans,
    segments,
    selection,
    shaping,
    sliding,
    sorting,
    sparse,
    special,
    splitting,
    statistics,
    structured,
    substitution,
    triangular,
    trigonometry,
    ufunc_calls,
    ufunc_methods,
    vector_products,
    windows,
)
from minigrad.ops.activations import *
from minigrad.ops.applying import *
from minigrad.ops.arranging import *
from minigrad.ops.complex_numbers import *
from minigrad.ops.contractions import *
from minigrad.ops.cross_entropies import *
from minigrad.ops.diagonals import *
from minigrad.ops.differences import *
from minigrad.ops.elementwise import *
from minigrad.ops.even_steps import *
from minigrad.ops.fused import *
from minigrad.ops.gathering import *
from minigrad.ops.histograms import *
from minigrad.ops.indexing import *
from minigrad.ops.joining import *
from minigrad.ops.nan_reductions import *
from minigrad.ops.padding import *
from minigrad.ops.polynomials import *
from minigrad.ops.products import *
from minigrad.ops.rectifiers import *
from minigrad.ops.reductions import *
from minigrad.ops.representations import *
from minigrad.ops.rounding import *
from minigrad.ops.scans import *
from minigrad.ops.segments import *
from minigrad.ops.selection import *
from minigrad.ops.shaping import *
from minigrad.ops.sliding import *
from minigrad.ops.sorting import *
from minigrad.ops.special import *
from minigrad.ops.splitting import *
from minigrad.ops.statistics import *
from minigrad.ops.trigonometry import *
from minigrad.ops.vector_products import *

#: The families whose names are those of ``minigrad`` itself.
FAMILIES = (
    activations, applying, arranging, complex_numbers, contractions, cross_entropies, diagonals, differences,
    elementwise, even_steps, fused, gathering, histograms, indexing, joining, nan_reductions, padding, polynomials,
    products, rectifiers, reductions, representations, rounding, scans, segments, selection, shaping, sliding,
    sorting, special, splitting, statistics, trigonometry, vector_products,
)

__all__: list[str] = []
for _family in FAMILIES:
    __all__ += _family.__all__

builtin.update(ops, numpy_functions)
add_examples(ops)
