"""Scans that are one scan, or look so, are found; different people are told apart."""

from __future__ import annotations

import numpy as np

from brainplug.imaging import alike
from brainplug.imaging.alike import find_alike
from brainplug.imaging.sketch import Sketch


def people(count, seed=0, side=8) -> np.ndarray:
    """Make up heads: one mean head for all, and what is each one's own."""
    rng = np.random.default_rng(seed)
    return rng.normal(0.5, 0.2, side**3) + rng.normal(0, 0.05, (count, side**3))


def groups(coarse) -> tuple[list[list[int]], list[list[int]]]:
    """Return the groups of copies and of lookalikes with several members."""
    found = find_alike(
        [
            Sketch(content=str(each.tobytes()), head=np.zeros(6), coarse=each.astype(np.float16))
            for each in coarse
        ],
        lambda *_: None,
    )
    return members(found.same), members(found.near)


def members(numbers) -> list[list[int]]:
    return [
        rows.tolist()
        for number in range(numbers.max() + 1)
        if len(rows := np.flatnonzero(numbers == number)) > 1
    ]


def test_nobody_is_like_anybody():
    """Heads are alike in that they are heads, which does not count."""
    assert groups(people(40)) == ([], [])


def test_a_copy_that_differs_by_rounding_is_one():
    """Another type or scale of a file leaves differences of rounding."""
    heads = people(40)
    heads[17] = heads[3] * (1 + 1e-4)

    assert groups(heads) == ([[3, 17]], [[3, 17]])


def test_a_copy_with_noise_looks_like_one():
    """Noise of a tenth of what is one's own; it is told, and is not taken for a copy."""
    heads = people(40)
    heads[17] = heads[3] + np.random.default_rng(1).normal(0, 0.01, heads.shape[1])

    assert groups(heads) == ([], [[3, 17]])


def test_people_of_two_sites_are_not_alike():
    """What all scans of a site share, such as skull-stripping, is not a person's own."""
    heads = people(60)
    heads[::2] += np.random.default_rng(2).normal(0, 0.5, heads.shape[1])

    assert groups(heads) == ([], [])


def test_few_people_are_not_alike_for_one_who_is_odd():
    """What a handful differ in is chance; less that, the odd one's share of the mean was left."""
    for seed in range(40):
        rng = np.random.default_rng(100 + seed)
        heads = people(12, seed)
        heads += rng.normal(0, 0.05, (12, 3)) @ rng.normal(0, 1, (3, heads.shape[1]))
        heads[0] += rng.normal(0, 0.5, heads.shape[1])

        assert groups(heads) == ([], [])


def test_pairs_are_found_across_blocks(monkeypatch):
    """Compared a few at a time, every pair is seen once."""
    monkeypatch.setattr(alike, "ROWS_AT_ONCE", 7)
    heads = people(40)
    heads[39], heads[21] = heads[0], heads[20]

    assert groups(heads)[0] == [[0, 39], [20, 21]]


def test_few_scans_are_compared_as_well():
    """Three people, of whom two are one; then one, and none."""
    heads = people(3)
    heads[2] = heads[0]

    assert groups(heads)[0] == [[0, 2]]
    assert groups(heads[:1]) == ([], [])
    assert len(find_alike([], lambda *_: None).same) == 0
