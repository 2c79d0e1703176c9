"""The texts of loops for stacks of small matrices; their size stands in the text, so the loops over it are written out.

The factors of a matrix by Gauss, with partial pivoting as LAPACK has it, lie one after the other: n rows of L below and
U from the diagonal on, the number of the row that stands in the place of each, and the sign of their order.
"""

from __future__ import annotations

_FACTORS = """
def kernel(first, last, rows, step, count, am, ai, aj, a, w):
    am = np.uint64(am)
    ai = np.uint64(ai)
    aj = np.uint64(aj)
    for m in range(np.uint64(count)):
        o = m * {all}
        for i in range({n}):
            w[o + {square} + i] = {kind}(i)
            for j in range({n}):
                w[o + i * {n} + j] = a[m * am + i * ai + j * aj]
        sign = {kind}(1)
        for k in range({n}):
            p = k
            most = abs(w[o + k * {n} + k])
            for i in range(k + {one}, {n}):
                size = abs(w[o + i * {n} + k])
                more = size > most
                most = size if more else most
                p = i if more else p
            if p != k:
                sign = -sign
                row = w[o + {square} + k]
                w[o + {square} + k] = w[o + {square} + p]
                w[o + {square} + p] = row
                for j in range({n}):
                    x = w[o + k * {n} + j]
                    w[o + k * {n} + j] = w[o + p * {n} + j]
                    w[o + p * {n} + j] = x
            d = w[o + k * {n} + k]
            for i in range(k + {one}, {n}):
                f = w[o + i * {n} + k]
                f = f / d if d != {kind}(0) else {kind}(0)
                w[o + i * {n} + k] = f
                for j in range(k + {one}, {n}):
                    w[o + i * {n} + j] = w[o + i * {n} + j] - f * w[o + k * {n} + j]
        w[o + {square} + {n}] = sign
"""
_SOLVED = """
def kernel(first, last, rows, step, count, columns, bm, bi, bj, w, b, z):
    c = np.uint64(columns)
    bm = np.uint64(bm)
    bi = np.uint64(bi)
    bj = np.uint64(bj)
    for m in range(np.uint64(count)):
        o = m * {all}
        to = m * {n} * c
        for i in range({n}):
            q = np.uint64(i8(w[o + {square} + i]))
            for j in range(c):
                z[to + i * c + j] = {right}
        for i in range({n}):
            for k in range(i):
                f = w[o + i * {n} + k]
                for j in range(c):
                    z[to + i * c + j] = z[to + i * c + j] - f * z[to + k * c + j]
        for back in range({n}):
            i = {n} - {one} - back
            for k in range(i + {one}, {n}):
                f = w[o + i * {n} + k]
                for j in range(c):
                    z[to + i * c + j] = z[to + i * c + j] - f * z[to + k * c + j]
            d = w[o + i * {n} + i]
            for j in range(c):
                z[to + i * c + j] = z[to + i * c + j] / d
"""
#: A number for each matrix, of its factors.
_NUMBER = """
def kernel(first, last, rows, step, count, w, z):
    for m in range(np.uint64(count)):
        o = m * {all}
        x = {start}
        for i in range({n}):
            d = w[o + i * {n} + i]
            x = {line}
        z[m] = x
"""
#: Whether no matrix is singular and all numbers are finite (x - x is 0), since LAPACK spreads others in its own ways;
#: or, of lower triangles that Cholesky made, whether all were positive definite.
_SOUND = """
def kernel(first, last, rows, step, count, am, ai, aj, a, z):
    am = np.uint64(am)
    ai = np.uint64(ai)
    aj = np.uint64(aj)
    sound = True
    for m in range(np.uint64(count)):
        for i in range({n}):
            d = a[m * am + i * ai + i * aj]
            sound = sound & (d {test} {kind}(0))
            for j in range({n}):
                x = a[m * am + i * ai + j * aj]
                sound = sound & (x - x == {kind}(0))
    z[np.uint64(0)] = sound
"""
_CHOLESKY = """
def kernel(first, last, rows, step, count, am, ai, aj, a, z):
    am = np.uint64(am)
    ai = np.uint64(ai)
    aj = np.uint64(aj)
    for m in range(np.uint64(count)):
        o = m * {square}
        for i in range({n}):
            for j in range(i + {one}):
                x = a[m * am + i * ai + j * aj]
                for k in range(j):
                    x = x - z[o + i * {n} + k] * z[o + j * {n} + k]
                if i == j:
                    x = np.sqrt(x)
                else:
                    x = x / z[o + j * {n} + j]
                z[o + i * {n} + j] = x
            for j in range(i + {one}, {n}):
                z[o + i * {n} + j] = {kind}(0)
"""
_SUBSTITUTED = """
def kernel(first, last, rows, step, count, columns, lower, am, ai, aj, bm, bi, bj, a, b, z):
    c = np.uint64(columns)
    am = np.uint64(am)
    ai = np.uint64(ai)
    aj = np.uint64(aj)
    bm = np.uint64(bm)
    bi = np.uint64(bi)
    bj = np.uint64(bj)
    for m in range(np.uint64(count)):
        to = m * {n} * c
        for turn in range({n}):
            i = turn if lower != 0 else {n} - {one} - turn
            start = np.uint64(0) if lower != 0 else i + {one}
            for j in range(c):
                z[to + i * c + j] = b[m * bm + i * bi + j * bj]
            for k in range(start, start + turn):
                f = a[m * am + i * ai + k * aj]
                for j in range(c):
                    z[to + i * c + j] = z[to + i * c + j] - f * z[to + k * c + j]
            d = a[m * am + i * ai + i * aj]
            for j in range(c):
                z[to + i * c + j] = z[to + i * c + j] / d
"""
_PRODUCT = """
def kernel(first, last, rows, step, count, xm, xi, xk, wm, wk, wj, x, w, z):
    xm = np.uint64(xm)
    xi = np.uint64(xi)
    xk = np.uint64(xk)
    wm = np.uint64(wm)
    wk = np.uint64(wk)
    wj = np.uint64(wj)
    for m in range(np.uint64(count)):
        for i in range({rows}):
            for j in range({columns}):
                total = {kind}(0)
                for k in range({terms}):
                    total = total + x[m * xm + i * xi + k * xk] * w[m * wm + k * wk + j * wj]
                z[(m * {rows} + i) * {columns} + j] = total
"""
_COFACTORS = """
def kernel(first, last, rows, step, count, am, ai, aj, a, z):
    am = np.uint64(am)
    ai = np.uint64(ai)
    aj = np.uint64(aj)
    for m in range(np.uint64(count)):
"""

_TEXTS = {
    "factors": _FACTORS,
    "solved": _SOLVED,
    "number": _NUMBER,
    "sound": _SOUND,
    "cholesky": _CHOLESKY,
    "substituted": _SUBSTITUTED,
}


def size_of_factors(n: int) -> int:
    """Numbers of the factors of one matrix."""
    return n * n + n + 1


def text_of(name: str, kind: str, n: int, **parts: str) -> str:
    """The text for matrices of n x n numbers."""
    sizes = {"n": n, "one": 1, "square": n * n, "all": size_of_factors(n)}
    return _TEXTS[name].format(kind=kind, **{key: f"np.uint64({x})" for key, x in sizes.items()}, **parts)


def product_text(kind: str, rows: int, columns: int, terms: int) -> str:
    """The text for products of matrices."""
    sizes = {"rows": rows, "columns": columns, "terms": terms}
    return _PRODUCT.format(kind=kind, **{key: f"np.uint64({x})" for key, x in sizes.items()})


def cofactors_text(kind: str, n: int) -> str:
    """The text for cofactors of matrices of at most three rows: minors written out, exact for singular ones too."""
    lines = [f"a{i}{j} = a[m * am + np.uint64({i}) * ai + np.uint64({j}) * aj]" for i in range(n) for j in range(n)]
    for i in range(n):
        for j in range(n):
            rows, columns = ([k for k in range(n) if k != left] for left in (i, j))
            minor = f"{kind}(1)"
            if n == 2:
                minor = f"a{rows[0]}{columns[0]}"
            elif n == 3:
                (p, q), (r, s) = rows, columns
                minor = f"(a{p}{r} * a{q}{s} - a{p}{s} * a{q}{r})"
            sign = "-" if (i + j) % 2 else ""
            lines.append(f"z[m * np.uint64({n * n}) + np.uint64({i * n + j})] = {sign}{minor}")
    return _COFACTORS + "".join(f"        {line}\n" for line in lines)
