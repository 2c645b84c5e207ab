"""Volumes: left stays left, millimetres stay millimetres, and bad scans are named."""

from __future__ import annotations

import gzip
import shutil
from typing import TYPE_CHECKING

import nibabel
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from brainplug.api.records import Grid
from brainplug.cli.main import main
from brainplug.errors import RunError, ScanError
from brainplug.imaging.cache import content_hash, fill_cache, load_volume, make_volume
from brainplug.imaging.scan import read_header, read_scan

if TYPE_CHECKING:
    from pathlib import Path

GRID = Grid(shape=(24, 24, 24), spacing_mm=(6.0, 6.0, 6.0))
ORIENTATIONS = [p + q + r for p, q, r in ("RAS", "LPI", "AIL", "SPL", "PSR", "IRP")]


def phantom(spacing=(2.0, 2.0, 2.0), radius=48.0, shift=0.0) -> nibabel.Nifti1Image:
    """An ellipsoid of 48 mm with a bright marker on the right, in a field of 140 mm."""
    shape = [int(140 / edge) for edge in spacing]
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = [-70 + shift, -70, -70]
    index = np.indices(shape).reshape(3, -1)
    places = (affine[:3, :3] @ index + affine[:3, 3:]).reshape(3, *shape)
    places[0] -= shift
    voxels = 100.0 * ((places**2).sum(axis=0) < radius**2)
    voxels[((places - np.array([25, 0, 0])[:, None, None, None]) ** 2).sum(axis=0) < 225] = 200
    return nibabel.Nifti1Image(voxels.astype("float32"), affine)


def turned(image: nibabel.Nifti1Image, codes: str) -> nibabel.Nifti1Image:
    """The same brain with its axes stored in another order and direction."""
    wanted = nibabel.orientations.axcodes2ornt(tuple(codes))
    there = nibabel.io_orientation(image.affine)
    return image.as_reoriented(nibabel.orientations.ornt_transform(there, wanted))


def save(image, path: Path) -> Path:
    nibabel.save(image, path)
    return path


@pytest.mark.parametrize("codes", ORIENTATIONS)
@pytest.mark.parametrize("spacing", [(2.0, 2.0, 2.0), (1.5, 3.0, 2.5)])
def test_stored_orientation_leaves_no_trace(tmp_path, codes, spacing):
    """However the axes lie on disk, the volume is the same, with the marker on the right."""
    plain = make_volume(save(phantom(spacing), tmp_path / "a.nii"), GRID)
    other = make_volume(save(turned(phantom(spacing), codes), tmp_path / "b.nii.gz"), GRID)

    np.testing.assert_allclose(plain, other, atol=0.02)
    right, left = plain[12:].astype(float).sum(), plain[:12].astype(float).sum()
    assert right > 1.02 * left


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (2.0, 2.0, 2.0), (1.0, 2.0, 3.0)])
def test_size_in_millimetres_survives(tmp_path, spacing):
    """D27: a head fills as much of the grid from any voxel size and field of view."""
    small = make_volume(save(phantom(spacing, radius=44), tmp_path / "s.nii"), GRID)
    large = make_volume(save(phantom(spacing, radius=54), tmp_path / "l.nii"), GRID)

    def size(volume):
        return (volume > 0.2).sum() * 6.0**3

    assert size(small) == pytest.approx(4 / 3 * np.pi * 44**3, rel=0.15)
    assert size(large) == pytest.approx(4 / 3 * np.pi * 54**3, rel=0.15)


@settings(max_examples=15)
@given(factor=st.floats(0.01, 1000), shift=st.floats(-15, 15))
def test_scale_of_intensity_and_place_of_the_head_do_not_matter(tmp_path_factory, factor, shift):
    """Intensities are relative, and the head is centred without being moved in size."""
    folder = tmp_path_factory.mktemp("v")
    image = phantom((4.0, 4.0, 4.0), shift=round(shift) * 4.0)
    scaled = nibabel.Nifti1Image(image.get_fdata() * factor, image.affine)
    plain = make_volume(save(phantom((4.0, 4.0, 4.0)), folder / "a.nii"), GRID)

    other = make_volume(save(scaled, folder / "b.nii"), GRID)

    np.testing.assert_allclose(plain, other, atol=0.03)


def test_the_background_is_left_out(tmp_path):
    """Outside the head everything is 0, and inside nothing is extreme."""
    volume = make_volume(save(phantom(), tmp_path / "a.nii"), GRID)

    assert 0 == np.abs(volume[:3]).max()
    assert 0.3 < np.median(volume[volume > 0.2]) < 2


def bad_scan(kind: str, path: Path) -> Path:
    image = phantom((4.0, 4.0, 4.0))
    voxels = image.get_fdata()
    made = {
        "4-D": np.stack([voxels, voxels], axis=-1),
        "constant": np.full_like(voxels, 7),
        "empty": np.zeros_like(voxels),
        "NaN": np.where(voxels > 150, np.nan, voxels),
    }
    save(nibabel.Nifti1Image(made.get(kind, voxels).astype("float32"), image.affine), path)
    if kind == "zero-byte":
        path.write_bytes(b"")
    if kind == "truncated":
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    if kind == "text":
        path.write_bytes(gzip.compress(b"this is no image" * 100))
    if kind == "missing":
        path.unlink()
    return path


BAD = {
    "4-D": "not a 3-D scan",
    "constant": "constant image",
    "empty": "empty image",
    "NaN": "non-finite voxels",
    "zero-byte": "empty file",
    "truncated": "damaged file",
    "text": "unreadable file",
    "missing": "file missing",
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_scan_is_named_never_zeros(tmp_path, kind):
    """D28: each kind of damage has its reason."""
    with pytest.raises(ScanError) as caught:
        read_scan(bad_scan(kind, tmp_path / "bad.nii.gz"))

    assert BAD[kind] == caught.value.reason


def test_one_volume_in_four_axes_is_a_scan(tmp_path):
    """A 4-D file with one volume is accepted."""
    image = phantom((4.0, 4.0, 4.0))
    path = save(nibabel.Nifti1Image(image.get_fdata()[..., None], image.affine), tmp_path / "a.nii")

    assert (35, 35, 35) == read_header(path).shape


def test_the_cache_is_filled_once_and_by_content(tmp_path, monkeypatch):
    """A volume is made once; an edited scan is made anew; refusals are kept too."""
    good, bad = save(phantom(), tmp_path / "a.nii"), bad_scan("NaN", tmp_path / "b.nii.gz")
    cache, calls = tmp_path / "cache", []

    refused = fill_cache([good, bad], grid=GRID, cache=cache, progress=lambda *_: None, workers=1)

    assert {bad: "non-finite voxels"} == {path: error.reason for path, error in refused.items()}
    monkeypatch.setattr("brainplug.imaging.cache.make_volume", lambda *given: calls.append(given))
    again = fill_cache([good, bad], grid=GRID, cache=cache, progress=lambda *_: None, workers=1)
    assert [bad] == list(again)
    assert [] == calls
    monkeypatch.undo()
    first = np.array(load_volume(good, GRID, cache))
    save(phantom(radius=42), good)
    assert not np.array_equal(first, load_volume(good, GRID, cache))


def test_content_is_hashed_by_bytes(tmp_path):
    """A copy has the hash of its original, an edit another."""
    (tmp_path / "a").write_bytes(b"1")
    (tmp_path / "b").write_bytes(b"1")
    (tmp_path / "c").write_bytes(b"2")
    one, two, three = (content_hash(tmp_path / name, tmp_path / "memo") for name in "abc")

    assert one == two
    assert one != three


def test_real_files_of_one_brain_agree(shared_data):
    """Five stored orientations of one brain give one volume."""
    files = sorted((shared_data / "nifti").glob("orientation-*.nii.gz"))
    volumes = [make_volume(path, GRID).astype(float) for path in files]

    assert 5 == len(volumes)
    for volume in volumes[1:]:
        np.testing.assert_allclose(volumes[0], volume, atol=0.05)


def outcome(path) -> str:
    """Say what becomes of a file: its shape on the grid, or the reason it has none."""
    try:
        return str(make_volume(path, GRID).shape)
    except ScanError as error:
        return error.reason


def test_every_other_real_file_is_a_volume_or_a_reason(shared_data):
    """Odd files are read or refused, never a traceback."""
    files = [p for p in sorted((shared_data / "nifti").iterdir()) if "orientation" not in p.name]

    assert len(files) >= 8
    for path in files:
        assert outcome(path)


def test_a_cache_that_cannot_be_written_is_no_fault_of_a_scan(tmp_path, make_scan):
    """The run stops and names the cache; no scan is left out for it."""
    scans = [make_scan(tmp_path / f"{number}.nii.gz", seed=number) for number in range(2)]
    (tmp_path / "cache").write_text("a file where the folder should be")

    with pytest.raises(RunError) as caught:
        fill_cache(scans, grid=GRID, cache=tmp_path / "cache", progress=lambda *_: None)

    assert str(tmp_path / "cache") in caught.value.where[0]
    assert "BRAINPLUG_CACHE" in caught.value.hint


def test_a_volume_is_looked_for_once_in_a_process(tmp_path, monkeypatch):
    """A second reading asks neither for the scan's content nor for the memo of it."""
    scan = save(phantom(), tmp_path / "a.nii")
    first = np.array(load_volume(scan, GRID, tmp_path / "cache"))
    monkeypatch.setattr("brainplug.imaging.cache.content_hash", None)

    again = load_volume(scan, GRID, tmp_path / "cache")

    np.testing.assert_array_equal(first, again)
    assert isinstance(again, np.memmap)


def test_a_volume_goes_to_torch_as_it_is_and_the_cache_stays(tmp_path):
    """Without a copy or a warning; what is written into it is not written to the cache."""
    scan = save(phantom(), tmp_path / "a.nii")
    volume = load_volume(scan, GRID, tmp_path / "cache")
    before = np.array(volume)

    tensor = torch.from_numpy(volume)

    np.testing.assert_array_equal(before.astype("float32"), tensor.float().numpy())
    tensor.fill_(7)
    assert 7 == volume.max()
    np.testing.assert_array_equal(before, load_volume(scan, GRID, tmp_path / "cache"))


def test_a_volume_of_another_grid_or_cache_is_another(tmp_path):
    """What was found for one grid is not given for the next."""
    scan = save(phantom(), tmp_path / "a.nii")
    other = Grid(shape=(12, 12, 12), spacing_mm=(12.0, 12.0, 12.0))

    shapes = [load_volume(scan, grid, tmp_path / "cache").shape for grid in (GRID, other, GRID)]

    assert [(24, 24, 24), (12, 12, 12), (24, 24, 24)] == shapes


def test_a_cache_that_was_emptied_is_filled_again(tmp_path):
    """A file that is gone since the last reading is made anew."""
    scan = save(phantom(), tmp_path / "a.nii")
    first = np.array(load_volume(scan, GRID, tmp_path / "cache"))
    shutil.rmtree(tmp_path / "cache")

    np.testing.assert_array_equal(first, load_volume(scan, GRID, tmp_path / "cache"))


def test_a_scan_that_is_gone_is_named(tmp_path):
    """A volume in the cache does not stand for a scan that was deleted."""
    scan = save(phantom(), tmp_path / "a.nii")
    load_volume(scan, GRID, tmp_path / "cache")
    scan.unlink()

    with pytest.raises(ScanError) as caught:
        load_volume(scan, GRID, tmp_path / "cache")

    assert "file missing" == caught.value.reason


def test_a_run_reads_each_scan_once(write_recipe, tmp_path, monkeypatch):
    """What the cohort stage read is in the cache when the stage of volumes asks for it."""
    seen = []

    def noting(path, max_gib):
        seen.append(path)
        return read_scan(path, max_gib)

    monkeypatch.setenv("BRAINPLUG_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("brainplug.runtime.workers.available_cores", lambda: 1)
    monkeypatch.setattr("brainplug.imaging.cache.read_scan", noting)

    recipe, folder = str(write_recipe()), str(tmp_path / "run")
    assert 0 == main(["run", recipe, "--output", folder, "--until", "volumes"])

    assert 60 == len(seen)
    assert 60 == len(set(seen))
