"""Numbers and names as they are written in every sentence, table and figure: one rule for all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from brainplug.evaluation.numbers_in_words import MINUS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from brainplug.evaluation.bootstrap import Estimate
    from brainplug.evaluation.records import Difference, Measured, ReportedScore
    from brainplug.evaluation.subgroup_records import GroupScore

    Estimated = ReportedScore | Difference | Measured | GroupScore | Estimate

ENDLESS, MOST_PLACES = 1e7, 7
"""From where, and with how many decimals, a number is written by its power of ten."""

METRIC_NAMES = {
    "accuracy": "accuracy",
    "auroc": "AUROC",
    "balanced-accuracy": "balanced accuracy",
    "expected-error": "error of the expected value",
    "macro-f1": "macro F1",
    "mae": "mean absolute error",
    "pearson-r": "Pearson's r",
    "r2": "R²",
    "rmse": "root mean squared error",
}


def metric_name(name: str) -> str:
    """Return a metric's name as it is written in a sentence.

    >>> metric_name("r2"), metric_name("median-error"), metric_name("pinball-loss (at = -0.5)")
    ('R²', 'median error', 'pinball loss (at = -0.5)')
    """
    # Options that were changed stand behind the part's name; see `metric_label`.
    part, opening, options = name.partition(" (")
    return METRIC_NAMES.get(part, part.replace("-", " ")) + opening + options


def count_places(*values: float | None) -> int:
    """Return how many decimal places numbers that stand together are written with.

    Two as a rule; fewer for large ones; as many as leave two digits where all are tiny.

    >>> count_places(0.905), count_places(12.34, 4.0), count_places(4321.0), count_places(0.0042)
    (2, 1, 0, 4)
    """
    largest = max((abs(value) for value in values if value is not None), default=0.0)
    if largest == 0 or largest >= 0.01:
        return 0 if largest >= 100 else 1 if largest >= 10 else 2
    return next(places for places in range(2, 12) if largest * 10**places >= 9.5 or places == 11)


def show_number(value: float | None, places: int | None = None) -> str:
    """Write a number with as many places as one reads.

    Args:
        value: None where it is not known.
        places: those of the numbers it stands with; without it, its own.

    >>> show_number(0.905), show_number(12.34), show_number(4321.0), show_number(0.0042)
    ('0.91', '12.3', '4321', '0.0042')
    >>> show_number(1.25e300), show_number(1e20)
    ('1.25e+300', '1e+20')
    """
    if value is None:
        return "n/a"
    places = count_places(value) if places is None else places
    if abs(value) >= ENDLESS or (value and places > MOST_PLACES):
        # Of so many digits none is read.
        return f"{value:.3g}".replace("-", MINUS)
    text = f"{value:.{places}f}"
    # A small negative number rounds to "-0.00".
    return text.replace("-", MINUS) if float(text) else text.replace("-", "")


def places_of(scores: Iterable[Estimated]) -> int:
    """Return the decimal places of scores that stand in one column or one figure."""
    return count_places(*(end for each in scores for end in (each.value, each.low, each.high)))


def bracketed(score: Estimated, level: str = "", places: int | None = None) -> str:
    """Write an interval in brackets, nothing where there is none.

    Args:
        score: with the interval.
        level: what stands before it; with one, a missing interval is told with its reason.
        places: those of the numbers it stands with; without it, those of these three.
    """
    if score.low is None or score.high is None:
        return f" (no interval: {score.reason})" if level else ""
    places = places_of([score]) if places is None else places
    return f" ({level}{show_number(score.low, places)} to {show_number(score.high, places)})"


def show_estimate(score: Estimated, level: str = "", places: int | None = None) -> str:
    """Write a score and its interval.

    Args:
        score: of a system, or the difference of two.
        level: as for `bracketed`.
        places: as for `bracketed`.
    """
    places = places_of([score]) if places is None else places
    return f"{show_number(score.value, places)}{bracketed(score, level, places)}"


def join_words(words: list[str], last: str = "and") -> str:
    """Join words as a sentence does.

    >>> join_words(["a", "b", "c"]), join_words(["a"])
    ('a, b and c', 'a')
    """
    return f" {last} ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def capital(text: str) -> str:
    """Begin a sentence; only the first letter is touched.

    >>> capital("the AUROC")
    'The AUROC'
    """
    return text[:1].upper() + text[1:]


def as_sentence(text: str) -> str:
    """Begin with a capital letter and end with a full stop.

    >>> as_sentence("no row is lost"), as_sentence("T1 is read!"), as_sentence("macro F1: n/a")
    ('No row is lost.', 'T1 is read!', 'Macro F1: n/a.')
    """
    return capital(text) + ("" if text.endswith((".", "!", "?", "…")) else ".")


def count_of(number: int, what: str, several: str = "") -> str:
    """Count things.

    >>> count_of(1, "scan"), count_of(1200, "scan"), count_of(2, "person", "people")
    ('1 scan', '1,200 scans', '2 people')
    """
    return f"{number:,} {what if number == 1 else several or what + 's'}"
