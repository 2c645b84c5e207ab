"""Scans that are unlike all that a model was trained on are told."""

from __future__ import annotations

import numpy as np
import pytest

from brainplug.api.records import Grid
from brainplug.imaging.familiar import Spread, look_at, strange, sum_up
from brainplug.imaging.scan import Header
from brainplug.runtime.records import from_json, to_json

GRID = Grid(shape=(24, 24, 24), spacing_mm=(8.0, 8.0, 8.0))


def head(seed: int, *, size: float = 1.0, upside_down: bool = False, edge: float = 1.0):
    """Draw a head: an egg, brighter below, and a little different for each person."""
    rng = np.random.default_rng(seed)
    axes = np.meshgrid(*[np.linspace(-96, 96, 24)] * 3, indexing="ij")
    radii = size * np.array([60.0, 75.0, 68.0]) * rng.normal(1, 0.02, 3)
    inside = sum((axis / radius) ** 2 for axis, radius in zip(axes, radii, strict=True)) < 1
    bright = 0.5 - axes[2] / 400 + rng.normal(0, 0.03, (24, 24, 24))
    volume = np.where(inside, np.clip(bright, 0.05, 1), 0).astype(np.float16)
    if upside_down:
        volume = volume[:, :, ::-1]
    header = Header(shape=(24, 24, 24), affine=np.eye(4), spacing_mm=(edge, edge, edge))
    return look_at(volume, header, GRID)


@pytest.fixture(scope="module")
def known():
    return sum_up(head(seed) for seed in range(40))


def test_a_scan_like_the_others_is_not_told(known):
    """New people of the same kind: at most three in a hundred are, by all seven measures."""
    told = [seed for seed in range(100, 200) if list(strange(head(seed), known))]

    assert len(told) <= 3


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"size": 0.7}, "head width"),
        ({"edge": 2.0}, "smallest voxel edge 2.00 mm, of the 40 training scans 1.00"),
        ({"upside_down": True}, "looks unlike the training scans"),
    ],
)
def test_a_scan_of_another_kind_is_told(known, how, words):
    """A small head, other voxels, and a head that stands on its crown."""
    assert words in "; ".join(strange(head(7, **how), known))


def test_what_is_kept_is_small_and_comes_back(known):
    """A few kilobytes of JSON, without a scan of anybody."""
    told = to_json(known)

    assert known == from_json(told, type(known), source="")
    assert len(str(told)) < 10_000


def test_one_training_scan_is_no_measure_of_spread():
    """With a single one only what is far by share is told."""
    spread = Spread.of([10.0])

    assert not spread.is_far(10.05)
    assert spread.is_far(11.0)
