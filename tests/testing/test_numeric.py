"""Derivatives from function values alone, and what stands in their way."""

import numpy as np
import pytest

from minigrad.testing.numeric import complex_step, direction, dot, five_point, magnitude, obstacle, one_sided, steps


@pytest.mark.parametrize(("phi", "slope"), [(np.sin, 1), (np.exp, 1), (lambda t: t**5 - 3 * t, -3)])
def test_slopes_of_smooth_functions(phi, slope):
    assert five_point(phi) == pytest.approx(slope, abs=1e-11)
    assert complex_step(phi) == pytest.approx(slope, abs=1e-15)
    assert obstacle(phi) == ""


def test_what_stands_in_the_way():
    assert obstacle(abs) == "kink"
    assert obstacle(lambda t: float(t > 0)) == "jump"
    noise = np.random.default_rng(0)
    assert obstacle(lambda t: t + 1e-7 * noise.normal()) == "noise"
    left, right = one_sided(abs, 1e-4)
    assert (left, right) == (pytest.approx(-1), pytest.approx(1))


def test_outside_of_the_domain_it_is_nan_without_a_warning():
    assert np.isnan(five_point(lambda t: float(np.log(np.float64(t)))))


def test_sums_of_products_and_their_scale():
    a, b = [np.array([1.0, -2.0]), np.array(3.0)], [np.array([4.0, 2.0]), np.array(-1.0)]
    assert dot(a, b) == -3
    assert magnitude(a, b) == 11


def test_directions_and_lengths():
    u = direction(np.random.default_rng(0), (1000,))
    assert ((np.abs(u) >= 0.5) & (np.abs(u) <= 1)).all()
    assert 0.4 < (u > 0).mean() < 0.6
    for lengths, step in steps([np.array([0.0, 100.0, np.inf])]):
        assert np.isfinite(lengths[0]).all()
        assert step > 0
