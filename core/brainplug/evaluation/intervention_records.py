"""What `metrics.json` holds of interventions: what each did, what it tells, and doses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import attrs

from brainplug.evaluation.bootstrap import Estimate

Kind = Literal["uses", "ignores", "copies"]
"""Models as they might be: one that compares the query with its references, one that looks at the
query alone, and one that repeats what it is told of the references."""


@attrs.frozen(kw_only=True)
class Expected:
    """What an intervention would do to a model of one kind that makes no other mistake.

    Attributes:
        words: what that model would do.
        changed: share of people whose answer it would change; None where nobody could say.
        moved: of a number, the mean absolute change in standard deviations; None as above.
        score: of what it would answer then; None as above.
    """

    words: str
    changed: float | None = None
    moved: float | None = None
    score: float | None = None


@attrs.frozen(kw_only=True)
class Effect:
    """What an intervention did to the answers.

    Attributes:
        people: who were asked again.
        tasks: how many times.
        unread: answers that could not be read without it, and with it.
        changed: share of people whose answer is another one.
        moved: of a number, the mean absolute change of a person's answer, in its unit.
        moved_sd: the same in standard deviations of the training values.
        follows: of what is changed, where another value is shown or told: share of answers that are
            that value, or of a number the slope of the answer's change on the value's.
        before: the score of the same people and tasks without it.
        after: the score with it; what is right is what was right before.
        score_change: the second less the first.
        clear: whether that is clear of zero.
        right_before: share of right answers, task by task, or of a number the mean absolute error.
        right_after: the same with it.
        expected: what it would do to a model of each kind.
    """

    people: int
    tasks: int
    unread: tuple[int, int]
    changed: Estimate | None
    moved: Estimate | None
    moved_sd: Estimate | None
    follows: Estimate | None
    before: float | None
    after: float | None
    score_change: Estimate
    clear: bool
    right_before: float | None
    right_after: float | None
    expected: Mapping[Kind, Expected]


@attrs.frozen(kw_only=True)
class Dose:
    """The score of answers taken together over some references.

    Attributes:
        references: how many.
        score: of the people of all doses.
    """

    references: int
    score: Estimate


@attrs.frozen(kw_only=True)
class Doses:
    """How much better several references are than one.

    Attributes:
        people: who were asked beside all of them.
        doses: nested: each holds the references of those before.
        gain: the score with the most less that with the fewest.
        clear: whether that is clear of zero.
        reason: why there are fewer than were wanted, else empty.
    """

    people: int
    doses: tuple[Dose, ...]
    gain: Estimate
    clear: bool
    reason: str


@attrs.frozen(kw_only=True)
class Verdict:
    """Which kind of model the interventions show.

    Attributes:
        kind: None where that cannot be told.
        why: in words.
    """

    kind: Kind | None
    why: str


@attrs.frozen(kw_only=True)
class Interventions:
    """What interventions did to the answers of one split.

    Attributes:
        split: whose people were asked.
        metric: name of the score.
        higher_is_better: its direction.
        unit: of the score, may be empty.
        effects: by intervention; one that could not be made is not there.
        copied: share of answers that repeat what is told of a reference, before and after that is
            changed; of classes only.
        verdict: None where no reference is shown.
        doses: None where no reference is shown, or nobody could be asked again.
    """

    split: str
    metric: str
    higher_is_better: bool
    unit: str
    effects: Mapping[str, Effect]
    copied: Estimate | None
    verdict: Verdict | None
    doses: Doses | None

    @property
    def dependence(self) -> Estimate | None:
        """How much answers depend on the references.

        Share of people whose answer changes with what is told of them; of numbers the slope.
        """
        effect = self.effects.get("word-changed")
        if effect is None:
            return None
        return effect.follows if effect.changed is None else effect.changed
