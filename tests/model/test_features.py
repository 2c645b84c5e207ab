"""Tower features that are kept on disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from brainplug.model.features import FeatureStore


def test_damaged_features_are_computed_anew(tmp_path, monkeypatch):
    """They are read in every epoch: a turned bit would train on something else in silence."""
    calls = []

    def compute(_, file):
        calls.append(file)
        return np.arange(6, dtype="float32").reshape(2, 3)

    monkeypatch.setattr(FeatureStore, "compute", compute)
    store = FeatureStore(model=None, load=None, folder=tmp_path)
    scan = Path("a.nii")
    wanted = store.get(scan).numpy()
    assert [scan] == calls
    content = store.place(scan).read_bytes()
    turned = bytearray(content)
    turned[-20] ^= 1

    for damaged in (content, b"", content[:40], bytes(len(content)), bytes(turned)):
        store.place(scan).write_bytes(damaged)
        np.testing.assert_array_equal(wanted, store.get(scan).numpy())

    assert 5 == len(calls)
