"""Operations whose values jump: sign and the like. They are constant between the jumps, so their gradient is 0."""

from __future__ import annotations

import numpy as np

from minigrad.primitive import elementwise

__all__ = ["sign"]

sign = elementwise(np.sign, lambda g: np.zeros(g.shape, g.dtype), doc="-1, 0 or 1; the gradient is 0.")
