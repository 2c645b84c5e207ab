"""A cache that a disk has damaged is found out, made again, and told."""

from __future__ import annotations

import nibabel
import numpy as np
import pytest

from brainplug.api.records import Grid
from brainplug.cohort.duplicates import hash_unpacked
from brainplug.errors import RunError
from brainplug.imaging import cache as module
from brainplug.imaging.cache import content_hash, fill_cache, load_volume
from brainplug.runtime.files import write_text

GRID = Grid(shape=(8, 8, 8), spacing_mm=(24.0, 24.0, 24.0))


@pytest.fixture
def study(tmp_path):
    """Two scans that differ, and a filled cache."""
    scans = []
    for number in range(2):
        voxels = np.zeros((16, 16, 16), "int16")
        voxels[2:-2, 2:-2, 3 : -3 - number] = 100
        scans.append(tmp_path / f"{number}.nii")
        nibabel.save(nibabel.Nifti1Image(voxels, np.diag([12.0, 12.0, 12.0, 1])), scans[-1])
    fill(scans, tmp_path / "cache")
    return scans, tmp_path / "cache"


def fill(scans, cache):
    return fill_cache(scans, grid=GRID, cache=cache, progress=lambda *_: None)


def read(scans, cache, told):
    """Read as a new process does."""
    module._found.clear()
    return [np.array(load_volume(scan, GRID, cache, tell=told.append)) for scan in scans]


def emptied(content):
    return b""


def cut(content):
    return content[: len(content) // 2]


def zeroed(content):
    return bytes(len(content))


def turned(content):
    changed = bytearray(content)
    changed[-300] ^= 4
    return bytes(changed)


def longer(content):
    return content + b"x"


@pytest.mark.parametrize("damage", [emptied, cut, zeroed, turned, longer])
def test_a_damaged_volume_is_made_again(study, damage):
    """Whatever happened to it, the next process that reads it gets the volume of the scan."""
    scans, cache = study
    before = read(scans, cache, told := [])
    assert [] == told
    for path in cache.glob("volumes/*/*.npy"):
        path.write_bytes(damage(path.read_bytes()))

    after = read(scans, cache, told)

    np.testing.assert_array_equal(before, after)
    # Of another length it is no volume, and is made as one that is not there.
    assert all("was damaged, and is made again" in line for line in told)
    assert (2 if damage in {zeroed, turned} else 0) == len(told)


@pytest.mark.parametrize("damage", [emptied, cut, zeroed, lambda content: b"\xff\xfe"])
def test_damaged_notes_of_hashes_give_no_scan_another_volume(study, damage):
    """With emptied notes all scans would have one hash, and so one volume."""
    scans, cache = study
    before = read(scans, cache, [])
    hashes = [content_hash(scan, cache / "hashes") for scan in scans]
    unpacked = [hash_unpacked(scan, cache / "hashes") for scan in scans]
    for path in cache.glob("hashes/*/*"):
        path.write_bytes(damage(path.read_bytes()))

    np.testing.assert_array_equal(before, read(scans, cache, []))
    assert hashes == [content_hash(scan, cache / "hashes") for scan in scans]
    assert unpacked == [hash_unpacked(scan, cache / "hashes") for scan in scans]


def other_letter(content):
    return content.replace(b"header", b"heager", 1)


@pytest.mark.parametrize("damage", [emptied, cut, zeroed, lambda content: b"[]", other_letter])
def test_a_damaged_note_of_a_refusal_is_made_again(study, tmp_path, damage):
    """The scan is read once more, and refused for the same reason."""
    _, cache = study
    bad = tmp_path / "bad.nii"
    bad.write_text("no scan")
    reason = str(fill([bad], cache)[bad])
    assert "header" in reason
    for path in cache.glob("volumes/*/*.json"):
        path.write_bytes(damage(path.read_bytes()))

    assert reason == str(fill([bad], cache)[bad])


def test_a_full_disk_says_where(tmp_path, monkeypatch):
    """The system names no file when writing fails, and the message does."""

    def full(*_):
        raise OSError(28, "No space left on device")

    scan = tmp_path / "a.nii"
    nibabel.save(nibabel.Nifti1Image(np.ones((4, 4, 4)), np.eye(4)), scan)
    monkeypatch.setattr("brainplug.runtime.files.os.fsync", full)

    with pytest.raises(RunError) as caught:
        fill([scan], tmp_path / "cache")
    with pytest.raises(OSError, match="No space") as plain:
        write_text(tmp_path / "run.txt", "x")

    assert str(tmp_path / "cache") in str(caught.value)
    assert str(tmp_path / "run.txt") == plain.value.filename
