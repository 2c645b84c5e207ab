"""Ids meet their images once, however either side spells them."""

from __future__ import annotations

import pandas as pd
import pytest

from brainplug.errors import DataError
from brainplug.toolkit.image_matching import (
    ImageFile,
    choose_session,
    find_files,
    find_images,
    join_images,
    match_ids,
)
from brainplug.toolkit.side_tables import join_values


def make_rows(*visits):
    return pd.DataFrame(visits, columns=["subject", "session"], dtype="str").assign(image=None)


def make_files(*names):
    return [
        ImageFile(f"/x/{subject}_{session}.nii", subject, session) for subject, session in names
    ]


@pytest.mark.parametrize(
    ("here", "there"),
    [
        ("1001", "1001"),
        ("1001.0", "1001"),
        ("7", "sub-007"),
        ("sub-CON01", "con01"),
        ("NDAR_INV0A1B2C3D", "sub-NDARINV0A1B2C3D"),
        ("002_S_0413", "sub-002S0413"),
    ],
)
def test_ids_meet_however_they_are_spelt(here, there):
    """Case, prefix, padding, decimals and separators do not keep them apart (D21)."""
    assert {here: (there,)} == match_ids([here], [there])


def test_an_exact_id_comes_before_a_similar_one():
    """`01` of the table takes `01`; `1` is not given the same image."""
    assert {"01": ("01",)} == match_ids(["1", "01"], ["01"])


def test_two_ids_for_one_image_are_an_error():
    """Neither person is given the image of the other."""
    with pytest.raises(DataError) as caught:
        match_ids(["1", "001"], ["sub-01"])

    assert ("1", "001") == caught.value.found


def test_images_are_found_once_without_hidden_and_skipped_folders(tmp_path):
    """A link back to the top does not go round for ever; other files are no images."""
    for name in ("a/1.nii.gz", ".git/2.nii", "derivatives/3.nii", "a/derivatives/4.mgz", "a/5.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "a" / "loop").symlink_to(tmp_path)

    assert ["a/1.nii.gz", "a/derivatives/4.mgz"] == find_images(tmp_path, skip=("derivatives",))


def test_files_that_tell_no_subject_are_passed_over(tmp_path):
    """Paths are absolute; what `read` does not know is left alone."""
    (tmp_path / "a.nii").touch()
    (tmp_path / "mean.nii").touch()

    found = find_files(tmp_path, lambda name: None if name == "mean.nii" else ("a", None))

    assert [ImageFile(str(tmp_path / "a.nii"), "a", None)] == found


def test_a_missing_folder_is_named(tmp_path):
    """A wrong folder is not an empty one."""
    with pytest.raises(DataError) as caught:
        find_images(tmp_path / "none")

    assert ((tmp_path / "none",), "no such folder") == (caught.value.where, caught.value.what)


def test_each_visit_takes_the_image_of_its_session():
    """Visits meet whether they are padded, prefixed or written as a decimal."""
    rows = make_rows(("a", "1.0"), ("a", "ses-10"), ("b", None))
    files = make_files(("a", "01"), ("a", "10"), ("b", "x"))

    joined = join_images(rows, files)

    assert ["/x/a_01.nii", "/x/a_10.nii", "/x/b_x.nii"] == joined.rows["image"].tolist()
    assert ["1.0", "ses-10", "x"] == joined.rows["session"].tolist()


def test_an_image_of_another_session_is_not_taken():
    """A visit without its own image has none."""
    joined = join_images(make_rows(("a", "1"), ("b", "2")), make_files(("a", "2"), ("b", "2")))

    assert ["a"] == joined.lost["subject"].tolist()
    assert ["no image"] == joined.lost["reason"].tolist()


def test_an_undated_image_serves_only_where_no_dated_one_does():
    """The image of the session wins over one that tells none."""
    rows, files = (
        make_rows(("a", "1"), ("b", "1")),
        make_files(("a", None), ("a", "1"), ("b", None)),
    )

    assert ["/x/a_1.nii", "/x/b_None.nii"] == join_images(rows, files).rows["image"].tolist()


def test_the_report_shows_both_sides():
    """At most five examples of each, and numbers that add up."""
    rows = make_rows(*((f"p{number}", None) for number in range(7)), ("a", None))

    report = join_images(rows, make_files(("a", None), ("z", None))).report

    assert (8, 2, 1) == (report.rows, report.images, report.matched)
    assert ("p0", "p1", "p2", "p3", "p4") == report.rows_without_image
    assert ("/x/z_None.nii",) == report.images_without_row


@pytest.mark.parametrize(
    ("several", "expected"), [("first", "/x/a_2.nii"), ("last", "/x/a_10.nii")]
)
def test_a_declared_rule_chooses_by_natural_order(several, expected):
    """`10` comes after `2`, in whatever order the files are found."""
    files = make_files(("a", "10"), ("b", "1"), ("a", "2"))

    joined = join_images(make_rows(("a", None), ("b", None)), files, several=several)

    assert [expected, "/x/b_1.nii"] == joined.rows["image"].tolist()


def test_several_images_are_an_error_with_the_loaders_hint():
    """The hint is made of the images that clash."""
    files = make_files(("a", "1"), ("a", "2"))

    with pytest.raises(DataError) as caught:
        join_images(make_rows(("a", None)), files, hint=lambda found: f"of {len(found)} choose")

    assert ("row of 'a'",) == caught.value.where
    assert ("/x/a_1.nii", "/x/a_2.nii") == caught.value.found
    assert "of 2 choose" == caught.value.hint


def test_joining_does_not_depend_on_the_order_of_files_or_rows():
    """Shuffled input gives every row the same image (D19)."""
    rows = make_rows(*((f"s{number}", "1") for number in range(20)))
    files = make_files(*((f"sub-s{number:03d}", "ses-01") for number in range(20)))

    first = join_images(rows, files).rows.set_index("subject")["image"]
    second = join_images(rows.iloc[::-1], files[::-1]).rows.set_index("subject")["image"]

    pd.testing.assert_series_equal(first, second.sort_index().reindex(first.index))


def test_the_first_session_is_the_first_with_an_image():
    """A visit without a scan does not cost a person the scan of the next one (D16)."""
    rows = make_rows(("a", "1"), ("a", "2"), ("a", "10"), ("b", "1"), ("c", "1"), ("c", "2"))
    files = make_files(("a", "2"), ("a", "10"), ("b", "1"))

    kept, lost = choose_session(rows, "first", files)

    assert [("a", "2"), ("b", "1"), ("c", "1")] == list(
        kept[["subject", "session"]].itertuples(index=False, name=None)
    )
    assert ["another session"] * 3 == lost["reason"].tolist()


def test_a_named_session_is_found_in_any_spelling():
    """`ses-01` of the recipe is `1` of the table; rows without a session are others."""
    kept, lost = choose_session(make_rows(("a", "1"), ("a", "2"), ("b", None)), "ses-01", [])

    assert ["1"] == kept["session"].tolist()
    assert 2 == len(lost)


def test_values_of_a_second_table_join_on_person_and_session():
    """Ids and sessions meet in any spelling; rows it lacks have no value, and order stays."""
    rows = make_rows(("sub-02", "b"), ("sub-01", "b"), ("sub-01", "a"))
    side = pd.DataFrame(
        {"subject": ["1", "1", "9"], "session": ["ses-a", "ses-b", "a"], "age": ["5", "6", "7"]},
        dtype="str",
    )

    joined, notes = join_values(rows, side, "sessions")

    assert ["none", "6", "5"] == joined["age"].fillna("none").tolist()
    assert ["sessions: 1 of 3 rows belong to no row of the study"] == notes


def test_values_that_repeat_for_a_person_are_an_error():
    """No row of a second table wins over another."""
    side = pd.DataFrame({"subject": ["a", "a"], "session": [None, None], "x": ["1", "2"]})

    with pytest.raises(DataError) as caught:
        join_values(make_rows(("a", None)), side.astype("str"), "bdi")

    assert (("bdi",), ("a",)) == (caught.value.where, caught.value.found)


def test_accents_meet_however_they_are_spelt():
    """A Mac writes an accent in a file's name as a letter of its own."""
    composed, apart = "caf\u00e9-1", "cafe\u0301-1"

    assert {composed: (apart,)} == match_ids([composed], [apart])
