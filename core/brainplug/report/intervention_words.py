"""What interventions show, in sentences that claim no more than their intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING

from brainplug.evaluation.numbers_in_words import with_article
from brainplug.report.wording import join_words, metric_name, show_estimate, show_number

if TYPE_CHECKING:
    from brainplug.evaluation.bootstrap import Estimate
    from brainplug.evaluation.intervention_records import Doses, Effect, Interventions

NAMES = {
    "query-other": "query: another person's, of another class or a far value",
    "query-blank": "query: empty",
    "query-shuffled": "query: its voxels shuffled",
    "reference-alike": "reference's scan: another person's, of the same class or a near value",
    "reference-other": "reference's scan: another person's, of another class or a far value",
    "reference-query": "reference's scan: the query's own",
    "reference-blank": "reference's scan: empty",
    "word-changed": "what is told of the reference: another class, or one SD more or less",
}
"""Interventions as a table names them."""

VERDICTS = {
    "uses": "the model uses its references",
    "ignores": "the model ignores its references",
    "copies": "the model copies what is told of its references",
}

NO_BENEFIT = "; no benefit of references was shown by this"


def interventions_in_words(found: Interventions) -> list[str]:
    """Say what the answers hang on, which kind of model that is, and what more references do.

    Args:
        found: what interventions did.
    """
    sentences = [describe_changes(found), describe_verdict(found)]
    if found.doses is not None:
        sentences.append(describe_doses(found.doses, found.metric))
    return [sentence for sentence in sentences if sentence]


def describe_verdict(found: Interventions) -> str:
    """Say which kind of model the interventions show."""
    verdict = found.verdict
    if verdict is None:
        return ""
    if verdict.kind is None:
        return f"Whether the model uses its references cannot be told: {verdict.why}{NO_BENEFIT}."
    benefit = "" if verdict.kind == "uses" else NO_BENEFIT
    return f"So {VERDICTS[verdict.kind]}: {verdict.why}{benefit}."


def describe_changes(found: Interventions) -> str:
    """Say how answers change with the query, with what is told, and with the references' scans."""
    effects = found.effects
    parts = [
        f"{when}, {change_in_words(effects[name], name)}"
        for name, when in (
            ("query-other", "asked about another person"),
            ("word-changed", "told another value of the references"),
            ("reference-other", "beside scans of people of another value than is told"),
        )
        if name in effects
    ]
    if not parts:
        return ""
    people = max(effect.people for effect in effects.values())
    return f"{people} people were asked again with one thing changed: {'; '.join(parts)}."


def change_in_words(effect: Effect, name: str) -> str:
    """Say how far answers changed."""
    if effect.changed is not None:
        return f"{as_percent(effect.changed)} get another answer"
    if name == "reference-other" or effect.follows is None:
        assert effect.moved_sd is not None
        return f"answers move by {as_decimals(effect.moved_sd)} SD"
    return f"answers take over {as_decimals(effect.follows)} of the difference"


def as_decimals(found: Estimate) -> str:
    """Write an estimate and its interval with two decimals, however small it is."""
    ends = [show_number(value, 2) for value in (found.value, found.low, found.high)]
    return ends[0] if found.low is None else f"{ends[0]} ({ends[1]} to {ends[2]})"


def as_percent(share: Estimate) -> str:
    """Write a share and its interval in percent.

    >>> from brainplug.evaluation.bootstrap import Estimate
    >>> as_percent(Estimate(value=0.5, low=0.4, high=0.6)), as_percent(Estimate(value=0.0))
    ('50% (40 to 60)', '0%')
    """
    if share.value is None:
        return "n/a"
    if share.low is None or share.high is None:
        return f"{share.value:.0%}"
    return f"{share.value:.0%} ({100 * share.low:.0f} to {100 * share.high:.0f})"


def describe_doses(doses: Doses, metric: str) -> str:
    """Say how the score goes with the number of references."""
    if len(doses.doses) < 2:
        return f"More references were not tried: {doses.reason}." if doses.reason else ""
    counts = join_words([str(dose.references) for dose in doses.doses])
    scores = join_words([show_estimate(dose.score) for dose in doses.doses])
    clear = "a clear difference" if doses.clear else "not a clear difference"
    short = f"; {doses.reason}" if doses.reason else ""
    return (
        f"Answers taken together over {counts} references have "
        f"{with_article(metric_name(metric))} of {scores} ({doses.people} people); the most "
        f"against the fewest: {show_estimate(doses.gain)}, "
        f"{clear}{short}."
    )


def intervention_rows(found: Interventions) -> list[tuple[str, ...]]:
    """Return a table: what was changed, how far answers changed, and what that did to the score.

    The last columns say what would come of models that use, ignore or copy their references.
    """
    rows = []
    for name, effect in found.effects.items():
        change = effect.changed if effect.changed is not None else effect.moved_sd
        numerical = effect.changed is None
        assert change is not None
        expected = [
            expected_in_words(each.moved if numerical else each.changed, numerical=numerical)
            for each in effect.expected.values()
        ]
        shown = f"{as_decimals(change)} SD" if numerical else as_percent(change)
        rows.append((NAMES[name], shown, show_estimate(effect.score_change), *expected))
    return rows


def expected_in_words(value: float | None, *, numerical: bool) -> str:
    """Write how far the answers of a model of some kind would change."""
    if value is None:
        return "a guess"
    return f"{value:.2f} SD" if numerical else f"{value:.0%}"
