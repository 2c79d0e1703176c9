"""The texts of loops for products of small matrices, by how they lie in memory and what they unroll; and for copies.

z[i, j] = the sum over q of x[i, q] w[q, j]. Sizes and strides are arguments, so few texts serve all sizes. A block of
numbers of x stays in registers while a line of w and of z goes by.
"""

from __future__ import annotations

from minigrad.compiler.backends.kernel_expressions import kernel_text, u

#: Rows, and terms of a sum, that an inner loop takes at once: their products have registers.
ROWS, TERMS = 4, 4

_SIZES = "m, n, k, xi, xk, wk, wj, zi, zj"


def _kernel(body: list[str]) -> str:
    return kernel_text(f"{_SIZES}, x, w, z", _SIZES, body)


def _lines(rows: int, terms: int, names: dict[str, str]) -> list[str]:
    """z = x w for lines of w and z without gaps. Sums of few ``terms`` are written out, of many (0) go in blocks."""
    m, n, xi, xk, wk, zi, x, w, z = (names.get(name, name) for name in "m n xi xk wk zi x w z".split())

    def added(count: int, q: str, adds: bool) -> list[str]:
        lines = [f"x{a}_{d} = {x}[(i + {u(a)}) * {xi} + ({q}{u(d)}) * {xk}]" for a in range(rows) for d in range(count)]
        lines += [f"w{d} = ({q}{u(d)}) * {wk}" for d in range(count)]
        lines.append(f"for j in range({n}):")
        lines += [f"    y{d} = {w}[w{d} + j]" for d in range(count)]
        for a in range(rows):
            products = [f"x{a}_{d} * y{d}" for d in range(count)]
            before = [f"{z}[z{a} + j]"] if adds else []
            lines.append(f"    {z}[z{a} + j] = {' + '.join([*before, *products])}")
        return lines

    body = [f"i = min(p * {u(rows)}, {m} - {u(rows)})"]
    body += [f"z{a} = (i + {u(a)}) * {zi}" for a in range(rows)]
    body += added(terms or TERMS, "", adds=False)
    if not terms:
        body += ["blocks = k - k % " + u(TERMS), f"for q in range({u(TERMS)}, blocks, {u(TERMS)}):"]
        body += [f"    {line}" for line in added(TERMS, "q + ", adds=True)]
        body += ["for q in range(blocks, k):", *[f"    {line}" for line in added(1, "q + ", adds=True)]]
    return [f"for p in range(({m} + {u(rows - 1)}) // {u(rows)}):", *[f"    {line}" for line in body]]


def _terms(k: int) -> int:
    """The terms of a sum where they are written out, else 0."""
    return k if k <= TERMS else 0


def by_rows(m: int, k: int) -> str:
    """For rows of w and z without gaps."""
    return _kernel(_lines(min(m, ROWS), _terms(k), {}))


def by_copied_rows(m: int, k: int, dtype: str) -> str:
    """For rows of z without gaps: those of w are copied so."""
    body = [f"t = np.empty(k * n, {dtype})", "for q in range(k):", "    for j in range(n):"]
    body.append("        t[q * n + j] = w[q * wk + j * wj]")
    return _kernel([*body, *_lines(min(m, ROWS), _terms(k), {"w": "t", "wk": "n"})])


def by_columns(n: int, k: int, dtype: str) -> str:
    """For columns of x without gaps: the transpose of z is made in memory of the kernel's own."""
    names = {"m": "n", "n": "m", "xi": "wj", "xk": "wk", "wk": "xk", "zi": "m", "x": "w", "w": "x", "z": "t"}
    body = [f"t = np.empty(m * n, {dtype})", *_lines(min(n, ROWS), _terms(k), names)]
    body += ["for i in range(m):", "    for j in range(n):", "        z[i * zi + j * zj] = t[j * m + i]"]
    return _kernel(body)


def by_copied_columns(n: int, k: int, dtype: str) -> str:
    """For rows of x without gaps that are short: columns of x are copied so, and the transpose of z is made."""
    names = {"m": "n", "n": "m", "xi": "wj", "xk": "wk", "wk": "m", "zi": "m", "x": "w", "w": "u", "z": "t"}
    body = [f"u = np.empty(k * m, {dtype})", "for q in range(k):", "    for i in range(m):"]
    body.append("        u[q * m + i] = x[i * xi + q * xk]")
    body += [f"t = np.empty(m * n, {dtype})", *_lines(min(n, ROWS), _terms(k), names)]
    body += ["for i in range(m):", "    for j in range(n):", "        z[i * zi + j * zj] = t[j * m + i]"]
    return _kernel(body)


def by_dots(m: int, n: int, dtype: str, kind: str, is_spread: bool) -> str:
    """For rows of x without gaps, or of one number: each sum goes in lanes. Columns of w are copied side by side."""
    rows, columns = min(m, ROWS // 2), min(n, ROWS)
    pairs = [(a, b) for a in range(rows) for b in range(columns)]
    inner = [f"i = min(p * {u(rows)}, m - {u(rows)})"]
    inner += [f"x{a} = (i + {u(a)}) * xi" for a in range(rows)]
    inner.append(f"for c in range((n + {u(columns - 1)}) // {u(columns)}):")
    block = [f"j = min(c * {u(columns)}, n - {u(columns)})"]
    block += [f"t{a}_{b} = {kind}(0)" for a, b in pairs]
    block += [f"y{b} = (j + {u(b)}) * k" for b in range(columns)]
    block.append("for q in range(k):")
    block += [f"    u{a} = x[x{a}{'' if is_spread else ' + q'}]" for a in range(rows)]
    block += [f"    v{b} = t[y{b} + q]" for b in range(columns)]
    block += [f"    t{a}_{b} = summed(t{a}_{b}, u{a} * v{b})" for a, b in pairs]
    block += [f"z[(i + {u(a)}) * zi + (j + {u(b)}) * zj] = t{a}_{b}" for a, b in pairs]
    inner += [f"    {line}" for line in block]
    body = [f"t = np.empty(n * k, {dtype})", "for j in range(n):"]
    body += ["    for q in range(k):", "        t[j * k + q] = w[q * wk + j * wj]"]
    body += [f"for p in range((m + {u(rows - 1)}) // {u(rows)}):", *[f"    {line}" for line in inner]]
    return _kernel(body)


def one_after_the_other(count: int, kind: str) -> str:
    """z = the elements of ``count`` arrays, as numbers of a type."""
    names, sizes = [f"x{k}" for k in range(count)], [f"n{k}" for k in range(count)]
    body = ["at = np.uint64(0)"]
    for x, n in zip(names, sizes, strict=True):
        body += [f"for i in range({n}):", f"    z[at + i] = {kind}({x}[i])", f"at = at + {n}"]
    return kernel_text(f"{', '.join([*sizes, *names])}, z", ", ".join(sizes), body)
