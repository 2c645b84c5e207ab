"""Real tables of others, with all their quirks: each loads, or says why not and what to write."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from brainplug.errors import DataError
from brainplug.toolkit.tables import read_table
from brainplug_plugins.cohorts.bids import Bids, BidsOptions
from brainplug_plugins.cohorts.table import Table, TableOptions
from brainplug_plugins.heads.categorical import Categorical, CategoricalOptions
from brainplug_plugins.heads.numerical import Numerical, NumericalOptions

if TYPE_CHECKING:
    from pathlib import Path

    from brainplug.api.records import CohortTable, TargetColumn

SEX = {
    "ds000171": ("sex", {"F": 22, "M": 17}),
    "ds000221": ("gender", {"M": 189, "F": 129}),
    "ds000228": ("Gender", {"F": 84, "M": 71}),
    "ds000245": ("Gender", {"F": 25, "M": 20}),
    "ds001226": ("sex", {"F": 19, "M": 17}),
    "ds001796": ("sex", {"Female": 49, "Male": 15}),
    "ds003416": ("sex", {"male": 104, "female": 65}),
}
"""Column of the sex, and rows of each class."""

AGE = {
    "ds000171": ("age", 39, 18.0, 59.0),
    "ds000228": ("Age", 155, 3.518, 39.0),
    "ds000245": ("Age", 45, 52.0, 78.0),
    "ds001226": ("age", 36, 31.0, 77.0),
    "ds001796": ("age", 64, 18.0, 52.0),
    "ds003416": ("age", 169, 5.4, 47.0),
}
"""Column of the age, rows that have one, the least and the greatest."""

DICTIONARIES = {
    "abcd_imgincl01.csv": (14, 8),
    "abcd_lt01.csv": (9, 8),
    "abcd_mri01.csv": (13, 8),
    "acspsw03.csv": (29, 8),
    "pdem02.csv": (130, 9),
    "fmriresults01_two_header_rows_only.txt": (1, 32),
}
"""Rows and columns of the ABCD data dictionaries, and of two header rows of a real file."""

UKB = {
    "example01.csv": (9, ["-9", "-2"], []),
    "example06_nan_integer.csv": (9, ["-9", "", "-7", "4"], [4.0]),
    "example09_with_arrays.csv": (15, ["-9", "-2", "-7", "4", "1"], [4.0, 1.0]),
}
"""Columns, cells of `46-0.0`, and its values where -9, -7 and -2 mean none."""


def load_openneuro(shared_data: Path, study: str, tmp_path: Path) -> CohortTable:
    """Copy the tables of a study beside empty scans in BIDS names, and load it."""
    root = tmp_path / study
    root.mkdir()
    for source in (shared_data / "tables" / "openneuro" / study).iterdir():
        shutil.copyfile(source, root / source.name)
    table = read_table(root / "participants.tsv")
    sessions = table.get("session_id", table["participant_id"])
    for subject, session in zip(table["participant_id"], sessions, strict=True):
        visit = f"{subject}_{session}" if session != subject else subject
        path = root / visit.replace("_", "/") / "anat" / f"{visit}_T1w.nii.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return Bids(BidsOptions(root=root)).load()


def read(head, table: CohortTable) -> TargetColumn:
    codes = table.codes.get(head.column, {})
    return head.read(table.scans[head.column], codes=codes, missing=table.missing)


@pytest.mark.parametrize("study", SEX)
def test_the_sex_of_every_row_is_read(shared_data, tmp_path, study):
    """Words in any case and spelling are classes as they stand; no row is lost (D22)."""
    column, expected = SEX[study]

    table = load_openneuro(shared_data, study, tmp_path)
    found = read(Categorical(CategoricalOptions(column=column)), table)

    assert expected == found.values.value_counts().to_dict()
    assert sum(expected.values()) == table.rows_read == len(table.scans) == table.join.matched
    assert () == table.notes


@pytest.mark.parametrize("study", AGE)
def test_the_age_of_every_row_is_read(shared_data, tmp_path, study):
    """Whole and broken years are numbers, whatever their number of distinct values (D23)."""
    column, count, low, high = AGE[study]

    table = load_openneuro(shared_data, study, tmp_path)
    ages = read(Numerical(NumericalOptions(column=column)), table).values

    assert (count, low, high) == (ages.count(), round(ages.min(), 3), ages.max())


def test_age_bins_are_no_numbers_but_classes(shared_data, tmp_path):
    """ds000221: `numerical` refuses ranges and points to `categorical`, which reads them (D23)."""
    table = load_openneuro(shared_data, "ds000221", tmp_path)
    column = "age (5-year bins)"

    with pytest.raises(DataError) as caught:
        read(Numerical(NumericalOptions(column=column)), table)
    classes = read(Categorical(CategoricalOptions(column=column)), table)

    assert str(caught.value) == (
        "target column 'age (5-year bins)': expected numbers, found text: '20-25' (105 rows), "
        "'25-30' (92 rows), '70-75' (26 rows), '65-70' (24 rows), '30-35' (20 rows), '60-65' "
        "(20 rows), '35-40' (7 rows), '55-60' (7 rows), '40-45' (6 rows), '75-80' (4 rows) and 2 "
        'more; classes and ranges are for use = "categorical", and codes that mean no value go to '
        "missing in [target]"
    )
    values, lost = classes.values, classes.reasons[classes.reasons != ""]
    assert (316, 12) == (values.count(), values.nunique())
    assert ["target missing"] * 2 == lost.tolist()


def test_names_of_columns_lose_their_spaces(shared_data, tmp_path):
    """ds001226 writes ` sex` and ` age`."""
    table = load_openneuro(shared_data, "ds001226", tmp_path)

    assert {"sex", "age", "tumor type & grade", "fmri TR"} <= set(table.scans.columns)


def test_rows_of_sessions_keep_their_person(shared_data, tmp_path):
    """ds003416 has a row a session: 169 visits of 97 people, none lost (D16)."""
    table = load_openneuro(shared_data, "ds003416", tmp_path)

    assert (97, 169) == (table.scans["subject"].nunique(), len(table.scans))
    assert not table.scans.duplicated(["subject", "session"]).any()
    assert all(
        f"_ses-{session}_" in image
        for session, image in zip(table.scans["session"], table.scans["image"], strict=True)
    )


def test_levels_of_columns_that_exist_are_taken(shared_data, tmp_path):
    """ds000228's JSON nests most columns under headings; those it names at the top are known."""
    table = load_openneuro(shared_data, "ds000228", tmp_path)

    assert {"Scanlog: Scanner", "Scanlog: Coil", "Scanlog: Slice Gap"} == table.codes.keys()
    assert {"3T1": "Scanner 1", "3T2": "Scanner 2"} == table.codes["Scanlog: Scanner"]


def test_the_whole_real_study_with_its_scans(shared_data):
    """ds002748: levels in capitals name the small letters of the table; 53 women, 19 men."""
    table = Bids(BidsOptions(root=shared_data / "ds002748-2mm")).load()

    found = read(Categorical(CategoricalOptions(column="gender")), table)

    assert {"female": 53, "male": 19} == found.values.value_counts().to_dict()
    assert (72, 72, 72) == (table.join.rows, table.join.images, table.join.matched)


@pytest.mark.parametrize("name", DICTIONARIES)
def test_a_table_without_people_is_refused_by_its_columns(shared_data, tmp_path, name):
    """A data dictionary is read whole; the loader asks for the column of the ids (D21)."""
    path = shared_data / "tables" / "abcd" / name

    with pytest.raises(DataError) as caught:
        Table(TableOptions(table=path, images=tmp_path)).load()

    assert DICTIONARIES[name] == read_table(path).shape
    assert (path,) == caught.value.where
    assert "to be told which column holds the id of a person" == caught.value.expected
    assert tuple(read_table(path).columns) == caught.value.found


@pytest.mark.parametrize("name", UKB)
def test_a_biobank_table_is_read_by_its_declared_mapping(shared_data, tmp_path, name):
    """Integer `eid` meets the files, and special codes are missing where declared (D20, D21)."""
    path = shared_data / "tables" / "ukb" / name
    columns, cells, values = UKB[name]
    for number in range(1, len(cells) + 1):
        (tmp_path / f"{number}.nii.gz").touch()
    options = TableOptions(table=path, images=tmp_path, subject="eid", missing=("-9", "-7", "-2"))

    table = Table(options).load()
    found = read(Numerical(NumericalOptions(column="46-0.0")), table)

    assert (len(cells), columns + 5) == table.scans.shape
    assert cells == table.scans["46-0.0"].fillna("").tolist()
    assert values == found.values.dropna().tolist()


def test_a_biobank_table_without_a_mapping_names_eid(shared_data, tmp_path):
    """The likely column is told, not taken."""
    path = shared_data / "tables" / "ukb" / "example01.csv"

    with pytest.raises(DataError) as caught:
        Table(TableOptions(table=path, images=tmp_path)).load()

    assert "eid" in caught.value.found
    assert "likely are 'eid'; write subject = 'eid' in [cohort] if that is it" == caught.value.hint
