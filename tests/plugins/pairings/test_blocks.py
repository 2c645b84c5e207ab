"""Blocks: k queries and k references that all meet."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest

from brainplug_plugins.pairings.independent import Independent, IndependentOptions

if TYPE_CHECKING:
    import pandas as pd


def pair(queries, references, *, seed=1, **options) -> pd.DataFrame:
    """Pair two pools in blocks."""
    return Independent(IndependentOptions(**options)).pair(queries, references, seed=seed)


def cut(pairs, size: int) -> list[pd.DataFrame]:
    """Cut pairs into runs of `size` rows."""
    return [pairs.iloc[start : start + size] for start in range(0, len(pairs), size)]


@pytest.mark.parametrize("block", [2, 3, 8])
def test_a_block_of_k_shows_2k_scans_in_k_squared_dialogues(block, labels, pool):
    """Every query of a block meets every reference of it once, and rows come block by block."""
    queries, references = (pool(name, labels(5 * block, [0.7, 0.3], 2)) for name in "qr")

    pairs = pair(queries, references, block=block)

    blocks = cut(pairs, block * block)
    assert 5 == len(blocks)
    for rows in blocks:
        asked, told = set(rows["query"]), set(rows["references"])
        assert {(one, other) for one in asked for other in told} == set(
            rows.itertuples(index=False, name=None)
        )
        assert (block, block) == (len(asked), len(told))


def test_each_scan_is_used_equally_often(pool):
    """As many queries as references, two equal classes: each scan stands in k dialogues."""
    values = ["a", "b"] * 20
    queries, references = (pool(name, values) for name in "qr")

    pairs = pair(queries, references, block=4)

    assert {4} == set(pairs["query"].value_counts())
    assert {4} == set(pairs["references"].value_counts())
    assert 40 == pairs["references"].nunique()


def test_uses_of_a_class_differ_by_one_block(labels, pool):
    """With classes of any size, the uses within a class differ by the size of a block at most."""
    queries = pool("q", labels(104, [0.7, 0.2, 0.1], 2))
    references = pool("r", labels(90, [0.7, 0.2, 0.1], 3))

    pairs = pair(queries, references, block=4, references_per_query=8)

    uses = pairs["references"].explode().value_counts().reindex(references.index, fill_value=0)
    for _, each in uses.groupby(references["stratum"]):
        assert each.max() - each.min() <= 4
    assert {8} == set(pairs["query"].value_counts())


def test_a_block_has_an_equal_share_of_each_class(labels, pool):
    """Six references of three classes are two of each, whoever the queries are."""
    queries = pool("q", labels(60, [0.9, 0.05, 0.05], 2))
    references = pool("r", labels(60, [0.6, 0.2, 0.2], 3))

    pairs = pair(queries, references, block=6)

    for rows in cut(pairs, 36):
        told = {scan for (scan,) in rows["references"]}
        assert {"class 0": 2, "class 1": 2, "class 2": 2} == Counter(
            references.loc[sorted(told), "stratum"]
        )


def test_tasks_of_one_reference_stand_together(labels, pool):
    """Within a block the reference changes slowest, so a batch encodes it once."""
    queries, references = (pool(name, labels(20, [0.5, 0.5], 2)) for name in "qr")

    pairs = pair(queries, references, block=4)

    for rows in cut(pairs, 16):
        told = rows["references"].tolist()
        assert 3 == sum(one != other for one, other in pairwise(told))
        for run in cut(rows, 4):
            assert sorted(run["query"]) == run["query"].tolist()


def test_the_last_block_may_be_smaller(labels, pool):
    """Ten queries in blocks of four: the last two still meet four references."""
    queries, references = (pool(name, labels(10, [0.5, 0.5], 2)) for name in "qr")

    pairs = pair(queries, references, block=4)

    assert {4} == set(pairs["query"].value_counts())
    last = pairs.iloc[32:]
    assert (8, 2, 4) == (len(last), last["query"].nunique(), last["references"].nunique())


def test_rounds_group_anew_and_do_not_repeat(labels, pool):
    """Twelve references in blocks of four are three rounds of other blocks and no pair twice."""
    queries, references = (pool(name, labels(400, [0.5, 0.5], 2)) for name in "qr")

    pairs = pair(queries, references, block=4, references_per_query=12)

    assert not pairs.duplicated().any()
    groups = [frozenset(rows["query"]) for rows in cut(pairs, 16)]
    assert 300 == len(groups)
    assert len(set(groups)) > 290


def test_kin_do_not_share_a_block(pool):
    """A query whose sibling is among a block's references takes another's place."""
    families = [f"f{place % 30}" for place in range(60)]
    queries, references = (
        pool(name, ["a", "b"] * 30, family=np.roll(families, shift))
        for name, shift in (("q", 0), ("r", 7))
    )

    pairs = pair(queries, references, block=5)

    told = pairs["references"].str[0].map(references["family"])
    assert 300 == len(pairs)
    assert not (pairs["query"].map(queries["family"]) == told).any()
    assert {5} == set(pairs["references"].value_counts())


def test_a_short_class_leaves_its_place_to_others(pool):
    """A block needs two of a class that has one: it gets the one, never one twice."""
    queries, references = pool("q", ["a"] * 8), pool("r", ["a"] * 10 + ["b"])

    pairs = pair(queries, references, block=4)

    for rows in cut(pairs, 16):
        strata = references.loc[[told[0] for told in rows["references"].unique()], "stratum"]
        assert {"a": 3, "b": 1} == strata.value_counts().to_dict()


def test_blocks_stay_within_groups(labels, pool):
    """With `within` a block holds people of one site only."""
    sites = ["one", "two", "three"] * 14
    queries, references = (pool(name, labels(42, [0.5, 0.5], 4), site=sites) for name in "qr")

    pairs = pair(queries, references, block=4, within=("site",))

    told = pairs["references"].str[0].map(references["site"])
    assert pairs["query"].map(queries["site"]).tolist() == told.tolist()
    assert {4} == set(pairs["query"].value_counts())
