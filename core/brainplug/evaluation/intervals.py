"""How sure a score is: the interval of any metric over people who may be relatives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from brainplug.evaluation.bootstrap import draw_resamples, estimate, resampled_scores

if TYPE_CHECKING:
    from collections.abc import Sequence

    from brainplug.api.records import Predictions
    from brainplug.api.roles import Metric
    from brainplug.evaluation.bootstrap import BootstrapPlan, Estimate


def interval(
    metric: Metric, predictions: Predictions, clusters: Sequence[str], plan: BootstrapPlan
) -> Estimate:
    """Score a system and say how sure that is.

    Args:
        metric: any metric, of the core's plugins or of a stranger's.
        predictions: one a subject.
        clusters: name of the family of each subject, in the same order.
        plan: coverage, and seed and number of the bootstrap samples.
    """
    resamples = draw_resamples(clusters, plan)
    scores = resampled_scores(metric, predictions, resamples.counts)
    return estimate(metric.score(predictions), scores, plan)
