"""A linear reader of the words of dialogues, which sees no scan.

Ridge regression on how often each word stands in a prompt, with the penalty that leave-one-out
prefers: what scikit-learn's `RidgeCV` is. Written out, since `brainplug prepare` audits every
pairing with it, and importing scikit-learn takes longer than reading the table, drawing the pairs
and writing the tasks together; a test compares the two.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jaxtyping import Float

PENALTIES = (0.1, 1.0, 10.0, 100.0, 1000.0)
"""What leave-one-out chooses from."""


@attrs.frozen(kw_only=True, eq=False)
class WordReader:
    """What each word adds to each target.

    Attributes:
        places: row of each known word; others say nothing.
        slopes: of each word for each target.
        offset: of each target, where no known word stands.
        penalty: that was chosen.
    """

    places: Mapping[str, int]
    slopes: Float[np.ndarray, "words targets"]
    offset: Float[np.ndarray, " targets"]
    penalty: float

    def read(self, prompts: Sequence[str]) -> Float[np.ndarray, "prompts targets"]:
        """Return what the words of each prompt say."""
        found: Float[np.ndarray, "prompts targets"] = (
            count_words(prompts, self.places) @ self.slopes + self.offset
        )
        return found


def fit_words(
    prompts: Sequence[str],
    targets: Float[np.ndarray, "prompts targets"],
    weights: Float[np.ndarray, " prompts"],
) -> WordReader:
    """Fit a reader.

    Args:
        prompts: all words of each dialogue before the answer.
        targets: what the answers are, in columns.
        weights: how often each stands.
    """
    # Split at spaces only: patterns of word counters drop signs, decimal points and single
    # letters, which are what a number is told by.
    # Each wording is one row, however many answers it has: far fewer than dialogues.
    wordings = {prompt: row for row, prompt in enumerate(dict.fromkeys(prompts))}
    words = dict.fromkeys(word for prompt in wordings for word in prompt.split())
    places = {word: place for place, word in enumerate(words)}
    rows = np.array([wordings[prompt] for prompt in prompts])
    counts, mass, total = (
        count_words([*wordings], places),
        np.bincount(rows, weights),
        weights.sum(),
    )
    centre, middle = mass @ counts / total, weights @ targets / total
    root, aims = np.sqrt(mass)[:, None], targets - middle
    scores, axes, spreads = principal_axes(root * (counts - centre))
    scores /= root
    squares, shares = scores**2, scores[rows].T @ (weights[:, None] * aims)

    def errors(penalty: float) -> float:
        """Return the squared error for dialogues left out one by one, over all.

        Method: Rifkin and Lippert (2007), Notes on Regularized Least Squares.
        """
        shrunken = 1 / (spreads + penalty)
        leverage = weights * ((squares @ shrunken)[rows] + 1 / total)
        left = (aims - (scores @ (shares * shrunken[:, None]))[rows]) / (1 - leverage)[:, None]
        return float((weights[:, None] * left**2).sum())

    penalty = min(PENALTIES, key=errors)
    slopes = axes @ (shares / (spreads + penalty)[:, None])
    return WordReader(
        places=places, slopes=slopes, offset=middle - centre @ slopes, penalty=penalty
    )


def count_words(
    prompts: Sequence[str], places: Mapping[str, int]
) -> Float[np.ndarray, "prompts words"]:
    """Count the known words of each prompt.

    >>> count_words(["a b a", "c"], {"a": 0, "b": 1}).tolist()
    [[2.0, 1.0], [0.0, 0.0]]
    """
    counts = np.zeros((len(prompts), len(places)))
    for row, prompt in enumerate(prompts):
        for word in prompt.split():
            place = places.get(word)
            if place is not None:
                counts[row, place] += 1
    return counts


def principal_axes(
    rows: Float[np.ndarray, "n p"],
) -> tuple[Float[np.ndarray, "n r"], Float[np.ndarray, "p r"], Float[np.ndarray, " r"]]:
    """Return scores, axes and squared singular values of rows, by the smaller of both products."""
    wide = len(rows) < rows.shape[1]
    spreads, basis = np.linalg.eigh(rows @ rows.T if wide else rows.T @ rows)
    # What is zero but for rounding has no direction of its own.
    kept = spreads > max(rows.shape) * np.finfo(float).eps * max(spreads.max(initial=0.0), 1e-300)
    spreads, basis = spreads[kept], basis[:, kept]
    if wide:
        return basis * np.sqrt(spreads), rows.T @ basis / np.sqrt(spreads), spreads
    return rows @ basis, basis, spreads
