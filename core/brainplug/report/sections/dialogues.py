"""Example dialogues, right and wrong, and mean scans of those who learn."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import numpy as np

from brainplug.evaluation.small_cells import SMALLEST_CELL, group_alike
from brainplug.report.figures import draw_slices
from brainplug.report.wording import show_number

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pandas as pd

    from brainplug.api.records import Image
    from brainplug.report.facts import Facts
    from brainplug.tasks.answers import AnswerRow
    from brainplug.tasks.task import Task

NUMBER = re.compile(r"(?<![\w.])[-\u2212]?\d+(?:\.\d+)?(?![\w]|\.\d)")


@attrs.frozen(kw_only=True)
class Part:
    """A piece of a turn: text, or a scan by its name, with a picture where that is allowed."""

    text: str = ""
    scan: str = ""
    picture: str = ""


@attrs.frozen(kw_only=True)
class Dialogue:
    """A dialogue with what the model said.

    Attributes:
        name: id of the task; empty on a page to share, since it holds that of the query's scan.
        turns: role and parts of each turn before the answer.
        said: by the model.
        truth: of the query; rounded on a page to share.
        verdict: how the answer stands to the truth, in words.
        style: `pass` or `fail`.
    """

    name: str
    turns: Sequence[tuple[str, Sequence[Part]]]
    said: str
    truth: str
    verdict: str
    style: str


@attrs.frozen(kw_only=True)
class Dialogues:
    """Examples, and mean scans: name, number of scans and picture of each.

    Attributes:
        examples: right and wrong by turns.
        rounded: whether values are those of a few people alike.
        averages: of training scans.
    """

    examples: Sequence[Dialogue]
    rounded: bool
    averages: Sequence[tuple[str, int, str]]


def make(facts: Facts) -> Dialogues | None:
    """Choose examples and average scans."""
    said = {row.task_id: row for row in facts.answers}
    chosen = choose(facts.tasks, said, facts.sources.recipe.report.examples)
    rounding = {} if facts.individual else round_values(facts.tasks)
    examples = [show_dialogue(facts, task, said[task.task_id], rounding) for task in chosen]
    averages = [] if facts.individual else draw_averages(facts)
    if not examples and not averages:
        return None
    return Dialogues(examples=examples, rounded=bool(rounding), averages=averages)


def choose(tasks: Sequence[Task], said: Mapping[str, AnswerRow], most: int) -> list[Task]:
    """Choose tasks that were answered rightly and wrongly, half of each as far as there are.

    Of numbers the right half are those with the smaller error. Of each half the ones that are
    spread evenly over the order of the file are taken.
    """
    asked = [task for task in tasks if task.task_id in said]
    cut = usual_error([said[task.task_id] for task in asked])
    right = [task for task in asked if error_of(said[task.task_id]) <= cut]
    wrong = [task for task in asked if error_of(said[task.task_id]) > cut]
    half = max(most - len(right), min(len(wrong), most // 2))
    return [*spread_evenly(right, most - min(half, len(wrong))), *spread_evenly(wrong, half)]


def error_of(row: AnswerRow) -> float:
    """Return the distance of answer and truth: of labels 0 or 1, unread ones farthest."""
    if row.prediction is None:
        return float("inf")
    if isinstance(row.truth, str):
        return float(row.prediction != row.truth)
    return abs(float(row.prediction) - row.truth)


def usual_error(rows: Sequence[AnswerRow]) -> float:
    """Return the error up to which an answer is among the better half; of labels 0."""
    if not rows or isinstance(rows[0].truth, str):
        return 0.0
    return float(np.median([error_of(row) for row in rows]))


def spread_evenly(tasks: Sequence[Task], most: int) -> list[Task]:
    """Take at most so many, from all over a list."""
    if most <= 0 or not tasks:
        return []
    places = np.linspace(0, len(tasks) - 1, min(most, len(tasks))).round().astype(int)
    return [tasks[place] for place in dict.fromkeys(places.tolist())]


def round_values(tasks: Sequence[Task]) -> dict[float, float]:
    """Return each number that a dialogue states of a person, and the mean of those alike in it."""
    people: dict[tuple[str, float], None] = {}
    for task in tasks:
        pairs = zip(
            (*task.references, task.subject), (*task.reference_values, task.truth), strict=True
        )
        people |= {(who, float(value)): None for who, value in pairs if not isinstance(value, str)}
    values = [value for _, value in people]
    return dict(zip(values, group_alike(values).tolist(), strict=True)) if values else {}


def show_dialogue(
    facts: Facts, task: Task, row: AnswerRow, rounding: Mapping[float, float]
) -> Dialogue:
    """Show a dialogue; on a page to share without id, and with rounded values."""
    close = error_of(row) <= usual_error(facts.answers)
    return Dialogue(
        name=task.task_id if facts.individual else "",
        turns=[
            (turn.role, [show_part(facts, task, part, rounding) for part in turn.content])
            # The last turn is the answer, which is shown as the truth.
            for turn in task.turns[:-1]
        ],
        said=row.answer_text,
        truth=show_truth(task, rounding),
        verdict=judge(row, close=close),
        style="pass" if close else "fail",
    )


def judge(row: AnswerRow, *, close: bool) -> str:
    """Say how an answer stands to the truth; of numbers no more than a rounded truth tells."""
    if row.prediction is None:
        return "not readable"
    if isinstance(row.truth, str):
        return "right" if close else "wrong"
    return "in the closer half" if close else "in the farther half"


def show_truth(task: Task, rounding: Mapping[float, float]) -> str:
    """Write the truth, rounded where it must be."""
    if isinstance(task.truth, str):
        return task.truth
    if task.truth in rounding:
        return f"about {show_number(rounding[task.truth])}"
    return show_number(task.truth)


def show_part(facts: Facts, task: Task, part: str | Image, rounding: Mapping[float, float]) -> Part:
    """Return a piece of a turn: text, or a scan as a picture where that is allowed."""
    if isinstance(part, str):
        return Part(text=hide_values(part, task, rounding))
    name = "query scan" if part.index == len(task.images) - 1 else "reference scan"
    if not facts.individual:
        return Part(scan=name)
    volume = facts.sources.load(task.images[part.index])
    return Part(scan=name, picture=draw_slices(np.asarray(volume, dtype=float)))


def hide_values(text: str, task: Task, rounding: Mapping[float, float]) -> str:
    """Replace the value of a person, wherever a text states it, by that of a few alike."""
    known = [float(value) for value in task.reference_values if not isinstance(value, str)]

    def replace(found: re.Match[str]) -> str:
        stated = found.group().replace("\u2212", "-")
        places = len(stated.partition(".")[2])
        for value in known:
            # As the dialogue states it, with the places of its head.
            if value in rounding and abs(float(stated) - value) <= 0.5 * 10**-places:
                return f"about {show_number(rounding[value])}"
        return found.group()

    return NUMBER.sub(replace, text) if rounding else text


def draw_averages(facts: Facts) -> list[tuple[str, int, str]]:
    """Return the mean training scan of each class, or of the lowest and highest fifth."""
    pools = facts.pools
    training = set(pools.loc[pools["pool"].str.startswith("train"), "subject"])
    scans = facts.cohort[facts.cohort["subject"].isin(training)]
    if scans.empty:
        return []
    return [
        (name, len(paths), draw_slices(mean_volume(facts.sources.load, paths)))
        for name, paths in group_scans(scans, facts.sources.kind)
        if len(paths) >= SMALLEST_CELL
    ]


def group_scans(scans: pd.DataFrame, kind: str, most: int = 40) -> list[tuple[str, list[Path]]]:
    """Return groups of scans to average, at most `most` of each and one a person."""
    scans = scans.drop_duplicates("subject")
    if kind == "categorical":
        parts = [(str(label), part) for label, part in scans.groupby("target")]
    else:
        low, high = scans["target"].quantile([0.2, 0.8])
        parts = [
            ("lowest fifth", scans[scans["target"] <= low]),
            ("highest fifth", scans[scans["target"] >= high]),
        ]
    return [(name, [Path(image) for image in part["image"][:most]]) for name, part in parts]


def mean_volume(load: Callable[[Path], np.ndarray], paths: Sequence[Path]) -> np.ndarray:
    """Return the mean of several volumes."""
    total = sum(load(path).astype(np.float32) for path in paths)
    return np.asarray(total) / len(paths)
