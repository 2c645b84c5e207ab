"""The records of what a model knows beyond confounds: increment, head size, place of the scan."""

from __future__ import annotations

import attrs

from brainplug.evaluation.bootstrap import Estimate


@attrs.frozen(kw_only=True)
class Increment:
    """What the model adds to the confounds.

    Attributes:
        confounds: what the other model knows, the head's size among them.
        n: people whom the ratio is of, one of each family.
        statistic: likelihood ratio of adding the model's score on these people; F for numbers.
        p_value: of it.
        reason: why these are None, else empty.
        metric: what the gain is measured by.
        alone: score of the confounds.
        together: score of confounds and model.
        gain: the difference, paired; `reason` where it is not known.
        confidence: of its interval; a p value below what is left to 1 says that the model adds.
    """

    confounds: tuple[str, ...]
    n: int
    statistic: float | None
    p_value: float | None
    reason: str
    metric: str
    alone: float | None
    together: float | None
    gain: Estimate
    confidence: float = 0.95


@attrs.frozen(kw_only=True)
class SameHeadSize:
    """What the model tells among people whose heads are equally large.

    Attributes:
        how: `pairs` of people of two classes, or the `partial correlation` of truth and
            prediction given the size.
        n: pairs, or people.
        metric: what is measured.
        whole: the same among all people.
        matched: among people in pairs, or given the size; `reason` where it is not known.
        caliper_ml: largest difference within a pair; None for numbers.
    """

    how: str
    n: int
    metric: str
    whole: float | None
    matched: Estimate
    caliper_ml: float | None = None


@attrs.frozen(kw_only=True)
class PlaceProbe:
    """How well a linear reader of the scans tells where they were made.

    Attributes:
        of: the column.
        places: how many there are.
        n: people asked.
        score: balanced accuracy; `reason` where it is not known.
        chance: of a reader that knows nothing.
    """

    of: str
    places: int
    n: int
    score: Estimate
    chance: float


@attrs.frozen(kw_only=True)
class Confounding:
    """All of it for one split; a part is None where the run cannot know it, and `unknown` says why.

    Attributes:
        increment: beyond the confounds.
        head_size: among people of one head size.
        probe: where scans were made.
        unknown: name of a part -> why it is None.
    """

    increment: Increment | None
    head_size: SameHeadSize | None
    probe: PlaceProbe | None
    unknown: dict[str, str] = attrs.field(factory=dict)
