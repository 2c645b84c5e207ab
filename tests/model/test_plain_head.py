"""The plain head beside the dialogues: what it adds to the loss, whatever way that is computed."""

from __future__ import annotations

import attrs
import pytest
import torch

from brainplug.model import llava
from brainplug.model.packing import Beside, Ways
from brainplug.model.plain_head import attach_head, throw_head_away
from brainplug.training.collate import Collator, Grouping
from dialogues import PARTS, VOLUMES, gradients, make_bundle, make_items

VALUES = dict(zip("abcxyz", [0.0, 1.0, 0.0, 1.0, 1.0, 0.0], strict=True))
ONE_BY_ONE = Grouping(references=False, scans=False)


def make_taught(train=PARTS, num_labels=2):
    """Make a small model in float64 with a head that leaves nothing out."""
    bundle = make_bundle(train)
    torch.manual_seed(5)
    attach_head(bundle.model, num_labels)
    bundle.model.plain_head.dropout.p = 0.0
    return bundle


def loss_beside(bundle, ways, *, weight, grouping=None):
    """Return the loss of dialogues that show five scans, with the head's."""
    collate = Collator(grouping or Grouping(), VOLUMES.__getitem__, values=VALUES)
    batch = collate(make_items(bundle))["batch"]
    batch = attrs.evolve(batch, volumes=tuple(each.double() for each in batch.volumes))
    beside = Beside(weight=weight, num_scans=batch.num_values)
    return bundle.model(batch=batch, num_items=len(batch.answers), ways=ways, beside=beside)


def head_alone(bundle):
    """Return the mean loss of the head over the five scans, computed by hand."""
    names = "axyzb"
    scans = torch.stack([torch.from_numpy(VOLUMES[name]).double()[None] for name in names])
    features = llava.encode_images(bundle.model, scans)
    said = bundle.model.plain_head.linear(features.flatten(1))
    wanted = torch.tensor([VALUES[name] for name in names], dtype=torch.double)
    if bundle.model.plain_head.num_labels:
        return torch.nn.functional.cross_entropy(said, wanted.long())
    return ((said[:, 0] - wanted) ** 2).mean()


@pytest.mark.parametrize("num_labels", [2, 0])
@pytest.mark.parametrize(
    ("ways", "train", "grouping"),
    [
        (Ways(), PARTS, Grouping()),
        (Ways(), PARTS, ONE_BY_ONE),
        (Ways(rows=True), PARTS, ONE_BY_ONE),
        (Ways(rows=True, answers_only=False, scans_at_once=True), PARTS, Grouping()),
        (Ways(in_turns=True), PARTS[:2], Grouping()),
        (Ways(in_turns=True), PARTS[:3], ONE_BY_ONE),
    ],
)
def test_every_way_adds_the_mean_loss_of_the_scans(ways, train, grouping, num_labels):
    """Loss and gradients are those of the dialogues and of the head, each scan counted once."""
    bundle = make_taught(train, num_labels)
    without = loss_beside(bundle, Ways(), weight=0.0)
    wanted = without + 0.7 * head_alone(bundle)
    wanted_gradients = gradients(bundle, wanted)

    got = loss_beside(bundle, ways, weight=0.7, grouping=grouping)
    got_gradients = gradients(bundle, got)

    assert head_alone(bundle) > 0.01
    # Norms of the language model keep float32 whatever they are given.
    torch.testing.assert_close(got, wanted, rtol=1e-5, atol=1e-6)
    assert wanted_gradients.keys() == got_gradients.keys()
    assert {"plain_head.linear.weight", "plain_head.linear.bias"} < got_gradients.keys()
    for name, gradient in wanted_gradients.items():
        torch.testing.assert_close(got_gradients[name], gradient, msg=name, rtol=1e-4, atol=1e-6)


def test_a_batch_whose_values_are_not_known_gives_the_head_a_gradient_of_zero():
    """Ranks whose other scans are known must not wait for one whose are not."""
    head = make_taught().model.plain_head

    head(torch.ones(2, 8, 16).double(), torch.full((2,), torch.nan)).backward()

    assert [0.0, 0.0] == [float(each.grad.abs().max()) for each in head.parameters()]


def test_a_head_that_is_thrown_away_leaves_no_weight():
    """The state is that of a model that never had one."""
    bundle = make_bundle()
    before = set(bundle.model.state_dict())
    attach_head(bundle.model, 2)
    assert before < set(bundle.model.state_dict())

    throw_head_away(bundle.model)

    assert before == set(bundle.model.state_dict())
