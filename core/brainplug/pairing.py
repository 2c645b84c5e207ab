"""The pairs stage: which references each query of a split is compared with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from brainplug.errors import DataError
from brainplug.types import SPLITS

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

    from brainplug.parts import Answers, Pairing
    from brainplug.types import Split

PAIR_COLUMNS: tuple[str, ...] = ("task_id", "split", "query", "references")


def make_pairs(
    pairing: Pairing, cohort: pd.DataFrame, answers: Answers, *, seed: int
) -> pd.DataFrame:
    """Let a pairing choose references split by split, and check what it chose.

    Args:
        pairing: chooses the references.
        cohort: scans with their `pool`; see `brainplug.split.add_pools`.
        answers: names the stratum of each value.
        seed: the run's seed.

    Returns:
        `PAIR_COLUMNS`, one row a task, sorted by split and query. `task_id` is unique.

    Raises:
        DataError: a label is unknown, or the pairing names scans that it may not.
    """
    _check_labels(cohort, answers)
    shown = _show(cohort, answers)
    return pd.concat(
        [_pair_split(pairing, shown, split, seed) for split in SPLITS], ignore_index=True
    )


def _show(cohort: pd.DataFrame, answers: Answers) -> pd.DataFrame:
    """Return the scans as pairings see them: by scan id, sorted, with value and stratum."""
    kept = cohort.drop(columns=["value", "stratum"], errors="ignore")
    shown = kept.rename(columns={"target": "value"}).set_index("scan").sort_index()
    return shown.assign(stratum=answers.strata(shown["value"]))


def _pair_split(pairing: Pairing, shown: pd.DataFrame, split: Split, seed: int) -> pd.DataFrame:
    queries = shown[shown["pool"] == f"{split}_query"].drop(columns="pool")
    references = shown[shown["pool"] == f"{split}_reference"].drop(columns="pool")
    try:
        pairs = pairing.pair(queries, references, seed=seed)
    except DataError as error:
        raise DataError(f"pairs of {split}: {error}") from error
    _check_pairs(pairs, queries, references, split)
    pairs = pairs.sort_values("query", kind="stable", ignore_index=True)
    numbers = pairs.groupby("query").cumcount()
    ids = [f"{split}-{query}-{k:02d}" for query, k in zip(pairs["query"], numbers, strict=True)]
    return pd.DataFrame(
        {
            "task_id": pd.Series(ids, dtype="str"),
            "split": pd.Series(split, index=pairs.index, dtype="str"),
            "query": pairs["query"].astype("str"),
            "references": [list(chosen) for chosen in pairs["references"]],
        },
        columns=list(PAIR_COLUMNS),
    )


def _check_labels(cohort: pd.DataFrame, answers: Answers) -> None:
    """Refuse labels that no training scan has: they could be neither learnt nor said."""
    if not answers.labels:
        return
    unknown = cohort.loc[~cohort["target"].isin(answers.labels)]
    if len(unknown):
        listed = ", ".join(
            f"{label!r} ({count} scans)"
            for label, count in unknown["target"].value_counts().items()
        )
        raise DataError(
            f"expected the labels of the training scans, {', '.join(map(repr, answers.labels))}; "
            f"other pools also have {listed}; use more subjects, another seed, or leave these "
            "labels out of the target"
        )


def _check_pairs(
    pairs: pd.DataFrame, queries: pd.DataFrame, references: pd.DataFrame, split: Split
) -> None:
    """Refuse unknown scans, scans of the wrong pool, and queries that were left out."""
    lacking = [name for name in ("query", "references") if name not in pairs.columns]
    if lacking:
        raise DataError(
            f"pairs of {split}: expected the columns query and references, "
            f"got {', '.join(map(str, pairs.columns))}"
        )
    _check_known(pairs["query"], queries.index, f"{split}_query")
    chosen = [scan for scans in pairs["references"] for scan in scans]
    _check_known(chosen, references.index, f"{split}_reference")
    repeated = [scans for scans in pairs["references"] if len(set(scans)) < len(scans)]
    if repeated:
        raise DataError(f"pairs of {split}: a task shows one reference twice: {repeated[0]!r}")
    left = sorted(set(queries.index) - set(pairs["query"]))
    if left:
        raise DataError(
            f"pairs of {split}: {len(left)} of {len(queries)} queries got no task, for example "
            f"{', '.join(map(repr, left[:5]))}; every query must be asked at least once"
        )


def _check_known(scans: Iterable[Hashable], pool: pd.Index, name: str) -> None:
    unknown = sorted({str(scan) for scan in scans if scan not in pool})
    if unknown:
        raise DataError(
            f"the pairing named {len(unknown)} scans that are not in the pool {name}, for example "
            f"{', '.join(map(repr, unknown[:5]))}"
        )
