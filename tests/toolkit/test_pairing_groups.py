"""Who may meet whom: same site, same age band."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from brainplug.errors import DataError
from brainplug_plugins.pairings.independent import Independent, IndependentOptions


def pair(queries, references, **options) -> pd.DataFrame:
    """Pair two pools."""
    return Independent(IndependentOptions(**options)).pair(queries, references, seed=1)


@pytest.fixture
def pools(labels, pool):
    """Give 240 queries and references of three sites, two sexes and ages from 8 to 12."""
    rng = np.random.default_rng(1)
    return [
        pool(
            name,
            labels(240, [0.5, 0.5], 2),
            site=rng.choice(["one", "two", "three"], 240),
            sex=rng.choice(["F", "M"], 240),
            age=rng.uniform(8, 12, 240).round(2).astype("str"),
        )
        for name in "qr"
    ]


def test_references_are_of_the_same_site_sex_and_age_band(pools):
    """Every reference shares the columns of `within` and the bands of `bands`."""
    queries, references = pools

    pairs = pair(queries, references, within=("site", "sex"), bands={"age": 2.0})

    asked, told = queries.loc[pairs["query"]], references.loc[pairs["references"].str[0]]
    assert 720 == len(pairs)
    for column in ("site", "sex"):
        assert asked[column].tolist() == told[column].tolist()
    bands = [(frame["age"].astype(float) // 2).tolist() for frame in (asked, told)]
    assert bands[0] == bands[1]


def test_classes_have_equal_shares_in_every_group(pools):
    """Two references of two classes are one of each, in each site."""
    queries, references = pools

    pairs = pair(queries, references, within=("site",), references_per_query=2)

    told = pairs["references"].str[0].map(references["stratum"])
    assert {1} == set(pd.crosstab(pairs["query"], told).to_numpy().ravel().tolist())


def test_groups_with_too_few_references_are_listed(pools):
    """The groups are named with their counts, and what to do is said."""
    queries, references = pools
    few = references.index[references["site"] == "two"][2:]

    with pytest.raises(DataError) as caught:
        pair(queries, references.drop(index=few), within=("site",))

    assert {"site = two": 2} == caught.value.found
    assert "pairing.within" in caught.value.hint


def test_a_site_without_references_is_listed(pools):
    """A query's site where nobody is a reference counts none."""
    queries, references = pools

    with pytest.raises(DataError) as caught:
        pair(queries, references[references["site"] != "two"], within=("site",))

    assert {"site = two": 0} == caught.value.found


def test_a_query_without_a_value_is_an_error(pools):
    """A query whose site is not known is named; nothing is guessed."""
    queries, references = pools
    queries.loc["q0007", "site"] = pd.NA

    with pytest.raises(DataError) as caught:
        pair(queries, references, within=("site",))

    assert ("q0007",) == caught.value.found


def test_a_reference_without_a_value_is_never_shown(pools):
    """A reference whose age is not known is in no band."""
    queries, references = pools
    references.loc[references.index[:50], "age"] = pd.NA

    pairs = pair(queries, references, bands={"age": 2.0})

    assert not set(pairs["references"].str[0]) & set(references.index[:50])


def test_an_unknown_column_is_an_error(pools):
    """A misspelt column is answered with the likely one."""
    with pytest.raises(DataError) as caught:
        pair(*pools, within=("sit",))

    assert "sit" not in caught.value.found
    assert "did you mean 'site'" in caught.value.hint


def test_a_band_of_words_is_an_error(pools):
    """A column that is no number cannot be banded; the value is shown."""
    with pytest.raises(DataError) as caught:
        pair(*pools, bands={"sex": 1.0})

    assert ("pairing.bands",) == caught.value.where
    assert {"F", "M"} == set(caught.value.found)


def test_an_empty_pool_is_an_error(pools):
    """No reference at all is said as such."""
    with pytest.raises(DataError) as caught:
        pair(pools[0], pools[1].iloc[:0])

    assert (240, 0) == caught.value.found


def test_a_short_class_of_a_group_is_told_of(pools):
    """A site that has no reference of a class is noted, since its references tell of the site."""
    queries, references = pools
    lacking = (references["site"] == "two") & (references["stratum"] == "class 1")
    references = references[~lacking]
    pairing = Independent(IndependentOptions(within=("site",)))

    (note,) = pairing.notes(pairing.pair(queries, references, seed=1), queries, references)

    assert "site = two: 0 of 'class 1'" in note
