"""The last stages tried on made-up scores, so that no training is spent on what ends in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from brainplug.api.guard import is_of_others, judging
from brainplug.api.metric_laws import hold_metrics, make_samples

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from brainplug.api.roles import Metric

SAMPLES = 20
"""Bootstrap samples of made-up people."""


def rehearse(metrics: Mapping[str, Metric], labels: Sequence[str] = ()) -> None:
    """Hold metrics to their laws, and take those of others to intervals and to the axis.

    Args:
        metrics: of a run, by name.
        labels: the classes of the target, where they are known.

    Raises:
        PluginError: a metric breaks a law, or its scores cannot be reported.
    """
    hold_metrics(metrics, labels)
    for metric in metrics.values():
        # Ours are tried by our tests, and `check` is to be quick.
        if is_of_others(metric):
            with judging(metric, "score"):
                report_samples(metric, labels)


def report_samples(metric: Metric, labels: Sequence[str]) -> None:
    """Find the interval of each made-up sample, and draw and write it as the page does."""
    from brainplug.evaluation.bootstrap import BootstrapPlan
    from brainplug.evaluation.intervals import interval
    from brainplug.report.axis import even_ticks
    from brainplug.report.wording import show_estimate

    plan = BootstrapPlan(samples=SAMPLES, confidence=0.95, seed=0)
    for sample in make_samples(metric, labels).values():
        people = [str(number) for number in range(len(sample.truth))]
        found = interval(metric, sample, people, plan)
        ends = [end for end in (found.value, found.low, found.high) if end is not None]
        if ends:
            even_ticks(max(ends), min(ends))
            show_estimate(found)
