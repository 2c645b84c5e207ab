"""Computed again with as many threads, everything is the same to the bit."""

from __future__ import annotations

import torch

from brainplug.model.losses import take_scans
from brainplug.runtime.threads import Threads, computing_on


def test_a_scan_shown_often_gets_the_same_gradient_each_time():
    """On several threads that of one, where those of an index add up in the order they come."""
    features = torch.randn(20, 16, 64, generator=torch.Generator().manual_seed(1))
    features.requires_grad_()
    shown = [place * 7 % 20 for place in range(200)]
    weights = torch.linspace(0, 9, len(shown) * 16).sin()[:, None]

    found = []
    for count in (1, 2, 2, 2):
        with computing_on(Threads(count=count, reason="of this test")):
            loss = (take_scans(features, shown) * weights).pow(2).sum()
            found += torch.autograd.grad(loss, features)

    assert all(torch.equal(found[0], each) for each in found)


def test_scans_are_taken_as_often_as_they_are_shown():
    """One after the other, with all their tokens; none where none is shown."""
    features = torch.arange(12.0).reshape(3, 2, 2)

    assert torch.equal(features[[2, 0, 2]].flatten(0, 1), take_scans(features, [2, 0, 2]))
    assert (0, 2) == take_scans(features, []).shape
