"""The stages after the answers: metrics beside the rules that see no image, and the report."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from brainplug.evaluation.bootstrap import BootstrapPlan
from brainplug.evaluation.score import Rule, TargetFacts, score_run
from brainplug.rules import rule_predictions, rules_for

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pandas as pd

    from brainplug.dialogue import Task
    from brainplug.parts import Answers
    from brainplug.types import Split
    from brainplug.workspace import Workspace


def read_answers(path: Path) -> list[dict[str, Any]]:
    """Read `answers.jsonl`."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def score(
    workspace: Workspace,
    rows: Sequence[dict[str, Any]],
    tasks: dict[Split, list[Task]],
    *,
    answers: Answers,
    people: pd.DataFrame | None,
) -> dict[str, Any]:
    """Score the answers of a run; the result is `metrics.json`."""
    recipe, head = workspace.recipe, workspace.head
    truths = {task.subject: task.truth for task in tasks["train"]}
    facts = TargetFacts(
        name=head.target,
        kind=head.kind,
        labels=answers.labels,
        unit=getattr(answers, "unit", ""),
        train_values=tuple(truths.values()),
        people=people,
    )
    plan = BootstrapPlan(
        samples=recipe.evaluation.bootstrap,
        confidence=recipe.evaluation.confidence,
        seed=recipe.seed,
    )
    splits: tuple[Split, ...] = ("val", "test")
    asked = [(split, task) for split in splits for task in tasks[split]]
    rules = {
        name: Rule(about=about, answers=rule_rows(name, asked, tasks["train"]))
        for name, about in rules_for(tasks["train"]).items()
    }
    return score_run(rows, facts, metrics=workspace.metrics, plan=plan, rules=rules)


def rule_rows(
    rule: str, asked: Sequence[tuple[Split, Task]], train: Sequence[Task]
) -> list[dict[str, Any]]:
    """Return a rule's answers in the form of `answers.jsonl`."""
    tasks = [task for _, task in asked]
    said = rule_predictions(rule, tasks, train)
    return [
        {
            "task_id": task.task_id,
            "split": split,
            "subject": task.subject,
            "references": list(task.references),
            "reference_values": list(task.reference_values),
            "truth": task.truth,
            "text": "",
            "parsed": value,
            "probabilities": None,
        }
        for (split, task), value in zip(asked, said, strict=True)
    ]
