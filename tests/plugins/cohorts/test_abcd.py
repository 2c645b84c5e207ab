"""`abcd`: tables of every release join, meet their scans, and lose nothing silently."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import attrs
import pandas as pd
import pytest

from brainplug.cohort.build import StudyParts, gather
from brainplug.errors import DataError
from brainplug.recipe.tables import Audit, Images
from brainplug.toolkit.hashed_pools import DrawOptions
from brainplug_plugins.cohorts.abcd import Abcd, AbcdOptions
from brainplug_plugins.heads.categorical import Categorical, CategoricalOptions
from brainplug_plugins.splits.family import Family

if TYPE_CHECKING:
    from pathlib import Path

BASELINE, YEAR_2 = "baseline_year_1_arm_1", "2_year_follow_up_y_arm_1"
IDS = ("0A1B2C3D", "1A1B2C3D", "2A1B2C3D", "3A1B2C3D")
SEX = {"1": "male", "2": "female"}


def write_text(path: Path, rows, columns=("subjectkey", "eventname"), *, described=True) -> Path:
    """Write a table as releases up to 4 have it: tabs, quotes, and a row of descriptions."""
    lines = [columns, [f"What {name} says" for name in columns]] if described else [columns]
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter="\t", quoting=csv.QUOTE_ALL)
        writer.writerows([*lines, *rows])
    return path


def write_rows(path: Path, **columns) -> Path:
    """Write a table of 5.x: comma-separated, one header row."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(columns).to_csv(path, index=False)
    return path


def touch(folder: Path, *names: str) -> Path:
    """Make empty image files; the loader looks at their names alone."""
    for name in names:
        path = folder / "T1" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return folder / "T1"


def bulk(person: str, visit: str = "baselineYear1Arm1", stamp: int = 20170101) -> str:
    """Name an image as the NDA's bulk downloads do."""
    return f"NDARINV{person}_{visit}_ABCD-MPROC-T1_{stamp}.nii.gz"


def load(tables, images, **options):
    """Read a study."""
    return Abcd(AbcdOptions(tables=tables, images=images, **options)).load()


def write_pair(folder: Path, **columns):
    """Write one baseline table of two people with their images."""
    table = write_rows(
        folder / "tables" / "a.csv",
        src_subject_id=[f"NDAR_INV{person}" for person in IDS[:2]],
        eventname=BASELINE,
        **columns,
    )
    return table, touch(folder, *map(bulk, IDS[:2]))


def read_target(table, column="demo_sex_v2", **options):
    """Read a target by the study's codes and the recipe's: words, or the reason for none."""
    head = Categorical(CategoricalOptions(column=column, **options))
    codes = table.codes.get(column, {})
    read = head.read(table.scans[column], codes=codes, missing=table.missing)
    return [
        word if isinstance(word, str) else reason
        for word, reason in zip(*attrs.astuple(read, recurse=False), strict=True)
    ]


NEW_NAMES = {
    "interview_age": "interview_age_months",
    "site_id_l": "ab_g_dyn__design_site",
    "rel_family_id": "ab_g_stc__design_id__fam",
    "demo_sex_v2": "ab_g_stc__cohort_sex",
    "imgincl_t1w_include": "mr_y_qc__incl__smri__t1_indicator",
    "mri_info_deviceserialnumber": "mr_y_adm__info__dev_serial",
}
NEW_SESSIONS = {BASELINE: "ses-00A", YEAR_2: "ses-02A"}
BOTH = (BASELINE, YEAR_2)
TABLES = {
    "abcd_lt01": (BOTH, lambda place: {"site_id_l": f"site{place % 2:02d}"}),
    "acspsw03": ((BASELINE,), lambda place: {"rel_family_id": str(776 + place // 2)}),
    "pdem02": ((BASELINE,), lambda place: {"demo_sex_v2": ("1", "2", "777", "1")[place]}),
    "abcd_imgincl01": (BOTH, lambda place: {"imgincl_t1w_include": str(int(place != 3))}),
    "abcd_mri01": (BOTH, lambda place: {"mri_info_deviceserialnumber": f"HASH{place % 2}"}),
}


def elements(shared_data: Path, name: str) -> dict[str, str]:
    """Return column -> description of a real data dictionary."""
    path = shared_data / "tables" / "abcd" / f"{name}.csv"
    with path.open(encoding="utf-8-sig", newline="") as file:
        return {row["ElementName"]: row["ElementDescription"] for row in csv.DictReader(file)}


def make_people(described: dict[str, str], events, values) -> pd.DataFrame:
    """Make up rows for every column of a dictionary."""
    rows = [
        {
            **dict.fromkeys(described, ""),
            "subjectkey": f"NDAR_INV{person}",
            "src_subject_id": f"NDAR_INV{person}",
            "eventname": event,
            "interview_age": str(119 + 24 * events.index(event)),
            "sex": "MFMF"[place],
            **values(place),
        }
        for place, person in enumerate(IDS)
        for event in events
    ]
    return pd.DataFrame(rows, columns=list(described))


def write_release(folder: Path, shared_data: Path, release: int) -> tuple[Path, Path]:
    """Write a whole release with its scans, named as that release names them."""
    for name, (events, values) in TABLES.items():
        described = elements(shared_data, name)
        people = make_people(described, events, values)
        path = folder / "tables" / "core" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if release == 4:
            rows = [list(described.values()), *people.to_numpy().tolist()]
            write_text(path.with_suffix(".txt"), rows, list(described), described=False)
        elif release == 5:
            people.drop(columns="subjectkey").to_csv(path.with_suffix(".csv"), index=False)
        else:
            write_new(path, people)
    images = {
        4: bulk("{}"),
        5: "sub-NDARINV{0}/ses-baselineYear1Arm1/anat/sub-NDARINV{0}_T1w.nii.gz",
        6: "sub-{}_ses-00A_T1w.nii.gz",
    }
    return folder / "tables", touch(folder, *(images[release].format(each) for each in IDS))


def write_new(path: Path, people: pd.DataFrame) -> None:
    """Write a table of 6.x: `participant_id` and `session_id`; what is static has no session."""
    static = YEAR_2 not in set(people["eventname"])
    frame = people.rename(columns=NEW_NAMES).drop(columns=["subjectkey", "eventname", "sex"])
    frame["participant_id"] = "sub-" + frame.pop("src_subject_id").str.removeprefix("NDAR_INV")
    if static:
        frame.to_csv(path.with_suffix(".tsv"), sep="\t", index=False)
        return
    frame["session_id"] = people["eventname"].map(NEW_SESSIONS)
    frame.to_parquet(path.with_suffix(".parquet"))


@pytest.mark.parametrize("release", [4, 5, 6])
def test_every_release_gives_the_same_people(shared_data, tmp_path, release):
    """Family, site, scanner and sex are found by the release's own names, in real headers (D17)."""
    table = load(*write_release(tmp_path, shared_data, release))

    sex = "ab_g_stc__cohort_sex" if release == 6 else "demo_sex_v2"
    assert list(IDS) == [each[-8:] for each in table.scans["subject"]]
    assert ["776", "776", "777", "777"] == list(table.scans["family"])
    assert ["site00", "site01", "site00", "site01"] == list(table.scans["site"])
    assert ["HASH0", "HASH1", "HASH0", "HASH1"] == list(table.scans["scanner"])
    assert ["male", "female", "target missing", "male"] == read_target(table, sex)
    assert 8 == table.rows_read
    assert ["another session"] * 4 == table.exclusions["reason"].tolist()


@pytest.mark.parametrize("release", [4, 5, 6])
def test_quality_control_of_every_release_is_read(shared_data, tmp_path, release):
    """The T1 inclusion flag is found by the release's own name (D17)."""
    table = load(*write_release(tmp_path, shared_data, release), require_qc=True)

    assert list(IDS[:3]) == [each[-8:] for each in table.scans["subject"]]
    failed = table.exclusions[table.exclusions["reason"] == "failed image quality control"]
    assert [IDS[3]] == failed["subject"].str[-8:].tolist()


@pytest.mark.parametrize("release", [4, 5, 6])
def test_a_follow_up_knows_what_only_the_baseline_tells(shared_data, tmp_path, release):
    """Family and sex reach the second session, whose rows the static tables lack."""
    tables, _ = write_release(tmp_path, shared_data, release)
    images = touch(tmp_path / "later", *(bulk(each, "2YearFollowUpYArm1") for each in IDS))

    table = load(tables, images, session="2_year_follow_up_y_arm_1")

    sex = "ab_g_stc__cohort_sex" if release == 6 else "demo_sex_v2"
    assert ["776", "776", "777", "777"] == list(table.scans["family"])
    assert ["1", "2", "777", "1"] == list(table.scans[sex])


def test_two_header_rows_alone_are_refused(shared_data):
    """A genuine NDA file without a person says that no row is left."""
    path = shared_data / "tables" / "abcd" / "fmriresults01_two_header_rows_only.txt"

    with pytest.raises(DataError) as caught:
        load(path, path.parent)

    assert ((path,), "rows of people below the two header rows") == (
        caught.value.where,
        caught.value.expected,
    )


def test_d14_a_declared_mapping_applies_to_the_raw_codes(tmp_path):
    """`1 = male, 2 = female` keeps everybody, each with the right word."""
    table = load(*write_pair(tmp_path, demo_sex_v2=["1", "2"]))

    assert read_target(table, labels=SEX) == ["male", "female"]


def test_d15_all_ones_are_not_shifted(tmp_path):
    """A column of 1 alone is male throughout, whatever it might have been in another coding."""
    table = load(*write_pair(tmp_path, demo_sex_v2=["1", "1"]))

    assert ["male", "male"] == read_target(table)


@pytest.mark.parametrize("code", ["3", "4", "3.0"])
def test_d15_rare_codes_never_become_classes(tmp_path, code):
    """3 and 4 stop the run with their counts, unless the recipe says what becomes of them."""
    table = load(*write_pair(tmp_path, demo_sex_v2=["1", code]))

    with pytest.raises(DataError) as caught:
        read_target(table)

    assert {code: 1} == caught.value.found

    assert read_target(table, labels=SEX, others="exclude") == [
        "male",
        "value not among the labels",
    ]


def test_d15_letters_of_sex_are_read_and_others_are_no_class(tmp_path):
    """M and F are the two classes, NR is missing, and O is refused."""
    reported = load(*write_pair(tmp_path / "reported", sex=["F", "NR"]))
    other = load(*write_pair(tmp_path / "other", sex=["M", "O"]))

    assert ["female", "target missing"] == read_target(reported, "sex")
    with pytest.raises(DataError) as caught:
        read_target(other, "sex")

    assert {"O": 1} == caught.value.found


@pytest.mark.parametrize("code", ["777", "999", "777.0"])
def test_d20_refused_and_unknown_are_missing(tmp_path, code):
    """777 and 999 are no values, also where a spreadsheet made them decimal."""
    table = load(*write_pair(tmp_path, demo_sex_v2=["2", code]))

    assert ["female", "target missing"] == read_target(table)


def write_visits(folder: Path):
    """Write four people with two visits each, two families, and a scan of every visit."""
    table = write_rows(
        folder / "tables" / "abcd_y_lt.csv",
        src_subject_id=[f"NDAR_INV{each}" for each in IDS for _ in BOTH],
        eventname=list(BOTH) * 4,
        rel_family_id=["1", "", "1", "", "2", "", "2", ""],
    )
    names = [
        bulk(each, visit) for each in IDS for visit in ("baselineYear1Arm1", "2YearFollowUpYArm1")
    ]
    return table, touch(folder, *names)


def test_d16_the_baseline_alone_is_kept_by_default(tmp_path):
    """A child with two rows gives one scan; the other row is an exclusion."""
    table = load(*write_visits(tmp_path))

    assert [BASELINE] * 4 == table.scans["session"].tolist()
    assert all("baselineYear1Arm1" in image for image in table.scans["image"])
    assert [YEAR_2] * 4 == table.exclusions["session"].tolist()
    assert ("4 images of other visits passed over",) == table.notes


def test_d16_both_sessions_are_one_subject_in_one_pool(tmp_path):
    """Two visits kept have one id and one family, so no split parts them."""
    table = load(*write_visits(tmp_path), session=(BASELINE, YEAR_2))

    pools = Family(DrawOptions()).assign(table.scans, seed=3)

    assert ["1"] * 4 + ["2"] * 4 == table.scans["family"].tolist()
    assert [2] * 4 == table.scans.groupby("subject").size().tolist()
    assert 1 == pools.groupby(table.scans["family"]).nunique().max()


def run(loader, column: str, **options):
    """Take a study through the cohort stage, headers only."""
    return gather(
        [StudyParts(loader=loader, head=Categorical(CategoricalOptions(column=column, **options)))],
        images=Images(shape=(8, 8, 8), spacing_mm=16.0),
        audit=Audit(join_loss=0.5),
        cache=None,
        progress=lambda _done, _total: None,
    )


def test_the_engine_accounts_for_every_row(tmp_path, make_scan):
    """Other session, no image, an empty file and a missing target are exclusions that add up."""
    keys = [(f"NDAR_INV{each}", event) for each in IDS for event in BOTH]
    write_text(tmp_path / "tables" / "abcd_lt01.txt", keys)
    sex = [(f"NDAR_INV{each}", BASELINE, code) for each, code in zip(IDS, "12", strict=False)]
    sex += [(f"NDAR_INV{IDS[2]}", BASELINE, "777"), (f"NDAR_INV{IDS[3]}", BASELINE, "1")]
    columns = ("subjectkey", "eventname", "demo_sex_v2")
    write_text(tmp_path / "tables" / "pdem02.txt", sex, columns)
    for place, person in enumerate(IDS[:3]):
        make_scan(tmp_path / "T1" / bulk(person), seed=place)
    (tmp_path / "T1" / bulk(IDS[1])).write_bytes(b"")

    options = AbcdOptions(tables=tmp_path / "tables", images=tmp_path / "T1")
    cohort = run(Abcd(options), "demo_sex_v2")

    assert ["male"] == cohort.frame["target"].tolist()
    assert cohort.exclusions["reason"].value_counts().to_dict() == {
        "another session": 4,
        "no image": 1,
        "target missing": 1,
        "empty file": 1,
    }


def test_release_6_goes_through_the_engine(tmp_path, make_scan):
    """Parquet, `sub-` ids and `ses-00A` reach the cohort under the ids of that release."""
    frame = pd.DataFrame(
        {
            "participant_id": [f"sub-{each}" for each in IDS[:2]],
            "session_id": "ses-00A",
            "ab_g_dyn__visit_age": [9.5, 10.25],
            "sex": ["M", "F"],
        }
    )
    (tmp_path / "tables").mkdir()
    frame.to_parquet(tmp_path / "tables" / "ab_g_dyn.parquet")
    for place, person in enumerate(IDS[:2]):
        make_scan(tmp_path / "T1" / f"sub-{person}_ses-00A_T1w.nii.gz", seed=place)

    options = AbcdOptions(tables=tmp_path / "tables", images=tmp_path / "T1")
    cohort = run(Abcd(options), "sex")

    assert list(IDS[:2]) == cohort.frame["subject"].tolist()
    assert ["ses-00A"] * 2 == cohort.frame["session"].tolist()
    assert ["9.5", "10.25"] == cohort.frame["age"].tolist()
    assert ["male", "female"] == cohort.frame["target"].tolist()


@pytest.mark.parametrize(
    "image",
    [
        "NDARINV0A1B2C3D_baselineYear1Arm1_ABCD-MPROC-T1_20170101120000.nii.gz",
        "NDAR_INV0A1B2C3D.nii",
        "ndarinv0a1b2c3d.mgz",
        "sub-NDARINV0A1B2C3D/ses-baselineYear1Arm1/anat/sub-NDARINV0A1B2C3D_T1w.nii.gz",
        "sub-NDARINV0A1B2C3D/ses-baselineYear1Arm1/anat/brain.nii.gz",
        "sub-0A1B2C3D_ses-00A_T1w.nii.gz",
        "baseline_year_1_arm_1/NDAR_INV0A1B2C3D/mri/T1.mgz",
    ],
)
@pytest.mark.parametrize("spelling", ["NDAR_INV{}", "NDARINV{}", "sub-NDARINV{}", "ndar_inv{}"])
def test_ids_meet_in_every_spelling(tmp_path, spelling, image):
    """However a table and a file or folder spell a child's id, they meet."""
    table = write_rows(
        tmp_path / "t.csv", src_subject_id=[spelling.format(IDS[0])], eventname=[BASELINE]
    )

    found = load(table, touch(tmp_path, image))

    assert [f"NDARINV{IDS[0]}"] == found.scans["subject"].tolist()
    assert [str(tmp_path / "T1" / image)] == found.scans["image"].tolist()
    assert 1 == found.join.matched


@pytest.mark.parametrize("image", ["sub-0A1B2C3D_ses-00A_T1w.nii.gz", bulk("0A1B2C3D")])
@pytest.mark.parametrize("spelling", ["sub-0A1B2C3D", "sub-0a1b2c3d", "0A1B2C3D"])
def test_ids_of_release_6_meet_files_of_any_release(tmp_path, spelling, image):
    """`sub-…` without NDARINV is the same child in files of older releases."""
    table = write_rows(tmp_path / "t.csv", participant_id=[spelling], session_id=["ses-00A"])

    found = load(table, touch(tmp_path, image))

    assert ["0A1B2C3D"] == found.scans["subject"].tolist()


def test_an_id_with_other_zeros_is_another_child(tmp_path):
    """No image goes to a child whose id differs in zeros only."""
    table = write_rows(
        tmp_path / "t.csv", participant_id=["sub-A01B2CDE", "sub-B1111111"], session_id="ses-00A"
    )
    names = ["sub-A1B02CDE_ses-00A_T1w.nii.gz", "sub-B1111111_ses-00A_T1w.nii.gz"]

    found = load(table, touch(tmp_path, *names))

    assert ["B1111111"] == found.scans["subject"].tolist()
    assert ("A01B2CDE",) == found.join.rows_without_image


def test_the_join_is_told_from_both_sides(tmp_path):
    """Ids without an image and images without a row are counted and shown."""
    table, images = write_pair(tmp_path)
    (images / bulk(IDS[0])).unlink()
    touch(tmp_path, bulk(IDS[3]))

    found = load(table, images)

    assert (2, 2, 1) == (found.join.rows, found.join.images, found.join.matched)
    assert (f"NDARINV{IDS[0]}",) == found.join.rows_without_image
    assert (str(images / bulk(IDS[3])),) == found.join.images_without_row


def test_a_file_that_names_two_people_is_nobodys(tmp_path):
    """A name that contradicts its folder is passed over, and said to be."""
    table, images = write_pair(tmp_path)
    touch(tmp_path, f"sub-{IDS[0]}/sub-{IDS[1]}_T1w.nii.gz", "average.nii.gz")

    found = load(table, images)

    assert 2 == len(found.scans)
    assert "2 images without one id and visit passed over" in found.notes


def test_images_without_ids_are_an_error_with_examples(tmp_path):
    """A folder of other names says what was looked for and what is there."""
    table, _ = write_pair(tmp_path)
    images = touch(tmp_path / "other", "brain_001.nii.gz")

    with pytest.raises(DataError) as caught:
        load(table, images)

    assert (images,) == caught.value.where
    assert (("brain_001.nii.gz",), ()) == caught.value.found


def test_images_of_other_visits_only_are_an_error(tmp_path):
    """Follow-up scans do not stand in for the baseline."""
    table, _ = write_pair(tmp_path)
    images = touch(tmp_path / "later", bulk(IDS[0], "2YearFollowUpYArm1"))

    with pytest.raises(DataError) as caught:
        load(table, images)

    nameless, others = caught.value.found
    assert (0, 1) == (len(nameless), len(others))
    assert "the baseline" in caught.value.expected


def test_suffix_chooses_among_modalities(tmp_path):
    """Scans whose names do not hold the text are not looked at."""
    table, images = write_pair(tmp_path)
    touch(tmp_path, bulk(IDS[0]).replace("T1", "T2"))

    found = load(table, images, suffix="MPROC-T1")

    assert all("MPROC-T1" in image for image in found.scans["image"])
    assert 2 == found.join.images


def test_several_scans_of_a_visit_are_an_error_until_a_rule_is_declared(tmp_path):
    """Never last-one-wins: `first` and `last` go by the stamp in the name."""
    table, images = write_pair(tmp_path)
    touch(tmp_path, bulk(IDS[0], stamp=20170901), bulk(IDS[0], stamp=20161231))

    with pytest.raises(DataError) as caught:
        load(table, images)

    assert 3 == len(caught.value.found)
    assert "cohort.several" in caught.value.hint

    first, last = (
        load(table, images, several=rule).scans["image"][0] for rule in ("first", "last")
    )
    assert ("20161231", "20170901") == (first[-15:-7], last[-15:-7])


def test_every_row_is_accounted_for(tmp_path):
    """Nameless rows, rows without a visit, people without one, and all that follows add up."""
    ids = [f"NDAR_INV{each}" for each in IDS]
    visits = write_rows(
        tmp_path / "a.csv",
        src_subject_id=[*ids, None, ids[0], ids[0]],
        eventname=[BASELINE] * 5 + [None, YEAR_2],
        imgincl_t1w_include=["1", "0", None, "1.0", "1", "1", "1"],
    )
    static = write_rows(
        tmp_path / "b.csv", src_subject_id=[ids[0], "NDAR_INV9Z9Z9Z9Z"], rel_family_id=["1", "2"]
    )

    found = load((visits, static), touch(tmp_path, bulk(IDS[0])), require_qc=True)

    lost = zip(found.exclusions["reason"], found.exclusions["subject"].fillna("?"), strict=True)
    assert sorted((reason, subject[-8:]) for reason, subject in lost) == [
        ("another session", IDS[0]),
        ("failed image quality control", IDS[1]),
        ("no image", IDS[3]),
        ("no image quality control", IDS[2]),
        ("no session", IDS[0]),
        ("no session", "9Z9Z9Z9Z"),
        ("no subject id", "?"),
    ]
    assert found.rows_read == len(found.scans) + len(found.exclusions) == 8
    assert ["1"] == found.scans["family"].tolist()


def test_the_order_of_rows_leaves_no_trace(tmp_path):
    """A shuffled table gives the same scans and exclusions (D19)."""
    table, images = write_visits(tmp_path)
    before = load(table, images)
    pd.read_csv(table, dtype=str).iloc[::-1].to_csv(table, index=False)

    after = load(table, images)

    pd.testing.assert_frame_equal(before.scans, after.scans)
    pd.testing.assert_frame_equal(before.exclusions, after.exclusions)


def test_several_rows_of_a_visit_name_the_file_and_the_visit(tmp_path):
    """A table with two rows for one visit would multiply the others, so it is refused."""
    table = write_rows(
        tmp_path / "twice.csv",
        src_subject_id=["NDAR_INV0A1B2C3D", "NDARINV0a1b2c3d"],
        eventname=BASELINE,
    )

    with pytest.raises(DataError) as caught:
        load(table, tmp_path)

    assert (table,) == caught.value.where
    assert f"NDAR_INV0A1B2C3D {BASELINE}" == caught.value.found


def test_of_two_columns_with_one_name_the_first_is_believed(tmp_path):
    """What the first table lacks comes from the second, and contradictions are counted."""
    table, images = write_pair(tmp_path, interview_age=["119", "120"], visit=["1", None])
    ids = [f"NDAR_INV{each}" for each in IDS[:2]]
    other = write_rows(
        tmp_path / "tables" / "b.csv",
        src_subject_id=ids,
        eventname=BASELINE,
        interview_age=["119.0", "121"],
        visit=["1", "2"],
        rel_family_id=["4", "5"],
    )

    found = load((table, other), images)

    assert ["119", "120"] == found.scans["interview_age"].tolist()
    assert ["1", "2"] == found.scans["visit"].tolist()
    (note,) = found.notes
    assert "a.csv and b.csv disagree on interview_age (1 row); a.csv is believed" == note


def test_tables_of_different_releases_are_refused(tmp_path):
    """6.x and older tables do not join, and the message names one of each."""
    table, images = write_pair(tmp_path)
    new = write_rows(
        tmp_path / "ab_g_dyn.csv", participant_id=[f"sub-{IDS[0]}"], session_id=["ses-00A"]
    )

    with pytest.raises(DataError) as caught:
        load((table, new), images)

    assert ["a.csv", "ab_g_dyn.csv"] == [path.name for path in caught.value.found]


def test_families_of_different_releases_are_refused(tmp_path):
    """Family ids that contradict each other are not of one release, and would mix families."""
    table, images = write_pair(tmp_path, rel_family_id=["1", "1"])
    other = write_rows(
        tmp_path / "acspsw03.csv",
        src_subject_id=[f"NDAR_INV{IDS[0]}"],
        eventname=[YEAR_2],
        rel_family_id=["8"],
    )

    with pytest.raises(DataError) as caught:
        load((table, other), images)

    assert 1 == len(caught.value.found)
    assert "'rel_family_id'" in caught.value.what


def test_a_family_called_777_is_a_family(tmp_path):
    """Codes for missing answers are ordinary family numbers."""
    found = load(*write_pair(tmp_path, rel_family_id=["777", "999.0"]))

    assert ["777", "999"] == found.scans["family"].tolist()


def test_without_a_family_column_a_note_says_so(tmp_path):
    """Siblings in two pools would be a leak that nobody sees."""
    found = load(*write_pair(tmp_path))

    assert any("no column of families" in note for note in found.notes)


def test_columns_can_be_named_by_the_recipe(tmp_path):
    """Family, site and scanner follow the recipe where it names a column."""
    table, images = write_pair(
        tmp_path,
        rel_family_id=["1", "2"],
        household=["h", "h"],
        place=["p", "q"],
        scanner=["s", "t"],
    )

    found = load(table, images, family="household", site="place", scanner="place")

    assert ["h", "h"] == found.scans["family"].tolist()
    assert ["p", "q"] == found.scans["site"].tolist()
    assert ["p", "q"] == found.scans["scanner"].tolist()
    assert ["s", "t"] == found.scans["scanner_in_table"].tolist()


@pytest.mark.parametrize("option", ["family", "site", "scanner"])
def test_a_named_column_that_is_missing_is_an_error(tmp_path, option):
    """The message names the key and the nearest column."""
    table, images = write_pair(tmp_path, household=["h", "h"])

    with pytest.raises(DataError) as caught:
        load(table, images, **{option: "houshold"})

    assert "household" in caught.value.found
    assert "did you mean 'household'" in caught.value.hint
    assert caught.value.hint.endswith(f"set cohort.{option}")


def test_age_is_given_in_years(tmp_path):
    """Months of the interview become years; a code for missing becomes no age."""
    found = load(*write_pair(tmp_path, interview_age=["126", "999"]))

    assert ["10.5"] == found.scans["age"].dropna().tolist()


def test_an_age_of_the_tables_own_is_left_alone(tmp_path):
    """A column called `age` is the user's."""
    found = load(*write_pair(tmp_path, interview_age=["126", "120"], age=["old", "young"]))

    assert ["old", "young"] == found.scans["age"].tolist()


def test_own_columns_with_our_names_survive(tmp_path):
    """A column called `session`, `image` or `site` goes on under another name."""
    found = load(*write_pair(tmp_path, session=["a", "b"], image=["c", "d"], site=["e", "f"]))

    assert [BASELINE] * 2 == found.scans["session"].tolist()
    assert ["a", "b"] == found.scans["session_in_table"].tolist()
    assert ["c", "d"] == found.scans["image_in_table"].tolist()
    assert ["e", "f"] == found.scans["site_in_table"].tolist()


def test_descriptions_saved_as_csv_are_left_out(tmp_path):
    """The second header row is known by what it says, not by the name of the file."""
    table = write_rows(
        tmp_path / "t.csv",
        src_subject_id=["Subject ID how it's defined in lab/project", f"NDAR_INV{IDS[0]}"],
        eventname=["The event name", BASELINE],
    )

    assert 1 == load(table, touch(tmp_path, bulk(IDS[0]))).rows_read


def test_a_text_table_without_descriptions_keeps_its_first_person(tmp_path):
    """A row with an id is a person's, also right below the header."""
    rows = [(f"NDAR_INV{each}", BASELINE) for each in IDS[:2]]
    table = write_text(tmp_path / "t.txt", rows, described=False)

    assert 2 == len(load(table, touch(tmp_path, *map(bulk, IDS[:2]))).scans)


def test_tables_without_sessions_are_one_visit(tmp_path):
    """All rows count as the visit wanted; the session is what the image tells."""
    table = write_rows(tmp_path / "t.csv", src_subject_id=[f"NDAR_INV{each}" for each in IDS[:2]])
    images = touch(tmp_path, *map(bulk, IDS[:2]), bulk(IDS[0], "2YearFollowUpYArm1"))

    found = load(table, images)

    assert 2 == found.rows_read
    assert ["baselineYear1Arm1"] * 2 == found.scans["session"].tolist()


@pytest.mark.parametrize("name", [YEAR_2, "2YearFollowUpYArm1", "ses-02A", "02a"])
def test_a_session_is_known_by_its_name_in_any_release(tmp_path, name):
    """The recipe may spell a visit as tables, files or another release do."""
    found = load(*write_visits(tmp_path), session=name)

    assert [YEAR_2] * 4 == found.scans["session"].tolist()


def test_a_session_that_is_not_there_lists_those_that_are(tmp_path):
    """A misspelt session is no empty study."""
    with pytest.raises(DataError) as caught:
        load(*write_visits(tmp_path), session="3_year")

    assert {YEAR_2, BASELINE} <= set(caught.value.found)
    assert ("'3_year'", "set cohort.session") == (caught.value.expected, caught.value.hint)


def test_without_a_baseline_the_sessions_are_listed(tmp_path):
    """The default is no guess: another visit must be asked for."""
    table = write_rows(tmp_path / "t.csv", src_subject_id=["NDAR_INV0A1B2C3D"], eventname=[YEAR_2])

    with pytest.raises(DataError) as caught:
        load(table, touch(tmp_path, bulk(IDS[0])))

    assert (YEAR_2,) == caught.value.found
    assert "the baseline" in caught.value.expected


def test_a_table_without_subjects_names_file_and_columns(tmp_path):
    """Any other file in the folder of tables is an error, not people lost."""
    table, images = write_pair(tmp_path)
    write_rows(table.parent / "notes.csv", who=["x"], what=["y"])

    with pytest.raises(DataError) as caught:
        load(table.parent, images)

    assert ((table.parent / "notes.csv",), ("who", "what")) == (
        caught.value.where,
        caught.value.found,
    )


def test_a_folder_without_tables_is_an_error(tmp_path):
    """The message says which files count as tables."""
    with pytest.raises(DataError) as caught:
        load(tmp_path, tmp_path)

    assert (tmp_path,) == caught.value.where
    assert ".txt, .csv, .tsv, .parquet" in caught.value.expected


def test_quality_control_by_another_column(tmp_path):
    """A column that the recipe names decides, whatever the release's own says."""
    table, images = write_pair(tmp_path, imgincl_t1w_include=["1", "1"], mine=["0", "1"])

    found = load(table, images, require_qc=True, qc="mine")

    assert [f"NDARINV{IDS[1]}"] == found.scans["subject"].tolist()
    assert ["mine is 0"] == found.exclusions["detail"].tolist()


def test_quality_control_that_is_nowhere_is_an_error(tmp_path):
    """A filter that cannot be applied is never left out silently."""
    with pytest.raises(DataError) as caught:
        load(*write_pair(tmp_path), require_qc=True)

    assert "'imgincl_t1w_include'" in caught.value.what
    assert caught.value.hint.endswith("set cohort.qc")


def test_an_ignored_quality_column_is_an_error(tmp_path):
    """`qc` alone would do nothing."""
    with pytest.raises(ValueError, match="require_qc = true"):
        AbcdOptions(tables=tmp_path, images=tmp_path, qc="mine")


def test_no_table_at_all_is_an_error(tmp_path):
    """An empty list is refused with the recipe."""
    with pytest.raises(ValueError, match="at least one table"):
        AbcdOptions(tables=(), images=tmp_path)


def test_codes_of_the_recipe_join_those_of_the_study(tmp_path):
    """Words for a column of the user's own are passed on; a column that is not there is refused."""
    table, images = write_pair(tmp_path, group=["0", "1"])

    found = load(table, images, codes={"group": {"0": "control", "1": "case"}}, missing=("-9",))

    assert ["control", "case"] == read_target(found, "group")
    assert found.missing >= {"777", "999", "-9"}
    with pytest.raises(DataError) as caught:
        load(table, images, codes={"grup": {"0": "control"}})

    assert caught.value.hint.endswith("set cohort.codes")


def test_sources_are_the_tables_and_the_scans(tmp_path):
    """A change in any of them redoes the run."""
    table, images = write_pair(tmp_path)

    found = Abcd(AbcdOptions(tables=table.parent, images=images)).sources()

    assert (table, images) == found
