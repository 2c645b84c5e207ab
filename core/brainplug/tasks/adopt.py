"""Finished task files, of brainplug or of older tools, taken in place of a cohort."""

from __future__ import annotations

import os
import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import pandas as pd

from brainplug.api.records import SPLITS
from brainplug.errors import DataError
from brainplug.findings import Finding
from brainplug.tasks.read import iterate_tasks
from brainplug.tasks.study_facts import CohortFacts, StudyFacts
from brainplug.tasks.task import Task, read_answer, task_file, write_tasks

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from brainplug.api.records import Split, TargetKind
    from brainplug.api.roles import Answers
    from brainplug.recipe.tables import TaskFiles
    from brainplug.tasks.read import Glance

ENDS = (".json", ".jsonl")
NAMED = re.compile(r"(?P<study>[A-Za-z0-9-]+)_.*_?comparison_tasks_(?:train|val|test)")
TRAIN_REFERENCE = "train_reference"
ALL = "TASKS"
"""Study of files whose names tell none."""


@attrs.frozen(kw_only=True)
class Source:
    """One task file.

    Attributes:
        split: what its tasks are for.
        study: as its name tells.
        path: where it lies.
    """

    split: Split
    study: str
    path: Path


def list_sources(files: TaskFiles) -> list[Source]:
    """Find the task files a recipe names, those in folders by the split in their names.

    Raises:
        DataError: a file or folder is not there, or a folder holds no task file of the split.
    """
    found = [
        (split, path)
        for split in SPLITS
        # A file that is named twice, by itself and in its folder, say, is read once.
        for path in dict.fromkeys(
            path for given in getattr(files, split) for path in expand(given, split)
        )
    ]
    told = [NAMED.fullmatch(path.stem) for _, path in found]
    return [
        Source(split=split, path=path, study=name["study"] if name and all(told) else ALL)
        for (split, path), name in zip(found, told, strict=True)
    ]


def states_of_images(sources: Sequence[Source], moved: Mapping[str, Path]) -> list[list[Any]]:
    """Return path, size and time of every image that the files name; None for one not there."""
    images = {
        find_moved(image, source.path.parent, moved)
        for source in sources
        for task in iterate_tasks(source.path)
        for image in task.images
    }
    found = [(image, image.stat() if image.is_file() else None) for image in sorted(images)]
    return [[str(image), state and [state.st_size, state.st_mtime_ns]] for image, state in found]


def refuse_own(sources: Sequence[Source], folder: Path) -> None:
    """Refuse files that lie where their copies are to go, since these take their place.

    Raises:
        DataError: a source lies in the folder.
    """
    own = [each.path for each in sources if each.path.resolve().is_relative_to(folder.resolve())]
    if own:
        raise DataError(
            where=own[0],
            expected=f"task files outside the run's own folder {folder}, which are copied into it",
            hint="name another run folder with --output",
        )


def expand(path: Path, split: Split) -> list[Path]:
    """Return a task file, or those of a split in a folder."""
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise DataError("neither", where=path, expected="a task file or a folder of them")
    found = sorted(each for each in path.iterdir() if each.suffix in ENDS)
    # Letters beside it make another word: `test` is in `latest`, `val` in `interval`.
    fitting = [each for each in found if re.search(rf"(?<![a-z]){split}(?![a-z])", each.stem)]
    if not fitting:
        names = tuple(each.name for each in found)
        raise DataError(
            where=path,
            expected=f"task files with {split!r} in their names, such as "
            f"ABCD_sex_comparison_tasks_{split}.json",
            found=names,
        )
    return fitting


def peek_target(files: TaskFiles) -> tuple[TargetKind, str]:
    """Return kind and name of the target, from the first task.

    Raises:
        DataError: the first file has no task.
    """
    first = list_sources(files)[0]
    task = next(iterate_tasks(first.path), None)
    if task is None:
        raise DataError("an empty list", where=first.path, expected="tasks")
    return task.kind, task.target


@attrs.define
class Adopted:
    """What was learnt while task files were copied.

    Attributes:
        scans: `(study, subject, image)` -> value.
        pools: subject with each pool it is in.
        repeated: task ids that stood more than once.
        unread: tasks whose answer does not say their value.
        own: tasks that show the query as its own reference.
        absent: scans that are not there.
        torn: subjects with two values.
        taken: task ids given so far.
    """

    scans: dict[tuple[str, str, str], str | float] = attrs.Factory(dict)
    pools: set[tuple[str, str]] = attrs.Factory(set)
    repeated: list[str] = attrs.Factory(list)
    unread: Sequence[str] = ()
    own: list[str] = attrs.Factory(list)
    absent: list[str] = attrs.Factory(list)
    torn: list[str] = attrs.Factory(list)
    taken: set[str] = attrs.Factory(set)

    def name(self, task_id: str) -> str:
        """Give a task an id that no other has, its own if it can be."""
        name, copy = task_id, 1
        while name in self.taken:
            copy += 1
            name = f"{task_id}#{copy}"
        self.taken.add(name)
        return name

    def note(self, task: Task, study: str, split: Split) -> None:
        """Take down who is shown, where, with which value."""
        people = (*task.references, task.subject)
        values = (*task.reference_values, task.truth)
        for person, image, value in zip(people, task.images, values, strict=True):
            # The disk is asked once for each image, not once for each task.
            if (study, person, str(image)) not in self.scans and not image.is_file():
                self.absent.append(str(image))
            if self.scans.setdefault((study, person, str(image)), value) != value:
                self.torn.append(person)
        self.pools.add((task.subject, f"{split}_query"))
        self.pools.update((person, f"{split}_reference") for person in task.references)
        if task.subject in task.references:
            self.own.append(task.task_id)

    def cohort(self) -> pd.DataFrame:
        """Return the scans in the form of a cohort frame; what files do not tell is missing."""
        rows = [
            {"study": study, "subject": person, "image": image, "target": value}
            for (study, person, image), value in sorted(self.scans.items(), key=lambda row: row[0])
        ]
        frame = pd.DataFrame(rows)
        numbers = frame.groupby("subject").cumcount().astype("str")
        several = frame["subject"].duplicated(keep=False)
        names = frame["subject"].where(~several, frame["subject"] + "_" + numbers)
        lacking = pd.Series(pd.NA, index=frame.index, dtype="str")
        return frame.assign(scan=names, session=lacking, family=lacking, site=lacking)

    def split(self) -> pd.DataFrame:
        """Return each subject with each pool it is in; anchors are training references."""
        anchors = self.anchors()
        pools = {
            (person, pool)
            for person, pool in self.pools
            if person not in anchors or split_of(pool) == "train"
        }
        shared = self.shared()
        pools = {
            (person, pool if (person, split_of(pool)) not in shared else split_of(pool))
            for person, pool in pools
        }
        return pd.DataFrame(sorted(pools), columns=["subject", "pool"], dtype="str")

    def shared(self) -> set[tuple[str, str]]:
        """Return who is both asked and shown in one split, with that split."""
        halves = Counter((person, split_of(pool)) for person, pool in self.pools)
        return {place for place, count in halves.items() if count == 2}

    def anchors(self) -> set[str]:
        """Return who is a reference in training and elsewhere, and asked about there at most."""
        tested = ("val_query", "test_query")
        asked = {person for person, pool in self.pools if pool in tested}
        trained = {person for person, pool in self.pools if pool == TRAIN_REFERENCE}
        shown = {person for person, pool in self.pools if split_of(pool) != "train"}
        return (trained & shown) - asked

    def facts(self, sources: Sequence[Source]) -> CohortFacts:
        """Return what the report must know, as a cohort does."""
        studies = []
        for name in sorted({source.study for source in sources}):
            count = sum(study == name for study, _, _ in self.scans)
            files = [source.path.name for source in sources if source.study == name]
            studies.append(
                StudyFacts(
                    study=name,
                    flow=(("scans in the task files", count),),
                    join=None,
                    notes=(f"finished task files: {', '.join(files)}",),
                )
            )
        return CohortFacts(studies=tuple(studies))

    def findings(self) -> Iterator[Finding]:
        """Say what is odd about the files themselves."""
        for kind, members, what in (
            ("note", self.repeated, "task ids stand more than once; copies were numbered"),
            ("note", self.unread, "answers do not say the value their task has"),
            ("note", self.absent, "scans are not there; say in tasks.moved where they are now"),
            ("note", self.torn, "subjects have two different values for one image"),
            (
                "note",
                sorted({person for person, _ in self.shared()}),
                "people are queries and references of one split, as with shared pools",
            ),
            ("note", sorted(self.anchors()), "training references are shown in other splits, too"),
            ("leak", self.own, "tasks show the query as its own reference"),
        ):
            if members:
                yield Finding(
                    kind="leak" if kind == "leak" else "note",
                    what=what,
                    members=tuple(dict.fromkeys(members)),
                )


def split_of(pool: str) -> str:
    """Return the split of a pool.

    >>> split_of("val_query")
    'val'
    """
    return pool.partition("_")[0]


def adopt_tasks(
    sources: Sequence[Source],
    folder: Path,
    *,
    target: tuple[TargetKind, str],
    files: TaskFiles,
) -> Adopted:
    """Copy task files into a run folder, one a study and split, ids made unique.

    Args:
        sources: the files.
        folder: where the copies go.
        target: kind and name that all tasks must have.
        files: of the recipe, which says where images have moved.

    Raises:
        DataError: a file is no task file, has another target, or a split has no task.
    """
    adopted = Adopted()
    for split in SPLITS:
        for study in sorted({source.study for source in sources}):
            chosen = [each for each in sources if (each.split, each.study) == (split, study)]
            tasks = take_over(chosen, adopted, target=target, files=files, every=sources)
            first = next(tasks, None)
            if first is not None:
                path = folder / task_file(study, target[1], split)
                write_tasks(path, chain_first(first, tasks))
        refuse_empty(sources, split, sum(pool.startswith(split) for _, pool in adopted.pools))
    return adopted


def refuse_empty(sources: Sequence[Source], split: Split, count: int) -> None:
    """Refuse files that hold no task of a split.

    Raises:
        DataError: they do not.
    """
    if not count:
        raise DataError(
            "none",
            where=tuple(each.path for each in sources if each.split == split),
            expected=f"tasks for {split}",
        )


def chain_first(first: Task, others: Iterator[Task]) -> Iterator[Task]:
    """Put back the task that was taken to see whether there is one."""
    yield first
    yield from others


def take_over(
    sources: Sequence[Source],
    adopted: Adopted,
    *,
    target: tuple[TargetKind, str],
    files: TaskFiles,
    every: Sequence[Source],
) -> Iterator[Task]:
    """Give the tasks of some files with ids of their own and paths that can be opened."""
    several = len({source.study for source in every}) > 1
    seen: Counter[str] = Counter()
    for source in sources:
        for task in iterate_tasks(source.path):
            if (task.kind, task.target) != target:
                raise DataError(
                    f"the {task.kind} {task.target!r}",
                    where=(source.path, f"task {task.task_id!r}"),
                    expected=f"the {target[0]} target {target[1]!r} of the first file",
                    found=(task.kind, task.target),
                    hint="a run has one target",
                )
            seen[task.task_id] += 1
            if seen[task.task_id] == 2:
                adopted.repeated.append(task.task_id)
            ready = settle(task, source, moved=files.moved, several=several)
            ready = attrs.evolve(ready, task_id=adopted.name(ready.task_id))
            adopted.note(ready, source.study, source.split)
            yield ready


def settle(task: Task, source: Source, *, moved: Mapping[str, Path], several: bool) -> Task:
    """Make ids tell the split and, where there are several, the study; make paths absolute."""
    study = source.study if several else ""
    task_id = under(task.task_id, f"{source.split}-")
    return attrs.evolve(
        task,
        task_id=under(task_id, f"{study}:"),
        subject=under(task.subject, f"{study}:"),
        references=tuple(under(person, f"{study}:") for person in task.references),
        images=tuple(find_moved(image, source.path.parent, moved) for image in task.images),
    )


def under(name: str, prefix: str) -> str:
    """Put a prefix before a name that has it not yet; a bare colon is none.

    >>> under("7", "ABCD:"), under("ABCD:7", "ABCD:"), under("7", ":")
    ('ABCD:7', 'ABCD:7', '7')
    """
    return name if prefix == ":" or name.startswith(prefix) else prefix + name


def find_moved(image: Path, folder: Path, moved: Mapping[str, Path]) -> Path:
    """Return where an image is now; a relative path starts from the task file's folder."""
    for start, now in moved.items():
        if image.is_relative_to(start):
            image = now / image.relative_to(start)
            break
    return Path(os.path.abspath(folder / image))  # noqa: PTH100 (links stay as they are)


def find_unread(glances: Iterable[Glance], answers: Answers) -> tuple[str, ...]:
    """Return the ids of tasks whose answer does not say their value."""
    read: dict[tuple[object, ...], bool] = {}
    wrong = []
    for task in glances:
        key = (task.answer, task.truth, *(task.reference_values if task.relative else ()))
        if key not in read:
            said = read_answer(answers, task.answer, task)
            wanted = answers.parse(answers.say(task.truth))
            # What cannot be parsed, such as a label that no training scan has, is not said.
            read[key] = wanted is not None and said == wanted
        if not read[key]:
            wrong.append(task.task_id)
    return tuple(wrong)
