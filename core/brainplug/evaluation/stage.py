"""The metrics stage: what the answers are worth, beside rules that see no image."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from brainplug.api.records import EVALUATED
from brainplug.evaluation.beside import Measures, Rivals, baseline_rules, set_beside
from brainplug.evaluation.bootstrap import BootstrapPlan
from brainplug.evaluation.describe import TargetFacts
from brainplug.evaluation.groupings import find_groups
from brainplug.evaluation.measure import Measure
from brainplug.evaluation.readouts import choose_readout, describe_readouts, keep_counts
from brainplug.evaluation.records import SAID, CandidateScores
from brainplug.evaluation.rules import Rule
from brainplug.evaluation.score import of_split, score_run
from brainplug.evaluation.subgroups import subgroups_of
from brainplug.tasks.answers import AnswerRow
from brainplug.tasks.baselines import rule_predictions, rules_for

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    import pandas as pd

    from brainplug.api.records import Split
    from brainplug.api.roles import Answers, Metric, TaskHead
    from brainplug.baselines.records import Baselines
    from brainplug.evaluation.groupings import Groups
    from brainplug.evaluation.records import Metrics, SplitScores
    from brainplug.recipe.tables import Evaluation
    from brainplug.tasks.task import Task, Tasks


@attrs.frozen(kw_only=True, eq=False)
class Scoring:
    """How the answers of a run are scored.

    Attributes:
        head: names the target.
        answers: of the target, fixed by the training scans.
        metrics: the first is the headline.
        evaluation: the recipe's `[evaluation]`.
        seed: of the bootstrap samples.
        baselines: what simpler readers said of the same people; None where none were asked.
    """

    head: TaskHead
    answers: Answers
    metrics: Mapping[str, Metric]
    evaluation: Evaluation
    seed: int
    baselines: Baselines | None = None

    def facts(self, train: Sequence[Task], people: pd.DataFrame | None) -> TargetFacts:
        """Return what scoring must know besides the answers.

        Args:
            train: the training tasks.
            people: the cohort, a row a scan.
        """
        truths = {task.subject: task.truth for task in train}
        return TargetFacts(
            name=self.head.target,
            kind=self.head.kind,
            labels=self.answers.labels,
            unit=getattr(self.answers, "unit", ""),
            train_values=tuple(truths.values()),
            people=people,
        )

    @property
    def plan(self) -> BootstrapPlan:
        """How intervals are made."""
        return BootstrapPlan(
            samples=self.evaluation.bootstrap,
            confidence=self.evaluation.confidence,
            seed=self.seed,
        )

    def measure(self, facts: TargetFacts) -> Measure:
        """Return how answers to changed tasks are measured."""
        name, metric = next(iter(self.metrics.items()))
        return Measure(facts=facts, name=name, metric=metric, plan=self.plan)


@attrs.frozen(kw_only=True, eq=False)
class Contest:
    """How the model is set beside its rivals, in a whole run and in each study.

    Attributes:
        facts: the target.
        metrics: the first is the headline.
        plan: how intervals are made.
        baselines: see `Scoring`.
    """

    facts: TargetFacts
    metrics: Mapping[str, Metric]
    plan: BootstrapPlan
    baselines: Baselines | None

    def set_beside(
        self, scored: Metrics, rows: Sequence[AnswerRow], rules: Mapping[str, Rule]
    ) -> Metrics:
        """Add the strongest image baseline, and what the model knows beyond confounds."""
        if self.baselines is None:
            return scored
        return set_beside(
            scored,
            rows,
            self.facts,
            measures=Measures(metrics=self.metrics, plan=self.plan),
            rivals=Rivals(rules=rules, baselines=self.baselines),
        )

    def score_study(
        self, rows: Sequence[AnswerRow], rules: Mapping[str, Rule], members: set[str]
    ) -> Mapping[str, SplitScores]:
        """Score the people of one study.

        By the rules and baselines of the whole run, not fitted to the study anew: the model was not
        either.
        """
        mine = {
            name: attrs.evolve(rule, answers=of(rule.answers, members))
            for name, rule in rules.items()
        }
        own = of(rows, members)
        scored = score_run(own, self.facts, metrics=self.metrics, plan=self.plan, rules=mine)
        return self.set_beside(scored, own, mine).splits


def score(
    rows: Sequence[AnswerRow],
    tasks: Tasks,
    scoring: Scoring,
    *,
    people: pd.DataFrame | None,
) -> Metrics:
    """Score the answers of a run, and of each study where there are several, as `studies`.

    The result is `metrics.json`.

    Args:
        rows: of `answers.jsonl`.
        tasks: of every split.
        scoring: how.
        people: the cohort, a row a scan, as far as people are known.
    """
    metrics = scoring.metrics
    facts = scoring.facts(tasks["train"], people)
    plan = scoring.plan
    rules = rules_of(tasks, {row.split for row in rows})
    rules |= baseline_rules(scoring.baselines, facts.labels)
    reading = choose_readout(
        rows, speaks=scoring.evaluation.answer != "score", train_mean=facts.train_mean
    )
    read = reading.rows if reading else {SAID: rows}
    scored = {
        name: score_run(each, facts, metrics=metrics, plan=plan, rules=rules)
        for name, each in read.items()
    }
    headline = reading.headline if reading else SAID
    whole, chosen = scored[headline], read[headline]
    contest = Contest(facts=facts, metrics=metrics, plan=plan, baselines=scoring.baselines)
    both = scoring.evaluation.answer == "both" and bool(facts.labels)
    studies = {
        study: contest.score_study(chosen, rules, members)
        for study, members in people_by_study(people).items()
    }
    whole = contest.set_beside(whole, chosen, rules)
    told = keep_counts(whole, scored[SAID]) if SAID in scored else whole
    groupings = find_groupings(people, tasks["train"], scoring.evaluation.subgroups)
    subgroups = {
        split: subgroups_of(of_split(chosen, split), facts, groupings, metrics=metrics, plan=plan)
        for split in told.splits
    }
    return attrs.evolve(
        told,
        splits={
            split: attrs.evolve(found, subgroups=subgroups[split])
            for split, found in told.splits.items()
        },
        readouts=describe_readouts(reading, scored, rows) if reading else None,
        candidates=score_candidates(rows, facts, metrics, plan) if both else None,
        studies=studies,
    )


def score_candidates(
    rows: Sequence[AnswerRow],
    facts: TargetFacts,
    metrics: Mapping[str, Metric],
    plan: BootstrapPlan,
) -> CandidateScores:
    """Score the most probable candidate answers beside what was said freely."""
    chosen = [attrs.evolve(row, prediction=row.most_probable) for row in rows]
    scored = score_run(chosen, facts, metrics=metrics, plan=plan, rules={})
    alike: dict[str, list[bool]] = {}
    for row in rows:
        alike.setdefault(row.split, []).append(row.prediction == row.most_probable)
    return CandidateScores(
        splits={split: found.metrics for split, found in scored.splits.items()},
        agreement={split: sum(found) / len(found) for split, found in alike.items()},
    )


def find_groupings(
    people: pd.DataFrame | None, train: Sequence[Task], declared: Sequence[str]
) -> dict[str, Groups]:
    """Return what people are grouped by; nothing where none are known."""
    return {} if people is None else find_groups(people, trained_on(train, people), declared)


def trained_on(train: Sequence[Task], people: pd.DataFrame) -> set[str]:
    """Return the subjects of training tasks, queries and references.

    Args:
        train: the tasks.
        people: the cohort, a row a scan.
    """
    shown = {scan for task in train for scan in task.references}
    return {
        *(task.subject for task in train),
        *people.loc[people["scan"].isin(list(shown)), "subject"],
    }


def people_by_study(people: pd.DataFrame | None) -> dict[str, set[str]]:
    """Return the subjects of each study, empty where there is one study only."""
    if people is None or people["study"].nunique() < 2:
        return {}
    return {str(study): set(found["subject"]) for study, found in people.groupby("study")}


def of(rows: Sequence[AnswerRow], members: set[str]) -> list[AnswerRow]:
    """Return the answers of some subjects."""
    return [row for row in rows if row.subject in members]


def rules_of(tasks: Tasks, answered: Collection[str]) -> dict[str, Rule]:
    """Return the rules, fitted to the training tasks, with what they answer to those asked.

    Args:
        tasks: of every split.
        answered: splits that the model answered.
    """
    asked = [(split, task) for split in EVALUATED if split in answered for task in tasks[split]]
    return {
        name: Rule(about=about, answers=rule_rows(name, asked, tasks["train"]))
        for name, about in rules_for(tasks["train"]).items()
    }


def rule_rows(
    rule: str, asked: Sequence[tuple[Split, Task]], train: Sequence[Task]
) -> list[AnswerRow]:
    """Return a rule's answers as rows like the model's."""
    tasks = [task for _, task in asked]
    said = rule_predictions(rule, tasks, train)
    return [
        AnswerRow(
            task_id=task.task_id,
            split=split,
            subject=task.subject,
            references=task.references,
            reference_values=task.reference_values,
            truth=task.truth,
            answer_text="",
            prediction=value,
        )
        for (split, task), value in zip(asked, said, strict=True)
    ]
