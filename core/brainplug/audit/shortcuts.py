"""What answers without a scan could reach: the audit of words and references."""

from __future__ import annotations

from collections import Counter
from statistics import median
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from brainplug.api.records import SPLITS
from brainplug.audit.balance import plain
from brainplug.audit.records import Information, ShortcutTest, WordsAudit
from brainplug.findings import Finding
from brainplug.tasks.baselines import TEXT, rule_predictions, rules_for
from brainplug.toolkit.cross_counts import cross_counts

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from jaxtyping import Float

    from brainplug.api.records import Split, TargetValue
    from brainplug.api.roles import Answers
    from brainplug.tasks.baselines import Asked

BEYOND_CHANCE = 3.29
"""Standard errors from chance that no honest pairing reaches: 1 in 1,000 on both sides."""


def audit_words(
    tasks: Mapping[Split, Sequence[Asked]],
    answers: Answers,
    studies: Mapping[str, str] | None = None,
) -> tuple[WordsAudit, list[Finding]]:
    """Measure what can be told without a scan; give it for `audit.json`, and what beats chance.

    References come from the query's own study, so in several studies they tell which one that is,
    and what is usual there. Chance is therefore that within each study; that the words tell the
    study, where they do, is a note.

    Args:
        tasks: of each split.
        answers: names strata.
        studies: study of each subject; None where there is one.
    """
    every = [task for name in SPLITS for task in tasks[name]]
    said = {rule: rule_predictions(rule, every, tasks["train"]) for rule in rules_for(every)}
    trained = len(tasks["train"])
    told = [(studies or {}).get(task.subject, "") for task in every]
    dependence = measure_dependence(every, told)
    text = measure_text(every, said[TEXT], told, trained=trained)
    rules: dict[str, dict[str, float | None]] = {
        name: {
            rule: score_rule(tasks[name], predicted[start : start + len(tasks[name])])
            for rule, predicted in said.items()
        }
        for name, start in starts(tasks).items()
    }
    measured = WordsAudit(
        mutual_information_bits={name: information(tasks[name], answers) for name in SPLITS},
        dependence=dependence,
        text_only=text,
        baselines=rules,
    )
    findings = [
        Finding(kind="shortcut", what=f"{found.sentence}; {best_rule(rules['test'], every)}")
        for found in (dependence, text)
        if found.beats_chance
    ]
    if len(set(told)) > 1 and measure_dependence(every).beats_chance:
        findings.append(Finding(kind="note", what=TELLS_STUDY))
    return measured, findings


TELLS_STUDY = (
    "studies differ in the target, so the reference tells which study its query is from and what "
    "is usual there: read the scores of each study, not those of all together"
)


def starts(tasks: Mapping[Split, Sequence[Asked]]) -> dict[Split, int]:
    """Return where each split begins when all tasks stand one after another."""
    lengths = [len(tasks[name]) for name in SPLITS]
    return {name: sum(lengths[:place]) for place, name in enumerate(SPLITS)}


def best_rule(scores: Mapping[str, float | None], tasks: Sequence[Asked]) -> str:
    """Say how far the best rule comes on the test people."""
    known = {name: score for name, score in scores.items() if score is not None}
    if tasks[0].kind == "numerical":
        name = min(known, key=lambda rule: known[rule])
        return f"on the test people the best of such rules, {name}, errs by {known[name]:.3g}"
    name = max(known, key=lambda rule: known[rule])
    return f"on the test people the best of such rules, {name}, is right in {known[name]:.1%}"


def measure_dependence(
    tasks: Sequence[Asked], studies: Sequence[str] | None = None
) -> ShortcutTest:
    """Test whether a reference's value tells of the query's, beyond how common values are.

    For each query the mean agreement over its tasks is compared with the agreement expected of
    independent draws within its study; queries are the units, so several references of one are not
    counted twice.

    Args:
        tasks: of all splits.
        studies: study of each task; None where there is one.
    """
    paired = [place for place, task in enumerate(tasks) if task.references]
    if not paired:
        return ShortcutTest(
            z=None, excess=0.0, beats_chance=False, sentence="no task shows a reference"
        )
    measure = number_excess if tasks[0].kind == "numerical" else label_excess
    excess = np.zeros(len(tasks))
    for places in group_places(tasks, studies):
        shown = [place for place in places if tasks[place].references]
        excess[shown] = measure([tasks[place] for place in shown])
    asked = [tasks[place].subject for place in paired]
    by_query = pd.Series(excess[paired]).groupby(asked).mean()
    # With few tasks equal excesses come by chance; no error is taken for smaller than that.
    floor = 0.5 / np.sqrt(len(paired))
    error = (
        max(float(by_query.std(ddof=1) / np.sqrt(len(by_query))), floor)
        if len(by_query) > 1
        else 1.0
    )
    z = float(by_query.mean()) / error
    return ShortcutTest(
        z=round(z, 3),
        excess=round(float(by_query.mean()), 4),
        beats_chance=bool(abs(z) > BEYOND_CHANCE),
        sentence=(
            "the reference's value gives away the query's: they agree "
            f"{abs(float(by_query.mean())):.3f} {'more' if z > 0 else 'less'} than by chance "
            f"({abs(z):.1f} standard errors), so a rule that "
            f"{'repeats the reference' if z > 0 else 'says the opposite'} needs no scan"
        ),
    )


def group_places(tasks: Sequence[Asked], studies: Sequence[str] | None) -> Iterable[Sequence[int]]:
    """Return the places of the tasks of each study."""
    if studies is None:
        return (range(len(tasks)),)
    places: dict[str, list[int]] = {}
    for place, study in enumerate(studies):
        places.setdefault(study, []).append(place)
    return places.values()


def label_excess(tasks: Sequence[Asked]) -> Float[np.ndarray, " n"]:
    """Return for each task the share of references with its label, less what is expected."""
    told = pd.Series([value for task in tasks for value in task.reference_values])
    shares = told.value_counts(normalize=True).to_dict()
    return np.array(
        [
            task.reference_values.count(task.truth) / len(task.reference_values)
            - shares.get(task.truth, 0.0)
            for task in tasks
        ]
    )


def number_excess(tasks: Sequence[Asked]) -> Float[np.ndarray, " n"]:
    """Return for each task the product of standardised query and reference values, halved.

    Halved, since values that vary as labels do then have the same standard error.
    """
    truth = np.array([float(task.truth) for task in tasks])
    told = np.array(
        [sum(map(float, task.reference_values)) / len(task.reference_values) for task in tasks]
    )
    spread = truth.std() * told.std()
    return (truth - truth.mean()) * (told - told.mean()) / (2 * spread) if spread else truth * 0.0


def measure_text(
    tasks: Sequence[Asked],
    said: Sequence[TargetValue],
    studies: Sequence[str],
    *,
    trained: int,
) -> ShortcutTest:
    """Test whether a linear reader of the words, fitted on train, beats chance on the others.

    Chance is that of somebody who knows the study: its training mean, or its share of each answer.

    Args:
        tasks: of all splits, training first.
        said: what the reader answered to each.
        studies: study of each task.
        trained: how many are training tasks.
    """
    asked = tasks[trained:]
    gains = np.zeros(len(tasks))
    for places in group_places(tasks, studies):
        later = [place for place in places if place >= trained]
        truths = [tasks[place].truth for place in later]
        answered = [said[place] for place in later]
        if tasks[0].kind == "numerical":
            known = [float(tasks[place].truth) for place in places if place < trained]
            centre = sum(known) / len(known) if known else 0.0
            gains[later] = [
                abs(float(truth) - centre) - abs(float(truth) - float(value))
                for truth, value in zip(truths, answered, strict=True)
            ]
        else:
            counts = Counter(answered)
            gains[later] = [
                float(value == truth) - counts[truth] / len(answered)
                for truth, value in zip(truths, answered, strict=True)
            ]
    gain = gains[trained:]
    by_query = pd.Series(gain).groupby([task.subject for task in asked]).mean()
    spread = float(by_query.std(ddof=1) / np.sqrt(len(by_query))) if len(by_query) > 1 else 0.0
    z = float(by_query.mean()) / spread if spread > 0 else 0.0
    return ShortcutTest(
        z=round(z, 3),
        excess=round(float(by_query.mean()), 4),
        beats_chance=bool(z > BEYOND_CHANCE and len(by_query) >= 10),
        sentence="a classifier that reads only the words of the dialogue beats chance "
        f"({z:.1f} standard errors)",
    )


def information(tasks: Sequence[Asked], answers: Answers) -> Information:
    """Return the mutual information of reference and query stratum, in bits.

    The plug-in estimate is too high by about (r-1)(c-1) / (2 n ln 2) for independent values of r
    and c strata (Miller, 1955); that is taken off for `corrected`.
    """
    pairs = [(task.truth, value) for task in tasks for value in task.reference_values]
    if not pairs:
        return Information(plug_in=0.0, corrected=0.0)
    truth, told = (answers.strata(pd.Series(column)) for column in zip(*pairs, strict=True))
    counts = cross_counts(truth, told)[2]
    joint = counts / counts.sum()
    expected = joint.sum(1, keepdims=True) * joint.sum(0, keepdims=True)
    seen = joint > 0
    bits = float((joint[seen] * np.log2(joint[seen] / expected[seen])).sum())
    bias = (joint.shape[0] - 1) * (joint.shape[1] - 1) / (2 * len(pairs) * np.log(2))
    return Information(plug_in=round(bits, 5), corrected=round(bits - bias, 5))


def score_rule(tasks: Sequence[Asked], said: Sequence[TargetValue]) -> float | None:
    """Return a rule's accuracy, or mean absolute error, over people.

    Each person has the vote of its tasks, or their median, as in the scores of a run; what is tied
    counts in equal shares.
    """
    told: dict[tuple[str, TargetValue], list[TargetValue]] = {}
    for task, value in zip(tasks, said, strict=True):
        told.setdefault((task.subject, task.truth), []).append(value)
    if not told:
        return None
    numerical = tasks[0].kind == "numerical"
    score = median_error if numerical else share_of_vote
    return plain(sum(score(truth, values) for (_, truth), values in told.items()) / len(told))


def share_of_vote(truth: TargetValue, values: Sequence[TargetValue]) -> float:
    """Return the share of the labels said most often that is right.

    >>> share_of_vote("a", ["a", "b"]), share_of_vote("a", ["a", "a", "b"])
    (0.5, 1.0)
    """
    votes = [values.count(label) for label in set(values)]
    most = max(votes)
    return (values.count(truth) == most) / votes.count(most)


def median_error(truth: TargetValue, values: Sequence[TargetValue]) -> float:
    """Return how far the median of a person's numbers is from the truth."""
    return abs(float(truth) - median(map(float, values)))
