"""The records of `cohort.json`: what later stages and the page must know of the studies."""

from __future__ import annotations

import attrs

from brainplug.api.records import JoinReport


@attrs.frozen(kw_only=True)
class StudyFacts:
    """One study of a run.

    Attributes:
        study: its name.
        flow: rows at the start, rows lost by each reason in turn (negative), and scans at the end.
        join: how table and images met; None of finished task files.
        notes: sentences for the user.
        simulated: whether people and scans are made up; None where nobody says.
    """

    study: str
    flow: tuple[tuple[str, int], ...]
    join: JoinReport | None
    notes: tuple[str, ...]
    simulated: bool | None = None


@attrs.frozen(kw_only=True)
class CohortFacts:
    """All of `cohort.json`."""

    studies: tuple[StudyFacts, ...]
