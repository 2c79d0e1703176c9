"""A small GPT that learns to write from a text file, against n-grams.

    python examples/char_transformer.py                     the documentation of Python's standard library
    python examples/char_transformer.py --text novel.txt    a file of your own
    python examples/char_transformer.py --resume            go on after an interruption, to the same bits

The last tenth of the text is kept for validation. Reported are bits per character of it, told by the network and by
n-grams with modified Kneser-Ney smoothing, and what the network writes by itself. Weights, optimizer, generators and
curves are in a folder of checkpoints.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

try:
    import numpy as np
    from char_model import COPIES, CharacterGPT, rows_of
    from command import Training, add_picture, console, finite, number, parser, whole
    from library_text import documentation
    from ngrams import baseline
    from rich.console import Console

    import minigrad as mg
    from minigrad import nn, optim
    from minigrad.files import Checkpoints
    from minigrad.optim import schedules
    from minigrad.random import generator_state, set_generator_state
except ModuleNotFoundError as missing:
    sys.exit(
        f"char_transformer.py needs {missing.name}, which is not installed: "
        "in a checkout of minigrad, pip install -e '.[examples]' brings it; [jit] besides makes it faster"
    )

UNKNOWN = "\ufffd"  # stands for characters that only the validation part has
LONGEST = 9  # n-gram that is tried
LOOKS = 20  # at the validation loss, during the training


class Text(NamedTuple):
    """A text as numbers: what to learn from, what to be measured by, and the characters that the numbers stand for."""

    train: np.ndarray
    validation: np.ndarray
    characters: str


def numbered(text: str) -> Text:
    """The first nine tenths and the last; characters are those of the first."""
    cut = len(text) * 9 // 10
    characters = "".join(sorted({*text[:cut], UNKNOWN}))
    known = {character: number for number, character in enumerate(characters)}
    codes = np.array([known.get(character, known[UNKNOWN]) for character in text], dtype=np.int64)
    return Text(codes[:cut], codes[cut:], characters)


# -- the training ---------------------------------------------------------------------------------


class Run:
    """A training: the model, its optimizer, the generators, and how it went so far."""

    def __init__(self, text: Text, options: argparse.Namespace) -> None:
        self.text, self.options = text, options
        self.generator = np.random.default_rng(options.seed)
        self.model = CharacterGPT(
            len(text.characters), options.context, options.width, options.layers, options.heads, options.buckets,
            options.dropout, self.generator,
        )  # fmt: skip
        warm = max(1, options.steps // 20)
        falling = schedules.cosine(options.learning_rate, max(1, options.steps - warm), options.learning_rate / 20)
        schedule = schedules.linear_warmup(falling, warm)
        self.optimizer = optim.AdamW(self.model.parameters(), schedule, betas=(0.9, 0.98), weight_decay=options.decay)
        self.criterion = nn.CrossEntropyLoss()
        self.rows = rows_of(text.train, options.buckets, options.memory)
        self.steps, self.seconds = 0, 0.0
        self.losses: list[float] = []  # in bits, of each step
        self.looks: list[tuple[int, float]] = []  # steps, and bits per character of some of the validation part

    def batch(self) -> tuple[np.ndarray, np.ndarray]:
        """Random pieces of the text."""
        size, context = self.options.batch, self.options.context
        starts = self.generator.integers(0, len(self.text.train) - context, size)
        places = starts[:, None] + np.arange(context)
        return self.rows[:, places], self.text.train[places + 1]

    def train(self, out: Console, checkpoints: Checkpoints) -> None:
        """All steps that are left."""
        options = self.options
        step = self.compiled()
        with (
            Training(out, "training", options.steps, self.steps) as training,
            np.errstate(over="ignore", invalid="ignore"),
        ):
            while self.steps < options.steps:
                start = time.perf_counter()
                self.losses.append(finite(step(*self.batch()).item(), self.steps + 1) / np.log(2))
                self.steps += 1
                self.seconds += time.perf_counter() - start
                if self.steps % max(1, options.steps // LOOKS) == 0 or self.steps == options.steps:
                    self.looks.append((self.steps, self.bits(self.text.validation[: 40 * options.context])))
                if self.steps % options.checkpoint_every == 0 or self.steps == options.steps:
                    checkpoints.save(self.state_dict(), self.steps)
                    # A step that is recorded anew runs twice as it is written. A run that goes on from this checkpoint
                    # begins so, and machine code rounds otherwise: so all runs do it.
                    step = self.compiled()
                if training.wants(self.steps):
                    mean = np.mean(self.losses[-100:])
                    told = f", validation {self.looks[-1][1]:.3f}" if self.looks else ""
                    training.tell(self.steps, f"{mean:.3f} bits{told}, {1e3 * self.seconds / self.steps:.0f} ms a step")

    def compiled(self) -> Any:
        """The step as it is run: rows (rows, batch, context), what follows (batch, context) -> the loss."""
        # Of these alone, and not of self: all that a step can reach is compared before each replay, and curves grow.
        model, optimizer, criterion = self.model, self.optimizer, self.criterion

        def step(inputs: np.ndarray, targets: np.ndarray) -> mg.Tensor:
            loss = criterion(model(inputs), targets)
            optimizer.zero_grad()
            loss.backward()
            optim.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            return loss

        return step if self.options.backend == "eager" else mg.compile(step, backend=self.options.backend)

    def bits(self, codes: np.ndarray) -> float:
        """Bits per character. Pieces overlap by half, so that each character has at least half a context before it."""
        context = self.options.context
        half = max(1, context // 2)
        rows, total, told = rows_of(codes, self.options.buckets, self.options.memory), 0.0, 0
        starts = np.arange(0, max(1, len(codes) - context), half)
        self.model.eval()
        with mg.no_grad():
            for some in np.array_split(starts, -(-len(starts) // 16)):
                places = some[:, None] + np.arange(min(context, len(codes) - 1))
                logs = nn.functional.log_softmax(self.model(rows[:, places])).data
                found = np.take_along_axis(logs, codes[places + 1][..., None], -1)[..., 0]
                first = found[:1, :half].sum() if some[0] == 0 else 0.0  # there is nothing before it
                total -= float(found[:, half:].sum() + first)
                told += found[:, half:].size + (found[:1, :half].size if some[0] == 0 else 0)
        self.model.train()
        return total / told / float(np.log(2))

    def write(self, characters: int, temperature: float = 0.7) -> str:
        """What the model writes by itself, after an empty line."""
        known, context, buckets = self.text.characters, self.options.context, self.options.buckets
        memory = self.options.memory
        line = known.index("\n") if "\n" in known else 0
        codes, generator = [line, line], np.random.default_rng(self.options.seed)
        self.model.eval()
        with mg.no_grad():
            for _ in range(characters):
                last = np.array(codes[-context - memory - max(COPIES) :])
                rows = rows_of(last, buckets, memory)[:, None, -context:]
                logits = self.model(rows).data[0, -1].astype(np.float64) / temperature
                shares = np.exp(logits - logits.max())
                codes.append(int(generator.choice(len(known), p=shares / shares.sum())))
        self.model.train()
        return "".join(known[code] for code in codes[2:])

    # -- checkpoints --------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """All that goes on."""
        return {
            "settings": self.settings(),
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "generator": generator_state(self.generator),
            "steps": self.steps,
            "seconds": self.seconds,
            "losses": np.array(self.losses),
            "looks": self.looks,
        }

    def settings(self) -> dict[str, Any]:
        """The options on which the numbers depend, and the text."""
        free = ("text", "resume", "checkpoints", "output", "no_plot", "sample")
        options = {name: value for name, value in vars(self.options).items() if name not in free}
        return {**options, "characters": self.text.characters, "length": len(self.text.train)}

    def load(self, state: dict[str, Any]) -> None:
        """Go on from what ``state_dict`` gave. Raises ``ValueError`` for a checkpoint of another training."""
        own, other = self.settings(), state.get("settings", {})
        differ = [f"{name} {other.get(name)!r:.40}" for name, value in own.items() if other.get(name) != value]
        if differ:
            raise ValueError(
                f"the checkpoint is of another training, with {', '.join(differ)}: begin anew in other --checkpoints"
            )
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        set_generator_state(state["generator"], self.generator)
        self.steps, self.seconds = state["steps"], state["seconds"]
        self.losses, self.looks = state["losses"].tolist(), [tuple(look) for look in state["looks"]]


# -- all of it ------------------------------------------------------------------------------------


def draw(options: argparse.Namespace, run: Run, network: float, ngrams: float) -> None:
    """How the bits per character fell, and those of the n-grams."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - not needed with --no-plot

    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    width = max(1, run.steps // 60)
    groups = np.array_split(np.array(run.losses), -(-run.steps // width))
    ends = np.cumsum([len(group) for group in groups])
    axes.plot(ends, [group.mean() for group in groups], color="#BBBBBB", linewidth=1.5, label="training batches")
    axes.plot(*zip(*run.looks, strict=True), color="#004488", linewidth=2, label="validation, a part")
    axes.plot([run.steps], [network], "o", color="#004488", label=f"validation, all of it: {network:.3f}")
    axes.axhline(ngrams, color="#BB5566", linestyle="--", label=f"n-grams, validation: {ngrams:.3f}")
    low = min(network, ngrams, run.losses[-1])
    axes.set(xlabel="step", ylabel="bits per character", ylim=(low - 0.3, max(low + 2.2, ngrams + 0.5, network + 0.5)))
    axes.legend(frameon=False)
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(options.output, dpi=110)


def parse_options(arguments: list[str] | None) -> argparse.Namespace:
    """The options."""
    options = parser(__file__, __doc__)
    add, size = options.add_argument, whole(1, 10**6)
    add("--text", type=Path, metavar="FILE", help="a text in UTF-8 (default: docstrings of the standard library)")
    add("--steps", type=whole(1), default=2500, metavar="N", help="steps of the training (default: %(default)s)")
    add("--batch", type=size, default=12, metavar="N", help="pieces of text in a step (default: %(default)s)")
    add(
        "--context", type=whole(2, 10**6), default=128, metavar="N", help="characters in a piece (default: %(default)s)"
    )
    add("--width", type=size, default=128, metavar="N", help="width of the network (default: %(default)s)")
    add("--layers", type=size, default=3, metavar="N", help="layers of the network (default: %(default)s)")
    add("--heads", type=size, default=4, metavar="N", help="attention heads of a layer (default: %(default)s)")
    add("--buckets", type=size, default=16384, metavar="N", help="hash rows for n-grams (default: %(default)s)")
    add("--memory", type=size, default=1024, metavar="N", help="how far back n-grams repeat (default: %(default)s)")
    add(
        "--dropout",
        type=number(0, 0.99),
        default=0.25,
        metavar="P",
        help="dropout of n-grams (default: %(default)s)",
    )
    add("--learning-rate", type=number(0), default=0.003, metavar="LR", help="peak rate (default: %(default)s)")
    add("--decay", type=number(0), default=0.2, metavar="D", help="weight decay (default: %(default)s)")
    add("--backend", choices=("auto", "native", "numpy", "eager"), default="auto", help="(default: %(default)s)")
    add("--seed", type=whole(0, 2**32 - 1), default=0, metavar="N", help="random seed (default: %(default)s)")
    add("--sample", type=whole(0, 10**6), default=600, metavar="N", help="characters to write (default: %(default)s)")
    add("--checkpoints", type=Path, default=Path("char_transformer"), metavar="DIR", help="(default: %(default)s)")
    add("--checkpoint-every", type=whole(1), default=500, metavar="N", help="steps between two (default: %(default)s)")
    add("--resume", action="store_true", help="continue from the last checkpoint")
    add_picture(options, "char_transformer.png")
    chosen = options.parse_args(arguments)
    if chosen.width % chosen.heads:
        options.error(f"--heads: expected a number that divides --width {chosen.width}, got {chosen.heads}")
    return chosen


def read(path: Path) -> str:
    """The text of a file. Raises ``ValueError``, with its name, for one that is not UTF-8."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"'{path}' is no text in UTF-8: {error}") from error


def main(arguments: list[str] | None = None) -> int:
    """Train, compare, write; returns the exit code."""
    options = parse_options(arguments)
    out = console()
    try:
        source = documentation() if options.text is None else read(options.text)
        text = numbered(source)
        if len(text.validation) <= options.context:
            least = 10 * options.context + 10
            raise ValueError(f"the text is too short: expected at least {least:,} characters, got {len(source):,}")
        run, checkpoints = Run(text, options), Checkpoints(options.checkpoints)
        if options.resume:
            run.load(checkpoints.load())
        elif checkpoints.steps():
            raise ValueError(f"'{options.checkpoints}' has checkpoints: write --resume, or another --checkpoints")
        options.checkpoints.mkdir(parents=True, exist_ok=True)  # better missed now than after the first steps
        size = sum(p.size for p in run.model.parameters())
        out.print(f"{len(source):,} characters, {len(text.characters)} different ones; {size:,} weights")
        start = time.perf_counter()
        ngrams = baseline(text.train, text.validation, len(text.characters), LONGEST)
        seconds = time.perf_counter() - start
        out.print(f"{ngrams.order}-grams: {ngrams.bits:.3f} bits per character, {seconds:.0f} s")
        run.train(out, checkpoints)
        network = run.bits(text.validation)
        out.print(f"\n{run.write(options.sample)}\n", soft_wrap=True)
        out.print(f"bits per character of the validation text: network {network:.3f}, n-grams {ngrams.bits:.3f}")
        out.print(f"trained in {run.seconds:.0f} s, {1e3 * run.seconds / run.steps:.0f} ms a step")
        if not options.no_plot:
            draw(options, run, network, ngrams.bits)
            out.print(f"The picture is in {options.output}.", soft_wrap=True)
    except KeyboardInterrupt:
        out.print("Stopped by Ctrl-C. --resume goes on from the last checkpoint.")
        return 130
    except (OSError, ValueError) as error:
        sys.exit(f"char_transformer.py: {error}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
