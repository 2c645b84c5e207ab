"""Scores and predictions made to be shared: no count of a few people, no id, no exact number.

Scores stay, since they are what is shared; with them and much patience a cell may still be worked
out. Whoever must rule that out shares the page alone.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING, Any

import pandas as pd

from brainplug.evaluation.predictions_table import arrange
from brainplug.evaluation.small_cells import SMALLEST_CELL, group_alike, is_few

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

PEOPLE_COUNTS = frozenset(
    {
        "clusters",
        "n",
        "pairs",
        "people",
        "people_too_small",
        "partly_unparsed_subjects",
        "repeated",
        "subjects",
        "unknown",
        "unparsed_subjects",
        "unseen",
    }
)
"""Keys of records that count people, at any depth of `metrics.json`."""

ANSWER_COUNTS = ("unparsed_tasks", "strange", "trained_form")
"""Counts of answers, which with one reference a person are counts of people."""

SHIFTED = ("prediction", "said", "expected")
"""Columns of numbers that move with the truth, so that every error stays what it was."""

NOT_TOLD = "not told"
"""Why an arm has no result, which is told by its not being empty."""

LETTERS = 12
"""Hexadecimal digits of a pseudonym: two of a million people share one once in 600 studies."""


# scores ---------------------------------------------------------------------------------------


def hide_few(data: Any) -> Any:
    """Return scores, as JSON has them, in which nothing counts fewer than five people.

    What is hidden is null. Where one hidden count would follow from a total and the others, one
    more is hidden. Truth and prediction of single people go.

    Args:
        data: `metrics.json`, `summary.json` or a part of them.
    """
    if isinstance(data, list):
        return [hide_few(each) for each in data]
    if not isinstance(data, dict):
        return data
    return {key: hide_value(key, value, data) for key, value in data.items()}


def hide_value(key: str, value: Any, record: dict[str, Any]) -> Any:
    """Return what is told of one field of a record."""
    if key in PEOPLE_COUNTS and is_few(value):
        return None
    hide = HIDERS.get(key)
    return hide_few(value) if hide is None else hide(value, record)


def hide_row(counts: Sequence[int]) -> list[int | None]:
    """Return counts of a row whose total may be known, the small ones hidden.

    >>> hide_row([49, 1, 0]), hide_row([20, 30, 2, 3]), hide_row([9, 7])
    ([None, None, 0], [20, 30, None, None], [9, 7])
    """
    few = [place for place, count in enumerate(counts) if is_few(count)]
    others = [place for place, count in enumerate(counts) if count >= SMALLEST_CELL]
    if len(few) == 1 and others:
        # The total would tell a single one.
        few.append(min(others, key=lambda place: counts[place]))
    return [None if place in few else count for place, count in enumerate(counts)]


def hide_answers(count: Any, record: dict[str, Any]) -> Any:
    """Hide a small count of answers, and one that leaves a small rest."""
    rest = record["tasks"] - count if count is not None and "tasks" in record else 0
    return None if is_few(count) or is_few(rest) else count


def hide_classes(counts: Any, record: dict[str, Any]) -> Any:
    """Hide small classes of training people; a record of other counts is hidden field by field."""
    if not isinstance(counts, dict) or "n" not in record:
        return hide_few(counts)
    return dict(zip(counts, hide_row(list(counts.values())), strict=True))


def hide_bins(bins: Any, _record: dict[str, Any]) -> Any:
    """Leave out the points of a curve that few people make."""
    return [hide_few(each) for each in bins or () if not is_few(each["n"])]


def hide_rest(groups: Any, grouping: dict[str, Any]) -> Any:
    """Hide the size of a group where a few people are in none, who would be the difference."""
    rest = grouping.get("people_too_small", 0) + grouping.get("unknown", 0)
    found = hide_few(groups)
    if not is_few(rest) or not isinstance(groups, dict) or not groups:
        return found
    smallest = min(groups, key=lambda name: groups[name]["people"])
    return found | {smallest: found[smallest] | {"people": None, "classes": []}}


HIDERS: dict[str, Callable[[Any, dict[str, Any]], Any]] = {
    "matrix": lambda rows, _: [hide_row(row) for row in rows],
    "scatter": lambda _pairs, _record: None,
    "bins": hide_bins,
    "counts": hide_classes,
    "groups": hide_rest,
    # An error names files and ids.
    "failed": lambda causes, _: (
        dict.fromkeys(causes, "") if isinstance(causes, dict) else causes and NOT_TOLD
    ),
    # Of answers without and with an intervention.
    "unread": lambda counts, _: (
        [None if is_few(count) else count for count in counts]
        if isinstance(counts, list)
        else hide_few(counts)
    ),
    **dict.fromkeys(ANSWER_COUNTS, hide_answers),
}
"""What is told of fields that are no plain count of people; each is handed its record too."""


# predictions ----------------------------------------------------------------------------------


def share_predictions(table: pd.DataFrame, key: bytes) -> pd.DataFrame:
    """Return a line a person without ids, rare classes, small sites and exact numbers.

    A subject and a family get pseudonyms by a keyed hash. A site keeps its name where five people
    of each class that it has are there. People of a class that fewer than five have are left out.
    A number becomes the mean of five or more people alike in it, and what was predicted moves with
    it, so that errors stay; that is microaggregation (Domingo-Ferrer and Mateo-Sanz 2002, doi
    10.1109/69.979982).

    Args:
        table: as `list_predictions` or `join_predictions` gives it.
        key: secret of the pseudonyms.
    """
    if not len(table):
        return table
    shared = table.copy()
    numbers = "error" in table
    if not numbers:
        people = shared.groupby("truth")["subject"].transform("nunique")
        shared = shared[people >= SMALLEST_CELL].copy()
    if "site" in shared:
        shared["site"] = hide_sites(shared, numbers=numbers)
    if numbers:
        shared = blur(shared)
    for column in ("subject", "family"):
        if column in shared:
            shared[column] = [pseudonym(each, column, key) for each in shared[column]]
    # The order of ids would tell who is who.
    return arrange([shared.sort_values("subject", kind="stable")])


def hide_sites(table: pd.DataFrame, *, numbers: bool) -> pd.Series:
    """Return the site of each person, missing where few people share it."""
    cells = ["site"] if numbers else ["site", "truth"]
    people = table.groupby(cells, dropna=False)["subject"].transform("nunique")
    fewest = people.groupby(table["site"], dropna=False).transform("min")
    return table["site"].where(fewest >= SMALLEST_CELL)


def blur(table: pd.DataFrame) -> pd.DataFrame:
    """Replace the truth of each person by the mean of people alike, and move predictions along."""
    truth = table["truth"].astype(float)
    known = table.drop_duplicates(["subject", "truth"])
    blurred = group_alike(known["truth"].to_numpy(dtype=float))
    means = dict(zip(zip(known["subject"], known["truth"], strict=True), blurred, strict=True))
    near = pd.Series(
        [means[pair] for pair in zip(table["subject"], table["truth"], strict=True)],
        index=table.index,
        dtype=float,
    )
    moved = {
        name: (table[name].astype(float) + near - truth).round(6)
        for name in SHIFTED
        if name in table
    }
    return table.assign(truth=near.round(6), **moved)


def pseudonym(name: Any, kind: str, key: bytes) -> str | None:
    """Return a name that only the holder of the key can trace, None of a missing one.

    It is HMAC-SHA256, so that a list of all ids of a study does not help without the key.

    Args:
        name: an id.
        kind: of what; one id as a subject and as a family has two pseudonyms.
        key: secret.
    """
    if pd.isna(name):
        return None
    digest = hmac.new(key, f"{kind}\0{name}".encode(), hashlib.sha256).hexdigest()
    return f"{kind}-{digest[:LETTERS]}"
