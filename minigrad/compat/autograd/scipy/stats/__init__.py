"""Distributions of ``scipy.stats`` for functions that are differentiated, a module each, with SciPy's arguments.

On arrays they are SciPy's own functions, on tensors those of ``minigrad.stats``: gradients go to shapes, ``loc`` and
``scale`` too.
"""

from minigrad.compat.autograd.scipy.stats import beta, chi2, dirichlet, gamma, multivariate_normal, norm, poisson, t

__all__ = ["beta", "chi2", "dirichlet", "gamma", "multivariate_normal", "norm", "poisson", "t"]
