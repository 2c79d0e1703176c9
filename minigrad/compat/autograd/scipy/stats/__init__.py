"""Distributions of ``scipy.stats`` for functions that are differentiated, a module each, with SciPy's arguments.

On arrays they are SciPy's own functions. On tensors they are the formulas beside them, so gradients go to every
argument that a formula has, ``loc`` and ``scale`` included.
"""

from minigrad.compat.autograd.scipy.stats import beta, chi2, dirichlet, gamma, multivariate_normal, norm, poisson, t

__all__ = ["beta", "chi2", "dirichlet", "gamma", "multivariate_normal", "norm", "poisson", "t"]
