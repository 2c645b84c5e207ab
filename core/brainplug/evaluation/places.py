"""How well a reader of the scans tells where they were made."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from brainplug.api.records import Predictions
from brainplug.baselines.records import SITE, SITE_READ
from brainplug.evaluation.bootstrap import Estimate
from brainplug.evaluation.confounding import PlaceProbe
from brainplug.evaluation.intervals import interval
from brainplug.evaluation.numbers_in_words import bracketed, show

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from brainplug.api.records import TargetKind
    from brainplug.baselines.records import ProbeFacts
    from brainplug.evaluation.bootstrap import BootstrapPlan

FEWEST_ASKED = 10


class MeanRecall:
    """Mean share of the people of each place that are read as of it.

    A place that nobody asked is from does not count: which places there are is no matter of
    chance here, but of who was tested.
    """

    kind: TargetKind = "categorical"
    higher_is_better = True
    unit = ""

    def score(self, predictions: Predictions) -> float:
        """Return the mean over the places that people are from, NaN without people."""
        right = predictions.truth == predictions.predicted
        recalls = [right[predictions.truth == place].mean() for place in set(predictions.truth)]
        return float(np.mean(recalls)) if recalls else float("nan")


def score_places(
    facts: ProbeFacts, asked: pd.DataFrame, *, clusters: Mapping[str, str], plan: BootstrapPlan
) -> PlaceProbe:
    """Score the reader on people who are asked, by their first scan.

    Args:
        facts: what it tells apart.
        asked: `subject`, `SITE` and `SITE_READ`.
        clusters: family of each subject.
        plan: how the interval is made.
    """
    known = asked[asked[SITE].notna()].drop_duplicates("subject")
    there = known[SITE].nunique()
    families = [clusters[subject] for subject in known["subject"]]
    # Whoever several seeds asked is one of them.
    if len(set(families)) < FEWEST_ASKED or there < 2:
        few = f"fewer than {FEWEST_ASKED} unrelated people of two places are asked"
        score = Estimate(reason=few)
    else:
        predictions = Predictions(
            truth=known[SITE].to_numpy(dtype=object),
            predicted=known[SITE_READ].to_numpy(dtype=object),
            labels=tuple(sorted(set(known[SITE]))),
        )
        score = interval(MeanRecall(), predictions, families, plan)
    return PlaceProbe(
        of=facts.of, places=facts.places, n=len(known), score=score, chance=1 / facts.places
    )


def probe_in_words(found: PlaceProbe) -> str:
    """Say whether scans give away where they were made."""
    score = found.score
    if score.value is None:
        return f"Whether scans give away the {found.of} is not known: {score.reason}."
    within = bracketed(score.low, score.high, " (", ")")
    told = score.low is not None and score.low > found.chance
    consequence = "which is not clear of chance"
    if told:
        consequence = f"so that a model may answer by the {found.of}"
    return (
        f"A linear reader tells the {found.of} off a scan with a balanced accuracy of "
        f"{show(score.value)}{within}, where chance is {found.chance:.2f}, {consequence}."
    )
