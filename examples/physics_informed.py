"""A differential equation solved by a network, through its second derivatives: Burgers' equation.

    python examples/physics_informed.py                     train, compare with the exact solution, draw
    python examples/physics_informed.py --viscosity 0.05    a smoother solution

The equation is u_t + u u_x = viscosity u_xx for x in [-1, 1] and t in [0, 1], from u = -sin(pi x), with u = 0 at both
ends: a wave that steepens to a front. The network sees no solution, only how far it is from obeying the
equation at random points (Raissi, Perdikaris and Karniadakis, 2019). The exact solution (Cole, 1951; Hopf, 1950) tells
how good it is.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import time
from dataclasses import dataclass

try:
    import numpy as np
    from command import Training, add_picture, console, number, parser, whole
    from rich.console import Console

    import minigrad as mg
    from minigrad import nn, optim
except ModuleNotFoundError as missing:
    sys.exit(
        f"physics_informed.py needs {missing.name}, which is not installed: "
        "in a checkout of minigrad, pip install -e '.[examples]' brings it"
    )

POINTS = 2000  # of the plane, in each step
GRID = 101, 201  # times and places where the solution is looked at

# -- the equation ---------------------------------------------------------------------------------


class Solution(nn.Module):
    """u(x, t) = -sin(pi x) + t (1 - x²) net(x, t): whatever the net says, the beginning and both ends are right."""

    def __init__(self, width: int, generator: np.random.Generator) -> None:
        sizes = [2, width, width, width]
        hidden = [
            layer
            for inputs, outputs in itertools.pairwise(sizes)
            for layer in (nn.Linear(inputs, outputs, generator=generator), nn.Tanh())
        ]
        self.net = nn.Sequential(*hidden, nn.Linear(width, 1, generator=generator))

    def forward(self, x: mg.Tensor, t: mg.Tensor) -> mg.Tensor:
        """x and t (points, 1) -> u (points, 1)."""
        return -np.sin(np.pi * x) + t * (1 - x * x) * self.net(np.concatenate([x, t], 1))


def residual(u: Solution, x: mg.Tensor, t: mg.Tensor, viscosity: float) -> mg.Tensor:
    """How far ``u`` is from obeying the equation, at each point (points, 1)."""

    def total(x: mg.Tensor, t: mg.Tensor) -> tuple[mg.Tensor, mg.Tensor]:
        value = u(x, t)
        return value.sum(), value  # each point has its own value, so the gradient of the sum is that of each

    def slope(x: mg.Tensor, t: mg.Tensor) -> tuple[mg.Tensor, tuple[mg.Tensor, ...]]:
        (u_x, u_t), value = mg.grad(total, argnums=(0, 1), has_aux=True)(x, t)
        return u_x.sum(), (value, u_x, u_t)

    u_xx, (value, u_x, u_t) = mg.grad(slope, has_aux=True)(x, t)
    return u_t + value * u_x - viscosity * u_xx


def exact(x: np.ndarray, t: np.ndarray, viscosity: float) -> np.ndarray:
    """The solution by Cole and Hopf: a quotient of two integrals, by Gauss' and Hermite's quadrature."""
    nodes, weights = np.polynomial.hermite.hermgauss(128)
    y = x[..., None] - np.sqrt(4 * viscosity * t[..., None]) * nodes
    exponent = -np.cos(np.pi * y) / (2 * np.pi * viscosity)
    kernel = weights * np.exp(exponent - exponent.max(-1, keepdims=True))
    return -(kernel * np.sin(np.pi * y)).sum(-1) / kernel.sum(-1)


# -- the training ---------------------------------------------------------------------------------


@dataclass
class Result:
    """The solution on a grid, the exact one, and the mean square of the residual whenever it was computed."""

    x: np.ndarray
    t: np.ndarray
    u: np.ndarray
    exact: np.ndarray
    losses: list[float]
    adam_seconds: float
    lbfgs_seconds: float

    @property
    def error(self) -> float:
        """The root of the mean square of the error, relative to that of the solution."""
        return float(np.sqrt(((self.u - self.exact) ** 2).mean() / (self.exact**2).mean()))


def train(options: argparse.Namespace, out: Console) -> Result:
    """Adam on ever new points, which gets near; then L-BFGS on points that stay, which gets close."""
    generator = np.random.default_rng(options.seed)
    u = Solution(options.width, generator)
    losses: list[float] = []

    def draw_points(count: int) -> tuple[mg.Tensor, mg.Tensor]:
        x, t = generator.random((2, count, 1), np.float32)
        return mg.tensor(2 * x - 1), mg.tensor(t)

    def loss_of(x: mg.Tensor, t: mg.Tensor) -> mg.Tensor:
        return (residual(u, x, t, options.viscosity) ** 2).mean()

    adam = optim.Adam(u.parameters(), lr=optim.schedules.cosine(0.005, options.steps))

    @mg.compile
    def adam_step(x: mg.Tensor, t: mg.Tensor) -> mg.Tensor:
        loss = loss_of(x, t)
        adam.zero_grad()
        loss.backward()
        adam.step()
        return loss

    @mg.compile
    def gradients(x: mg.Tensor, t: mg.Tensor) -> mg.Tensor:
        loss = loss_of(x, t)
        u.zero_grad()
        loss.backward()
        return loss

    start = time.perf_counter()
    with Training(out, "Adam", options.steps) as training:
        for step in range(1, options.steps + 1):
            losses.append(adam_step(*draw_points(POINTS)).item())
            if training.wants(step):
                training.tell(step, f"residual² {losses[-1]:.1e}")
    middle = time.perf_counter()

    x, t = draw_points(2 * POINTS)
    lbfgs = optim.LBFGS(u.parameters(), max_iter=20, history_size=50, line_search_fn="strong_wolfe")

    def closure() -> mg.Tensor:
        loss = gradients(x, t)
        losses.append(loss.item())
        return loss

    with Training(out, "L-BFGS", options.lbfgs_steps) as training:
        for step in range(1, options.lbfgs_steps + 1):
            lbfgs.step(closure)
            if training.wants(step):
                training.tell(step, f"residual² {losses[-1]:.1e}")
    seconds = middle - start, time.perf_counter() - middle

    times, places = np.linspace(0, 1, GRID[0]), np.linspace(-1, 1, GRID[1])
    grid_t, grid_x = np.meshgrid(times, places, indexing="ij")
    with mg.no_grad():
        columns = [mg.tensor(grid.reshape(-1, 1).astype(np.float32)) for grid in (grid_x, grid_t)]
        found = u(*columns).data.reshape(GRID)
    return Result(places, times, found, exact(grid_x, grid_t, options.viscosity), losses, *seconds)


# -- all of it ------------------------------------------------------------------------------------


def draw(options: argparse.Namespace, result: Result) -> None:
    """The solution in the plane, three moments of it, its error, and how the training went."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - not needed with --no-plot

    figure = Figure(figsize=(9, 5.8), layout="constrained")
    (plane, moments), (errors, curve) = figure.subplots(2, 2)
    image = plane.pcolormesh(result.t, result.x, result.u.T, cmap="RdBu_r", vmin=-1, vmax=1, rasterized=True)
    figure.colorbar(image, ax=plane, label="u")
    plane.set(title="what the network found", xlabel="t", ylabel="x")
    for share, color in ((0.25, "#004488"), (0.5, "#997700"), (1.0, "#BB5566")):
        row = round(share * (GRID[0] - 1))
        plane.axvline(share - 0.004 * (share == 1), color=color, linewidth=1.5, linestyle=":")
        moments.plot(result.x, result.exact[row], color=color, linewidth=5, alpha=0.3)
        moments.plot(result.x, result.u[row], color=color, linewidth=1.5, label=f"t = {share:g}")
    moments.set(title="three moments (pale: exact)", xlabel="x", ylabel="u")
    moments.legend(frameon=False)
    error = np.abs(result.u - result.exact)
    image = errors.pcolormesh(result.t, result.x, error.T, cmap="magma_r", rasterized=True)
    figure.colorbar(image, ax=errors, label="|u - exact|")
    errors.set(title=f"relative error {result.error:.1e}, largest {error.max():.1e}", xlabel="t", ylabel="x")
    curve.semilogy(np.arange(1, len(result.losses) + 1), result.losses, color="#222222", linewidth=0.8)
    curve.axvspan(options.steps, len(result.losses), color="#EEEEEE")
    curve.annotate("L-BFGS", (options.steps, 0.95), xycoords=("data", "axes fraction"), xytext=(6, -6),
                   textcoords="offset points", fontsize=9)  # fmt: skip
    curve.set(title="mean square of the residual", xlabel="evaluation")
    curve.set_ylim(top=1.3 * max(result.losses))
    for axes in (moments, curve):
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(options.output, dpi=100)


def main(arguments: list[str] | None = None) -> int:
    """Train, compare, draw; returns the exit code."""
    options = parser(__file__, __doc__)
    add = options.add_argument
    add("--viscosity", type=number(0.005, 1.0), default=0.01, metavar="V", help="of the fluid (default: %(default)s)")
    add("--width", type=whole(1, 4096), default=20, metavar="N", help="width of 3 hidden layers (default: %(default)s)")
    add("--steps", type=whole(1), default=2000, metavar="N", help="steps of Adam (default: %(default)s)")
    add("--lbfgs-steps", type=whole(1), default=60, metavar="N", help="later steps of L-BFGS (default: %(default)s)")
    add("--seed", type=whole(0, 2**32 - 1), default=0, metavar="N", help="random seed (default: %(default)s)")
    add_picture(options, "physics_informed.png")
    chosen = options.parse_args(arguments)
    out = console()
    try:
        result = train(chosen, out)
    except KeyboardInterrupt:
        out.print("Stopped by Ctrl-C.")
        return 130
    largest = np.abs(result.u - result.exact).max()
    out.print(f"\nerror against the exact solution: {result.error:.1e} relative, {largest:.1e} at most")
    out.print(f"Adam {result.adam_seconds:.0f} s, L-BFGS {result.lbfgs_seconds:.0f} s")
    if not chosen.no_plot:
        try:
            draw(chosen, result)
        except OSError as error:
            sys.exit(f"physics_informed.py: {error}")
        out.print(f"The picture is in {chosen.output}.", soft_wrap=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
