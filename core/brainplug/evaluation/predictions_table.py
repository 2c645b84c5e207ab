"""`predictions.csv`: a line a person, what failed first."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from brainplug.api.records import EVALUATED
from brainplug.errors import visible
from brainplug.evaluation.aggregate import aggregate

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from brainplug.evaluation.describe import TargetFacts
    from brainplug.tasks.answers import AnswerRow

PEOPLE = ("study", "site", "family")
"""Columns of the cohort that tell who a person is with."""

UNREAD, WRONG = "unread", "wrong"

CHANCE = "probability of "
"""What the name of a label's column begins with."""

_NUMBER = re.compile(r"[-\u2212]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What begins a formula in a spreadsheet (OWASP, CSV injection)."""


def list_predictions(
    rows: Sequence[AnswerRow], spoken: Sequence[AnswerRow], facts: TargetFacts
) -> pd.DataFrame:
    """Return what is predicted for each person: of the test first, and of each split what failed.

    Whoever could not be read comes first, then the wrong, the surest of them first, or the largest
    errors.

    Args:
        rows: the answers with the prediction that scores are made from.
        spoken: the same answers with what was said.
        facts: the target, and who people are with.

    Returns:
        `subject`, `PEOPLE` as far as they are known, `split`, `truth`, `prediction`, `failure`
        (`unread`, `wrong` or empty), for numbers `error`, `said` and `expected` (medians over
        references), `agreement` (share of pairs of readable answers that are the same), for numbers
        `spread` (mean absolute difference of such pairs), `tasks`, `unread`, and
        `probability of <label>`.
    """
    found = [
        list_split(
            [row for row in rows if row.split == split],
            [row for row in spoken if row.split == split],
            facts,
        ).assign(split=split)
        for split in reversed(EVALUATED)
        if any(row.split == split for row in rows)
    ]
    return arrange(found)


def join_predictions(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Put what several runs predict into one table, with a column `run`; what failed comes first.

    Args:
        tables: as `list_predictions` gives them, by the name of the run.
    """
    return arrange([table.assign(run=name) for name, table in tables.items()])


def arrange(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Put tables under each other, their columns and rows in order."""
    tables = [table for table in tables if len(table)]
    if not tables:
        return pd.DataFrame(columns=["subject", "split", "truth", "prediction", "failure"])
    whole = pd.concat(tables, ignore_index=True)
    named = ("subject", *PEOPLE, "split", "run")
    first = [name for name in named if name in whole]
    whole = whole[[*first, *[name for name in whole.columns if name not in first]]]
    splits = whole["split"].map({split: place for place, split in enumerate(reversed(EVALUATED))})
    ranks = whole["failure"].map({UNREAD: 0, WRONG: 1, "": 2})
    return whole.iloc[np.lexsort((-badness(whole), ranks, splits))].reset_index(drop=True)


def badness(table: pd.DataFrame) -> np.ndarray:
    """Return by how much each prediction fails: the size of an error, or how sure a wrong one was.

    A wrong class counts as sure where no probabilities are known.
    """
    if "error" in table:
        return table["error"].abs().to_numpy(dtype=float)
    names = [str(name) for name in table.columns]
    places = {name.removeprefix(CHANCE): name for name in names if name.startswith(CHANCE)}
    stated = [
        row[places[row["prediction"]]] if row["prediction"] in places else None
        for row in table.to_dict("records")
    ]
    sure = np.array([1.0 if value is None else float(value) for value in stated])
    return np.where(table["failure"] == WRONG, sure, 0.0)


def list_split(
    rows: Sequence[AnswerRow], spoken: Sequence[AnswerRow], facts: TargetFacts
) -> pd.DataFrame:
    """Return what is predicted for each person of one split."""
    frame = aggregate(rows, facts.kind, facts.labels, facts.train_mean)
    silent = (frame["unparsed"] == frame["tasks"]).to_numpy()
    agreement = 1 - frame["flips"]
    columns: dict[str, Any] = {"subject": frame["subject"]} | tell_people(
        frame["subject"], facts.people
    )
    columns |= {"truth": frame["truth"], "prediction": frame["prediction"]}
    if facts.labels:
        wrong = (frame["prediction"] != frame["truth"]).to_numpy()
        columns["failure"] = np.where(silent, UNREAD, np.where(wrong, WRONG, ""))
        more: dict[str, Any] = {"agreement": agreement}
    else:
        errors = frame["prediction"].astype(float) - frame["truth"].astype(float)
        columns["failure"] = np.where(silent, UNREAD, "")
        middle = [tell_middle(spoken, "prediction"), tell_middle(rows, "expected")]
        pairs = list(zip(frame["subject"], frame["truth"], strict=True))
        said, expected = ([each.get(pair) for pair in pairs] for each in middle)
        more = {"error": errors, "said": said, "expected": expected, "agreement": agreement}
        more |= {"spread": frame["spread"]}
    table = pd.DataFrame(columns | more)
    table["tasks"], table["unread"] = frame["tasks"], frame["unparsed"]
    for place, label in enumerate(facts.labels):
        table[f"{CHANCE}{label}"] = [each and each[place] for each in frame["probabilities"]]
    return table


def tell_people(subjects: pd.Series, people: pd.DataFrame | None) -> dict[str, pd.Series]:
    """Return what is known of each person; by several scans, of the first."""
    if people is None:
        return {}
    known = people.drop_duplicates("subject").set_index("subject")
    columns = [name for name in PEOPLE if name in known and known[name].notna().any()]
    return {name: subjects.map(known[name]) for name in columns}


def tell_middle(rows: Sequence[AnswerRow], what: str) -> dict[tuple[str, object], float]:
    """Return the median of a number over the answers of each person, where there is any."""
    own: dict[tuple[str, object], list[float]] = {}
    for row in rows:
        value = getattr(row, what)
        if value is not None:
            own.setdefault((row.subject, row.truth), []).append(float(value))
    return {pair: float(np.median(values)) for pair, values in own.items()}


def write_predictions(path: Path, table: pd.DataFrame) -> None:
    """Write the table as CSV, whole or not at all, safe to open in a spreadsheet."""
    from brainplug.runtime.files import write_csv

    write_csv(path, without_formulas(table))


def without_formulas(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table whose texts are taken for no formula, and hold nothing a terminal obeys."""
    safe = table.rename(columns=defuse)
    texts = [name for name in safe.columns if not pd.api.types.is_numeric_dtype(safe[name])]
    return safe.assign(**{name: safe[name].map(defuse) for name in texts})


def defuse(cell: object) -> object:
    r"""Put an apostrophe before text that a spreadsheet would take for a formula.

    A negative number is a number. Control characters are shown as pictures.

    >>> defuse("=1+1"), defuse("@male"), defuse("-3.5"), defuse(-3.5), defuse("a=b")
    ("'=1+1", "'@male", '-3.5', -3.5, 'a=b')
    >>> defuse("low\x1b[2J")
    'low␛[2J'
    """
    if not isinstance(cell, str):
        return cell
    if cell.startswith(_FORMULA) and not _NUMBER.fullmatch(cell):
        cell = f"'{cell}"
    return visible(cell)
