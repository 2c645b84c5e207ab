"""The pairs stage: which references each query of a split is compared with."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pandas as pd

from brainplug.api.guard import judging
from brainplug.api.lending import lending
from brainplug.api.records import SPLITS, asked_pools, shown_pools
from brainplug.api.roles import ShowsNone, Speaks, UsesTraining, able
from brainplug.errors import DataError, elide, show
from brainplug.toolkit.families import family_groups

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

    from brainplug.api.records import Split
    from brainplug.api.roles import Answers, Pairing

LONGEST = 60
"""Letters of a cell that is shown."""

PAIR_COLUMNS: tuple[str, ...] = ("task_id", "study", "split", "query", "references")


def make_pairs(
    pairing: Pairing, cohort: pd.DataFrame, answers: Answers, *, seed: int
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Let a pairing choose references, study by study and split by split, and check its choice.

    Args:
        pairing: chooses the references.
        cohort: scans with their `pool`; see `brainplug.design.split.add_pools`.
        answers: names the stratum of each value.
        seed: the run's seed.

    Returns:
        `PAIR_COLUMNS`, one row a task, in the pairing's order within study and split, `task_id`
        unique; and what the pairing says of them.

    Raises:
        DataError: a label is unknown, or the pairing names scans that it may not.
    """
    _check_labels(cohort, answers)
    shown = _show(cohort, answers)
    tables, notes = [], list[str]()
    for study, scans in shown.groupby("study", sort=True):
        tried = tried_split(scans)
        for split in SPLITS:
            pairs, said = _pair_split(pairing, scans, split, seed, tries=split == tried)
            # A Series with a type, since a split without tasks would give the column another one.
            tables.append(pairs.assign(study=pd.Series(study, index=pairs.index, dtype="str")))
            notes += [f"{split}: {sentence}" for sentence in said]
    return pd.concat(tables, ignore_index=True)[list(PAIR_COLUMNS)], tuple(notes)


def _show(cohort: pd.DataFrame, answers: Answers) -> pd.DataFrame:
    """Return the scans as pairings see them: by scan id, sorted, with value and stratum.

    In a pool whose people are asked and shown alike, a family is everybody who is linked by
    families or by images of one content, since such people must not meet.
    """
    shown = cohort.rename(columns={"target": "value"}).set_index("scan").sort_index()
    shared = shown["pool"].isin(SPLITS)
    if shared.any():
        shown["family"] = shown["family"].mask(shared, relative_groups(shown))
    return shown.assign(stratum=answers.strata(shown["value"]))


def relative_groups(scans: pd.DataFrame) -> pd.Series:
    """Return the group of each scan: people linked by families, or by images of one content."""
    family = scans["family"].astype("str")
    rows = pd.DataFrame({"subject": scans["subject"].tolist(), "family": family.tolist()})
    if "same_image" in scans.columns:
        copies = scans.loc[scans["same_image"].notna(), ["subject", "same_image"]].astype("str")
        # Named apart from families, whose ids may look like anything.
        links = pd.DataFrame(
            {
                "subject": copies["subject"].tolist(),
                "family": ("image " + copies["same_image"]).tolist(),
            }
        )
        rows = pd.concat([rows, links], ignore_index=True)
    # The rows for copied images have joined the groups; only the scans' own, the first, are asked.
    return family_groups(rows).iloc[: len(scans)].set_axis(scans.index)


def reference_split(pairing: Pairing, split: Split) -> Split:
    """Return the split whose references the queries of a split are compared with."""
    return pairing.references_from if able(pairing, UsesTraining) else split


def tried_split(scans: pd.DataFrame) -> Split | None:
    """Return the split whose people a pairing is asked about twice: the first that has some.

    Those of validation are few as a rule; what it draws by is the same for all.
    """
    order: tuple[Split, ...] = ("val", "test", "train")
    return next((each for each in order if scans["pool"].isin(asked_pools(each)).any()), None)


def _pair_split(
    pairing: Pairing, shown: pd.DataFrame, split: Split, seed: int, *, tries: bool
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    source = reference_split(pairing, split)
    queries = shown[shown["pool"].isin(asked_pools(split))].drop(columns="pool")
    references = shown[shown["pool"].isin(shown_pools(source))].drop(columns="pool")
    if queries.empty:  # a study that is wholly held out has nobody in the other splits
        return pd.DataFrame(columns=list(PAIR_COLUMNS), dtype="str"), ()
    try:
        with lending(pairing, "pair", queries, references) as lent:
            pairs = pairing.pair(*lent, seed=seed)
    except DataError as error:
        raise error.within(f"pairs of {split}") from error
    with judging(pairing, "pair"):
        pools = f"{split} queries, {source} references"
        _check_pairs(pairs, queries, references, pools)
        _check_empty(pairing, pairs)
        _check_twice(pairs, pools)
        if tries:
            _check_order(pairing, pairs, queries, references, seed=seed)
    said = _speak(pairing, pairs, queries, references)
    # Counted, since a query is asked several times and each task needs an id of its own.
    numbers = pairs.groupby("query", sort=False).cumcount()
    asked = zip(pairs["query"].tolist(), numbers.tolist(), strict=True)
    ids = [f"{split}-{query}-{number:02d}" for query, number in asked]
    table = pd.DataFrame(
        {
            "task_id": pd.Series(ids, dtype="str"),
            "split": pd.Series(split, index=range(len(ids)), dtype="str"),
            "query": pairs["query"].astype("str").reset_index(drop=True),
            "references": list(map(list, pairs["references"].tolist())),
        }
    )
    return table, said


def _speak(
    pairing: Pairing, pairs: pd.DataFrame, queries: pd.DataFrame, references: pd.DataFrame
) -> tuple[str, ...]:
    if not able(pairing, Speaks):
        return ()
    with lending(pairing, "notes", pairs, queries, references) as lent:
        return pairing.notes(*lent)


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
            f"also {listed}",
            expected=f"the labels of the target that training scans have, {show(answers.labels)}",
            found={
                str(label): int(count) for label, count in unknown["target"].value_counts().items()
            },
            hint="give every study the same labels, or leave these out of the target",
        )


def _check_pairs(
    pairs: pd.DataFrame, queries: pd.DataFrame, references: pd.DataFrame, pools: str
) -> None:
    """Refuse unknown scans, scans of the wrong pool, and queries that were left out."""
    lacking = [name for name in ("query", "references") if name not in pairs.columns]
    if lacking:
        raise DataError(
            where=f"pairs of {pools}",
            expected="the columns query and references",
            found=tuple(pairs.columns),
            hint="name them so",
        )
    twice = [name for name in ("query", "references") if pairs.columns.tolist().count(name) > 1]
    if twice:
        raise DataError(
            f"it stands {pairs.columns.tolist().count(twice[0])} times",
            where=(f"pairs of {pools}", f"column {twice[0]!r}"),
            expected="one such column",
            hint="leave the others out",
        )
    told = pairs["references"].tolist()
    _check_lists(told, pools)
    asked = _as_labels(pairs["query"].tolist(), "query", pools)
    named = _as_labels((scan for scans in told for scan in scans), "references", pools)
    asked_of, shown_of = pools.split(", ")
    _check_known(asked, queries.index, asked_of)
    _check_known(named, references.index, shown_of)
    if asked.intersection(references.index):
        _check_others(pairs, queries, references, pools)
    repeated = [scans for scans in told if len(scans) > 1 and len(set(scans)) < len(scans)]
    if repeated:
        raise DataError(
            f"a task shows one reference twice: {repeated[0]!r}",
            where=f"pairs of {pools}",
            found=tuple(repeated[0]),
            hint="show each reference once in a task",
        )
    left = sorted(set(queries.index.tolist()) - asked)
    if left:
        raise DataError(
            f"{len(left)} of {len(queries)} queries got no task, for example {show(left[:5])}",
            where=f"pairs of {pools}",
            found=tuple(left),
            hint="every query must be asked at least once",
        )


def _check_empty(pairing: Pairing, pairs: pd.DataFrame) -> None:
    """Refuse tasks without a reference, unless the pairing says that it shows none."""
    alone = [
        query
        for query, told in zip(pairs["query"].tolist(), pairs["references"], strict=True)
        if not len(told)
    ]
    if alone and not able(pairing, ShowsNone):
        raise DataError(
            f"{len(alone)} tasks without one, for example of {show(alone[:5])}",
            where="column 'references'",
            expected="references in every task",
            found=tuple(alone),
            hint="a pairing that shows none declares the ability ShowsNone",
        )


def _check_twice(pairs: pd.DataFrame, pools: str) -> None:
    """Refuse a task that comes twice, which would count and be learnt twice."""
    tasks = list(zip(pairs["query"].tolist(), map(tuple, pairs["references"]), strict=True))
    if len(set(tasks)) < len(tasks):
        twice = next(task for task, count in Counter(tasks).items() if count > 1)
        raise DataError(
            f"the query {twice[0]!r} with {show(twice[1])} is one task twice",
            where=f"pairs of {pools}",
            found=twice,
            hint="a task more must show other references, or show them in another order",
        )


def _check_order(
    pairing: Pairing,
    pairs: pd.DataFrame,
    queries: pd.DataFrame,
    references: pd.DataFrame,
    seed: int,
) -> None:
    """Refuse pairs that hang on more than the rows and the seed."""
    again = pairing.pair(queries.iloc[::-1], references.iloc[::-1], seed=seed)
    if as_set(pairs) != as_set(again):
        if as_set(pairs) != as_set(pairing.pair(queries, references, seed=seed)):
            raise DataError(
                "other pairs when it was asked again",
                expected="the same pairs for the same seed",
                hint="draw with numpy.random.default_rng(seed); not by hash(), the time, or a "
                "generator without seed",
            )
        raise DataError(
            "other pairs when the rows came in another order",
            expected="the same pairs whatever the order, by the seed alone",
            hint="sort the rows, and draw with numpy.random.default_rng(seed)",
        )


def as_set(pairs: pd.DataFrame) -> set[tuple[str, tuple[str, ...]]]:
    """Return pairs without their order."""
    return set(zip(pairs["query"].tolist(), map(tuple, pairs["references"]), strict=True))


def _check_lists(told: list[Any], pools: str) -> None:
    """Refuse references that are a text, whose letters would be scans, or that have no order."""
    odd = [each for each in told if not isinstance(each, tuple | list)]
    if odd:
        kind, single = type(odd[0]).__name__, isinstance(odd[0], str)
        shown = show(odd[0]) if single else f"the {kind} {_elided(odd[0])}"
        raise DataError(
            f"{shown} ({len(odd)} such rows)",
            where=(f"pairs of {pools}", "column 'references'"),
            expected="a list of scans in each row, empty where no reference is shown",
            found=kind,
            hint="put a reference that stands alone into a list too"
            if single
            else "write a list or a tuple, in the order in which scans are shown",
        )


def _as_labels(cells: Iterable[Any], column: str, pools: str) -> set[Any]:
    """Return the scans that cells name; refuse those that can be no label, such as lists."""
    found: set[Any] = set()
    for cell in cells:
        try:
            found.add(cell)
        except TypeError:
            raise DataError(
                f"the {type(cell).__name__} {_elided(cell)}",
                where=(f"pairs of {pools}", f"column {column!r}"),
                expected="the name of a scan, as in the index",
                found=type(cell).__name__,
                hint="put each scan there by its own name",
            ) from None
    return found


def _elided(thing: object) -> str:
    """Write something in one line that is not too long."""
    return elide(" ".join(repr(thing).split()), LONGEST)


def _check_others(
    pairs: pd.DataFrame, queries: pd.DataFrame, references: pd.DataFrame, pools: str
) -> None:
    """Refuse a query that meets itself or a relative, as it could where a pool is shared."""
    people, families = references["subject"].to_dict(), references["family"].to_dict()
    asked = queries[["subject", "family"]].loc[pairs["query"].tolist()].itertuples(index=False)
    related = [
        query
        for query, (subject, family), told in zip(
            pairs["query"].tolist(), asked, pairs["references"].tolist(), strict=True
        )
        if any(
            people[scan] == subject or (pd.notna(family) and families[scan] == family)
            for scan in told
        )
    ]
    if related:
        raise DataError(
            f"{len(related)} tasks show a query itself or its relatives as a reference, for "
            f"example {show(list(dict.fromkeys(related[:5])))}",
            where=f"pairs of {pools}",
            found=tuple(related),
            hint="a pairing must leave scans of the own subject and family out",
        )


def _check_known(scans: set[Hashable], pool: pd.Index, name: str) -> None:
    unknown = sorted({str(scan) for scan in scans.difference(pool.tolist())})
    if unknown:
        raise DataError(
            f"scans are named that are not among the {name}: {len(unknown)}, for example "
            f"{show(unknown[:5])}",
            found=tuple(unknown),
            hint="name scans as the index of `queries` and of `references` does",
        )
