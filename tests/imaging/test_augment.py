"""Augmentation: what was drawn is done in millimetres, and no two draws are one by accident."""

from __future__ import annotations

import json

import attrs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from brainplug.api.records import Grid
from brainplug.imaging.augment import Augmenter, Drawn, apply, draw, rng_for
from brainplug.imaging.cache import make_volume
from brainplug.recipe.augmentation_table import Augmentation
from brainplug.recipe.load import read_recipe, recipe_text
from brainplug.registry import load_registry
from brainplug.runtime.workers import in_processes

GRID = Grid(shape=(10, 10, 7), spacing_mm=(2.0, 2.0, 3.0))
ALL = Augmentation(rotation_degrees=10.0, translation_mm=5.0, intensity=0.2, flip="left-right")
SCANS = [f"scan-{number}.nii.gz" for number in range(20)]


def some_volume(shape=GRID.shape, dtype="float32") -> np.ndarray:
    return np.random.default_rng(1).uniform(0.1, 0.9, shape).astype(dtype)


def spot(place, shape) -> np.ndarray:
    volume = np.zeros(shape, dtype="float32")
    volume[place] = 1
    return volume


def augmenter(options=ALL, seed=1234, phase=0) -> Augmenter:
    return Augmenter(options=options, grid=GRID, seed=seed, phase=phase)


@pytest.mark.parametrize(("degrees", "turns"), [(90.0, 1), (180.0, 2), (-90.0, -1)])
def test_a_rotation_about_the_vertical_axis_turns_right_to_front(degrees, turns):
    """A quarter turn of a volume with flat voxels is NumPy's own, to rounding."""
    volume = some_volume()

    turned = apply(volume, GRID, Drawn(rotation_degrees=(0.0, 0.0, degrees)))

    np.testing.assert_allclose(np.rot90(volume, turns, axes=(0, 1)), turned, atol=1e-5)


@pytest.mark.parametrize(
    ("rotation", "place"),
    [((90.0, 0, 0), (10, 10, 12)), ((0, 90.0, 0), (14, 10, 10)), ((0, 0, 90.0), (10, 18, 10))],
)
def test_a_rotation_is_one_of_millimetres(rotation, place):
    """What lies 8 mm to a side lies 8 mm to the next side after a quarter turn, in any voxels."""
    grid = Grid(shape=(21, 21, 21), spacing_mm=(2.0, 1.0, 4.0))
    start = {0: (10, 18, 10), 1: (10, 10, 12), 2: (14, 10, 10)}[int(np.argmax(rotation))]

    turned = apply(spot(start, grid.shape), grid, Drawn(rotation_degrees=rotation))

    assert place == np.unravel_index(turned.argmax(), grid.shape)
    assert turned.max() == pytest.approx(1, abs=1e-5)


def test_rotations_follow_each_other_about_fixed_axes():
    """First about the axis to the right, then about the one that points up."""
    grid = Grid(shape=(9, 9, 9), spacing_mm=(1.0, 1.0, 1.0))

    turned = apply(spot((4, 7, 4), grid.shape), grid, Drawn(rotation_degrees=(90.0, 0.0, 90.0)))

    # Front goes up, and the turn about the vertical leaves it there.
    assert (4, 4, 7) == np.unravel_index(turned.argmax(), grid.shape)


def test_a_translation_by_whole_voxels_is_a_shift():
    """To the right, to the back, and down; what comes in is background."""
    volume = some_volume()
    expected = np.zeros_like(volume)
    expected[2:, :-1, :-1] = volume[:-2, 1:, 1:]

    moved = apply(volume, GRID, Drawn(translation_mm=(4.0, -2.0, -3.0)))

    np.testing.assert_array_equal(expected, moved)


def test_a_translation_by_half_a_voxel_lies_between_neighbours():
    """Interpolation is linear, also with the background beyond the edge."""
    volume = some_volume()
    padded = np.concatenate([np.zeros_like(volume[:1]), volume])

    moved = apply(volume, GRID, Drawn(translation_mm=(1.0, 0.0, 0.0)))

    np.testing.assert_allclose((padded[1:] + padded[:-1]) / 2, moved, atol=1e-6)


def test_a_translation_follows_the_rotation():
    """A shift to the right is one to the right however the head was turned."""
    grid = Grid(shape=(9, 9, 9), spacing_mm=(1.0, 1.0, 1.0))
    drawn = Drawn(rotation_degrees=(0.0, 0.0, 90.0), translation_mm=(3.0, 0.0, 0.0))

    moved = apply(spot((6, 4, 4), grid.shape), grid, drawn)

    assert (7, 6, 4) == np.unravel_index(moved.argmax(), grid.shape)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_a_draw_that_changes_nothing_returns_the_very_volume(dtype):
    """Not even a copy is made, and options that are off draw just that."""
    volume = some_volume(dtype=dtype)
    drawn = draw(rng_for(1, "scan"), Augmentation())

    assert Drawn() == drawn
    assert apply(volume, GRID, drawn) is volume


def test_a_mirrored_volume_has_its_right_on_the_left():
    """Only the first axis is reversed, to the voxel; twice is as before."""
    volume = some_volume(dtype="float16")

    once = apply(volume, GRID, Drawn(flipped=True))

    np.testing.assert_array_equal(volume[::-1], once)
    np.testing.assert_array_equal(volume, apply(once, GRID, Drawn(flipped=True)))
    assert once.flags.c_contiguous


def test_no_scan_is_mirrored_unless_the_recipe_names_it():
    """D26: everything else on, none of 200 steps mirrors; named, about half do."""
    unnamed = augmenter(attrs.evolve(ALL, flip=None))

    def mirrored(one) -> int:
        return sum(one.drawn("a.nii.gz", epoch=0, step=step).flipped for step in range(200))

    assert 0 == mirrored(unnamed)
    assert 70 < mirrored(augmenter()) < 130


def test_all_scans_of_a_step_are_mirrored_or_none():
    """D26: a dialogue never compares a mirrored scan with one that is not."""
    for step in range(20):
        drawn = {augmenter().drawn(scan, epoch=3, step=step).flipped for scan in SCANS}

        assert 1 == len(drawn)


def test_intensity_keeps_background_and_order_and_scales_the_median():
    """0 stays 0, darker stays darker, and the head's median is multiplied by the brightness."""
    volume = np.linspace(0, 0.8, 1001, dtype="float32").reshape(7, 11, 13)

    shaded = apply(volume, GRID, Drawn(brightness=1.1, contrast=0.9)).ravel()

    assert 0 == shaded[0]
    assert (np.diff(shaded) > 0).all()
    assert 0.55 == pytest.approx(np.interp(0.5, volume.ravel(), shaded), abs=1e-4)


def test_contrast_is_that_at_the_median():
    """Small differences near the median grow by the factor of the contrast, and none is moved."""
    volume = np.array([0.499, 0.5, 0.501], dtype="float64").reshape(3, 1, 1)

    shaded = apply(volume, GRID, Drawn(contrast=1.2)).ravel()

    assert 0.5 == pytest.approx(shaded[1], abs=1e-6)
    assert 1.2 == pytest.approx((shaded[2] - shaded[0]) / 0.002, rel=1e-3)


def test_bright_tissue_is_cut_off_as_by_the_normalisation():
    """No voxel grows beyond 1."""
    brighter = apply(np.ones((2, 2, 2), "float16"), GRID, Drawn(brightness=1.3))

    assert 1 == brighter.max()


def test_a_real_scan_keeps_its_background(tmp_path, make_scan):
    """The normalised background is exactly 0 before and after a change of intensity."""
    grid = Grid(shape=(16, 16, 16), spacing_mm=(8.0, 8.0, 8.0))
    volume = make_volume(make_scan(tmp_path / "a.nii.gz"), grid)

    shaded = apply(volume, grid, Drawn(brightness=1.2, contrast=1.2))

    np.testing.assert_array_equal(volume == 0, shaded == 0)
    assert (volume == 0).any()


angles = st.floats(-180, 180)
shifts = st.floats(-100, 100)
drawings = st.builds(
    Drawn,
    flipped=st.booleans(),
    rotation_degrees=st.tuples(angles, angles, angles),
    translation_mm=st.tuples(shifts, shifts, shifts),
    brightness=st.floats(0.01, 1.99),
    contrast=st.floats(0.01, 1.99),
)
volumes = st.sampled_from(["float16", "float32", "float64"]).flatmap(
    lambda dtype: arrays(
        dtype,
        st.tuples(st.integers(1, 6), st.integers(1, 6), st.integers(1, 6)),
        elements=st.floats(0, 1, width=16),
    )
)


@settings(max_examples=100)
@given(volume=volumes, drawn=drawings)
def test_any_change_keeps_shape_type_and_range(volume, drawn):
    """Whatever is drawn, the result is a volume as the normalisation makes them."""
    before = volume.copy()

    changed = apply(volume, GRID, drawn)

    assert (volume.shape, volume.dtype) == (changed.shape, changed.dtype)
    assert np.isfinite(changed).all()
    assert 0 <= changed.min() <= changed.max() <= 1
    np.testing.assert_array_equal(before, volume)


def test_a_hundred_draws_are_a_hundred():
    """D25: 20 scans in 5 epochs, all changed, none as another."""
    drawn = [
        augmenter().drawn(scan, epoch=epoch, step=7)
        for scan in SCANS
        for epoch in range(100 // len(SCANS))
    ]

    assert 100 == len({(one.rotation_degrees, one.translation_mm) for one in drawn})
    assert 100 == len({one.brightness for one in drawn})
    assert 100 == len({one.contrast for one in drawn})


@pytest.mark.parametrize(
    "other",
    [
        augmenter(seed=1235).drawn("a", epoch=1, step=2),
        augmenter(phase=1).drawn("a", epoch=1, step=2),
        augmenter().drawn("a", epoch=2, step=2),
        augmenter().drawn("a", epoch=1, step=3),
        augmenter().drawn("b", epoch=1, step=2),
    ],
    ids=["seed", "phase", "epoch", "step", "scan"],
)
def test_a_draw_hangs_on_each_part_of_its_place(other):
    """Another seed, phase, epoch, step or scan gives another draw; the same gives the same."""
    drawn = augmenter().drawn("a", epoch=1, step=2)

    assert drawn == augmenter().drawn("a", epoch=1, step=2)
    assert drawn.rotation_degrees != other.rotation_degrees


def test_neighbouring_places_are_not_confused():
    """Epoch 1 of step 11 and epoch 11 of step 1 differ, as do numbers and names."""
    places = [(1, 1, 11), (1, 11, 1), (11, 1), (1, 111), (111,), ("1", "11"), ("111",)]

    first = {rng_for(1, *place).random() for place in places}

    assert len(places) == len(first)


def test_the_draws_are_spread_evenly_up_to_what_the_options_say():
    """Of many draws some come near the largest change, none beyond, and the mean is none."""
    drawn = [draw(rng_for(1, number), ALL) for number in range(500)]
    turns = np.array([one.rotation_degrees for one in drawn])
    shifts = np.array([one.translation_mm for one in drawn])
    shades = np.array([(one.brightness, one.contrast) for one in drawn]) - 1

    for values, largest in ((turns, 10), (shifts, 5), (shades, 0.2)):
        assert 0.95 * largest < np.abs(values).max() <= largest
        np.testing.assert_allclose(np.zeros(values.shape[1]), values.mean(axis=0), atol=largest / 8)


def test_an_option_does_not_change_what_others_draw():
    """Rotations are the same with and without the other changes."""
    alone = draw(rng_for(5), Augmentation(rotation_degrees=10.0))

    assert alone.rotation_degrees == draw(rng_for(5), ALL).rotation_degrees


def drawn_there(one: Augmenter, scan: str) -> Drawn:
    """Draw in another process, whose global generator has the seed of every other."""
    np.random.seed(0)  # noqa: NPY002 (the mistake that must do no harm)
    return one.drawn(scan, epoch=1, step=2)


def test_a_share_of_the_scans_stays_as_sharp_as_it_was():
    """About a third is neither turned nor shifted; what else is drawn is as without the share."""
    some = attrs.evolve(ALL, moved=2 / 3)
    drawn = [draw(rng_for(1, number), some) for number in range(600)]
    every = [draw(rng_for(1, number), ALL) for number in range(600)]

    still = [not any(one.rotation_degrees) and not any(one.translation_mm) for one in drawn]
    kept = ("flipped", "brightness", "contrast")

    assert 170 < sum(still) < 230
    assert [one for one, stays in zip(every, still, strict=True) if not stays] == [
        one for one, stays in zip(drawn, still, strict=True) if not stays
    ]
    assert [[getattr(one, key) for key in kept] for one in every] == [
        [getattr(one, key) for key in kept] for one in drawn
    ]


def test_workers_draw_what_one_process_draws():
    """Two processes with one global seed draw for 24 scans what this one draws, all different."""
    scans = [f"{number}.nii.gz" for number in range(24)]

    there = dict(in_processes(drawn_there, augmenter(), scans, workers=2))

    assert {scan: augmenter().drawn(scan, epoch=1, step=2) for scan in scans} == there
    assert 24 == len({one.rotation_degrees for one in there.values()})


def test_a_volume_is_changed_as_its_draw_says():
    """What the augmenter does is what it says it drew, which JSON can hold."""
    volume, one = some_volume(), augmenter()
    drawn = one.drawn("a.nii.gz", epoch=1, step=2)

    changed = one.volume(volume, "a.nii.gz", epoch=1, step=2)

    np.testing.assert_array_equal(apply(volume, GRID, drawn), changed)
    assert not np.array_equal(volume, changed)
    kept = json.loads(json.dumps(attrs.asdict(drawn)))
    assert drawn.brightness == kept["brightness"]
    assert list(drawn.rotation_degrees) == kept["rotation_degrees"]


def test_a_recipe_without_the_table_changes_no_scan(write_recipe):
    """Augmentation is off unless a recipe says so."""
    file = read_recipe(write_recipe(), load_registry())

    assert not file.recipe.augmentation.active


def test_a_recipe_keeps_its_augmentation(write_recipe):
    """The resolved recipe, from which draws can be made again, holds what was asked."""
    path = write_recipe()
    path.write_text(
        path.read_text() + '\n[augmentation]\nrotation_degrees = 5\nflip = "left-right"\n'
    )
    recipe = read_recipe(path, load_registry()).recipe
    path.write_text(recipe_text(recipe))

    again = read_recipe(path, load_registry()).recipe

    assert Augmentation(rotation_degrees=5.0, flip="left-right") == again.augmentation
    assert again.augmentation.active
