"""Six pieces of scientific code that know nothing of minigrad, differentiated as they are.

    python examples/science.py                     all six: what was found, the time, and the same by differences;
                                                   writes science.png
    python examples/science.py --case kalman hmc   some of them

Each function of a case is NumPy alone. minigrad comes in where a solver asks for a derivative: ``jac=mg.grad(f)``. The
same solver then works with SciPy's finite differences, for the result and the time.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

try:
    import numpy as np
    from command import add_picture, parser
    from scipy import integrate, optimize
    from scipy.optimize import approx_fprime

    import minigrad as mg
except ModuleNotFoundError as missing:
    sys.exit(
        f"science.py needs {missing.name}, which is not installed: "
        "in a checkout of minigrad, pip install -e '.[examples]' brings it"
    )

RNG = np.random.default_rng(0)


class Outcome(NamedTuple):
    """What a case found with minigrad's derivatives and with differences: numbers to compare, and what they are."""

    what: str
    found: np.ndarray
    by_differences: np.ndarray
    seconds: float
    seconds_by_differences: float
    solution: np.ndarray  # all that the solver gave with minigrad's derivatives: what is drawn


def timed(run: Callable[[], Any]) -> tuple[np.ndarray, float]:
    """The result of the second run, and its time: the first one writes out the calls of operations."""
    run()
    start = time.perf_counter()
    found = run()
    return np.asarray(found), time.perf_counter() - start


# -- a Gaussian process ---------------------------------------------------------------------------

GP_X = RNG.uniform(-1, 1, (120, 6))
GP_Y = np.sin(3 * GP_X[:, 0]) + GP_X[:, 1] ** 2 + 0.5 * GP_X[:, 2] + 0.1 * RNG.normal(size=120)


def gp_loss(log_theta: Any) -> Any:
    """The negative log marginal likelihood: amplitude and noise, and a length for each of the six inputs."""
    amplitude, noise = np.exp(log_theta[0]), np.exp(log_theta[1])
    x = GP_X / np.exp(log_theta[2:])
    squares = (x**2).sum(1)
    distance = squares[:, None] + squares - 2 * x @ x.T
    kernel = amplitude**2 * np.exp(-0.5 * distance) + (noise**2 + 1e-8) * np.eye(len(GP_X))
    lower = np.linalg.cholesky(kernel)
    white = np.linalg.solve(lower, GP_Y)
    return 0.5 * white @ white + np.log(np.diagonal(lower)).sum()


def gaussian_process() -> Outcome:
    """The eight hyperparameters of a Gaussian process by L-BFGS-B."""

    def fit(loss: Any, jac: Any) -> Any:
        bounds = [(-5, 5)] * 8
        return np.exp(optimize.minimize(loss, np.zeros(8), jac=jac, method="L-BFGS-B", bounds=bounds).x)

    runs = (lambda: fit(mg.value_and_grad(gp_loss), True)), (lambda: fit(gp_loss, None))
    return compared("amplitude, noise, and three lengths", *runs, lambda theta: theta[:5])


# -- an ordinary differential equation ------------------------------------------------------------

ODE_TIMES = np.linspace(0, 4, 9)
ODE_START = np.array([10.0] + [0.0] * 11)
ODE_TRUTH = RNG.uniform(0.5, 3.0, 12)


def chain(y: Any, _: Any, rates: Any) -> Any:
    """Twelve substances, each of which becomes the next."""
    flow = rates * y
    return np.concatenate([-flow[:1], flow[:-1] - flow[1:]])


ODE_DATA = integrate.solve_ivp(
    lambda t, y: chain(y, t, ODE_TRUTH), (0, 4), ODE_START, t_eval=ODE_TIMES, rtol=1e-8, atol=1e-10
).y.T + 0.02 * RNG.normal(size=(9, 12))


def differential_equation() -> Outcome:
    """The twelve rates of a chain of reactions by L-BFGS-B, through ``solve_ivp``."""

    def loss(log_rates: Any) -> Any:
        y = mg.odeint(chain, ODE_START, ODE_TIMES, np.exp(log_rates), rtol=1e-7, atol=1e-9)
        return ((y - ODE_DATA) ** 2).sum()

    def fit(jac: Any) -> Any:
        options = {"maxiter": 15}
        return np.exp(optimize.minimize(loss, np.zeros(12), jac=jac, method="L-BFGS-B", options=options).x)

    runs = (lambda: fit(mg.grad(loss))), (lambda: fit(None))
    return compared("four of the rates after 15 steps", *runs, lambda rates: rates[:4])


# -- a Kalman filter ------------------------------------------------------------------------------

KALMAN_STATES = 4
KALMAN_TRUTH = np.kron(np.eye(2), [[0.95, 0.2], [-0.2, 0.95]]) + 0.02 * RNG.normal(size=(4, 4))


def series(steps: int) -> np.ndarray:
    """What two sensors see of a system of four states, in noise."""
    state, seen = np.ones(KALMAN_STATES), []
    for _ in range(steps):
        state = KALMAN_TRUTH @ state + 0.2 * RNG.normal(size=KALMAN_STATES)
        seen.append(state[::2] + 0.3 * RNG.normal(size=2))
    return np.array(seen)


KALMAN_DATA = series(60)


def kalman_steps(theta: Any) -> Iterator[tuple[Any, Any, Any]]:
    """A filter: for each measurement what is expected, the variance of that, and the negative log likelihood.

    The parameters are how the four states move (16), and the noise of the states and of the sensors.
    """
    move = theta[:16].reshape(4, 4)
    noise, seen_noise = np.exp(2 * theta[16]) * np.eye(4), np.exp(2 * theta[17]) * np.eye(2)
    sensors = np.eye(4)[::2]
    mean, spread = np.ones(4), np.eye(4)
    for y in KALMAN_DATA:
        mean, spread = move @ mean, move @ spread @ move.T + noise
        variance = sensors @ spread @ sensors.T + seen_noise
        surprise = y - sensors @ mean
        gain = np.linalg.solve(variance, sensors @ spread).T
        loss = 0.5 * (surprise @ np.linalg.solve(variance, surprise) + np.linalg.slogdet(variance)[1])
        yield sensors @ mean, variance, loss
        mean, spread = mean + gain @ surprise, spread - gain @ variance @ gain.T


def kalman_loss(theta: Any) -> Any:
    """The negative log likelihood of all measurements."""
    return sum(loss for _, _, loss in kalman_steps(theta))


def kalman() -> Outcome:
    """The eighteen parameters of a state-space model by BFGS: the likelihood is a loop of 60 steps."""
    start = np.concatenate([0.8 * np.eye(4).reshape(-1), [-1.0, -1.0]])

    def fit(jac: Any) -> Any:
        return optimize.minimize(kalman_loss, start, jac=jac, method="L-BFGS-B", options={"maxiter": 20}).x

    def summary(theta: Any) -> Any:
        return [kalman_loss(theta), *np.exp(theta[16:])]

    step = mg.compile(mg.grad(kalman_loss), backend="numpy")
    return compared("the loss after 20 steps, and two noises", lambda: fit(step), lambda: fit(None), summary)


# -- a robust fit ---------------------------------------------------------------------------------

FIT_T = np.linspace(0, 10, 500)
FIT_TRUTH = np.array([1.0, 2.0, 0.3, 1.5, 4.5, 0.5, 0.8, 7.5, 0.7, 0.2])


def peaks(t: Any, *theta: Any) -> Any:
    """Three peaks on a constant: a height, a place and a width each."""
    total = theta[9]
    for height, place, width in (theta[:3], theta[3:6], theta[6:9]):
        total = total + height * np.exp(-0.5 * ((t - place) / width) ** 2)
    return total


FIT_DATA = peaks(FIT_T, *FIT_TRUTH) + 0.05 * RNG.normal(size=500)
FIT_DATA[::17] += 1.0


def robust_loss(theta: Any) -> Any:
    """The soft L1 loss, of which outliers count little."""
    residual = (peaks(FIT_T, *theta) - FIT_DATA) / 0.05
    return (np.sqrt(1 + residual**2) - 1).sum()


def robust_fit() -> Outcome:
    """``curve_fit`` of three peaks with outliers, and uncertainties from the Hessian of the loss."""
    derivatives = mg.jacobian(peaks, argnums=tuple(range(1, 11)))

    def columns(t: Any, *theta: Any) -> Any:
        return np.stack(derivatives(t, *theta), -1)

    def fit(jac: Any, hessian: Any) -> Any:
        found, _ = optimize.curve_fit(
            peaks, FIT_T, FIT_DATA, p0=[1, 2.3, 0.5, 1, 4.2, 0.5, 1, 7.8, 0.5, 0], sigma=np.full(500, 0.05), jac=jac,
            method="trf", loss="soft_l1",
        )  # fmt: skip
        return np.stack([found, np.sqrt(np.diag(np.linalg.inv(hessian(found))))])

    def by_differences(theta: Any) -> Any:
        return np.array([(gradient(theta + e) - gradient(theta - e)) / 2e-4 for e in 1e-4 * np.eye(10)])

    def gradient(theta: Any) -> Any:
        return np.array([(robust_loss(theta + e) - robust_loss(theta - e)) / 2e-5 for e in 1e-5 * np.eye(10)])

    runs = (lambda: fit(columns, mg.hessian(robust_loss))), (lambda: fit("2-point", by_differences))
    return compared("the second peak, and its deviations", *runs, lambda found: found[:, 3:6].reshape(-1))


# -- Hamiltonian Monte Carlo ----------------------------------------------------------------------

HMC_X = RNG.normal(size=(100, 3))
HMC_TRUTH = np.array([1.0, -2.0, 0.5])
HMC_Y = (RNG.uniform(size=100) < 1 / (1 + np.exp(-HMC_X @ HMC_TRUTH))).astype(float)


def log_posterior(weights: Any) -> Any:
    """A logistic regression with a normal prior."""
    score = HMC_X @ weights
    return (HMC_Y * score - np.logaddexp(0, score)).sum() - 0.5 * (weights**2).sum()


def hmc(gradient: Callable[[Any], Any], draws: int = 500) -> np.ndarray:
    """Samples by leapfrog steps (Neal, MCMC using Hamiltonian dynamics, 2011)."""
    rng = np.random.default_rng(1)
    position, samples = np.zeros(3), []
    for _ in range(draws):
        momentum = rng.normal(size=3)
        start = log_posterior(position) - 0.5 * momentum @ momentum
        moved, speed = position, momentum + 0.075 * gradient(position)
        for step in range(12):
            moved = moved + 0.15 * speed
            speed = speed + (0.15 if step < 11 else 0.075) * gradient(moved)
        end = log_posterior(moved) - 0.5 * speed @ speed
        if np.log(rng.uniform()) < end - start:
            position = moved
        samples.append(position)
    return np.array(samples)


def monte_carlo() -> Outcome:
    """The mean and deviation of the weights of a logistic regression, from 500 samples."""

    def summary(samples: Any) -> Any:
        return np.concatenate([samples.mean(0), samples.std(0)])

    compiled = mg.compile(mg.grad(log_posterior), backend="numpy")
    runs = (lambda: hmc(compiled)[100:]), (lambda: hmc(lambda w: approx_fprime(w, log_posterior, 1e-7))[100:])
    return compared("means and deviations of three weights", *runs, summary)


# -- optimal design -------------------------------------------------------------------------------

DESIGN_POINTS = np.linspace(-1, 1, 21)
DESIGN_ROWS = np.stack([np.ones(21), DESIGN_POINTS, DESIGN_POINTS**2], 1)


def design_shares(score: Any) -> Any:
    """The share of the measurements at each point: positive, and 1 in all."""
    shares = np.exp(score - score.max())
    return shares / shares.sum()


def design_loss(score: Any) -> Any:
    """The variance of the prediction at 1.2 by a parabola, for shares of measurements: a solve with their matrix."""
    shares = design_shares(score)
    matrix = DESIGN_ROWS.T @ (shares[:, None] * DESIGN_ROWS)
    target = np.array([1.0, 1.2, 1.2**2])
    return target @ np.linalg.solve(matrix, target)


def optimal_design() -> Outcome:
    """The least variance of an extrapolation to 1.2; by theory it is T2(1.2)^2 = 3.5344, with T2 of Chebyshev."""

    def fit(jac: Any) -> Any:
        return optimize.minimize(design_loss, np.zeros(21), jac=jac, method="BFGS", options={"maxiter": 500}).x

    runs = (lambda: fit(mg.grad(design_loss))), (lambda: fit(None))
    return compared("the least variance", *runs, lambda score: [design_loss(score)])


# -- the command ----------------------------------------------------------------------------------


def compared(
    what: str, ours: Callable[[], Any], theirs: Callable[[], Any], summary: Callable[[np.ndarray], Any]
) -> Outcome:
    """What both find, in the numbers of ``summary``, and the least time of each in three rounds that take turns."""
    (solution, mine), (other, yours) = timed(ours), timed(theirs)
    for _ in range(2):
        mine, yours = min(mine, timed(ours)[1]), min(yours, timed(theirs)[1])
    return Outcome(what, np.asarray(summary(solution)), np.asarray(summary(other)), mine, yours, solution)


CASES = {
    "gp": gaussian_process,
    "ode": differential_equation,
    "kalman": kalman,
    "fit": robust_fit,
    "hmc": monte_carlo,
    "design": optimal_design,
}


def main(arguments: list[str] | None = None) -> None:
    """Run cases, print a line for each, and draw what they found."""
    command = parser(__file__, __doc__)
    command.add_argument("--case", nargs="+", choices=CASES, default=list(CASES), help="cases to run (default: all)")
    add_picture(command, "science.png")
    given = command.parse_args(arguments)
    outcomes = {}
    for name in given.case:
        case = CASES[name]
        outcome = outcomes[name] = case()
        print(f"{name}: {(case.__doc__ or '').strip()}")
        with np.printoptions(precision=4, suppress=True):
            print(f"    {outcome.what}: {outcome.found}; by differences {outcome.by_differences}")
        print(
            f"    {outcome.seconds * 1e3:.0f} ms, by differences {outcome.seconds_by_differences * 1e3:.0f} ms: "
            f"{outcome.seconds / outcome.seconds_by_differences:.2f} of the time"
        )
    if not given.no_plot:
        from science_picture import draw  # noqa: PLC0415 - not needed with --no-plot

        try:
            draw(given.output, {name: outcome.solution for name, outcome in outcomes.items()})
        except OSError as error:
            sys.exit(f"science.py: {error}")
        print(f"The picture is in {given.output}.")


if __name__ == "__main__":
    main()
