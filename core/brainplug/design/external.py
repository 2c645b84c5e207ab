"""People of another study, who are tested only: who of them is asked, and beside whom."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pandas as pd

from brainplug.api.records import shown_pools
from brainplug.api.roles import ShowsNone, able
from brainplug.design.pairs import make_pairs, reference_split
from brainplug.errors import DataError, LeakageError
from brainplug.findings import Finding
from brainplug.toolkit.families import family_groups
from brainplug.toolkit.study_ids import unmark

if TYPE_CHECKING:
    import numpy as np

    from brainplug.api.roles import Answers, Pairing

TRAINED = ("train", "train_query", "train_reference", "val", "val_query", "val_reference")
"""Pools whose people the model was made with: they taught it, or chose what is kept of it."""


def who_taught(own: pd.DataFrame) -> pd.DataFrame:
    """Return the scans of a run, with their `pool`, that the model may have been made with."""
    return own[own["pool"].isin(TRAINED)]


def refuse_known_people(study: pd.DataFrame, own: pd.DataFrame, name: str) -> None:
    """Refuse people of another study who are trained on, known by their ids or families.

    Args:
        study: the other study, ids as it has them.
        own: the run's own scans with their `pool`, ids as the run has them.
        name: of the other study.

    Raises:
        LeakageError: some are.
    """
    known = who_taught(own)
    bare = pd.concat([unmark(scans, str(of)) for of, scans in known.groupby("study")])
    for column in ("subject", "family"):
        met = sorted(set(study[column].dropna()) & set(bare[column].dropna()))
        if met:
            raise LeakageError(
                f"{column} ids of {name} are in train or validation of the run; leave them out of "
                'its table, or say ids = "other" in its [[evaluation.also]] if they are other '
                f"people ({column})",
                met,
            )


def refuse_known_scans(study: pd.DataFrame, own: pd.DataFrame, same: pd.Series, name: str) -> None:
    """Refuse scans of another study that are trained on, known by their content.

    Args:
        study: the other study.
        own: the run's own scans with their `pool`.
        same: for each scan of both, own ones first, what it is a copy of; NA where of none.
        name: of the other study.

    Raises:
        LeakageError: some are.
    """
    copied = meets_trained(own, same)
    if copied.any():
        raise LeakageError(
            f"scans of {name} are, by content, in train or validation of the run; leave these "
            "people out of its table",
            sorted(set(study.loc[copied, "subject"])),
        )


def find_lookalikes(
    study: pd.DataFrame, own: pd.DataFrame, near: pd.Series, name: str
) -> list[Finding]:
    """Find people of another study whose scans look like some that are trained on.

    Nothing is refused: twins and rescans may look so, too.

    Args:
        study: the other study.
        own: the run's own scans with their `pool`.
        near: for each scan of both, own ones first, the first of those it looks like; NA of none.
        name: of the other study.
    """
    alike = meets_trained(own, near)
    if not alike.any():
        return []
    what = (
        f"scans of {name} look like the same person or the same scan as some in train or "
        "validation of the run; look at them, and leave these people out of its table where they "
        "are"
    )
    people = sorted(set(study.loc[alike, "subject"]))
    return [Finding(kind="note", what=what, members=tuple(people))]


def meets_trained(own: pd.DataFrame, groups: pd.Series) -> np.ndarray:
    """Tell for each scan after the own ones whether one that is trained on is in its group."""
    there = set(groups.iloc[: len(own)][own["pool"].isin(TRAINED).to_numpy()].dropna())
    return groups.iloc[len(own) :].isin(there).to_numpy()


def choose_people(
    study: pd.DataFrame, own: pd.DataFrame, *, shown: float | None, salt: str
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Choose who of another study is asked, and who may be shown as a reference.

    Args:
        study: the other study, ids as the run has them.
        own: the run's own scans with their `pool`.
        shown: share of the study's people who are shown and not asked; None shows the run's own
            training references.
        salt: of the choice.
    """
    if shown is None:
        return study, own[own["pool"].isin(shown_pools("train"))]
    chosen = is_shown(study, shown, salt)
    return study[~chosen], study[chosen]


def pair_external(
    pairing: Pairing,
    asked: pd.DataFrame,
    shown: pd.DataFrame,
    *,
    answers: Answers,
    seed: int,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Choose the references of people of another study.

    Args:
        pairing: of the run.
        asked: scans that are asked, of one study.
        shown: scans that may be their references.
        answers: of the target.
        seed: of the run.

    Returns:
        The pairs, as `make_pairs` gives them, and all scans that they may name.

    Raises:
        DataError: the study has labels that the run has not, or nobody is asked or shown.
    """
    if asked.empty or (shown.empty and not able(pairing, ShowsNone)):
        raise DataError(
            f"{asked['subject'].nunique()} and {shown['subject'].nunique()}",
            where="[[evaluation.also]]",
            expected="people to be asked and people to be shown",
            hint="change shown, or leave it out",
        )
    # A pairing may look for the references of every split in training.
    pool = f"{reference_split(pairing, 'test')}_reference"
    frame = pool_external(asked, shown, pool=pool)
    pairs, _ = make_pairs(pairing, frame, answers, seed=seed)
    return pairs, frame


def pool_external(asked: pd.DataFrame, shown: pd.DataFrame, *, pool: str) -> pd.DataFrame:
    """Put the scans that are asked and those that may be shown into one table, as of one study.

    Args:
        asked: at least one scan.
        shown: any number.
        pool: of those that are shown.
    """
    study = str(asked["study"].iloc[0])
    placed = [
        scans.assign(
            pool=pd.Series(place, index=scans.index, dtype="str"),
            study=pd.Series(study, index=scans.index, dtype="str"),
        )
        for scans, place in ((asked, "test_query"), (shown, pool))
    ]
    return pd.concat(placed, ignore_index=True)


def is_shown(study: pd.DataFrame, share: float, salt: str) -> pd.Series:
    """Choose people by a hash of their family, so that nobody's choice hangs on who else is there.

    Args:
        study: scans with `subject` and `family`.
        share: of families to be chosen, on average.
        salt: of the hash.
    """
    groups = family_groups(study)
    told = {
        group: int.from_bytes(hashlib.sha256(f"{salt}\n{group}".encode()).digest()[:8]) / 2**64
        for group in groups.unique()
    }
    return groups.map(told) < share
