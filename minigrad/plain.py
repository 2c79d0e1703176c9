"""NumPy functions that have no gradient by nature: on tensors they answer with plain arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

#: Comparisons, tests, searches and descriptions: integers, bools, strings and shapes come out.
FUNCTIONS: frozenset[Callable[..., Any]] = frozenset(
    {
        np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal,
        np.isfinite, np.isinf, np.isnan, np.signbit, np.isclose, np.allclose, np.array_equal, np.array_equiv,
        np.logical_and, np.logical_or, np.logical_not, np.logical_xor, np.all, np.any,
        np.argmax, np.argmin, np.argsort, np.argwhere, np.nonzero, np.flatnonzero, np.count_nonzero,
        np.searchsorted, np.digitize, np.bincount,
        np.shape, np.ndim, np.size, np.result_type, np.can_cast, np.iscomplexobj, np.isrealobj,
        np.zeros_like, np.ones_like, np.full_like, np.empty_like,
        np.array_repr, np.array_str, np.array2string, np.shares_memory, np.may_share_memory,
    }
)  # fmt: skip
