"""Where the model fails: answers that cannot be read, wrong ones, and the largest errors."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import attrs
import numpy as np

from brainplug.evaluation.small_cells import SMALLEST_CELL
from brainplug.report.sections.dialogues import error_of
from brainplug.report.sections.references import show_share
from brainplug.report.sharing import show_count, show_counts, show_part
from brainplug.report.wording import count_of, show_number

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from brainplug.report.facts import Facts

LONGEST = 90
"""Characters of an unread answer that are shown."""

MOST = 20
"""Failures told one by one on a page that is not to be shared."""


@attrs.frozen(kw_only=True)
class Failures:
    """What failed.

    Attributes:
        rows: what, and how many.
        kinds: of the unread answers: what they are, and how many.
        texts: the commonest unread answers, and how often each was given.
        people: task, truth and answer of single failures, on an individual page.
    """

    rows: Sequence[tuple[str, str]]
    kinds: Sequence[tuple[str, str]]
    texts: Sequence[tuple[str, str]]
    people: Sequence[tuple[str, str, str]]


def make(facts: Facts) -> Failures:
    """Count and describe what failed; that nothing did is told too."""
    unread = [row for row in facts.answers if row.prediction is None]
    kinds = Counter(kind_of_failure(row.answer_text, facts) for row in unread)
    texts = Counter(shorten(row.answer_text) for row in unread if row.answer_text.strip())
    individual, common = facts.individual, kinds.most_common()
    shown = show_counts([count for _, count in common], individual=individual)
    return Failures(
        rows=list(count_failures(facts)),
        kinds=[(kind, count) for (kind, _), count in zip(common, shown, strict=True)],
        texts=[
            (text, show_count(count, individual=individual)) for text, count in texts.most_common(3)
        ],
        people=list(list_failures(facts)) if facts.individual else [],
    )


def count_failures(facts: Facts) -> Iterator[tuple[str, str]]:
    """Count unread answers and people, and what is wrong among the rest."""
    counts, individual = facts.scored.counts, facts.individual
    unread = show_part(counts.unparsed_tasks, counts.tasks, individual=individual)
    yield "answers that could not be read", f"{unread} of {counts.tasks:,}"
    if counts.unparsed_tasks:
        silent, partly = counts.unparsed_subjects, counts.partly_unparsed_subjects
        parts = [silent, partly, counts.subjects - silent - partly]
        none, some, _all = show_counts(parts, individual=individual)
        yield "people none of whose answers could be read", none
        yield "people some of whose answers could not", some
    if facts.scored.confusion is not None:
        wrong = [row for row in facts.answers if row.prediction not in {None, row.truth}]
        # Several trainings answer for each person several times, where the others count once.
        if len(facts.answers) == counts.tasks:
            shown = show_part(len(wrong), counts.tasks, individual=individual)
            yield "answers that state a wrong class", f"{shown} of {counts.tasks:,}"
    elif facts.scored.scatter and len(facts.scored.scatter) >= 2 * SMALLEST_CELL:
        yield from describe_errors(facts)


def describe_errors(facts: Facts) -> Iterator[tuple[str, str]]:
    """Tell the usual and the large errors of people."""
    pairs = np.asarray(facts.scored.scatter, dtype=float)
    errors = np.sort(np.abs(pairs[:, 1] - pairs[:, 0]))
    unit = f" {facts.metrics.target.unit}" if facts.metrics.target.unit else ""
    yield "half of the people err by less than", f"{show_number(float(np.median(errors)))}{unit}"
    yield "the five largest errors are on average", f"{show_number(errors[-5:].mean())}{unit}"
    low, high = (pairs[:, 1] < pairs[:, 0]).mean(), (pairs[:, 1] > pairs[:, 0]).mean()
    yield "predictions below and above the truth", f"{show_share(low)} and {show_share(high)}"


def kind_of_failure(text: str, facts: Facts) -> str:
    """Say in what way an answer cannot be read."""
    if not text.strip():
        return "nothing was said"
    labels = facts.metrics.target.labels
    named = [label for label in labels if label.casefold() in text.casefold()]
    if len(named) > 1:
        return "several classes are named"
    if labels:
        return "a class is named, not as an answer" if named else "no class is named"
    digits = any(letter.isdigit() for letter in text)
    return "a number is said, not as an answer" if digits else "no number is said"


def shorten(text: str) -> str:
    """Cut a long answer, and join its lines."""
    flat = " ".join(text.split())
    return flat if len(flat) <= LONGEST else f"{flat[: LONGEST - 1]}…"


def list_failures(facts: Facts) -> Iterator[tuple[str, str, str]]:
    """Give task, truth and answer of single failures: unread, wrong, or far off."""
    rows = facts.answers
    if facts.metrics.target.kind == "categorical":
        failed = [row for row in rows if row.prediction != row.truth]
    else:
        failed = sorted(rows, key=lambda row: -error_of(row))
    for row in failed[:MOST]:
        truth = row.truth if isinstance(row.truth, str) else show_number(row.truth)
        yield row.task_id, truth, shorten(row.answer_text)


def failures_in_words(facts: Facts) -> str:
    """Say how many answers could not be read, for checklists."""
    counts = facts.scored.counts
    unread = show_part(counts.unparsed_tasks, counts.tasks, individual=facts.individual)
    return f"{unread} of {count_of(counts.tasks, 'answer')} could not be read"
