"""Squeeze handwritten digits into two numbers each, and unfold them again: an autoencoder against PCA.

    python examples/autoencoder.py                            train, measure, and draw the plane of the codes
    python examples/autoencoder.py --epochs 20 --seed 1       a short training from other weights
    python examples/autoencoder.py --validate                 without a look at the held-out digits

The data are scikit-learn's: 1,797 digits of 8 x 8 pixels. A fifth of them is held out; errors are those of its
reconstructions, from 2 numbers for 64. PCA is the best that straight lines can do; the network bends. No label is
used in the training: they colour the picture, and tell how well neighbours in the plane agree.
"""

from __future__ import annotations

import argparse
import itertools
import os
import sys
import time
from pathlib import Path

# On a busy machine products this small wait for a second thread far longer than they take.
os.environ.setdefault("OMP_NUM_THREADS", "1")

try:
    import numpy as np
    from command import add_picture, parser, whole
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from rich.table import Table
    from sklearn.datasets import load_digits
    from sklearn.decomposition import PCA
    from sklearn.model_selection import train_test_split
    from sklearn.neighbors import KNeighborsClassifier
    from trainings import Trainings, run

    import minigrad as mg
    from minigrad import nn, optim
    from minigrad.data import DataLoader
    from minigrad.train import Trainer
except ModuleNotFoundError as missing:
    sys.exit(
        f"autoencoder.py needs {missing.name}, which is not installed: "
        "in a checkout of minigrad, pip install -e '.[examples]' brings it"
    )

PIXELS, CODE = 64, 2
EPOCHS, BATCH, RATE, DECAY, NOISE = 250, 64, 3e-3, 0.03, 0.1
NEIGHBOURS = 10

Pair = tuple[np.ndarray, np.ndarray]


# -- the data -------------------------------------------------------------------------------------


def load_data(validate: bool) -> tuple[Pair, Pair]:
    """((images, labels) to learn from, (images, labels) held out), images (samples, 64) from 0 to 1.

    With ``validate``, the second is a fifth of the first, and the held-out digits are left alone.
    """

    def divided(images: np.ndarray, labels: np.ndarray) -> tuple[Pair, Pair]:
        x, held, y, held_labels = train_test_split(images, labels, test_size=0.2, stratify=labels, random_state=0)
        return (x, y), (held, held_labels)

    images, labels = load_digits(return_X_y=True)
    known, held = divided((images / 16).astype(np.float32), labels)
    return divided(*known) if validate else (known, held)


def noisy(batch: tuple[np.ndarray], generator: np.random.Generator) -> Pair:
    """(images with noise, images): what is learned is to undo it, so that near images get near codes."""
    (images,) = batch
    return images + NOISE * generator.standard_normal(images.shape, dtype=images.dtype), images


# -- the network ----------------------------------------------------------------------------------


class Autoencoder(nn.Module):
    """64 pixels -> 2 numbers -> 64 pixels, with two hidden layers on each side."""

    def __init__(self, generator: np.random.Generator) -> None:
        def layers(*sizes: int) -> list[nn.Module]:
            found: list[nn.Module] = []
            for inputs, outputs in itertools.pairwise(sizes):
                found += [nn.Linear(inputs, outputs, generator=generator), nn.GELU()]
            return found[:-1]

        self.encoder = nn.Sequential(*layers(PIXELS, 128, 64, CODE))
        self.decoder = nn.Sequential(*layers(CODE, 64, 128, PIXELS), nn.Sigmoid())

    def forward(self, images: mg.Tensor) -> mg.Tensor:
        """(samples, 64) -> (samples, 64)."""
        return self.decoder(self.encoder(images))


def trained(images: np.ndarray, options: argparse.Namespace, trainings: Trainings) -> Trainer:
    """A trainer that has trained a new network."""
    model = Autoencoder(np.random.default_rng(options.seed))
    loader = DataLoader(images, BATCH, shuffle=True, drop_last=True, seed=options.seed, transform=noisy)
    rate = optim.schedules.cosine(RATE, steps=options.epochs * len(loader))
    trainer = Trainer(model, optim.AdamW(model.parameters(), lr=rate, weight_decay=DECAY), nn.MSELoss())
    trainings.fit("autoencoder", trainer, loader, options.epochs)
    return trainer


# -- measures -------------------------------------------------------------------------------------


def error(images: np.ndarray, made: np.ndarray) -> float:
    """The mean squared error of a pixel, of which black is 1 and white 0."""
    return float(np.mean((images - made) ** 2))


def pca_error(images: np.ndarray, held: np.ndarray, components: int) -> float:
    """Of the held-out images, from so many principal components."""
    pca = PCA(components, svd_solver="full").fit(images)
    return error(held, pca.inverse_transform(pca.transform(held)))


def as_many(images: np.ndarray, held: np.ndarray, reached: float) -> int:
    """How many principal components have an error that is as small; 64 have none."""
    return next((n for n in range(1, PIXELS) if pca_error(images, held, n) <= reached), PIXELS)


def agreement(codes: np.ndarray, labels: np.ndarray, held_codes: np.ndarray, held_labels: np.ndarray) -> float:
    """The share of held-out digits that are what most of the ten nearest codes are."""
    neighbours = KNeighborsClassifier(NEIGHBOURS).fit(codes, labels)
    return float(np.mean(neighbours.predict(held_codes) == held_labels))


# -- the picture ----------------------------------------------------------------------------------


def draw(path: Path, held: Pair, codes: dict[str, np.ndarray], made: dict[str, np.ndarray]) -> None:
    """Write the picture: where the held-out digits lie by either method, and what becomes of one of each."""
    images, labels = held
    figure = Figure(figsize=(11, 7.6), layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=(5.2, 2.4))
    for axes, (name, places) in zip(above.subplots(1, 2), codes.items(), strict=True):
        draw_codes(axes, places, labels)
        axes.set_title(f"{name}: error {error(images, made[name]):.4f}", fontsize=11)
    first = [int(np.argmax(labels == digit)) for digit in range(10)]
    rows = {"digit": images, **made}
    cells = below.subplots(len(rows), 10)
    for line, (name, row) in zip(cells, rows.items(), strict=True):
        for cell, sample in zip(line, first, strict=True):
            cell.imshow(row[sample].reshape(8, 8), cmap="gray_r", vmin=0, vmax=1)
            cell.set(xticks=[], yticks=[])
        line[0].set_ylabel(name, rotation=0, ha="right", va="center", fontsize=11)
    figure.savefig(path, dpi=100)


def draw_codes(axes: Axes, codes: np.ndarray, labels: np.ndarray) -> None:
    """Each digit at its code, in a colour of its own."""
    for digit in range(10):
        axes.scatter(*codes[labels == digit].T, marker=f"${digit}$", s=38, color=f"C{digit}", linewidths=0.3)
    axes.set(xticks=[], yticks=[])


# -- all of it ------------------------------------------------------------------------------------


def parse_options(arguments: list[str] | None = None) -> argparse.Namespace:
    """The options."""
    command = parser(__file__, __doc__)
    command.add_argument("--epochs", type=whole(1, 10**6), default=EPOCHS, metavar="N",
                         help="passes over the data (default: %(default)s)")  # fmt: skip
    command.add_argument("--seed", type=whole(0, 2**32 - 1), default=0, metavar="N",
                         help="seed of weights, noise and order (default: %(default)s)")  # fmt: skip
    command.add_argument("--validate", action="store_true",
                         help="hold out a fifth of the training data instead")  # fmt: skip
    add_picture(command, "autoencoder.png")
    return command.parse_args(arguments)


def main() -> None:
    """Train, print the table, write the picture."""
    options = parse_options()
    (images, labels), held = load_data(options.validate)
    start = time.perf_counter()
    with Trainings(options.epochs) as trainings:
        trainer = trained(images, options, trainings)
    seconds = time.perf_counter() - start
    pca = PCA(CODE, svd_solver="full").fit(images)
    made = {"PCA": pca.inverse_transform(pca.transform(held[0])), "autoencoder": trainer.predict(held[0])}
    encoder = trainer.model.encoder
    known = {"PCA": pca.transform(images), "autoencoder": encoded(encoder, images)}
    codes = {"PCA": pca.transform(held[0]), "autoencoder": encoded(encoder, held[0])}

    table = Table("2 numbers\nfor 64", box=None, pad_edge=False)
    for header in ("held-out\nerror", "neighbours\nagree"):
        table.add_column(header, justify="right")
    for name, places in codes.items():
        share = agreement(known[name], labels, places, held[1])
        table.add_row(name, f"{error(held[0], made[name]):.4f}", f"{share:.1%}")
    trainings.console.print(table)
    trainings.line()
    ours = error(held[0], made["autoencoder"])
    components = as_many(images, held[0], ours)
    enough = f"{components} component{'s' if components > 1 else ''}"
    trainings.line(f"PCA needs {enough} for an error as small. Trained in {seconds:.1f} s.")
    if not options.no_plot:
        draw(options.output, held, codes, made)
        trainings.line(f"The picture is in {options.output}.")


def encoded(encoder: nn.Module, images: np.ndarray) -> np.ndarray:
    """The codes (samples, 2) of images."""
    with mg.no_grad():
        return encoder(mg.tensor(images)).data


if __name__ == "__main__":
    sys.exit(run("autoencoder", main))
