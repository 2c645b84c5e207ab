"""The split and pairs stages: who sees the target, who is asked, and what is said of it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from brainplug.api.roles import TellsOfSplit, UsesTarget
from brainplug.design.pairs import make_pairs, relative_groups
from brainplug.design.split import (
    USES_TARGET,
    add_pools,
    count_asked,
    describe_pools,
    load_split,
    split_cohort,
    tell_split,
    training_values,
)
from brainplug.errors import DataError
from brainplug.runtime.files import write_csv
from brainplug.toolkit.hashed_pools import DrawOptions
from brainplug_plugins.heads.categorical import Categorical, CategoricalOptions
from brainplug_plugins.pairings.anchors import Anchors, AnchorsOptions
from brainplug_plugins.pairings.independent import Independent, IndependentOptions
from brainplug_plugins.splits.family import Family
from brainplug_plugins.splits.site import Site, SiteOptions
from brainplug_plugins.splits.stratified import Stratified, StratifiedOptions

SHARED = DrawOptions(pools="shared")


def make_cohort(people: int = 240, study: str = "LAB") -> pd.DataFrame:
    """Make people of two classes, one scan each, every third pair siblings."""
    names = [f"{study}{number:04d}" for number in range(people)]
    frame = pd.DataFrame({"scan": names, "study": study, "subject": names, "image": "/x"})
    values = np.random.default_rng(people).permutation(np.arange(people) % 2)
    families = [f"{study}{place // 2}" if place % 6 < 2 else None for place in range(people)]
    frame["target"] = [f"class {value}" for value in values]
    frame["family"] = pd.Series(families, dtype="str")
    return frame.assign(session=pd.NA, site=[f"s{place // 2 % 4}" for place in range(people)])


def pair(pairing, pooled: pd.DataFrame) -> pd.DataFrame:
    """Pair a cohort with pools."""
    answers = Categorical(CategoricalOptions(column="sex")).fit(pooled["target"])
    return make_pairs(pairing, pooled, answers, seed=1)[0]


class Watcher:
    """Puts everybody in train, val and test in turn, and keeps what it is shown."""

    def __init__(self) -> None:
        self.columns: set[str] = set()

    def assign(self, cohort: pd.DataFrame, *, seed: int) -> pd.Series:
        """Return the pool of each row."""
        self.columns |= set(cohort.columns)
        numbers = cohort["subject"].str[-4:].astype(int) % 3
        return numbers.map({0: "train", 1: "val", 2: "test"}).astype("str")


class Seer(Watcher):
    """A watcher that declares that it uses the target, and says something."""

    abilities = (UsesTarget, TellsOfSplit)

    def notes(self, cohort: pd.DataFrame, pools: pd.Series) -> tuple[str, ...]:
        """Count what it saw."""
        return (f"{len(cohort)} scans, {(pools == 'test').sum()} of the test",)


def test_the_target_is_shown_to_whom_it_is_for():
    """A strategy sees the target if it declares that it uses it, and else never."""
    blind, seer = Watcher(), Seer()

    for strategy in (blind, seer):
        split_cohort(strategy, make_cohort(), seed=1)

    assert {"target"} == seer.columns - blind.columns


def test_what_a_split_says_is_told_once():
    """First that it depends on the target, then its own sentences, one study after another."""
    cohort = pd.concat([make_cohort(), make_cohort(90, "ANO")], ignore_index=True)
    split = split_cohort(Seer(), cohort, seed=1)

    said = tell_split(Seer(), cohort, split)

    asked = describe_pools(split, asks_all=False)
    assert [asked, USES_TARGET, "90 scans, 30 of the test", "240 scans, 80 of the test"] == said
    assert [asked] == tell_split(Watcher(), cohort, split)


def test_the_shipped_split_by_target_says_so():
    """`stratified` depends on the target, and its name meant something else before."""
    cohort = make_cohort()
    strategy = Stratified(StratifiedOptions())

    said = tell_split(strategy, cohort, split_cohort(strategy, cohort, seed=1))

    assert USES_TARGET == said[1]
    assert 'use = "subject"' in said[2]


@pytest.mark.parametrize("strategy", [Family(DrawOptions()), Site(SiteOptions(test=("s1",)))])
def test_anchors_let_all_be_asked(strategy):
    """With references from training val and test are whole, and training keeps its halves."""
    cohort = make_cohort()

    split = split_cohort(strategy, cohort, seed=2, asks_all=True)

    halves = split_cohort(strategy, cohort, seed=2)
    assert {"train_query", "train_reference", "val", "test"} == set(split["pool"])
    assert halves["pool"].str.partition("_")[0].equals(split["pool"].str.partition("_")[0])
    pairs = pair(Anchors(AnchorsOptions(anchors=4)), add_pools(cohort, split))
    tested = split.loc[split["pool"] == "test", "subject"]
    assert set(tested) == set(pairs.loc[pairs["split"] == "test", "query"])


def test_everybody_of_a_shared_split_is_asked():
    """Each person is a query of the own split, whose references are all of that split."""
    cohort = make_cohort()
    split = split_cohort(Family(SHARED), cohort, seed=2)

    pairs = pair(Independent(IndependentOptions()), add_pools(cohort, split))

    pools = split.set_index("subject")["pool"]
    told = pairs.explode("references")
    assert set(cohort["subject"]) == set(pairs["query"])
    assert told["split"].tolist() == pools.loc[told["references"]].tolist()
    assert told["split"].tolist() == pools.loc[told["query"]].tolist()


def test_ids_are_read_back_as_the_text_they_are(tmp_path):
    """No id is taken for a number, a truth value, a date or a missing one."""
    ids = ["000", "007", "1e5", "1.0", "NA", "nan", "TRUE", "2020-01-01", " x", "0x1F"]
    split = pd.DataFrame({"subject": ids, "pool": "train_query"}, dtype="str")
    write_csv(tmp_path / "split.csv", split)

    pd.testing.assert_frame_equal(split, load_split(tmp_path / "split.csv"))


def test_training_values_are_of_all_who_train():
    """Labels and bins are fixed by queries and references, in halves or not."""
    cohort = make_cohort()

    halves, shared = (
        training_values(cohort, split_cohort(Family(options), cohort, seed=2))
        for options in (DrawOptions(), SHARED)
    )

    assert halves.equals(shared)
    assert len(shared) > 100


def test_who_is_asked_is_said_with_its_numbers():
    """The sentence of each design counts who is asked."""
    cohort = make_cohort()
    found = {
        name: split_cohort(Family(options), cohort, seed=2, asks_all=asks_all)
        for name, options, asks_all in (
            ("halves", DrawOptions(), False),
            ("shared", SHARED, False),
            ("anchors", DrawOptions(), True),
        )
    }
    counts = {name: count_asked(split)["test"] for name, split in found.items()}
    said = {
        name: describe_pools(split, asks_all=name == "anchors") for name, split in found.items()
    }

    asked, people = counts["halves"]
    assert 0 < asked < people
    assert (people, people) == counts["shared"] == counts["anchors"]
    assert "pools by halves: asked are" in said["halves"]
    assert f"{asked} of {people} of test" in said["halves"]
    assert said["shared"].startswith("shared pools: asked are all")
    assert "references from training: asked are" in said["anchors"]
    assert f"all {people} of test" in said["anchors"]


def test_links_of_images_and_families_are_one_group():
    """Whoever shares a family or an image with somebody is of the group, along a chain."""
    scans = pd.DataFrame(
        {
            "subject": ["a", "b", "c", "d", "e"],
            "family": ["f", "f", None, None, None],
            "same_image": [None, "one", "one", None, "two"],
        },
        index=list("vwxyz"),
        dtype="str",
    )

    groups = relative_groups(scans)

    assert list("vwxyz") == groups.index.tolist()
    assert groups["v"] == groups["w"] == groups["x"]
    assert 3 == groups.nunique()


def test_copies_of_a_scan_do_not_meet():
    """In a shared pool a query never meets a scan whose content is that of its own."""
    cohort = make_cohort()
    copies = [f"copy {place // 8}" if place % 2 else None for place in range(len(cohort))]
    cohort["same_image"] = pd.Series(copies, dtype="str")
    pooled = add_pools(
        cohort, split_cohort(Stratified(StratifiedOptions(pools="shared")), cohort, seed=2)
    )

    told = pair(Independent(IndependentOptions()), pooled).explode("references")

    image = cohort.set_index("scan")["same_image"].dropna()
    asked, shown = told["query"].map(image), told["references"].map(image)
    assert not (asked.notna() & (asked == shown)).any()


class Careless:
    """Shows every query itself."""

    def pair(self, queries, references, *, seed):
        """Return one row a query."""
        return pd.DataFrame(
            {"query": queries.index, "references": [(name,) for name in queries.index]}
        )


def test_a_pairing_that_shows_people_themselves_is_refused():
    """The engine checks what a pairing does in a shared pool."""
    cohort = make_cohort()
    pooled = add_pools(cohort, split_cohort(Family(SHARED), cohort, seed=2))

    with pytest.raises(DataError) as caught:
        pair(Careless(), pooled)

    assert caught.value.where[0].startswith("pairs of ")
    assert set(caught.value.found) <= set(pooled["scan"])


class Spelling:
    """Gives one reference as a text."""

    def pair(self, queries, references, *, seed):
        """Return one row a query."""
        first = references.index[0]
        return pd.DataFrame({"query": queries.index, "references": first})


def test_references_that_are_a_text_are_told_as_that():
    """Its letters are not taken for scans."""
    cohort = make_cohort()
    pooled = add_pools(cohort, split_cohort(Family(SHARED), cohort, seed=2))

    with pytest.raises(DataError, match=r"expected a list of scans .*put a reference .* list"):
        pair(Spelling(), pooled)


@pytest.mark.parametrize(
    ("pools", "told"),
    [
        (["train", "train", "val"], "no subject is in test "),
        (["train_query", "train_reference", "val"], "no subject is in test "),
        (["train_query", "train_query", "val_query"], "no subject is in train_reference, val_ref"),
    ],
)
def test_empty_pools_are_named(pools, told):
    """A split that lacks a pool it needs is refused, with the sizes of all."""

    class Fixed:
        def assign(self, cohort, *, seed):
            return cohort["subject"].map(dict(zip(sorted(cohort["subject"]), pools, strict=True)))

    with pytest.raises(DataError) as raised:
        split_cohort(Fixed(), make_cohort(3), seed=1)

    assert told in str(raised.value)
