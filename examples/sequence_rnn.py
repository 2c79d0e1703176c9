"""Rdng wtht vwls: a recurrent network puts back vowels, against a dictionary.

    python examples/sequence_rnn.py                           train, compare, draw
    python examples/sequence_rnn.py --read "wht ds ths sy"    the same, and what both make of your own words

The phrases are those of the documentation strings of Python's standard library, of different lengths. The dictionary
knows for each word without vowels the commonest word of the training phrases, and for unknown ones the commonest vowels
between two letters. The network reads the whole phrase, from both ends, and what the dictionary says; for each letter
it says which vowels follow. Measured is the share of words that are right, in phrases from packages that neither has
seen.
"""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence

try:
    import numpy as np
    from command import Training, add_picture, console, finite, number, parser, whole
    from library_text import documentation
    from rich.console import Console

    import minigrad as mg
    from minigrad import nn, optim
    from minigrad.nn import functional as F
except ModuleNotFoundError as missing:
    sys.exit(
        f"sequence_rnn.py needs {missing.name}, which is not installed: "
        "in a checkout of minigrad, pip install -e '.[examples]' brings it"
    )

LONGEST = 60  # letters of a phrase
GROUPS = 60  # of vowels that are told apart, the commonest
LETTERS = " bcdfghjklmnpqrstvwxyz"  # a phrase begins with a space, so that vowels have something to follow
NOTHING = -1  # the label behind the end of a phrase

ALL, COMMONEST, OTHER = "all words", "the commonest\nof their readings", "other words"

Reader = Callable[[Sequence[str]], list[str]]

# -- the data -------------------------------------------------------------------------------------


def phrases(text: str) -> list[str]:
    """Runs of four words or more with nothing but spaces between them, in small letters, each once."""
    runs = re.findall(r"(?<!\S)[A-Za-z]+(?:\s[A-Za-z]+){3,}(?![^\s.,;:])", text)
    found = dict.fromkeys(" ".join(run.lower().split()) for run in runs)
    return [phrase for phrase in found if len(phrase) < LONGEST]


def without_vowels(phrase: str) -> str:
    """The phrase as it is to be read."""
    return re.sub("[aeiou]", "", phrase)


def taken_apart(phrase: str) -> list[tuple[str, str]]:
    """(letter, the vowels that follow it), beginning with a space."""
    return re.findall("([^aeiou])([aeiou]*)", " " + phrase)


# -- the two readers ------------------------------------------------------------------------------


class Dictionary:
    """The commonest word, or the commonest vowels between two letters where the word is unknown."""

    def __init__(self, known: Sequence[str]) -> None:
        words: dict[str, Counter[str]] = defaultdict(Counter)
        vowels: dict[str, Counter[str]] = defaultdict(Counter)
        for phrase in known:
            for word in phrase.split():
                words[without_vowels(word)][word] += 1
                parts = taken_apart(word)
                for (letter, group), after in zip(parts, [*(letter for letter, _ in parts[1:]), " "], strict=True):
                    vowels[letter + after][group] += 1
        self.words = {key: counts.most_common(1)[0][0] for key, counts in words.items()}
        self.vowels = {key: counts.most_common(1)[0][0] for key, counts in vowels.items()}

    def read(self, some: Sequence[str]) -> list[str]:
        """Phrases without vowels -> phrases."""
        return [" ".join(self.words.get(word) or self._guess(word) for word in phrase.split(" ")) for phrase in some]

    def _guess(self, word: str) -> str:
        pairs = zip(" " + word, word + " ", strict=True)
        return "".join(a + self.vowels.get(a + b, "") for a, b in pairs)[1:]


class Code:
    """Numbers for letters, for words without vowels that occur three times or more, and for groups of vowels."""

    def __init__(self, known: Sequence[str], dictionary: Dictionary) -> None:
        self.dictionary = dictionary
        counts = Counter(vowels for phrase in known for _, vowels in taken_apart(phrase))
        self.groups = [group for group, _ in counts.most_common(GROUPS)]
        self.number = {group: number for number, group in enumerate(self.groups)}
        words = Counter(word for phrase in known for word in without_vowels(phrase).split(" "))
        often = [word for word, count in words.items() if count >= 3]
        self.words = {word: number for number, word in enumerate(often, start=1)}  # 0 is a word that is not known

    def batch(self, some: Sequence[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Phrases -> letters, words and guessed vowels (3, batch, steps), lengths (batch,), labels (batch, steps).

        The space before a word belongs to it: a word may begin with vowels.
        """
        parts = [taken_apart(phrase) for phrase in some]
        lengths = np.array([len(part) for part in parts], dtype=np.int64)
        shape = len(some), int(lengths.max())
        read, labels = np.zeros((3, *shape), np.int64), np.full(shape, NOTHING, np.int64)
        guesses = self.dictionary.read([without_vowels(phrase) for phrase in some])
        for row, (part, guess) in enumerate(zip(parts, guesses, strict=True)):
            words = "".join(letter for letter, _ in part)[1:].split(" ")
            read[0, row, : len(part)] = [LETTERS.index(letter) for letter, _ in part]
            read[1, row, : len(part)] = [self.words.get(word, 0) for word in words for _ in " " + word]
            read[2, row, : len(part)] = [self.number.get(vowels, 0) for _, vowels in taken_apart(guess)]
            labels[row, : len(part)] = [self.number.get(vowels, NOTHING) for _, vowels in part]
        return read, lengths, labels


class Network(nn.Module):
    """Letters, words, guesses; a recurrent layer in both directions; a score for each group of vowels."""

    def __init__(self, code: Code, hidden: int, generator: np.random.Generator) -> None:
        self.letters = nn.Embedding(len(LETTERS), 32, generator=generator)
        self.words = nn.Embedding(len(code.words) + 1, 64, generator=generator)
        self.guess = nn.Embedding(len(code.groups), 32, generator=generator)
        self.gru = nn.GRU(128, hidden, batch_first=True, bidirectional=True, generator=generator)
        self.dropout = nn.Dropout(0.3, generator)
        self.trust = nn.Embedding(len(code.groups), len(code.groups), generator=generator)
        self.scores = nn.Linear(2 * hidden, len(code.groups), generator=generator)

    def forward(self, read: np.ndarray, lengths: np.ndarray) -> mg.Tensor:
        """What ``Code.batch`` gives (3, batch, steps), (batch,) -> scores (batch, steps, groups)."""
        x = np.concatenate([self.letters(read[0]), self.words(read[1]), self.guess(read[2])], -1)
        states, _ = self.gru(self.dropout(x), lengths=lengths)
        return self.scores(self.dropout(states)) + self.trust(read[2])

    def read(self, code: Code, some: Sequence[str]) -> list[str]:
        """Phrases without vowels -> phrases."""
        found = []
        self.eval()
        with mg.no_grad():
            for begin in range(0, len(some), 200):
                part = some[begin : begin + 200]
                read, lengths, _ = code.batch(part)
                groups = self(read, lengths).data.argmax(-1)
                for phrase, row in zip(part, groups, strict=True):
                    pairs = zip(" " + phrase, row, strict=False)
                    found.append("".join(letter + code.groups[group] for letter, group in pairs)[1:])
        self.train()
        return found


def share(read: Reader, told: Sequence[str]) -> float:
    """The share of words that are read right."""
    made = read([without_vowels(phrase) for phrase in told])
    pairs = [pair for a, b in zip(made, told, strict=True) for pair in zip(a.split(" "), b.split(" "), strict=True)]
    return sum(a == b for a, b in pairs) / len(pairs)


def train(
    code: Code, known: Sequence[str], some: Sequence[str], options: argparse.Namespace, out: Console
) -> tuple[Network, list[tuple[int, float]]]:
    """A trained network, and its share of right words in ``some`` phrases after so many steps."""
    generator = np.random.default_rng(options.seed)
    network = Network(code, options.hidden, generator)
    schedule = optim.schedules.cosine(options.learning_rate, options.steps)
    optimizer = optim.AdamW(network.parameters(), schedule, weight_decay=0.01)

    looks = []
    with Training(out, "training", options.steps) as training, np.errstate(over="ignore", invalid="ignore"):
        for done in range(1, options.steps + 1):
            chosen = generator.integers(0, len(known), options.batch)
            read, lengths, labels = code.batch([known[i] for i in chosen])
            loss = F.cross_entropy(network(read, lengths), labels, ignore_index=NOTHING)
            value = finite(loss.item(), done)
            optimizer.zero_grad()
            loss.backward()
            optim.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            if done % max(1, options.steps // 15) == 0 or done == options.steps:
                looks.append((done, share(lambda told: network.read(code, told), some)))
            if training.wants(done):
                told = f", {looks[-1][1]:.1%} of the words" if looks else ""
                training.tell(done, f"loss {value:.3f}{told}")
    return network, looks


# -- all of it ------------------------------------------------------------------------------------


def draw(
    options: argparse.Namespace, looks: list[tuple[int, float]], level: float, rows: dict[str, tuple[float, float]]
) -> None:
    """How the network learned, beside the dictionary's ``level``, and how both do on words of both kinds."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - not needed with --no-plot

    figure = Figure(figsize=(9, 3.8), layout="constrained")
    curve, bars = figure.subplots(1, 2, width_ratios=(3, 2))
    network, dictionary = "#004488", "#BB5566"
    steps, shares = zip(*looks, strict=True)
    percent = [100 * share for share in shares]
    curve.plot(steps, percent, color=network, marker=".", label="network, some of the phrases")
    curve.axhline(100 * level, color=dictionary, linestyle="--", label="dictionary, the same phrases")
    low, high = min(100 * level, *percent), max(100 * level, *percent)
    curve.set(xlabel="step", ylabel="words that are right, %", ylim=(low - 3, high + 2))
    curve.legend(frameon=False, loc="lower right")
    places = np.arange(len(rows))
    for shift, column, color, label in ((-0.2, 0, network, "network"), (0.2, 1, dictionary, "dictionary")):
        drawn = bars.bar(places + shift, [100 * row[column] for row in rows.values()], 0.38, color=color, label=label)
        bars.bar_label(drawn, fmt="%.1f", fontsize=8)
    bars.set_xticks(places, list(rows))
    bars.set(ylabel="words that are right, %", ylim=(0, 116), yticks=(0, 25, 50, 75, 100))
    bars.legend(frameon=False, ncols=2, loc="upper center", fontsize=8)
    for axes in (curve, bars):
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(options.output, dpi=110)


def compare(network: Reader, dictionary: Dictionary, told: Sequence[str]) -> dict[str, tuple[float, float]]:
    """Shares of right words of both: of all, of those that the dictionary would say, and of the others."""
    read = [without_vowels(phrase) for phrase in told]
    made = [network(read), dictionary.read(read)]
    known = set(dictionary.words.values())
    hits: dict[str, list[tuple[bool, bool]]] = {ALL: [], COMMONEST: [], OTHER: []}
    for a, b, right in zip(*made, told, strict=True):
        for x, y, word in zip(a.split(" "), b.split(" "), right.split(" "), strict=True):
            hits[ALL].append((x == word, y == word))
            hits[COMMONEST if word in known else OTHER].append((x == word, y == word))
    return {name: tuple(np.mean(pairs, 0)) if pairs else (0.0, 0.0) for name, pairs in hits.items()}


def letters_and_spaces(text: str) -> str:
    """A type for argparse: words to read."""
    if not re.fullmatch("[a-z]+( [a-z]+)*", text.lower()):
        raise argparse.ArgumentTypeError(f"expected letters from a to z and single spaces, got {text!r}")
    return without_vowels(text.lower())


def main(arguments: list[str] | None = None) -> int:
    """Train, compare, draw; returns the exit code."""
    options = parser(__file__, __doc__)
    add = options.add_argument
    add("--steps", type=whole(1), default=600, metavar="N", help="steps of the training (default: %(default)s)")
    add("--batch", type=whole(1, 10**5), default=64, metavar="N", help="phrases in a step (default: %(default)s)")
    add("--hidden", type=whole(1, 4096), default=96, metavar="N", help="units in each direction (default: %(default)s)")
    add("--learning-rate", type=number(0), default=0.005, metavar="LR", help="the initial rate (default: %(default)s)")
    add("--phrases", type=whole(20), default=10**9, metavar="N", help="use at most N phrases (default: all)")
    add("--read", type=letters_and_spaces, metavar="WORDS", help="words to read afterwards, without their vowels")
    add("--seed", type=whole(0, 2**32 - 1), default=0, metavar="N", help="random seed (default: %(default)s)")
    add_picture(options, "sequence_rnn.png")
    chosen = options.parse_args(arguments)
    out = console()
    try:
        found = phrases(documentation())[: chosen.phrases]
        cut = len(found) * 9 // 10
        known, told = found[:cut], found[cut:]
        out.print(f"{len(known):,} phrases to learn from, {len(told):,} to be measured by")
        dictionary = Dictionary(known)
        code = Code(known, dictionary)
        start = time.perf_counter()
        network, looks = train(code, known, told[:300], chosen, out)
        seconds = time.perf_counter() - start

        def read(some: Sequence[str]) -> list[str]:
            return network.read(code, some)

        rows = compare(read, dictionary, told)
        out.print(f"\nwords that are right: network {rows[ALL][0]:.1%}, dictionary {rows[ALL][1]:.1%}")
        out.print(f"trained in {seconds:.0f} s\n")
        for phrase in [without_vowels(p) for p in told[:3]] if chosen.read is None else [chosen.read]:
            out.print(f"read:       {phrase}\nnetwork:    {read([phrase])[0]}", soft_wrap=True)
            out.print(f"dictionary: {dictionary.read([phrase])[0]}\n", soft_wrap=True)
        if not chosen.no_plot:
            draw(chosen, looks, share(dictionary.read, told[:300]), rows)
            out.print(f"The picture is in {chosen.output}.", soft_wrap=True)
    except KeyboardInterrupt:
        out.print("Stopped by Ctrl-C.")
        return 130
    except (OSError, ValueError) as error:
        sys.exit(f"sequence_rnn.py: {error}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
