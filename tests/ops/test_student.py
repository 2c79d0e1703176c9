"""Student's t distribution: SciPy's values under its names, derivatives in the degrees of freedom, around 0."""

import numpy as np
import pytest
from scipy import special

import minigrad as mg
from minigrad.ops import student as rows
from minigrad.testing import check_gradients
from tests.ops.families import properties_of

test_properties = properties_of(rows)


def test_under_scipys_names():
    df, t = np.array([0.5, 3.0, 80.0]), np.array([-2.0, 0.3, 1.5])
    np.testing.assert_array_equal(special.stdtr(mg.tensor(df), t).data, special.stdtr(df, t))
    np.testing.assert_array_equal(mg.special.stdtrit(df, [0.1, 0.5, 0.9]), special.stdtrit(df, [0.1, 0.5, 0.9]))
    check_gradients(special.stdtr, df, t, order=2)
    check_gradients(special.stdtrit, df, np.array([0.1, 0.6, 0.9]), order=2)


@pytest.mark.parametrize("t", [0.0, 1e-12, 1e-9, -1e-9, 1e-5])
def test_it_is_smooth_around_0(t):
    """There the shares of beta that it is made of have a root."""
    slope = mg.grad(rows.stdtr, argnums=1)
    both = mg.grad(mg.grad(rows.stdtr), argnums=1)(3.0, t)
    step = 1e-4
    np.testing.assert_allclose(both, (slope(3 + step, t) - slope(3 - step, t)) / (2 * step), rtol=1e-6)
    np.testing.assert_allclose(mg.grad(rows.stdtr)(3.0, t), both * t, rtol=1e-6, atol=1e-30)


def test_no_digits_are_lost_for_many_degrees_of_freedom():
    bell = -0.5 - np.log(2 * np.pi) / 2
    np.testing.assert_allclose(rows.student_density(1e12, 1.0), bell, rtol=1e-11)
