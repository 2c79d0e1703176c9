"""Character n-grams with modified Kneser-Ney smoothing (Chen and Goodman, 1999): what a language model has to beat.

    P_n(c | h) = max(N(hc) - D, 0) / N(h) + weight(h) P_(n-1)(c | h without its first character)
    P_0 = 1 / characters

N counts occurrences at the longest context, and below it how many different characters stand in front. The discounts D
(for what was seen once, twice, and more often) follow from the counts; the length n is chosen on a part of the
training text.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

LEAST = 0.05  # discount of what was seen


class Baseline(NamedTuple):
    """What the n-grams reach."""

    bits: float  # per character of the validation text
    order: int  # the length that was chosen, with the character that is told


def baseline(train: np.ndarray, validation: np.ndarray, characters: int, longest: int) -> Baseline:
    """Bits per character of ``validation`` (m,), told by the counts of ``train`` (n,); both are numbers of characters.

    The length is the one that is best on the last tenth of ``train`` with the counts of what comes before.
    """
    cut = len(train) - max(len(train) // 10, 1)
    order = 1 + int(np.argmin(bits_by_order(train[:cut], train[cut:], characters, longest)))
    return Baseline(float(bits_by_order(train, validation, characters, order)[-1]), order)


def bits_by_order(train: np.ndarray, told: np.ndarray, characters: int, longest: int) -> np.ndarray:
    """Bits per character of ``told``, after ``train``, of the models of length 1, 2, ... ``longest``."""
    text = np.concatenate([train, told]).astype(np.int64)
    below = np.full(len(told), 1 / characters)  # P of the shorter context
    gram = _numbered(np.zeros_like(text), text)  # a number for the n-gram that ends at each place
    context = np.zeros_like(text)  # and for the one before its last character
    bits = []
    for length in range(1, longest + 1):
        longer = _numbered(_before(gram), text)  # the (n+1)-grams
        occurrences = np.bincount(gram[length - 1 : len(train)], minlength=gram.max() + 1)
        first = length + np.unique(longer[length : len(train)], return_index=True)[1]  # a place of each (n+1)-gram
        in_front = np.bincount(gram[first], minlength=gram.max() + 1)
        place = np.unique(gram, return_index=True)[1]
        of_gram = context[place]  # the context of each n-gram
        at = gram[len(train) :], context[len(train) :]
        bits.append(-np.log2(_interpolated(occurrences, of_gram, *at, below)).mean())
        below = _interpolated(in_front, of_gram, *at, below)
        gram, context = longer, _before(gram)
    return np.array(bits)


def _before(gram: np.ndarray) -> np.ndarray:
    """What ended one place earlier."""
    return np.concatenate([gram[:1], gram[:-1]])


def _numbered(context: np.ndarray, text: np.ndarray) -> np.ndarray:
    """A number from 0 on for each pair of a context and a character; it means nothing by itself."""
    numbers: np.ndarray = np.unique(context * (text.max() + 1) + text, return_inverse=True)[1]
    return numbers


def _interpolated(
    counts: np.ndarray, of_gram: np.ndarray, gram: np.ndarray, context: np.ndarray, below: np.ndarray
) -> np.ndarray:
    """P of each ``gram`` in its ``context``; ``of_gram`` is the context of each n-gram that ``counts`` counts."""
    discounts = _discounts(counts)
    discount = discounts[np.minimum(counts, 3)]
    size = of_gram.max() + 1
    total = np.bincount(of_gram, counts, size)[context]
    kept = np.bincount(of_gram, discount, size)[context]
    known = np.maximum(total, 1)
    return np.where(total > 0, ((counts - discount)[gram] + kept * below) / known, below)


def _discounts(counts: np.ndarray) -> np.ndarray:
    """What is taken off a count of 0, 1, 2, and 3 or more (Chen and Goodman's estimate).

    Too few counts may give an estimate of 0, which would leave nothing for what was not seen.
    """
    ones, twos, threes, fours = (max(int((counts == n).sum()), 1) for n in (1, 2, 3, 4))
    share = ones / (ones + 2 * twos)
    estimate = [0, 1 - 2 * share * twos / ones, 2 - 3 * share * threes / twos, 3 - 4 * share * fours / threes]
    return np.clip(estimate, [0, LEAST, LEAST, LEAST], [0, 1, 2, 3])
