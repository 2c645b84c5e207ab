"""Batches: every task once, sharing scans and references, evenly over ranks, the same again."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainplug.errors import RunError
from brainplug.training.batch_sampler import BatchPlan, Limits, tile_of

BLOCKS = [(f"r{b}{r}", f"q{b}{q}") for b in range(4) for r in range(3) for q in range(3)]
ANCHORS = [(f"r{r}", f"q{q}") for q in range(40) for r in range(10)]


def scans(keys, batch):
    """Count the scans a batch shows."""
    return len({name for index in batch for name in keys[index]})


@given(
    pairs=st.sets(st.tuples(st.integers(0, 8), st.integers(10, 30)), min_size=6, max_size=80),
    tasks=st.integers(1, 12),
    world=st.integers(1, 4),
    tokens=st.none() | st.integers(12, 200),
    seed=st.integers(0, 2**31),
)
def test_every_task_once_an_epoch_and_as_many_batches_for_each_rank(
    pairs, tasks, world, tokens, seed
):
    """Over ranks and epochs, whatever the pairs and limits are."""
    keys = sorted(pairs)
    limits = Limits(tasks=tasks, tokens=tokens, prefix=7, branch=5)
    plans = [BatchPlan(keys, limits, seed=seed, rank=rank, world=world) for rank in range(world)]
    for epoch in (0, 3):
        shown = []
        for plan in plans:
            plan.set_epoch(epoch)
            batches = list(plan)
            assert len(plan) == len(batches)
            shown += batches
        assert all(shown)
        assert sorted(range(len(keys))) == sorted(index for batch in shown for index in batch)


@given(
    pairs=st.sets(st.tuples(st.integers(0, 8), st.integers(10, 30)), min_size=6, max_size=80),
    tokens=st.integers(12, 200),
)
def test_no_batch_exceeds_the_limits(pairs, tokens):
    """On one process; shared beginnings are counted once."""
    keys = sorted(pairs)
    limits = Limits(tasks=9, tokens=tokens, prefix=7, branch=5)
    for batch in BatchPlan(keys, limits, seed=1):
        assert len(batch) <= 9
        assert 7 * len({keys[index][0] for index in batch}) + 5 * len(batch) <= tokens


def test_a_block_is_a_batch():
    """Blocks of three are nine dialogues of six scans, in every epoch other blocks together."""
    plan = BatchPlan(BLOCKS, Limits(tasks=9), seed=5)

    for epoch in range(3):
        plan.set_epoch(epoch)
        assert [(9, 6)] * 4 == [(len(batch), scans(BLOCKS, batch)) for batch in plan]


def test_anchors_are_cut_into_tiles():
    """Ten anchors and forty queries, a hundred tasks a batch: twenty scans each."""
    plan = BatchPlan(ANCHORS, Limits(tasks=100), seed=5)

    assert [(100, 20)] * 4 == [(len(batch), scans(ANCHORS, batch)) for batch in plan]
    first = list(plan)
    plan.set_epoch(1)
    assert sorted(map(sorted, first)) != sorted(map(sorted, plan))


def test_without_blocks_tasks_are_grouped_by_reference():
    """A reference of three queries is not cut in two where batches hold six tasks."""
    keys = [(f"r{r}", f"q{r}{q}") for r in range(8) for q in range(3)]

    for batch in BatchPlan(keys, Limits(tasks=6), seed=5):
        assert [3, 3] == sorted(Counter(keys[index][0] for index in batch).values())


def test_the_same_seed_gives_the_same_epoch_again():
    """Also if earlier epochs were never asked for; another seed gives another order."""
    first, again, other = (BatchPlan(BLOCKS, Limits(tasks=4), seed=seed) for seed in (5, 5, 6))
    list(first)
    for plan in (first, again, other):
        plan.set_epoch(2)

    assert list(first) == list(again) != list(other)


def test_tiles_share_most():
    """Two more queries a reference help as much as one more reference a query costs."""
    assert (3, 3) == tile_of(range(3), range(3), Limits(tasks=9))
    assert (1, 1) == tile_of(range(3), range(3), Limits(tasks=1))
    assert (2, 5) == tile_of(range(10), range(40), Limits(tasks=10))


def test_impossible_limits_are_refused():
    """A budget below one dialogue, and more processes than tasks."""
    with pytest.raises(RunError) as caught:
        BatchPlan(BLOCKS, Limits(tasks=9, tokens=11, prefix=7, branch=5), seed=1)

    assert (("training.batch_tokens 11",), 12) == (caught.value.where, caught.value.found)

    with pytest.raises(RunError) as caught:
        BatchPlan(BLOCKS[:2], Limits(tasks=9), seed=1, world=3)

    assert (2, 3) == caught.value.found
