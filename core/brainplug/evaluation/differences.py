"""Whether one system is better than another on the same people."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from brainplug.evaluation.bootstrap import (
    draw_resamples,
    estimate,
    is_clear,
    paired_p_value,
    resampled_scores,
)
from brainplug.evaluation.records import Difference

if TYPE_CHECKING:
    from collections.abc import Sequence

    from brainplug.api.records import Predictions
    from brainplug.api.roles import Metric
    from brainplug.evaluation.bootstrap import BootstrapPlan


def difference(
    metric: Metric,
    ours: Predictions,
    theirs: Predictions,
    clusters: Sequence[str],
    plan: BootstrapPlan,
) -> Difference:
    """Subtract another system's score from ours, with an interval and a paired test.

    Args:
        metric: any metric.
        ours: one prediction a subject.
        theirs: the other system's, of the same subjects in the same order.
        clusters: name of the family of each subject.
        plan: coverage, and seed and number of the bootstrap samples and permutations.

    Returns:
        The difference; `against` is None, for the caller to fill in.
    """
    resamples = draw_resamples(clusters, plan)
    # Subtracted sample by sample: what makes a sample easy for both cancels out.
    first, second = (
        resampled_scores(metric, system, resamples.counts) for system in (ours, theirs)
    )
    gap = estimate(metric.score(ours) - metric.score(theirs), first - second, plan)
    p_value = paired_p_value(metric, ours, theirs, resamples)
    return Difference(
        against=None,
        **attrs.asdict(gap),
        p_value=p_value,
        clear=is_clear(gap, p_value, plan),
        higher_is_better=metric.higher_is_better,
    )
