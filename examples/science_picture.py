"""The picture of ``science.py``: for each case what it found, beside the truth where that is known."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import science as cases
from scipy import integrate

try:
    from matplotlib.figure import Figure
except ModuleNotFoundError as missing:
    sys.exit(
        f"The picture needs {missing.name}, which is not installed: "
        "in a checkout of minigrad, pip install -e '.[examples]' brings it; --no-plot does without"
    )

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FOUND, TRUTH, DATA, SECOND = "#004488", "#BB5566", "#222222", "#997700"  # Paul Tol's high-contrast scheme


def draw(path: Path, solutions: Mapping[str, np.ndarray]) -> None:
    """Write the picture: a panel for each case, three in a row."""
    columns = min(3, len(solutions))
    rows = -(-len(solutions) // columns)
    figure = Figure(figsize=(4.2 * columns, 3.2 * rows), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False).flat
    for axes, (name, solution) in zip(panels, solutions.items(), strict=False):
        PANELS[name](axes, solution)
        axes.spines[["top", "right"]].set_visible(False)
    for axes in list(panels)[len(solutions) :]:
        axes.set_axis_off()
    figure.savefig(path, dpi=100)


def gaussian_process(axes: Axes, theta: np.ndarray) -> None:
    """The prediction along the first input, and two deviations around it, where all other inputs are 0."""
    amplitude, noise, lengths = theta[0], theta[1], theta[2:]
    places = np.linspace(-1, 1, 200)
    asked = np.zeros((200, 6))
    asked[:, 0] = places

    def kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return amplitude**2 * np.exp(-0.5 * (((a[:, None] - b) / lengths) ** 2).sum(-1))

    known = kernel(cases.GP_X, cases.GP_X) + noise**2 * np.eye(len(cases.GP_X))
    across = kernel(asked, cases.GP_X)
    weights = np.linalg.solve(known, across.T)
    mean, deviation = weights.T @ cases.GP_Y, np.sqrt(amplitude**2 - (across * weights.T).sum(1))
    axes.fill_between(places, mean - 2 * deviation, mean + 2 * deviation, color=FOUND, alpha=0.15, linewidth=0)
    axes.plot(places, np.sin(3 * places), color=TRUTH, linewidth=4, alpha=0.35, label="truth")
    axes.plot(places, mean, color=FOUND, label="prediction")
    axes.set(title="gp: along the first of six inputs", xlabel="first input, the others 0", ylabel="y")
    axes.legend(frameon=False)


def differential_equation(axes: Axes, rates: np.ndarray) -> None:
    """Six of the twelve substances over time, and what was measured of them."""
    times = np.linspace(0, cases.ODE_TIMES[-1], 200)
    path = integrate.solve_ivp(
        lambda t, y: cases.chain(y, t, rates), (0, times[-1]), cases.ODE_START, t_eval=times, rtol=1e-8
    ).y
    for substance in range(0, 12, 2):
        color = FOUND if substance % 4 else SECOND
        axes.plot(times, path[substance], color=color, linewidth=1.5)
        axes.plot(cases.ODE_TIMES, cases.ODE_DATA[:, substance], "o", color=color, markersize=3)
    axes.set(title="ode: six of twelve substances", xlabel="time", ylabel="amount (dots: measured)")


def kalman(axes: Axes, theta: np.ndarray) -> None:
    """What the filter expects of the first sensor, two deviations around it, and what was seen."""
    steps = list(cases.kalman_steps(theta))
    mean = np.array([expected[0] for expected, _, _ in steps])
    deviation = np.sqrt([variance[0, 0] for _, variance, _ in steps])
    time = np.arange(len(mean))
    axes.fill_between(time, mean - 2 * deviation, mean + 2 * deviation, color=FOUND, alpha=0.15, linewidth=0)
    axes.plot(time, mean, color=FOUND, label="expected")
    axes.plot(time, cases.KALMAN_DATA[:, 0], ".", color=DATA, markersize=4, label="seen")
    axes.set(title="kalman: a sensor, one step ahead", xlabel="step", ylabel="value")
    axes.legend(frameon=False)


def robust_fit(axes: Axes, found: np.ndarray) -> None:
    """The data with their outliers, and the three peaks."""
    axes.plot(cases.FIT_T, cases.FIT_DATA, ".", color=DATA, markersize=2, alpha=0.5, label="data")
    axes.plot(cases.FIT_T, cases.peaks(cases.FIT_T, *found[0]), color=FOUND, linewidth=2, label="fit")
    axes.set(title=f"fit: a peak at {found[0, 4]:.3f} ± {found[1, 4]:.3f}", xlabel="t", ylabel="signal")
    axes.legend(frameon=False)


def monte_carlo(axes: Axes, samples: np.ndarray) -> None:
    """Two of the three weights in each sample."""
    axes.plot(*samples[:, :2].T, ".", color=FOUND, markersize=3, alpha=0.5, label="samples")
    axes.plot(*cases.HMC_TRUTH[:2], "x", color=TRUTH, markersize=9, markeredgewidth=2.5, label="truth")
    axes.set(title="hmc: the posterior of two weights", xlabel="first weight", ylabel="second weight")
    axes.legend(frameon=False)


def optimal_design(axes: Axes, score: np.ndarray) -> None:
    """The share of the measurements at each point: the theory has them at -1, 0 and 1 alone."""
    axes.bar(cases.DESIGN_POINTS, cases.design_shares(score), width=0.08, color=FOUND)
    axes.set(title="design: where to measure, for x = 1.2", xlabel="x", ylabel="share of the measurements")


PANELS = {
    "gp": gaussian_process,
    "ode": differential_equation,
    "kalman": kalman,
    "fit": robust_fit,
    "hmc": monte_carlo,
    "design": optimal_design,
}
