"""What only a GPU can show: FlexAttention on rows of packed dialogues."""

from __future__ import annotations

import pytest
import torch

from brainplug.model.packing import Ways
from dialogues import PARTS, batch_loss, gradients, make_bundle, make_items

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU"),
]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_flex_attention_equals_slices(dtype):
    """Loss and gradients of a packed row are those of the CPU, to the format's rounding."""
    rounding = (
        {"rtol": 2e-2, "atol": 2e-2} if dtype == torch.bfloat16 else {"rtol": 1e-3, "atol": 1e-4}
    )
    bundle = make_bundle(PARTS, torch.float32)
    wanted = batch_loss(bundle, make_items(bundle), Ways())
    wanted_gradients = gradients(bundle, wanted)
    bundle.model.to("cuda", dtype)

    got = batch_loss(bundle, make_items(bundle), Ways())

    torch.testing.assert_close(got.float().cpu(), wanted, **rounding)
    for name, gradient in gradients(bundle, got).items():
        torch.testing.assert_close(
            gradient.float().cpu(), wanted_gradients[name], msg=name, **rounding
        )
