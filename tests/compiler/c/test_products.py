"""Products as blocked loops, and by BLAS where a file is compiled for it."""

import numpy as np
import pytest

import minigrad as mg
from tests.compiler.c.compiling import InC, exported, needs_compiler, same

#: What ``cblas.h`` declares, as plain loops: the arguments of calls are what is tested.
CBLAS = """
#include <stddef.h>
enum { CblasRowMajor = 101, CblasNoTrans = 111, CblasTrans = 112 };
"""
for c, name in (("float", "s"), ("double", "d")):
    CBLAS += f"""
static inline void cblas_{name}gemm(int order, int of_x, int of_w, int m, int n, int k, {c} alpha,
                                    const {c} *x, int ldx, const {c} *w, int ldw, {c} beta, {c} *z, int ldz)
{{
    (void)order, (void)beta;
    for (int i = 0; i < m; i++) {{
        for (int j = 0; j < n; j++) {{
            {c} sum = 0;
            for (int q = 0; q < k; q++) {{
                sum += (of_x == CblasTrans ? x[q * ldx + i] : x[i * ldx + q])
                     * (of_w == CblasTrans ? w[j * ldw + q] : w[q * ldw + j]);
            }}
            z[i * ldz + j] = alpha * sum;
        }}
    }}
}}
"""


def products(x, w):
    return [
        x @ w, w.T @ x.T, x[0] @ w, x @ w[:, 0], x[::2] @ w[:, ::-1], x[:, :1] @ w[:1], x.T @ x,
        mg.stack([x, x * 2]) @ w, mg.stack([x, x + 1]) @ mg.stack([w, w * 3]), (x[:, :0] @ w[:0]),
    ]  # fmt: skip


def arrays(dtype, m=7, k=131, n=70):
    generator = np.random.default_rng(0)
    return generator.standard_normal((m, k)).astype(dtype), generator.standard_normal((k, n)).astype(dtype)


@needs_compiler
@pytest.mark.parametrize("dtype", ["float32", pytest.param("float64", marks=pytest.mark.slow)])
def test_products(dtype, tmp_path):
    x, w = arrays(dtype)
    exported(products, tmp_path / "f.c", mg.tensor(x), mg.tensor(w))
    (tmp_path / "cblas.h").write_text(CBLAS)
    expected = [z.data for z in products(mg.tensor(x), mg.tensor(w))]
    for options in (("-O1",), ("-O1", "-DSTEP_USE_CBLAS", f"-I{tmp_path}")):
        code, made, _ = InC(tmp_path / "f.c", *options).run(x, w)
        assert code == 0
        for one, other in zip(made, expected, strict=True):
            same(one, other, 2e-4 if dtype == "float32" else 1e-12)


def test_products_without_a_compiler(tmp_path):
    x, w = arrays("float32", 2, 3, 4)
    exported(products, tmp_path / "f.c", mg.tensor(x), mg.tensor(w))
    text = (tmp_path / "f.c").read_text()
    assert "product_f4(2, 4, 3, x, 3, 1, w, 4, 1, " in text
    assert text.count("static void product_f4(") == 1
    assert "for (ptrdiff_t p0 = 0; p0 < 2; p0++)" in text
