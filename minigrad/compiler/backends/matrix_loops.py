"""The texts of loops for stacks of small matrices; their size stands in the text, so the loops over it are written out.

The factors of a matrix by Gauss, with partial pivoting as LAPACK has it, lie one after the other: n rows of L below and
U from the diagonal on, the number of the row that stands in the place of each, and the sign of their order.
"""

from __future__ import annotations

from minigrad.compiler.backends.kernel_expressions import kernel_text, u

#: The texts: sizes and strides, arrays, and the lines; ``{n}``, ``{all}`` and the like are sizes that stand in them.
_FACTORS = """
count, am, ai, aj | a, w
for m in range(count):
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
count, c, bm, bi, bj | w, {b}z
for m in range(count):
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
count | w, z
for m in range(count):
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
count, am, ai, aj | a, z
sound = True
for m in range(count):
    for i in range({n}):
        d = a[m * am + i * ai + i * aj]
        sound = sound & ({test})
        for j in range({n}):
            x = a[m * am + i * ai + j * aj]
            sound = sound & (x - x == {kind}(0))
z[np.uint64(0)] = sound
"""
_CHOLESKY = """
count, am, ai, aj | a, z
for m in range(count):
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
count, c, lower, am, ai, aj, bm, bi, bj | a, b, z
for m in range(count):
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
count, xm, xi, xk, wm, wk, wj | x, w, z
for m in range(count):
    for i in range({rows}):
        for j in range({columns}):
            total = {kind}(0)
            for k in range({terms}):
                total = total + x[m * xm + i * xi + k * xk] * w[m * wm + k * wk + j * wj]
            z[(m * {rows} + i) * {columns} + j] = total
"""
_TEXTS = {
    "factors": _FACTORS,
    "solved": _SOLVED,
    "number": _NUMBER,
    "sound": _SOUND,
    "cholesky": _CHOLESKY,
    "substituted": _SUBSTITUTED,
    "product": _PRODUCT,
}


def size_of_factors(n: int) -> int:
    """Numbers of the factors of one matrix."""
    return n * n + n + 1


def text_of(name: str, kind: str, n: int = 0, sizes: dict[str, int] | None = None, **parts: str) -> str:
    """The text for matrices of n x n numbers, or for products of matrices of the ``sizes`` rows, columns and terms."""
    own = sizes or {"n": n, "one": 1, "square": n * n, "all": size_of_factors(n)}
    text = _TEXTS[name].format(kind=kind, **{key: u(x) for key, x in own.items()}, **parts)
    head, *lines = text.strip().split("\n")
    numbers, arrays = head.split(" | ")
    return kernel_text(f"{numbers}, {arrays}", numbers, lines)


def cofactors_text(kind: str, n: int) -> str:
    """The text for cofactors of matrices of at most three rows: minors written out, exact for singular ones too."""
    lines = [f"a{i}{j} = a[m * am + {u(i)} * ai + {u(j)} * aj]" for i in range(n) for j in range(n)]
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
            lines.append(f"z[m * {u(n * n)} + {u(i * n + j)}] = {sign}{minor}")
    sizes = "count, am, ai, aj"
    return kernel_text(f"{sizes}, a, z", sizes, ["for m in range(count):", *[f"    {line}" for line in lines]])
