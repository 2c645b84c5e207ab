"""Adapters: on the named layers, alone in learning, and gone without a trace once merged."""

from __future__ import annotations

import sys

import attrs
import pytest
import torch
from safetensors.torch import load_file

from brainplug.errors import DataError
from brainplug.model.bundle import load_bundle
from brainplug.model.llava import train_only
from brainplug.model.lora import add_adapters, count_weights, merge_adapters
from brainplug.recipe.training_tables import Lora
from brainplug_plugins.models.tiny import Tiny, TinyOptions

SHAPE = (8, 8, 4)
TOWER = "model.vision_tower.encoder.layers.0.self_attn.q_proj.weight"
LANGUAGE = "model.language_model.layers.0.self_attn.q_proj.weight"
BOTH = Lora(parts=("vision-tower", "language-model"), rank=2, alpha=6.0, targets=("q_proj",))


@pytest.fixture
def bundle():
    options = TinyOptions(
        hidden_size=16, heads=2, vision_layers=1, language_layers=1, patch=(4, 4, 4), train=()
    )
    return Tiny(options).build(SHAPE, seed=3)


def copy_weights(model) -> dict[str, torch.Tensor]:
    return {name: weight.clone() for name, weight in model.state_dict().items()}


def speak(model) -> torch.Tensor:
    """Return the logits of a fixed dialogue with two scans."""
    image, generator = model.config.image_token_id, torch.Generator().manual_seed(0)
    ids = torch.tensor([[5, *[image] * 4, 6, 7, *[image] * 4, 8, 9]])
    scans = torch.randn(2, 1, *SHAPE, generator=generator)
    model.eval()
    with torch.no_grad():
        return model(input_ids=ids, pixel_values=scans.to(model.dtype)).logits


def learn_something(model) -> None:
    """Move the adapters' second factors off zero."""
    generator = torch.Generator().manual_seed(1)
    for name, weight in model.named_parameters():
        if ".lora_B." in name:
            weight.data.normal_(std=0.2, generator=generator)


def adapters_of(model) -> dict[str, torch.Tensor]:
    return {name: each.data.clone() for name, each in model.named_parameters() if ".lora_" in name}


def test_new_adapters_change_nothing(bundle):
    """Before they have learnt the model says exactly what it said."""
    before = speak(bundle.model)

    add_adapters(bundle.model, BOTH, seed=1)

    assert torch.equal(before, speak(bundle.model))


def test_merged_adapters_compute_the_same(bundle):
    """Logits with adapters and after merging agree to rounding, and are not those from before."""
    before = speak(bundle.model)
    add_adapters(bundle.model, BOTH, seed=1)
    learn_something(bundle.model)
    adapted = speak(bundle.model)

    merge_adapters(bundle.model)

    torch.testing.assert_close(speak(bundle.model), adapted, rtol=1e-4, atol=1e-5)
    assert not torch.allclose(before, adapted, rtol=1e-2, atol=1e-2)


def test_an_adapter_counts_alpha_over_rank_times(bundle):
    """The merged weight is the old one plus alpha / rank times the product of both factors."""
    before = copy_weights(bundle.model)
    add_adapters(bundle.model, BOTH, seed=1)
    learn_something(bundle.model)
    factors = adapters_of(bundle.model)
    stem = LANGUAGE.removesuffix("weight")
    product = factors[f"{stem}lora_B.default.weight"] @ factors[f"{stem}lora_A.default.weight"]

    merge_adapters(bundle.model)

    torch.testing.assert_close(bundle.model.state_dict()[LANGUAGE], before[LANGUAGE] + 3 * product)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_merging_leaves_plain_layers_and_touches_no_others(bundle, dtype):
    """Names and number formats are those from before; all but the targets are so to the bit."""
    bundle.model.to(dtype)
    before = copy_weights(bundle.model)
    add_adapters(bundle.model, BOTH, seed=1)
    learn_something(bundle.model)

    merge_adapters(bundle.model)

    after = bundle.model.state_dict()
    assert list(before) == list(after)
    assert {dtype} == {weight.dtype for weight in after.values()}
    assert {TOWER, LANGUAGE} == {
        name for name in after if not torch.equal(before[name], after[name])
    }
    assert torch.nn.Linear is type(bundle.model.get_submodule(LANGUAGE.removesuffix(".weight")))


def test_a_merged_model_is_saved_as_a_plain_folder(bundle, tmp_path):
    """The file holds the weights of the model without adapters, and loads to the same logits."""
    bundle.save(tmp_path / "before")
    add_adapters(bundle.model, BOTH, seed=1)
    learn_something(bundle.model)
    merge_adapters(bundle.model)

    bundle.save(tmp_path / "after")

    before, after = (
        load_file(tmp_path / name / "model.safetensors") for name in ("before", "after")
    )
    assert {name: weight.shape for name, weight in before.items()} == {
        name: weight.shape for name, weight in after.items()
    }
    configs = [(tmp_path / name / "config.json").read_text() for name in ("before", "after")]
    assert configs[0] == configs[1]
    assert torch.equal(speak(bundle.model), speak(load_bundle(tmp_path / "after").model))


def test_merging_without_adapters_does_nothing(bundle, monkeypatch):
    """Nor does it need PEFT."""
    monkeypatch.setitem(sys.modules, "peft", None)
    before = copy_weights(bundle.model)

    merge_adapters(bundle.model)

    after = bundle.model.state_dict()
    assert list(before) == list(after)
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_adapters_follow_each_other(bundle):
    """A merged model can have adapters again, on other layers."""
    add_adapters(bundle.model, BOTH, seed=1)
    merge_adapters(bundle.model)

    add_adapters(bundle.model, Lora(rank=2, targets=("v_proj",)), seed=1)

    assert {"v_proj"} == {name.split(".")[-4] for name in adapters_of(bundle.model)}


def test_only_adapters_learn_besides_what_learnt(bundle):
    """The parts that learn go on learning; all else, the adapted layers too, is frozen."""
    train_only(bundle.model, ["projector"])

    add_adapters(bundle.model, BOTH, seed=1)

    learning = {name for name, each in bundle.model.named_parameters() if each.requires_grad}
    adapters = set(adapters_of(bundle.model))
    assert 4 == len(adapters)
    assert adapters <= learning
    assert all("multi_modal_projector" in name for name in learning - adapters)
    assert 4 == len(learning - adapters)


def test_what_learnt_learns_after_merging(bundle):
    """Merging leaves no layer frozen or thawed that was not."""
    train_only(bundle.model, ["projector"])
    add_adapters(bundle.model, BOTH, seed=1)

    merge_adapters(bundle.model)

    counts = count_weights(bundle.model)
    assert ["projector"] == [part for part, count in counts.items() if count.learns]
    assert 0 == sum(count.adapters for count in counts.values())


def test_adapters_count_in_their_part(bundle):
    """A layer of 16 by 16 has adapters of 2 by 16 and 16 by 2, and stays frozen itself."""
    before = count_weights(bundle.model)

    add_adapters(bundle.model, BOTH, seed=1)

    after = count_weights(bundle.model)
    assert [0, 64, 0, 64] == [count.adapters for count in after.values()]
    assert [each.frozen for each in before.values()] == [each.frozen for each in after.values()]


def test_adapters_are_drawn_from_the_seed_alone(bundle):
    """The same seed gives the same adapters; torch's own generator is left where it was."""
    drawn, state = [], torch.random.get_rng_state()
    for seed in (1, 1, 2):
        add_adapters(bundle.model, BOTH, seed=seed)
        drawn.append(adapters_of(bundle.model)[LANGUAGE.replace("weight", "lora_A.default.weight")])
        merge_adapters(bundle.model)

    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])
    assert torch.equal(state, torch.random.get_rng_state())


def test_layers_that_nobody_is_shown_get_no_adapter():
    """Features are taken before the tower's last layer here, so that it would learn nothing."""
    options = TinyOptions(
        hidden_size=8, heads=1, vision_layers=3, language_layers=1, patch=(4, 4, 4)
    )
    model = Tiny(options).build(SHAPE, seed=3).model
    model.config.vision_feature_layer = -2

    add_adapters(model, Lora(parts=("vision-tower",), targets=("q_proj", "fc1")), seed=1)

    layers = {name.partition("layers.")[2].partition(".")[0] for name in adapters_of(model)}
    assert {"0", "1"} == layers


def test_dropout_is_for_learning_only(bundle):
    """Adapters that drop inputs do so while the model trains, never while it answers."""
    add_adapters(bundle.model, attrs.evolve(BOTH, dropout=0.5), seed=1)
    learn_something(bundle.model)
    ids = torch.tensor([[5, 6, 7]])

    bundle.model.train()
    first, second = (bundle.model(input_ids=ids).logits for _ in range(2))

    assert not torch.equal(first, second)
    assert torch.equal(speak(bundle.model), speak(bundle.model))


def test_a_model_of_many_layers_gets_all_its_adapters():
    """Every layer of a deep model has one; names that begin alike are not mixed up."""
    options = TinyOptions(
        hidden_size=8, heads=1, vision_layers=1, language_layers=12, patch=(4, 4, 4)
    )
    model = Tiny(options).build(SHAPE, seed=3).model
    train_only(model, [])

    add_adapters(model, Lora(rank=1, targets=("q_proj", "up_proj")), seed=1)

    layers = {name.partition("layers.")[2].partition(".")[0] for name in adapters_of(model)}
    assert {str(number) for number in range(12)} == layers
    assert 12 * 2 * 2 == len(adapters_of(model))


@pytest.mark.parametrize(
    ("lora", "found", "hint"),
    [
        (Lora(targets=("q_proj", "qproj")), ("qproj",), "in language-model 'down_proj'"),
        (Lora(parts=("projector",)), Lora().targets, "in projector 'linear_1'"),
        (Lora(targets=("lm_head",)), ("lm_head",), "'q_proj'"),
        (Lora(targets=("embed_tokens",)), ("embed_tokens",), "'q_proj'"),
    ],
    ids=["misspelt", "of another part", "tied to the token embedding", "not linear"],
)
def test_names_that_match_no_layer_are_refused(bundle, lora, found, hint):
    """The error lists the linear layers there are, and the model is as before."""
    before = copy_weights(bundle.model)

    with pytest.raises(DataError) as caught:
        add_adapters(bundle.model, lora, seed=1)

    assert ("lora.targets",) == caught.value.where
    assert found == caught.value.found
    assert hint in caught.value.hint

    assert list(before) == list(bundle.model.state_dict())
