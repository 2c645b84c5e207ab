"""What standardises scans is fitted to the training scans, and to no other."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from brainplug.cli.main import main
from brainplug.imaging.cache import load_volume
from brainplug.model.llava import embeddings_of
from brainplug.recipe.load import read_recipe
from brainplug.registry import load_registry
from brainplug.runtime.files import cache_folder
from brainplug.runtime.ranks import Ranks
from brainplug.tasks.read import read_tasks
from brainplug.training.standardise import fit_standardisation
from brainplug_plugins.models.tiny import Tiny, TinyOptions
from small import make_task

SHAPE = (8, 8, 4)
SCANS = {name: np.random.default_rng(n).gamma(2.0, size=SHAPE) for n, name in enumerate("abqr")}
SCANS["extreme"] = np.full(SHAPE, 1e6)


def build(kind):
    options = TinyOptions(
        hidden_size=8,
        heads=1,
        vision_layers=1,
        language_layers=1,
        patch=(4, 4, 4),
        standardise=kind,
    )
    return Tiny(options).build(SHAPE, seed=1)


def session_of(train, read):
    """Give what is looked at of a session, and note which scans are read."""

    def load(path):
        read.append(path.name)
        return SCANS[path.name]

    return SimpleNamespace(
        tasks={"train": train, "val": [make_task("v", ["a"], "extreme")], "test": []},
        load=load,
        ranks=Ranks(),
        show=lambda _line: None,
    )


TRAIN = [make_task("1", ["r", "b"], "q"), make_task("2", ["b"], "a"), make_task("3", ["q"], "a")]


@pytest.mark.parametrize("kind", ["grid", "voxel"])
def test_each_training_scan_counts_once_and_no_other(kind):
    """References and queries; an extreme scan of validation leaves no trace."""
    bundle, read = build(kind), []
    wanted = np.stack([SCANS[name] for name in "abqr"])

    fit_standardisation(bundle, session_of(TRAIN, read))

    fitted = embeddings_of(bundle.model).standardisation
    axes = 0 if kind == "voxel" else None
    assert ["a", "b", "q", "r"] == read
    np.testing.assert_allclose(fitted.mean.numpy().squeeze(), wanted.mean(axis=axes), rtol=1e-5)
    if kind == "grid":
        np.testing.assert_allclose(fitted.sd.item(), wanted.std(), rtol=1e-5)


def test_without_standardisation_no_scan_is_read():
    """Nothing is fitted where nothing is asked for."""
    read = []

    fit_standardisation(build("none"), session_of(TRAIN, read))

    assert [] == read


def test_the_order_of_tasks_does_not_matter():
    """Sums are taken in the order of names, so that every run fits the same bits."""
    fitted = []
    for tasks in (TRAIN, TRAIN[::-1]):
        bundle = build("voxel")
        fit_standardisation(bundle, session_of(tasks, []))
        fitted.append(embeddings_of(bundle.model).standardisation)

    assert torch.equal(fitted[0].mean, fitted[1].mean)
    assert torch.equal(fitted[0].sd, fitted[1].sd)


def test_a_run_leaves_a_model_that_standardises(write_recipe, tmp_path):
    """Convolutions and no layer behind, two phases: the model states the training's moments."""
    recipe = write_recipe(epochs=1)
    text = recipe.read_text().replace(
        "vision_layers = 1", 'vision_layers = 0\nstem = "convolution"\nstandardise = "grid"'
    )
    phases = "[[training.phase]]\n[[training.phase]]\ntrain = ['projector']\n"
    recipe.write_text(text.replace("[evaluation]", f"{phases}[evaluation]"))
    folder = tmp_path / "run"

    assert main(["run", str(recipe), "--output", str(folder), "--until", "training"]) == 0

    held = load_file(folder / "model" / "model.safetensors")
    images = read_recipe(recipe, load_registry()).recipe.images
    tasks = read_tasks(next((folder / "tasks").glob("*_train.json")))
    files = {file for task in tasks for file in task.images}
    seen = np.stack([load_volume(file, images.grid, cache_folder()) for file in files])
    place = "vision_tower.embeddings.standardisation."
    np.testing.assert_allclose(held[f"{place}mean"].item(), seen.mean(dtype=float), rtol=1e-5)
    np.testing.assert_allclose(held[f"{place}sd"].item(), seen.std(dtype=float), rtol=1e-5)
