"""Samples of SciPy's special functions that have parameters: an order, a degree, a shape."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from minigrad.testing.sample import Sample
from minigrad.testing.strategies import Interval, arrays, shapes
from tests.samples.builders import REALS, one_array


def _before(f: Callable[..., Any], xs: Sequence[Any], options: dict[str, Any]) -> Any:
    """f(parameters, x): parameters of whole numbers as they are, others in the dtype of x."""
    (x,) = xs
    dtype = np.dtype(x.dtype)
    return f(*[p if p.dtype.kind == "i" or dtype.kind != "f" else p.astype(dtype) for p in options.values()], x)


def _after(f: Callable[..., Any], xs: Sequence[Any], options: dict[str, Any]) -> Any:
    """f(x, parameter)."""
    (x,) = xs
    return f(x, *[p.astype(np.dtype(x.dtype)) if np.dtype(x.dtype).kind == "f" else p for p in options.values()])


@st.composite
def _with(draw: DrawFn, domain: Interval, /, *, call: Any = _before, **parameters: Any) -> Sample:
    """x inside its domain, and each parameter out of its interval: a range of whole numbers, or a pair of numbers."""
    shape = draw(shapes())
    rng = np.random.default_rng(draw(st.integers(0, 999)))
    options = {}
    for name, interval in parameters.items():
        size = draw(st.sampled_from([(), shape]))
        if isinstance(interval, range):
            options[name] = np.asarray(rng.integers(interval.start, interval.stop, size))
        else:
            low, high = interval
            options[name] = np.asarray(rng.uniform(low, high, size))
    return Sample([draw(arrays(shape, domain))], options, call)


_ORDERS = (-1.5, 2.5)
_SHAPE = (0.6, 3.0)
_MIDDLE = (0.1, 0.9)
_DEGREES = range(6)

SAMPLES: dict[str, SearchStrategy[Sample]] = {
    **{name: _with((0.3, 4.0), v=_ORDERS) for name in ("jv", "yv", "kv", "kve")},
    "ive": st.one_of(_with((0.3, 4.0), v=_ORDERS), _with((-4.0, -0.3), v=range(3))),
    "yn": _with((0.3, 4.0), n=range(4)),
    "kn": _with((0.3, 4.0), n=range(4)),
    "struve": _with((0.3, 4.0), v=(0.0, 2.5)),
    "modstruve": _with((0.3, 4.0), v=(0.0, 2.5)),
    "expn": _with((0.3, 4.0), n=range(5)),
    "zeta": st.one_of(_with((0.4, 4.0), x=(1.5, 4.0)), _with((1.5, 4.0), call=_after, q=(0.4, 4.0))),
    "hyp0f1": _with(REALS, b=_SHAPE),
    "hyp1f1": _with(REALS, a=_SHAPE, b=_SHAPE),
    "hyp2f1": _with((-3.0, 0.9), a=_SHAPE, b=_SHAPE, c=(3.1, 5.0)),
    **{name: _with(REALS, call=_after, m=(-2.0, 0.9)) for name in ("ellipkinc", "ellipeinc")},
    "ellipj": _with(REALS, call=_after, m=_MIDDLE),
    "multigammaln": one_array(domain=(1.5, 5.0), d=lambda _: st.integers(1, 4)),
    "airy_part": one_array(part=lambda _: st.integers(0, 3)),
    **{
        f"eval_{name}": _with((-1.0, 1.0), n=_DEGREES)
        for name in (
            "legendre",
            "chebyt",
            "chebyu",
            "chebyc",
            "chebys",
            "hermite",
            "hermitenorm",
            "laguerre",
            "sh_legendre",
            "sh_chebyt",
            "sh_chebyu",
        )
    },
    "eval_gegenbauer": _with((-1.0, 1.0), n=_DEGREES, alpha=_SHAPE),
    "eval_genlaguerre": _with((-1.0, 1.0), n=_DEGREES, alpha=_SHAPE),
    "eval_jacobi": _with((-1.0, 1.0), n=_DEGREES, alpha=_SHAPE, beta=_SHAPE),
    "gamma": one_array(domain=(0.4, 4.0)),
}


def _part(f: Callable[..., Any], xs: Sequence[Any], options: dict[str, Any]) -> Any:
    return f(xs[0], options["m"].astype(np.dtype(xs[0].dtype)), options["part"])


def _positions(f: Callable[..., Any], xs: Sequence[Any], options: dict[str, Any]) -> Any:
    return f(*xs, *options.values())


def _lambertw(domain: Interval, k: int) -> SearchStrategy[Sample]:
    return arrays(shapes(), domain).map(lambda x: Sample([x], {"k": k, "tol": 1e-8}, _positions))


SAMPLES["lambertw"] = st.one_of(_lambertw((-0.3, 4.0), 0), _lambertw((-0.35, -0.02), -1), _lambertw((0.1, 4.0), 2))
SAMPLES["ellipj_part"] = st.builds(
    lambda drawn, part: Sample(drawn.arrays, {**drawn.options, "part": part}, _part),
    SAMPLES["ellipj"],
    st.integers(0, 3),
)
