"""States to save: drawn by Hypothesis, and compared down to the type and the bit."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

DTYPES = [
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
    "float16", "float32", "float64", "complex64",
]  # fmt: skip


def same(a: Any, b: Any) -> bool:
    """Whether two states are alike in every type, key order, bit (NaN is NaN) and memory order."""
    if type(a) is not type(b):
        return False
    if isinstance(a, np.ndarray):
        orders = [(x.flags.c_contiguous, x.flags.f_contiguous) for x in (a, b)]
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes() and orders[0] == orders[1]
    if isinstance(a, np.generic):
        return a.dtype == b.dtype and a.tobytes() == b.tobytes()
    if isinstance(a, dict):
        return same(list(a), list(b)) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, float):
        return a.hex() == b.hex()
    return a == b


def array(seed: int, dtype: str, shape: tuple[int, ...], order: str) -> np.ndarray:
    """Any bits at all, so NaNs of every kind too (bools are 0 or 1)."""
    rng = np.random.default_rng(seed)
    size = int(np.prod(shape, dtype=int)) * np.dtype(dtype).itemsize
    data = rng.integers(0, 2 if dtype == "bool" else 256, size, dtype=np.uint8)
    return data.view(dtype).reshape(shape).copy(order=order)


def arrays() -> st.SearchStrategy[np.ndarray]:
    """Arrays of every dtype that can be saved, 0-d and empty ones and both memory orders among them."""
    shapes = st.lists(st.integers(0, 4), max_size=4).map(tuple)
    return st.builds(array, st.integers(0, 2**32), st.sampled_from(DTYPES), shapes, st.sampled_from("CF"))


def states() -> st.SearchStrategy[Any]:
    """Nested dicts, lists and tuples of everything that can be saved."""
    numbers = st.one_of(st.integers(), st.integers(-(2**200), 2**200), st.floats())
    plain = st.one_of(st.none(), st.booleans(), numbers, st.text(st.characters()))
    keys = st.one_of(plain.filter(lambda key: key == key), st.tuples(st.integers(), st.text()))  # noqa: PLR0124
    scalars = arrays().map(lambda a: a.reshape(-1)[:1]).filter(len).map(lambda a: a[0])
    return st.recursive(
        st.one_of(plain, arrays(), scalars),
        lambda inner: st.one_of(
            st.lists(inner, max_size=4),
            st.lists(inner, max_size=4).map(tuple),
            st.dictionaries(keys, inner, max_size=5),
        ),
        max_leaves=12,
    )


def training_state() -> dict[str, Any]:
    """A checkpoint in small: what a trainer would save."""
    rng = np.random.default_rng(0)
    weights = {"hidden.weight": rng.standard_normal((8, 3), np.float32), "hidden.bias": np.zeros(8, np.float32)}
    return {
        "model": weights,
        "optimizer": {"iterations": 7, "lr": 0.05, "momentum": {name: w * w for name, w in weights.items()}},
        "history": {"loss": [1.5, 0.75, float("nan")], "best": float("inf")},
        "generators": [np.random.default_rng(1).bit_generator.state, np.random.MT19937(1).state],
        "labels": np.arange(5, dtype=np.uint8),
        "done": (True, None, "épreuve"),
    }
