"""A run's result in one table and in a sentence or two that claim no more than the intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING

from brainplug.evaluation.records import EXPECTED, SAID

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.table import Table

    from brainplug.evaluation.records import (
        AnswerCounts,
        Difference,
        Metrics,
        ReportedScore,
        SplitScores,
    )

MINUS = "\u2212"

METRIC_NAMES = {
    "accuracy": "accuracy",
    "auroc": "AUROC",
    "balanced-accuracy": "balanced accuracy",
    "expected-error": "error of the expected value",
    "macro-f1": "macro F1",
    "mae": "mean absolute error",
    "pearson-r": "Pearson's r",
    "r2": "R²",
    "rmse": "root mean squared error",
}


SPLIT_NAMES = {"test": "test", "val": "validation"}


def unopened_in_words(split: str) -> str:
    """Say that the test was not opened, and how it is; nothing where its scores are shown."""
    if split == "test":
        return ""
    return (
        "The test was not opened: these people also chose the checkpoint, which flatters it; "
        "`brainplug evaluate RUN --test` opens it, once nothing is to be changed any more."
    )


def headline(metrics: Metrics, of: str = "") -> Table:
    """Return the test scores with intervals, beside every rule, for the terminal.

    Args:
        metrics: of the run.
        of: the study whose scores are shown, where they are not those of all.
    """
    from rich.table import Table

    splits = metrics.studies[of] if of else metrics.splits
    split = shown_split(splits)
    scored = splits[split]
    people = f"{SPLIT_NAMES[split]} subjects" + (f" of {of}" if of else "")
    table = Table(title=f"{metrics.target.name}: {scored.counts.subjects} {people}")
    table.add_column("")
    for name, score in scored.metrics.items():
        unit = f" ({score.unit})" if score.unit else ""
        arrow = "↑" if score.higher_is_better else "↓"
        table.add_column(f"{metric_name(name)}{unit} {arrow}", justify="right")
    table.add_row("model", *model_cells(scored, metrics), style="bold")
    for name, scores in other_readout(metrics, split) if not of else ():
        table.add_row(name, *map(show_estimate, scores.values()))
    for name, baseline in scored.baselines.items():
        table.add_row(name, *map(show_estimate, baseline.metrics.values()))
    level = f"{metrics.intervals.confidence:.0%}"
    table.caption = f"rules see no image; {level} intervals over {metrics.intervals.unit}"
    return table


def model_cells(scored: SplitScores, metrics: Metrics) -> list[str]:
    """Return the model's scores; where nothing could be read, that, since 0.00 looks like a score.

    Args:
        scored: of the split that is shown.
        metrics: of the run.
    """
    counts, scores = scored.counts, list(scored.metrics.values())
    expected = metrics.readouts is not None and metrics.readouts.headline == EXPECTED
    if not counts.tasks or counts.unparsed_tasks < counts.tasks or expected:
        return [show_estimate(score) for score in scores]
    # What is made of the candidates' probabilities, such as an AUROC, is a score all the same.
    silent = metrics.target.kind == "numerical"
    cells = ["" if silent or not score.value else show_estimate(score) for score in scores]
    cells[cells.index("") if "" in cells else 0] = f"all {counts.tasks} answers unreadable"
    return cells


def claim(metrics: Metrics) -> str:
    """Say the main result in words.

    Args:
        metrics: of the run.
    """
    split = shown_split(metrics.splits)
    scored = metrics.splits[split]
    name, score = next(iter(scored.metrics.items()))
    kind = "held-out" if split == "test" else "validation"
    opening = f"On {scored.counts.subjects} {kind} subjects, {metric_name(name)}"
    if score.value is None:
        return f"{opening} is not defined: {score.reason}."
    unit = f" {score.unit}" if score.unit else ""
    level = f"{metrics.intervals.confidence:.0%} CI "
    sentences = [
        f"{opening} was {show_number(score.value)}{unit}{bracketed(score, level)}.",
        compare_in_words(scored, name),
        readouts_in_words(metrics, name),
        unread_in_words(scored.counts, metrics),
        candidates_in_words(metrics),
        unopened_in_words(split),
    ]
    return " ".join(sentence for sentence in sentences if sentence)


def compare_in_words(scored: SplitScores, name: str) -> str:
    """Say how the model stands to the best rule, by the interval of their difference."""
    difference = scored.difference[name]
    if difference.against is None:
        return ""
    best = scored.baselines[difference.against].metrics[name]
    opening = (
        f"The best rule that sees no image, “{difference.against}”, reached "
        f"{show_number(best.value)}{bracketed(best)}"
    )
    gap = f"{show_number(difference.value)}{bracketed(difference)}"
    p_value = difference.p_value
    tested = "" if p_value is None else f"; paired permutation {show_p(p_value)}"
    sign = 1 if difference.higher_is_better else -1
    verdict = "better" if sign * (difference.value or 0) > 0 else "worse"
    if difference.clear:
        return f"{opening}: the model did {verdict}, by a difference of {gap}{tested}."
    if difference.low is None:
        return f"{opening}; their difference is {gap} without an interval{tested}."
    return (
        f"{opening}. The difference, {gap}{tested}, is not clear of zero: on these subjects the "
        "model cannot be told from that rule."
    )


def show_p(value: float) -> str:
    """Write a p value.

    >>> show_p(0.0004), show_p(0.0312)
    ('p < 0.001', 'p = 0.031')
    """
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}"


LITTLE = 0.5
"""A model that puts less of its probability on numbers it may say has not learnt to answer."""

READOUT_NAMES = {
    SAID: "the number that is said",
    EXPECTED: "the expected value of all numbers that may be said",
}


def other_readout(metrics: Metrics, split: str) -> list[tuple[str, Mapping[str, ReportedScore]]]:
    """Return the read-out of numbers that is not the headline, named, with its scores, if any."""
    found = metrics.readouts
    if found is None or split not in found.other:
        return []
    (name,) = {SAID, EXPECTED} - {found.headline}
    return [(f"model, by {READOUT_NAMES[name]}", found.other[split])]


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
        opening += f", on which it puts no more than {show_number(mass)} of its probability"
    others = other_readout(metrics, split)
    if not others:
        return f"{opening}."
    (other,) = {SAID, EXPECTED} - {found.headline}
    own, beside = (show_number(found.validation[each]) for each in (found.headline, other))
    return (
        f"{opening}, chosen on the validation subjects, whose mean absolute error was {own} by it "
        f"and {beside} by {READOUT_NAMES[other]}; by that one {metric_name(name)} was "
        f"{show_estimate(others[0][1][name])} here."
    )


def unread_in_words(counts: AnswerCounts, metrics: Metrics) -> str:
    """Say how many answers could not be read and what became of them."""
    unread = counts.unparsed_tasks
    if not unread:
        return ""
    fate = "their subjects are scored with the larger of their own error and the training mean's"
    if metrics.target.kind == "categorical":
        fate = "a subject without a readable answer counts as wrong"
    elif metrics.readouts and metrics.readouts.headline == EXPECTED:
        fate = "the expected value is told for them all the same"
    return f"{unread} of {counts.tasks} answers could not be read; {fate}."


def candidates_in_words(metrics: Metrics) -> str:
    """Say how the most probable candidate answers score, and how often they are what is said."""
    found, split = metrics.candidates, shown_split(metrics.splits)
    if not found:
        return ""
    name, score = next(iter(found.splits[split].items()))
    return (
        f"Read off as the most probable candidate answer, {metric_name(name)} was "
        f"{show_estimate(score)}; that is what the model says freely in "
        f"{found.agreement[split]:.0%} of {metrics.splits[split].counts.tasks} answers."
    )


def shown_split(splits: Mapping[str, SplitScores]) -> str:
    """Return the split a reader is shown first: test where it was answered."""
    return "test" if "test" in splits else next(iter(splits))


def metric_name(name: str) -> str:
    """Return a metric's name as it is written in a sentence.

    >>> metric_name("r2"), metric_name("median-error"), metric_name("pinball-loss (at = -0.5)")
    ('R²', 'median error', 'pinball loss (at = -0.5)')
    """
    # Options that were changed stand behind the part's name; see `metric_label`.
    part, opening, options = name.partition(" (")
    return METRIC_NAMES.get(part, part.replace("-", " ")) + opening + options


def show_number(value: float | None) -> str:
    """Write a score with as many places as one reads.

    >>> show_number(0.905), show_number(12.34), show_number(4321.0), show_number(0.0042)
    ('0.91', '12.3', '4321', '0.0042')
    """
    if value is None:
        return "n/a"
    size = abs(value)
    if 0 < size < 0.01:
        text = f"{value:.2g}"
    else:
        text = f"{value:.{0 if size >= 100 else 1 if size >= 10 else 2}f}"
    # A small negative number rounds to "-0.00".
    return text.replace("-", MINUS) if float(text) else text.replace("-", "")


def bracketed(score: ReportedScore | Difference, level: str = "") -> str:
    """Write an interval in brackets, nothing where there is none."""
    if score.low is None:
        return f" (no interval: {score.reason})" if level else ""
    return f" ({level}{show_number(score.low)} to {show_number(score.high)})"


def show_estimate(score: ReportedScore) -> str:
    """Write a score and its interval for a table."""
    return f"{show_number(score.value)}{bracketed(score)}"
