"""Arrays with a batch axis that NumPy code does not see: what ``vmap`` calls a function of one member with."""

from minigrad.batching import elementwise, indexing, kernels, matrices, moving, products, reductions
from minigrad.batching.batched import Batched

__all__ = [
    "Batched", "elementwise", "indexing", "kernels", "matrices", "moving", "products", "reductions",
]
