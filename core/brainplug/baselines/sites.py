"""What sites tell: the commonest value of each, and whether scans give away where they are from."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import attrs
import numpy as np

from brainplug.baselines.confounds import mark_missing
from brainplug.baselines.linear import class_shares, fit_logistic
from brainplug.baselines.records import ProbeFacts, Said

if TYPE_CHECKING:
    from brainplug.baselines.exam import Exam

PLACE_COLUMNS = ("scanner", "site", "study")
"""Where a scan was made, the most exact first."""

FEWEST_SCANS = 5
"""Of a place, in training, to be told from others."""


def say_site(exam: Exam) -> Said | str:
    """Answer the commonest class, or the mean, of the training people of the query's site."""
    column = next((name for name in ("site", "study") if name in exam.confounds), None)
    if column is None:
        return "no site is known, or there is one only"
    learn = [mark_missing(each) for each in exam.learn.frame[column]]
    asked = [mark_missing(each) for each in exam.asked.frame[column]]
    values = exam.truths
    if not exam.labels:
        numbers = values.astype(float)
        means = {site: numbers[[each == site for each in learn]].mean() for site in set(learn)}
        return Said(predictions=np.array([means.get(site, numbers.mean()) for site in asked]))
    counts = Counter(zip(learn, values, strict=True))
    table = {
        site: np.array([counts[site, label] for label in exam.labels], dtype=float)
        for site in set(learn)
    }
    whole = class_shares(exam)
    rows = [table[site] / table[site].sum() if site in table else whole for site in asked]
    chances = np.array(rows).reshape(-1, len(exam.labels))
    # What most of a site are, whatever classes count: this is a guess, and not a reading.
    labels = np.array(exam.labels, dtype=object)
    return Said(predictions=labels[chances.argmax(axis=1)], probabilities=chances)


@attrs.frozen(kw_only=True, eq=False)
class Probe:
    """Where scans were made, and what a linear reader says of it.

    Attributes:
        facts: which column, and how many places.
        truth: the place of each who is asked; None where it is not known or not told apart.
        read: what the reader says, None there too.
    """

    facts: ProbeFacts
    truth: np.ndarray
    read: np.ndarray


def probe_scanner(exam: Exam, learn: np.ndarray, asked: np.ndarray) -> Probe | str:
    """Read off a scan where it was made; a model could do so as well.

    Args:
        exam: who teaches and who is asked.
        learn: features of the scans of those who teach.
        asked: the same of those who are asked.

    Returns:
        The probe, or why there is none.
    """
    column = next((name for name in PLACE_COLUMNS if name in exam.confounds), None)
    if column is None:
        return "neither scanner nor site is known, or there is one only"
    places = np.array([mark_missing(each) for each in exam.learn.frame[column]], dtype=object)
    counts = Counter(each for each in places if each)
    told = sorted(place for place, count in counts.items() if count >= FEWEST_SCANS)
    if len(told) < 2:
        return f"fewer than two of the {column}s have {FEWEST_SCANS} training scans"
    known = np.isin(places, told)
    subjects = exam.learn.frame["subject"][known]
    first = ~subjects.duplicated().to_numpy()
    model = fit_logistic(learn[known], places[known].astype(str), first, exam.seed)
    truth = np.array([mark_missing(each) for each in exam.asked.frame[column]], dtype=object)
    mine = np.isin(truth, told)
    read = model.predict(asked) if len(asked) else np.array([], dtype=object)
    return Probe(
        facts=ProbeFacts(of=column, places=len(told), left_out=len(counts) - len(told)),
        truth=unmark(truth, mine),
        read=unmark(read, mine),
    )


def unmark(places: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Return names of places as they were, None for those that are not told apart."""
    names = [str(place)[1:] if keep else None for place, keep in zip(places, known, strict=True)]
    return np.array(names, dtype=object)
