"""How answers follow the references: what was counted over the dialogues of one person."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from brainplug.report.wording import show_number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from brainplug.report.facts import Facts


@attrs.frozen(kw_only=True)
class References:
    """Counts in words: what, how much, and what it would be were every answer right."""

    rows: Sequence[tuple[str, str, str]]


def make(facts: Facts) -> References | None:
    """Tell how answers follow the references; nothing where there is one dialogue a person."""
    counts = facts.scored.counts
    rows = [
        (
            "pairs of one person's answers that differ, scan and word of the reference changed",
            show_share(counts.flip_rate),
            "0%",
        ),
        (
            "people not all of whose answers are alike",
            show_share(
                None
                if counts.changed_subjects is None
                else counts.changed_subjects / max(counts.subjects, 1)
            ),
            "0%",
        ),
        (
            "how far two answers of one person are apart, on average",
            show_number(counts.spread),
            "0",
        ),
        (
            "readable answers that repeat a reference's value",
            show_share(counts.copy_rate),
            show_share(counts.copy_rate_if_right),
        ),
        (
            "change of the answer for a reference that is higher by one",
            show_number(counts.reference_pull),
            "0",
        ),
    ]
    numerical = facts.metrics.target.kind == "numerical"
    # Numbers hardly ever agree to the last digit; labels have no distance.
    left_out = ("pairs", "people") if numerical else ("how far", "change")
    shown = [row for row in rows if row[1] != "n/a" and not row[0].startswith(left_out)]
    return References(rows=shown) if shown else None


def show_share(share: float | None) -> str:
    """Write a share in percent.

    >>> show_share(0.256), show_share(None)
    ('26%', 'n/a')
    """
    return "n/a" if share is None else f"{share:.0%}"
