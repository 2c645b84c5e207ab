"""Published scores of common targets, with sources, to stand beside a run of the same study.

Only where study and target are those of the publication. Absent on purpose: sex in ABCD with more
than 97 %, which was withdrawn (arXiv 2209.07590), and scores whose abstract tells no number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from brainplug.toolkit.common_columns import COMMON_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Iterable

SAME_TARGET = {
    "sex": COMMON_COLUMNS["sex"],
    "age": COMMON_COLUMNS["age"],
    "bmi": ("bmi", "bmi_sds", "bmi_z", "anthro_bmi_calc", "p21001", "p21001_i2"),
    "adhd": ("adhd",),
}
"""What publications call a target -> names that it has in tables."""


@attrs.frozen(kw_only=True)
class Published:
    """A published score.

    Attributes:
        study: whose people they were.
        target: a key of `SAME_TARGET`.
        metric: name of the metric.
        low: the score, or the lower end of several.
        high: the same, or the upper end.
        by: how it was reached, with the number of people.
        source: where to read it.
        caution: what a reader must know beside it.
    """

    study: str
    target: str
    metric: str
    low: float
    high: float
    by: str
    source: str
    caution: str = ""


SCORES = (
    Published(
        study="ukb",
        target="sex",
        metric="accuracy",
        low=0.995,
        high=0.995,
        by="SFCN, a 3-D CNN, n = 14,503",
        source="https://biobank.ndph.ox.ac.uk/showcase/pub.cgi?id=3973",
    ),
    Published(
        study="ukb",
        target="age",
        metric="mae",
        low=2.14,
        high=2.14,
        by="SFCN, a 3-D CNN, n = 14,503",
        source="https://biobank.ndph.ox.ac.uk/showcase/pub.cgi?id=3973",
    ),
    Published(
        study="ukb",
        target="age",
        metric="mae",
        low=3.7,
        high=4.7,
        by="classical machine learning, n = 10,824, 47 to 73 years",
        source="https://pmc.ncbi.nlm.nih.gov/articles/8090783",
    ),
    Published(
        study="abcd",
        target="bmi",
        metric="r2",
        low=0.27,
        high=0.27,
        by="elastic net on cortical, subcortical and diffusion features",
        source="https://doi.org/10.1016/j.dcn.2021.100948",
        caution="of BMI by several kinds of scan, where this run has T1 scans alone",
    ),
    Published(
        study="abcd",
        target="age",
        metric="mae",
        low=0.49,
        high=0.49,
        by="multimodal features, 9 to 10 years",
        source="https://www.biocloudy.com/literatureDetail/NDk5ODE4MQ==",
        caution="with the SD of 0.63 years at baseline the mean alone errs by about 0.50 years",
    ),
    Published(
        study="abcd",
        target="adhd",
        metric="auroc",
        low=0.567,
        high=0.567,
        by="structural MRI, n = 6,916",
        source="https://pmc.ncbi.nlm.nih.gov/articles/PMC10694548",
    ),
    Published(
        study="hbn",
        target="age",
        metric="mae",
        low=1.18,
        high=1.18,
        by="multimodal features, n = 489",
        source="https://pmc.ncbi.nlm.nih.gov/articles/PMC8410534",
    ),
)


def find_published(
    studies: Iterable[str], target: str, metric: str, unit: str = ""
) -> list[Published]:
    """Return the published scores that may stand beside a run.

    Args:
        studies: of the run; all must be the study of the publication.
        target: as the run calls it.
        metric: whose axis they would stand on; an accuracy may stand beside a balanced one.
        unit: of the target; ages in months are no ages in years.
    """
    (study, *others) = {name.casefold() for name in studies} or {""}
    same = {name for name, others in SAME_TARGET.items() if target.casefold() in others}
    if others or (same == {"age"} and unit.casefold() not in {"years", "year", "y"}):
        return []
    metrics = {metric, "accuracy"} if metric == "balanced-accuracy" else {metric}
    return [
        each
        for each in SCORES
        if each.study == study and each.target in same and each.metric in metrics
    ]
