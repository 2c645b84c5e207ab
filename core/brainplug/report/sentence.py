"""The one sentence that a colleague may quote, and the few that follow it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from brainplug.baselines.records import IMAGE_KINDS
from brainplug.evaluation.describe import forms_in_words, show_all
from brainplug.evaluation.numbers_in_words import show_p, with_article
from brainplug.evaluation.pooled_records import scales_in_words
from brainplug.evaluation.records import EXPECTED, SAID
from brainplug.report.arms import references_add_in_words
from brainplug.report.intervention_words import interventions_in_words
from brainplug.report.sharing import ends_of
from brainplug.report.wording import (
    count_of,
    count_places,
    join_words,
    metric_name,
    show_estimate,
    show_number,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from brainplug.evaluation.records import (
        AnswerCounts,
        Difference,
        Metrics,
        ReportedScore,
        SplitScores,
    )
    from brainplug.tasks.study_facts import StudyFacts

LITTLE = 0.5
"""A model that puts less of its probability on numbers it may say has not learnt to answer."""

READOUT_NAMES = {
    SAID: "the number that is said",
    EXPECTED: "the expected value of all numbers that may be said",
}


@attrs.frozen(kw_only=True)
class Setting:
    """What the sentence must know besides the scores.

    Attributes:
        studies: names of the studies; empty where they are not known.
        simulated: whether their people are made up; None where nobody says.
        references: reference scans in a dialogue; None where that is not known or differs.
    """

    studies: tuple[str, ...] = ()
    simulated: bool | None = None
    references: int | None = None

    @classmethod
    def of(cls, studies: Sequence[StudyFacts], references: Sequence[int] = ()) -> Setting:
        """Gather it from the studies of a run and the references of each of its dialogues."""
        told = {study.simulated for study in studies}
        counts = set(references)
        return cls(
            studies=tuple(study.study for study in studies),
            # Of several studies, some made up, a reader must know that some are.
            simulated=True if True in told else None if None in told or not told else False,
            references=counts.pop() if len(counts) == 1 else None,
        )

    @property
    def source(self) -> str:
        """Whose scans they are, and whether they are of people who exist."""
        named = join_words(list(self.studies)) if self.studies else ""
        if self.simulated:
            word = "a simulated study" if len(self.studies) < 2 else f"{named}, partly simulated"
            return f" of {word}"
        kind = " (real scans)" if self.simulated is False else ""
        return f" of {named}{kind}" if named else ""


SPLIT_NAMES = {"test": "test", "val": "validation"}


def unopened_in_words(split: str) -> str:
    """Say that the test was not opened, and how it is; nothing where its scores are shown."""
    if split == "test":
        return ""
    return (
        "The test was not opened: these people also chose the checkpoint, which flatters it; "
        "`brainplug evaluate RUN --test` opens it, once nothing is to be changed any more."
    )


def shown_split(splits: Mapping[str, SplitScores]) -> str:
    """Return the split a reader is shown first: test where it was answered."""
    return "test" if "test" in splits else next(iter(splits))


def claim(metrics: Metrics, setting: Setting | None = None) -> str:
    """Say the main result in one sentence: who, what, how well, against what, by what.

    Args:
        metrics: of the run.
        setting: of the run; without it the sentence leaves out what it tells.
    """
    setting = setting or Setting()
    split = shown_split(metrics.splits)
    scored = metrics.splits[split]
    name, score = next(iter(scored.metrics.items()))
    who = f"In {describe_people(scored, split)}{setting.source}"
    target = metrics.target.name
    task = f"the model told {target} from a brain MRI{beside(setting.references, target)}"
    if scored.counts.unparsed_tasks == scored.counts.tasks and not told_all_the_same(metrics):
        silent = f"gave no answer that can be read to any of {scored.counts.tasks} questions"
        return (
            f"{who}, the model, asked for {target} from a brain MRI, {silent}, which is no score."
        )
    if score.value is None:
        return f"{who}, {metric_name(name)} of {target} is not defined: {score.reason}."
    level = f"{metrics.intervals.confidence:.0%} CI "
    unit = f" {score.unit}" if score.unit else ""
    reached = f"{with_article(metric_name(name))} of {show_score(score, level, unit)}"
    reached += within_runs_in_words(metrics, name)
    clauses = [
        f"{who}, {task} with {reached}{spread_in_words(metrics, scored, name)}",
        compare_in_words(scored, name),
        references_add_in_words(metrics, split) or NOT_MEASURED,
    ]
    return "; ".join(clause for clause in clauses if clause) + "."


def within_runs_in_words(metrics: Metrics, name: str) -> str:
    """Say how people rank within their own runs, where that is above how all of them rank.

    Args:
        metrics: of the run.
        name: of the metric.
    """
    runs = metrics.runs
    if runs is None or (mean := runs.mean.get(name)) is None:
        return ""
    score = metrics.splits[runs.split].metrics[name]
    if not scales_in_words(runs, name, name, (score.value, score.high)):
        return ""
    return f", and {show_number(mean)} on average among the people of one run"


def describe_people(scored: SplitScores, split: str) -> str:
    """Say how many people were asked, and in which split."""
    people = count_of(scored.counts.subjects, "person", "people")
    if split == "test":
        return people.replace(" p", " held-out p")
    return f"{people} of the validation split (the test was not opened)"


def beside(references: int | None, target: str) -> str:
    """Say how many references stand in a dialogue.

    >>> beside(1, "sex"), beside(4, "age"), beside(0, "age")
    (' beside a reference of known sex', ' beside 4 references of known age', ' alone')
    """
    if references is None:
        return ""
    if references == 0:
        return " alone"
    many = "a reference" if references == 1 else f"{references} references"
    return f" beside {many} of known {target}"


def show_score(score: ReportedScore, level: str = "", unit: str = "") -> str:
    """Write a score with its unit and interval."""
    shown = show_estimate(score, level)
    number, bracket, rest = shown.partition(" (")
    return f"{number}{unit}{bracket}{rest}"


def told_all_the_same(metrics: Metrics) -> bool:
    """Tell whether a value is told without any answer that can be read, as expected ones are."""
    return metrics.readouts is not None and metrics.readouts.headline == EXPECTED


def own_scores(scored: SplitScores, metrics: Metrics) -> dict[str, ReportedScore]:
    """Return the model's scores; where nothing it said can be read, a 0 of them is none."""
    counts, found = scored.counts, dict(scored.metrics)
    if not counts.tasks or counts.unparsed_tasks < counts.tasks or told_all_the_same(metrics):
        return found
    reason = f"none of {counts.tasks} answers can be read"
    # What is made of the candidates' probabilities, such as an AUROC, is a score all the same.
    silent = metrics.target.kind == "numerical"
    return {
        name: attrs.evolve(score, value=None, low=None, high=None, reason=reason)
        if silent or not score.value
        else score
        for name, score in found.items()
    }


def spread_in_words(metrics: Metrics, scored: SplitScores, name: str) -> str:
    """Say how far the true values spread, without which an error in their unit means nothing."""
    if metrics.target.kind == "categorical" or name.startswith(("r2", "pearson")):
        return ""
    truths = [truth for truth, _ in scored.scatter or ()]
    sd, ends = spread_of(truths), ends_of(truths)
    unit = f" {metrics.target.unit}" if metrics.target.unit else ""
    parts = [] if sd is None else [f"have an SD of {show_number(sd)}{unit}"]
    if ends:
        parts.append(f"go from about {show_number(ends[0])} to {show_number(ends[1])}")
    return f", where true values {' and '.join(parts)}" if parts else ""


def spread_of(values: Sequence[float]) -> float | None:
    """Return the standard deviation, None of fewer than two."""
    import numpy as np

    return float(np.std(values, ddof=1)) if len(values) > 1 else None


KIND_NAMES = {
    "image": "the strongest baseline that sees the images",
    "reference": "the strongest baseline that sees the images, references among them",
    "confound": "the strongest of the confounds",
    "site": "each site's own guess",
    "rule": "the best rule that sees no image",
}
"""How a baseline of a kind is called where it is the strongest of its kind."""


def compare_in_words(scored: SplitScores, name: str) -> str:
    """Say how the model stands to what stands beside it, by the intervals of the differences.

    To the strongest baseline that sees the images where there is one; to the best of what sees none
    where there is no other, or where the model is not better than that either.
    """
    seeing, blind = scored.image_difference.get(name), scored.difference.get(name)
    told = []
    if seeing is not None and seeing.value is not None:
        told.append(stand_in_words(seeing, scored, name))
    if blind is not None and blind.against is not None and not (told and is_better(blind)):
        told.append(stand_in_words(blind, scored, name))
    return ", and ".join(told)


def is_better(difference: Difference) -> bool:
    """Tell whether the model is better, clear of zero."""
    sign = 1 if difference.higher_is_better else -1
    return difference.clear and sign * (difference.value or 0) > 0


def stand_in_words(difference: Difference, scored: SplitScores, name: str) -> str:
    """Say how the model stands to one rival.

    Args:
        difference: the model less the rival.
        scored: of the same people.
        name: of the metric.
    """
    assert difference.against is not None
    baseline = scored.baselines[difference.against]
    # Rules are known by their names; what was fitted is not.
    named = baseline.about if baseline.kind in IMAGE_KINDS else f"“{difference.against}”"
    rival = f"{KIND_NAMES[baseline.kind]}, {named}"
    reached = show_number(baseline.metrics[name].value)
    gap = f"{reached}; difference {show_difference(difference)}"
    if not difference.clear:
        return f"it cannot be told from {rival} ({gap})"
    return f"it did {'better' if is_better(difference) else 'worse'} than {rival} ({gap})"


def show_difference(difference: Difference) -> str:
    """Write a difference with its interval and test, without brackets.

    Args:
        difference: of two systems.
    """
    places = count_places(difference.value, difference.low, difference.high)
    parts = [show_number(difference.value, places)]
    if difference.low is not None:
        ends = (show_number(end, places) for end in (difference.low, difference.high))
        parts.append(" to ".join(ends))
    if difference.p_value is not None:
        parts.append(show_p(difference.p_value))
    return ", ".join(parts)


NOT_MEASURED = "what references add was not measured"


def further_sentences(metrics: Metrics, show: Callable[[int, int], str] = show_all) -> list[str]:
    """Say what a reader of the first sentence must know next, a sentence each.

    Args:
        metrics: of the run.
        show: writes how many of how many; on a page to share it hides a few.
    """
    scored = metrics.splits[shown_split(metrics.splits)]
    name = next(iter(scored.metrics))
    found = [
        readouts_in_words(metrics, name),
        unread_in_words(scored.counts, metrics, show),
        forms_in_words(scored.counts, show),
        candidates_in_words(metrics),
        *(interventions_in_words(metrics.interventions) if metrics.interventions else ()),
        unopened_in_words(shown_split(metrics.splits)),
    ]
    return [sentence for sentence in found if sentence]


def readouts_in_words(metrics: Metrics, name: str) -> str:
    """Say how numbers were read, by what validation it was chosen, and how the other way scores.

    Args:
        metrics: of the run.
        name: of the first metric.
    """
    found = metrics.readouts
    if found is None:
        return ""
    split = shown_split(metrics.splits)
    opening = f"The model's answer is {READOUT_NAMES[found.headline]}"
    if found.headline == EXPECTED and (mass := found.mass.get(split, 1.0)) < LITTLE:
        little = f"no more than {mass:.0%}" if mass >= 0.01 else "less than 1%"
        opening += f", on which it puts {little} of its probability"
    others = other_readout(metrics, split)
    if not others:
        return f"{opening}."
    (other,) = {SAID, EXPECTED} - {found.headline}
    own, by_other = (show_number(found.validation[each]) for each in (found.headline, other))
    return (
        f"{opening}, chosen on the validation subjects, whose mean absolute error was {own} by it "
        f"and {by_other} by {READOUT_NAMES[other]}; by that one {metric_name(name)} was "
        f"{show_estimate(others[0][1][name])} here."
    )


def other_readout(metrics: Metrics, split: str) -> list[tuple[str, Mapping[str, ReportedScore]]]:
    """Return the read-out of numbers that is not the headline, named, with its scores, if any."""
    found = metrics.readouts
    if found is None or split not in found.other:
        return []
    (name,) = {SAID, EXPECTED} - {found.headline}
    return [(f"model, by {READOUT_NAMES[name]}", found.other[split])]


def unread_in_words(
    counts: AnswerCounts, metrics: Metrics, show: Callable[[int, int], str] = show_all
) -> str:
    """Say how many answers could not be read and what became of them."""
    unread = counts.unparsed_tasks
    if not unread:
        return ""
    fate = "their subjects are scored with the larger of their own error and the training mean's"
    if metrics.target.kind == "categorical":
        fate = "a subject without a readable answer counts as wrong"
    elif told_all_the_same(metrics):
        fate = "the expected value is told for them all the same"
    told = show(unread, counts.tasks)
    return f"{told} of {count_of(counts.tasks, 'answer')} could not be read; {fate}."


def candidates_in_words(metrics: Metrics) -> str:
    """Say how the most probable candidate answers score, and how often they are what is said."""
    found, split = metrics.candidates, shown_split(metrics.splits)
    if found is None or split not in found.splits:
        return ""
    name, score = next(iter(found.splits[split].items()))
    tasks = count_of(metrics.splits[split].counts.tasks, "answer")
    return (
        f"Read off as the most probable candidate answer, {metric_name(name)} was "
        f"{show_estimate(score)}; that is what the model says freely in "
        f"{found.agreement[split]:.0%} of {tasks}."
    )
