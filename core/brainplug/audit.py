"""The audit: nobody in two pools, pools alike, one image one person, no shortcut in the words.

What breaks a promise stops a run; the same is only told of task files that other tools made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import attrs
import numpy as np
import pandas as pd

from brainplug.errors import DataError, LeakageError
from brainplug.types import POOLS, SPLITS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from brainplug.task_reader import Glance
    from brainplug.types import Split

MOST_CLASSES = 12
"""A column of the study with at most this many values is compared class by class."""

FARTHEST = 99.0
"""Largest standardised difference that is told."""

SHOWN = 5
"""People named for a finding."""

BALANCED = {
    "target": ("target",),
    "age": ("age", "interview_age", "age_years", "p21003"),
    "sex": ("sex", "gender", "demo_sex_v2", "p31", "ptgender"),
    "site": ("site",),
    "scanner": ("scanner",),
}
"""What is compared between pools -> names, without case, of the columns that may hold it."""


@attrs.frozen(kw_only=True)
class Finding:
    """Something the audit found.

    Attributes:
        kind: `leak` breaks the promise of apart pools, `shortcut` that of mute references; a
            `note` breaks none.
        what: in a sentence.
        members: whom or what it concerns.
    """

    kind: Literal["leak", "shortcut", "note"]
    what: str
    members: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the finding with a few of its members."""
        few = list(self.members[:SHOWN])
        return {"kind": self.kind, "what": self.what, "count": len(self.members), "examples": few}


def refuse_findings(findings: Iterable[Finding], *, allow_shortcut: bool) -> None:
    """Stop a run on what breaks a promise.

    Raises:
        LeakageError: pools are not apart; names who is concerned.
        DataError: a rule that sees no scan beats chance, and `allow_shortcut` is off.
    """
    shortcuts = []
    for finding in findings:
        if finding.kind == "leak":
            raise LeakageError(finding.what, finding.members)
        if finding.kind == "shortcut":
            shortcuts.append(finding.what)
    if shortcuts and not allow_shortcut:
        raise DataError(
            "; ".join(shortcuts) + "; choose another pairing or wording, or set "
            "allow_shortcut = true in [audit] to go on all the same"
        )


def pool_scans(cohort: pd.DataFrame, split: pd.DataFrame) -> pd.DataFrame:
    """Return the cohort with `pool` and `part` (train, val or test) of each scan."""
    pooled = cohort.merge(split, on="subject", how="left", suffixes=("_in_table", ""))
    return pooled.assign(part=pooled["pool"].str.partition("_")[0])


def find_leaks(pooled: pd.DataFrame) -> list[Finding]:
    """Find people and families in two pools, and one image in two.

    Args:
        pooled: as `pool_scans` gives it.
    """
    return [
        finding
        for finding in (
            meeting(pooled, "subject", "pool", "subjects are in two pools"),
            meeting(
                pooled,
                "family",
                "part",
                'families are in two of train, val and test; set use = "family" in [split], or '
                "correct the column or file that assigns them",
            ),
            meeting(
                pooled,
                "family",
                "pool",
                'families are in query and reference pools; set use = "family" in [split], or '
                "correct the column or file that assigns them",
            ),
            *find_copies(pooled),
        )
        if finding is not None
    ]


def meeting(pooled: pd.DataFrame, group: str, place: str, what: str) -> Finding | None:
    """Find the groups that stand in two places."""
    members = apart(pooled, group, place)
    return Finding(kind="leak", what=what, members=members) if members else None


def apart(pooled: pd.DataFrame, group: str, place: str) -> tuple[str, ...]:
    """Return the groups with members in several places."""
    places = pooled[[group, place]].dropna().drop_duplicates()
    return tuple(sorted(places.loc[places[group].duplicated(), group].unique()))


def find_copies(pooled: pd.DataFrame) -> Iterator[Finding]:
    """Find one image that several people have, by the column `same_image`."""
    if "same_image" not in pooled.columns:
        return
    copies = pooled[pooled["same_image"].notna()].sort_values(["same_image", "scan"])
    split_up = copies["same_image"].isin(apart(copies, "same_image", "pool"))
    remedy = 'correct the table, or set duplicates = "exclude" in [audit]'
    if split_up.any():
        yield Finding(
            kind="leak",
            what=f"scans under different ids in two pools have the same content; {remedy}",
            members=tuple(copies.loc[split_up, "scan"]),
        )
    if not split_up.all():
        yield Finding(
            kind="note",
            what=f"scans under different ids in one pool have the same content; {remedy}",
            members=tuple(copies.loc[~split_up, "scan"]),
        )


def describe_split(pooled: pd.DataFrame) -> dict[str, Any]:
    """Count who is where, and compare the pools.

    Args:
        pooled: as `pool_scans` gives it.
    """
    sites = apart(pooled, "site", "part")
    return {
        "checks": {
            "subjects in two pools": len(apart(pooled, "subject", "pool")),
            "families in two of train, val and test": len(apart(pooled, "family", "part")),
            "families in query and reference pools": len(apart(pooled, "family", "pool")),
        },
        "known": {
            "families": int(pooled["family"].nunique()),
            "sites": int(pooled["site"].nunique()),
            "sites in two of train, val and test": len(sites),
            "scans whose content others have": int(pooled["same_image"].notna().sum())
            if "same_image" in pooled.columns
            else 0,
        },
        "pools": {pool: describe_pool(pooled[pooled["pool"] == pool]) for pool in POOLS},
        "balance": {
            name: balance(pooled, column) for name, column in find_balanced(pooled).items()
        },
    }


def find_balanced(pooled: pd.DataFrame) -> dict[str, str]:
    """Return which column holds what is compared between pools, as far as there is one."""
    named = {str(column).casefold(): str(column) for column in reversed(list(pooled.columns))}
    found = {
        name: next((named[known] for known in names if known in named), None)
        for name, names in BALANCED.items()
    }
    return {
        name: column
        for name, column in found.items()
        if column is not None and pooled[column].notna().any()
    }


def describe_pool(scans: pd.DataFrame) -> dict[str, int]:
    """Count scans, subjects and families of a pool."""
    return {
        "scans": len(scans),
        "subjects": int(scans["subject"].nunique()),
        "families": int(scans["family"].nunique()),
    }


def balance(pooled: pd.DataFrame, column: str) -> dict[str, Any]:
    """Compare a column between pools: mean and SD, or counts of classes.

    The standardised difference is that of a pool's mean from all other scans, in pooled SD; for
    classes, the largest among them.
    """
    numbers = pd.to_numeric(pooled[column], errors="coerce")
    is_number = numbers.notna().sum() == pooled[column].notna().sum() and (
        numbers.nunique() > MOST_CLASSES
    )
    if is_number:
        return {pool: describe_numbers(numbers, pooled["pool"] == pool) for pool in POOLS}
    return describe_classes(pooled[column], pooled["pool"])


def describe_numbers(values: pd.Series, inside: pd.Series) -> dict[str, Any]:
    """Describe a pool's numbers."""
    here, others = values[inside].dropna(), values[~inside].dropna()
    return {
        "n": len(here),
        "mean": plain(here.mean()),
        "sd": plain(here.std()),
        "standardised_difference": plain(
            standardised_difference((here.mean(), here.var()), (others.mean(), others.var()))
        ),
    }


def describe_classes(values: pd.Series, pools: pd.Series) -> dict[str, dict[str, Any]]:
    """Describe the classes of every pool, from one table of counts."""
    counts = pd.crosstab(pools, values).reindex(list(POOLS), fill_value=0)
    found = {}
    for pool in POOLS:
        here, others = counts.loc[pool], counts.drop(pool).sum()
        moments = [share_moments(part.to_numpy(dtype=float)) for part in (here, others)]
        differences = np.abs(standardised_difference(*moments))
        # A class that is all of its pool and nowhere else is infinitely far, which JSON has not.
        known = np.minimum(differences[~np.isnan(differences)], FARTHEST)
        found[pool] = {
            "n": int(here.to_numpy().sum()),
            "counts": {str(label): int(count) for label, count in here.items() if count},
            "standardised_difference": plain(known.max()) if len(known) else None,
        }
    return found


def share_moments(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and variance of being of each class."""
    total = counts.sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        share = counts / total
        return share, share * (1 - share) * total / (total - 1)


def standardised_difference(here: tuple[Any, Any], others: tuple[Any, Any]) -> Any:
    """Return the difference of means in pooled SD, NaN where it is not defined.

    Args:
        here: mean and variance.
        others: the same.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.divide(here[0] - others[0], np.sqrt((here[1] + others[1]) / 2))


def plain(value: float) -> float | None:
    """Return a rounded float, None for NaN."""
    return round(float(value), 4) if np.isfinite(value) else None


def find_task_leaks(
    glances: Mapping[Split, Sequence[Glance]], allowed: Mapping[Split, Split], split: pd.DataFrame
) -> list[Finding]:
    """Assert from the task files that queries and references come from their own pools.

    Args:
        glances: the tasks of each split.
        allowed: split -> the split whose references its queries may see.
        split: `subject` and `pool`, as written.
    """
    pools = dict(zip(split["subject"].tolist(), split["pool"].tolist(), strict=True))
    found = []
    for name in SPLITS:
        queries = {task.subject for task in glances[name]}
        shown = {person for task in glances[name] for person in task.references}
        wrong = {person for person in queries if pools.get(person) != f"{name}_query"}
        wrong |= {person for person in shown if pools.get(person) != f"{allowed[name]}_reference"}
        if wrong:
            found.append(
                Finding(
                    kind="leak",
                    what=f"the {name} tasks show subjects of other pools",
                    members=tuple(sorted(wrong)),
                )
            )
    return found
