"""What a finished run's model is asked with: the parts that its folder names, built again.

All is read from the run folder, so that it may have been moved to another place or machine; the
study's tables, its scans and the weights that training began with need not be there.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import attrs
import pandas as pd

from brainplug.api import laws
from brainplug.api.roles import PromptTemplate, TaskHead
from brainplug.design.split import load_split, training_values
from brainplug.errors import RecipeError, RunError
from brainplug.recipe.load import recipe_converter
from brainplug.recipe.strict import ProblemsError, read_toml
from brainplug.recipe.tables import Chosen, Evaluation, Images, TaskFiles
from brainplug.recipe.training_tables import Speed
from brainplug.run.arithmetic import read_arithmetic
from brainplug.run.context import fit_for_files
from brainplug.run.lacking_plugins import tell_lacking
from brainplug.tasks.adopt import peek_target
from brainplug.tasks.build import TaskMaker
from brainplug.tasks.read import iterate_glances, iterate_tasks
from brainplug.tasks.wording import find_wording

if TYPE_CHECKING:
    from pathlib import Path

    from brainplug.api.records import Grid, TargetValue
    from brainplug.api.roles import Answers
    from brainplug.registry import Registry
    from brainplug.runtime.run_folder import RunFolder


@attrs.frozen(kw_only=True)
class Asked:
    """How the training dialogues of a run were made.

    Attributes:
        references: scans that one dialogue shows beside the query.
        answers: every answer that was learnt, in words.
    """

    references: int
    answers: frozenset[str]


@attrs.frozen(kw_only=True, eq=False)
class RunParts:
    """The parts of a run, built from its folder when they are asked for.

    Attributes:
        files: of the run folder.
        registry: of the parts.
    """

    files: RunFolder
    registry: Registry

    @cached_property
    def recipe(self) -> dict[str, Any]:
        """The resolved recipe, table by table."""
        return read_toml(self.files.recipe, str(self.files.recipe))

    def table(self, name: str, expected: Any) -> Any:
        """Structure one table of the recipe.

        Raises:
            RecipeError: it cannot be, most often since its plugin is not installed here.
        """
        return self.structure(name, self.recipe.get(name, {}), expected)

    def structure(self, name: str, given: Any, expected: Any) -> Any:
        """Structure what is given of one table of the recipe, as `table` does."""
        convert = recipe_converter(self.registry, self.files.path)
        try:
            return convert.structure(given, expected)
        except ProblemsError as error:
            problems = ProblemsError(error.under(name)).lines()
            told = tell_lacking(self.files, self.registry)
            raise RecipeError(
                str(self.files.recipe), [*problems, *([told] if told else [])]
            ) from error

    @cached_property
    def head(self) -> TaskHead:
        """What reads and says the target."""
        own: TaskHead | None = None
        if "target" in self.recipe:
            own = self.table("target", Chosen[TaskHead]).make()
        if "tasks" not in self.recipe:
            assert own is not None
            return own
        paths = tuple(self.task_files)
        kind, target = peek_target(TaskFiles(train=paths, val=paths, test=paths))
        if own is not None:
            return fit_for_files(own, kind, target)
        head: TaskHead = self.registry.build("heads", kind, column=target)
        return head

    @cached_property
    def train_values(self) -> pd.Series:
        """The values of the training scans."""
        cohort = pd.read_parquet(self.files.cohort, columns=["subject", "target"])
        return training_values(cohort, load_split(self.files.split))

    @cached_property
    def answers(self) -> Answers:
        """How values are said and read, fixed by the training scans."""
        return laws.fit_answers(self.head, self.train_values)

    @cached_property
    def maker(self) -> TaskMaker:
        """What words dialogues as those of the run are worded."""
        template: PromptTemplate
        if "tasks" in self.recipe:
            tasks = (task for path in self.task_files for task in iterate_tasks(path))
            template = find_wording(tasks, self.answers)
        else:
            template = self.table("prompt", Chosen[PromptTemplate]).make()
        return TaskMaker(
            head=self.head, answers=self.answers, template=template, seed=self.recipe["seed"]
        )

    @property
    def task_files(self) -> list[Path]:
        """The training tasks of the run."""
        return sorted(self.files.tasks.glob("*_comparison_tasks_train.json"))

    @cached_property
    def asked(self) -> Asked:
        """How the training dialogues were made.

        Raises:
            RunError: they are not there any more.
        """
        shown, said = set[int](), set[str]()
        for path in self.task_files:
            for glance in iterate_glances(path):
                shown.add(len(glance.references))
                said.add(glance.answer)
        if not shown:
            raise RunError(
                "none",
                where=self.files.tasks,
                expected="the training tasks of the run",
                hint="bring them back, or the same `brainplug run` makes them again",
            )
        return Asked(references=max(shown), answers=frozenset(said))

    @cached_property
    def grid(self) -> Grid:
        """The grid of all scans."""
        images: Images = self.table("images", Images)
        return images.grid

    @cached_property
    def evaluation(self) -> Evaluation:
        """How answers are read and scored."""
        found: Evaluation = self.table("evaluation", Evaluation)
        return found

    @cached_property
    def reading(self) -> Evaluation:
        """How answers are read; no metric and no further study need be here for that."""
        given = self.recipe.get("evaluation", {})
        own = {key: each for key, each in given.items() if key not in ("metrics", "also")}
        found: Evaluation = self.structure("evaluation", own, Evaluation)
        return found

    @cached_property
    def speed(self) -> Speed:
        """What is shared, in the arithmetic that the run was computed with."""
        speed: Speed = self.table("speed", Speed)
        settled = read_arithmetic(self.files) or {"onednn": False}
        return attrs.evolve(speed, onednn=settled["onednn"])

    @property
    def precision(self) -> str:
        """Number format of matrix products."""
        return str(self.recipe["training"]["precision"])

    def read_value(self, given: object) -> TargetValue | None:
        """Return the value that a user gives a reference, None where it is none of the target's.

        A label is taken as the run says it, in capitals or not; a number with its unit or without.
        """
        text = str(given).strip()
        if self.answers.labels:
            folded = {label.casefold(): label for label in self.answers.labels}
            exact = text if text in self.answers.labels else None
            alone = folded.get(text.casefold()) if len(folded) == len(self.answers.labels) else None
            return exact or alone
        unit = getattr(self.answers, "unit", "")
        try:
            number = float(text.removesuffix(unit).strip() if unit else text)
        except ValueError:
            return None
        # A truth value is a number to Python, and no age.
        return number if abs(number) < float("inf") and not isinstance(given, bool) else None
