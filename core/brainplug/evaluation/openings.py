"""How often test people were asked for a target: the record, and what it says in words."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any

import attrs

from brainplug.runtime.notes import read_known
from brainplug.runtime.records import from_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from brainplug.runtime.run_folder import RunFolder


@attrs.frozen(kw_only=True)
class Opening:
    """One line of the list of openings, in the user's own folder.

    Attributes:
        when: time of the opening.
        run: number of the run folder that it was made in, which stays with a folder that is moved.
        within: which of its runs, such as a fold; empty where it is one.
        made: what was asked, and how: the trained model and its read-out.
        brainplug: version.
    """

    when: str
    run: str
    within: str
    made: str
    brainplug: str


@attrs.frozen(kw_only=True)
class Openings:
    """How often the test people of a run were asked for its target, on this machine.

    Attributes:
        people: the test people of this run.
        count: how often they were.
        dates: when, each to the second.
    """

    people: int
    count: int
    dates: tuple[str, ...]


def count_openings(lines: Iterable[Opening], people: int) -> Openings:
    """Count openings: a finished run that asks again opens nothing, a model trained anew does.

    Runs in one run folder, such as those of several seeds, were meant as one look and count once.

    Args:
        lines: of the list of these people and this target.
        people: how many there are.
    """
    # Of each run folder, and run in it, the models in the order in which they first asked.
    first: dict[tuple[str, str], dict[str, str]] = {}
    for line in lines:
        first.setdefault((line.run, line.within), {}).setdefault(line.made, line.when)
    looks: dict[tuple[str, int], str] = {}
    for (run, _), made in first.items():
        for number, when in enumerate(made.values()):
            looks[run, number] = min(when, looks.get((run, number), when))
    dates = tuple(sorted(filter(None, looks.values())))  # of a damaged line it is not known
    return Openings(people=people, count=len(looks), dates=dates)


def read_lock(files: RunFolder) -> dict[str, Any]:
    """Return what a run folder remembers of its test, empty where it never was opened.

    Raises:
        RunError: it is damaged.
    """
    return read_known(files.test_lock)


def read_openings(files: RunFolder, split: str) -> Openings | None:
    """Return how often the test of a run was opened; None where it is not what is shown.

    Args:
        files: of the run.
        split: whose scores are shown.
    """
    told = read_lock(files).get("openings") if split == "test" else None
    return None if told is None else from_json(told, Openings, source=str(files.test_lock))


def read_external_openings(files: RunFolder, studies: Iterable[str]) -> dict[str, Openings]:
    """Return how often the people of external studies were asked for the target, where known.

    Args:
        files: of the run.
        studies: whose scores are shown.
    """
    told = read_lock(files).get("external", {})
    return {
        study: from_json(told[study], Openings, source=str(files.test_lock))
        for study in studies
        if study in told
    }


def openings_of_runs(homes: Sequence[RunFolder], split: str, people: int) -> Openings | None:
    """Return how often the test of several runs, such as folds, was opened; None where unknown.

    The runs of one folder are one look together, so it is as often as that of any of them was.

    Args:
        homes: of the runs; one alone is told as it is.
        split: whose scores are shown.
        people: whom all of them asked.
    """
    found = [each for home in homes if (each := read_openings(home, split)) is not None]
    if not found:
        return None
    return attrs.evolve(max(found, key=attrgetter("count")), people=people)


def external_openings_of_runs(
    homes: Sequence[RunFolder], studies: Iterable[str]
) -> dict[str, Openings]:
    """Return how often the people of external studies were asked, by all of several runs.

    Args:
        homes: of the runs, or of the one that there is.
        studies: whose scores are shown.
    """
    names = tuple(studies)
    found = [read_external_openings(home, names) for home in homes]
    return {
        study: max((each[study] for each in found if study in each), key=attrgetter("count"))
        for study in names
        if any(study in each for each in found)
    }


def tell_openings(
    homes: Sequence[RunFolder], *, split: str, people: int, studies: Iterable[str]
) -> Iterator[str]:
    """Say how often the people whose scores are shown were asked, where that is known.

    Args:
        homes: of the runs, or of the one that there is.
        split: whose scores are shown.
        people: whom all of them asked.
        studies: external ones whose scores are shown.
    """
    if openings := openings_of_runs(homes, split, people):
        yield openings_in_words(openings)
    for study, times in external_openings_of_runs(homes, studies).items():
        yield openings_in_words(times, study)


def openings_in_words(openings: Openings, study: str = "") -> str:
    """Say how often the test, or an external study, was opened.

    >>> openings_in_words(Openings(people=9, count=1, dates=("2026-11-26T01:18:36+0000",)))
    'The test people of this target (9) were opened once on this machine, on 2026-11-26.'
    """
    whose = f"people of {study}" if study else "test people of this target"
    days = list(dict.fromkeys(date[:10] for date in openings.dates))
    told = f"on {days[0]}" if len(days) == 1 else f"from {days[0]} to {days[-1]}" if days else ""
    times = "once" if openings.count == 1 else f"{openings.count} times"
    return (
        f"The {whose} ({openings.people}) were opened {times} on this machine"
        f"{', ' if told else ''}{told}."
    )
