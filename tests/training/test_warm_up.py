"""A warm-up: the tower learns from single scans, and dialogues follow."""

from __future__ import annotations

import pytest
import torch

from brainplug.cli.main import main
from brainplug.model import llava
from brainplug.model.bundle import load_bundle
from brainplug.model.llava import part_of
from brainplug.recipe.load import read_recipe
from brainplug.recipe.phases import check_phases, plan_phases
from brainplug.recipe.training_tables import Lora, Phase, Training
from brainplug.registry import load_registry
from brainplug.runtime.files import read_json
from brainplug.training import stage
from brainplug.training.collate import Collator
from brainplug.training.scan_values import make_values
from brainplug.training.trainer import train
from brainplug_plugins.models.tiny import Tiny, TinyOptions
from teaching import TASKS, build_small, teach

VALUES = make_values(TASKS, ("male", "female"))
TOWER = ("patch-embedding", "vision-tower")

WARM_UP = """
[[training.phase]]
use = "warm-up"
epochs = 3
batch_size = 16
learning_rate = 2e-3
[[training.phase]]
epochs = 1
"""


def warm_up(folder, **more):
    given = {"epochs": 2, "batch_size": 10, "parts": TOWER, "auxiliary": 1.0}
    return teach(folder, values=VALUES, warm_up=True, **(given | more))


def test_each_scan_is_seen_once_an_epoch_and_nobody_reads(tmp_path, monkeypatch):
    """Twenty-four scans, however many of the 36 dialogues show them; no language model."""
    seen, show = [], Collator.show

    def note(self, files):
        seen.extend(files)
        return show(self, files)

    def read(*_args, **_kwargs):
        pytest.fail("the language model was called")

    monkeypatch.setattr(Collator, "show", note)
    monkeypatch.setattr(llava, "language_model_states", read)

    warm_up(tmp_path)

    assert 48 == len(seen)
    assert set(VALUES.of_file) == set(seen[:24]) == set(seen[24:])
    assert seen[:24] != seen[24:]


def test_the_tower_alone_learns_and_the_last_weights_are_kept(tmp_path):
    """Loss falls, no checkpoint is chosen, and the head is gone."""
    before = build_small().model
    before = {name: each.clone() for name, each in before.state_dict().items()}

    found = warm_up(tmp_path, epochs=10)

    after = found.bundle.model.state_dict()
    assert before.keys() == after.keys()
    changed = {part_of(name) for name in after if not torch.equal(before[name], after[name])}
    assert set(TOWER) == changed
    assert found.selected is None
    losses = [row["loss"] for row in found.history if "loss" in row]
    assert losses[-1] < 0.8 * losses[0]
    assert not any(key.startswith("eval") for row in found.history for key in row)


def test_a_stopped_warm_up_goes_on_from_its_checkpoint(tmp_path):
    """It ends as one that was not stopped, to the bit."""
    given = {"schedule": "constant_with_warmup", "save_minutes": 1e-9}
    whole = warm_up(tmp_path / "whole", epochs=3, **given).bundle.model.state_dict()
    warm_up(tmp_path / "stopped", epochs=2, **given)
    assert (tmp_path / "stopped" / "checkpoint-6" / "complete.json").exists()

    found = warm_up(tmp_path / "stopped", epochs=3, **given).bundle.model.state_dict()

    for name, each in found.items():
        assert torch.equal(whole[name], each), name


def test_a_run_warms_up_and_goes_on_with_dialogues(write_recipe, tmp_path, capsys, monkeypatch):
    """Check counts its steps by scans; the second phase begins from the tower it leaves."""
    jobs = []

    def note(bundle, job):
        jobs.append(job)
        return train(bundle, job)

    monkeypatch.setattr(stage, "train", note)
    recipe = write_recipe()
    recipe.write_text(recipe.read_text().replace("[evaluation]", f"{WARM_UP}[evaluation]"))
    folder = tmp_path / "run"
    assert main(["check", str(recipe)]) == 0
    printed = capsys.readouterr().out

    assert main(["run", str(recipe), "--output", str(folder), "--until", "answers"]) == 0

    shown = {file for task in jobs[0].tasks for file in task.images}
    assert shown == set(jobs[0].values.of_file)
    steps = 3 * -(-len(shown) // 16)
    (row,) = (line for line in printed.splitlines() if "a warm-up" in line)
    assert f" {steps} " in row
    chosen = read_recipe(recipe, load_registry()).recipe
    built = chosen.model.make().build(chosen.images.shape, seed=7).model.state_dict()
    first = load_bundle(folder / "checkpoints" / "phase-1" / "model").model.state_dict()
    assert built.keys() == first.keys()
    moved = {part_of(name) for name in first if not torch.equal(first[name], built[name])}
    assert set(TOWER) == moved
    story = read_json(folder / "training.json")
    assert ["warm-up", "dialogues"] == [each["settings"]["use"] for each in story["phases"]]
    assert story["phases"][0]["selected"] is None
    assert steps == max(row["step"] for row in story["history"] if row["phase"] == 1)
    assert 2 == story["selected"]["phase"]


def plan(*phases, **training):
    return plan_phases(Training(phase=phases, **training), Tiny(TinyOptions()))


def test_a_warm_up_has_what_it_needs_and_nothing_of_the_dialogues():
    """Tower and head by default, without the adapters of `[training]`; keys of its own."""
    first, second = plan(
        Phase(use="warm-up", batch_size=16, weight_decay=0.0, accumulation=2),
        Phase(),
        lora=Lora(),
        weight_decay=0.1,
        batch_size=2,
    )

    assert TOWER == first.parts
    assert (None, 1.0) == (first.options.lora, first.options.auxiliary)
    assert (16, 0.0, 2) == (
        first.options.batch_size,
        first.options.weight_decay,
        first.options.accumulation,
    )
    assert (2, 0.1, 4) == (
        second.options.batch_size,
        second.options.weight_decay,
        second.options.accumulation,
    )
    assert (Lora(), 0.0) == (second.options.lora, second.options.auxiliary)


@pytest.mark.parametrize(
    ("phase", "key", "words"),
    [
        (Phase(use="warm-up", train=("projector",)), "train", "a warm-up's: ['projector']"),
        (Phase(use="warm-up", lora=Lora(parts=("vision-tower",))), "lora", "leave its adapters"),
        (Phase(use="warm-up", auxiliary=0.5), "auxiliary", "leave its weight out: 0.5"),
    ],
)
def test_what_a_warm_up_cannot_do_is_refused(phase, key, words):
    """By the key of the phase."""
    found = dict(check_phases(Training(phase=(phase, Phase())), Tiny(TinyOptions())))

    assert words in found["training", "phase", 0, key]


def test_a_warm_up_that_nothing_follows_is_refused():
    """The model could not answer."""
    problems = list(check_phases(Training(phase=(Phase(use="warm-up"),)), Tiny(TinyOptions())))

    assert [("training", "phase", 0, "use")] == [keys for keys, _ in problems]
