"""Every way to the loss of a batch gives what separate dialogues give, and its gradient too."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from transformers.models.qwen2.modeling_qwen2 import Qwen2RMSNorm

from brainplug.model import kernels, llava
from brainplug.model.attention import ONEDNN
from brainplug.model.packing import Group, Layout, Stretch, Ways
from brainplug.model.standardise import measure
from brainplug.training.collate import Collator, Grouping
from brainplug_plugins.models.tiny import Tiny
from dialogues import (
    OPTIONS,
    PARTS,
    SHAPE,
    VOLUMES,
    batch_loss,
    dialogue,
    gradients,
    make_bundle,
    make_items,
)


@pytest.fixture(autouse=True)
def _double_norms(monkeypatch):
    """Let norms keep float64, which transformers computes in float32 whatever it is given."""

    def forward(self, states):
        spread = torch.rsqrt(states.pow(2).mean(-1, keepdim=True) + self.variance_epsilon)
        return self.weight * (states * spread)

    monkeypatch.setattr(Qwen2RMSNorm, "forward", forward)


def plain_losses(bundle, items):
    """Return each dialogue's summed loss by transformers' own forward pass, alone."""
    losses = []
    for item in items:
        ids = torch.tensor([item.encoded.prompt + item.encoded.answer])
        scans = np.stack([VOLUMES[name] for name in item.images])[:, None]
        logits = bundle.model(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            pixel_values=torch.from_numpy(scans).to(bundle.model.dtype),
        ).logits[0]
        answer = torch.tensor(item.encoded.answer)
        before = logits[len(item.encoded.prompt) - 1 : -1]
        losses.append(torch.nn.functional.cross_entropy(before, answer, reduction="sum"))
    return torch.stack(losses)


def expect_equal(bundle, items, ways, *, grouping=None, **tolerance):
    """Compare loss and every gradient with those of separate dialogues."""
    count = sum(len(item.encoded.answer) for item in items)
    wanted = plain_losses(bundle, items).sum() / count
    wanted_gradients = gradients(bundle, wanted)
    got = batch_loss(bundle, items, ways, grouping=grouping)
    got_gradients = gradients(bundle, got)

    torch.testing.assert_close(got, wanted, **tolerance)
    assert set(wanted_gradients) == set(got_gradients)
    assert any(each.abs().max() > 0 for each in wanted_gradients.values())
    for name, gradient in wanted_gradients.items():
        torch.testing.assert_close(got_gradients[name], gradient, msg=name, **tolerance)


@pytest.mark.parametrize("references", [True, False])
@pytest.mark.parametrize("scans", [True, False])
@pytest.mark.parametrize(("rows", "answers_only"), [*itertools.product([True, False], repeat=2)])
def test_every_way_equals_separate_dialogues(references, scans, rows, answers_only):
    """Float64, everything learns: loss and gradients are equal to rounding."""
    bundle = make_bundle()
    ways = Ways(rows=rows, answers_only=answers_only)

    expect_equal(
        bundle,
        make_items(bundle),
        ways,
        grouping=Grouping(references=references, scans=scans),
        rtol=1e-9,
        atol=1e-12,
    )


@pytest.mark.parametrize("train", [PARTS[:1], PARTS[:2], PARTS[2:3], PARTS[:3]])
@pytest.mark.parametrize("references", [True, False])
def test_in_turns_equals_separate_dialogues(train, references):
    """With a frozen language model, one branch at a time gives the same gradients."""
    bundle = make_bundle(train)

    expect_equal(
        bundle,
        make_items(bundle),
        Ways(in_turns=True),
        grouping=Grouping(references=references),
        rtol=1e-9,
        atol=1e-12,
    )


@pytest.mark.parametrize("ways", [Ways(), Ways(rows=True)])
@pytest.mark.parametrize("references", [True, False])
def test_bfloat16_is_float32_to_its_rounding(ways, references):
    """Weights stay float32, products are bfloat16: values beside queries in float32 are met."""
    bundle = make_bundle(dtype=torch.float32)
    items, grouping = make_items(bundle), Grouping(references=references)
    wanted = batch_loss(bundle, items, ways, grouping=grouping)
    wanted_gradients = gradients(bundle, wanted)

    with torch.autocast("cpu", torch.bfloat16):
        got = batch_loss(bundle, items, ways, grouping=grouping)

    torch.testing.assert_close(got.float(), wanted, rtol=2e-2, atol=1e-2)
    for name, gradient in gradients(bundle, got).items():
        torch.testing.assert_close(gradient, wanted_gradients[name], msg=name, rtol=0.1, atol=2e-2)


@pytest.mark.parametrize("norm", ["group", "instance", "none"])
@pytest.mark.parametrize("kind", ["grid", "voxel"])
@pytest.mark.parametrize("ways", [Ways(), Ways(in_turns=True), Ways(rows=True)])
def test_convolutions_and_standardised_scans_equal_separate_dialogues(norm, kind, ways):
    """Norms of a stem see one scan each: it does not matter who else is in the batch."""
    bundle = make_bundle(PARTS[:3], stem="convolution", stem_norm=norm, standardise=kind)
    fitted = llava.embeddings_of(bundle.model).standardisation
    fitted.take(measure(VOLUMES.values(), kind))

    expect_equal(bundle, make_items(bundle), ways, rtol=1e-9, atol=1e-12)


def test_a_stem_without_layers_behind_gives_equal_losses():
    """Rows, packed and in turns, of a tower that is a stem alone."""
    bundle = make_bundle(PARTS[:3], stem="convolution", vision_layers=0)
    items = make_items(bundle)
    every = [Ways(rows=True), Ways(), Ways(in_turns=True)]

    losses = [batch_loss(bundle, items, ways) for ways in every]
    found = [gradients(bundle, each) for each in losses]

    torch.testing.assert_close(losses[1:], losses[:1] * 2, rtol=1e-9, atol=1e-12)
    for each in found[1:]:
        torch.testing.assert_close(each, found[0], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("ways", [Ways(), Ways(in_turns=True), Ways(rows=True)])
def test_one_and_three_scans_do_not_mix_in_a_batch(ways):
    """D29: dialogues with no, one and three references side by side are each as if alone."""
    bundle = make_bundle(PARTS[:3])
    items = [
        dialogue(bundle, ["a", "b", "c"], "x"),
        dialogue(bundle, [], "y"),
        dialogue(bundle, ["a", "b", "c"], "z"),
        dialogue(bundle, ["b"], "x"),
    ]

    expect_equal(bundle, items, ways, rtol=1e-9, atol=1e-12)


def test_onednn_equals_torch_in_float32():
    """The kernels for the CPU change the order of summation and nothing else."""
    if not hasattr(torch.ops.mkldnn, "_linear_pointwise"):
        pytest.skip("this PyTorch carries no oneDNN")
    bundle = make_bundle(PARTS[:1], torch.float32)
    bundle.model.set_attn_implementation(ONEDNN)
    kernels.speed_up(bundle.model)

    for ways in (Ways(), Ways(in_turns=True)):
        expect_equal(bundle, make_items(bundle), ways, rtol=2e-4, atol=1e-6)


def test_a_model_that_answers_uses_onednn_whatever_it_could_learn(monkeypatch):
    """Weights of a loaded model ask for gradients; where none are made, that slows nothing."""
    layer = torch.nn.Linear(8, 8)
    kernels.speed_up(torch.nn.ModuleList([layer]))
    rows, used = torch.ones(kernels.FEWEST, 8), []

    def multiply(left, right, bias=None):
        used.append(tuple(left.shape))
        return left @ right.t() + bias

    monkeypatch.setattr(kernels, "multiply_by_onednn", multiply)

    with torch.inference_mode():
        layer(rows)
    assert [(kernels.FEWEST, 8)] == used
    layer(rows).sum().backward()
    assert 1 == len(used)
    assert layer.weight.grad is not None


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize(("queries", "keys"), [(20, 20), (700, 700), (600, 1100), (16, 1300)])
def test_block_attention_equals_torchs(causal, queries, keys):
    """Blocks of queries, and queries of the last places only, with gradients."""
    if not hasattr(torch.ops.mkldnn, "_linear_pointwise"):
        pytest.skip("this PyTorch carries no oneDNN")
    rng = torch.Generator().manual_seed(1)
    given = [
        torch.randn(2, size, 8, generator=rng, requires_grad=True) for size in (queries, keys, keys)
    ]
    mask = torch.ones(queries, keys, dtype=torch.bool).tril(keys - queries) if causal else None

    got = kernels.attend(*given, scale=0.3, causal=causal)
    wanted = torch.nn.functional.scaled_dot_product_attention(*given, attn_mask=mask, scale=0.3)

    torch.testing.assert_close(got, wanted, rtol=1e-4, atol=1e-5)
    seed = torch.randn(got.shape, generator=rng)
    for mine, theirs in zip(
        torch.autograd.grad(got, given, seed), torch.autograd.grad(wanted, given, seed), strict=True
    ):
        torch.testing.assert_close(mine, theirs, rtol=1e-3, atol=1e-4)


def test_scans_of_a_block_are_encoded_once():
    """A block of three references and three queries is six scans, not eighteen."""
    bundle = make_bundle()
    items = [dialogue(bundle, [reference], query) for reference in "abc" for query in "xyz"]

    def count(**shared):
        batch = Collator(Grouping(**shared), VOLUMES.__getitem__)(items)["batch"]
        return len(batch.volumes), len(batch.groups)

    assert (6, 3) == count()
    assert (12, 3) == count(scans=False)
    assert (18, 9) == count(references=False, scans=False)


def test_the_flex_mask_shows_a_branch_its_prefix_and_itself():
    """What a GPU is told to skip is what the slices never compute."""
    stretches = [Stretch(torch.zeros(length, dtype=torch.long), ()) for length in (3, 2, 4, 2, 3)]
    groups = [Group(stretches[0], tuple(stretches[1:3])), Group(stretches[3], (stretches[4],))]
    layout = Layout.of(groups)
    wanted = torch.zeros(14, 14, dtype=torch.bool)
    for own, shared in layout.slices():
        wanted[own, shared] = True
        wanted[own, own] = torch.ones(own.stop - own.start, own.stop - own.start).tril().bool()

    mask = layout.block_mask(torch.device("cpu"))
    places = torch.arange(14)
    got = mask.mask_mod(None, None, places[:, None], places[None, :])

    assert torch.equal(wanted, got)
    assert [0, 1, 2, 3, 4, 3, 4, 5, 6, 0, 1, 2, 3, 4] == layout.positions().tolist()


@pytest.mark.parametrize("attention", [None, "sdpa", "eager"])
def test_an_attention_that_knows_no_packed_rows_is_refused(attention):
    """A model fresh from its builder would let each dialogue see all before it; it says so."""
    bundle = Tiny(OPTIONS).build(SHAPE, seed=3)
    if attention is not None:
        bundle.model.model.language_model.set_attn_implementation(attention)
    items = make_items(bundle)

    with pytest.raises(ValueError, match="choose_kernels"):
        batch_loss(bundle, items, Ways())

    llava.choose_kernels(bundle.model, onednn=False)
    assert torch.isfinite(batch_loss(bundle, items, Ways()))


def test_checkpointed_layers_change_nothing():
    """Activations computed again give the same gradients, in turns with the tower's only."""
    bundle = make_bundle(PARTS[:1])
    llava.recompute(bundle.model, tower=True, language=False)
    expect_equal(bundle, make_items(bundle), Ways(in_turns=True), rtol=1e-9, atol=1e-12)
    llava.recompute(bundle.model, tower=True, language=True)
    expect_equal(bundle, make_items(bundle), Ways(), rtol=1e-9, atol=1e-12)
