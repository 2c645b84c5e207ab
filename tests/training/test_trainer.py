"""The Trainer with every lever and without, and what the recipe's settings make it do."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from brainplug.api.records import MODEL_PARTS
from brainplug.evaluation.records import SelectedCheckpoint
from brainplug.model import llava
from brainplug.recipe.training_tables import Lora, Speed
from brainplug.runtime.curves import Curves
from brainplug.tasks.chat import ChatEncoder
from brainplug.training.trainer import ComparisonTrainer
from brainplug_plugins.models.tiny import Tiny, TinyOptions
from small import make_task
from teaching import PLAIN, SHAPE, TASKS, teach


@pytest.fixture
def losses(monkeypatch) -> list[float]:
    """Write down the loss of every step."""
    seen: list[float] = []
    step = ComparisonTrainer.training_step

    def note(self, *args, **kwargs):
        loss = step(self, *args, **kwargs)
        seen.append(float(loss))
        return loss

    monkeypatch.setattr(ComparisonTrainer, "training_step", note)
    return seen


@pytest.mark.parametrize("parts", [MODEL_PARTS[:1], MODEL_PARTS])
def test_twenty_steps_with_every_lever_lose_as_much_as_the_plain_way(tmp_path, losses, parts):
    """Same seed, same batches: losses of all optimiser steps are equal to float32 rounding."""
    teach(tmp_path / "plain", speed=PLAIN, parts=parts)
    plain = losses.copy()
    losses.clear()

    teach(tmp_path / "levers", parts=parts)

    assert 20 == len(plain)
    np.testing.assert_allclose(losses, plain, rtol=2e-4)
    assert plain[-1] < plain[0]


def test_accumulated_batches_learn_as_one(tmp_path, losses):
    """Loss is divided by the answer tokens of the whole step, however it is cut (D33)."""
    whole = teach(tmp_path / "whole", batch_size=36).bundle.model.state_dict()
    losses.clear()

    parts = teach(tmp_path / "parts", batch_size=9, accumulation=4).bundle.model.state_dict()

    assert 20 == len(losses)
    for name, weights in whole.items():
        torch.testing.assert_close(parts[name], weights, rtol=1e-3, atol=1e-5, msg=name)


def test_a_frozen_tower_sees_each_scan_once(tmp_path, monkeypatch):
    """Features are kept over epochs; without the lever the tower looks again and again."""
    seen = []
    see = llava.encode_images

    def note(model, volumes):
        seen.append(len(volumes))
        return see(model, volumes)

    monkeypatch.setattr(llava, "encode_images", note)
    kept = teach(tmp_path / "kept", parts=(), lora=Lora(rank=2))
    assert 24 == sum(seen)
    seen.clear()

    again = teach(
        tmp_path / "again", parts=(), lora=Lora(rank=2), speed=Speed(cache_features=False)
    )

    assert 5 * 24 == sum(seen)
    for name, weights in again.bundle.model.state_dict().items():
        torch.testing.assert_close(kept.bundle.model.state_dict()[name], weights, msg=name)


def test_patience_ends_a_training_that_gets_no_better(tmp_path, losses):
    """Two validations without a better score end it; the best one's weights are kept."""
    found = teach(tmp_path, patience=2, epochs=9, scores=[0.5, 0.7, 0.6, 0.6, 0.9])

    assert 4 * 4 == len(losses)
    assert SelectedCheckpoint(phase=1, metric="accuracy", value=0.7, step=8) == found.selected


def test_patience_counts_what_is_better_by_the_proper_score(tmp_path, losses):
    """A tie with a better log loss is an improvement, one that is as good is not."""
    found = teach(
        tmp_path,
        patience=2,
        epochs=9,
        scores=[0.5, 0.7, 0.7, 0.7, 0.7],
        proper=[0.9, 0.8, 0.7, 0.7, 0.7],
    )

    assert 5 * 4 == len(losses)
    # Of the equals the last one.
    assert SelectedCheckpoint(phase=1, metric="accuracy", value=0.7, step=20) == found.selected


def test_a_tie_goes_to_the_better_proper_score_and_both_are_told(tmp_path, losses):
    """Of two steps with one accuracy the one that is surer of the truth is kept."""
    found = teach(tmp_path, epochs=3, scores=[0.7, 0.7, 0.7], proper=[0.8, 0.5, 0.6])

    assert SelectedCheckpoint(phase=1, metric="accuracy", value=0.7, step=8) == found.selected
    told = [
        (row["eval_accuracy"], row["eval_log-loss"])
        for row in found.history
        if "eval_accuracy" in row
    ]
    assert [(0.7, 0.8), (0.7, 0.5), (0.7, 0.6)] == told


def test_the_last_weights_are_kept_without_a_validation(tmp_path, losses):
    """`last` asks nobody, and the weights are those that a longer choice would have had last."""
    asked = []
    found = teach(tmp_path / "last", epochs=2, select_by="last", scores=map(asked.append, range(9)))

    assert [] == asked
    assert SelectedCheckpoint(phase=1, metric="last", value=None, step=8) == found.selected
    chosen = teach(tmp_path / "chosen", epochs=2, scores=[0.1, 0.9])
    for name, weights in chosen.bundle.model.state_dict().items():
        torch.testing.assert_close(found.bundle.model.state_dict()[name], weights, msg=name)


def test_the_last_weights_are_kept_whatever_validations_say(tmp_path, losses):
    """Validations that are asked for are told, and choose nothing."""
    found = teach(tmp_path, epochs=2, epochs_per_validation=1, select_by="last", scores=[0.9, 0.1])

    assert [0.9, 0.1] == [row["eval_accuracy"] for row in found.history if "eval_accuracy" in row]
    assert 8 == found.selected.step
    assert not list(tmp_path.glob("checkpoint-*"))


def test_bfloat16_keeps_the_weights_in_float32(tmp_path, losses):
    """Products are rounded, weights and their changes are not."""
    found = teach(tmp_path, precision="bfloat16", epochs=1)

    assert np.isfinite(losses).all()
    assert {torch.float32} == {each.dtype for each in found.bundle.model.parameters()}


def test_curves_go_to_tensorboard(tmp_path, monkeypatch):
    """Outside the checkpoints, unless the environment names a folder: there under run and phase."""
    pytest.importorskip("tensorboard")
    own = Curves(trackers=("tensorboard",), folder=tmp_path / "run" / "curves", run="run")
    folder = tmp_path / "run" / "checkpoints" / "phase-1"

    teach(folder, epochs=1, curves=own)
    monkeypatch.setenv("TENSORBOARD_LOGGING_DIR", str(tmp_path / "elsewhere"))

    assert list((tmp_path / "run" / "curves" / "phase-1").glob("events.out.tfevents.*"))
    assert not list(folder.rglob("events.out.tfevents.*"))
    assert tmp_path / "elsewhere" / "run" / "phase-1" == own.events("phase-1")


def test_a_token_budget_cuts_batches(tmp_path, losses):
    """With room for one dialogue a batch, each is a step of its own."""
    one = ChatEncoder(Tiny(TinyOptions()).build(SHAPE, seed=1).tokenizer, 8)
    encoded = one.encode(make_task("t", ["r00"], "q01", "female").turns)

    teach(tmp_path, epochs=1, batch_tokens=len(encoded.prompt) + len(encoded.answer))

    assert len(TASKS) == len(losses)


class StopError(Exception):
    """A run that is stopped amid its training."""


def test_a_training_tells_how_far_it_is_and_from_where_it_goes_on(tmp_path):
    """Step, latest loss and last score, which a training that goes on recalls."""
    told = []

    def stop(now):
        told.append(now)
        if now.step == 11:
            raise StopError

    with pytest.raises(StopError):
        teach(tmp_path, told=stop, scores=[0.25, 0.75], save_minutes=1e-9)
    begun, told[:] = told[:], []
    teach(tmp_path, told=told.append, scores=[1.0, 0.5, 0.5], save_minutes=1e-9)

    assert [(step, 20) for step in range(1, 12)] == [(now.step, now.steps) for now in begun]
    assert [None] * 4 + [0.25] * 4 + [0.75] * 3 == [now.score for now in begun]
    assert "goes on from step 10 of 20" == told[0]
    assert [*range(11, 21)] == [now.step for now in told[1:]]
    assert [0.75, 0.75, 1.0] == [now.score for now in told[1:4]]
    # Of the log that the first process wrote at step 8, before any in the second.
    assert begun[-1].loss == told[1].loss is not None
    assert told[1].known.endswith(", validation accuracy 0.75")
