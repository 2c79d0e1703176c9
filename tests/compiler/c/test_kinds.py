"""Numbers as C writes them."""

import math

import numpy as np
import pytest

from minigrad.compiler.backends.kernel_kinds import B1, F4, F8, I4, I8, U8
from minigrad.compiler.c.kinds import INDEX, U1, has_kind, held, helper, kind_of, literal, stored


@pytest.mark.parametrize(
    ("x", "kind", "text"),
    [(0.1, F4, "0.1f"), (0.1, F8, "0.1"), (1e-8, F4, "1e-08f"), (-2.0, F8, "-2.0"), (math.inf, F8, "(double)INFINITY"),
     (-math.inf, F4, "-INFINITY"), (math.nan, F4, "NAN"), (True, B1, "true"), (-3, INDEX, "-3"), (7, U8, "7u"),
     (2**40, I8, "INT64_C(1099511627776)"), (-(2**63), I8, "INT64_MIN"), (-(2**31), I4, "INT32_MIN"), (200, U1, "200u"),
     (2**63, U8, "UINT64_C(9223372036854775808)")],
)  # fmt: skip
def test_literals(x, kind, text):
    assert literal(x, kind) == text


def test_the_shortest_text_of_a_float32_is_the_same_number():
    for x in np.random.default_rng(0).standard_normal(100).astype(np.float32):
        assert np.float32(literal(x, F4).removesuffix("f")) == x


def test_types():
    assert [stored(kind_of(x)) for x in ("float32", "bool", "uint8", "int16")] == [
        "float",
        "uint8_t",
        "uint8_t",
        "int16_t",
    ]
    assert (held(B1), held(INDEX), stored(kind_of(float)), stored(kind_of(int))) == (
        "bool",
        "ptrdiff_t",
        "double",
        "int64_t",
    )
    assert not any(map(has_kind, ("float16", "complex64", "U3", ">f8", str)))


def test_helpers_have_the_name_of_the_type():
    assert helper("whole", F4, I4)[0] == "i4_of_f4"
    assert helper("remainder", F8)[1].count("fmod(") == 1
    assert helper("remainder", U8)[1].startswith("static inline uint64_t remainder_u8")
