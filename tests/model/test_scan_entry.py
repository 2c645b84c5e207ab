"""How scans enter the tower: standardisation, convolutions, and a tower of one's own."""

from __future__ import annotations

import json
from pathlib import Path

import attrs
import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from brainplug.checkpoint.entry import ScanEntry, stem_stages
from brainplug.errors import DataError
from brainplug.model import llava
from brainplug.model.bundle import load_bundle
from brainplug.model.lora import count_weights
from brainplug.model.patches import PatchEmbedding3d
from brainplug.model.standardise import FLOOR, Standardisation, measure
from brainplug_plugins.models.tiny import Tiny, TinyOptions

SHAPE = (8, 16, 8)
SMALL = TinyOptions(
    hidden_size=16,
    heads=2,
    vision_layers=1,
    language_layers=1,
    patch=(4, 4, 4),
    stem="linear",
    standardise="none",
)
CONVOLVED = attrs.evolve(SMALL, stem="convolution", standardise="voxel", stem_widths=(4, 6))
RNG = np.random.default_rng(2)
SCANS = torch.from_numpy(RNG.normal(size=(3, 1, *SHAPE))).float()


def build(options=CONVOLVED, seed=3):
    return Tiny(options).build(SHAPE, seed=seed)


def features(bundle):
    bundle.model.eval()
    with torch.no_grad():
        return llava.encode_images(bundle.model, SCANS)


def volumes(count=7):
    """Make scans whose first slice is the same in everybody."""
    made = RNG.gamma(2.0, size=(count, *SHAPE))
    made[:, 0] = 0.25
    return made.astype(np.float16)


def test_the_grid_has_one_mean_and_one_spread():
    """They are those of all voxels of all volumes, in float64."""
    given = volumes()
    wanted = given.astype(np.float64)

    found = measure(iter(given), "grid")

    np.testing.assert_allclose(found.mean.item(), wanted.mean(), rtol=1e-12)
    np.testing.assert_allclose(found.sd.item(), wanted.std(), rtol=1e-12)


def test_each_voxel_has_its_own():
    """Mean and SD volume are numpy's, but that no SD is below a share of the grid's."""
    given = volumes()
    wanted = given.astype(np.float64)

    found = measure(iter(given), "voxel")

    np.testing.assert_allclose(found.mean, wanted.mean(axis=0), rtol=1e-12)
    floor = FLOOR * wanted.std()
    np.testing.assert_allclose(found.sd, np.maximum(wanted.std(axis=0), floor), rtol=1e-9)
    np.testing.assert_allclose(found.sd[0], floor, rtol=1e-12)


@pytest.mark.parametrize("kind", ["grid", "voxel"])
def test_standardised_scans_have_no_mean_and_the_spread(kind):
    """Over those it was fitted to; what is alike in everybody becomes 0 by voxels."""
    given = volumes(40)
    module = Standardisation(SHAPE if kind == "voxel" else (1, 1, 1), 0.5)
    module.take(measure(iter(given), kind))

    made = module(torch.from_numpy(given).float().unsqueeze(1))

    shown = made if kind == "grid" else made[:, :, 1:]
    assert shown.mean().item() == pytest.approx(0.0, abs=1e-5)
    assert shown.std().item() == pytest.approx(0.5, rel=0.02)
    if kind == "voxel":
        assert made[:, :, 0].abs().max().item() == pytest.approx(0.0, abs=1e-6)


def test_scans_without_any_contrast_stay_finite():
    """A constant study gives zeros."""
    flat = np.full(SHAPE, 0.5)
    module = Standardisation(SHAPE, 1.0)

    module.take(measure([flat, flat], "voxel"))

    assert module(torch.full((1, 1, *SHAPE), 0.5)).abs().max().item() == 0


@pytest.mark.parametrize("kind", ["grid", "voxel"])
@pytest.mark.parametrize("norm", ["group", "instance", "none"])
@pytest.mark.parametrize("layers", [0, 1])
def test_saved_and_loaded_it_sees_the_same(tmp_path, kind, norm, layers):
    """What was fitted and how scans enter are kept in the folder, to the bit."""
    options = attrs.evolve(CONVOLVED, standardise=kind, stem_norm=norm, vision_layers=layers)
    bundle = build(options)
    llava.embeddings_of(bundle.model).standardisation.take(measure(iter(volumes()), kind))
    bundle.save(tmp_path)

    again = load_bundle(tmp_path)

    assert options.entry == again.model.entry
    assert torch.equal(features(bundle), features(again))
    assert (layers == 0) == ("vision_tower.encoder" not in " ".join(again.model.state_dict()))


def test_a_folder_of_before_is_loaded_as_plain_patches(tmp_path):
    """Its patch file says nothing of stem and standardisation, and there are no buffers."""
    bundle = build(SMALL)
    bundle.save(tmp_path)
    file = tmp_path / "brainplug.json"
    facts = json.loads(file.read_text())
    del facts["entry"]
    file.write_text(json.dumps(facts))
    names = {
        name.rpartition("embeddings.")[2] for name in load_file(tmp_path / "model.safetensors")
    }

    again = load_bundle(tmp_path)

    assert {"projection.weight", "projection.bias", "position_embedding.weight"} == {
        name for name in names if name.startswith(("projection", "position", "stand", "stem"))
    }
    assert ScanEntry() == again.model.entry
    assert torch.equal(features(bundle), features(again))


def test_a_folder_with_a_stem_unknown_here_is_refused(tmp_path):
    """The error names the file and what it says."""
    build(SMALL).save(tmp_path)
    file = tmp_path / "brainplug.json"
    facts = json.loads(file.read_text())
    file.write_text(json.dumps({**facts, "entry": {**facts["entry"], "stem": "wavelets"}}))

    with pytest.raises(DataError) as caught:
        load_bundle(tmp_path)

    assert (file, "entry") == caught.value.where
    assert "wavelets" in str(caught.value)


def test_stages_shorten_a_scan_by_a_patch():
    """Factors come one a stage, smallest first; the first halves by its stride."""
    stages = stem_stages((16, 10, 3), (5, 7))

    assert [(1, 5), (5, 7), (7, 7), (7, 7)] == [(each.into, each.out) for each in stages]
    assert [(2, 2, 1), (1, 1, 1), (1, 1, 1), (1, 1, 1)] == [each.stride for each in stages]
    assert [(1, 1, 3), (2, 5, 1), (2, 1, 1), (2, 1, 1)] == [each.pool for each in stages]


@pytest.mark.parametrize("patch", [(4, 4, 4), (8, 2, 1), (1, 1, 1), (2, 8, 4)])
@pytest.mark.parametrize("norm", ["group", "none"])
def test_the_plan_counts_what_is_built(patch, norm):
    """Tokens and weights are known without building, for both stems."""
    for stem in ("linear", "convolution"):
        tiny = Tiny(attrs.evolve(CONVOLVED, patch=patch, stem=stem, stem_norm=norm))
        model = tiny.build(SHAPE, seed=0).model
        plan = tiny.plan(SHAPE)

        shown = llava.encode_images(model, SCANS)
        assert plan.tokens_per_image == shown.shape[1] == model.tokens_per_image
        assert plan.num_parameters == sum(each.numel() for each in model.parameters())


@pytest.mark.parametrize("stem", ["linear", "convolution"])
def test_a_mark_in_a_block_is_seen_by_its_token(stem):
    """Tokens stand in C order of their blocks, so left stays left, whatever the stem.

    A block of noise moves its own token most, and none that is not its neighbour.
    """
    shape, patch, grid = (12, 16, 8), (4, 4, 4), (3, 4, 2)
    torch.manual_seed(0)
    embeddings = PatchEmbedding3d(shape, patch, 16, ScanEntry(stem=stem, stem_norm="none"))
    plain = torch.zeros(1, 1, *shape)
    for number, (i, j, k) in enumerate(np.ndindex(grid)):
        marked = plain.clone()
        marked[0, 0, 4 * i : 4 * i + 4, 4 * j : 4 * j + 4, 4 * k : 4 * k + 4] = torch.rand(4, 4, 4)

        with torch.no_grad():
            moved = (embeddings(marked) - embeddings(plain))[0].norm(dim=1)

        assert number == int(moved.argmax())
        far = [
            place
            for place, other in enumerate(np.ndindex(grid))
            if max(np.abs(np.subtract(other, (i, j, k)))) > 1
        ]
        assert moved[far].max() == 0


def test_people_of_a_batch_do_not_reach_each_other():
    """A scan alone, beside others, and beside itself changed gives one and the same tokens."""
    bundle = build(attrs.evolve(CONVOLVED, standardise="none"))
    bundle.model.double().train()
    scans = SCANS.double()

    together = llava.encode_images(bundle.model, scans)
    alone = torch.cat([llava.encode_images(bundle.model, each) for each in scans.split(1)])
    beside = llava.encode_images(bundle.model, torch.cat([scans[:1], 100 * scans[1:]]))

    torch.testing.assert_close(together, alone, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(together[:1], beside[:1], rtol=1e-12, atol=1e-12)


def test_a_stem_is_drawn_from_the_seed_and_counts_as_patch_embedding():
    """The same seed gives the same weights, another other ones; nobody else's draws change."""
    state = torch.get_rng_state()
    one, two, other = (build(seed=seed).model for seed in (1, 1, 2))
    first = "model.vision_tower.embeddings.stem.stages.0.convolution.weight"

    weights = [dict(each.named_parameters())[first] for each in (one, two, other)]

    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    assert torch.equal(state, torch.get_rng_state())
    llava.train_only(one, ["patch-embedding"])
    assert count_weights(one)["patch-embedding"].learns == sum(
        each.numel() for each in llava.embeddings_of(one).parameters()
    )


@pytest.mark.parametrize("options", [SMALL, CONVOLVED, attrs.evolve(CONVOLVED, vision_layers=0)])
@pytest.mark.parametrize("whole", [True, False])
def test_a_tower_begins_from_weights_of_ones_own(tmp_path, options, whole):
    """The file of a whole model does, and one of the tower's tensors by their names below it."""
    options = attrs.evolve(options, standardise="none")
    given = build(options, seed=8)
    file = tmp_path / "model.safetensors"
    given.save(tmp_path)
    if not whole:
        file = tmp_path / "tower.safetensors"
        save_file(given.model.model.vision_tower.state_dict(), file)

    tiny = Tiny(attrs.evolve(options, tower_weights=file))
    made = tiny.build(SHAPE, seed=1)

    assert torch.equal(features(given), features(made))
    assert not torch.equal(given.model.lm_head.weight, made.model.lm_head.weight)
    assert (file,) == tiny.sources()
    assert {"tower_weights": file.name} == made.source


def test_a_folder_of_a_model_holds_a_tower_too(tmp_path):
    """What it was standardised by is not taken over: a training fits its own."""
    given = build(seed=8)
    llava.embeddings_of(given.model).standardisation.take(measure(iter(volumes()), "voxel"))
    given.save(tmp_path)

    made = build(attrs.evolve(CONVOLVED, tower_weights=tmp_path))

    wanted, got = (llava.embeddings_of(each.model) for each in (given, made))
    assert torch.equal(wanted.projection.weight, got.projection.weight)
    assert got.standardisation.mean.abs().max() == 0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"stem": "linear"}, ("no place for: 'embeddings.stem.stages.0.convolution.weight'",)),
        ({"vision_layers": 2}, ("lack", "'encoder.layers.1.layer_norm1.bias'")),
        (
            {"stem_widths": (4, 8)},
            ("'embeddings.projection.weight' is (16, 6), expected (16, 8)",),
        ),
    ],
)
def test_a_tower_that_does_not_fit_is_refused_by_name(tmp_path, change, said):
    """Tensors and shapes are told when the recipe is checked, before anything is built."""
    build().save(tmp_path)
    tiny = Tiny(attrs.evolve(CONVOLVED, tower_weights=tmp_path / "model.safetensors", **change))

    with pytest.raises(DataError) as caught:
        tiny.plan(SHAPE)

    assert (tmp_path / "model.safetensors",) == caught.value.where
    assert all(each in str(caught.value) for each in said)


def test_a_tower_that_is_nowhere_is_refused():
    """The message names the file and the key."""
    with pytest.raises(DataError) as caught:
        Tiny(attrs.evolve(SMALL, tower_weights=Path("no/tower.safetensors"))).plan(SHAPE)

    assert (Path("no/tower.safetensors"),) == caught.value.where
    assert "model.tower_weights" in str(caught.value)
