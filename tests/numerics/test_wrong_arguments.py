"""Functions of signals, integrals and curves say their name where an argument is none that they take."""

import numpy as np
import pytest

import minigrad as mg
from minigrad.errors import HyperparameterError

X, T = np.linspace(0.1, 1, 12), np.linspace(0, 1, 12)

#: Each function with arguments that it takes.
CALLS = {
    "convolve": (mg.signal.convolve, {"in1": X, "in2": X[:3], "mode": "full", "method": "auto"}),
    "correlate": (mg.signal.correlate, {"in1": X, "in2": X[:3], "mode": "full"}),
    "fftconvolve": (mg.signal.fftconvolve, {"in1": X, "in2": X[:3], "axes": 0}),
    "detrend": (mg.signal.detrend, {"data": X, "axis": 0, "type": "linear"}),
    "hilbert": (mg.signal.hilbert, {"x": X, "N": 12, "axis": 0}),
    "lfilter": (mg.signal.lfilter, {"b": [1.0], "a": [1.0, 0.5], "x": X, "axis": 0}),
    "savgol_coeffs": (mg.signal.savgol_coeffs, {"window_length": 5, "polyorder": 2, "deriv": 0, "delta": 1.0}),
    "savgol_filter": (mg.signal.savgol_filter, {"x": X, "window_length": 5, "polyorder": 2, "mode": "constant"}),
    "sosfilt": (mg.signal.sosfilt, {"sos": np.array([[1.0, 0, 0, 1, 0, 0]]), "x": X, "axis": 0}),
    "cumulative_simpson": (mg.integrate.cumulative_simpson, {"y": X, "dx": 0.1, "axis": 0, "initial": 0}),
    "cumulative_trapezoid": (mg.integrate.cumulative_trapezoid, {"y": X, "dx": 0.1, "axis": 0, "initial": 0}),
    "simpson": (mg.integrate.simpson, {"y": X, "dx": 0.1, "axis": 0}),
    "CubicHermiteSpline": (mg.interpolate.CubicHermiteSpline, {"x": T, "y": X, "dydx": X, "axis": 0}),
    "CubicSpline": (mg.interpolate.CubicSpline, {"x": T, "y": X, "axis": 0, "bc_type": "natural"}),
    "PchipInterpolator": (mg.interpolate.PchipInterpolator, {"x": T, "y": X, "axis": 0}),
}


@pytest.mark.parametrize(("name", "argument"), [(name, a) for name, (_, options) in CALLS.items() for a in options])
@pytest.mark.parametrize("value", ["abc", {}, object()], ids=["text", "a dict", "an object"])
def test_what_no_argument_can_be_is_refused_by_name(name, argument, value):
    f, options = CALLS[name]
    f(**options)
    with pytest.raises((TypeError, ValueError), match=name.removeprefix("cumulative_")):
        f(**{**options, argument: value})


@pytest.mark.parametrize("count", [-1, 1.5, np.nan, True])
@pytest.mark.parametrize("argument", ["window_length", "polyorder", "deriv"])
def test_orders_and_lengths_are_whole_numbers(argument, count):
    with pytest.raises(HyperparameterError, match=f"{argument} is a whole number"):
        mg.signal.savgol_coeffs(**{"window_length": 5, "polyorder": 2, argument: count})


@pytest.mark.parametrize("delta", [0, np.nan, np.inf])
def test_samples_are_apart(delta):
    with pytest.raises(HyperparameterError, match="delta"):
        mg.signal.savgol_filter(X, 5, 2, delta=delta)


@pytest.mark.parametrize("initial", [1, np.nan, [], [0.0]])
@pytest.mark.parametrize("f", [mg.integrate.cumulative_simpson, mg.integrate.cumulative_trapezoid])
def test_what_an_integral_begins_with_is_0(f, initial):
    with pytest.raises(ValueError, match="initial is None or 0"):
        f(X, initial=initial)


def test_what_a_curve_does_beyond_its_places_is_true_or_false():
    with pytest.raises(HyperparameterError, match="extrapolate is True or False, got 'periodic'"):
        mg.interpolate.CubicSpline(T, X, extrapolate="periodic")
    curve = mg.interpolate.CubicSpline(T, X)
    for call in (curve, lambda x, **options: curve.integrate(0.0, x, **options)):
        with pytest.raises(HyperparameterError, match="extrapolate is True or False"):
            call(2.0, extrapolate="no")
    for order in (-1, 1.5, None):
        with pytest.raises(HyperparameterError, match="nu is a whole number"):
            curve(0.5, order)
        with pytest.raises(HyperparameterError, match="nu is a whole number"):
            curve.derivative(order)


def test_filters_have_a_coefficient():
    for b, a in (([], [1.0]), ([1.0], [])):
        with pytest.raises(mg.errors.ShapeError, match="of an element or more"):
            mg.signal.lfilter(b, a, X)
