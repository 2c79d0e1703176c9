"""The formulas: every operation of the package as a row of a table.

Reading these files is reading the calculus: ``elementwise``, ``reductions``, ``shaping``,
``indexing``, ``linalg`` and, for whole expressions in one step, ``fused``.
"""

from minigrad.ops.elementwise import *
from minigrad.ops.fused import *
from minigrad.ops.indexing import *
from minigrad.ops.linalg import *
from minigrad.ops.reductions import *
from minigrad.ops.shaping import *
from minigrad.table import builtin, numpy_functions, ops

builtin.update(ops, numpy_functions)
