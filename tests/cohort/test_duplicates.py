"""One scan under several people's ids is found by its content, however it was packed."""

from __future__ import annotations

import gzip
import shutil
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from brainplug.audit.leakage import find_leaks
from brainplug.cohort.build import StudyParts, gather
from brainplug.cohort.duplicates import find_same_images
from brainplug.design.split import pool_scans, split_cohort
from brainplug.errors import DataError, LeakageError
from brainplug.findings import refuse_findings
from brainplug.recipe.tables import Audit, Images
from brainplug_plugins.cohorts.table import Table, TableOptions
from brainplug_plugins.heads.categorical import Categorical, CategoricalOptions
from brainplug_plugins.splits.assigned import Assigned, AssignedOptions

if TYPE_CHECKING:
    from pathlib import Path

SEX = Categorical(CategoricalOptions(column="sex"))
POOLS = [f"{part}_{half}" for part in ("train", "val", "test") for half in ("query", "reference")]


def pack_again(source: Path, path: Path, **how) -> Path:
    """Pack what is in a scan anew: other time and level, so hardly a byte is the same."""
    voxels = gzip.decompress(source.read_bytes())
    path.write_bytes(gzip.compress(voxels, compresslevel=1, **{"mtime": 12345, **how}))
    assert source.read_bytes() != path.read_bytes()
    return path


def unpack(source: Path, path: Path) -> Path:
    path.write_bytes(gzip.decompress(source.read_bytes()))
    return path


def frame_of(*scans: tuple[str, Path]) -> pd.DataFrame:
    """Make a cohort of these scans, each with whose it is."""
    return pd.DataFrame(
        {
            "scan": [f"{subject}_{number}" for number, (subject, _) in enumerate(scans)],
            "subject": [subject for subject, _ in scans],
            "image": [str(path) for _, path in scans],
        }
    )


def find(*scans: tuple[str, Path], memo: Path | None = None) -> list[str | None]:
    """Return the first of the scans that each is a copy of, None for those that are none."""
    same = find_same_images(frame_of(*scans), memo)
    return [None if pd.isna(name) else name for name in same]


@pytest.mark.parametrize("mtime", [0, 99])
def test_a_copy_that_was_packed_again_is_found(tmp_path, make_scan, mtime):
    """Bytes and size of the files differ, and what is in them does not."""
    scan = make_scan(tmp_path / "a.nii.gz", 1)
    copy = pack_again(scan, tmp_path / "b.nii.gz", mtime=mtime)
    other = make_scan(tmp_path / "c.nii.gz", 2)

    assert ["ann_0", None, "ann_0"] == find(("ann", scan), ("cid", other), ("bob", copy))


def test_several_copies_bear_one_name(tmp_path, make_scan):
    """All copies of one scan are one group, whatever their order, and two groups are two."""
    one, two = make_scan(tmp_path / "1.nii.gz", 1), make_scan(tmp_path / "2.nii.gz", 2)
    copies = [pack_again(path, tmp_path / f"copy{path.name}") for path in (one, two)]
    third = shutil.copy(one, tmp_path / "third.nii.gz")

    found = find(("e", two), ("d", one), ("c", copies[1]), ("b", copies[0]), ("a", third))

    assert ["c_2", "a_4", "c_2", "a_4", "a_4"] == found


def test_sessions_of_one_person_are_no_copies(tmp_path, make_scan):
    """A visit that stands twice is that person's own affair: both are in one pool anyway."""
    scan = make_scan(tmp_path / "a.nii.gz", 1)
    again = pack_again(scan, tmp_path / "b.nii.gz")

    assert [None, None] == find(("ann", scan), ("ann", again))


def test_a_persons_two_sessions_are_told_where_somebody_else_has_them_too(tmp_path, make_scan):
    """Of three equal scans of two people all three are marked."""
    scan = make_scan(tmp_path / "a.nii.gz", 1)
    copies = [pack_again(scan, tmp_path / f"{name}.nii.gz") for name in "bc"]

    found = find(("ann", scan), ("ann", copies[0]), ("bob", copies[1]))

    assert ["ann_0"] * 3 == found


@pytest.mark.parametrize("suffix", [".nii.gz", ".nii"])
def test_different_scans_of_one_size_are_no_copies(tmp_path, make_scan, suffix):
    """All scans of a study have one grid; only what is in them counts."""
    scans = [make_scan(tmp_path / f"{number}{suffix}", number) for number in range(4)]

    assert [None] * 4 == find(*zip("abcd", scans, strict=True))


def test_different_scans_of_one_checksum_are_no_copies(tmp_path, make_scan):
    """Files that end alike are compared whole before anybody is accused."""
    one, two = (make_scan(tmp_path / f"{number}.nii.gz", number) for number in (1, 2))
    # Damaged at the end, so that the two have one trace; they are then compared as they are.
    two.write_bytes(two.read_bytes()[:-8] + one.read_bytes()[-8:])

    assert [None, None] == find(("ann", one), ("bob", two))


def test_unpacked_copies_are_found(tmp_path, make_scan):
    """Two `.nii` of one content are copies, though their sizes are those of all others."""
    scans = [make_scan(tmp_path / f"{number}.nii", number) for number in range(3)]
    copy = shutil.copy(scans[1], tmp_path / "copy.nii")

    found = find(*zip("abc", scans, strict=True), ("d", copy))

    assert [None, "b_1", None, "b_1"] == found


def test_an_unpacked_copy_of_a_packed_scan_is_found(tmp_path, make_scan):
    """A folder of which a part was unpacked holds the same people."""
    scans = [make_scan(tmp_path / f"{number}.nii.gz", number) for number in range(3)]
    copy = unpack(scans[1], tmp_path / "copy.nii")
    other = make_scan(tmp_path / "other.nii", 9)

    found = find(*zip("abc", scans, strict=True), ("d", copy), ("e", other))

    assert [None, "b_1", None, "b_1", None] == found


def test_a_scan_that_vanished_is_passed_over(tmp_path, make_scan):
    """Other scans are compared all the same, and a link to nothing is no scan."""
    scan = make_scan(tmp_path / "a.nii.gz", 1)
    copy = pack_again(scan, tmp_path / "b.nii.gz")
    (tmp_path / "link.nii").symlink_to(tmp_path / "nothing.nii")
    (tmp_path / "short.nii.gz").write_bytes(b"1")
    gone = [("c", tmp_path / "gone.nii.gz"), ("d", tmp_path / "link.nii")]

    found = find(("a", scan), *gone, ("e", tmp_path / "short.nii.gz"), ("b", copy))

    assert ["a_0", None, None, None, "a_0"] == found


def test_a_scan_that_changed_is_compared_anew(tmp_path, make_scan):
    """What is remembered of a file holds for that file as it was."""
    memo = tmp_path / "hashes"
    scan = make_scan(tmp_path / "a.nii.gz", 1)
    copy = pack_again(scan, tmp_path / "b.nii.gz")
    scans = (("ann", scan), ("bob", copy))
    assert ["ann_0", "ann_0"] == find(*scans, memo=memo) == find(*scans, memo=memo)

    make_scan(copy, 2)

    assert [None, None] == find(*scans, memo=memo)


PEOPLE = [f"p{number:02d}" for number in range(12)]


def write_study(folder: Path, make_scan, pools: list[str]) -> TableOptions:
    """Write scans of twelve people, of whom `p03` has that of `p01`, packed anew."""
    for number, name in enumerate(PEOPLE):
        make_scan(folder / "T1" / f"{name}.nii.gz", number)
    pack_again(folder / "T1" / "p01.nii.gz", folder / "T1" / "p03.nii.gz")
    table = pd.DataFrame({"id": PEOPLE, "sex": ["male", "female"] * 6, "part": pools})
    table.to_csv(folder / "table.csv", index=False)
    return TableOptions(table=folder / "table.csv", images=folder / "T1", subject="id")


def gather_study(options: TableOptions, folder: Path, **audit):
    """Read the study as a run does, reading headers of the scans only."""
    return gather(
        [StudyParts(loader=Table(options), head=SEX)],
        images=Images(shape=(8, 8, 8), scans="headers"),
        audit=Audit(**audit),
        cache=folder / "cache",
        progress=lambda _done, _total: None,
    )


def find_in_pools(cohort):
    """Put people into the pools of their table, and return what the audit finds."""
    strategy = Assigned(AssignedOptions(column="part"))
    return find_leaks(pool_scans(cohort.frame, split_cohort(strategy, cohort.frame, seed=1)))


def test_copies_in_two_pools_stop_the_run(tmp_path, make_scan):
    """The default: a leak, which names both and says what can be done."""
    cohort = gather_study(write_study(tmp_path, make_scan, POOLS * 2), tmp_path)

    findings = find_in_pools(cohort)

    assert [("leak", ("p01", "p03"))] == [(each.kind, each.members) for each in findings]
    with pytest.raises(LeakageError) as caught:
        refuse_findings(findings, allow_shortcut=True)

    assert ("p01", "p03") == caught.value.members
    assert 'duplicates = "exclude"' in str(caught.value)


def test_copies_in_one_pool_are_noted(tmp_path, make_scan):
    """They leak nothing, so the run goes on and tells."""
    pools = POOLS * 2
    pools[3] = pools[1]
    cohort = gather_study(write_study(tmp_path, make_scan, pools), tmp_path)

    findings = find_in_pools(cohort)

    refuse_findings(findings, allow_shortcut=False)
    assert [("note", ("p01", "p03"))] == [(each.kind, each.members) for each in findings]


def test_copies_can_be_left_out(tmp_path, make_scan):
    """With "exclude" both go, since nobody knows whose it is; the flow adds up."""
    options = write_study(tmp_path, make_scan, POOLS * 2)

    cohort = gather_study(options, tmp_path, duplicates="exclude")

    assert [name for name in PEOPLE if name not in ("p01", "p03")] == cohort.frame["scan"].tolist()
    lost = cohort.exclusions
    assert ["p01", "p03"] == lost["subject"].tolist()
    assert {"one image under several subjects"} == set(lost["reason"])
    (flow,) = cohort.flows.values()
    assert [12, -2, 10] == [count for _, count in flow]
    assert [] == find_in_pools(cohort)


def test_each_copy_names_another_than_itself(tmp_path, make_scan):
    """Of two copies each exclusion says which other scan is the same."""
    options = write_study(tmp_path, make_scan, POOLS * 2)

    lost = gather_study(options, tmp_path, duplicates="exclude").exclusions

    assert {"p01": "also p03", "p03": "also p01"} == dict(
        zip(lost["subject"], lost["detail"], strict=True)
    )


def test_a_study_of_copies_alone_is_refused(tmp_path, make_scan):
    """Where nothing is left the run stops with the counts, as for every other reason."""
    make_scan(tmp_path / "T1" / "a.nii.gz", 1)
    pack_again(tmp_path / "T1" / "a.nii.gz", tmp_path / "T1" / "b.nii.gz")
    (tmp_path / "table.csv").write_text("id,sex\na,male\nb,female\n")
    options = TableOptions(table=tmp_path / "table.csv", images=tmp_path / "T1", subject="id")

    with pytest.raises(DataError) as caught:
        gather_study(options, tmp_path, duplicates="exclude")

    assert {"one image under several subjects": 2} == caught.value.found


def test_copies_between_studies_are_found(tmp_path, make_scan):
    """A person who is in two studies under two ids is found by the scan."""
    parts = []
    for name in ("ONE", "TWO"):
        options = write_study(tmp_path / name, make_scan, POOLS * 2)
        parts.append(StudyParts(name=name, loader=Table(options), head=SEX))
        for number, path in enumerate(sorted((tmp_path / name / "T1").iterdir())):
            make_scan(path, 100 * len(parts) + number)
    pack_again(tmp_path / "ONE/T1/p05.nii.gz", tmp_path / "TWO/T1/p00.nii.gz")

    cohort = gather(
        parts,
        images=Images(shape=(8, 8, 8), scans="headers"),
        audit=Audit(duplicates="exclude"),
        cache=None,
        progress=lambda _done, _total: None,
    )

    assert ["ONE:p05", "TWO:p00"] == cohort.exclusions["subject"].tolist()
    assert [[12, -1, 11]] * 2 == [[count for _, count in flow] for flow in cohort.flows.values()]


def test_scans_that_are_only_listed_are_not_compared(tmp_path, make_scan):
    """A recipe that reads no scan does not read them here either."""
    options = write_study(tmp_path, make_scan, POOLS * 2)

    cohort = gather(
        [StudyParts(loader=Table(options), head=SEX)],
        images=Images(shape=(8, 8, 8), scans="listed"),
        audit=Audit(duplicates="exclude"),
        cache=tmp_path / "cache",
        progress=lambda _done, _total: None,
    )

    assert 12 == len(cohort.frame)
