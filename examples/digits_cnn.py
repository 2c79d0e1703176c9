"""Read handwritten digits with a small convolutional network.

    python examples/digits_cnn.py                                 five networks, their accuracy, and a picture
    python examples/digits_cnn.py --seeds 1 --epochs 5            one, quickly
    python examples/digits_cnn.py --validate                      without a look at the held-out digits

The data are scikit-learn's: 1,797 digits of 8 x 8 pixels, written by 43 people. A fifth of them is held out, the same
for every seed; a seed is one of the initial weights, of the order of the batches, and of how the digits are moved.
``--validate`` divides the other four fifths once more, into five parts, and measures network k on part k: by this the
settings below were chosen.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

# On a busy machine products this small wait for a second thread far longer than they take.
os.environ.setdefault("OMP_NUM_THREADS", "1")

try:
    import numpy as np
    from command import add_picture, parser, whole
    from matplotlib.figure import Figure
    from sklearn.datasets import load_digits
    from sklearn.model_selection import StratifiedKFold, train_test_split
    from trainings import Trainings, run

    from minigrad import nn, optim
    from minigrad.data import DataLoader
    from minigrad.train import Accuracy, ConfusionMatrix, Trainer
except ModuleNotFoundError as missing:
    sys.exit(
        f"digits_cnn.py needs {missing.name}, which is not installed: "
        "in a checkout of minigrad, pip install -e '.[examples]' brings it"
    )

SIZE, CLASSES = 8, 10
EPOCHS, BATCH, RATE = 25, 64, 3e-3
BEND = 0.15  # of an entry of the matrix that turns, stretches and slants a digit
SHOWN = 10  # of the digits, the hardest

Pair = tuple[np.ndarray, np.ndarray]


# -- the data -------------------------------------------------------------------------------------


def load_data() -> tuple[Pair, Pair]:
    """((images, labels) to learn from, (images, labels) held out); images (samples, 1, 8, 8) from 0 to 1."""
    images, labels = load_digits(return_X_y=True)
    images = (images / 16).astype(np.float32).reshape(-1, 1, SIZE, SIZE)
    known, held, known_labels, held_labels = train_test_split(
        images, labels, test_size=0.2, stratify=labels, random_state=0
    )
    return (known, known_labels), (held, held_labels)


def parts(data: Pair) -> list[tuple[Pair, Pair]]:
    """Five ways to divide data into four fifths and one, with the same share of each digit."""
    images, labels = data
    folds = StratifiedKFold(5, shuffle=True, random_state=0).split(images, labels)
    return [((images[i], labels[i]), (images[j], labels[j])) for i, j in folds]


def moved(batch: Pair, generator: np.random.Generator) -> Pair:
    """The images moved by up to a pixel, and a bit turned, stretched and slanted: each by a random affine map.

    A pixel of the result is what the image has at the mapped place, interpolated between four pixels.
    """
    images, labels = batch
    count = len(images)
    matrices = np.eye(2) + generator.uniform(-BEND, BEND, (count, 2, 2))
    shifts = generator.uniform(-1, 1, (count, 2, 1))
    centred = np.arange(SIZE) - (SIZE - 1) / 2
    grid = np.stack(np.meshgrid(centred, centred, indexing="ij")).reshape(2, -1)
    framed = np.pad(images[:, 0], ((0, 0), (1, 2), (1, 2)))  # the last line is only ever taken zero times
    places = np.clip(matrices @ grid + shifts + (SIZE + 1) / 2, 0, SIZE + 1)
    corner = places.astype(int)
    below, right = np.moveaxis((places - corner).astype(np.float32), 1, 0)
    (row, column), sample = np.moveaxis(corner, 1, 0), np.arange(count)[:, None]
    upper = (1 - right) * framed[sample, row, column] + right * framed[sample, row, column + 1]
    lower = (1 - right) * framed[sample, row + 1, column] + right * framed[sample, row + 1, column + 1]
    return ((1 - below) * upper + below * lower).reshape(images.shape), labels


# -- the network and its training -----------------------------------------------------------------


def network(generator: np.random.Generator) -> nn.Module:
    """Three convolutions, of which two are followed by pooling: images (samples, 1, 8, 8) -> logits (samples, 10)."""

    def block(channels: int, filters: int) -> list[nn.Module]:
        convolution = nn.Conv2d(channels, filters, 3, padding=1, bias=False, generator=generator)
        return [convolution, nn.BatchNorm2d(filters), nn.ReLU()]

    return nn.Sequential(
        *block(1, 24), *block(24, 48), nn.MaxPool2d(2), *block(48, 64), nn.MaxPool2d(2),
        nn.Flatten(), nn.Dropout(0.3, generator=generator), nn.Linear(64 * 2 * 2, CLASSES, generator=generator),
    )  # fmt: skip


def trained(data: Pair, seed: int, options: argparse.Namespace, trainings: Trainings) -> Trainer:
    """A trainer that has trained a new network on the data."""
    loader = DataLoader(data, BATCH, shuffle=True, drop_last=True, seed=seed, transform=moved)
    model = network(np.random.default_rng(seed))
    rate = optim.schedules.cosine(RATE, steps=options.epochs * len(loader))
    optimizer = optim.AdamW(model.parameters(), lr=rate, weight_decay=0.01)
    trainer = Trainer(model, optimizer, nn.CrossEntropyLoss(), [Accuracy()], compile=options.compile)
    trainings.fit(f"seed {seed}", trainer, loader, options.epochs)
    return trainer


# -- the picture ----------------------------------------------------------------------------------


@dataclass
class Hard:
    """A digit that was hard to read, and what the networks made of it."""

    image: np.ndarray
    digit: int
    belief: float  # in the right answer, the mean over the networks
    wrong: list[int]  # answers

    def told(self, networks: int) -> str:
        """Two lines."""
        if not self.wrong:
            return f"{self.digit}, all right,\n{self.belief:.0%} sure"
        guess = int(np.bincount(self.wrong).argmax())
        return f"{self.digit}, read as {guess}\nby {self.wrong.count(guess)} of {networks}"


def hardest(held: Pair, probabilities: np.ndarray) -> list[Hard]:
    """The digits in whose right answer the networks believe least, by their probabilities (networks, samples, 10)."""
    images, labels = held
    belief = probabilities.mean(0)[np.arange(len(labels)), labels]
    found = []
    for sample in np.argsort(belief, kind="stable")[:SHOWN]:
        answers, label = probabilities[:, sample].argmax(-1), int(labels[sample])
        wrong = [int(answer) for answer in answers if answer != label]
        found.append(Hard(images[sample, 0], label, float(belief[sample]), wrong))
    return found


def draw(path: Path, counts: np.ndarray, hard: list[Hard], networks: int) -> None:
    """Write the picture: how often which digit was taken for which, and the digits that were hardest to read."""
    figure = Figure(figsize=(10.5, 4.4), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=(1, 1.4))
    axes = left.subplots()
    off = counts * (1 - np.eye(CLASSES, dtype=int))
    # Right answers are many and alike: only the wrong ones get a colour.
    axes.imshow(np.where(off, off, np.nan), cmap="Reds", vmin=-0.5 * off.max() - 1, vmax=1.6 * off.max() + 1)
    for true, row in enumerate(counts):
        for guess, count in enumerate(row):
            if count:
                color = "#777777" if true == guess else "black"
                axes.text(guess, true, str(count), ha="center", va="center", fontsize=9, color=color)
    axes.set(xticks=range(CLASSES), yticks=range(CLASSES), xlabel="read as", ylabel="is")
    axes.tick_params(length=0)
    axes.set_title(f"answers of {networks} network{'s' * (networks > 1)} on held-out digits", fontsize=11)
    right.suptitle("the hardest of these digits", fontsize=11)
    for cell, entry in zip(right.subplots(2, 5).flat, hard, strict=True):
        cell.imshow(entry.image, cmap="gray_r", vmin=0, vmax=1)
        cell.set_title(entry.told(networks), fontsize=9, color="#CC3311" if entry.wrong else "black")
        cell.set(xticks=[], yticks=[])
    figure.savefig(path, dpi=110)


# -- all of it ------------------------------------------------------------------------------------


def parse_options(arguments: list[str] | None = None) -> argparse.Namespace:
    """The options."""
    command = parser(__file__, __doc__)
    command.add_argument("--epochs", type=whole(1, 10**6), default=EPOCHS, metavar="N",
                          help="passes over the data (default: %(default)s)")  # fmt: skip
    command.add_argument("--seeds", type=whole(1, 1000), default=5, metavar="N",
                         help="number of networks, with seeds 0, 1, ... (default: %(default)s)")  # fmt: skip
    command.add_argument("--compile", action="store_true", help="compile the step with mg.compile")
    command.add_argument("--validate", action="store_true",
                         help="measure on parts of the training data, at most 5; draw nothing")  # fmt: skip
    add_picture(command, "digits_cnn.png")
    options = command.parse_args(arguments)
    if options.validate and options.seeds > 5:
        command.error(f"argument --seeds: --validate has 5 parts, expected at most 5, got {options.seeds}")
    return options


def main() -> None:
    """Train the networks, print their accuracies, write the picture."""
    options = parse_options()
    known, held = load_data()
    tasks = parts(known)[: options.seeds] if options.validate else [(known, held)] * options.seeds
    accuracies, probabilities, confusion = [], [], ConfusionMatrix()
    start = time.perf_counter()
    with Trainings(options.epochs * options.seeds) as trainings:
        for seed, (data, unseen) in enumerate(tasks):
            before = time.perf_counter()
            scores = trained(data, seed, options, trainings).predict(unseen[0])
            seconds = time.perf_counter() - before
            accuracies.append(Accuracy()(scores, unseen[1]))
            probabilities.append(nn.functional.softmax(scores))
            confusion.update(scores, unseen[1])
            right, all_of_them = round(accuracies[-1] * len(scores)), len(scores)
            trainings.line(f"seed {seed}: {accuracies[-1]:.2%}, {right} of {all_of_them} digits right, {seconds:.1f} s")
    where = "parts of the training data" if options.validate else "the held-out fifth"
    trainings.line(
        f"mean of {len(tasks)}: {np.mean(accuracies):.2%} on {where}, {time.perf_counter() - start:.1f} s in all"
    )
    if not (options.no_plot or options.validate):
        draw(options.output, confusion.value(), hardest(held, np.array(probabilities)), options.seeds)
        trainings.line(f"The picture is in {options.output}.")


if __name__ == "__main__":
    sys.exit(run("digits_cnn", main))
