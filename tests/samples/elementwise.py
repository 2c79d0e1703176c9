"""Samples of elementwise ops, choices, activations and special functions."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from minigrad.testing.sample import Sample
from minigrad.testing.strategies import Interval, arrays, arrays_of, broadcastable_shapes, shapes
from tests.samples.builders import REALS, axis_of, one_array


def _seeded(draw: DrawFn) -> np.random.Generator:
    return np.random.default_rng(draw(st.integers(0, 999)))


# -- between jumps ------------------------------------------------------------------------------


@st.composite
def _rounded(draw: DrawFn) -> Sample:
    """Numbers of either sign, apart from whole ones and from halves."""
    x = draw(arrays(domain=(0.0, 0.5)))  # without the margins 0.1 to 0.4
    rng = _seeded(draw)
    return Sample([x + rng.integers(-6, 6, x.shape) / 2], {})


@st.composite
def _rounded_to_decimals(draw: DrawFn) -> Sample:
    (x,), _, _ = draw(_rounded())
    decimals = draw(st.integers(-1, 2))
    return Sample([np.asarray(x / 10.0**decimals)], {"decimals": decimals})


@st.composite
def _quotients(draw: DrawFn) -> Sample:
    """Pairs of either sign of which the quotient is apart from whole numbers: between 1.07 and 1.6."""
    x, y = draw(arrays_of(draw(broadcastable_shapes(2)), [(4.0, 5.0), (3.0, 3.9)]))
    rng = _seeded(draw)
    return Sample([np.asarray(x * rng.choice([-1.0, 1.0], x.shape)), np.asarray(y * rng.choice([-1, 1], y.shape))], {})


@st.composite
def _angles(draw: DrawFn) -> Sample:
    """Angles that turn by less than 3 from one to the next, and by any number of whole periods."""
    x = draw(arrays(shapes(min_dims=1, min_side=1), (0.0, 3.0)))
    period = draw(st.sampled_from([2 * math.pi, 7.0]))
    turned = x + period * _seeded(draw).integers(-2, 3, x.shape)
    return Sample([turned], {"axis": draw(axis_of(x.shape)), "period": period})


@st.composite
def _scaled(draw: DrawFn) -> Sample:
    of_x, of_y = draw(broadcastable_shapes(2))
    return Sample([draw(arrays(of_x)), _seeded(draw).integers(-5, 6, of_y)], {})


# -- choices ------------------------------------------------------------------------------------


def _with_conditions(f: Callable[..., Any], xs: Sequence[Any], options: dict[str, Any]) -> Any:
    """f(conditions, [x, y, ...], default): the last array is the default."""
    return f(options["condlist"], list(xs[:-1]), xs[-1])


@st.composite
def _select(draw: DrawFn) -> Sample:
    count = draw(st.integers(1, 3))
    made = draw(broadcastable_shapes(2 * count + 1))
    rng = _seeded(draw)
    conditions = [np.asarray(rng.random(shape) < 0.5) for shape in made[:count]]
    return Sample(draw(arrays_of(made[count:], [REALS] * (count + 1))), {"condlist": conditions}, _with_conditions)


@st.composite
def _nan_to_num(draw: DrawFn) -> Sample:
    return Sample(
        [draw(arrays())], {"nan": draw(st.sampled_from([0.0, 1.5])), "posinf": draw(st.sampled_from([None, 9.0]))}
    )


# -- activations --------------------------------------------------------------------------------


@st.composite
def _with_one_of(draw: DrawFn, /, **options: Sequence[float]) -> Sample:
    """One array, and for each option one of its values."""
    return Sample([draw(arrays())], {name: draw(st.sampled_from(values)) for name, values in options.items()})


@st.composite
def _apart_from(draw: DrawFn, *kinks: float) -> Sample:
    """Values that keep 0.05 from each of these numbers."""
    x = draw(arrays()) * 2  # up to 6 in size
    for kink in kinks:
        x = np.where(np.abs(x - kink) < 0.05, x + 0.1, x)
    return Sample([np.asarray(x)], {})


def _with(sample: SearchStrategy[Sample], **options: float) -> SearchStrategy[Sample]:
    return sample.map(lambda drawn: Sample(drawn.arrays, options))


@st.composite
def _glu(draw: DrawFn) -> Sample:
    shape = list(draw(shapes(min_dims=1)))
    axis = draw(axis_of(tuple(shape)))
    shape[axis] *= 2
    return Sample([draw(arrays(tuple(shape)))], {"axis": axis})


@st.composite
def _prelu(draw: DrawFn) -> Sample:
    shape = draw(shapes())
    channels = draw(st.sampled_from([1, shape[1] if len(shape) > 1 else 1]))
    return Sample(draw(arrays_of([shape, (channels,)], [REALS] * 2)), {})


# -- special functions --------------------------------------------------------------------------


@st.composite
def _of_order(draw: DrawFn, domain: Interval, lowest: int) -> Sample:
    """An integer order, or one for each element, and x."""
    of_n, of_x = draw(broadcastable_shapes(2))
    orders = np.asarray(_seeded(draw).integers(lowest, 4, of_n))
    return Sample([orders, draw(arrays(of_x, domain))], {})


SAMPLES: dict[str, SearchStrategy[Sample]] = {
    **dict.fromkeys(["floor", "ceil", "trunc", "rint", "modf"], _rounded()),
    "round": _rounded_to_decimals(),
    **dict.fromkeys(["floor_divide", "remainder", "fmod", "divmod"], _quotients()),
    "unwrap": _angles(),
    "ldexp": _scaled(),
    "sinc": one_array(),
    "select": _select(),
    "nan_to_num": _nan_to_num(),
    "softplus": _with_one_of(beta=(1.0, 0.5, 3.0)),
    "leaky_relu": _with_one_of(negative_slope=(0.01, 0.3, 2.0, -0.5, 0.0)),
    "elu": _with_one_of(alpha=(1.0, 0.3, 2.0)),
    "celu": _with_one_of(alpha=(1.0, 0.3, 2.0)),
    "hardtanh": st.one_of(_apart_from(-1, 1), _with(_apart_from(-0.5, 2), min_val=-0.5, max_val=2.0)),
    "relu6": _apart_from(0, 6),
    "hardsigmoid": _apart_from(-3, 3),
    "hardswish": _apart_from(-3, 3),
    "softshrink": st.one_of(_apart_from(-0.5, 0.5), _with(_apart_from(-2, 2), lambd=2.0)),
    "hardshrink": st.one_of(_apart_from(-0.5, 0.5), _with(_apart_from(-2, 2), lambd=2.0)),
    "threshold": st.one_of(
        _with(_apart_from(1), threshold=1.0, value=-2.0), _with(_apart_from(-2), threshold=-2.0, value=20.0)
    ),
    "glu": _glu(),
    "prelu": _prelu(),
    "polygamma": _of_order((0.4, 4.0), 0),
    "iv": _of_order(REALS, -2),
}
