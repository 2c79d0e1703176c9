"""Products of matrices: blocked loops, or BLAS where the file is compiled with ``STEP_USE_CBLAS``."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from minigrad.compiler.c.elementwise import copied
from minigrad.compiler.c.form import Form, RefusedError, word
from minigrad.compiler.c.places import Place
from minigrad.compiler.c.sketch import Sketch
from minigrad.compiler.program import Call

#: z[i, j] = the sum over q of x[i, q] w[q, j]; strides are in elements. A block of w is copied to the stack, where its
#: rows lie without gaps, and four rows of it go into the sums of four rows of z at a time.
PRODUCT = """
static void product_{n}(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, const {t} *x, ptrdiff_t xi, ptrdiff_t xk,
                       const {t} *w, ptrdiff_t wk, ptrdiff_t wj, {t} *z, ptrdiff_t zi, ptrdiff_t zj)
{{
    enum {{ ROWS = 4, TERMS = 128, COLUMNS = 64 }};
    {t} block[TERMS * COLUMNS];
{blas}    for (ptrdiff_t j0 = 0; j0 < n; j0 += COLUMNS) {{
        const ptrdiff_t columns = n - j0 < COLUMNS ? n - j0 : COLUMNS;
        for (ptrdiff_t q0 = 0; q0 < k || q0 == 0; q0 += TERMS) {{
            const ptrdiff_t terms = k - q0 < TERMS ? k - q0 : TERMS, whole = terms - terms % 4;
            if (wj == 1) {{
                for (ptrdiff_t q = 0; q < terms; q++)
                    for (ptrdiff_t j = 0; j < columns; j++) block[q * COLUMNS + j] = w[(q0 + q) * wk + j0 + j];
            }} else {{
                for (ptrdiff_t j = 0; j < columns; j++)
                    for (ptrdiff_t q = 0; q < terms; q++) block[q * COLUMNS + j] = w[(q0 + q) * wk + (j0 + j) * wj];
            }}
            for (ptrdiff_t i0 = 0; i0 < m; i0 += ROWS) {{
                const ptrdiff_t rows = m - i0 < ROWS ? m - i0 : ROWS;
                const {t} *a[ROWS];
                {t} sum0[COLUMNS] = {{0}}, sum1[COLUMNS] = {{0}}, sum2[COLUMNS] = {{0}}, sum3[COLUMNS] = {{0}};
                {t} *const sum[ROWS] = {{sum0, sum1, sum2, sum3}};
                for (ptrdiff_t i = 0; i < ROWS; i++) a[i] = x + (i0 + (i < rows ? i : 0)) * xi + q0 * xk;
                for (ptrdiff_t q = 0; q < whole; q += 4) {{
                    const {t} *const b = block + q * COLUMNS;
                    const {t} *const p = a[0] + q * xk;
                    const {t} p0 = *p, p1 = p[xk], p2 = p[2 * xk], p3 = p[3 * xk];
                    const {t} *const r = a[1] + q * xk;
                    const {t} r0 = *r, r1 = r[xk], r2 = r[2 * xk], r3 = r[3 * xk];
                    const {t} *const s = a[2] + q * xk;
                    const {t} s0 = *s, s1 = s[xk], s2 = s[2 * xk], s3 = s[3 * xk];
                    const {t} *const t = a[3] + q * xk;
                    const {t} t0 = *t, t1 = t[xk], t2 = t[2 * xk], t3 = t[3 * xk];
                    for (ptrdiff_t j = 0; j < columns; j++) {{
                        const {t} b0 = b[j], b1 = b[j + COLUMNS], b2 = b[j + 2 * COLUMNS], b3 = b[j + 3 * COLUMNS];
                        sum0[j] += p0 * b0 + p1 * b1 + p2 * b2 + p3 * b3;
                        sum1[j] += r0 * b0 + r1 * b1 + r2 * b2 + r3 * b3;
                        sum2[j] += s0 * b0 + s1 * b1 + s2 * b2 + s3 * b3;
                        sum3[j] += t0 * b0 + t1 * b1 + t2 * b2 + t3 * b3;
                    }}
                }}
                for (ptrdiff_t q = whole; q < terms; q++)
                    for (ptrdiff_t i = 0; i < rows; i++) {{
                        const {t} factor = a[i][q * xk];
                        for (ptrdiff_t j = 0; j < columns; j++) sum[i][j] += factor * block[q * COLUMNS + j];
                    }}
                for (ptrdiff_t i = 0; i < rows; i++)
                    for (ptrdiff_t j = 0; j < columns; j++) {{
                        {t} *const place = z + (i0 + i) * zi + (j0 + j) * zj;
                        *place = q0 ? *place + sum[i][j] : sum[i][j];
                    }}
            }}
        }}
    }}
}}
"""

_BLAS = """#ifdef STEP_USE_CBLAS
    if (zj == 1 && (xk == 1 || xi == 1) && (wj == 1 || wk == 1) && m > 0 && n > 0 && k > 0) {{
        const ptrdiff_t ldx = xk == 1 ? xi : xk, ldw = wj == 1 ? wk : wj;
        if (ldx >= (xk == 1 ? k : m) && ldw >= (wj == 1 ? n : k) && zi >= n) {{
            cblas_{c}gemm(CblasRowMajor, xk == 1 ? CblasNoTrans : CblasTrans, wj == 1 ? CblasNoTrans : CblasTrans,
                        (int)m, (int)n, (int)k, 1, x, (int)ldx, w, (int)ldw, 0, z, (int)zi);
            return;
        }}
    }}
#endif
"""


def product_text(name: str) -> str:
    """The function for float or double."""
    c = {"f4": "s", "f8": "d"}[name]
    return PRODUCT.format(n=name, t={"f4": "float", "f8": "double"}[name], blas=_BLAS.format(c=c)).strip()


class Product(NamedTuple):
    """A call of that function, once for each matrix: (m, n, k), and x, w, z with two axes more than ``lead``."""

    lead: tuple[int, ...]
    sizes: tuple[int, int, int]
    places: tuple[Place, Place, Place]


#: Totals of a sum that go side by side.
_TOTALS = 8

_NAMES = frozenset("matmul dot vdot inner einsum outer tensordot".split())


def product(call: Call, form: Form) -> bool:
    """``matmul``, ``dot``, ``vdot``, ``inner``, ``tensordot``, ``einsum``, ``outer``; whether the call was one."""
    function, args = call.function, call.args
    name = word(function)
    is_written = call.function is np.matmul and bool(call.writes)
    if name not in _NAMES or not (call.results or is_written):
        return False
    if set(call.kwargs) - {"out", "optimize", "axes"}:
        raise RefusedError(f"{name} with {', '.join(call.kwargs)}")
    target = form.target(call.results[0] if call.results else call.writes[0])
    if name == "einsum":
        return _einsum(form, args[0], [_typed(form, x, target) for x in args[1:]], target)
    x, w = (_typed(form, x, target) for x in args[:2])
    if name == "outer":
        return _einsum(form, "i,j->ij", [_flat(form, x), _flat(form, w)], target)
    if name == "vdot":
        return _dotted(form, _flat(form, x), _flat(form, w), target)
    if name == "tensordot":
        return _tensordot(form, x, w, args[2] if len(args) > 2 else call.kwargs.get("axes", 2), target)
    if name == "inner" and x.shape and w.shape:
        w = w.moved(lambda a: np.swapaxes(a, -1, -2) if a.ndim > 1 else a)
        name = "matmul" if len(w.shape) <= 2 else ""
    if name == "dot" and x.shape and w.shape and len(w.shape) <= 2:
        name = "matmul"
    if name != "matmul" or not x.shape or not w.shape:
        raise RefusedError(f"{word(function)} of these shapes")
    _matmul(form, x, w, target)
    return True


def _typed(form: Form, x: Any, target: Place) -> Place:
    """An operand in the type of the result."""
    place = form.operand(x)
    if not isinstance(place, Place):
        raise RefusedError("a product with a number")
    if place.kind is target.kind:
        return place
    copy = form.new(target.kind, place.shape)
    copied(form, place, copy)
    return copy


def _flat(form: Form, place: Place) -> Place:
    return form.dense(place).moved(lambda a: a.reshape(-1))


def _matmul(form: Form, x: Place, w: Place, z: Place) -> None:
    if len(x.shape) == 1 and len(w.shape) == 1:
        _einsum(form, "q,q->", [x, w], z)
        return
    if len(x.shape) == 1:
        x, z = x.moved(lambda a: a[None]), z.moved(lambda a: a[..., None, :])
    if len(w.shape) == 1:
        w, z = w.moved(lambda a: a[:, None]), z.moved(lambda a: a[..., None])
    lead = z.shape[:-2]
    x, w = x.spread((*lead, *x.shape[-2:])), w.spread((*lead, *w.shape[-2:]))
    m, n, k = z.shape[-2], z.shape[-1], x.shape[-1]
    if z.kind.family != "f":
        letters = "abcdefgh"[: len(lead)]
        _einsum(form, f"{letters}iq,{letters}qj->{letters}ij", [x, w], z)
    elif math.prod((*lead, m, n)):
        form.emit(Product(lead, (m, n, k), (x, w, z)))


def _tensordot(form: Form, x: Place, w: Place, axes: Any, target: Place) -> bool:
    if isinstance(axes, (int, np.integer)):
        axes = (range(len(x.shape) - axes, len(x.shape)), range(axes))
    first, second = ([a] if isinstance(a, (int, np.integer)) else [*a] for a in axes)
    letters = "abcdefghijklmnopqrstuvwxyz"
    of_x = [letters[a] for a in range(len(x.shape))]
    of_w = [letters[len(x.shape) + a] for a in range(len(w.shape))]
    for a, b in zip(first, second, strict=True):
        of_w[b] = of_x[a]
    first, second = [a % len(of_x) for a in first], [b % len(of_w) for b in second]
    free = [x for a, x in enumerate(of_x) if a not in first] + [x for b, x in enumerate(of_w) if b not in second]
    return _einsum(form, f"{''.join(of_x)},{''.join(of_w)}->{''.join(free)}", [x, w], target)


def _dotted(form: Form, x: Place, w: Place, target: Place) -> bool:
    """The sum of products of two runs of numbers, in eight totals that do not wait for each other."""
    if target.kind.family != "f":
        return _einsum(form, "i,i->", [x, w], target)
    sketch, n = Sketch(), x.size
    whole = n - n % _TOTALS
    sketch.put(*[f"t{k} = f8(0)" for k in range(_TOTALS)])
    with sketch.block(f"for j in range(0, {whole}, {_TOTALS}):"):
        for k in range(_TOTALS):
            sketch.put(f"t{k} = t{k} + f8({sketch.at(x, f'j + {k}')}) * f8({sketch.at(w, f'j + {k}')})")
    with sketch.block(f"for j in range({whole}, {n}):"):
        sketch.put(f"t0 = t0 + f8({sketch.at(x, 'j')}) * f8({sketch.at(w, 'j')})")
    total = " + ".join(f"(t{k} + t{k + 1})" for k in range(0, _TOTALS, 2))
    sketch.put(f"{sketch.at(target, name='z')} = {target.kind.name}({total})")
    form.emit(sketch)
    return True


def _einsum(form: Form, text: Any, operands: list[Place], target: Place) -> bool:
    """Sums of products of elements: loops over all letters, the result's outside."""
    if not isinstance(text, str):
        raise RefusedError("einsum with lists of axes")
    text = text.replace(" ", "")
    left, _, right = text.partition("->")
    inputs = left.split(",")
    if "->" not in text:
        right = "".join(sorted(x for x in set(left) - {","} if left.count(x) == 1))
    if "..." in text:
        inputs, right = _without_dots(inputs, right, operands, "->" in text)
    sizes: dict[str, int] = {}
    for letters, place in zip(inputs, operands, strict=True):
        for letter, n in zip(letters, place.shape, strict=True):
            sizes[letter] = n if n != 1 else sizes.get(letter, 1)
    inner = [x for x in sizes if x not in right]
    sketch = Sketch()
    is_real = target.kind.family == "f"
    total = "f8" if is_real else target.kind.name
    with sketch.loops([sizes[x] for x in right]) as outer:
        known = dict(zip(right, outer, strict=True))
        sketch.put(f"total = {total}(0)" if target.kind.family != "b" else "total = False")
        with sketch.loops([sizes[x] for x in inner], "j") as names:
            known |= dict(zip(inner, names, strict=True))
            factors = []
            for letters, place in zip(inputs, operands, strict=True):
                own = [known[x] if n > 1 else "0" for x, n in zip(letters, place.shape, strict=True)]
                factors.append(f"{total}({sketch.at(place, *own)})")
            if target.kind.family == "b":
                sketch.put(f"total = total or ({' and '.join(factors)})")
            else:
                sketch.put(f"total = total + {' * '.join(factors)}")
        sketch.put(f"{sketch.at(target, *outer, name='z')} = {target.kind.name}(total)")
    form.emit(sketch)
    return True


def _without_dots(inputs: list[str], right: str, operands: list[Place], is_told: bool) -> tuple[list[str], str]:
    """Letters in the place of dots."""
    free = [x for x in "ABCDEFGHIJKLMNOPQRSTUVWXYZ" if not any(x in letters for letters in inputs)]
    counts = [len(x.shape) - len(letters.replace("...", "")) for letters, x in zip(inputs, operands, strict=True)]
    most = max((n for n, letters in zip(counts, inputs, strict=True) if "..." in letters), default=0)
    dots = "".join(free[:most])
    terms = [letters.replace("...", dots[most - n :] if n else "") for letters, n in zip(inputs, counts, strict=True)]
    return terms, right.replace("...", dots) if is_told else dots + right
