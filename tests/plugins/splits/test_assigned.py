"""A split that a column or a saved file tells."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from brainplug.api.records import POOLS, SPLITS
from brainplug.errors import DataError, LeakageError
from brainplug.recipe.strict import ProblemsError, strict_converter
from brainplug.toolkit.hashed_pools import DrawOptions, Fractions
from brainplug_plugins.splits.assigned import Assigned, AssignedOptions
from brainplug_plugins.splits.family import Family
from brainplug_plugins.splits.subject import Subject


def make_cohort(subjects, family=None, **columns) -> pd.DataFrame:
    """Make a cohort of subjects."""
    rows = {"subject": list(subjects), "family": family or [None] * len(subjects), **columns}
    return pd.DataFrame(rows, dtype="str")


@pytest.fixture
def write(tmp_path):
    """Give a writer of saved splits."""

    def write(text: str, name: str = "split.csv") -> Path:
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


def assign(cohort: pd.DataFrame, seed: int = 1, **options) -> list[str]:
    """Return the pool of each row."""
    return Assigned(AssignedOptions(**options)).assign(cohort, seed=seed).tolist()


def test_a_column_tells_pools():
    """The six pools of a column are taken as they are, spaces aside."""
    cohort = make_cohort("abcdef", part=[f" {pool} " for pool in POOLS])

    assert list(POOLS) == assign(cohort, column="part")


def test_a_column_tells_splits():
    """Where train, val or test is told, a hash draws the halves and nothing else."""
    told = [SPLITS[place % 3] for place in range(300)]
    pools = assign(make_cohort([f"p{place}" for place in range(300)], part=told), column="part")

    assert told == [pool.partition("_")[0] for pool in pools]
    assert 0.5 == pytest.approx(sum(pool.endswith("query") for pool in pools) / 300, abs=0.1)


def test_families_never_meet_across_drawn_halves():
    """Relatives of one split are all queries or all references."""
    families = [f"f{place // 2}" for place in range(80)]
    cohort = make_cohort([f"p{place}" for place in range(80)], families, part=["train"] * 80)

    pools = pd.Series(assign(cohort, column="part"))

    assert [1] * 40 == pools.groupby(families).nunique().tolist()
    assert 2 == pools.nunique()


def test_a_drawn_half_follows_a_told_one():
    """Somebody of whom the split alone is told is in the half that a relative is told."""
    cohort = make_cohort("ab", ["f", "f"])

    for half in ("query", "reference"):
        told = cohort.assign(part=["train", f"train_{half}"])
        assert [f"train_{half}"] * 2 == assign(told, column="part")


def test_other_codings_are_declared():
    """`values` says what a study's own codes mean; 1 and 1.0 are one code."""
    cohort = make_cohort("abc", part=["1", "2.0", "hold out"])
    values = {"1": "train_query", "2": "val_query", "hold out": "test_query"}

    assert list(values.values()) == assign(cohort, column="part", values=values)


def test_codes_are_never_guessed():
    """Values without a meaning are shown with their counts, and how to declare them."""
    with pytest.raises(DataError) as caught:
        assign(make_cohort("abcd", part=["0", "1", "0", "test"]), column="part")

    assert (("column 'part'",), {"0": 2, "1": 1}) == (caught.value.where, caught.value.found)
    assert caught.value.hint.endswith('values = { 0 = "train" } in [split]')


def test_all_sessions_follow_the_one_that_is_told():
    """A value that stands beside one session holds for the person."""
    cohort = make_cohort("aab", part=["test_query", None, "val_query"])

    assert ["test_query", "test_query", "val_query"] == assign(cohort, column="part")


@pytest.mark.parametrize("other", ["test_query", "train"])
def test_a_person_who_is_told_two_pools_is_refused(other):
    """Sessions of one person that tell different things are a leak."""
    cohort = make_cohort("aab", part=["train_query", other, "train"])

    with pytest.raises(LeakageError) as raised:
        assign(cohort, column="part")

    assert ("a",) == raised.value.members
    assert "column 'part' tells subjects two pools" == raised.value.message


def test_a_file_that_tells_two_pools_is_refused(write):
    """The same in a file, whether or not the study has the person."""
    path = write("subject,pool\nz,train\na,train_query\nz,test\n")

    with pytest.raises(LeakageError) as caught:
        assign(make_cohort("a"), file=path)

    assert ("z",) == caught.value.members
    assert f"{path} tells subjects two pools" == caught.value.message


@pytest.mark.parametrize(
    ("name", "text", "options"),
    [
        ("split.csv", "subject,pool\n01,test_query\n 02 ,train_query\n", {}),
        ("split.tsv", "subject\tsplit\tpool\n01\t-\ttest_query\n02\t-\ttrain_query\n", {}),
        ("a.csv", "subject,split\n01,test_query\n02,train_query\n", {}),
        (
            "b.csv",
            "eid,part,pool\n01,test_query,7\n02,train_query,7\n",
            {"subject_column": "eid", "pool_column": "part"},
        ),
    ],
)
def test_a_file_tells_pools_by_subject(write, name, text, options):
    """A run's split.csv is read, and any table of ids and pools; ids keep their zeros."""
    path = write(text, name)

    assert ["train_query", "test_query"] == assign(make_cohort(["02", "01"]), file=path, **options)


def test_a_saved_split_gives_the_same_split(tmp_path):
    """What a run wrote is what the next one gets, whatever the seed and the families are now."""
    people = [f"p{place}" for place in range(100)]
    cohort = make_cohort(people, [f"f{place // 2}" for place in range(100)])
    pools = Family(DrawOptions()).assign(cohort, seed=7)
    path = tmp_path / "split.csv"
    pd.DataFrame({"subject": people, "pool": pools}).to_csv(path, index=False)
    release = make_cohort(people, [f"g{place // 2}" for place in range(100)])

    assert pools.tolist() == assign(release, seed=8, file=path)


def test_a_file_may_name_the_study(write):
    """`STUDY:ID` comes before the plain id, which holds for every study."""
    path = write("subject,pool\nX:1,train_query\n1,val_query\n2,test_query\n")
    cohort = make_cohort(["1", "1", "2"], study=["X", "Y", "Y"])

    assert ["train_query", "val_query", "test_query"] == assign(cohort, file=path)


def test_subjects_that_are_not_told_stop_the_run(write):
    """By default nobody is drawn: the user sees how many and who."""
    path = write("subject,pool\na,train\nb,\n")

    with pytest.raises(DataError) as caught:
        assign(make_cohort("abc"), file=path)

    assert ((str(path),), ("b", "c")) == (caught.value.where, caught.value.found)


def test_subjects_that_are_not_told_can_be_drawn():
    """Drawn people are where `subject` puts them; told ones stay."""
    people = [f"p{place}" for place in range(60)]
    cohort = make_cohort(people, part=["test_query"] + [None] * 59)
    fractions = Fractions(train=0.4, val=0.3, test=0.3)
    drawn = Subject(DrawOptions(fractions=fractions)).assign(cohort, seed=3)

    pools = assign(cohort, seed=3, column="part", others="draw", fractions=fractions)

    assert ["test_query", *drawn[1:]] == pools


def test_a_drawn_subject_follows_a_told_relative():
    """A sibling who joins the study later is on the side of the family."""
    people = [f"p{place}" for place in range(40)]
    families = [f"f{place // 2}" for place in range(40)]
    told = [POOLS[place // 2 % 6] if place % 2 == 0 else None for place in range(40)]

    pools = assign(make_cohort(people, families, part=told), column="part", others="draw")

    assert told[::2] == pools[::2] == pools[1::2]


def test_drawn_relatives_stay_together():
    """New families are drawn as one, as the split `family` does."""
    people = [f"p{place}" for place in range(40)]
    families = [None, *(f"f{place // 3}" for place in range(39))]
    cohort = make_cohort(people, families, part=["train", *[None] * 39])

    pools = Assigned(AssignedOptions(column="part", others="draw")).assign(cohort, seed=1)

    expected = Family(DrawOptions()).assign(cohort, seed=1)
    assert expected[1:].tolist() == pools[1:].tolist()


@pytest.mark.parametrize("others", ["error", "draw"])
def test_a_file_of_other_people_is_refused(write, others):
    """Where no id is found the two sides write them in different ways, and both are shown."""
    path = write("subject,pool\nsub-a,train\n")

    with pytest.raises(DataError) as caught:
        assign(make_cohort("ab"), file=path, others=others)

    assert ("a", "b") == caught.value.found
    assert caught.value.what.endswith("it has 1 subjects, for example 'sub-a'")
    assert caught.value.hint.startswith("correct the ids")


def test_a_file_of_other_studies_draws_this_one(write):
    """A study that joins a recipe of saved ones is drawn, if the recipe says so."""
    path = write("subject,pool\nX:a,train\n")
    cohort = make_cohort("abc", study=["Y"] * 3)

    pools = Assigned(AssignedOptions(file=path, others="draw")).assign(cohort, seed=1)

    assert Subject(DrawOptions()).assign(cohort, seed=1).tolist() == pools.tolist()


@pytest.mark.parametrize(
    ("options", "key"),
    [({}, "split.pool_column"), ({"subject_column": "x"}, "split.subject_column")],
)
def test_columns_that_a_file_lacks_are_named(write, options, key):
    """The file, its columns and the key to set are in the error."""
    path = write("subject,part\na,train\n")

    with pytest.raises(DataError) as caught:
        assign(make_cohort("a"), file=path, **options)

    assert (path,) == caught.value.where
    assert ("subject", "part") == caught.value.found
    assert caught.value.hint.endswith(f"set {key}")


def test_a_column_that_the_cohort_lacks_is_named():
    """The same for the cohort."""
    with pytest.raises(DataError) as caught:
        assign(make_cohort("a", part=["train"]), column="prt")

    assert ("the cohort",) == caught.value.where
    assert "part" in caught.value.found


def test_a_row_without_a_subject_is_refused(write):
    """A pool beside no id is somebody who would silently be drawn."""
    path = write("subject,pool\na,train\n,test\n")

    with pytest.raises(DataError) as caught:
        assign(make_cohort("a"), file=path)

    assert ((str(path),), 1) == (caught.value.where, caught.value.found)


def test_the_file_is_a_source(write):
    """A changed file must redo the split; a column is part of the cohort already."""
    path = write("subject,pool\na,train\n")

    assert (path,) == Assigned(AssignedOptions(file=path)).sources()
    assert () == Assigned(AssignedOptions(column="part")).sources()


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ({}, "expected one of column and file"),
        ({"column": "a", "file": "b.csv"}, "expected one of column and file"),
        ({"column": "a", "pool_column": "b"}, "subject_column and pool_column are columns of file"),
        ({"column": "a", "fractions": {}}, 'fractions are for drawn subjects; set others = "draw"'),
        ({"column": "a", "values": {"1": "training"}}, "values must mean one of train, val, test"),
        ({"column": "a", "values": {"1": "val", "1.0": "test"}}, "values names '1' twice"),
        ({"column": "a", "others": "drop"}, "others: expected 'error' or 'draw': 'drop'"),
    ],
)
def test_settings_that_exclude_each_other_are_refused(table, problem):
    """No setting is ignored."""
    with pytest.raises(ProblemsError) as raised:
        strict_converter(Path()).structure(table, AssignedOptions)

    assert any(line.startswith(problem) for line in raised.value.lines())


def test_a_recipe_can_say_it_all():
    """Every option is read from TOML; a path starts from the recipe's folder."""
    table = {
        "file": "split.csv",
        "subject_column": "id",
        "pool_column": "part",
        "values": {"1": "train"},
        "query": 0.3,
        "others": "draw",
        "fractions": {"train": 0.5, "val": 0.25, "test": 0.25},
    }

    options = strict_converter(Path("/study")).structure(table, AssignedOptions)

    assert (
        AssignedOptions(
            file=Path("/study/split.csv"),
            subject_column="id",
            pool_column="part",
            values={"1": "train"},
            query=0.3,
            others="draw",
            fractions=Fractions(train=0.5, val=0.25, test=0.25),
        )
        == options
    )
