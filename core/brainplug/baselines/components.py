"""Principal components of coarse copies, and linear readers of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Float

    from brainplug.baselines.exam import Exam

MOST_COMPONENTS = 30
SCANS_A_COMPONENT = 3
MOST_LEARNT_FROM = 5000
"""Scans from which components are learnt; 80 MB as float32, and more move them no further."""

ROWS_AT_ONCE = 4096


def find_components(exam: Exam) -> tuple[np.ndarray, np.ndarray]:
    """Return the components of the scans of those who teach, and of those who are asked.

    At most 30, and one for three training scans. Learnt from training scans alone.
    """
    from sklearn.decomposition import PCA

    learn = exam.learn.coarse
    rng = np.random.default_rng(exam.seed)
    drawn = len(learn) > MOST_LEARNT_FROM
    rows = (
        np.sort(rng.choice(len(learn), MOST_LEARNT_FROM, replace=False)) if drawn else slice(None)
    )
    sample = learn[rows].astype(np.float32)
    count = max(1, min(MOST_COMPONENTS, len(learn) // SCANS_A_COMPONENT, *sample.shape))
    model = PCA(count, svd_solver="randomized", random_state=exam.seed).fit(sample)
    return transform(model.mean_, model.components_, learn), transform(
        model.mean_, model.components_, exam.asked.coarse
    )


def transform(
    mean: Float[np.ndarray, " d"],
    components: Float[np.ndarray, "c d"],
    coarse: Float[np.ndarray, "n d"],
) -> Float[np.ndarray, "n c"]:
    """Project coarse copies on components, some thousand at a time."""
    starts = range(0, len(coarse), ROWS_AT_ONCE)
    parts = [
        (coarse[start : start + ROWS_AT_ONCE].astype(np.float32) - mean) @ components.T
        for start in starts
    ]
    return np.concatenate(parts) if parts else np.zeros((0, len(components)), dtype=np.float32)
