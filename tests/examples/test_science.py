"""``examples/science.py``: six cases find the same with derivatives and with differences, and what is known."""

from functools import cache

import numpy as np
import pytest

from tests.examples.commands import EXAMPLES, command, is_picture

pytest.importorskip("scipy")


@pytest.fixture(scope="module")
def science():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(EXAMPLES)
        import science

        yield science


@pytest.fixture
def untimed(science, monkeypatch):
    """Each solver runs once."""
    monkeypatch.setattr(science, "timed", cache(lambda run: (np.asarray(run()), 1.0)))


SLOW = [pytest.param(name, marks=pytest.mark.slow) for name in ("gp", "kalman")]


@pytest.mark.parametrize("name", ["fit", "design", *SLOW])
@pytest.mark.usefixtures("untimed")
def test_derivatives_and_differences_find_the_same(science, name):
    outcome = science.CASES[name]()
    np.testing.assert_allclose(outcome.found, outcome.by_differences, rtol=2e-3)


@pytest.mark.slow
@pytest.mark.usefixtures("untimed")
def test_the_rates_of_a_differential_equation(science):
    outcome = science.differential_equation()
    np.testing.assert_allclose(outcome.found, outcome.by_differences, rtol=1e-2)
    np.testing.assert_allclose(outcome.found, science.ODE_TRUTH[:4], rtol=0.1)


@pytest.mark.usefixtures("untimed")
def test_the_fit_finds_the_peak(science):
    found = science.robust_fit().found
    assert np.all(np.abs(found[:3] - science.FIT_TRUTH[3:6]) < 4 * found[3:])


@pytest.mark.usefixtures("untimed")
def test_the_best_design_is_the_one_of_theory(science):
    """Hoel and Levine 1964: it measures where the Chebyshev polynomial is 1 or -1, in the ratio of Lagrange's terms."""
    outcome = science.optimal_design()
    np.testing.assert_allclose(outcome.found, (2 * 1.2**2 - 1) ** 2, rtol=1e-6)
    terms = np.array([0.12, 0.44, 1.32])  # x (x - 1) / 2, x² - 1, x (x + 1) / 2 at 1.2
    np.testing.assert_allclose(science.design_shares(outcome.solution)[[0, 10, 20]], terms / terms.sum(), atol=2e-3)


def test_the_sampler_finds_the_posterior(science):
    """Against its maximum and the curvature there: near a normal distribution with a hundred points."""
    mg = science.mg
    best = science.optimize.minimize(
        lambda w: -science.log_posterior(w), np.zeros(3), jac=lambda w: -mg.grad(science.log_posterior)(w)
    ).x
    deviations = np.sqrt(np.diag(np.linalg.inv(-mg.hessian(science.log_posterior)(best))))
    samples = science.hmc(mg.compile(mg.grad(science.log_posterior), backend="numpy"), draws=300)[50:]
    assert np.all(np.abs(samples.mean(0) - best) < deviations)
    np.testing.assert_allclose(samples.std(0), deviations, rtol=0.4)


@pytest.mark.parametrize("panels", [("gp", "ode", "kalman", "fit", "hmc", "design"), ("fit", "hmc")])
def test_the_picture(science, panels, tmp_path):
    """A panel for each case, of solutions that are at hand: the truth, where it is known."""
    import science_picture

    solutions = {
        "gp": np.array([1.0, 0.1, 1, 1, 1, 9, 9, 9]),
        "ode": science.ODE_TRUTH,
        "kalman": np.concatenate([science.KALMAN_TRUTH.reshape(-1), np.log([0.2, 0.3])]),
        "fit": np.stack([science.FIT_TRUTH, np.full(10, 0.01)]),
        "hmc": np.tile(science.HMC_TRUTH, (5, 1)),
        "design": np.zeros(21),
    }
    science_picture.draw(tmp_path / "found.png", {name: solutions[name] for name in panels})
    assert is_picture(tmp_path / "found.png")


def test_the_command(tmp_path):
    done = command("science.py", tmp_path, "--case", "design")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("The picture is in science.png.\n")
    assert is_picture(tmp_path / "science.png")
    assert "the least variance: [3.5344]; by differences [3.5344]" in done.stdout
    assert "of the time" in done.stdout
    done = command("science.py", tmp_path, "--case", "design", "--no-plot", "--output", "design.svg")
    assert done.returncode == 0
    assert not (tmp_path / "design.svg").exists()
    done = command("science.py", tmp_path, "--case", "alchemy")
    assert done.returncode == 2
    assert "invalid choice: 'alchemy'" in done.stderr
