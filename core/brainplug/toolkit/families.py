"""Groups of people who must stay together: relatives, and all scans of one person."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from brainplug.toolkit.components import number_components

if TYPE_CHECKING:
    from jaxtyping import Int


def family_groups(cohort: pd.DataFrame) -> pd.Series:
    """Return the name of each row's group: its connected component of subjects and families.

    A group is known by its smallest family id, or by its subject where it has no family. A new row
    can therefore rename a group only by joining it to another one, or to its first family.

    Args:
        cohort: has `subject` and `family`; a missing family is nobody's.

    >>> rows = {"subject": ["a", "a", "b", "c"], "family": ["2", "1", "2", None]}
    >>> family_groups(pd.DataFrame(rows)).tolist()
    ['family 1', 'family 1', 'family 1', 'subject c']
    """
    alone = subject_groups(cohort)
    people, _ = pd.factorize(alone)
    # In the order of names: the smallest number in a component is then its smallest family id.
    families, names = pd.factorize(cohort["family"].astype("str"), sort=True)
    if not len(names):
        return alone
    first = _smallest_families(people, families)[people]
    # -1, nobody's family, finds no name here; that person is known by subject below.
    told = pd.Series("family " + names.astype("str")).reindex(first).set_axis(cohort.index)
    return told.where(first >= 0, alone).rename("group")


def subject_groups(cohort: pd.DataFrame) -> pd.Series:
    """Return the name of each row's group where each person is one.

    >>> subject_groups(pd.DataFrame({"subject": ["a"]})).tolist()
    ['subject a']
    """
    return ("subject " + cohort["subject"].astype("str")).rename("group")


def _smallest_families(
    people: Int[np.ndarray, " rows"], families: Int[np.ndarray, " rows"]
) -> Int[np.ndarray, " people"]:
    """Return, for each person, the smallest family of the component, -1 where it has none.

    Args:
        people: number of each row's person, from 0 without a gap.
        families: number of each row's family in the order of names, -1 where it has none.
    """
    known = families >= 0
    own = _smallest(people[known], families[known], people.max() + 1)
    # Where nobody is of two families, which is nearly always, each is a component by itself, and
    # the library of graphs need not be imported.
    if (own[people[known]] == families[known]).all():
        return own
    num_people, num_families = len(own), families.max() + 1
    # People and families are nodes of one graph, families numbered after people: so each row is
    # one link, where linking relatives with each other would take one for each pair of them.
    labels = number_components(
        people[known], num_people + families[known], num_people + num_families
    )
    smallest = _smallest(labels[num_people:], np.arange(num_families), labels.max() + 1)
    of_people: Int[np.ndarray, " people"] = smallest[labels[:num_people]]
    return of_people


def _smallest(
    groups: Int[np.ndarray, " rows"], families: Int[np.ndarray, " rows"], count: int
) -> Int[np.ndarray, " groups"]:
    """Return the smallest family of each of so many groups, -1 where one has none."""
    above = families.max() + 1
    smallest = np.full(count, above)
    # Plain indexing would keep the last family of a group that has several.
    np.minimum.at(smallest, groups, families)
    return np.where(smallest < above, smallest, -1)
