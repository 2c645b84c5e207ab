"""What the answers to a split are, besides their scores: counts, confusions, sites."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
import pandas as pd

from brainplug.api.records import Predictions, TargetKind, TargetValue
from brainplug.evaluation.aggregate import copying, make_predictions
from brainplug.evaluation.records import (
    AnswerCounts,
    Confusion,
    SiteScores,
    TrainingValues,
)
from brainplug.evaluation.small_cells import SMALLEST_CELL

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from brainplug.api.roles import Metric
    from brainplug.tasks.answers import AnswerRow


@attrs.frozen(kw_only=True, eq=False)
class TargetFacts:
    """What scoring must know besides the answers.

    Attributes:
        name: the target in words.
        kind: of the target.
        labels: the classes in the order of the task head, empty for a numerical target.
        unit: of a numerical target, may be empty.
        train_values: truth of each training subject.
        people: `subject`, `family`, `site`, one or more rows a subject, or None if not known.
    """

    name: str
    kind: TargetKind
    labels: tuple[str, ...] = ()
    unit: str = ""
    train_values: tuple[TargetValue, ...]
    people: pd.DataFrame | None = None

    @property
    def train_mean(self) -> float | None:
        """Mean of the training values, None for a categorical target."""
        if self.kind == "categorical":
            return None
        return float(np.mean([float(value) for value in self.train_values]))


def describe_training(facts: TargetFacts) -> TrainingValues:
    """Describe the training values: what a guess without any image would rest on."""
    size = len(facts.train_values)
    if facts.kind == "categorical":
        counts = Counter(facts.train_values)
        return TrainingValues(n=size, counts={label: counts[label] for label in facts.labels})
    values = np.array(facts.train_values, dtype=float)
    return TrainingValues(
        n=size,
        mean=float(values.mean()),
        sd=float(values.std(ddof=1)) if size > 1 else None,
        median=float(np.median(values)),
    )


def has_families(people: pd.DataFrame | None, subjects: set[str]) -> bool:
    """Tell whether any of the subjects has a known family."""
    if people is None or "family" not in people:
        return False
    return bool(people.loc[people["subject"].isin(subjects), "family"].notna().any())


def count_answers(answers: Sequence[AnswerRow], frame: pd.DataFrame) -> AnswerCounts:
    """Count tasks, unread answers, and how answers follow the reference."""
    copied = copying(answers)
    silent = frame["unparsed"] == frame["tasks"]
    return AnswerCounts(
        # A subject whose truth differs between scans has two rows.
        subjects=int(frame["subject"].nunique()),
        tasks=len(answers),
        unparsed_tasks=int(frame["unparsed"].sum()),
        unparsed_subjects=int(silent.sum()),
        partly_unparsed_subjects=int(((frame["unparsed"] > 0) & ~silent).sum()),
        flip_rate=finite_or_none(frame["flips"].mean()),
        spread=finite_or_none(frame["spread"].mean()),
        copy_rate=copied.rate,
        copy_rate_if_right=copied.rate_if_right,
        reference_pull=copied.pull,
        changed_subjects=int((frame["flips"] > 0).sum()) if frame["flips"].notna().any() else None,
        **count_forms(answers),
    )


def count_forms(answers: Sequence[AnswerRow]) -> dict[str, Any]:
    """Count the forms of answers, and average the probability of all candidates together."""
    forms = Counter(row.form for row in answers)
    masses = [row.mass for row in answers if row.mass is not None]
    judged = None not in forms and len(answers) > 0
    return {
        "trained_form": forms["trained"] if judged else None,
        "strange": forms["strange"] if judged else None,
        "mass": float(np.mean(masses)) if masses else None,
    }


def show_all(count: int, _whole: int) -> str:
    """Write a count as it is."""
    return f"{count:,}"


def forms_in_words(counts: AnswerCounts, show: Callable[[int, int], str] = show_all) -> str:
    """Say how much of the probability is on answers at all, and how many are worded as taught.

    Args:
        counts: of the answers to a split.
        show: writes how many of how many; on what is shared it hides a few.
    """
    told = []
    if counts.mass is not None:
        told.append(f"Answers that can be read hold {counts.mass:.2f} of the probability")
    if counts.trained_form is not None and counts.strange is not None:
        trained = show(counts.trained_form, counts.tasks)
        said = f"{trained} of {counts.tasks:,} answers are worded as in training"
        if counts.strange:
            strange = show(counts.strange, counts.tasks)
            one = strange == "1"
            said += (
                f", and {strange} {'has' if one else 'have'} words that no training answer "
                f"has and {'is' if one else 'are'} not read"
            )
        told.append(said)
    return "; ".join(told) + "." if told else ""


def pair_values(predictions: Predictions) -> tuple[tuple[float, float], ...]:
    """Return truth and prediction of each person, as many digits as a plot shows."""
    pairs = zip(predictions.truth, predictions.predicted, strict=True)
    return tuple((float(f"{truth:.4g}"), float(f"{value:.4g}")) for truth, value in pairs)


def count_confusions(predictions: Predictions) -> Confusion:
    """Count truth against prediction, unread answers in a column of their own."""
    columns = (*predictions.labels, None)
    counted = Counter(zip(predictions.truth, predictions.predicted, strict=True))
    return Confusion(
        labels=predictions.labels,
        columns=(*predictions.labels, "unparsed"),
        matrix=tuple(
            tuple(counted[row, column] for column in columns) for row in predictions.labels
        ),
    )


def score_sites(
    frame: pd.DataFrame, facts: TargetFacts, metrics: Mapping[str, Metric]
) -> tuple[dict[str, SiteScores], int]:
    """Score each site with enough subjects, where there are several; others are counted.

    Returns:
        The scores by site, and the number of sites with too few subjects.
    """
    if facts.people is None or "site" not in facts.people:
        return {}, 0
    # Who was scanned at several sites counts for the first.
    known = facts.people.dropna(subset=["site"]).drop_duplicates("subject")
    sites = frame["subject"].map(dict(zip(known["subject"], known["site"], strict=True)))
    sizes = frame["subject"].groupby(sites).nunique()
    large = sizes[sizes >= SMALLEST_CELL]
    found: dict[str, SiteScores] = {}
    for site, size in large.items() if len(sizes) > 1 else ():
        members = make_predictions(frame[sites == site], facts.labels, facts.train_mean)
        scores = {name: finite_or_none(metric.score(members)) for name, metric in metrics.items()}
        found[str(site)] = SiteScores(subjects=int(size), metrics=scores)
    return found, len(sizes) - len(large)


def finite_or_none(value: float) -> float | None:
    """Return the value, None for NaN and infinity, which JSON has not."""
    return float(value) if np.isfinite(value) else None
