"""`llava-interleave`: a checkpoint of the hub on 3-D scans, every other weight as it was."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from brainplug.api.records import Image, Turn
from brainplug.checkpoint.tensors import plain_name
from brainplug.errors import DataError
from brainplug.model.bundle import load_bundle
from brainplug.model.convert import inflate
from brainplug.model.llava import part_of, train_only
from brainplug.model.patches import PatchEmbedding3d
from brainplug.model.standardise import measure
from brainplug.tasks.chat import ChatEncoder
from brainplug_plugins.models.llava_interleave import LlavaInterleave, LlavaInterleaveOptions
from hub_format import write_checkpoint

SHAPE, PATCH = (8, 12, 16), (4, 4, 4)
TOKENS = 2 * 3 * 4
TURNS = (
    Turn.user(Image(0), "This is ä."),
    Turn.assistant("Noted."),
    Turn.user(Image(1), "And this?"),
    Turn.assistant("It is b."),
)
EMBEDDINGS = "vision_tower.embeddings."


@pytest.fixture(scope="module", autouse=True)
def _quiet():
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """A checkpoint in the hub's layout, bfloat16, words read and predicted by one matrix."""
    return write_checkpoint(tmp_path_factory.mktemp("hub") / "small-llava")


def make(folder, **options):
    return LlavaInterleave(LlavaInterleaveOptions(weights=folder, patch=PATCH, **options))


def build(folder, *, seed=3, **options):
    return make(folder, **options).build(SHAPE, seed=seed)


def tensors_of(folder):
    """Return every tensor of a checkpoint by its plain name."""
    found = {}
    for path in folder.glob("*.safetensors"):
        with safe_open(path, framework="pt") as file:
            found |= {plain_name(name): file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    return found


def logits(bundle):
    """Return the logits of a dialogue with two scans."""
    ids = ChatEncoder(bundle.tokenizer, TOKENS).encode(TURNS)
    rng = torch.Generator().manual_seed(5)
    scans = torch.randn(2, 1, *SHAPE, generator=rng)
    bundle.model.eval()
    with torch.no_grad():
        return bundle.model(
            input_ids=torch.tensor([ids.prompt + ids.answer]), pixel_values=scans
        ).logits


def change(folder, name, **keys):
    path = folder / name
    path.write_text(json.dumps({**json.loads(path.read_text()), **keys}))


@pytest.mark.parametrize("layout", ["hub", "model"])
@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
def test_every_other_weight_is_kept_to_the_bit(tmp_path, layout, tied, dtype):
    """Read back in the file's own number format each tensor is the file's, whatever its names."""
    folder = write_checkpoint(tmp_path, layout=layout, tied=tied, dtype=dtype)
    given = {
        name: each for name, each in tensors_of(folder).items() if not name.startswith(EMBEDDINGS)
    }

    model = build(folder).model
    kept = {plain_name(name): each for name, each in model.named_parameters()}

    assert {torch.float32} == {each.dtype for each in kept.values()}
    assert given.keys() == {name for name in kept if not name.startswith(EMBEDDINGS)}
    assert all(
        torch.equal(each, kept[name].to(each.dtype)) and each.dtype == dtype
        for name, each in given.items()
    )


def test_the_plan_counts_what_is_built(checkpoint):
    """Tokens, weights and context are known without building, and right."""
    llava = make(checkpoint)
    model = llava.build(SHAPE, seed=0).model

    plan = llava.plan(SHAPE)

    assert TOKENS == plan.tokens_per_image
    assert sum(each.numel() for each in model.parameters()) == plan.num_parameters
    assert model.config.text_config.max_position_embeddings == plan.context_length


def test_tokens_are_counted_as_the_model_does(checkpoint):
    """The tokenizer file says without torch what transformers says."""
    llava = make(checkpoint)
    text = "user\nThis is ä, 12.5."

    assert llava.count_tokens(text) == len(
        llava.build(SHAPE, seed=0).tokenizer.encode(text, add_special_tokens=False)
    )


def test_planning_is_light(checkpoint):
    """A checkpoint is checked, planned and its tokens counted without torch."""
    code = (
        "import sys; from pathlib import Path;"
        "from brainplug_plugins.models.llava_interleave import *;"
        f"model = LlavaInterleave(LlavaInterleaveOptions(weights=Path({str(checkpoint)!r})));"
        "model.plan((120, 120, 120)); model.count_tokens('text');"
        "print([name for name in ('torch', 'transformers') if name in sys.modules])"
    )

    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "[]" == ran.stdout.strip()


def test_a_shape_that_patches_do_not_fill_is_refused(checkpoint):
    """The message names the patch."""
    with pytest.raises(DataError) as caught:
        make(checkpoint).plan((8, 8, 9))

    assert "model.patch" in caught.value.expected


def test_inflated_activations_keep_their_scale():
    """White noise of unit variance gives in 3-D what a gray picture of it gives in 2-D."""
    rng = torch.Generator().manual_seed(0)
    kernel = torch.randn(64, 3, 14, 14, generator=rng) * 0.1
    embeddings = PatchEmbedding3d((20, 20, 20), (10, 10, 10), 64)
    inflate(embeddings, kernel, torch.zeros(64), torch.zeros(9, 64))
    embeddings.position_embedding.weight.data.zero_()

    pictures = torch.randn(400, 1, 28, 28, generator=rng).expand(-1, 3, -1, -1)
    flat = torch.nn.functional.conv2d(pictures, kernel, stride=14)
    with torch.no_grad():
        deep = embeddings(torch.randn(200, 1, 20, 20, 20, generator=rng))

    torch.testing.assert_close(deep.std(), flat.std(), rtol=0.02, atol=0)


def test_an_inflated_kernel_sees_what_the_picture_showed():
    """A volume that is one picture in every slice excites filters as that picture did."""
    kernel = torch.randn(5, 3, 4, 4)
    embeddings = PatchEmbedding3d((8, 8, 6), (4, 4, 3), 5)
    inflate(embeddings, kernel, torch.zeros(5), torch.zeros(4, 5))
    picture = torch.randn(1, 1, 8, 8)
    flat = torch.nn.functional.conv2d(picture.expand(-1, 3, -1, -1), kernel, stride=4)

    with torch.no_grad():
        volume = picture.unsqueeze(-1).expand(-1, -1, -1, -1, 6)
        deep = embeddings(volume).reshape(2, 2, 2, 5)

    # The factor that keeps white noise: three slices of equal weights, of equal sum of squares.
    torch.testing.assert_close(deep, flat[0].permute(1, 2, 0).unsqueeze(2).expand_as(deep) * 3**0.5)


def test_inflated_filters_keep_their_share_of_an_area():
    """Resized from 14 to 10, a constant filter stays constant; its slices are equal."""
    embeddings = PatchEmbedding3d((10, 10, 10), (10, 10, 10), 2)
    inflate(embeddings, torch.ones(2, 3, 14, 14), torch.tensor([1.0, 2.0]), torch.zeros(4, 2))

    filters = embeddings.projection.weight.detach()

    torch.testing.assert_close(filters, filters[0, 0].expand_as(filters))
    assert [1.0, 2.0] == embeddings.projection.bias.tolist()


def test_inflated_positions_are_the_old_ones_where_grids_agree():
    """On a grid of the same rows and columns each slice has the picture's positions."""
    positions = torch.randn(9, 4)
    embeddings = PatchEmbedding3d((6, 6, 4), (2, 2, 2), 4)
    inflate(embeddings, torch.randn(4, 3, 2, 2), torch.zeros(4), positions)

    placed = embeddings.position_embedding.weight.detach().reshape(9, 2, 4)

    torch.testing.assert_close(placed, positions.unsqueeze(1).expand(9, 2, 4))


def test_inflated_positions_are_resized_as_transformers_does(checkpoint):
    """Rows and columns are those that the 2-D tower itself would take for a larger picture."""
    from transformers import LlavaForConditionalGeneration

    old = LlavaForConditionalGeneration.from_pretrained(checkpoint, dtype=torch.float32)
    wanted = old.model.vision_tower.embeddings.interpolate_pos_encoding(
        torch.zeros(1, 6, 16), 2 * 4, 3 * 4
    )

    new = build(checkpoint).model.model.vision_tower.embeddings.position_embedding.weight

    torch.testing.assert_close(new.reshape(6, 4, 16)[:, 2], wanted[0])


def test_inflated_patches_are_made_of_the_checkpoint(checkpoint):
    """The kernel's filters and bias come from the files."""
    given = tensors_of(checkpoint)

    embeddings = build(checkpoint).model.model.vision_tower.embeddings

    gray = given[f"{EMBEDDINGS}patch_embedding.weight"].float().sum(dim=1)
    assert torch.equal(
        embeddings.projection.bias, given[f"{EMBEDDINGS}patch_embedding.bias"].float()
    )
    torch.testing.assert_close(
        embeddings.projection.weight.reshape(16, 4, 4, 4)[..., 1], gray / 4**0.5
    )


def test_random_patches_are_drawn_from_the_seed(checkpoint):
    """The same seed draws the same patches, another other ones, and nobody else's draws change."""
    state = torch.get_rng_state()

    def draw(seed):
        model = build(checkpoint, seed=seed, initial="random").model
        return model.model.vision_tower.embeddings.projection.weight

    assert torch.equal(draw(1), draw(1))
    assert not torch.equal(draw(1), draw(2))
    assert torch.equal(state, torch.get_rng_state())
    torch.testing.assert_close(draw(1).std().item(), 64**-0.5, rtol=0.1, atol=0)


def test_only_patches_learn_unless_told(checkpoint):
    """By default everything that photographs and texts have taught is frozen."""
    learning = {
        name for name, each in build(checkpoint).model.named_parameters() if each.requires_grad
    }

    assert {"patch-embedding"} == {part_of(name) for name in learning}


@pytest.mark.parametrize(("layer", "last"), [(-1, 2), (-2, 1), ([0, -2], 1)])
def test_layers_beyond_the_features_stay_frozen(tmp_path, layer, last):
    """What the language model is never shown cannot learn."""
    folder = write_checkpoint(tmp_path)
    model = build(folder).model
    model.config.vision_feature_layer = layer

    train_only(model, ["vision-tower"])

    learning = {name for name, each in model.named_parameters() if each.requires_grad}
    assert learning == {
        name
        for name, _ in model.named_parameters()
        for place in range(last)
        if f"vision_tower.encoder.layers.{place}." in name
    }


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("tied", [True, False])
def test_saved_and_loaded_logits_are_identical(tmp_path, dtype, tied):
    """A model folder gives back the model to the bit, in its number format."""
    bundle = build(write_checkpoint(tmp_path / "given", tied=tied))
    for each in bundle.model.parameters():  # not buffers: rotary angles stay float32 on loading
        each.data = each.data.to(dtype)
    bundle.save(tmp_path / "saved")

    again = load_bundle(tmp_path / "saved")

    assert dtype == again.model.dtype
    assert torch.equal(logits(bundle), logits(again))


def test_a_sharded_model_folder_loads(tmp_path, checkpoint):
    """A large model is written in several files and read back from them."""
    bundle = build(checkpoint)
    bundle.save(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    bundle.model.save_pretrained(tmp_path, max_shard_size="40KB")

    again = load_bundle(tmp_path)

    assert len(list(tmp_path.glob("model-*.safetensors"))) > 1
    assert torch.equal(logits(bundle), logits(again))


def test_a_saved_folder_says_what_it_is(tmp_path, checkpoint):
    """Tokens of a scan, feature layer, grid and source; where the source lay is nobody's matter."""
    build(checkpoint).save(tmp_path)

    config = json.loads((tmp_path / "config.json").read_text())
    facts = json.loads((tmp_path / "brainplug.json").read_text())

    assert TOKENS == config["image_seq_length"]
    assert (-1, "full", 259) == (
        config["vision_feature_layer"],
        config["vision_feature_select_strategy"],
        config["image_token_index"],
    )
    assert {
        "shape": list(SHAPE),
        "patch": list(PATCH),
        "entry": {
            "standardise": "grid",
            "spread": 0.5,
            "stem": "linear",
            "stem_widths": [16, 32, 48, 64],
            "stem_norm": "group",
        },
        "source": {"weights": "small-llava", "initial": "inflate"},
    } == facts
    assert facts["source"] == load_bundle(tmp_path).source


def test_a_saved_folder_has_the_names_of_any_llava(tmp_path, checkpoint):
    """The class of transformers finds every weight in it but the 2-D embeddings."""
    from transformers import LlavaForConditionalGeneration

    build(checkpoint).save(tmp_path)

    _, found = LlavaForConditionalGeneration.from_pretrained(
        tmp_path, output_loading_info=True, ignore_mismatched_sizes=True
    )

    assert all(".embeddings." in str(name) for names in found.values() for name in names)


def test_a_saved_folder_with_the_wrong_count_is_refused(tmp_path, checkpoint):
    """A model folder that states the tokens of a picture was not left as it was written."""
    build(checkpoint).save(tmp_path)
    change(tmp_path, "config.json", image_seq_length=25)

    with pytest.raises(DataError) as caught:
        load_bundle(tmp_path)

    assert (tmp_path / "config.json", "image_seq_length") == caught.value.where
    assert 25 == caught.value.found
    assert caught.value.expected.startswith("24, ")


def test_the_saved_template_writes_what_was_trained(tmp_path, checkpoint):
    """Whoever asks the saved model by its chat template asks as in training."""
    build(checkpoint).save(tmp_path)
    tokenizer = load_bundle(tmp_path).tokenizer
    encoded = ChatEncoder(tokenizer, 1).encode(TURNS)
    messages = [
        {
            "role": turn.role,
            "content": [
                {"type": "image"} if isinstance(piece, Image) else {"type": "text", "text": piece}
                for piece in turn.content
            ],
        }
        for turn in TURNS[:-1]
    ]

    text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)

    assert tokenizer.decode(encoded.prompt) == text


def test_an_answer_ends_with_its_marker(tmp_path):
    """A tokenizer that ends texts otherwise does not make the model speak on."""
    folder = write_checkpoint(tmp_path)
    change(folder, "tokenizer_config.json", eos_token="<|endoftext|>", pad_token=None)

    tokenizer = build(folder).tokenizer

    assert "<|im_end|>" == tokenizer.eos_token
    assert tokenizer.pad_token_id is not None


def test_what_transformers_cannot_load_is_an_error_of_the_folder(tmp_path):
    """Not all that may be odd in a config is known before; then its folder is named."""
    folder = write_checkpoint(tmp_path)
    change(folder, "config.json", projector_hidden_act="no such function")

    with pytest.raises(DataError) as caught:
        build(folder)

    assert "no such function" in caught.value.what


class Pwn:
    """What leaves a trace when a reader runs it, as pickles can have it."""

    def __init__(self, trace):
        self.trace = trace

    def __reduce__(self):
        return Path.touch, (self.trace,)


def poison(folder, trace):
    """Put code into a model folder in all the ways that somebody's loader runs it."""
    (folder / "evil.py").write_text(f"open({str(trace)!r}, 'w').close()\n")
    names = dict.fromkeys(("AutoConfig", "AutoModel", "AutoModelForImageTextToText"), "evil.M")
    for name in ("config", "tokenizer_config", "processor_config", "generation_config"):
        path = folder / f"{name}.json"
        facts = json.loads(path.read_text()) if path.exists() else {}
        facts["auto_map"] = names | {
            "AutoTokenizer": ["evil.T", "evil.T"],
            "AutoProcessor": "evil.P",
        }
        path.write_text(json.dumps(facts | {"tokenizer_class": "T", "trust_remote_code": True}))
    for name in ("pytorch_model.bin", "adapter_model.bin", "training_args.bin", "tokenizer.pkl"):
        torch.save(Pwn(trace), folder / name)


def test_code_in_a_model_folder_is_never_run(tmp_path, monkeypatch):
    """Neither that which its configs name, nor that of pickles; nobody is asked."""
    trace, folder = tmp_path / "ran", write_checkpoint(tmp_path / "hub")
    monkeypatch.setattr("builtins.input", lambda *_: "y")  # transformers would ask on a terminal
    saved = tmp_path / "saved"
    build(folder).save(saved)
    for each in (folder, saved):
        poison(each, trace)

    build(folder)
    with pytest.raises(DataError, match="this model cannot be loaded"):
        load_bundle(saved)

    assert not trace.exists()


def test_several_feature_layers_are_shown_together(tmp_path):
    """A projector of two layers' width takes both, and the count of weights holds."""
    folder = write_checkpoint(tmp_path, feature_layers=[-1, 1])
    llava = make(folder)
    bundle = llava.build(SHAPE, seed=0)

    assert sum(each.numel() for each in bundle.model.parameters()) == (
        llava.plan(SHAPE).num_parameters
    )
    assert logits(bundle).isfinite().all()


def test_a_convolutional_stem_leaves_the_rest_of_the_checkpoint(checkpoint):
    """The stem is drawn from the seed; weights are counted, and the other ones kept."""
    llava = make(checkpoint, stem="convolution", stem_widths=(4,))
    one, two, other = (llava.build(SHAPE, seed=seed).model for seed in (1, 1, 2))
    given = tensors_of(checkpoint)

    weights = [
        each.model.vision_tower.embeddings.stem.stages[0].convolution.weight
        for each in (one, two, other)
    ]
    kept = {plain_name(name): each for name, each in one.named_parameters()}

    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    assert sum(each.numel() for each in kept.values()) == llava.plan(SHAPE).num_parameters
    assert all(
        torch.equal(each.float(), kept[name])
        for name, each in given.items()
        if not name.startswith(EMBEDDINGS) and name in kept
    )
    assert one.model.vision_tower.embeddings.standardisation.sd.item() == 1


def test_convolutions_cannot_be_inflated(checkpoint):
    """Asked for by name, that is a mistake; left open, a stem is drawn."""
    with pytest.raises(ValueError, match="initial: convolutions cannot be made"):
        LlavaInterleaveOptions(weights=checkpoint, stem="convolution", initial="inflate")

    assert "random" == LlavaInterleaveOptions(weights=checkpoint, stem="convolution").begins
    assert "inflate" == LlavaInterleaveOptions(weights=checkpoint).begins


def test_scans_come_to_inflated_kernels_as_photographs_did(checkpoint):
    """Fitted, they have no mean and the spread of a photograph in [-1, 1], once loaded too."""
    embeddings = build(checkpoint).model.model.vision_tower.embeddings
    scans = torch.rand(20, 1, *SHAPE, generator=torch.Generator().manual_seed(1))
    embeddings.standardisation.take(measure(iter(scans.numpy()[:, 0]), "grid"))

    seen = embeddings.standardisation(scans)

    assert (0.0, 0.5) == pytest.approx((seen.mean().item(), seen.std().item()), abs=1e-3)


def test_a_tower_of_ones_own_takes_the_place_of_the_checkpoints(tmp_path, checkpoint):
    """The tower's features are those of the model it is from, the rest is the checkpoint's."""
    given = build(checkpoint, seed=9, initial="random")
    given.save(tmp_path)

    llava = make(checkpoint, tower_weights=tmp_path / "model.safetensors")
    made = llava.build(SHAPE, seed=1)

    assert torch.equal(logits(given), logits(made))
    assert tmp_path / "model.safetensors" in llava.sources()
    assert "model.safetensors" == made.source["tower_weights"]
    with pytest.raises(DataError, match="position_embedding"):
        llava.plan((8, 8, 16))
