"""Phases: what learns in each, one after another, stopped, resumed and changed."""

from __future__ import annotations

import shutil
from pathlib import Path

import attrs
import numpy as np
import pytest
import torch

from brainplug.api.records import MODEL_PARTS
from brainplug.cli.main import main
from brainplug.errors import RecipeError, RunError
from brainplug.evaluation.history import PhaseFacts, PhaseHistory, TrainingHistory
from brainplug.evaluation.records import SelectedCheckpoint
from brainplug.model.bundle import load_bundle
from brainplug.model.llava import part_of, train_only
from brainplug.model.lora import add_adapters, merge_adapters
from brainplug.recipe.load import read_recipe
from brainplug.recipe.phases import plan_phases
from brainplug.recipe.training_tables import Lora, Phase, Speed, Training
from brainplug.registry import load_registry
from brainplug.runtime.files import read_json, write_json, write_text
from brainplug.runtime.records import to_json
from brainplug.tasks.chat import ChatEncoder
from brainplug.training import stage
from brainplug.training.job import TrainingJob
from brainplug.training.phases import PhaseFolder, copy_whole, key_of, open_folders, phase_keys
from brainplug.training.schedule import make_schedule
from brainplug.training.trainer import train
from brainplug_plugins.models.tiny import Tiny, TinyOptions
from small import task_of

SHAPE = (8, 8, 4)
UNUSED = "model.vision_tower.post_layernorm."
"""A norm behind the layer whose features LLaVA takes; it gets no gradient, whatever learns."""

TWO_PHASES = """
[[training.phase]]
train = ["projector"]
epochs = 1
[[training.phase]]
train = []
[training.phase.lora]
rank = 4
targets = ["q_proj", "v_proj"]
"""


def copy_weights(model) -> dict[str, torch.Tensor]:
    return {name: weight.clone() for name, weight in model.state_dict().items()}


def build_narrow():
    options = TinyOptions(
        hidden_size=8,
        heads=1,
        vision_layers=1,
        language_layers=1,
        patch=(4, 4, 4),
        standardise="none",
    )
    return Tiny(options).build(SHAPE, seed=1)


def take_a_step(bundle, folder: Path) -> None:
    """Take one optimiser step on two dialogues."""
    job = TrainingJob(
        tasks=[task_of(place) for place in range(2)],
        encoder=ChatEncoder(bundle.tokenizer, 4),
        context_length=4096,
        load=lambda _path: np.random.default_rng(0).normal(size=SHAPE),
        options=Training(
            epochs=1, warmup_steps=0, batch_size=2, accumulation=1, learning_rate=0.01
        ),
        speed=Speed(),
        validate=lambda _bundle: {"accuracy": 0.5},
        select_by="accuracy",
        higher_is_better=True,
        seed=11,
        folder=folder,
        progress=lambda *_: None,
    )
    train(bundle, job)


def changed(before, after) -> set[str]:
    assert before.keys() == after.keys()
    return {name for name in after if not torch.equal(before[name], after[name])}


@pytest.mark.parametrize("part", MODEL_PARTS)
def test_a_part_alone_learns(part, tmp_path):
    """One step changes every weight of the part, and none of another to the last bit (E11).

    The output layer is the token embedding: both learn with the language model, or neither.
    """
    bundle = build_narrow()
    train_only(bundle.model, [part])
    before = copy_weights(bundle.model)

    take_a_step(bundle, tmp_path)

    assert {
        name for name in before if part_of(name) == part and not name.startswith(UNUSED)
    } == changed(before, bundle.model.state_dict())
    assert ("lm_head.weight" in changed(before, bundle.model.state_dict())) == (
        part == "language-model"
    )


def test_adapters_alone_learn(tmp_path):
    """One step and merging change the layers that had adapters, and nothing else to the bit."""
    bundle = build_narrow()
    train_only(bundle.model, [])
    before = copy_weights(bundle.model)
    add_adapters(bundle.model, Lora(rank=2, targets=("q_proj", "down_proj")), seed=1)

    take_a_step(bundle, tmp_path)
    merge_adapters(bundle.model)

    layer = "model.language_model.layers.0."
    assert {f"{layer}self_attn.q_proj.weight", f"{layer}mlp.down_proj.weight"} == changed(
        before, bundle.model.state_dict()
    )


class StopError(Exception):
    """A run that is ended from outside."""


@attrs.define
class Watch:
    """What the trainings of a test did, and where the next one is to be stopped."""

    trained: list[tuple[str, list[int]]] = attrs.field(factory=list)
    stop: tuple[str, int] | None = None

    def first_steps(self) -> dict[str, int]:
        """Return the first step that each phase's training took, and forget."""
        steps = {name: steps[0] for name, steps in self.trained}
        self.trained.clear()
        return steps


@pytest.fixture
def watch(monkeypatch) -> Watch:
    """Watch all trainings; each leaves a checkpoint of every step."""
    watch, teach = Watch(), stage.train

    def train_watched(bundle, job):
        name, steps = job.folder.name, []
        watch.trained.append((name, steps))

        def note(now):
            steps.append(now.step)
            if watch.stop == (name, now.step):
                raise StopError

        options = attrs.evolve(job.options, save_minutes=1e-9)
        return teach(bundle, attrs.evolve(job, progress=note, options=options))

    monkeypatch.setattr(stage, "train", train_watched)
    return watch


@pytest.fixture
def two_phases(write_recipe, tmp_path, tmp_path_factory) -> Path:
    """Write a recipe of two phases; `tmp_path / "run"` has all but the training."""
    recipe = write_recipe()
    recipe.write_text(recipe.read_text().replace("[evaluation]", f"{TWO_PHASES}[evaluation]"))
    prepared = tmp_path_factory.getbasetemp() / "run-of-two-phases"
    if not (prepared / "volumes.json").exists():
        assert main(["run", str(recipe), "--output", str(prepared), "--until", "volumes"]) == 0
    shutil.copytree(prepared, tmp_path / "run")
    return recipe


def run(recipe: Path, folder: Path, until: str = "training") -> None:
    assert main(["run", str(recipe), "--output", str(folder), "--until", until, "--verbose"]) == 0


@pytest.fixture
def finished(two_phases, tmp_path, tmp_path_factory) -> Path:
    """Give a run folder of the two phases in which all is done; it is made once."""
    done = tmp_path_factory.getbasetemp() / "finished-run-of-two-phases"
    if not (done / "report.html").exists():
        shutil.copytree(tmp_path / "run", done, dirs_exist_ok=True)
        run(two_phases, done, "report")
    return Path(shutil.copytree(done, tmp_path / "finished"))


def test_phases_follow_each_other(two_phases, tmp_path, capsys):
    """The projector learns, then adapters on top of it; the rest stays as it was built."""
    folder = tmp_path / "run"
    recipe = read_recipe(two_phases, load_registry()).recipe
    built = copy_weights(recipe.model.make().build(recipe.images.shape, seed=7).model)
    fitted = {name for name in built if ".standardisation." in name}

    run(two_phases, folder)

    first, last, model = (
        load_bundle(folder / place).model.state_dict()
        for place in ("checkpoints/phase-1/model", "checkpoints/phase-2/model", "model")
    )
    assert {"projector"} == {part_of(name) for name in changed(built, first) - fitted}
    assert {"q_proj.weight", "v_proj.weight"} == {
        ".".join(name.split(".")[-2:]) for name in changed(first, last)
    }
    assert {"language-model"} == {part_of(name) for name in changed(first, last)}
    assert set() == changed(last, model)
    printed = capsys.readouterr().out
    assert printed.index("phase 1 of 2: weights") < printed.index("phase 2 of 2: weights")
    assert [["all"], ["all"]] == [
        row[:1] for row in map(str.split, printed.splitlines()) if row[:1] == ["all"]
    ]


def test_the_history_tells_of_every_phase(finished):
    """Rows name their phase, each has a seed of its own, and the last one's choice is the run's."""
    story = read_json(finished / "training.json")

    assert {1, 2} == {row["phase"] for row in story["history"]}
    assert [7, 8] == [phase["seed"] for phase in story["phases"]]
    assert {"phase": 2, **story["phases"][1]["selected"]} == story["selected"]
    counts = [phase["parameters"]["language-model"] for phase in story["phases"]]
    assert [0, 2 * 2 * 4 * 16] == [count["adapters"] for count in counts]


def stop(recipe: Path, folder: Path, watch: Watch, *, at: tuple[str, int]) -> None:
    """Run a recipe until it is ended amid a phase."""
    watch.stop = at
    with pytest.raises(StopError):
        run(recipe, folder)
    watch.stop = None
    watch.trained.clear()


def test_a_run_stopped_in_the_second_phase_goes_on_there(two_phases, finished, tmp_path, watch):
    """The first phase is not repeated, and all ends as in a run that was not stopped."""
    folder = tmp_path / "run"
    stop(two_phases, folder, watch, at=("phase-2", 5))
    assert not (folder / "model").exists()

    run(two_phases, folder, "answers")

    assert {"phase-2": 5} == watch.first_steps()
    assert (finished / "answers.jsonl").read_text() == (folder / "answers.jsonl").read_text()
    assert set() == changed(
        *(load_bundle(place / "model").model.state_dict() for place in (finished, folder))
    )
    stories = [read_json(place / "training.json") for place in (finished, folder)]
    assert stories[0]["selected"] == stories[1]["selected"]


def test_a_run_stopped_between_phases_goes_on_with_the_second(two_phases, tmp_path, watch):
    """A phase is done when its model is there whole, not before."""
    folder = tmp_path / "run"
    stop(two_phases, folder, watch, at=("phase-2", 1))

    run(two_phases, folder)

    assert {"phase-2": 1} == watch.first_steps()


def test_a_phase_killed_as_it_ended_is_ended_again(two_phases, tmp_path, watch, monkeypatch):
    """A half-written model is not taken for a whole one; the steps are not taken again."""
    folder = tmp_path / "run"

    def die(bundle, place):
        place.mkdir()
        (place / "config.json").write_text("{")
        raise StopError

    with monkeypatch.context() as patch:
        patch.setattr(stage.ModelBundle, "save", die)
        with pytest.raises(StopError):
            run(two_phases, folder)
    assert (folder / "checkpoints" / "phase-1" / "model").exists()
    watch.trained.clear()

    run(two_phases, folder)

    assert [("phase-1", []), ("phase-2", [1, 2, 3, 4, 5, 6])] == watch.trained


def test_a_phase_killed_as_it_cleared_is_cleared(two_phases, tmp_path, watch, monkeypatch):
    """It is done, and its checkpoints, which nothing needs any more, do not stay for ever."""
    folder = tmp_path / "run"

    def die(_phase):
        raise StopError

    with monkeypatch.context() as patch:
        patch.setattr(PhaseFolder, "clear", die)
        with pytest.raises(StopError):
            run(two_phases, folder)
    first = folder / "checkpoints" / "phase-1"
    assert list(first.glob("checkpoint-*"))
    watch.trained.clear()

    run(two_phases, folder)

    assert [("phase-2", [1, 2, 3, 4, 5, 6])] == watch.trained
    assert [] == list(folder.glob("checkpoints/*/checkpoint-*"))


def test_checkpoints_of_other_settings_are_not_gone_on_from(two_phases, tmp_path, watch, capsys):
    """A training that was stopped starts over when `[training]` has changed, and says so.

    What it had learnt is kept, and gone on from with the old recipe.
    """
    folder, text = tmp_path / "run", two_phases.read_text()
    stop(two_phases, folder, watch, at=("phase-1", 3))
    two_phases.write_text(text.replace("1e-3", "2e-3"))

    stop(two_phases, folder, watch, at=("phase-2", 2))

    printed = capsys.readouterr().out
    assert "training.phase[0].learning_rate changed, 0.001 to 0.002" in printed
    (kept,) = kept_trainings(folder)
    assert f"the training so far is kept in {kept.name}/" in printed
    assert list(kept.glob("phase-1/checkpoint-*/complete.json"))

    two_phases.write_text(text)
    run(two_phases, folder)

    assert {"phase-1": 3, "phase-2": 1} == watch.first_steps()
    assert f"brought back from {kept.name}/" in capsys.readouterr().out


def kept_trainings(folder: Path) -> list[Path]:
    return sorted(folder.glob("checkpoints.before-*"))


def test_a_finished_training_is_kept_and_found_again(two_phases, finished, watch, capsys):
    """Another learning rate trains anew; the old one brings the old model back, to the byte."""
    text, model = two_phases.read_text(), (finished / "model" / "model.safetensors").read_bytes()
    watch.trained.clear()
    two_phases.write_text(text.replace("1e-3", "2e-3"))
    run(two_phases, finished)
    assert {"phase-1": 1, "phase-2": 1} == watch.first_steps()
    (kept,) = kept_trainings(finished)
    assert model == (kept / "model" / "model.safetensors").read_bytes()
    assert model != (finished / "model" / "model.safetensors").read_bytes()
    capsys.readouterr()

    two_phases.write_text(text)
    run(two_phases, finished, "report")

    printed = capsys.readouterr().out
    assert {} == watch.first_steps()
    for name in ("training", "answers", "metrics", "report"):
        assert f"{name:<13}  as before" in printed
    assert model == (finished / "model" / "model.safetensors").read_bytes()
    assert [kept] != kept_trainings(finished)
    assert 1 == len(kept_trainings(finished))


def test_checkpoints_of_another_model_are_not_gone_on_from(two_phases, tmp_path, watch):
    """So it does when `[model]` has changed in a way that the old weights would fit."""
    folder = tmp_path / "run"
    stop(two_phases, folder, watch, at=("phase-1", 3))
    two_phases.write_text(two_phases.read_text().replace("heads = 2", "heads = 1"))

    run(two_phases, folder)

    assert {"phase-1": 1, "phase-2": 1} == watch.first_steps()


def test_a_change_of_the_second_phase_keeps_the_first(two_phases, finished, watch, capsys):
    """A phase depends on those before it only."""
    watch.trained.clear()
    two_phases.write_text(two_phases.read_text().replace("rank = 4", "rank = 2"))

    run(two_phases, finished)

    assert {"phase-2": 1} == watch.first_steps()
    printed = capsys.readouterr().out
    assert "training: training.phase[1].lora.rank changed, 4 to 2" in printed
    assert "phase 1 of 2 as before" in printed
    (kept,) = kept_trainings(finished)
    assert {"phase-1", "phase-2", "model", "training.json", "stage.json"} == {
        path.name for path in kept.iterdir()
    }


def test_settings_that_change_no_weight_keep_the_training(two_phases, tmp_path, watch):
    """How often is saved, and how many samples make an interval, is nothing to the model."""
    folder, text = tmp_path / "run", two_phases.read_text()
    stop(two_phases, folder, watch, at=("phase-2", 5))
    text = text.replace("[training]", "[training]\nsave_minutes = 3.0", 1)
    two_phases.write_text(text.replace("bootstrap = 100", "bootstrap = 200"))

    run(two_phases, folder)

    assert {"phase-2": 5} == watch.first_steps()


def test_the_report_draws_all_phases(finished):
    """The page counts the weights of each phase and says of which phase the chosen step is."""
    page = (finished / "report.html").read_text()

    assert "544, then 256 weights learn" in page
    assert "Dotted: a phase begins." in page
    assert " of phase 2" in page


def test_check_counts_the_steps_of_each_phase(two_phases, capsys):
    """24 tasks in batches of 8 are three steps an epoch."""
    assert main(["check", str(two_phases)]) == 0

    printed = capsys.readouterr().out.splitlines()
    rows = [line.replace("│", "").split() for line in printed if "optimiser" in line]
    assert ["optimiser steps, phase 1 of 2 3", "optimiser steps, phase 2 of 2 6"] == [
        " ".join(row) for row in rows
    ]


def test_check_names_the_phase_whose_warm_up_never_ends(two_phases, capsys):
    """The key is that of the phase, though the number comes from `[training]`."""
    two_phases.write_text(two_phases.read_text().replace("warmup_steps = 1", "warmup_steps = 4"))

    assert main(["check", str(two_phases)]) == 1

    said = capsys.readouterr().err
    assert "training.phase[0].warmup_steps: expected fewer steps than the training has" in said
    assert "found 4, but training.phase[0].epochs 1 of 3 optimiser steps make 3" in said


def find_problems(recipe: Path, more: str, model: str = "") -> str:
    """Return what is wrong with a recipe with other phases and model options."""
    text = recipe.read_text().replace("[evaluation]", f"{more}[evaluation]")
    recipe.write_text(text.replace('use = "tiny"', f'use = "tiny"\n{model}'))
    with pytest.raises(RecipeError) as caught:
        read_recipe(recipe, load_registry())
    return "\n".join(caught.value.problems)


NO_PART = ("", "train = []", "model.train: nothing learns in training: []; name a part")
NO_PART_IN_A_PHASE = (
    "[[training.phase]]\n[[training.phase]]\ntrain = []\n",
    "",
    "training.phase[1].train: nothing learns in phase 2 of 2: []; name a part, or give adapters",
)
TWICE = (
    "[training.lora]\n",
    "",
    "training.lora.parts: expected parts that do not learn whole: 'language-model', which model",
)
TWICE_IN_A_PHASE = (
    """[[training.phase]]
    [[training.phase]]
    train = ["projector"]
    lora = { parts = ["language-model", "projector"] }
    """,
    "",
    "parts that do not learn whole: 'projector', which training.phase[1].train names for phase 2",
)


@pytest.mark.parametrize(
    ("more", "model", "words"), [NO_PART, NO_PART_IN_A_PHASE, TWICE, TWICE_IN_A_PHASE]
)
def test_phases_that_make_no_sense_are_refused(write_recipe, more, model, words):
    """Nothing that learns, and adapters on weights that learn anyway, are told with their keys."""
    found = find_problems(write_recipe(), more, model)

    assert words in found
    assert 1 == len(found.splitlines())


def test_adapters_without_peft_are_refused_before_the_run(write_recipe, monkeypatch):
    """`check` says which package is missing; once, though two phases would need it."""
    monkeypatch.setattr("brainplug.recipe.phases.find_spec", lambda _name: None)

    found = find_problems(
        write_recipe(),
        "[training.lora]\n[[training.phase]]\n[[training.phase]]\n",
        'train = ["projector"]',
    )

    assert "training.lora: adapters need the package peft: pip install peft" == found


def test_what_a_phase_does_not_name_is_as_in_training():
    """Settings are filled in from `[training]`, and the parts from the model."""
    training = Training(
        epochs=3, phase=(Phase(train=(), lora=Lora(), learning_rate=1.0), Phase(epochs=1))
    )

    first, second = plan_phases(training, Tiny(TinyOptions(train=("projector",))))

    assert ((), ("projector",)) == (first.parts, second.parts)
    assert [(3, 1.0), (1, 5e-5)] == [
        (each.options.epochs, each.options.learning_rate) for each in (first, second)
    ]
    assert [Lora(), None] == [first.options.lora, second.options.lora]


def test_a_recipe_of_phases_is_written_whole(two_phases, tmp_path):
    """The resolved recipe of the run folder is an equal recipe."""
    again = tmp_path / "again.toml"
    shutil.copy(tmp_path / "run" / "recipe.toml", again)

    first, second = (read_recipe(path, load_registry()).recipe for path in (two_phases, again))

    assert first == second


def test_a_phase_has_a_key_of_itself_and_those_before():
    """Another second phase is another key, and the first keeps its own."""
    two = Training(phase=(Phase(), Phase(epochs=1)))
    other = attrs.evolve(two, phase=(Phase(), Phase(epochs=2)))

    first, second = (
        phase_keys("key", plan_phases(each, Tiny(TinyOptions()))) for each in (two, other)
    )

    assert first[0] == second[0]
    assert first[1] != second[1]


def test_a_finished_phase_leaves_no_checkpoints(tmp_path):
    """Model and history stay; what only a stopped phase needs is deleted."""
    (folder,) = open_folders(tmp_path, "key", plan_phases(Training(), Tiny(TinyOptions())))
    (folder.path / "checkpoint-1").mkdir()
    assert not folder.is_done()

    facts = PhaseFacts(phase=1, seed=7, settings={}, parameters={}, selected=None)
    history = PhaseHistory(facts=facts, history=({"step": 2, "loss": 0.5},))

    folder.finish(Path.mkdir, history)

    assert folder.is_done()
    assert history == folder.read_history()
    assert ["history.json", "made-from.json", "model", "model.json"] == sorted(
        path.name for path in folder.path.iterdir()
    )


@pytest.fixture
def ended(tmp_path) -> tuple[PhaseFolder, PhaseHistory]:
    """The folder of a phase that has ended, and its history."""
    (folder,) = open_folders(tmp_path, "key", plan_phases(Training(), Tiny(TinyOptions())))
    facts = PhaseFacts(phase=1, seed=7, settings={}, parameters={}, selected=None)
    history = PhaseHistory(facts=facts, history=({"step": 2, "loss": 0.5},))
    folder.finish(lambda model: write_text(model / "weights", "whole"), history)
    assert folder.is_done()
    return folder, history


def test_a_finished_phase_that_was_damaged_is_not_done(ended):
    """Its model is no more what the next phase began from; and it says which file it is."""
    folder, history = ended
    (folder.model / "weights").write_text("x")

    assert not folder.is_done()
    assert "weights" in folder.fault()
    folder.finish(lambda model: write_text(model / "weights", "again"), history)
    assert folder.is_done()


@pytest.mark.parametrize("name", ["made-from.json", "model.json", "history.json"])
@pytest.mark.parametrize("how", ["emptied", "one bit", "zeroed"])
def test_a_damaged_note_of_a_finished_phase_is_made_again(ended, name, how):
    """What it told is told elsewhere too, so that no training is lost for a few kilobytes."""
    folder, history = ended
    whole = (folder.path / name).read_bytes()
    turned = whole.replace(b"k", b"j", 1)
    damaged = {"emptied": b"", "one bit": turned, "zeroed": bytes(len(whole))}[how]
    (folder.path / name).write_bytes(damaged)
    assert folder.is_done()
    assert history == folder.read_history()

    assert [name] == folder.mend(known=False)

    assert whole == (folder.path / name).read_bytes()
    assert [] == folder.mend(known=False)


def test_a_phase_killed_between_its_notes_has_none_made(ended):
    """It was not done: the note that is missing is no damaged one, and its end is still to come."""
    folder, _ = ended
    folder.history.unlink()

    assert [] == folder.mend(known=True)

    assert not folder.is_done()


def test_a_phase_without_any_whole_note_is_not_done(ended):
    """Nobody knows what its model was by then."""
    folder, _ = ended
    for name in ("model.json", "history.json"):
        (folder.path / name).write_text("{")

    assert not folder.is_done()
    assert "history.json cannot be read" == folder.fault()


def test_a_phase_of_an_earlier_brainplug_is_done_as_before(ended):
    """Its notes had no checksum, and told other things."""
    folder, history = ended
    note = folder.note()
    write_json(folder.path / "model.json", note["files"])
    write_json(folder.history, to_json(history))
    write_json(folder.made_from, "key")

    assert folder.is_done()
    assert history == folder.read_history()
    assert ("key", []) == (key_of(folder.path), folder.mend(known=True))
    (folder.model / "weights").write_text("x")
    assert not folder.is_done()


def test_a_copy_replaces_a_folder_whole(tmp_path):
    """Files of the old folder and of a killed copy are gone; what is added is in the copy only."""
    for name, file in (("new", "a"), ("old", "b"), (".old.new", "c")):
        (tmp_path / name).mkdir()
        (tmp_path / name / file).touch()

    copy_whole(tmp_path / "new", tmp_path / "old", lambda copy: (copy / "d").touch())

    assert {"a", "d"} == {path.name for path in (tmp_path / "old").iterdir()}
    assert ["a"] == [path.name for path in (tmp_path / "new").iterdir()]
    assert {"new", "old"} == {path.name for path in tmp_path.iterdir()}


def test_a_warm_up_that_never_ends_is_refused():
    """The message names the keys and the steps there are."""
    with pytest.raises(RunError) as caught:
        make_schedule(Training(epochs=2, warmup_steps=6), steps_per_epoch=3)

    assert (("training.warmup_steps",), 6) == (caught.value.where, caught.value.found)
    assert "6, but training.epochs 2 of 3 optimiser steps make 6" == caught.value.what


def test_a_training_is_told_as_one_history():
    """All rows, each with its phase; the checkpoint chosen in the last phase is that of the run."""
    chosen = SelectedCheckpoint(phase=2, metric="accuracy", value=0.7, step=8)
    first = PhaseFacts(phase=1, seed=7, settings={}, parameters={}, selected=None)
    last = attrs.evolve(first, phase=2, selected=chosen)
    rows = ({"step": 2, "loss": 0.5},)

    told = TrainingHistory.of([PhaseHistory(facts=facts, history=rows) for facts in (first, last)])

    assert ({"phase": 1, **rows[0]}, {"phase": 2, **rows[0]}) == told.history
    assert (chosen, (first, last)) == (told.selected, told.phases)
