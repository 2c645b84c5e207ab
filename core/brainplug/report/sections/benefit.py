"""What references add, and what noise gives: trainings beside the main one, on the same people."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from brainplug.report.arms import arms_in_words
from brainplug.report.paths import without_paths
from brainplug.report.wording import as_sentence

if TYPE_CHECKING:
    from collections.abc import Sequence

    from brainplug.report.facts import Facts


@attrs.frozen(kw_only=True)
class Benefit:
    """A sentence or two on each training."""

    sentences: Sequence[str]


def make(facts: Facts) -> Benefit | None:
    """Tell of the trainings beside the main one, where there are some."""
    told = [
        as_sentence(without_paths(each, individual=facts.individual))
        for each in arms_in_words(facts.metrics, facts.split, individual=facts.individual)
    ]
    return Benefit(sentences=told) if told else None
