"""Made-up pools for pairings, and the tasks that pairs become."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from brainplug.tasks.task import Task


def draw_labels(num: int, shares: list[float], seed: int) -> list[str]:
    """Draw classes by their shares; the first scans have one of each, so that none is missing."""
    names = [f"class {place}" for place in range(len(shares))]
    drawn = np.random.default_rng(seed).choice(names, size=num, p=np.array(shares) / sum(shares))
    drawn[: len(names)] = names
    return drawn.tolist()


def pool_of(name: str, values, **columns) -> pd.DataFrame:
    """Give one scan a value, of people whose ids begin with `name`, in four bins if numbers."""
    ids = [f"{name}{place:04d}" for place in range(len(values))]
    frame = pd.DataFrame({"subject": ids, "session": pd.NA, "family": pd.NA, "site": pd.NA})
    frame["value"] = values
    numerical = pd.api.types.is_numeric_dtype(frame["value"])
    strata = pd.cut(frame["value"], 4, labels=list("abcd")) if numerical else frame["value"]
    frame["stratum"] = strata.astype("str")
    return frame.assign(**columns).set_index(pd.Index(ids, name="scan"))


def tasks_of(pairs: pd.DataFrame, queries: pd.DataFrame, references: pd.DataFrame) -> list[Task]:
    """Make the tasks of pairs, without a dialogue."""
    truths, values = queries["value"].to_dict(), references["value"].to_dict()
    return [
        Task(
            task_id=f"{number}-{query}",
            kind="categorical" if isinstance(truths[query], str) else "numerical",
            target="target",
            subject=query,
            truth=truths[query],
            references=tuple(told),
            reference_values=tuple(values[each] for each in told),
            images=(),
            turns=(),
        )
        for number, (query, told) in enumerate(
            zip(pairs["query"], pairs["references"], strict=True)
        )
    ]


@pytest.fixture(scope="session")
def labels():
    """Give the drawer of classes."""
    return draw_labels


@pytest.fixture(scope="session")
def pool():
    """Give the maker of pools."""
    return pool_of


@pytest.fixture(scope="session")
def make_tasks():
    """Give the maker of tasks."""
    return tasks_of
