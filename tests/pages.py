"""A run folder made up by hand, and the page of it: no scan is read and nothing is trained."""

from __future__ import annotations

import attrs
import numpy as np
import pandas as pd

from brainplug.api.records import Image, JoinReport, Turn
from brainplug.audit.balance import describe_split
from brainplug.audit.records import Audit, Information, ShortcutTest, WordsAudit
from brainplug.evaluation.history import PhaseFacts, TrainingHistory, WeightCounts
from brainplug.evaluation.records import SelectedCheckpoint
from brainplug.evaluation.stage import Scoring, score
from brainplug.recipe.load import read_recipe, recipe_text
from brainplug.recipe.tables import Evaluation, Report
from brainplug.registry import load_registry
from brainplug.report.facts import Facts, Sources
from brainplug.report.page import render
from brainplug.runtime.files import write_csv, write_json, write_parquet, write_text
from brainplug.runtime.records import to_lines, write_record
from brainplug.runtime.run_folder import RunFolder
from brainplug.tasks.answers import AnswerRow
from brainplug.tasks.study_facts import CohortFacts, StudyFacts
from brainplug.tasks.task import Task, write_tasks
from brainplug_plugins.heads.categorical import Categorical, CategoricalOptions, ClassAnswers
from brainplug_plugins.heads.numerical import NumberAnswers, Numerical, NumericalOptions
from brainplug_plugins.metrics.auroc import Auroc, AurocOptions
from brainplug_plugins.metrics.balanced_accuracy import BalancedAccuracy, BalancedAccuracyOptions
from brainplug_plugins.metrics.mae import Mae, MaeOptions
from brainplug_plugins.metrics.r2 import R2, R2Options
from small import DESIGN, GRID, LEARNING

REGISTRY = load_registry()

SPLITS = ("train", "val", "test")


@attrs.frozen(kw_only=True)
class Study:
    """What the made-up study is.

    Attributes:
        labels: classes, the commonest first; empty for a number.
        people: of each split.
        right: share of answers that are right, or that err by less than a year.
        unread: answers to the test that cannot be read.
        lost: rows left out, by reason.
        simulated: as its loader says.
        name: of the study.
        target: of the study.
    """

    labels: tuple[str, ...] = ("female", "male")
    people: int = 40
    right: float = 0.9
    unread: int = 0
    lost: tuple[tuple[str, int], ...] = (("target missing", 8),)
    simulated: bool | None = True
    name: str = "MADE-UP"
    target: str = "sex"


def make_truths(study: Study, rng: np.random.Generator) -> list[str | float]:
    """Draw a value for each person of a split; rarer classes come later."""
    if not study.labels:
        return [float(f"{value:.1f}") for value in rng.normal(50, 12, study.people)]
    shares = 0.5 ** np.arange(len(study.labels))
    drawn = rng.choice(len(study.labels), study.people, p=shares / shares.sum())
    return [study.labels[place] for place in drawn]


def make_tasks(study: Study, split: str, rng: np.random.Generator) -> list[Task]:
    """Ask for each person twice, each time beside one other person of the split."""
    truths = make_truths(study, rng)
    tasks = []
    for place, truth in enumerate(truths):
        for again in (1, 2):
            other = (place + again) % study.people
            told = truths[other]
            name = f"{split}-{place:03}"
            tasks.append(
                Task(
                    task_id=f"{name}-{again}",
                    kind="categorical" if study.labels else "numerical",
                    target=study.target,
                    subject=name,
                    truth=truth,
                    references=(f"{split}-{other:03}",),
                    reference_values=(told,),
                    images=tuple(f"/data/T1/{split}-{each:03}.nii.gz" for each in (other, place)),
                    turns=(
                        Turn.user(Image(0), f"This is {told}."),
                        Turn.assistant("Noted."),
                        Turn.user(Image(1), "And this T1?"),
                        Turn.assistant(f"It is {truth}."),
                    ),
                    codes=(0, 0) if study.labels else (),
                )
            )
    return tasks


def answer(study: Study, split: str, tasks: list[Task], rng: np.random.Generator):
    """Answer tasks rightly as often as told; the first ones of the test cannot be read."""
    for place, task in enumerate(tasks):
        said, chances = task.truth, None
        if study.labels:
            wrong = [label for label in study.labels if label != task.truth]
            said = task.truth if rng.random() < study.right else str(rng.choice(wrong))
            rest = 0.2 / len(wrong)
            chances = {label: 0.8 if label == said else rest for label in study.labels}
        else:
            said = round(task.truth + rng.normal(0, 2.0), 1)
        silent = split == "test" and place < study.unread
        yield AnswerRow(
            split=split,
            task_id=task.task_id,
            subject=task.subject,
            references=task.references,
            reference_values=task.reference_values,
            truth=task.truth,
            answer_text="hm <b>$x$</b>" if silent else f"It is {said}.",
            prediction=None if silent else said,
            probabilities=chances,
        )


def make_scoring(study: Study) -> Scoring:
    """Score by two metrics."""
    if study.labels:
        head = Categorical(CategoricalOptions(column=study.target))
        answers = ClassAnswers(labels=study.labels)
        metrics = {
            "balanced-accuracy": BalancedAccuracy(BalancedAccuracyOptions()),
            "auroc": Auroc(AurocOptions()),
        }
    else:
        head = Numerical(NumericalOptions(column=study.target, unit="years"))
        answers = NumberAnswers(precision=1, unit="years")
        metrics = {"mae": Mae(MaeOptions()), "r2": R2(R2Options())}
    evaluation = Evaluation(bootstrap=100)
    return Scoring(head=head, answers=answers, metrics=metrics, evaluation=evaluation, seed=1)


def make_folder(path, study: Study, *, individual: bool = False, splits=("val", "test")) -> Facts:
    """Write all that a page is made from, and return it.

    Args:
        path: of the run folder.
        study: what is in it.
        individual: whether single people may be shown.
        splits: that were answered; without test, the test is locked.
    """
    rng = np.random.default_rng(5)
    files = RunFolder(path)
    files.tasks.mkdir(parents=True)
    tasks = {split: make_tasks(study, split, rng) for split in SPLITS}
    for split, each in tasks.items():
        write_tasks(files.tasks / f"{study.name}_{study.target}_{split}.json", each)
    rows = [row for split in splits for row in answer(study, split, tasks[split], rng)]
    files.answers.write_text(to_lines(rows))
    cohort = make_cohort(study, tasks)
    write_parquet(files.cohort, cohort)
    write_csv(files.split, cohort[["subject", "pool"]])
    metrics = score(rows, {**tasks, "test": tasks["test"]}, make_scoring(study), people=cohort)
    kept = {split: metrics.splits[split] for split in splits}
    selected = SelectedCheckpoint(phase=1, metric="log-loss", value=0.3, step=20)
    write_record(files.metrics, attrs.evolve(metrics, splits=kept, selected=selected))
    write_studies(files, study, len(cohort))
    write_audit(files, cohort)
    write_training(files)
    return Facts(make_sources(files, study, individual=individual))


def make_cohort(study: Study, tasks) -> pd.DataFrame:
    """Return one scan a person, at two sites."""
    truths = {task.subject: task.truth for each in tasks.values() for task in each}
    people = list(truths)
    pools = [name.partition("-")[0] for name in people]
    return pd.DataFrame(
        {
            "scan": people,
            "subject": people,
            "study": study.name,
            "image": [f"/data/T1/{name}.nii.gz" for name in people],
            "target": list(truths.values()),
            "family": [f"f{place // 2}" for place in range(len(people))],
            "site": ["north" if place % 3 else "south" for place in range(len(people))],
            "pool": pools,
            "part": pools,
        }
    )


def write_studies(files: RunFolder, study: Study, left: int) -> None:
    """Write the flow of participants."""
    lost = sum(count for _, count in study.lost)
    losses = tuple((reason, -count) for reason, count in study.lost)
    facts = StudyFacts(
        study=study.name,
        flow=(("rows read", left + lost), *losses, ("usable scans", left)),
        join=JoinReport(rows=left + lost, images=left, matched=left + lost),
        notes=("read from /home/someone/table.csv",),
        simulated=study.simulated,
    )
    write_record(files.facts, CohortFacts(studies=(facts,)))


def write_audit(files: RunFolder, cohort: pd.DataFrame) -> None:
    """Write an audit that found nothing."""
    nothing = ShortcutTest(z=0.4, excess=0.0, beats_chance=False, sentence="")
    words = WordsAudit(
        mutual_information_bits={name: Information(plug_in=0.0, corrected=0.0) for name in SPLITS},
        dependence=nothing,
        text_only=nothing,
        baselines={name: {"majority": 0.5} for name in SPLITS},
    )
    audit = Audit(split=describe_split(cohort), words=words, notes=("two each",), findings=())
    write_record(files.audit, audit)
    write_json(files.split_notes, {"notes": ["asked are all"]})


def write_training(files: RunFolder) -> None:
    """Write curves of twenty steps."""
    counts = WeightCounts(learns=1000, adapters=0, frozen=10)
    phase = PhaseFacts(
        phase=1, seed=1, settings={}, parameters={"projector": counts}, selected=None
    )
    rows = [{"phase": 1, "step": step, "loss": 2.0 / step} for step in (5, 10, 15, 20)]
    rows.append({"phase": 1, "step": 20, "eval_log-loss": 0.3})
    write_record(
        files.training, TrainingHistory(history=tuple(rows), selected=None, phases=(phase,))
    )


def make_sources(files: RunFolder, study: Study, *, individual: bool) -> Sources:
    """Write recipe and record."""
    kind = "categorical" if study.labels else "numerical"
    draft = files.path / "draft.toml"
    design = DESIGN.format(head=kind, column=study.target, more="")
    draft.write_text(design + GRID + LEARNING.format(epochs=1))
    recipe = attrs.evolve(read_recipe(draft, REGISTRY).recipe, report=Report(individual=individual))
    write_text(files.recipe, recipe_text(recipe))
    write_json(files.record, {"brainplug": "0.1.0", "seed": 7, "commit": "0123456789abcdef"})
    blank = np.zeros((4, 4, 4), dtype="float32")
    return Sources(recipe=recipe, files=files, kind=kind, load=lambda _path: blank)


def page_of(path, study: Study, **more) -> str:
    """Return the page of a made-up study."""
    return render(make_folder(path, study, **more))
