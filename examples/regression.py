"""How ill will a patient be in a year, and how sure is the answer? Networks against ridge regression.

    python examples/regression.py                           442 patients, a table and a picture
    python examples/regression.py --members 20 --seed 1     more networks, other weights and another division
    python examples/regression.py --level 0.8               narrower intervals

The data are scikit-learn's diabetes set: ten measurements of each patient, and a measure of the illness a year later.
In each of five folds all that is learned or chosen comes from four fifths of the patients, and the others are
predicted; so every patient is predicted once. A network gives a mean and a variance. Each member of the ensemble
leaves out another part of the patients it could learn from, and these calibrate the intervals.
"""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist

# On a busy machine products this small wait for a second thread far longer than they take.
os.environ.setdefault("OMP_NUM_THREADS", "1")

try:
    import numpy as np
    from command import add_picture, number, parser, whole
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from rich.table import Table
    from sklearn.datasets import load_diabetes
    from sklearn.linear_model import RidgeCV
    from sklearn.model_selection import KFold
    from trainings import Trainings, run

    import minigrad as mg
    from minigrad import nn, optim
    from minigrad.data import DataLoader
    from minigrad.train import Trainer
except ModuleNotFoundError as missing:
    sys.exit(
        f"regression.py needs {missing.name}, which is not installed: "
        "in a checkout of minigrad, pip install -e '.[examples]' brings it"
    )

FOLDS, EPOCHS, BATCH, RATE, HIDDEN = 5, 60, 64, 0.01, 16
PENALTIES = (0.01, 0.03, 0.1)  # of the squared weights; each fold takes the one that predicts best out of the bag
ALPHAS = np.logspace(-2, 4, 25)
LEVELS = np.linspace(0.1, 0.95, 18)
RIDGE, OWN, CALIBRATED = "ridge", "ensemble, its own", "ensemble, calibrated"
COLORS = {RIDGE: "#EE7733", OWN: "#999999", CALIBRATED: "#0077BB"}


@dataclass
class Predictions:
    """Of patients: the mean (n,), the half width of the interval of each level (n, levels)."""

    mean: np.ndarray
    half: np.ndarray


# -- the networks ---------------------------------------------------------------------------------


class Network(nn.Module):
    """A linear model beside a hidden layer: x (n, 10) -> mean and logarithm of the variance, (n, 2)."""

    def __init__(self, penalty: float, generator: np.random.Generator) -> None:
        def linear(inputs: int, outputs: int) -> nn.Linear:
            return nn.Linear(inputs, outputs, weight_regularizer_l2=penalty, generator=generator)

        self.hidden, self.output, self.direct = linear(10, HIDDEN), linear(HIDDEN, 2), linear(10, 2)

    def forward(self, x: mg.Tensor) -> mg.Tensor:
        """The sum of both."""
        return self.output(self.hidden(x).tanh()) + self.direct(x)


def negative_log_likelihood(predictions: mg.Tensor, y: np.ndarray) -> mg.Tensor:
    """Of y (n,) under normal distributions, without the constant; the mean over the samples."""
    mean, log_variance = predictions[:, 0], predictions[:, 1]
    return 0.5 * (log_variance + (y - mean) ** 2 * mg.exp(-log_variance)).mean()


def trained(x: np.ndarray, y: np.ndarray, penalty: float, seed: list[int], epochs: int, show: Trainings) -> Trainer:
    """A trainer that has trained a new network."""
    generator = np.random.default_rng(seed)
    model = Network(penalty, generator)
    loader = DataLoader((x, y), BATCH, shuffle=True, seed=generator)
    optimizer = optim.Adam(model.parameters(), lr=optim.schedules.cosine(RATE, steps=epochs * len(loader)))
    trainer = Trainer(model, optimizer, negative_log_likelihood)
    show.fit(f"fold {seed[1] + 1} of {FOLDS}, penalty {penalty}", trainer, loader, epochs)
    return trainer


def mean_and_deviation(predictions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of the mixture of the members' normal distributions: (members, n, 2) -> (n,) and (n,)."""
    means, variances = predictions[..., 0], np.exp(predictions[..., 1])
    return means.mean(0), np.sqrt(variances.mean(0) + means.var(0))


def ensemble(
    x: np.ndarray, y: np.ndarray, unseen: np.ndarray, fold: int, options: argparse.Namespace, show: Trainings
) -> tuple[Predictions, Predictions, float]:
    """Predictions of the unseen patients with the ensemble's own intervals and the calibrated ones, and the penalty."""
    best = (np.inf, 0.0, np.empty(0), np.empty(0))
    for penalty in PENALTIES:
        trainers = []
        out_of_bag = np.empty((len(x), 2), np.float32)
        for member, (seen, left_out) in enumerate(split(len(x), options.members, options.seed)):
            trainer = trained(x[seen], y[seen], penalty, [options.seed, fold, member], options.epochs, show)
            out_of_bag[left_out] = trainer.predict(x[left_out])
            trainers.append(trainer)
        loss = negative_log_likelihood(mg.tensor(out_of_bag), y).item()
        if loss < best[0]:
            best = (loss, penalty, out_of_bag, np.stack([trainer.predict(unseen) for trainer in trainers]))
    _, penalty, out_of_bag, predictions = best
    mean, deviation = mean_and_deviation(predictions)
    normal = [NormalDist().inv_cdf((1 + level) / 2) for level in levels(options)]
    # Out of the bag stands the word of one member: its deviation is the measure there, so it is here, on the average.
    factors = quantiles(np.abs(y - out_of_bag[:, 0]) / np.exp(0.5 * out_of_bag[:, 1]), levels(options))
    typical = np.sqrt(np.exp(predictions[..., 1]).mean(0))
    return Predictions(mean, np.outer(deviation, normal)), Predictions(mean, np.outer(typical, factors)), penalty


# -- ridge regression -----------------------------------------------------------------------------


def ridge(x: np.ndarray, y: np.ndarray, unseen: np.ndarray, options: argparse.Namespace) -> Predictions:
    """Ridge regression, alpha by cross-validation; intervals of one width, calibrated as those of the ensemble."""
    errors = np.empty(len(x))
    for seen, left_out in split(len(x), options.members, options.seed):
        errors[left_out] = np.abs(y[left_out] - RidgeCV(ALPHAS).fit(x[seen], y[seen]).predict(x[left_out]))
    mean = RidgeCV(ALPHAS).fit(x, y).predict(unseen)
    return Predictions(mean, np.outer(np.ones(len(unseen)), quantiles(errors, levels(options))))


# -- measures -------------------------------------------------------------------------------------


def split(count: int, parts: int, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """For each of some parts, (the indices outside it, those in it)."""
    return list(KFold(parts, shuffle=True, random_state=seed).split(np.empty(count)))


def levels(options: argparse.Namespace) -> np.ndarray:
    """The level that was asked for, and those of the curve."""
    return np.array([options.level, *LEVELS])


def quantiles(scores: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """The least score that at least a share ``wanted`` of n + 1 do not exceed, as in conformal prediction."""
    ranks = np.ceil(wanted * (len(scores) + 1)).astype(int)
    return np.sort(scores)[np.minimum(ranks, len(scores)) - 1]


def measures(y: np.ndarray, predictions: Predictions, level: float) -> dict[str, float]:
    """Of all patients: errors of the mean; coverage, width and score of the intervals of the first level."""
    error, half = np.abs(y - predictions.mean), predictions.half[:, 0]
    # Gneiting and Raftery (2007): the width, and for a value outside its distance, dearer the higher the level is.
    score = 2 * half + 2 / (1 - level) * np.maximum(error - half, 0)
    return {
        "RMSE": np.sqrt(np.mean(error**2)),
        "R²": 1 - np.sum(error**2) / np.sum((y - y.mean()) ** 2),
        "coverage": np.mean(error <= half),
        "width": np.mean(2 * half),
        "score": np.mean(score),
    }


def difference(y: np.ndarray, ours: Predictions, theirs: Predictions) -> tuple[float, float]:
    """A 95 % interval of the difference of both RMSE: over samples of the patients with repetition."""
    errors = np.stack([(y - ours.mean) ** 2, (y - theirs.mean) ** 2])
    drawn = np.random.default_rng(0).integers(0, len(y), (2000, len(y)))
    first, second = np.sqrt(errors[:, drawn].mean(-1))
    low, high = np.quantile(first - second, (0.025, 0.975))
    return float(low), float(high)


# -- the picture ----------------------------------------------------------------------------------


def draw(path: Path, y: np.ndarray, found: dict[str, Predictions], level: float) -> None:
    """Write the picture: predicted against true with intervals, and the coverage at every level."""
    figure = Figure(figsize=(13, 4.6), layout="constrained")
    first, second, last = figure.subplots(1, 3)
    for axes, name in ((first, RIDGE), (second, CALIBRATED)):
        draw_predictions(axes, y, found[name], f"{name}: {measures(y, found[name], level)['coverage']:.1%} covered")
    last.plot((0, 1), (0, 1), color="black", linewidth=0.8, label="as it should be")
    for name, predictions in found.items():
        covered = np.mean(np.abs(y - predictions.mean)[:, None] <= predictions.half[:, 1:], axis=0)
        last.plot(LEVELS, covered, color=COLORS[name], marker=".", label=name)
    last.set(
        xlabel="level of the intervals", ylabel="held-out patients in them", box_aspect=1, xlim=(0, 1), ylim=(0, 1)
    )
    last.set_title("coverage", fontsize=11)
    last.legend(frameon=False, loc="upper left")
    figure.savefig(path, dpi=100)


def draw_predictions(axes: Axes, y: np.ndarray, predictions: Predictions, title: str) -> None:
    """A dot for each patient, red outside of the interval, which is a bar."""
    half = predictions.half[:, 0]
    inside = np.abs(y - predictions.mean) <= half
    axes.errorbar(predictions.mean, predictions.mean, half, fmt="none", ecolor="#DDDDDD", elinewidth=1)
    axes.axline((150, 150), slope=1, color="black", linewidth=0.8)
    for chosen, color, label in ((inside, "#0077BB", "inside"), (~inside, "#CC3311", "outside")):
        axes.scatter(predictions.mean[chosen], y[chosen], s=9, color=color, zorder=3, label=f"{label}: {chosen.sum()}")
    axes.set(xlabel="predicted, with its interval", ylabel="true", box_aspect=1, xlim=(0, 330), ylim=(-80, 430))
    axes.set_title(title, fontsize=11)
    axes.legend(frameon=False, loc="upper left", markerscale=2, handletextpad=0)


# -- all of it ------------------------------------------------------------------------------------


def predict(options: argparse.Namespace, show: Trainings) -> tuple[np.ndarray, dict[str, Predictions]]:
    """The true values, and the predictions of each method for all patients, each by what others taught."""
    x, y = load_diabetes(return_X_y=True, scaled=False)
    halves = np.empty((len(y), 1 + len(LEVELS)))
    found = {name: Predictions(np.empty(len(y)), halves.copy()) for name in COLORS}
    for fold, (known, unseen) in enumerate(split(len(x), FOLDS, options.seed)):
        scaled = ((x - x[known].mean(0)) / x[known].std(0)).astype(np.float32)
        centre, unit = y[known].mean(), y[known].std()
        target = ((y[known] - centre) / unit).astype(np.float32)
        own, calibrated, penalty = ensemble(scaled[known], target, scaled[unseen], fold, options, show)
        plain = ridge(scaled[known], target, scaled[unseen], options)
        for name, predictions in zip(COLORS, (plain, own, calibrated), strict=True):
            found[name].mean[unseen] = centre + unit * predictions.mean
            found[name].half[unseen] = unit * predictions.half
        rmse = {name: measures(y[unseen], part(found[name], unseen), options.level)["RMSE"] for name in (RIDGE, OWN)}
        show.line(
            f"fold {fold + 1} of {FOLDS}: RMSE of ridge {rmse[RIDGE]:.1f}, of the ensemble {rmse[OWN]:.1f} "
            f"(penalty {penalty})"
        )
    return y, found


def part(predictions: Predictions, rows: np.ndarray) -> Predictions:
    """Those of some patients."""
    return Predictions(predictions.mean[rows], predictions.half[rows])


def parse_options(arguments: list[str] | None = None) -> argparse.Namespace:
    """The options."""
    command = parser(__file__, __doc__)
    add = command.add_argument
    add(
        "--epochs",
        type=whole(1, 10**6),
        default=EPOCHS,
        metavar="N",
        help="passes over the data (default: %(default)s)",
    )
    add("--members", type=whole(2, 100), default=10, metavar="N", help="networks (default: %(default)s)")
    add("--level", type=number(0.5, 0.99), default=0.9, metavar="P",
        help="share of the patients that intervals should cover (default: %(default)s)")  # fmt: skip
    add("--seed", type=whole(0, 2**32 - 1), default=0, metavar="N",
        help="seed of weights, batches and folds (default: %(default)s)")  # fmt: skip
    add_picture(command, "regression.png")
    return command.parse_args(arguments)


def main() -> None:
    """Train and predict in five folds, print the table, write the picture."""
    options = parse_options()
    with Trainings(options.epochs * options.members * len(PENALTIES) * FOLDS) as show:
        y, found = predict(options, show)
    table = Table(f"\n{options.level:.0%} intervals", box=None, pad_edge=False)
    for header in ("\nRMSE", "\nR²", "\ncoverage", "mean\nwidth", "interval\nscore"):
        table.add_column(header, justify="right")
    for name, predictions in found.items():
        row = measures(y, predictions, options.level)
        table.add_row(
            name, f"{row['RMSE']:.2f}", f"{row['R²']:.3f}", f"{row['coverage']:.1%}", f"{row['width']:.1f}",
            f"{row['score']:.1f}",
        )  # fmt: skip
    show.line()
    show.console.print(table)
    show.line()
    low, high = difference(y, found[OWN], found[RIDGE])
    show.line(
        f"RMSE of the ensemble minus that of ridge: between {low:+.2f} and {high:+.2f} (95 %), so {verdict(low, high)}."
    )
    if not options.no_plot:
        draw(options.output, y, found, options.level)
        show.line(f"The picture is in {options.output}.")


def verdict(low: float, high: float) -> str:
    """What an interval of the difference says."""
    if high < 0:
        return "the ensemble is better"
    return "ridge is better" if low > 0 else "they are level"


if __name__ == "__main__":
    sys.exit(run("regression", main))
