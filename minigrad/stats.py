"""``mg.stats``: distributions under the names of ``scipy.stats``, with gradients in x and in every parameter.

A family has SciPy's methods and arguments: ``logpdf``, ``pdf`` (``logpmf``, ``pmf`` for whole numbers), ``cdf``,
``logcdf``, ``sf``, ``logsf``, ``ppf``, ``isf``, and ``rvs``, whose samples have gradients too. Most need SciPy.
"""

from typing import TYPE_CHECKING

from minigrad.distributions import continuous, discrete
from minigrad.distributions.family import Family
from minigrad.distributions.multivariate import Dirichlet, MultivariateNormal
from minigrad.support.idioms import missing_from

FAMILIES: dict[str, Family] = {family.name: family for family in (*continuous.TABLE, *discrete.TABLE)}

(
    norm, expon, uniform, logistic, cauchy, halfcauchy, laplace, halfnorm, gamma, beta, t, f, skewnorm, truncnorm, chi2,
    chi, maxwell, rayleigh, invgamma, lognorm, weibull_min, weibull_max, pareto, lomax, powerlaw, gumbel_r, gumbel_l,
    fisk, loguniform,
) = continuous.TABLE
poisson, binom, bernoulli, geom, nbinom = discrete.TABLE
multivariate_normal, dirichlet = MultivariateNormal(), Dirichlet()

__all__ = [
    "FAMILIES", "bernoulli", "beta", "binom", "cauchy", "chi", "chi2", "dirichlet", "expon", "f", "fisk", "gamma",
    "geom", "gumbel_l", "gumbel_r", "halfcauchy", "halfnorm", "invgamma", "laplace", "logistic", "lognorm",
    "loguniform", "lomax", "maxwell", "multivariate_normal", "nbinom", "norm", "pareto", "poisson", "powerlaw",
    "rayleigh", "skewnorm", "t", "truncnorm", "uniform", "weibull_max", "weibull_min",
]

if not TYPE_CHECKING:
    __getattr__ = missing_from(__name__)
