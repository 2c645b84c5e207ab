"""The loss of telling tokens: told beside the mean, and weighted, whatever way it is computed."""

from __future__ import annotations

import attrs
import pytest
import torch

from brainplug.model.packing import Beside, Tally, Ways
from brainplug.tasks.chat import ChatEncoder
from brainplug.tasks.encode import SoftToken
from brainplug.tasks.telling import telling_tokens
from brainplug.training.collate import Collator, Grouping
from dialogues import PARTS, VOLUMES, gradients, make_bundle, make_items

ALL_WAYS = [
    (Ways(), PARTS, {}),
    (Ways(), PARTS, {"references": False, "scans": False}),
    (Ways(rows=True), PARTS, {}),
    (Ways(rows=True, answers_only=False), PARTS, {"references": False}),
    (Ways(in_turns=True), PARTS[:3], {}),
    (Ways(in_turns=True), PARTS[:3], {"references": False}),
]


def tell(bundle, items):
    """Mark the last word of each answer as what tells."""
    encoder = ChatEncoder(bundle.tokenizer, 8)
    texts = [bundle.tokenizer.decode(item.encoded.answer[:-1]) for item in items]
    said = [text.split()[-1].rstrip(".") for text in texts]
    return [
        attrs.evolve(item, telling=telling_tokens(encoder, text, word))
        for item, text, word in zip(items, texts, said, strict=True)
    ]


def blur(items):
    """Let every telling token be learnt as one of two, or of three."""
    blurred = []
    for number, item in enumerate(items):
        soft = []
        for place, (token, tells) in enumerate(zip(item.encoded.answer, item.telling, strict=True)):
            ids = (token, token + 1, token + 2)[: 2 + number % 2]
            if tells:
                soft.append(SoftToken(place, ids, (0.75, 0.25, 0.0)[: len(ids)]))
        blurred.append(attrs.evolve(item, soft=tuple(soft)))
    return blurred


def losses(bundle, items, ways, *, weight, **shared):
    """Return the loss, and the tally it is told to."""
    grouping = Grouping(telling_weight=weight, **shared)
    batch = Collator(grouping, VOLUMES.__getitem__)(items)["batch"]
    batch = attrs.evolve(batch, volumes=tuple(each.double() for each in batch.volumes))
    tally = Tally()
    loss = bundle.model(batch=batch, num_items=batch.weight, ways=ways, beside=Beside(tally=tally))
    return loss, tally


def by_hand(bundle, items, weight):
    """Return weighted mean and mean of telling tokens, of each dialogue alone by transformers."""
    total = told = counted = telling = 0
    for item in items:
        ids = torch.tensor([item.encoded.prompt + item.encoded.answer])
        scans = torch.stack(
            [torch.from_numpy(VOLUMES[name]).double()[None] for name in item.images]
        )
        logits = bundle.model(
            input_ids=ids, attention_mask=torch.ones_like(ids), pixel_values=scans
        ).logits[0]
        answer = torch.tensor(item.encoded.answer)
        each = torch.nn.functional.cross_entropy(
            logits[len(item.encoded.prompt) - 1 : -1], answer, reduction="none"
        )
        for place, ids, shares in item.soft:
            log = logits[len(item.encoded.prompt) - 1 + place].log_softmax(0)[list(ids)]
            each[place] = -(log * torch.tensor(shares)).sum()
        tells = torch.tensor(item.telling)
        weights = torch.where(tells, weight, 1.0)
        total, counted = total + (each * weights).sum(), counted + weights.sum()
        told, telling = told + each[tells].sum(), telling + tells.sum()
    return total / counted, told / telling


@pytest.mark.parametrize(("weight", "soft"), [(1.0, False), (5.0, False), (1.0, True), (5.0, True)])
@pytest.mark.parametrize(("ways", "train", "shared"), ALL_WAYS)
def test_every_way_weighs_and_tells_the_same(ways, train, shared, weight, soft):
    """Loss and gradients of weighted and soft tokens, and of telling ones, are those by hand."""
    bundle = make_bundle(train)
    items = tell(bundle, make_items(bundle))
    items = blur(items) if soft else items
    wanted, wanted_telling = by_hand(bundle, items, weight)
    wanted_gradients = gradients(bundle, wanted)

    got, tally = losses(bundle, items, ways, weight=weight, **shared)
    got_gradients = gradients(bundle, got)

    told, count = tally.take(torch.device("cpu"))[0].tolist()
    assert 0 < count == sum(map(sum, (item.telling for item in items))) < 40
    assert float(wanted_telling.detach()) == pytest.approx(told / count, rel=1e-5)
    # Norms of the language model keep float32 whatever they are given.
    torch.testing.assert_close(got, wanted, rtol=1e-5, atol=1e-6)
    assert wanted_gradients.keys() == got_gradients.keys()
    for name, gradient in wanted_gradients.items():
        torch.testing.assert_close(got_gradients[name], gradient, msg=name, rtol=1e-4, atol=1e-6)


def test_a_tally_begins_anew_when_it_was_taken():
    """Each log tells of the steps since the last."""
    tally = Tally()
    tally.add(0, torch.tensor(6.0), torch.tensor(3))
    tally.add(0, torch.tensor(2.0), torch.tensor(1))

    first, second = (tally.take(torch.device("cpu")).tolist() for _ in range(2))

    assert [[8.0, 4.0], [0.0, 0.0]] == first
    assert [[0.0, 0.0], [0.0, 0.0]] == second
