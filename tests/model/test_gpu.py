"""What only a GPU can show: attention there, on rows of packed dialogues."""

from __future__ import annotations

import pytest
import torch

from brainplug.model import attention
from brainplug.model.packing import Ways
from brainplug.training.collate import Grouping
from dialogues import PARTS, batch_loss, gradients, make_bundle, make_items

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU"),
    pytest.mark.filterwarnings("default"),  # the compiler of FlexAttention warns of its own parts
]


@pytest.mark.parametrize("width", [8, 16])
@pytest.mark.parametrize("autocast", [False, True])
@pytest.mark.parametrize("references", [True, False])
def test_a_gpu_gives_what_a_cpu_gives(monkeypatch, width, autocast, references):
    """Loss and gradients, to the format's rounding, by slices and by FlexAttention."""
    asked = []
    suits = attention.suits_flex
    monkeypatch.setattr(
        attention, "suits_flex", lambda query: asked.append(suits(query)) or asked[-1]
    )
    bundle = make_bundle(PARTS, torch.float32, hidden_size=2 * width)
    items, grouping = make_items(bundle), Grouping(references=references)
    wanted = batch_loss(bundle, items, Ways(), grouping=grouping)
    wanted_gradients = gradients(bundle, wanted)
    bundle.model.to("cuda")
    asked.clear()

    with torch.autocast("cuda", torch.bfloat16, enabled=autocast):
        got = batch_loss(bundle, items, Ways(), grouping=grouping)

    rounding = {"rtol": 5e-2, "atol": 2e-2} if autocast else {"rtol": 1e-3, "atol": 1e-4}
    assert set(asked) == {autocast and width == 16}
    torch.testing.assert_close(got.float().cpu(), wanted, **rounding)
    for name, gradient in gradients(bundle, got).items():
        assert gradient.dtype == torch.float32
        torch.testing.assert_close(gradient.cpu(), wanted_gradients[name], msg=name, **rounding)
