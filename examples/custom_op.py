"""An operation of one's own, certified by one line, in a network that goes on where others stop.

    python examples/custom_op.py                        certify snake, train three networks, draw what they continue
    python examples/custom_op.py --steps 500 --seed 1   a shorter training from other weights and noise

``snake`` is x + sin(a x)^2 / a (Ziyin, Hartwig and Ueda, 2020): it grows like x and has a period, which a network may
learn. The series is a trend with a season and noise; its last third is kept from the networks.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass

try:
    import hypothesis  # noqa: F401 - check_primitive draws with it
    import numpy as np
    from command import Training, add_picture, console, finite, number, parser, whole
    from rich.console import Console
    from rich.table import Table

    import minigrad as mg
    from minigrad import nn, optim
    from minigrad.testing import check_primitive
except ModuleNotFoundError as missing:
    sys.exit(
        f"custom_op.py needs {missing.name}, which is not installed: "
        "in a checkout of minigrad, pip install -e '.[examples]' brings it"
    )

POINTS, KNOWN = 300, 200  # of the series; the networks see the first 200
NOISE = 0.1
DECAY = 0.2

# -- the operation --------------------------------------------------------------------------------

#: A forward function, and a formula for each argument, in plain NumPy: that is all. On Tensors the formulas are
#: recorded themselves, so there are derivatives of every order.
snake = mg.primitive(
    lambda x, a: x + np.sin(a * x) ** 2 / a,
    lambda g, x, a: g * (1 + np.sin(2 * a * x)),
    lambda g, x, a: g * (x * np.sin(2 * a * x) - np.sin(a * x) ** 2 / a) / a,
    name="snake",
    domain=((-2.0, 2.0), (0.5, 3.0)),  # where values for the tests are drawn: away from a = 0
    analytic=True,
    doc="x + sin(a x)² / a: grows like x, with a period of pi / a.",
)


class Snake(nn.Module):
    """``snake`` with a number ``a`` for each unit, which is learned."""

    def __init__(self, units: int, generator: np.random.Generator) -> None:
        self.a = nn.Parameter(generator.uniform(0.5, 3, units).astype(np.float32))

    def forward(self, x: mg.Tensor) -> mg.Tensor:
        """x (..., units) -> the same shape."""
        return snake(x, self.a)


# -- the networks ---------------------------------------------------------------------------------


@dataclass
class Result:
    """A trained network, and how far it is off, as the root of the mean square."""

    name: str
    curve: np.ndarray
    known: float
    unknown: float
    seconds: float


def series(generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Times (300, 1), measured values, and the values without noise."""
    time = np.linspace(-10, 20, POINTS, dtype=np.float32)[:, None]
    truth = np.sin(1.5 * time) + 0.1 * time
    return time, truth + np.float32(NOISE) * generator.standard_normal(time.shape, np.float32), truth


def activation(name: str, units: int, generator: np.random.Generator) -> nn.Module:
    """The module of that name."""
    return Snake(units, generator) if name == "snake" else {"tanh": nn.Tanh, "relu": nn.ReLU}[name]()


def train(name: str, options: argparse.Namespace, out: Console) -> Result:
    """Train a network of one hidden layer with this activation on the first part of the series."""
    generator = np.random.default_rng(options.seed)
    time_, values, truth = series(generator)
    units = options.hidden
    model = nn.Sequential(
        nn.Linear(1, units, generator=generator), activation(name, units, generator),
        nn.Linear(units, 1, generator=generator),
    )  # fmt: skip
    schedule = optim.schedules.cosine(options.learning_rate, options.steps)
    # Of all the ways to pass through the points, decay leaves the one with few and small waves.
    optimizer = optim.AdamW(model.parameters(), lr=schedule, weight_decay=DECAY)

    @mg.compile(backend="numpy")  # so small a net is done before machine code were made for it
    def step(x: mg.Tensor, y: mg.Tensor) -> mg.Tensor:
        loss = ((model(x) - y) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    x, y = mg.tensor(time_[:KNOWN]), mg.tensor(values[:KNOWN])
    start = time.perf_counter()
    with Training(out, name, options.steps) as training, np.errstate(over="ignore", invalid="ignore"):
        for done in range(1, options.steps + 1):
            loss = finite(step(x, y).item(), done)
            if training.wants(done):
                training.tell(done, f"loss {loss:.4f}")
    with mg.no_grad():
        curve = model(mg.tensor(time_)).data
    square = (curve - truth) ** 2
    return Result(
        name, curve, float(square[:KNOWN].mean() ** 0.5), float(square[KNOWN:].mean() ** 0.5),
        time.perf_counter() - start,
    )  # fmt: skip


# -- all of it ------------------------------------------------------------------------------------


def show(out: Console, results: list[Result]) -> None:
    """A row for each network."""
    table = Table("activation", box=None, pad_edge=False)
    for header in ("error where it learned", "error beyond", "seconds"):
        table.add_column(header, justify="right")
    for result in results:
        table.add_row(result.name, f"{result.known:.3f}", f"{result.unknown:.3f}", f"{result.seconds:.1f}")
    out.print()
    out.print(table)
    out.print("\nErrors are roots of mean squares, against the series without its noise (0.1).")


def draw(options: argparse.Namespace, results: list[Result]) -> None:
    """The series, and what each network makes of it."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - not needed with --no-plot

    time_, values, truth = series(np.random.default_rng(options.seed))
    figure = Figure(figsize=(9, 1.9 * len(results) + 0.5), layout="constrained")
    panels = figure.subplots(len(results), 1, sharex=True, sharey=True, squeeze=False)[:, 0]
    for axes, result, color in zip(panels, results, ("#004488", "#BB5566", "#997700"), strict=True):
        axes.axvspan(float(time_[KNOWN, 0]), float(time_[-1, 0]), color="#EEEEEE", label="never seen")
        axes.plot(time_, truth, color="#999999", linewidth=4, alpha=0.5, label="without noise")
        axes.scatter(time_[:KNOWN], values[:KNOWN], s=5, color="#222222", label="what it learned from")
        axes.plot(time_, result.curve, color=color, linewidth=1.8, label="the network")
        title = f"{result.name}: error {result.known:.3f} where it learned, {result.unknown:.3f} beyond"
        axes.set_title(title, fontsize=10)
        axes.set(xlim=(-10, 20), ylim=(-2.8, 3.8))
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].legend(loc="upper left", fontsize=8, ncols=4, frameon=False)
    panels[-1].set_xlabel("time")
    figure.savefig(options.output, dpi=110)


def main(arguments: list[str] | None = None) -> int:
    """Certify, train, show; returns the exit code."""
    options = parser(__file__, __doc__)
    add = options.add_argument
    add("--steps", type=whole(1), default=5000, metavar="N", help="steps of a training (default: %(default)s)")
    add("--hidden", type=whole(1, 4096), default=32, metavar="N", help="units of each network (default: %(default)s)")
    add("--learning-rate", type=number(0), default=0.01, metavar="LR", help="the initial rate (default: %(default)s)")
    add("--examples", type=whole(1, 10_000), default=50, metavar="N",
        help="inputs that are drawn to certify the operation (default: %(default)s)")  # fmt: skip
    add("--seed", type=whole(0, 2**32 - 1), default=0, metavar="N", help="random seed (default: %(default)s)")
    add_picture(options, "custom_op.png")
    chosen = options.parse_args(arguments)
    out = console()
    certificate = check_primitive(snake, examples=chosen.examples, derandomize=True)
    out.print(f"Certified: {certificate}", soft_wrap=True)
    try:
        results = [train(name, chosen, out) for name in ("snake", "tanh", "relu")]
        show(out, results)
        if not chosen.no_plot:
            draw(chosen, results)
            out.print(f"The picture is in {chosen.output}.", soft_wrap=True)
    except KeyboardInterrupt:
        out.print("Stopped by Ctrl-C.")
        return 130
    except (OSError, ValueError) as error:
        sys.exit(f"custom_op.py: {error}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
