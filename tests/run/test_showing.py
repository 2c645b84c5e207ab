"""Dialogues of a recipe: those that a run makes, without running it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from brainplug.api.records import ModelPlan
from brainplug.recipe.load import read_recipe
from brainplug.registry import load_registry
from brainplug.run import showing
from brainplug.run.showing import counter_of, show_recipe
from brainplug.tasks.task import write_tasks
from small import DESIGN, GRID, LEARNING, make_task

TEXT = DESIGN.format(head="categorical", column="sex", more="") + GRID + LEARNING.format(epochs=1)


def show_text(place, text=TEXT, **asked):
    """Show a recipe that is written here."""
    path = place / "recipe.toml"
    path.write_text(text)
    registry = load_registry()
    file = read_recipe(path, registry)
    return show_recipe(file, registry=registry, **{"split": "train", "number": 4} | asked)


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """Give four training dialogues of a small recipe, whose scans nobody has written."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BRAINPLUG_CACHE", str(tmp_path_factory.mktemp("cache")))
        return show_text(tmp_path_factory.mktemp("shown"))


def test_they_are_of_different_people_and_values(shown):
    """Two labels beside references of either are four kinds, or nearly."""
    dialogues = [each.dialogue for each in shown.tasks]

    assert 4 == len({each.subject for each in dialogues})
    assert {"male", "female"} == {each.truth for each in dialogues}
    assert {"train"} == {each.task_id.partition("-")[0] for each in dialogues}
    assert shown.total > 4


def test_tokens_of_the_tiny_model_are_counted(shown):
    """16 voxels along an edge in patches of 8 are 8 patches a scan."""
    assert shown.exact
    assert 4096 == shown.context_length
    assert {16} == {each.dialogue.tokens.scans for each in shown.tasks}


def test_scans_that_are_not_there_yet_are_no_hindrance(shown):
    """Of a simulated study, which the run writes."""
    assert "the scans are not there yet; the run writes them first" in shown.notes
    assert all(each.answer is None for each in shown.tasks)


def test_finished_task_files_are_shown(tmp_path):
    """Of each split its own, and no more than there are."""
    for split in ("train", "val", "test"):
        task = make_task(f"{split}-1", [f"{split}r"], f"{split}q")
        write_tasks(tmp_path / f"{split}.json", [task])
    files = "\n".join(f'{split} = ["{split}.json"]' for split in ("train", "val", "test"))

    found = show_text(tmp_path, f"[tasks]\n{files}\n{GRID}{LEARNING.format(epochs=1)}", split="val")

    assert (["val-1"], 1) == ([each.dialogue.task_id for each in found.tasks], found.total)


class Absent:
    """A model whose weights are not here."""

    def plan(self, _shape):
        """Know the size of scans only."""
        return ModelPlan(
            tokens_per_image=8, num_parameters=0, context_length=sys.maxsize, notes=("get it",)
        )

    def count_tokens(self, text):
        """Estimate from above."""
        return len(text)


def test_an_estimate_is_called_one():
    """Where the tokenizer is not on this machine."""
    counter = counter_of(Absent(), (16, 16, 16))

    assert (False, None) == (counter.exact, counter.context_length)
    assert "estimates, and at most so many" in counter.notes[0]
    assert "get it" == counter.notes[1]


def test_dialogues_longer_than_the_model_takes_are_told(shown):
    """They are shown all the same, so that one sees why."""
    counter = showing.Counter(encoder=None, context_length=10, exact=True)

    assert counter.tell(shown.tasks)[0].startswith("4 of these dialogues have more tokens than")


def test_what_else_weighs_in_the_loss_is_told(tmp_path):
    """Of training dialogues, since others have no loss."""
    text = TEXT.replace("epochs = 1", "epochs = 1\ntelling_weight = 8.0\nauxiliary = 1.0")

    told = "\n".join(show_text(tmp_path, text).notes)
    assert "a token that tells the value weighs 8 in the loss" in told
    assert "training.auxiliary" in told
    assert "loss" not in "\n".join(show_text(tmp_path, text, split="val").notes)


def test_torch_is_not_imported():
    """Nor what else takes long; in a process of its own, since this one may have it."""
    code = (
        "import sys, brainplug.run.showing, brainplug.run.showing_run, brainplug.cli.show; "
        "print([name for name in ('torch', 'transformers', 'sklearn') if name in sys.modules])"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "[]" == told.stdout.strip()
