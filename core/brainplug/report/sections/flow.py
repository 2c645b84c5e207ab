"""Participants: who was read, who was left out and why, and who was asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from brainplug.evaluation.small_cells import is_few
from brainplug.report.paths import without_paths
from brainplug.report.sharing import pool_few, show_count, show_loss
from brainplug.report.wording import count_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from brainplug.report.facts import Facts
    from brainplug.tasks.study_facts import StudyFacts


@attrs.frozen(kw_only=True)
class StudyFlow:
    """One study's way from table to scans.

    Attributes:
        study: its name.
        start: what the first box counts, and how many; None where that is the last one too.
        lost: reasons and how many were left out for each.
        left: what the last box counts, and how many.
        people: people of these scans, in words; empty where that is not known.
        join: how table and images met, in words; empty where there was no join.
        notes: sentences of the loader.
    """

    study: str
    start: tuple[str, str] | None
    lost: Sequence[tuple[str, str]]
    left: tuple[str, str]
    people: str
    join: str
    notes: Sequence[str]


@attrs.frozen(kw_only=True)
class Flow:
    """The flow of all studies, and how many people were asked in the end.

    Attributes:
        studies: in the order of the recipe.
        asked: people asked in each split, in words.
        simulated: whether their people are made up.
    """

    studies: Sequence[StudyFlow]
    asked: Sequence[tuple[str, str]]
    simulated: bool | None


def make(facts: Facts) -> Flow:
    """Follow each study from its rows to its scans."""
    people = facts.cohort.groupby("study")["subject"].nunique()
    return Flow(
        studies=[
            follow(study, int(people.get(study.study, 0)), individual=facts.individual)
            for study in facts.studies
        ],
        asked=count_asked(facts),
        simulated=facts.setting.simulated,
    )


def follow(study: StudyFacts, people: int, *, individual: bool) -> StudyFlow:
    """Follow one study; reasons that concern a few are told together."""
    (start, rows), *losses = study.flow
    end, left = study.flow[-1]
    reasons: Mapping[str, int] = {reason: -count for reason, count in losses if count < 0}
    if not individual:
        reasons = pool_few(reasons)
    before, _ = show_loss(left, rows - left, individual=individual)
    return StudyFlow(
        study=study.study,
        start=(start, before) if len(study.flow) > 1 else None,
        lost=[(why, show_count(n, individual=individual)) for why, n in reasons.items()],
        left=(end, f"{left:,}"),
        people=f"of {count_of(people, 'person', 'people')}" if people else "",
        join=join_in_words(study, individual=individual),
        notes=[without_paths(note, individual=individual) for note in study.notes],
    )


def join_in_words(study: StudyFacts, *, individual: bool) -> str:
    """Say how many rows found an image; a few that did not are not counted."""
    join = study.join
    if join is None:
        return ""
    lost = join.rows - join.matched
    if lost == 0:
        return "Every row of the table found its image."
    if is_few(lost) and not individual:
        return "All rows of the table but a few found their image."
    return f"{join.matched:,} of {join.rows:,} rows of the table found their image."


def count_asked(facts: Facts) -> list[tuple[str, str]]:
    """Count the people asked in training and in each split that was answered."""
    found = [("training", facts.metrics.train.n)]
    names = {"val": "validation", "test": "test"}
    found += [
        (names.get(split, split), scored.counts.subjects)
        for split, scored in facts.metrics.splits.items()
    ]
    return [(name, f"{count:,}") for name, count in found]
