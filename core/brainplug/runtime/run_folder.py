"""The files of a run folder, by what they hold."""

from __future__ import annotations

from pathlib import Path

import attrs

from brainplug.api.names import fault_of_name
from brainplug.errors import RunError


class Entry:
    """A file or folder at a fixed name below a run folder.

    Args:
        name: relative to the run folder.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, folder: RunFolder, _owner: type[RunFolder] | None = None) -> Path:
        """Return where it is in this run folder, whether or not it is there yet."""
        return folder.path / self.name


@attrs.frozen
class RunFolder:
    """Where each result of a run lies; nothing is read or made.

    >>> RunFolder(Path("runs/demo")).answers.as_posix()
    'runs/demo/answers.jsonl'
    """

    path: Path

    recipe = Entry("recipe.toml")
    plugins = Entry("plugins")
    record = Entry("record.json")
    log = Entry("log.txt")
    ledger = Entry("stages.json")
    stale = Entry("stale")
    lock = Entry(".lock")
    holder = Entry(".lock.json")

    cohort = Entry("cohort.parquet")
    facts = Entry("cohort.json")
    exclusions = Entry("exclusions.csv")
    split = Entry("split.csv")
    split_notes = Entry("split.json")
    pairs = Entry("pairs.parquet")
    pair_notes = Entry("pairs.json")
    tasks = Entry("tasks")
    exports = Entry("exports")
    audit = Entry("audit.json")
    volumes = Entry("volumes.json")
    familiar = Entry("familiar.json")
    copies = Entry("copies.json")
    baselines = Entry("baselines.json")
    baseline_answers = Entry("baselines.parquet")
    covariates = Entry("covariates.parquet")
    checkpoints = Entry("checkpoints")
    curves = Entry("curves")
    model = Entry("model")
    card = Entry("model/README.md")
    training = Entry("training.json")
    partial_answers = Entry("answers.jsonl.part")
    answers = Entry("answers.jsonl")
    partial_interventions = Entry("interventions.jsonl.part")
    interventions = Entry("interventions.jsonl")
    external = Entry("external")
    partial_external = Entry("external.jsonl.part")
    external_answers = Entry("external.jsonl")
    metrics = Entry("metrics.json")
    predictions = Entry("predictions.csv")
    pseudonyms = Entry(".pseudonyms.key")
    report = Entry("report.html")

    test_lock = Entry("test.json")
    arms = Entry("arms")
    arm_list = Entry("arms.json")
    arm = Entry("arm.json")

    run_list = Entry("runs.json")
    runs = Entry("runs")
    summary = Entry("summary.json")

    @classmethod
    def names(cls) -> frozenset[str]:
        """Return the names of the files and folders that lie in a run folder."""
        found = (each.name for each in vars(cls).values() if isinstance(each, Entry))
        return frozenset(Path(name).parts[0] for name in found)

    @property
    def of_external(self) -> RunFolder:
        """The folder of what belongs to external studies, which are tested only."""
        return RunFolder(self.external)

    def of_run(self, name: str) -> RunFolder:
        """Return the folder of one of several runs, such as a fold.

        Raises:
            RunError: it is the name of no folder.
        """
        return self.below(self.runs, name)

    def of_arm(self, name: str) -> RunFolder:
        """Return the folder of a training beside the main one.

        Raises:
            RunError: it is the name of no folder.
        """
        return self.below(self.arms, name)

    def below(self, place: Path, name: str) -> RunFolder:
        """Return a run folder within this one; names come from files of it, and may lead out."""
        if fault := fault_of_name(name):
            raise RunError(
                f"{name!r}: {fault}",
                where=self.path,
                expected=f"names of folders in {place.name}/",
                found=name,
                hint="the run folder is not as brainplug wrote it",
            )
        return RunFolder(place / name)
