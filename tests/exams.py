"""Small exams for baselines: people with features that tell what a test says they tell."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from brainplug.baselines.exam import Exam, References, Side


def make_side(truths, heads=None, coarse=None, **known) -> Side:
    """Make scans, one a person; heads and coarse copies are noise where nothing else is given."""
    rng = np.random.default_rng(len(truths))
    size = len(truths)
    frame = pd.DataFrame(
        {
            "split": "test",
            "subject": [f"p{number}" for number in range(size)],
            "truth": list(truths),
            "image": [Path(f"{number}.nii.gz") for number in range(size)],
        }
    )
    sizes = rng.normal(1500, 100, size) if heads is None else np.array(heads, dtype=float)
    return Side(
        frame=frame.assign(head_size=sizes, **known),
        head=np.column_stack([sizes, rng.normal(size=(size, 5))]),
        coarse=(rng.normal(size=(size, 27)) if coarse is None else coarse).astype(np.float16),
    )


def make_exam(learn, asked, labels=("a", "b"), confounds=(), **more) -> Exam:
    """Make an exam, classes by their share; without `shown` and `references` nobody has any."""
    references = more.get("references", References(coarse=np.zeros((0, 27)), values=()))
    return Exam(
        learn=learn,
        asked=asked,
        shown=more.get("shown", [()] * len(asked.frame)),
        references=references,
        labels=tuple(labels),
        confounds=tuple(confounds),
        by_share=more.get("by_share", True),
        seed=0,
    )
