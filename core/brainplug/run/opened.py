"""A run folder opened from Python: what it holds, as tables, and its model, to be asked."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from brainplug.errors import RunError
from brainplug.recipe.strict import read_toml
from brainplug.run.soundness import refuse_damaged
from brainplug.runtime.files import read_json
from brainplug.runtime.homes import expanded
from brainplug.runtime.records import read_record
from brainplug.runtime.run_folder import RunFolder

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pandas as pd

    from brainplug.evaluation.records import Metrics
    from brainplug.inference.predicted import PredictionTable
    from brainplug.registry import Registry


@attrs.frozen(kw_only=True, eq=False)
class Run:
    """A run folder. Nothing is read before it is asked for, and nothing is written.

    Attributes:
        folder: where it lies.
    """

    folder: Path
    _registry: Registry | None = attrs.field(default=None, repr=False)

    @property
    def files(self) -> RunFolder:
        """Where each result lies."""
        return RunFolder(self.folder)

    @cached_property
    def recipe(self) -> Mapping[str, Any]:
        """The recipe with every default, table by table, as TOML has it."""
        return read_toml(self.files.recipe, str(self.files.recipe))

    @cached_property
    def runs(self) -> Mapping[str, Run]:
        """The runs that this one consists of, such as folds, by name; empty where it is one."""
        if not self.files.run_list.is_file():
            return {}
        homes = {name: self.files.of_run(name) for name in read_json(self.files.run_list)}
        begun = {name: home for name, home in homes.items() if home.recipe.is_file()}
        for home in begun.values():
            refuse_damaged(home)
        return {
            name: Run(folder=home.path, registry=self._registry) for name, home in begun.items()
        }

    @cached_property
    def result(self) -> Metrics:
        """All that was measured, as `metrics.json` holds it.

        Raises:
            RunError: the run has not come to them, or consists of several runs.
        """
        from brainplug.evaluation.records import Metrics

        return read_record(self.find(self.files.metrics, "scores"), Metrics)

    @cached_property
    def metrics(self) -> pd.DataFrame:
        """The scores: a row for each split, system (model or rule) and metric, with its interval.

        Raises:
            RunError: the run has not come to them, or consists of several runs.
        """
        from brainplug.evaluation.frames import scores_frame

        return scores_frame(self.result)

    @cached_property
    def answers(self) -> pd.DataFrame:
        """What the model said to each validation and test task: a row a task.

        Of several runs those of all, each with the name of its run in a column `run`.

        Raises:
            RunError: the run, or one of several, has not come to them.
        """
        from brainplug.evaluation.frames import answers_frame
        from brainplug.tasks.answers import read_answers

        if self.runs:
            return self.pool("answers", lambda run: run.answers)
        return answers_frame(read_answers(self.find(self.files.answers, "answers")))

    @cached_property
    def predictions(self) -> pd.DataFrame:
        """One prediction a person, as `predictions.csv` holds them: what failed first.

        Of several runs those of all, each with the name of its run in a column `run`; before they
        are scored together, run after run.

        Raises:
            RunError: the run, or one of several, has not come to them.
        """
        from brainplug.evaluation.frames import read_predictions

        if self.runs and not self.files.predictions.is_file():
            return self.pool("predictions", lambda run: run.predictions)
        return read_predictions(self.find(self.files.predictions, "predictions"))

    @cached_property
    def cohort(self) -> pd.DataFrame:
        """The scans of the study that could be used: a row a scan.

        Raises:
            RunError: the run has not come to them.
        """
        import pandas as pd

        if not self.files.cohort.is_file():
            raise self.unfinished("a table of scans")
        return pd.read_parquet(self.files.cohort)

    def predict(
        self,
        references: Sequence[tuple[str | Path, object]] = (),
        queries: Sequence[str | Path] = (),
        *,
        coverage: float = 0.9,
    ) -> pd.DataFrame:
        """Let the trained model read scans of your own: a row a query.

        Every query is compared with every reference; the answers are taken together as those of
        the run were. Queries that cannot be read have a reason in the column `error`.

        Args:
            references: scans whose value is known, each with it: a label of the run, or a number
                in its unit. None where the run was trained without references.
            queries: scans to be read.
            coverage: of the interval of a number, from 0.5 to below 1.

        Returns:
            `query`, `prediction`; of labels `probability of …` for each label, and `agreement`
            (share of the answers that state the prediction); of numbers `low`, `high` (ends of the
            interval) and `spread` (standard deviation of the answers); `mass` (probability that
            lies on answers which can be read), `answers`, `unread`, `warnings` and `error`. What
            the interval promises is in `.attrs["notes"]`.

        Raises:
            DataError: a value is none of the target's, or references are lacking.
            ScanError: a reference cannot be read.
            RunError: the run has no trained model, or consists of several runs.
        """
        return self.predict_table(references, queries, coverage=coverage).frame()

    def predict_table(
        self,
        references: Sequence[tuple[str | Path, object]] = (),
        queries: Sequence[str | Path] = (),
        *,
        coverage: float = 0.9,
    ) -> PredictionTable:
        """Do `predict`, with what was answered beside each reference."""
        from brainplug.run.predicting import make_request, predict
        from brainplug.run.read_back import RunParts

        self.find(self.files.model, "trained model")
        parts = RunParts(files=self.files, registry=self.registry)
        request = make_request(parts, references, queries, coverage)
        return predict(parts, self.result, request)

    @cached_property
    def registry(self) -> Registry:
        """The plugins that are installed here, and the files that the run was made with.

        Raises:
            RecipeError: a plugin file in the run folder is not what the run was made with.
        """
        from brainplug.recipe.plugin_files import add_plugin_files
        from brainplug.registry import load_registry

        return add_plugin_files(
            dict(self.recipe),
            self.folder,
            source=str(self.files.recipe),
            registry=self._registry or load_registry(),
        )

    def pool(self, what: str, take: Callable[[Run], pd.DataFrame]) -> pd.DataFrame:
        """Put a table of each of several runs under each other, without those that failed.

        Args:
            what: the table holds.
            take: returns that of one run.

        Raises:
            RunError: a run has not come to it.
        """
        import pandas as pd

        lost = read_json(self.files.summary)["failed"] if self.files.summary.is_file() else {}
        tables, lacking = [], []
        for name in read_json(self.files.run_list):
            if name in lost:
                continue
            try:
                table = take(self.runs[name])
            except (KeyError, RunError):  # it was not begun, or has not come so far
                lacking.append(str(self.files.of_run(name).path))
                continue
            below = f"{name}/" + table["run"] if "run" in table else name
            tables.append(table.assign(run=below))
        if lacking or not tables:
            raise RunError(
                f"none in {', '.join(lacking) or 'any'}",
                where=self.folder,
                expected=f"{what} in each of its runs",
                found=tuple(lacking),
                hint="the same `brainplug run` goes on with them; `.runs` opens one by itself",
            )
        return pd.concat(tables, ignore_index=True)

    def find(self, path: Path, what: str) -> Path:
        """Return a file or folder that the run has come to.

        Raises:
            RunError: it has not, or consists of several runs.
        """
        if path.exists():
            return path
        if self.runs:
            homes = [str(run.folder) for run in self.runs.values()]
            raise RunError(
                f"a run of {len(homes)} runs, each with its own {what}",
                where=self.folder,
                expected="one run",
                found=tuple(homes),
                hint=f"open one of them: {', '.join(homes)}",
            )
        raise self.unfinished(what)

    def unfinished(self, what: str) -> RunError:
        """Make the error of a run that has not come so far."""
        done = read_json(self.files.ledger) if self.files.ledger.is_file() else {}
        last = [name for name, entry in done.items() if "key" in entry]
        told = f"its last finished stage is {last[-1]!r}" if last else "no stage of it is finished"
        return RunError(
            f"no {what}; {told}",
            where=self.folder,
            expected=f"a finished run with its {what}",
            hint="the same `brainplug run` goes on with it",
        )


def open_run(path: str | Path, *, registry: Registry | None = None) -> Run:
    """Open a run folder.

    Of a run that consists of several, such as folds, open one, `runs/x/runs/fold-1`, or take it
    from `open_run("runs/x").runs`. A folder may be moved and copied; paths in it are not needed.

    Args:
        path: of the folder, as `brainplug run` names it.
        registry: of plugins; without it those that are installed.

    Raises:
        RunError: it is no run folder, or a file in it is not as the run wrote it.
    """
    folder = expanded(path).absolute()
    if not RunFolder(folder).recipe.is_file():
        came = "no recipe.toml in it" if folder.is_dir() else "no such folder"
        raise RunError(
            came,
            where=path,
            expected="a run folder, as `brainplug run` writes it",
            found=str(folder),
            hint="it is named at the end of `brainplug run`; without --output it is runs/RECIPE",
        )
    refuse_damaged(RunFolder(folder))
    return Run(folder=folder, registry=registry)
