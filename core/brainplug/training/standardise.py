"""Standardisation fitted on the scans that are trained on, and on nobody else's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from brainplug.model.llava import embeddings_of
from brainplug.model.standardise import Standardisation, measure

if TYPE_CHECKING:
    from brainplug.inference.session import ModelSession
    from brainplug.model.bundle import ModelBundle


def fit_standardisation(bundle: ModelBundle, session: ModelSession) -> None:
    """Fit what standardises scans, if the model does, to each training scan once.

    Rank 0 reads them, one after the other; all ranks take over what it found.

    Args:
        bundle: changed in place; all ranks call this together.
        session: its training tasks say which scans, queries and references.
    """
    embeddings = embeddings_of(bundle.model)
    target, kind = embeddings.standardisation, embeddings.entry.standardise
    if not isinstance(target, Standardisation):
        return
    # Sorted, so that sums do not hang on the order of tasks.
    files = sorted({file for task in session.tasks["train"] for file in task.images})
    moments = session.ranks.on_main_process(lambda: measure(map(session.load, files), kind))
    target.take(moments)
    session.show(
        f"standardised by {len(files)} training scans: mean {moments.mean.mean():.3f}, "
        f"SD {moments.sd.mean():.3f}"
    )
