"""The pages of the roles are what the program has, and their tables what parts are given."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pandas as pd
import pytest

from brainplug.api.contracts import CONTRACTS, MADE, members_of
from brainplug.api.frames import FOUND, frames_of
from brainplug.api.roles import Metric, TaskHead, UsesTarget
from brainplug.audit.balance import BALANCED
from brainplug.cohort.contract import check_table
from brainplug.design.pairs import make_pairs
from brainplug.design.split import split_cohort
from brainplug.examples import cohort
from brainplug.testing import make_people, make_study
from brainplug.testing.checks import Plain
from brainplug.toolkit.common_columns import COMMON_COLUMNS

DOCS = Path(__file__).parents[1] / "docs"
sys.path.insert(0, str(DOCS / "_site"))

PAGES = {path.stem: path.read_text(encoding="utf-8") for path in (DOCS / "roles").glob("*.md")}


def test_the_pages_are_what_would_be_written_anew():
    """`python docs/_site/role_pages.py` after a change of a docstring, a law or an example."""
    from role_pages import role_pages

    assert role_pages() == PAGES
    assert set(CONTRACTS) == {f"{name}s" for name in PAGES}


@pytest.mark.parametrize("name", sorted(PAGES))
def test_a_page_has_all_that_its_role_asks_and_allows(name):
    """Every member, ability and record by its name, and no object as Python prints it."""
    page, contract = PAGES[name], CONTRACTS[f"{name}s"]

    for each in contract.abilities:
        assert f"### `{each.__name__}`" in page
    assert "@hookimpl" in page
    assert f"brainplug new {name} my-{name}" in page
    assert f"](roles/{name}.md)" in (DOCS / "plugins.md").read_text(encoding="utf-8")
    assert not re.search(r"<(class|function)|ForwardRef| at 0x", page)


def declared(frame):
    """Return the columns that a page names, without those that stand for others."""
    return {column.name for column in frame.columns if not column.name.startswith("<")}


def check_frame(given, frame):
    """Hold a real table to what a page says of it."""
    told = {column.name: column.type for column in frame.columns}
    always = {name for name in declared(frame) - FOUND.keys() if name != "target"}
    assert always <= set(given.columns)
    for name in set(given.columns) & declared(frame):
        is_text = isinstance(given[name].dtype, pd.StringDtype)
        assert is_text or (given[name].dtype == float and "float" in told[name]), name
        assert not given[name].isna().any() or "NA" in told[name], name


def test_a_loader_returns_the_tables_of_its_page(tmp_path):
    """The example's own, which the engine accepts."""
    study = make_study(tmp_path, layout="table")
    (study / "scans" / "p0003.nii.gz").unlink()
    options = cohort.LabOptions(table=study / "people.csv", images=study / "scans")
    table = cohort.Lab(options).load()

    check_table(table)
    scans, exclusions = frames_of("cohorts")
    check_frame(table.scans, scans)
    check_frame(table.exclusions, exclusions)
    assert 1 == len(table.exclusions)


class Numbered:
    """A split that keeps what it was given."""

    def assign(self, cohort, *, seed):
        self.seen = cohort
        names = [f"{split}_{half}" for split in ("train", "val", "test") for half in HALVES]
        return cohort["family"].map(lambda family: names[int(family[1:]) % 6])


class WithTarget(Numbered):
    """The same, and sees the target."""

    abilities = (UsesTarget,)


HALVES = ("query", "reference")


@pytest.mark.parametrize("kind", [Numbered, WithTarget])
def test_a_split_is_given_the_table_of_its_page(kind):
    """The target only where it says that it uses it."""
    strategy = kind()

    split_cohort(strategy, make_people(), seed=1)

    (frame,) = frames_of("splits")
    check_frame(strategy.seen, frame)
    assert ("target" in strategy.seen) == (kind is WithTarget)


@pytest.mark.parametrize("numerical", [False, True])
def test_a_pairing_is_given_and_returns_the_tables_of_its_page(numerical):
    """By scan; values are labels, or floats."""
    people = make_people()
    people["pool"] = (
        split_cohort(Numbered(), people, seed=1)
        .set_index("subject")["pool"]
        .reindex(people["subject"])
        .tolist()
    )
    if numerical:
        people["target"] = people["age"].astype(float)
    seen = []

    class Keeping:
        def pair(self, queries, references, *, seed):
            seen.extend((queries, references))
            chosen = [(references.index.min(),)] * len(queries)
            return pd.DataFrame({"query": queries.index, "references": chosen})

    pairs, _ = make_pairs(Keeping(), people, Plain(labels=() if numerical else ("a", "b")), seed=1)

    given, returned = frames_of("pairings")
    for table in seen:
        check_frame(table, given)
        assert "scan" == table.index.name
    assert declared(returned) <= set(pairs.columns)


def test_the_names_that_are_found_are_found():
    """What pages say of `age`, `sex` and `scanner` is what audit and baselines look for."""
    for name in FOUND:
        assert name in BALANCED[name]
        assert name in COMMON_COLUMNS[name]


def protocols():
    """Return every protocol of a role with its abilities and what its methods make."""
    for contract in [*CONTRACTS.values(), *MADE.values()]:
        yield from (contract.protocol, *contract.abilities)


def test_each_member_is_described_by_its_own_words():
    """No attribute by what stands below another one; kinds by the values that are allowed."""
    from role_pages import described, said_of

    for protocol in protocols():
        told = {
            each.name: " ".join(said_of(protocol, each)).strip() for each in members_of(protocol)
        }
        assert all(told.values()), (protocol, told)
        assert len(set(told.values())) == len(told), (protocol, told)
    assert "categorical" in described(TaskHead)["kind"]
    assert "numerical" in described(Metric)["kind"]
    assert "metrics" not in described(TaskHead)["kind"].lower()
