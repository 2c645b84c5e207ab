"""Whether the probabilities that the model gives are those that come about."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from brainplug.report.figures import draw_calibration
from brainplug.report.wording import show_number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from brainplug.report.facts import Facts

ENOUGH = 200
"""People from which on a curve says more than its noise (Van Calster et al. 2016)."""


@attrs.frozen(kw_only=True)
class Calibrated:
    """Numbers of calibration, and the curve where there are enough people."""

    of: str
    rows: Sequence[tuple[str, str, str]]
    curve: str
    enough: int


def make(facts: Facts) -> Calibrated | None:
    """Tell of the calibration, where there are probabilities."""
    found = facts.scored.calibration
    if found is None:
        return None
    rows = [
        (
            "expected calibration error",
            show_number(found.expected_error),
            "mean distance of stated and observed; 0 is best",
        ),
        ("Brier score", show_number(found.brier), "over all labels, from 0, the best, to 2"),
    ]
    enough = facts.scored.counts.subjects >= ENOUGH
    return Calibrated(
        of=found.of,
        rows=rows,
        curve=draw_calibration(found.bins) if enough else "",
        enough=ENOUGH,
    )
