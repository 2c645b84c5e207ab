"""What is kept of a volume: its content, the head's size and shape, and a coarse copy."""

from __future__ import annotations

import numpy as np
import pytest

from brainplug.api.records import Grid
from brainplug.imaging import sketch
from brainplug.imaging.sketch import HEAD_NUMBERS, average_blocks, make_sketch, sketch_scans

GRID = Grid(shape=(12, 12, 12), spacing_mm=(2.0, 2.0, 2.0))


def box(size=(4, 6, 8), value=0.5) -> np.ndarray:
    volume = np.zeros((12, 12, 12), dtype=np.float16)
    volume[: size[0], : size[1], : size[2]] = value
    return volume


def test_the_head_is_measured_in_millimetres():
    """A box of 4 by 6 by 8 voxels of 2 mm holds 192 voxels of 8 cubic millimetres."""
    found = dict(zip(HEAD_NUMBERS, make_sketch(box(), GRID).head, strict=True))

    assert found["volume_ml"] == pytest.approx(192 * 8 / 1000)
    # A hundredth of the voxels at both ends together does not count.
    extents = [found[name] for name in ("width_mm", "length_mm", "height_mm")]
    assert extents == pytest.approx([0.99 * 8, 0.99 * 12, 0.99 * 16])
    assert (found["mean"], found["sd"]) == pytest.approx((0.5, 0.0))


def test_a_stray_voxel_hardly_moves_the_extent():
    """One bright voxel far off is less than a hundredth of the head."""
    stray = box((4, 12, 12))
    stray[11, 0, 0] = 0.5

    assert make_sketch(stray, GRID).head[1] == pytest.approx(8, abs=0.2)


def test_an_empty_volume_has_no_head():
    """Nothing is divided by nothing."""
    assert make_sketch(np.zeros((12, 12, 12), dtype=np.float16), GRID).head.tolist() == [0] * 6


def test_content_is_that_of_the_voxels():
    """One voxel that differs by a bit is other content."""
    other = box()
    other[0, 0, 0] = np.nextafter(np.float16(0.5), np.float16(1))

    assert make_sketch(box(), GRID).content == make_sketch(box(), GRID).content
    assert make_sketch(box(), GRID).content != make_sketch(other, GRID).content


def test_blocks_beyond_the_volume_count_as_background():
    """Five voxels in blocks of two leave half of the last block empty."""
    means = average_blocks(np.ones((5, 1, 1), dtype=np.float16), 3)

    assert means.ravel().tolist() == [1, 1, 0.5]


def test_sketches_are_made_once(tmp_path, make_scan, monkeypatch):
    """The second time they come from the cache, the same to the bit."""
    scan = make_scan(tmp_path / "a.nii.gz")
    kept = {"grid": GRID, "cache": tmp_path / "cache", "progress": lambda *_: None}
    (first,) = sketch_scans([scan, scan], **kept).values()
    monkeypatch.setattr(sketch, "make_sketch", None)

    (second,) = sketch_scans([scan], **kept).values()

    assert first.content == second.content
    np.testing.assert_array_equal(first.head, second.head)
    np.testing.assert_array_equal(first.coarse, second.coarse)


@pytest.mark.parametrize("damage", ["emptied", "cut", "zeroed", "turned"])
def test_a_damaged_sketch_in_the_cache_is_made_again(make_scan, tmp_path, damage):
    """Whatever became of it: it is known by the checksums of the archive, and never told."""
    scan = make_scan(tmp_path / "a.nii.gz")

    def work():
        return sketch_scans([scan], grid=GRID, cache=tmp_path / "c", progress=lambda *_: None)[scan]

    before = work()
    (kept,) = (tmp_path / "c" / "sketches").rglob("*.npz")
    content = bytearray(kept.read_bytes())
    content[len(content) // 2] ^= 1
    half, zeros = bytes(content[: len(content) // 2]), bytes(len(content))
    made = {"emptied": b"", "cut": half, "zeroed": zeros, "turned": bytes(content)}
    kept.write_bytes(made[damage])

    after = work()

    assert before.content == after.content
    np.testing.assert_array_equal(before.coarse, after.coarse)
    assert len(content) == kept.stat().st_size
