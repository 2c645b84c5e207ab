"""The tiny model: 3-D patches, chat ids, freezing, saving, and answers without mix-ups."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from brainplug.api.records import Image, Turn
from brainplug.errors import DataError
from brainplug.model.bundle import load_bundle
from brainplug.model.llava import train_only
from brainplug.model.lora import count_weights
from brainplug.model.patches import PatchEmbedding3d, count_patches
from brainplug.tasks.chat import ChatEncoder
from brainplug.tasks.encode import Item, encode_task
from brainplug.training.collate import Collator, Grouping
from brainplug_plugins.models.tiny import Tiny, TinyOptions
from small import make_task

OPTIONS = TinyOptions(hidden_size=16, heads=2, vision_layers=1, language_layers=1, patch=(4, 4, 4))
SHAPE = (8, 8, 4)
TURNS = (
    Turn.user(Image(0), "This is ä."),
    Turn.assistant("Noted."),
    Turn.user(Image(1), "And this?"),
    Turn.assistant("It is b."),
)


@pytest.fixture
def bundle():
    return Tiny(OPTIONS).build(SHAPE, seed=3)


def encoder(bundle):
    return ChatEncoder(bundle.tokenizer, 4)


def make_item(bundle, names=("r", "q")):
    return Item(encoder(bundle).encode(TURNS), tuple(names))


def test_patches_equal_a_strided_convolution():
    """Cutting and projecting is a 3-D convolution whose stride is its kernel."""
    patches = PatchEmbedding3d((8, 4, 12), (4, 2, 3), 5)
    scans = torch.randn(2, 1, 8, 4, 12)
    kernel = patches.projection.weight.reshape(5, 1, 4, 2, 3)
    wanted = torch.nn.functional.conv3d(scans, kernel, patches.projection.bias, stride=(4, 2, 3))

    got = patches(scans) - patches.position_embedding.weight

    torch.testing.assert_close(got, wanted.flatten(2).transpose(1, 2))


def test_a_grid_that_patches_do_not_fill_is_refused():
    """The message names both keys."""
    with pytest.raises(DataError) as caught:
        count_patches((32, 32, 30), (8, 8, 8))

    assert (("images.shape",), (32, 32, 30)) == (caught.value.where, caught.value.found)
    assert "model.patch (8, 8, 8)" in caught.value.expected


def test_images_become_runs_of_tokens_where_they_are_shown(bundle):
    """Ids spell the Qwen form; each scan takes as many tokens as it has patches."""
    encoded = encoder(bundle).encode(TURNS)
    text = bundle.tokenizer.decode(encoded.prompt)

    assert text == (
        "<|im_start|>user\n" + "<image>" * 4 + "This is ä.<|im_end|>\n"
        "<|im_start|>assistant\nNoted.<|im_end|>\n"
        "<|im_start|>user\n" + "<image>" * 4 + "And this?<|im_end|>\n<|im_start|>assistant\n"
    )
    assert bundle.tokenizer.decode(encoded.answer) == "It is b.<|im_end|>"


def test_text_cannot_pose_as_a_marker(bundle):
    """A wording with a chat marker is refused."""
    with pytest.raises(DataError) as caught:
        encoder(bundle).text("<image>")

    assert "<image>" == caught.value.found


def test_only_the_last_answer_is_learnt(bundle):
    """What is learnt is the last answer and its end, nothing else (D34)."""
    item = make_item(bundle)
    batch = Collator(Grouping(), lambda _path: np.zeros(SHAPE))([item])["batch"]

    assert item.encoded.answer == batch.answers.tolist()
    assert [(1, *SHAPE)] * 2 == [tuple(volume.shape) for volume in batch.volumes]


def test_a_dialogue_that_is_too_long_is_refused_by_name(bundle):
    """The error names the task and both lengths."""
    with pytest.raises(DataError) as caught:
        encode_task(make_task("t7", ["r"], "q"), encoder(bundle), 20)

    assert ("task 't7'",) == caught.value.where
    assert caught.value.found > 20


def test_saved_and_loaded_logits_are_identical(bundle, tmp_path):
    """A model folder gives back the model to the bit."""
    bundle.save(tmp_path)
    again = load_bundle(tmp_path)
    item = make_item(bundle)
    ids = torch.tensor([item.encoded.prompt])
    scans = torch.randn(2, 1, *SHAPE)
    bundle.model.eval()

    with torch.no_grad():
        first = bundle.model(input_ids=ids, pixel_values=scans).logits
        second = again.model(input_ids=ids, pixel_values=scans).logits

    assert torch.equal(first, second)


def test_everything_not_named_is_frozen(bundle):
    """E11: token embeddings and norms of frozen parts do not learn."""
    train_only(bundle.model, ["patch-embedding"])

    counts = count_weights(bundle.model)

    assert ["patch-embedding"] == [part for part, count in counts.items() if count.learns]
