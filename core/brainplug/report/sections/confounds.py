"""What the model knows beyond confounds: its gain over them, equal heads, place of the scan."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from brainplug.evaluation.beside import strongest_in_words
from brainplug.evaluation.increment import increment_in_words
from brainplug.evaluation.places import probe_in_words
from brainplug.evaluation.same_head_size import head_size_in_words
from brainplug.report.wording import as_sentence, metric_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from brainplug.evaluation.records import SplitScores
    from brainplug.report.facts import Facts

PARTS = {
    "increment": "What the model adds to the confounds is not known",
    "head_size": "The score among people with equally large heads is not known",
    "probe": "Whether scans give away where they were made is not known",
}


@attrs.frozen(kw_only=True)
class Confounds:
    """Sentences on what is known, and on what is not."""

    told: Sequence[str]
    unknown: Sequence[str]


def make(facts: Facts) -> Confounds | None:
    """Tell what the model knows beyond confounds, where baselines were made."""
    found = facts.scored.confounding
    if found is None:
        return None
    told = [
        strongest_reader(facts.scored),
        named(found.increment.metric, increment_in_words(found.increment))
        if found.increment
        else "",
        named(found.head_size.metric, head_size_in_words(found.head_size))
        if found.head_size
        else "",
        probe_in_words(found.probe) if found.probe else "",
    ]
    unknown = [
        as_sentence(f"{PARTS.get(part, part)}: {reason}") for part, reason in found.unknown.items()
    ]
    return Confounds(told=[sentence for sentence in told if sentence], unknown=unknown)


def strongest_reader(scored: SplitScores) -> str:
    """Say how the model stands to the strongest reader of scans; empty without any."""
    name = next(iter(scored.metrics))
    found = scored.image_difference.get(name)
    if found is None or found.against is None:
        return ""
    rival = scored.baselines[found.against]
    return strongest_in_words(found, rival.metrics[name].value, rival.about)


def named(metric: str, sentence: str) -> str:
    """Name a metric in a sentence as the page does."""
    return sentence.replace(f"{metric} ", f"{metric_name(metric)} ")
