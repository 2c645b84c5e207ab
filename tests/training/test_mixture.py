"""Studies mixed by weight: exact shares, every task in its turn, and the same order again."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainplug.recipe.tables import Study
from brainplug.recipe.training_tables import Speed, Training
from brainplug.tasks.chat import ChatEncoder
from brainplug.training.collate import TaskDataset
from brainplug.training.job import TrainingJob
from brainplug.training.mixture import Mixture, MixtureSampler, share_out
from brainplug.training.stage import make_mixture
from brainplug.training.trainer import train
from brainplug_plugins.models.tiny import Tiny, TinyOptions
from small import task_of

if TYPE_CHECKING:
    from pathlib import Path


GROUPS = {"LARGE": range(9), "SMALL": range(9, 12)}
WEIGHTS = {"LARGE": 1.0, "SMALL": 2.0}
SHARES = {"LARGE": 4, "SMALL": 8}
"""Of the twelve tasks an epoch shows, by these weights."""


def show_epochs(sampler, num: int) -> list[list[int]]:
    """Return the indices of some epochs, as the Trainer asks for them."""
    epochs = []
    for epoch in range(num):
        sampler.set_epoch(epoch)
        epochs.append(list(sampler))
    return epochs


def count_groups(indices, groups=GROUPS) -> dict[str, int]:
    return {name: sum(index in members for index in indices) for name, members in groups.items()}


@given(
    sizes=st.lists(st.integers(1, 30), min_size=1, max_size=4),
    weights=st.lists(st.floats(0.01, 100), min_size=4, max_size=4),
    epochs=st.integers(1, 5),
    seed=st.integers(0, 2**32 - 1),
)
def test_shares_are_exact_and_tasks_are_seen_equally_often(sizes, weights, epochs, seed):
    """Each epoch is as long as the data and shared to the task; no task is ever two ahead."""
    starts = np.cumsum([0, *sizes]).tolist()
    groups = {
        f"g{place}": range(start, start + size)
        for place, (start, size) in enumerate(zip(starts, sizes, strict=False))
    }
    named = dict(zip(groups, weights, strict=False))
    sampler = MixtureSampler(groups, named, seed)

    shown = show_epochs(sampler, epochs)

    for indices in shown:
        assert sum(sizes) == len(sampler) == len(indices)
        for name, count in count_groups(indices, groups).items():
            assert abs(count - sum(sizes) * named[name] / sum(named.values())) < 1
    seen = Counter(index for indices in shown for index in indices)
    for members in groups.values():
        times = [seen[index] for index in members]
        assert max(times) - min(times) <= 1


def test_a_small_group_comes_round_and_a_large_one_goes_on():
    """Three tasks give eight of twelve places; nine tasks need two and a quarter epochs."""
    shown = show_epochs(MixtureSampler(GROUPS, WEIGHTS, 5), 9)

    assert [SHARES] * 9 == [count_groups(indices) for indices in shown]
    assert set(GROUPS["SMALL"]) <= set(shown[0])
    first_lap = [index for indices in shown[:2] for index in indices if index in GROUPS["LARGE"]]
    assert len(set(first_lap)) == len(first_lap) == 8
    seen = Counter(index for indices in shown for index in indices)
    assert [4] * 9 + [24] * 3 == [seen[index] for index in range(12)]


def test_epochs_have_orders_of_their_own():
    """The order differs from epoch to epoch and from seed to seed, and mixes the groups."""
    groups = {"a": range(20), "b": range(20, 40)}
    first, second = show_epochs(MixtureSampler(groups, {"a": 1, "b": 1}, 5), 2)
    (other,) = show_epochs(MixtureSampler(groups, {"a": 1, "b": 1}, 6), 1)

    assert sorted(first) == sorted(second) == sorted(other) == list(range(40))
    assert 3 == len({tuple(first), tuple(second), tuple(other)})
    assert 5 < sum(index in groups["a"] for index in first[:20]) < 15


def test_an_epoch_is_the_same_again():
    """The same seed gives the same, also if earlier epochs were never asked for."""
    before = show_epochs(MixtureSampler(GROUPS, WEIGHTS, 5), 4)
    resumed = MixtureSampler(dict(reversed(GROUPS.items())), WEIGHTS, 5)

    resumed.set_epoch(3)

    assert before[3] == list(resumed) == list(resumed)


def test_a_study_without_tasks_takes_no_share():
    """A group that is empty leaves its share to the others."""
    sampler = MixtureSampler({"a": range(5), "b": ()}, {"a": 1, "b": 100}, 5)

    assert [0, 1, 2, 3, 4] == sorted(sampler)


@given(
    total=st.integers(0, 10**6),
    weights=st.dictionaries(st.text(max_size=3), st.floats(1e-6, 1e6), min_size=1, max_size=6),
)
def test_shares_add_up(total, weights):
    """Nothing is lost by rounding, no share is off by one or more, and order leaves no trace."""
    shares = share_out(total, weights)

    assert total == sum(shares.values())
    whole = sum(weights.values())
    assert all(abs(shares[name] - total * weights[name] / whole) < 1.001 for name in weights)
    assert shares == share_out(total, dict(reversed(weights.items())))


def test_weights_of_studies_make_the_mixture():
    """Tasks are of the study their query names; one study without a weight mixes none."""
    large, small = (Study(loader=None, name=name, weight=WEIGHTS[name]) for name in GROUPS)
    tasks = [task_of(place).subject for place in range(12)]

    mixture = make_mixture((small, large), tasks)

    assert {name: list(members) for name, members in GROUPS.items()} == mixture.groups
    assert WEIGHTS == mixture.weights
    assert make_mixture((large,), tasks) is None
    assert make_mixture((large, Study(loader=None, name="SMALL")), tasks) is None


class StopError(RuntimeError):
    """A training that is ended from outside."""


def train_tiny(folder: Path, *, mixture: Mixture | None, stop_at: int | None = None, **options):
    """Train the tiny model for three epochs of six steps."""
    bundle = Tiny(
        TinyOptions(hidden_size=8, heads=1, vision_layers=1, language_layers=1, patch=(4, 4, 4))
    ).build((4, 4, 4), seed=1)

    def watch(now):
        if now.step == stop_at:
            raise StopError

    job = TrainingJob(
        tasks=[task_of(place) for place in range(12)],
        encoder=ChatEncoder(bundle.tokenizer, 1),
        context_length=4096,
        load=lambda _path: np.ones((4, 4, 4)),
        options=Training(epochs=3, warmup_steps=0, batch_size=2, accumulation=1, **options),
        speed=Speed(),
        validate=lambda _bundle: {"accuracy": 0.5},
        select_by="accuracy",
        higher_is_better=True,
        mixture=mixture,
        seed=11,
        folder=folder,
        progress=watch,
    )
    return train(bundle, job)


@pytest.fixture
def asked(monkeypatch) -> list[int]:
    """Write down every index that a training asks its tasks for."""
    indices: list[int] = []
    get = TaskDataset.__getitem__

    def note(self, index):
        indices.append(index)
        return get(self, index)

    monkeypatch.setattr(TaskDataset, "__getitem__", note)
    return indices


def test_training_shows_the_mixture_of_every_epoch(asked, tmp_path):
    """The Trainer asks for what the sampler gives, and tells it of each new epoch."""
    train_tiny(tmp_path, mixture=Mixture(groups=GROUPS, weights=WEIGHTS))

    shown = asked[12:]  # every task was measured once before
    epochs = [shown[start : start + 12] for start in range(0, len(shown), 12)]
    assert [SHARES] * 3 == [count_groups(indices) for indices in epochs]
    wanted = show_epochs(MixtureSampler(GROUPS, WEIGHTS, 11), 3)
    assert list(map(sorted, wanted)) == list(map(sorted, epochs))


def test_training_without_a_mixture_shows_every_task_once(asked, tmp_path):
    """Without weights an epoch is all tasks, in another order each time."""
    train_tiny(tmp_path, mixture=None)

    epochs = [asked[start : start + 12] for start in range(12, len(asked), 12)]
    assert [list(range(12))] * 3 == [sorted(indices) for indices in epochs]
    assert 3 == len(set(map(tuple, epochs)))


def test_a_stopped_training_goes_on_in_the_same_order(asked, tmp_path):
    """Stopped amid the second epoch, the same call asks for the rest of that epoch's tasks."""
    mixture = Mixture(groups=GROUPS, weights=WEIGHTS)
    train_tiny(tmp_path / "whole", mixture=mixture)
    wanted = asked[12:]
    with pytest.raises(StopError):
        train_tiny(tmp_path / "stopped", mixture=mixture, stop_at=9, save_minutes=1e-9)
    found = find_whole(tmp_path / "stopped")
    whole = [int(path.parent.name.removeprefix("checkpoint-")) for path in found]
    asked.clear()

    train_tiny(tmp_path / "stopped", mixture=mixture)

    assert 8 == max(whole)
    assert wanted[2 * 8 :] == asked[12:]


def find_whole(folder: Path) -> list[Path]:
    """Return the marks of the whole checkpoints of a training."""
    return sorted(folder.glob("checkpoint-*/complete.json"))
