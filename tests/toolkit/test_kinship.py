"""Lists of relatives become families, whatever program wrote them."""

from __future__ import annotations

import pandas as pd
import pytest

from brainplug.errors import DataError
from brainplug.toolkit.kinship import THIRD_DEGREE, join_relatives, read_ids, read_pairs

UKB_REL = """ID1 ID2 HetHet IBS0 Kinship
1000001 1000002 0.070 0.0060 0.2450
1000002 1000003 0.050 0.0150 0.0600
1000004 1000005 0.040 0.0190 0.0441
-12 1000006 0.070 0.0060 0.2500
"""


def pairs_of(*pairs):
    return pd.DataFrame(pairs, columns=["first", "second"], dtype="str")


def families(subjects, *pairs, family=None):
    column = None if family is None else pd.Series(family, dtype="str")
    return join_relatives(pd.Series(subjects, dtype="str"), column, pairs_of(*pairs)).tolist()


def as_pairs(frame):
    return list(frame.itertuples(index=False, name=None))


def test_the_file_of_uk_biobank_is_read(tmp_path):
    """Spaces part the columns; distant pairs and people who withdrew are left out."""
    (tmp_path / "ukb_rel.dat").write_text(UKB_REL)

    pairs = read_pairs(tmp_path / "ukb_rel.dat")

    assert [("1000001", "1000002"), ("1000002", "1000003")] == as_pairs(pairs)


@pytest.mark.parametrize(
    "text",
    [
        "ID1,ID2,Kinship\n1.0,2.0,0.25\n",
        "#IID1\tIID2\tNSNP\tHETHET\tIBS0\tKINSHIP\n1\t2\t9\t0.1\t0\t0.25\n",
        "FID1 ID1 FID2 ID2 NSNP HetHet IBS0 Kinship\n1 1 2 2 9 0.1 0 2.5e-1\n",
    ],
)
def test_other_programs_write_the_same(tmp_path, text):
    """Commas, tabs and the headers of KING and PLINK are read alike."""
    (tmp_path / "relatives.txt").write_text(text)

    assert [("1", "2")] == as_pairs(read_pairs(tmp_path / "relatives.txt"))


def test_the_threshold_can_be_another(tmp_path):
    """A pair at the threshold is kept, one below is not."""
    (tmp_path / "ukb_rel.dat").write_text(UKB_REL)

    pairs = read_pairs(tmp_path / "ukb_rel.dat", threshold=0.0441)

    assert ("1000004", "1000005") in as_pairs(pairs)
    assert pytest.approx(2**-4.5, abs=5e-5) == THIRD_DEGREE


@pytest.mark.parametrize(
    ("text", "places", "found"),
    [
        ("A B Kinship\n1 2 0.2\n", (), ("A", "B", "Kinship")),
        ("ID1 ID2 Kinship\n1 2 close\n", (), "close"),
        ("ID1 ID2 Kinship\n1 2\n", (), ""),
        ("ID1 ID2 Kinship\n1 2 0.2 9\n", (), 4),
        ("ID1,ID2,Kinship\n1,,0.2\n", ("row 1",), 1),
    ],
)
def test_a_broken_list_is_refused(tmp_path, text, places, found):
    """The error names the file and what was found."""
    (tmp_path / "relatives.txt").write_text(text)

    with pytest.raises(DataError) as caught:
        read_pairs(tmp_path / "relatives.txt")

    assert (tmp_path / "relatives.txt", *places) == caught.value.where
    assert found == caught.value.found


def test_relatives_of_relatives_are_one_family():
    """A family is a connected component, named by its smallest id as a number."""
    assert ["9", "9", "9", "20"] == families(
        ["10", "9", "11", "20"], ["10", "9"], ["10", "11"], ["20", "21"]
    )


def test_people_without_relatives_have_no_family():
    """Nobody is put into a family of strangers."""
    assert [True, False] == pd.isna(families(["1", "2"], ["2", "3"])).tolist()


def test_a_relative_without_a_row_still_links():
    """Siblings meet through a third who is not in the table, so rows cannot rename a family."""
    pairs = (["5", "3"], ["5", "7"])

    assert ["3", "3"] == families(["7", "5"], *pairs)
    assert ["3", "3", "3"] == families(["7", "3", "5"], *pairs)


def test_ids_meet_without_their_decimals():
    """An id that a spreadsheet wrote as 5.0 is the person 5."""
    assert ["3", "3"] == families(["5.0", " 3"], ["5", "3"])


def test_families_of_a_column_are_joined_by_pairs():
    """Two families with a pair across become one; a family that is no family joins nobody."""
    named = families(
        ["1", "2", "3", "4", "5", "6"],
        ["2", "3"],
        ["5", "6"],
        family=["B", "B", "A", "NA", "n/a", None],
    )

    assert ["A", "A", "A"] == named[:3]
    assert ["kin of 5", "kin of 5"] == named[4:]
    assert pd.isna(named[3])


def test_the_order_of_pairs_and_rows_leaves_no_trace():
    """Families are the same whichever way a pair is written (D19)."""
    subjects = pd.Series([str(number) for number in range(40)], dtype="str")
    pairs = pairs_of(*[(str(number), str(number + 7)) for number in range(0, 33, 2)])
    turned = pairs.iloc[::-1].set_axis(["second", "first"], axis=1)

    expected = join_relatives(subjects, None, pairs)

    pd.testing.assert_series_equal(
        expected, join_relatives(subjects.iloc[::-1], None, turned).sort_index()
    )


def test_no_pair_makes_no_family():
    """An empty list is no error."""
    assert pd.isna(families(["1", "2"])).all()


@pytest.mark.parametrize(
    "text", ["7\n12\n", "eid\n7\n12\n", '"12"\r\n"7"\r\n', "name,eid\na,7\nb,12.0\n", "\n7\n\n12"]
)
def test_a_list_of_withdrawals_may_have_a_header(tmp_path, text):
    """One id a line, with or without a header, or the column eid of a CSV."""
    (tmp_path / "withdrawn.csv").write_text(text)

    assert {"7", "12"} == read_ids(tmp_path / "withdrawn.csv")


def test_a_list_of_other_things_is_refused(tmp_path):
    """A wrong file must not pass as a list on which nobody stands."""
    (tmp_path / "withdrawn.csv").write_text("eid\n7\nseven\n")

    with pytest.raises(DataError) as caught:
        read_ids(tmp_path / "withdrawn.csv")

    assert (tmp_path / "withdrawn.csv",) == caught.value.where
    assert "seven" == caught.value.found


@pytest.mark.parametrize("line", ['"1 "2 0.25', '1 2 "0.25', '1 "2 0.25'])
def test_a_mark_too_many_swallows_no_pair(tmp_path, line):
    """R puts quotation marks around names; one that is never closed, or later, is only a mark."""
    rest = '3 4 0.25\n5 6" 0.25\n7 8 0.25\n'
    (tmp_path / "rel.dat").write_text(f'"ID1" "ID2" "Kinship"\n{line}\n{rest}')

    assert 4 == len(read_pairs(tmp_path / "rel.dat"))
