"""Files that are no scans yet: of git-annex, not fetched, and DICOM; each is named as such."""

from __future__ import annotations

import pytest

from brainplug.errors import DataError, ScanError
from brainplug.imaging.scan import read_header
from brainplug.toolkit.dicom import find_dicom
from brainplug.toolkit.image_matching import find_images

DICOM = bytes(128) + b"DICM" + bytes(100)


@pytest.mark.parametrize("deep", ["", "../../"])
def test_a_link_of_git_annex_names_datalad(tmp_path, deep):
    """Its content is not here: `datalad get` fetches it."""
    scan = tmp_path / "sub-01_T1w.nii.gz"
    scan.symlink_to(f"{deep}.git/annex/objects/Xx/Yy/SHA256E-s1--0.nii.gz/SHA256E-s1--0.nii.gz")

    with pytest.raises(ScanError, match=r"datalad get sub-01_T1w\.nii\.gz") as caught:
        read_header(scan)

    assert "file missing" == caught.value.reason


@pytest.mark.parametrize("begin", ["/annex/objects/", "../annex/objects/", "/.git/annex/objects/"])
def test_a_pointer_file_of_git_annex_names_datalad(tmp_path, begin):
    """Where links cannot be, a small file of text stands in the place of the content."""
    scan = tmp_path / "a.nii.gz"
    scan.write_text(f"{begin}SHA256E-s9--0.nii.gz\n")

    with pytest.raises(ScanError, match=r"datalad get a\.nii\.gz"):
        read_header(scan)


def test_a_link_to_nothing_else_is_a_missing_file(tmp_path):
    """No other broken link is said to be git-annex's."""
    (tmp_path / "a.nii.gz").symlink_to("elsewhere.nii.gz")

    with pytest.raises(ScanError) as caught:
        read_header(tmp_path / "a.nii.gz")

    assert "datalad" not in str(caught.value)


@pytest.mark.parametrize("name", ["a.dcm", "a.nii.gz", "IM0001"])
def test_a_dicom_file_is_told_by_its_content(tmp_path, name):
    """Whatever it is called."""
    (tmp_path / name).write_bytes(DICOM)

    with pytest.raises(ScanError, match="dcm2niix"):
        read_header(tmp_path / name)


@pytest.mark.parametrize("name", ["s1/0001.dcm", "s1/IM0001", "1.2.840.113", "x/a.IMA"])
def test_a_folder_of_dicom_is_refused_by_name(tmp_path, name):
    """Any loader that looks for scans there says what to do."""
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_bytes(DICOM)

    with pytest.raises(DataError, match="dcm2niix") as caught:
        find_images(tmp_path)

    assert name in caught.value.what


def test_dicom_beside_scans_is_nobodys_matter(tmp_path):
    """A study may keep both; and what is no DICOM is not called so."""
    (tmp_path / "raw.dcm").write_bytes(DICOM)
    (tmp_path / "a.nii").touch()

    assert ["a.nii"] == find_images(tmp_path)
    (tmp_path / "raw.dcm").write_bytes(b"something else")
    assert find_dicom(tmp_path) is None
