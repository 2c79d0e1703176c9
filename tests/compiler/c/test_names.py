"""Names in C."""

import numpy as np

from minigrad.compiler.c.kernels import Kernels, identifier
from minigrad.compiler.c.names import WORDS, element
from tests.compiler.c.compiling import exported


def test_texts_become_names():
    assert [identifier(x) for x in ("0.weight", "größe", "a-b c", "")] == ["_0_weight", "gr_e", "a_b_c", "x"]
    kernels = Kernels()
    assert [kernels.free(x) for x in ("a", "a", "a.b", "a_b")] == ["a", "a_2", "a_b", "a_b_2"]


def test_words_that_c_has_are_reserved():
    assert {"int", "register", "sqrt", "state", "work", "class"} <= WORDS


def test_a_number_at_an_address():
    assert [element(x) for x in ("total", "rate + 2", "(uint64_t *)(y)")] == ["*total", "rate[2]", "*(uint64_t *)(y)"]


def test_results_are_called_after_their_place(tmp_path):
    def f(x):
        return {"a": x * 2, "b c": [x.sum(), x + 1]}

    exported(f, tmp_path / "f.c", np.ones(3))
    assert "double *result_a,\n    double *result_b_c_1,\n    double *result_b_c_2)" in (tmp_path / "f.h").read_text()
