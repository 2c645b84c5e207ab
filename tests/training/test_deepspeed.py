"""What DeepSpeed is told, what of the user's own file contradicts the recipe, and silence."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import util

import pytest
import torch

from brainplug.cli.main import main
from brainplug.errors import RunError
from brainplug.recipe.deepspeed import check_deepspeed
from brainplug.recipe.requirements import check_needs, lacks_deepspeed
from brainplug.recipe.training_tables import Phase, Training
from brainplug.training.deepspeed import make_deepspeed, mend_universal


def settings_of(preset: str, **more):
    return make_deepspeed(Training(deepspeed=preset, **more), cpu=True)


@pytest.mark.parametrize(
    ("preset", "stage"), [("zero1", 1), ("zero2", 2), ("zero3", 3), ("zero3-offload", 3)]
)
def test_a_preset_is_a_stage_with_our_own_optimiser(preset, stage):
    """The stage is that of the name; AdamW and its settings stay transformers'."""
    made = settings_of(preset)

    assert stage == made["zero_optimization"]["stage"]
    assert "optimizer" not in made
    assert "auto" == made["gradient_clipping"] == made["train_micro_batch_size_per_gpu"]
    assert json.loads(json.dumps(made)) == made


def test_only_offloading_puts_weights_in_the_memory_of_the_machine():
    """`zero3-offload` is `zero3` with two keys more."""
    plain, offloaded = (
        settings_of(preset)["zero_optimization"] for preset in ("zero3", "zero3-offload")
    )

    assert {"offload_optimizer", "offload_param"} == offloaded.keys() - plain.keys()
    assert plain == {key: offloaded[key] for key in plain}


@pytest.mark.parametrize(("precision", "on"), [("float32", False), ("bfloat16", True)])
def test_the_number_format_is_that_of_autocast(precision, on):
    """Weights are float32 whatever the precision, as they are without DeepSpeed."""
    made = settings_of("zero2", precision=precision)

    assert {"enabled": on, "dtype": "bfloat16"} == made["torch_autocast"]
    assert not made["bf16"]["enabled"]


def test_no_deepspeed_is_no_setting():
    """A recipe without the key trains without it."""
    assert make_deepspeed(Training(), cpu=True) is None


@pytest.fixture
def write(tmp_path):
    """Give a writer of DeepSpeed files."""

    def write_file(text):
        path = tmp_path / "own.json"
        path.write_text(text if isinstance(text, str) else json.dumps(text))
        return path

    return write_file


def test_a_file_is_taken_as_it_is(write):
    """With `auto`, our values, or nothing where the recipe decides; the number format is added."""
    own = {"zero_optimization": {"stage": 2}, "gradient_accumulation_steps": 4}
    own |= {"train_micro_batch_size_per_gpu": "auto", "optimizer": {"params": {"lr": "auto"}}}

    made = make_deepspeed(Training(deepspeed=write(own), precision="bfloat16"), cpu=True)

    assert own == {key: made[key] for key in own}
    assert made["torch_autocast"]["enabled"]


@pytest.mark.parametrize(
    ("own", "words"),
    [
        ("[1]", "expected a JSON object, got a list"),
        ("{", "expected a JSON file of DeepSpeed's settings"),
        ({"train_micro_batch_size_per_gpu": 3}, "per_gpu is 3, training.batch_size is 1"),
        ({"gradient_accumulation_steps": 2}, "steps is 2, training.accumulation is 4"),
        ({"optimizer": {"params": {"lr": 1.0}}}, "lr is 1.0, training.learning_rate is 5e-05"),
        ({"optimizer": {"params": {"lr": 5e-5}}}, "training.learning_rate is 5e-05 and 0.001"),
        ({"train_batch_size": 32}, "depends on the number of devices"),
        ({"bf16": {"enabled": True}}, "asks for bfloat16, training.precision is 'float32'"),
        ({"fp16": {"enabled": True}}, "asks for float16, training.precision is 'float32'"),
    ],
)
def test_a_file_that_contradicts_the_recipe_is_refused(own, words, write):
    """The message names the key of the file and that of the recipe, and both values."""
    phases = (Phase(), Phase(learning_rate=1e-3)) if "and 0.001" in words else ()
    options = Training(deepspeed=write(own), phase=phases)

    ((keys, problem),) = check_deepspeed(options)

    assert (("training", "deepspeed"), True) == (keys, words in problem)
    with pytest.raises(RunError):
        make_deepspeed(options, cpu=True)


def test_check_refuses_a_file_that_is_not_there(write_recipe, capsys):
    """A misspelt preset is taken for a path, and the error lists the presets."""
    recipe = write_recipe()
    recipe.write_text(recipe.read_text().replace("[training]", '[training]\ndeepspeed = "zero4"'))

    assert main(["check", str(recipe)]) == 1

    told = capsys.readouterr().err
    assert "training.deepspeed: expected 'zero1', 'zero2', 'zero3', 'zero3-offload' or" in told
    assert "zero4" in told


def test_what_is_not_installed_is_named_with_its_extra(monkeypatch):
    """Trackers are looked for at `check`, without importing them."""
    monkeypatch.setattr("brainplug.recipe.requirements.find_spec", lambda _name: None)

    found = dict(check_needs(Training(deepspeed="zero2", report_to=("wandb",))))

    assert {("training", "report_to", 0)} == found.keys()
    assert "pip install 'brainplug[wandb]'" in found["training", "report_to", 0]


def test_what_is_installed_is_no_problem():
    """The test environment has DeepSpeed and tensorboard."""
    assert util.find_spec("deepspeed")
    assert not lacks_deepspeed(Training(deepspeed="zero2"))
    assert [] == list(check_needs(Training(deepspeed="zero2", report_to=("tensorboard",))))


def test_a_recipe_for_deepspeed_is_checked_and_prepared_without_it(
    write_recipe, tmp_path, monkeypatch, capsys
):
    """Only what is to train stops, and at once; `check` says so beforehand."""
    monkeypatch.setattr("brainplug.recipe.requirements.find_spec", lambda _name: None)
    recipe, folder = write_recipe(), tmp_path / "run"
    recipe.write_text(recipe.read_text().replace("[training]", '[training]\ndeepspeed = "zero2"'))

    assert 0 == main(["check", str(recipe)])
    told = " ".join(capsys.readouterr().out.split())
    assert "pip install 'brainplug[gpu]', or on one GPU or a CPU leave the key out" in told

    assert 1 == main(["run", str(recipe), "--output", str(folder), "--until", "training"])
    assert "brainplug: error: training.deepspeed needs deepspeed" in capsys.readouterr().err
    assert not folder.exists()

    assert 0 == main(["prepare", str(recipe), "--output", str(folder)])


def test_one_process_is_a_group_for_deepspeed_and_nothing_is_printed():
    """DeepSpeed finds a group of one and looks for no MPI; it does not guess aloud."""
    code = (
        "from brainplug.runtime.ranks import Ranks\n"
        "from brainplug.training.deepspeed import prepare_deepspeed\n"
        "prepare_deepspeed(Ranks())\n"
        "import deepspeed\n"
        "deepspeed.init_distributed()\n"
        "print(deepspeed.comm.get_world_size())\n"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert ("1\n", "") == (done.stdout, done.stderr)


def test_a_universal_checkpoint_is_put_right():
    """Each part of the state counts its own steps, and each group has its rate and decay again."""
    weights = [torch.nn.Parameter(torch.ones(2)) for _ in range(2)]
    inner = torch.optim.AdamW([{"params": [each]} for each in weights], lr=0.01, weight_decay=0.5)
    for each in weights:
        each.grad = torch.ones(2)
    inner.step()
    shared = torch.tensor(4.0)
    for each in weights:
        inner.state[each]["step"] = shared
    wrapper = type("Engine", (), {"optimizer": inner})

    mend_universal(wrapper, [(0.1, 0.5), (0.3, 0.0)])
    inner.step()

    assert [5.0, 5.0] == [float(inner.state[each]["step"]) for each in weights]
    assert [0.5, 0.0] == [group["weight_decay"] for group in inner.param_groups]
    assert [0.01, 0.03] == pytest.approx([group["lr"] for group in inner.param_groups])
