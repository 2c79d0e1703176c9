"""The standard's extension for linear algebra, over tensors."""

import numpy as np

from minigrad.array_api.answers import named

globals().update(
    named(
        np.linalg,
        """
        cholesky cross det diagonal eigh eigvalsh inv matmul matrix_norm matrix_power matrix_rank matrix_transpose outer
        pinv qr slogdet solve svd svdvals tensordot trace vecdot vector_norm
        """,
    )
)
