"""A family of distributions: functions of one variable and its shapes, moved by ``loc`` and stretched by ``scale``.

``Family`` has the methods of SciPy's distributions. What is the same for all of them is done here, once: arguments by
position and by name, support, parameters that are none, the ends of shares, dtypes.
"""

from __future__ import annotations

import functools
import importlib
import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from minigrad.core.conversion import detached
from minigrad.core.members import anywhere
from minigrad.core.stands import numpy_function
from minigrad.distributions.frozen import Frozen
from minigrad.errors import GraphError, HyperparameterError, UnsupportedError
from minigrad.ops.along import require_real, together
from minigrad.random import drawn
from minigrad.typing import ArrayLike, Shape

Function = Callable[..., Any]


class Continuous(NamedTuple):
    """Functions of the standard variable z, or of a share q, and the shapes: f(z, *shapes).

    ``powers`` is the density as a product of powers, for an end of the support: where it is 0 there, it may still have
    a slope, of which its logarithm, -inf, knows nothing.
    """

    logpdf: Function
    cdf: Function
    sf: Function
    logcdf: Function
    logsf: Function
    ppf: Function
    isf: Function
    powers: Function | None = None


class Discrete(NamedTuple):
    """Functions of a whole number k and the shapes; ``ppf`` gives about the number below which a share q is.

    ``powers`` is the probability as a product of powers, for shapes at an end of their range: where it is 0 there, it
    may still have a slope, of which its logarithm, -inf, knows nothing.
    """

    logpmf: Function
    powers: Function
    cdf: Function
    sf: Function
    logcdf: Function
    logsf: Function
    ppf: Function


def always(*_shapes: Any) -> Any:
    """Whether shapes are in range, where any are."""
    return True


def positive(*shapes: Any) -> Any:
    """Whether all shapes are positive."""
    return functools.reduce(np.logical_and, [(shape > 0) & (shape < math.inf) for shape in shapes])


@dataclass(frozen=True)
class Family:
    """A family of distributions with the methods of SciPy's.

    ``shapes`` are the parameters beside ``loc`` and ``scale``, each with a value that is in range; ``valid`` says which
    are. The support of the standard variable goes from ``low`` to ``high``, numbers or functions of the shapes, and
    ``inner`` lies in it. With ``closed`` its ends have a density.

    >>> mg.stats.norm.logpdf(mg.tensor([0.0, 1.0]), loc=0.0, scale=2.0).round(4)
    tensor([-1.6121, -1.7371])
    """

    name: str
    functions: Continuous | Discrete
    shapes: Mapping[str, float]
    valid: Function = always
    low: float | Function = -math.inf
    high: float | Function = math.inf
    inner: float | Function = 0.0
    closed: bool = True

    def __call__(self, *args: ArrayLike, **parameters: ArrayLike) -> Frozen:
        """The distribution with these parameters: ``norm(loc, scale).logpdf(x)`` is ``norm.logpdf(x, loc, scale)``."""
        self._arguments("__call__", 0.0, args, parameters)
        return Frozen(self, args, parameters)

    # -- densities ------------------------------------------------------------------------------

    def logpdf(self, x: ArrayLike, *args: ArrayLike, **parameters: ArrayLike) -> Any:
        """The logarithm of the density at x: -inf outside of the support, NaN for parameters out of range."""
        return self._density("logpdf", x, args, parameters)

    def pdf(self, x: ArrayLike, *args: ArrayLike, **parameters: ArrayLike) -> Any:
        """The density at x: 0 outside of the support, NaN for parameters out of range."""
        return self._exp("logpdf", x, args, parameters)

    def logpmf(self, k: ArrayLike, *args: ArrayLike, **parameters: ArrayLike) -> Any:
        """The logarithm of the probability of k: -inf where there is none, NaN for parameters out of range."""
        return self._density("logpmf", k, args, parameters)

    def pmf(self, k: ArrayLike, *args: ArrayLike, **parameters: ArrayLike) -> Any:
        """The probability of k: 0 where there is none, NaN for parameters out of range."""
        return self._exp("logpmf", k, args, parameters)

    def _exp(self, method: str, x: Any, args: Any, parameters: Any) -> Any:
        log = self._density(method, x, args, parameters)
        never = np.isneginf(log)
        if not anywhere(never):
            return np.exp(log)
        # Where it is 0 the logarithm is not asked again: its slopes are infinite, and so are those of them.
        log = self._density(method, x, args, parameters, but=never)
        powers: Any = 0.0
        if self.functions.powers is not None:
            powers = self._density("powers", x, args, parameters, outside=0.0)
        return np.where(never, powers, np.exp(log))

    def _density(
        self, method: str, x: Any, args: Any, parameters: Any, outside: float = -math.inf, but: Any = False
    ) -> Any:
        f = getattr(self.functions, method, None)
        if f is None:
            kind, other = ("continuous", "logpdf") if isinstance(self.functions, Continuous) else ("discrete", "logpmf")
            raise UnsupportedError(f"{self.name} is a {kind} distribution: write {self.name}.{other}")
        x, shapes, loc, scale = self._arguments(method, x, args, parameters)
        z = _standard(x, loc, scale)
        known, low, high = self._in_range(shapes, scale), self._end(self.low, shapes), self._end(self.high, shapes)
        inside = (z >= low) & (z <= high) if self.closed else (z > low) & (z < high)
        inside = inside & (np.abs(z) < math.inf)
        if isinstance(self.functions, Discrete):
            inside = inside & (np.floor(z) == z)
        elif method == "powers":
            inside = inside & ((z == low) | (z == high))
        with np.errstate(divide="ignore"):  # at the end of a support -inf may be right
            usual = known & np.logical_not(but)
            density = self._at(f, z, shapes, usual & inside, usual)
        if scale is not None:
            scale = np.where(known, scale, 1.0)
            density = density / scale if method == "powers" else density - np.log(scale)
        return _chosen(known & ~np.isnan(z), inside, density, outside)

    # -- shares ---------------------------------------------------------------------------------

    def cdf(self, x: ArrayLike, *args: ArrayLike, **parameters: ArrayLike) -> Any:
        """The share up to x."""
        return self._share("cdf", x, args, parameters, 0.0, 1.0)

    def sf(self, x: ArrayLike, *args: ArrayLike, **parameters: ArrayLike) -> Any:
        """The share above x, exact where it is small."""
        return self._share("sf", x, args, parameters, 1.0, 0.0)

    def logcdf(self, x: ArrayLike, *args: ArrayLike, **parameters: ArrayLike) -> Any:
        """The logarithm of the share up to x, exact where the share is too small for a number."""
        return self._share("logcdf", x, args, parameters, -math.inf, 0.0)

    def logsf(self, x: ArrayLike, *args: ArrayLike, **parameters: ArrayLike) -> Any:
        """The logarithm of the share above x, exact where the share is too small for a number."""
        return self._share("logsf", x, args, parameters, 0.0, -math.inf)

    def _share(self, method: str, x: Any, args: Any, parameters: Any, below: float, above: float) -> Any:
        x, shapes, loc, scale = self._arguments(method, x, args, parameters)
        z = _standard(x, loc, scale)
        known, low, high = self._in_range(shapes, scale), self._end(self.low, shapes), self._end(self.high, shapes)
        if isinstance(self.functions, Discrete):
            z = np.floor(z)
            inside = (z >= low) & (z < high)
        else:
            inside = (z > low) & (z < high)
        share = self._at(getattr(self.functions, method), z, shapes, known & inside, known)
        outside = np.where(z >= high, above, below).astype(share.dtype)
        return _chosen(known & ~np.isnan(z), inside, share, outside)

    # -- quantiles ------------------------------------------------------------------------------

    def ppf(self, q: ArrayLike, *args: ArrayLike, **parameters: ArrayLike) -> Any:
        """The x up to which a share q is, for q in [0, 1]; of whole numbers the first, without a gradient."""
        if isinstance(self.functions, Discrete):
            return self._whole("ppf", q, args, parameters)
        return self._quantile("ppf", self.functions.ppf, q, args, parameters)

    def isf(self, q: ArrayLike, *args: ArrayLike, **parameters: ArrayLike) -> Any:
        """The x above which a share q is, exact for small q too."""
        if isinstance(self.functions, Discrete):
            return self._whole("isf", q, args, parameters)
        return self._quantile("isf", self.functions.isf, q, args, parameters)

    def _quantile(self, method: str, f: Function, q: Any, args: Any, parameters: Any) -> Any:
        q, shapes, loc, scale = self._arguments(method, q, args, parameters)
        known = self._in_range(shapes, scale)
        inside = (q > 0) & (q < 1)
        use = known & inside
        quantile = f(np.where(use, q, 0.5), *self._safe(shapes, known))
        low, high = self._end(self.low, shapes), self._end(self.high, shapes)
        first, last = (low, high) if method == "ppf" else (high, low)
        ends = np.where(q == 0, first, np.where(q == 1, last, math.nan)).astype(quantile.dtype)
        z = _chosen(known, inside, quantile, ends)
        z = z if scale is None else z * scale
        return z if loc is None else z + loc

    def _whole(self, method: str, q: Any, args: Any, parameters: Any) -> Any:
        q, shapes, loc, _ = self._arguments(method, q, args, parameters)
        q, loc, *shapes = detached([q, loc, *shapes])
        known, inside = self._in_range(shapes, None), (q > 0) & (q < 1)
        safe, share = self._safe(shapes, known), np.where(known & inside, q, 0.5)
        low, high = self._end(self.low, shapes), self._end(self.high, shapes)
        k = whole_quantile(self.name, method, share, *safe)
        first, last = (low - 1, high) if method == "ppf" else (high, low - 1)
        ends = np.where(q == 0, first, np.where(q == 1, last, math.nan))
        z = _chosen(known, inside, k, ends).astype(q.dtype)
        return z if loc is None else z + loc

    # -- samples --------------------------------------------------------------------------------

    def rvs(
        self,
        *args: ArrayLike,
        size: Shape | None = None,
        random_state: np.random.Generator | None = None,
        **parameters: ArrayLike,
    ) -> Any:
        """Samples of shape ``size``, by default that of the parameters, with a gradient to each parameter.

        A sample is the quantile of a random share, which stays as it is while the parameters move: so gradients are
        those of implicit reparameterisation, of every order. ``random_state`` is a ``numpy.random.Generator``, or None
        for the package's own. Whole numbers have no such gradient: ``GraphError`` for parameters that require one.
        """
        _, shapes, loc, scale = self._arguments("rvs", 0.0, args, parameters)
        sizes = [x for x in (*shapes, loc, scale) if x is not None]
        if isinstance(self.functions, Discrete) and any(getattr(x, "requires_grad", False) for x in sizes):
            raise GraphError(
                f"samples of {self.name} are whole numbers, which have no gradient: pass parameters without one "
                f"(x.detach()), and use {self.name}.logpmf(samples, ...) for the gradient of an expectation"
            )
        batch = np.broadcast_shapes(*[np.shape(x) for x in sizes])
        shape = shape_of_samples(size, batch)
        ending = shape[len(shape) - len(batch) :]
        if len(batch) > len(shape) or any(n not in (1, m) for n, m in zip(batch, ending, strict=True)):
            raise ValueError(f"{self.name}.rvs(size={size}) of parameters of shape {batch}: size ends in that shape")
        dtype = np.result_type(*[x.dtype for x in sizes]) if sizes else np.float64
        return self.ppf(random_shares(random_state, shape, dtype), *args, **parameters)

    # -- arguments ------------------------------------------------------------------------------

    def _arguments(self, method: str, x: Any, args: Any, parameters: Any) -> tuple[Any, list[Any], Any, Any]:
        """x, the shapes, loc and scale; None for one of these that is not given."""
        names = (*self.shapes, "loc", *(["scale"] if isinstance(self.functions, Continuous) else []))
        arguments = dict(zip(names, args, strict=False))
        wrong = [name for name in parameters if name not in names or name in arguments]
        missing = [name for name in self.shapes if name not in arguments and name not in parameters]
        if len(args) > len(names) or wrong or missing:
            why = f"{missing[0]} is missing" if missing else f"{wrong[0]} is no other" if wrong else f"got {len(args)}"
            raise TypeError(f"{self.name}.{method} takes the parameters {', '.join(names)}: {why}")
        arguments.update(parameters)
        positional = [name for name in names if name in arguments]
        x, *values = together(x, *[arguments[name] for name in positional])
        require_real("a distribution", x, *values)
        arguments = dict(zip(positional, values, strict=True))
        return x, [arguments[name] for name in self.shapes], arguments.get("loc"), arguments.get("scale")

    def _in_range(self, shapes: Any, scale: Any) -> Any:
        """Whether the parameters are in range."""
        known = self.valid(*shapes)
        return np.logical_and(known, True if scale is None else (scale > 0) & (scale < math.inf))

    def _end(self, end: float | Function, shapes: Any) -> Any:
        return end(*shapes) if callable(end) else end

    def _safe(self, shapes: Any, known: Any) -> list[Any]:
        """The shapes, and others in their place where they are out of range."""
        return [np.where(known, x, other) for x, other in zip(shapes, self.shapes.values(), strict=True)]

    def _at(self, f: Function, z: Any, shapes: Any, use: Any, known: Any) -> Any:
        """f of z and the shapes where they are to be used, and of others elsewhere."""
        safe = self._safe(shapes, known)
        return f(np.where(use, z, self._end(self.inner, safe)), *safe)


def shape_of_samples(size: Any, default: tuple[int, ...] = ()) -> tuple[int, ...]:
    """The argument ``size`` as a shape."""
    if size is None:
        return default
    return tuple(operator.index(n) for n in (size if np.ndim(size) else np.atleast_1d(size)))


def random_shares(random_state: Any, shape: tuple[int, ...], dtype: Any) -> Any:
    """Random numbers between 0 and 1, never these, also where a narrow dtype rounds to them."""
    if random_state is not None and not isinstance(random_state, np.random.Generator):
        raise HyperparameterError(
            f"random_state is a numpy.random.Generator or None, got {random_state!r:.60}: "
            f"write random_state=np.random.default_rng(seed)"
        )
    limits = np.finfo(dtype)
    q = drawn(random_state, "random", shape).astype(dtype)
    return np.clip(q, max(2.0**-54, float(limits.smallest_normal)), 1 - float(limits.epsneg))


@numpy_function
def whole_quantile(name: str, method: str, q: Any, *shapes: Any) -> Any:
    """The first whole number k whose cdf is at least q, or for ``isf`` whose sf is at most q.

    SciPy's number is right nearly always; the others are searched for between bounds.
    """
    family = importlib.import_module("minigrad.stats").FAMILIES[name]
    ends = [end(*shapes) if callable(end) else end for end in (family.low, family.high)]
    arrays = np.broadcast_arrays(q, *shapes, *ends)
    q, *flat, low, high = (np.ravel(x) for x in arrays)
    with np.errstate(all="ignore"):
        guess = np.ceil(family.functions.ppf(1 - q if method == "isf" else q, *flat))
    guess = np.clip(np.where(np.isfinite(guess), guess, low), low, high).astype(q.dtype)

    def enough(k: Any, at: Any) -> Any:
        share = getattr(family, method.replace("ppf", "cdf").replace("isf", "sf"))(k, *[x[at] for x in flat])
        return share >= q[at] if method == "ppf" else share <= q[at]

    above = enough(guess, slice(None))
    below = np.where(above, np.where(guess > low, guess - 1, low - 1), guess)  # is it not enough?
    k = guess
    todo = np.flatnonzero(~above | ((guess > low) & enough(below, slice(None))))
    small, large = np.where(above, low - 1, guess)[todo], np.where(above, guess, high)[todo]
    while todo.size:
        with np.errstate(all="ignore"):
            middle = np.floor(
                np.where(large > 4 * small + 8, np.sqrt(small + 2) * np.sqrt(large + 1), (small + large) / 2)
            )
            middle = np.where(np.isinf(large), 2 * small + 8, middle)
        done = (middle <= small) | (middle >= large)
        k[todo[done]] = large[done]
        todo, small, large, middle = (x[~done] for x in (todo, small, large, middle))
        reached = enough(middle, todo)
        small, large = np.where(reached, small, middle), np.where(reached, middle, large)
    return np.reshape(k, arrays[0].shape)[()]


def _standard(x: Any, loc: Any, scale: Any) -> Any:
    x = x if loc is None else x - loc
    return x if scale is None else x / np.where((scale > 0) & (scale < math.inf), scale, 1.0)


def _chosen(known: Any, inside: Any, value: Any, other: Any) -> Any:
    z = np.where(known, np.where(inside, value, other), math.nan)
    return z[()] if type(z) is np.ndarray and not z.ndim else z
