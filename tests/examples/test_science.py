"""``examples/science.py``: six cases find the same with derivatives and with differences, and what is known."""

import numpy as np
import pytest

from tests.examples.commands import EXAMPLES, command

pytest.importorskip("scipy")


@pytest.fixture(scope="module")
def science():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(EXAMPLES)
        import science

        yield science


def once(run):
    """In place of a timing: the result."""
    return np.asarray(run()), 1.0


SLOW = [pytest.param(name, marks=pytest.mark.slow) for name in ("gp", "kalman")]


@pytest.mark.parametrize("name", ["fit", "design", *SLOW])
def test_derivatives_and_differences_find_the_same(science, name, monkeypatch):
    monkeypatch.setattr(science, "interleaved", lambda ours, theirs: (*(once(f)[0] for f in (ours, theirs)), 1.0, 1.0))
    outcome = science.CASES[name]()
    np.testing.assert_allclose(outcome.found, outcome.by_differences, rtol=2e-3)


@pytest.mark.slow
def test_the_rates_of_a_differential_equation(science, monkeypatch):
    monkeypatch.setattr(science, "interleaved", lambda ours, theirs: (*(once(f)[0] for f in (ours, theirs)), 1.0, 1.0))
    outcome = science.differential_equation()
    np.testing.assert_allclose(outcome.found, outcome.by_differences, rtol=1e-2)
    np.testing.assert_allclose(outcome.found, science.ODE_TRUTH[:4], rtol=0.1)


def test_the_fit_finds_the_peak(science, monkeypatch):
    monkeypatch.setattr(science, "interleaved", lambda ours, theirs: (once(ours)[0], once(ours)[0], 1.0, 1.0))
    found = science.robust_fit().found
    assert np.all(np.abs(found[:3] - science.FIT_TRUTH[3:6]) < 4 * found[3:])


def test_the_best_design_is_the_one_of_theory(science, monkeypatch):
    monkeypatch.setattr(science, "interleaved", lambda ours, theirs: (once(ours)[0], once(ours)[0], 1.0, 1.0))
    np.testing.assert_allclose(science.optimal_design().found, (2 * 1.2**2 - 1) ** 2, rtol=1e-6)


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


def test_the_command(tmp_path):
    done = command("science.py", tmp_path, "--case", "design")
    assert (done.returncode, done.stderr) == (0, "")
    assert "the least variance: [3.5344]; by differences [3.5344]" in done.stdout
    assert "of the time" in done.stdout
    done = command("science.py", tmp_path, "--case", "alchemy")
    assert done.returncode == 2
    assert "invalid choice: 'alchemy'" in done.stderr
