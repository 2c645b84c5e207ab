"""Scores by group: site, scanner, sex, bands of age, study and declared columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import numpy as np

from brainplug.evaluation.aggregate import aggregate, make_predictions
from brainplug.evaluation.intervals import interval
from brainplug.evaluation.numbers_in_words import show_p
from brainplug.evaluation.relatives import cluster_names
from brainplug.evaluation.small_cells import SMALLEST_CELL, is_few
from brainplug.evaluation.subgroup_records import Grouping, GroupScore, Heterogeneity
from brainplug.evaluation.within_groups import Scored, count_people, score_within

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jaxtyping import Bool

    from brainplug.api.roles import Metric
    from brainplug.evaluation.bootstrap import BootstrapPlan
    from brainplug.evaluation.describe import TargetFacts
    from brainplug.evaluation.groupings import Groups
    from brainplug.tasks.answers import AnswerRow


def subgroups_of(
    rows: Sequence[AnswerRow],
    facts: TargetFacts,
    groupings: Mapping[str, Groups],
    *,
    metrics: Mapping[str, Metric],
    plan: BootstrapPlan,
) -> dict[str, Grouping]:
    """Score the groups of the people of one split by the headline metric.

    Args:
        rows: answers to that split, with the prediction that scores are made from.
        facts: the target.
        groupings: what people are grouped by.
        metrics: the first is the headline.
        plan: how intervals are made.
    """
    frame = aggregate(rows, facts.kind, facts.labels, facts.train_mean)
    name, metric = next(iter(metrics.items()))
    scored = Scored(
        metric=metric,
        name=name,
        predictions=make_predictions(frame, facts.labels, facts.train_mean),
        subjects=frame["subject"].tolist(),
        clusters=cluster_names(frame["subject"], facts.people),
        plan=plan,
    )
    return score_groups(scored, groupings)


def score_groups(scored: Scored, groupings: Mapping[str, Groups]) -> dict[str, Grouping]:
    """Score every grouping; one that puts all scored people in one group is left out."""
    found = {name: score_grouping(scored, groups) for name, groups in groupings.items()}
    return {name: each for name, each in found.items() if each is not None}


def score_grouping(scored: Scored, groups: Groups) -> Grouping | None:
    """Score the people of each group, and within groups; None where they are all of one group."""
    own = np.array([groups.of.get(subject, "") for subject in scored.subjects], dtype=object)
    present = [name for name in groups.order if (own == name).any()]
    if len(present) < 2:
        return None
    cells = {name: score_cell(scored, own == name) for name in present}
    shown = {name: cell for name, cell in cells.items() if not is_small(cell)}
    within, reason = score_within(scored, [own == name for name in present])
    unseen = np.isin(own, [name for name in present if name not in groups.seen])
    return Grouping(
        column=groups.column,
        metric=scored.name,
        groups=shown,
        too_small=len(cells) - len(shown),
        people_too_small=sum(c.people for name, c in cells.items() if name not in shown),
        unknown=count_people(scored, own == ""),
        unseen=count_people(scored, unseen),
        heterogeneity=heterogeneity(list(shown.values()), scored.plan.confidence),
        within=within,
        reason=reason,
    )


def score_cell(scored: Scored, inside: Bool[np.ndarray, " n"]) -> GroupScore:
    """Score the people of one group; one that is too small is only counted."""
    chosen = scored.predictions.take(np.flatnonzero(inside))
    classes = tuple(
        count_people(scored, inside & (scored.predictions.truth == label))
        for label in chosen.labels
    )
    counted = GroupScore(
        people=count_people(scored, inside), classes=classes, value=None, low=None, high=None
    )
    if is_small(counted):
        return counted
    if classes and sum(count > 0 for count in classes) < 2:
        return attrs.evolve(counted, reason="all of them are of one class")
    clusters = [name for name, here in zip(scored.clusters, inside, strict=True) if here]
    found = interval(scored.metric, chosen, clusters, scored.plan)
    return attrs.evolve(
        counted, value=found.value, low=found.low, high=found.high, reason=found.reason
    )


def is_small(cell: GroupScore) -> bool:
    """Tell whether a group, or a class that it has, is too small to be scored and shown."""
    return cell.people < SMALLEST_CELL or any(map(is_few, cell.classes))


def heterogeneity(cells: Sequence[GroupScore], confidence: float) -> Heterogeneity | None:
    """Ask whether groups differ by more than chance, None with fewer than two of them.

    Cochran's Q (1954, Biometrics 10:101) and I² (Higgins and Thompson 2002, Stat Med 21:1539); a
    standard error is the width of an interval over that of a normal one.
    """
    from scipy.stats import chi2, norm

    found = [
        (each.value, each.high - each.low)
        for each in cells
        if each.value is not None
        and each.low is not None
        and each.high is not None
        and each.high > each.low
    ]
    if len(found) < 2:
        return None
    values, widths = np.array(found).T
    weights = (2 * norm.ppf((1 + confidence) / 2) / widths) ** 2
    centre = (weights * values).sum() / weights.sum()
    q, freedom = float((weights * (values - centre) ** 2).sum()), len(found) - 1
    return Heterogeneity(
        groups=len(found),
        q=q,
        p_value=float(chi2.sf(q, freedom)),
        i2=max(0.0, 1 - freedom / q) if q > 0 else 0.0,
    )


def heterogeneity_in_words(by: str, grouping: Grouping) -> str:
    """Say whether groups differ by more than chance; nothing where that was not asked."""
    found = grouping.heterogeneity
    if found is None:
        return ""
    noun = "age band" if by == "age" else by
    differ = "differs" if found.p_value < 0.05 else "does not clearly differ"
    return (
        f"The score {differ} by {noun} (Cochran's Q {found.q:.1f} over {found.groups} groups, "
        f"{show_p(found.p_value)}; I² {found.i2:.0%})."
    )
