"""What the page is made from: the records of a run folder, as far as they are there."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
import pandas as pd

from brainplug.audit.records import Audit
from brainplug.evaluation.history import TrainingHistory
from brainplug.evaluation.records import Metrics, SplitScores
from brainplug.report.sentence import Setting, shown_split
from brainplug.runtime.files import read_json
from brainplug.runtime.records import read_record
from brainplug.tasks.answers import AnswerRow, read_answers
from brainplug.tasks.read import read_tasks
from brainplug.tasks.study_facts import CohortFacts, StudyFacts

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from brainplug.api.records import TargetKind
    from brainplug.recipe.tables import Recipe
    from brainplug.runtime.run_folder import RunFolder
    from brainplug.tasks.task import Task


@attrs.frozen(kw_only=True, eq=False)
class Sources:
    """What the page is made from.

    Attributes:
        recipe: of the run.
        files: of the run folder.
        kind: of the target.
        load: returns the preprocessed volume of a scan file.
    """

    recipe: Recipe
    files: RunFolder
    kind: TargetKind
    load: Callable[[Path], np.ndarray]


@attrs.define(eq=False, slots=False)
class Facts:
    """The records of a run, each read once, when a section asks for it.

    Attributes:
        sources: where they lie.
    """

    sources: Sources

    @property
    def individual(self) -> bool:
        """Whether single people may be shown."""
        return self.sources.recipe.report.individual

    @cached_property
    def metrics(self) -> Metrics:
        """The scores."""
        return read_record(self.sources.files.metrics, Metrics)

    @property
    def split(self) -> str:
        """The split that the page is about: test, or validation while the test is locked."""
        return shown_split(self.metrics.splits)

    @property
    def scored(self) -> SplitScores:
        """The scores of that split."""
        return self.metrics.splits[self.split]

    @property
    def first_metric(self) -> str:
        """The metric of the headline."""
        return next(iter(self.scored.metrics))

    @cached_property
    def studies(self) -> tuple[StudyFacts, ...]:
        """What is known of each study."""
        return read_record(self.sources.files.facts, CohortFacts).studies

    @cached_property
    def audit(self) -> Audit | None:
        """The audit of the tables; of several runs each has its own."""
        path = self.sources.files.audit
        return read_record(path, Audit) if path.exists() else None

    @cached_property
    def training(self) -> TrainingHistory | None:
        """The history of the training; of several runs each has its own."""
        path = self.sources.files.training
        return read_record(path, TrainingHistory) if path.exists() else None

    @cached_property
    def homes(self) -> list[RunFolder]:
        """The folders that hold answers: the run's own, or those of each of several runs."""
        return list(find_homes(self.sources.files))

    @cached_property
    def tasks(self) -> list[Task]:
        """The dialogues of the split that is shown; of several runs each of them once."""
        paths = [path for home in self.homes for path in home.tasks.glob(f"*_{self.split}.json")]
        tasks = [task for path in sorted(paths) for task in read_tasks(path)]
        return list({task.task_id: task for task in tasks}.values())

    @cached_property
    def answers(self) -> list[AnswerRow]:
        """What was said in that split, by each run where there are several."""
        paths = [home.answers for home in self.homes if home.answers.exists()]
        rows = [row for path in paths for row in read_answers(path)]
        return [row for row in rows if row.split == self.split]

    @cached_property
    def cohort(self) -> pd.DataFrame:
        """One row a scan that can be used."""
        return pd.read_parquet(self.sources.files.cohort)

    @cached_property
    def pools(self) -> pd.DataFrame:
        """Who is in which pool; empty where that is not written."""
        path = self.sources.files.split
        if not path.exists():
            return pd.DataFrame(columns=["subject", "pool"], dtype="str")
        # A subject may well be called NA, or 007.
        return pd.read_csv(path, dtype="str", keep_default_na=False)

    @cached_property
    def record(self) -> dict[str, Any]:
        """Versions, seed, hardware and times, as far as the run has come."""
        path = self.sources.files.record
        return dict(read_json(path)) if path.exists() else {}

    @property
    def setting(self) -> Setting:
        """What the sentence must know besides the scores."""
        return Setting.of(self.studies, [len(row.references) for row in self.answers])

    @property
    def study_names(self) -> list[str]:
        """Names of the studies."""
        return [study.study for study in self.studies]


def find_homes(files: RunFolder) -> Iterator[RunFolder]:
    """Give the folder of a run, or those of its runs that have scores, of runs in runs too."""
    if not files.run_list.exists():
        yield files
        return
    for name in read_json(files.run_list):
        own = files.of_run(name)
        if own.metrics.exists():
            yield from find_homes(own)
