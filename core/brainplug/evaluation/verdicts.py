"""Which kind of model the interventions show: one that uses, ignores or copies its references.

    copies    at least three quarters of the answers are what is told of a reference, before and
              after that is changed, and another query changes at most a quarter of them; of a
              number, the slope of the answer on what is told is at least 0.75, and that on what
              the query shows at most 0.25
    ignores   other words or scans of the references change the answer of at most a tenth of the
              people; of a number, the slope on what is told is at most 0.1, and other scans move
              the answer by at most 0.2 standard deviations; and the score, which may rest on
              probabilities beneath the answers, is not clearly another one
    uses      references that are told wrongly, by another word or another person's scan, make the
              score clearly worse, and another query changes more than a tenth of the answers; of
              a number, the slope on what the query shows is more than 0.1

Each of these is said where the interval says so, not the estimate; of a number, where 20 people
were asked at all, since an interval of the moves of a few knows nothing of others who would move.
What is none of them cannot be told: too few people, or answers that hang on the references without
being the better for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from brainplug.evaluation.intervention_records import Verdict
from brainplug.evaluation.measure import ENOUGH

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from brainplug.evaluation.bootstrap import Estimate
    from brainplug.evaluation.intervention_records import Effect

MOST, PART, LITTLE = 0.75, 0.25, 0.1
"""Shares of answers, and slopes."""

LITTLE_MOVE = 0.2
"""Standard deviations by which an answer may move that hardly does; a small effect (Cohen 1988)."""

UNCLEAR = (
    "its answers are not clearly worse with references that are told wrongly, and not clearly the "
    "same"
)
UNCLEAR_QUERY = "its answers do not clearly follow who is asked about"

STILL = "its answers stay when the references' scans or values are others"
ALIKE = "it answers alike whatever it is shown, the query too"
BENEATH = (
    "its answers stay when the references' scans or values are others, but the probabilities "
    "beneath them, and with these its score, do not"
)

WRONG = {
    "word-changed": "when another value is told of the references",
    "reference-other": "when the references show somebody of another value than is told",
}
"""Interventions that make what is told of a reference wrong."""

OTHER = ("word-changed", "reference-other", "reference-query")
"""Interventions that change what the references are, to something that a study might hold."""


def judge(
    effects: Mapping[str, Effect],
    copied: Estimate | None,
    higher_is_better: bool,
    *,
    numerical: bool,
) -> Verdict:
    """Say which kind of model the effects of interventions show.

    Args:
        effects: by intervention.
        copied: share of answers that repeat what is told, before and after that is changed.
        higher_is_better: direction of the score.
        numerical: whether answers are numbers.
    """
    query, word = effects.get("query-other"), effects.get("word-changed")
    if query is None or word is None or "reference-other" not in effects:
        return Verdict(kind=None, why="what the references show or tell could not be changed")
    if lacking := find_lacking((query, word), numerical=numerical):
        return Verdict(kind=None, why=lacking)
    follows = query.follows if numerical else query.changed
    repeats = word.follows if numerical else copied
    if at_least(repeats, MOST) and at_most(follows, PART):
        return Verdict(
            kind="copies",
            why="its answers repeat what is told of the references, whoever is asked about",
        )
    others = {name: effects[name] for name in OTHER if name in effects}
    if all(is_still(name, each, numerical=numerical) for name, each in others.items()):
        beneath = any(each.clear for each in others.values())
        why = ALIKE if at_most(query.changed, LITTLE) else STILL
        return Verdict(kind=None, why=BENEATH) if beneath else Verdict(kind="ignores", why=why)
    worse = [words for name, words in WRONG.items() if is_worse(effects[name], higher_is_better)]
    if worse and at_least(follows, LITTLE):
        return Verdict(kind="uses", why=f"its answers are worse {' and '.join(worse)}")
    return Verdict(kind=None, why=UNCLEAR_QUERY if worse else UNCLEAR)


def find_lacking(effects: Sequence[Effect], *, numerical: bool) -> str:
    """Say why effects can show no kind of model, empty where they can."""
    # Answers that say nothing say nothing whatever is changed.
    if any(2 * max(effect.unread) > effect.tasks for effect in effects):
        return "most of its answers cannot be read"
    if numerical and min(effect.people for effect in effects) < ENOUGH:
        return f"fewer than {ENOUGH} people could be asked again"
    return ""


def is_still(name: str, effect: Effect, *, numerical: bool) -> bool:
    """Tell whether an intervention clearly changes next to nothing."""
    if not numerical:
        return at_most(effect.changed, LITTLE)
    if name == "word-changed":
        return at_most(effect.follows, LITTLE) and at_least(effect.follows, -LITTLE)
    return at_most(effect.moved_sd, LITTLE_MOVE)


def is_worse(effect: Effect, higher_is_better: bool) -> bool:
    """Tell whether an intervention clearly makes the score worse."""
    change = effect.score_change.value or 0.0
    return effect.clear and (change < 0) == higher_is_better


def at_least(found: Estimate | None, bound: float) -> bool:
    """Tell whether all of an interval lies above a bound; False without one."""
    return found is not None and found.low is not None and found.low > bound


def at_most(found: Estimate | None, bound: float) -> bool:
    """Tell whether all of an interval lies at or below a bound; False without one."""
    return found is not None and found.high is not None and found.high <= bound
