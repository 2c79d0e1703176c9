"""Small matrices, and stacks of them, as kernels: LAPACK takes longer to begin with one than to work on it.

A condition of the program says that no matrix is singular, or that each is positive definite. Where it does not hold,
the step runs as it is written, which raises NumPy's error. Where a condition is not possible, since writes came before,
such calls stay with NumPy.
"""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from minigrad.compiler.backends.cache import Compiler
from minigrad.compiler.backends.kernel_expressions import TYPES
from minigrad.compiler.backends.machine import alike
from minigrad.compiler.backends.matrix_loops import cofactors_text, size_of_factors, text_of
from minigrad.compiler.backends.native_products import dense, product
from minigrad.compiler.backends.segments import Routine
from minigrad.compiler.passes.conditions import with_conditions_first
from minigrad.compiler.program import RESULT, Call, Host, Program, Value, values_in
from minigrad.kernels.determinants import cofactors
from minigrad.kernels.triangular import substituted

#: Rows and columns up to which a matrix is small; products of one call, at most.
FEW, LARGEST = 8, 1 << 22

#: The test of a diagonal that asks for finite numbers alone.
_FINITE = "d == d"

#: Sizes of one product of two matrices up to which they stand in its text.
_TINY = 4


def matrix_calls(
    calls: list[Call], program: Program, compiler: Compiler, may_be_left: bool = True
) -> tuple[list[Call], list[Routine]]:
    """The calls with kernels for those on small matrices: a run ends where one is singular, if it ``may_be_left``."""
    for checks in (True, False)[not may_be_left :]:
        writer = _Writer(calls, program, compiler, checks)
        ordered = with_conditions_first(writer.calls) if writer.has_conditions else (writer.calls, [])
        if ordered is not None:
            program.may_be_left |= writer.has_conditions
            return ordered[0], writer.routines
    return calls, []  # pragma: no cover - without conditions there is an order


def _strides(value: Value, stack: tuple[int, ...], vector: bool = False) -> tuple[int, ...] | None:
    """Elements from one matrix to the next, from a row, and from a column; None where steps are not even."""
    steps = [*value.strides, *[0] * vector]
    size, shape = value.dtype.itemsize, [*value.shape, *[1] * vector]
    if len(shape) < 2 or any(s < 0 or s % size for s in steps):
        return None
    *own, rows, columns = (s // size for s in steps)
    before = tuple(shape[:-2])
    if before not in ((), stack):
        return None
    if any(own[k] != own[k + 1] * before[k + 1] for k in range(len(own) - 1)):
        return None
    return (own[-1] if own else 0, rows, columns)


class _Writer:
    """Writes the calls of a program anew, with kernels for those on small matrices."""

    def __init__(self, calls: list[Call], program: Program, compiler: Compiler, checks: bool) -> None:
        self.calls: list[Call] = []
        self.routines: list[Routine] = []
        self.has_conditions = False
        self._program, self._compiler, self._checks = program, compiler, checks
        self._factors: dict[Value, Value] = {}
        self._sound: dict[Value, str] = {}
        self._used = {value for call in calls for value in call.values} | {
            *values_in(program.outputs),
            *[x for _, x in program.gradients],
        }
        self._call: Any = None  # in whose place the new ones are
        for call in calls:
            self._call = call
            method = None if isinstance(call.function, str) or call.is_host else _METHODS.get(call.function)
            if method is None or not self._fits(call) or not method(self, *call.args, **call.kwargs):
                self.calls.append(call)
            written = {value.root for value in call.writes}
            for known in [x for x in (*self._factors, *self._sound) if x.root in written]:
                self._factors.pop(known, None)
                self._sound.pop(known, None)

    def _fits(self, call: Call) -> bool:
        """Whether all operands are small matrices of one type of floats, and the results new arrays without gaps."""
        operands = [x for x in call.args if not isinstance(x, bool)]
        if call.writes or not call.results or not all(isinstance(x, Value) and x.is_array for x in operands):
            return False
        shown = [x for x in (*operands, *call.results) if x.is_array]
        sizes = [n for x in operands for n in x.shape[-2:]]
        dtype = operands[0].dtype
        lies = all(z.root is z and z.dtype == dtype and z.strides == dense(z) for z in call.results)
        few = all(0 < n <= FEW for n in sizes) or call.function in (np.linalg.solve, substituted)
        return lies and few and alike(dtype, *shown) and 0 < math.prod(max(shown, key=_size).shape) <= LARGEST // FEW

    # -- kernels ------------------------------------------------------------------------------

    def _put(self, name: str, text: str, numbers: tuple[int, ...], values: tuple[Value, ...]) -> None:
        routine = Routine(name, self._compiler.kernel(text), numbers, values)
        self.routines.append(routine)
        self.calls.append(Call(routine, values[:-1], {}, [values[-1]], []).beside(self._call))

    def _assume(self, x: Value, count: int, strides: tuple[int, ...], n: int, test: str) -> None:
        """Add the condition that all numbers of x are finite, and that each on the diagonals, d, passes a test."""
        if x in self._sound and test in (_FINITE, self._sound[x]):
            return
        self._sound[x] = test
        self.has_conditions = True
        holds = self._program.new(RESULT, np.bool_(True))
        text = text_of("sound", TYPES[x.dtype], n, test=test)
        self._put("is_sound", text, (count, *strides), (x, holds))
        self.calls.append(Call(Host("assume", expected=True), (holds,), {}, [], []).beside(self._call))

    def _factors_of(self, a: Value) -> tuple[Value, int, int] | None:
        """The factors of the matrices of a stack, their size, and how many there are."""
        if len(a.shape) < 2 or a.shape[-1] != a.shape[-2] or a.shape[-1] > FEW:
            return None
        stack, n = a.shape[:-2], a.shape[-1]
        count, strides = math.prod(stack), _strides(a, a.shape[:-2])
        if strides is None:
            return None
        if a not in self._factors:
            w = self._program.new(RESULT, np.empty(count * size_of_factors(n), a.dtype))
            self._put("factors", text_of("factors", TYPES[a.dtype], n), (count, *strides), (a, w))
            self._factors[a] = w
        return self._factors[a], n, count

    def _checked(self, a: Value, test: str = "d != 0") -> tuple[Value, int, int] | None:
        """``_factors_of``, with the condition that they are finite and, by default, that no matrix is singular."""
        factors = self._factors_of(a) if self._checks else None
        if factors is not None:
            w, n, count = factors
            self._assume(w, count, (size_of_factors(n), n, 1), n, test)
        return factors

    # -- functions ----------------------------------------------------------------------------

    def solve(self, a: Value, b: Value) -> bool:
        """``np.linalg.solve``: a right side of one axis is a vector."""
        (z,) = self._results
        is_vector = len(b.shape) == 1
        strides = _strides(b, a.shape[:-2], is_vector)
        if strides is None or (not is_vector and z.shape[:-2] != a.shape[:-2]):
            return False
        factors = self._checked(a)
        if factors is None:
            return False
        w, n, count = factors
        text = text_of("solved", TYPES[z.dtype], n, b="b, ", right="b[m * bm + q * bi + j * bj]")
        self._put("solve", text, (count, 1 if is_vector else z.shape[-1], *strides), (w, b, z))
        return True

    def inv(self, a: Value) -> bool:
        """``np.linalg.inv``."""
        (z,), factors = self._results, self._checked(a)
        if factors is None:
            return False
        w, n, count = factors
        kind = TYPES[z.dtype]
        text = text_of("solved", kind, n, b="", right=f"{kind}(1) if q == j else {kind}(0)")
        self._put("inv", text, (count, n, 0, 0, 0), (w, z))
        return True

    def det(self, a: Value) -> bool:
        """``np.linalg.det``."""
        return self._numbers(a, [(self._results[0], "w[o + {sign}]", "x * d")], _FINITE)

    def slogdet(self, a: Value) -> bool:
        """``np.linalg.slogdet``: the signs, and logarithms of the sizes."""
        sign, size = self._results
        kind = TYPES[size.dtype]
        asked = [(sign, "w[o + {sign}]", f"x * {kind}_sign(d)"), (size, f"{kind}(0)", f"x + {kind}_log(abs(d))")]
        return self._numbers(a, [x for x in asked if x[0] in self._used], "d != 0")

    def _numbers(self, a: Value, asked: list[tuple[Value, str, str]], test: str) -> bool:
        factors = self._checked(a, test) if asked else None  # LAPACK spreads infinity in its own ways
        if factors is None:
            return False
        w, n, count = factors
        for z, start, line in asked:
            first = start.format(sign=f"np.uint64({n * n + n})")
            self._put("det", text_of("number", TYPES[z.dtype], n, start=first, line=line), (count,), (w, z))
        return True

    def cholesky(self, a: Value, upper: bool = False) -> bool:
        """``np.linalg.cholesky`` of the lower triangles."""
        (z,), strides, n = self._results, _strides(a, a.shape[:-2]), a.shape[-1]
        if upper or strides is None or not self._checks:
            return False
        count = math.prod(a.shape[:-2])
        self._put("cholesky", text_of("cholesky", TYPES[z.dtype], n), (count, *strides), (a, z))
        self._assume(z, count, (n * n, n, 1), n, "d > 0")
        return True

    def substituted(self, a: Value, b: Value, lower: bool = True) -> bool:
        """``kernels.triangular.substituted``."""
        (z,), n = self._results, a.shape[-1]
        stack = z.shape[:-2]
        strides, others = _strides(a, stack), _strides(b, stack)
        if not self._checks or n > FEW or strides is None or others is None:
            return False
        count = math.prod(stack)
        self._assume(a, count, strides, n, "d != 0")
        text = text_of("substituted", TYPES[z.dtype], n)
        self._put("substituted", text, (count, z.shape[-1], int(lower), *strides, *others), (a, b, z))
        return True

    def cofactors(self, a: Value) -> bool:
        """``kernels.determinants.cofactors`` of at most three rows."""
        (z,), strides, n = self._results, _strides(a, a.shape[:-2]), a.shape[-1]
        if n > 3 or strides is None:
            return False
        self._put("cofactors", cofactors_text(TYPES[z.dtype], n), (math.prod(a.shape[:-2]), *strides), (a, z))
        return True

    def matmul(self, x: Value, w: Value) -> bool:
        """``x @ w``."""
        (z,) = self._results
        is_row, is_column = len(x.shape) == 1, len(w.shape) == 1
        stack = z.shape[: len(z.shape) - (not is_row) - (not is_column)]
        rows, columns = 1 if is_row else x.shape[-2], 1 if is_column else w.shape[-1]
        left, right = _strides(x, stack, is_row), _strides(w, stack, is_column)
        if left is None or right is None:
            return False
        is_tiny = max(rows, columns, x.shape[-1]) <= _TINY
        if not stack and not is_tiny and product(self._call, self._compiler) is not None:
            return False  # a loop of any size, so another batch needs no other
        if is_row:  # a vector was taken for a column
            left = (left[0], 0, left[1])
        text = text_of("product", TYPES[z.dtype], sizes={"rows": rows, "columns": columns, "terms": x.shape[-1]})
        self._put("matmul", text, (math.prod(stack), *left, *right), (x, w, z))
        return True

    @property
    def _results(self) -> list[Value]:
        results: list[Value] = self._call.results
        return results


def _size(value: Value) -> int:
    return math.prod(value.shape)


_METHODS: dict[Any, Any] = {
    np.linalg.solve: _Writer.solve,
    np.linalg.inv: _Writer.inv,
    np.linalg.det: _Writer.det,
    np.linalg.slogdet: _Writer.slogdet,
    np.linalg.cholesky: _Writer.cholesky,
    substituted: _Writer.substituted,
    cofactors: _Writer.cofactors,
    np.matmul: _Writer.matmul,
    operator.matmul: _Writer.matmul,
}
