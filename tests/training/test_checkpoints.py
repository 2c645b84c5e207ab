"""Checkpoints that were damaged, deleted halfway or moved: what is gone on from, and what is said.

A training that goes on ends with the weights of one that was never stopped.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from transformers import TrainerState

from brainplug.errors import RunError
from brainplug.runtime.notes import read_note, write_note
from brainplug.training import checkpoints
from brainplug.training.checkpoints import find_checkpoint, writing
from brainplug.training.marks import list_files
from brainplug.training.trainer import ComparisonTrainer, list_logged
from teaching import TASKS, teach

RANDOM = bytes(range(256)) * 40


class StopError(Exception):
    """A training that is killed."""


def train(folder, *, stop_at=None, scores=(0.5, 0.9, 0.6), **options):
    """Train three epochs of two steps, each with a validation; stop amid one."""
    told = []

    def tell(line):
        told.append(line)
        if getattr(line, "step", None) == stop_at and stop_at:
            raise StopError

    result = teach(
        folder, tasks=TASKS[:18], batch_size=9, epochs=3, scores=scores, told=tell, **options
    )
    return result, [line for line in told if isinstance(line, str)]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A training that was never stopped: its weights."""
    result, _ = train(tmp_path_factory.mktemp("whole"))
    return result.bundle.model.state_dict()


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    """A training killed after its second epoch, whose validation is the best."""
    folder = tmp_path_factory.mktemp("stopped")
    with pytest.raises(StopError):
        train(folder, stop_at=5)
    return folder


@pytest.fixture
def copy(stopped, tmp_path):
    return shutil.copytree(stopped, tmp_path / "copy")


def same(result, weights) -> bool:
    found = result.bundle.model.state_dict()
    return all(torch.equal(found[name], each) for name, each in weights.items())


def damage(path, how):
    content = path.read_bytes()
    path.write_bytes(
        {
            "emptied": b"",
            "cut": content[: len(content) // 2],
            "zeroed": bytes(len(content)),
            "random": (RANDOM * (len(content) // len(RANDOM) + 1))[: len(content)],
        }[how]
    )


FILES = (
    "trainer_state.json",
    "optimizer.pt",
    "rng_state.pth",
    "scheduler.pt",
    "model.safetensors",
    "config.json",
    "complete.json",
)


@pytest.mark.parametrize("how", ["emptied", "cut", "zeroed", "random"])
@pytest.mark.parametrize("name", FILES)
def test_a_damaged_newest_checkpoint_falls_back_to_the_one_before(copy, name, how):
    """Whatever file it is and however it is damaged; and it is said. Nothing is deleted."""
    told = []
    damage(copy / "checkpoint-4" / name, how)

    assert "checkpoint-2" == find_checkpoint(copy, told.append).name

    assert told[0].startswith("checkpoint-4 is damaged: ")
    assert name in told[0]
    assert "falls back to checkpoint-2" == told[1]
    assert (copy / "damaged-checkpoint-4").is_dir()


def test_a_turned_bit_in_the_mark_of_a_checkpoint_is_damage(copy):
    """Another number of batches would give other weights in silence."""
    mark = copy / "checkpoint-4" / "complete.json"
    mark.write_text(mark.read_text().replace('"accumulation": 1', '"accumulation": 3'))
    told = []

    assert "checkpoint-2" == find_checkpoint(copy, told.append).name

    assert "checkpoint-4 is damaged: complete.json cannot be read" == told[0]


class Pwn:
    """What leaves a trace when a reader runs it, as pickles can have it."""

    def __init__(self, trace):
        self.trace = trace

    def __reduce__(self):
        return Path.touch, (self.trace,)


@pytest.mark.parametrize("name", ["optimizer.pt", "rng_state.pth", "scheduler.pt"])
def test_code_in_a_checkpoint_is_refused_and_not_run(copy, tmp_path, name):
    """Whoever passes on a run folder can put anything in it, and make its marks anew."""
    trace = tmp_path / "ran"
    for checkpoint in copy.glob("checkpoint-*"):
        torch.save({"state": Pwn(trace)}, checkpoint / name)
        (checkpoint / "complete.json").rename(tmp_path / "mark.json")
        facts = read_note(tmp_path / "mark.json") | {"files": list_files(checkpoint)}
        write_note(checkpoint / "complete.json", facts)

    with pytest.raises(RunError, match="cannot be read") as caught:
        train(copy)

    assert (copy / "checkpoint-4",) == caught.value.where
    assert not trace.exists()


def test_a_training_that_fell_back_ends_with_the_same_weights(copy, whole):
    """Those of the best validation, which is done again."""
    damage(copy / "checkpoint-4" / "optimizer.pt", "zeroed")

    result, told = train(copy, scores=(0.9, 0.6))

    assert same(result, whole)
    assert "goes on from step 2 of 6" in told


@pytest.mark.parametrize("stop_at", [3, 4, 6])
def test_the_history_of_a_stopped_training_is_that_of_a_whole_one(tmp_path, whole, stop_at):
    """Losses that were not told yet are kept with a checkpoint, those of telling tokens too."""
    scores = {3: (0.9, 0.6), 4: (0.9, 0.6), 6: (0.6,)}[stop_at]
    result, _ = train(tmp_path / "whole", save_minutes=1e-9)
    with pytest.raises(StopError):
        train(tmp_path / "stopped", stop_at=stop_at, save_minutes=1e-9)

    again, told = train(tmp_path / "stopped", scores=scores, save_minutes=1e-9)

    assert f"goes on from step {stop_at - 1} of 6" in told
    assert result.history == again.history


def test_a_lost_best_begins_anew_rather_than_keep_the_last(tmp_path, copy):
    """The newest is whole, and what it knows as the best is not: nobody knows what was best."""
    told = []
    with pytest.raises(StopError):
        train(tmp_path / "run", scores=(0.9, 0.5), stop_at=5)
    damage(tmp_path / "run" / "checkpoint-2" / "model.safetensors", "random")

    assert find_checkpoint(tmp_path / "run", told.append) is None

    assert "begins anew, without a checkpoint" == told[-1]
    assert {"damaged-checkpoint-2", "damaged-checkpoint-4"} == names(tmp_path / "run")


def names(folder) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_kill_amid_deletion_leaves_no_torso_that_counts(tmp_path, monkeypatch, whole):
    """Whatever of a passed checkpoint is left has lost its mark, and the newest has its own."""

    def kill(folder):
        (folder / "trainer_state.json").unlink()
        (folder / "optimizer.pt").unlink()
        raise StopError

    monkeypatch.setattr(checkpoints.shutil, "rmtree", kill)
    with pytest.raises(StopError):
        train(tmp_path, scores=(0.5, 0.9, 0.6))
    monkeypatch.undo()

    marked = {path.parent.name for path in tmp_path.glob("checkpoint-*/complete.json")}
    assert {"checkpoint-4", "checkpoint-6"} == marked
    assert (tmp_path / "checkpoint-2").is_dir()

    result, told = train(tmp_path)

    assert same(result, whole)
    assert ["goes on from step 6 of 6"] == told


def test_a_torso_of_an_earlier_brainplug_is_known_by_what_it_lacks(copy):
    """Its mark lists no files; a kill amid deletion left mark and weights."""
    mark = copy / "checkpoint-4" / "complete.json"
    facts = json.loads(mark.read_text())
    later = {"best", "files", "crc32"}
    mark.write_text(json.dumps({name: facts[name] for name in facts.keys() - later}))
    assert "checkpoint-4" == find_checkpoint(copy).name

    (copy / "checkpoint-4" / "optimizer.pt").unlink()

    assert "checkpoint-2" == find_checkpoint(copy).name


def test_a_moved_folder_keeps_the_best(tmp_path, monkeypatch, whole):
    """Killed between the last checkpoint and the model, then moved: the best is found there."""

    def kill(*_args):
        raise StopError

    monkeypatch.setattr(ComparisonTrainer, "_load_best_model", kill)
    with pytest.raises(StopError):
        train(tmp_path / "before")
    monkeypatch.undo()
    shutil.move(tmp_path / "before", tmp_path / "after")

    result, _ = train(tmp_path / "after")

    assert same(result, whole)
    assert 4 == result.selected.step


def write_safely(_path):
    """Fail as safetensors and transformers do."""
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize(
    "write",
    [write_safely, lambda path: torch.save(torch.zeros(1), path / "missing" / "optimizer.pt")],
)
def test_weights_that_cannot_be_written_say_where(tmp_path, write):
    """Torch raises a `RuntimeError` without a path."""
    with pytest.raises(RunError, match=f"{tmp_path}.*make room") as caught, writing(tmp_path):
        write(tmp_path)

    assert isinstance(caught.value.__cause__, (OSError, RuntimeError))


def test_what_no_file_caused_is_not_told_as_a_full_disk(tmp_path):
    """An error of the network, amid the writing, stays what it is."""
    with pytest.raises(RuntimeError, match="mat1 and mat2"), writing(tmp_path):
        torch.zeros(2, 3) @ torch.zeros(2, 3)


def test_what_is_told_of_a_training_hangs_on_no_stop(tmp_path):
    """Rows that were read back from a checkpoint have their keys in the same order, to the byte."""
    rows = [{"loss": 0.5, "grad_norm": 1.0, "epoch": 1.0, "step": 3}, {"train_runtime": 2.0}]
    state = TrainerState(log_history=rows)
    state.save_to_json(str(tmp_path / "trainer_state.json"))
    again = TrainerState.load_from_json(str(tmp_path / "trainer_state.json"))

    assert json.dumps(list_logged(state)) == json.dumps(list_logged(again))
    assert [rows[0]] == list_logged(again)
