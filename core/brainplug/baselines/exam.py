"""Who teaches the baselines and who is asked: the very people and volumes of the model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import numpy as np
import pandas as pd

from brainplug.api.records import asked_pools, shown_pools

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from jaxtyping import Float

    from brainplug.api.records import Split, TargetValue
    from brainplug.imaging.sketch import Sketch
    from brainplug.tasks.task import Tasks

TRAINING_POOLS = tuple(dict.fromkeys((*asked_pools("train"), *shown_pools("train"))))


@attrs.frozen(kw_only=True, eq=False)
class Side:
    """Scans of those who teach, or of those who are asked.

    Attributes:
        frame: `subject`, `truth`, `image`, then what is known of each; of those asked `split`, too.
        head: `HEAD_NUMBERS` of each scan.
        coarse: coarse copy of each scan, float16.
    """

    frame: pd.DataFrame
    head: Float[np.ndarray, "n 6"]
    coarse: Float[np.ndarray, "n d"]


@attrs.frozen(kw_only=True, eq=False)
class Exam:
    """What a baseline learns from and is asked.

    Attributes:
        learn: the training people's scans, each with its own value.
        asked: the scans that are queries of the splits that are evaluated.
        shown: for each of them the references its tasks show, as numbers of rows of `references`.
        references: coarse copy and value of every reference.
        labels: the classes in the order of the task head, empty for numbers.
        confounds: columns of both frames that are known of people; numbers are float.
        by_share: whether a class is said where its probability exceeds its share of the training
            scans, which is best where all classes count the same; else where it is the greatest.
        seed: of all draws.
    """

    learn: Side
    asked: Side
    shown: Sequence[Sequence[int]]
    references: References
    labels: tuple[str, ...]
    confounds: tuple[str, ...]
    by_share: bool
    seed: int

    @property
    def truths(self) -> np.ndarray:
        """Values of those who teach: labels as text, or floats."""
        return self.learn.frame["truth"].to_numpy(dtype=object if self.labels else float)

    @property
    def centre(self) -> Float[np.ndarray, " d"]:
        """Mean coarse copy of those who teach."""
        centre: Float[np.ndarray, " d"] = self.learn.coarse.mean(axis=0, dtype=np.float64)
        return centre.astype(np.float32)


@attrs.frozen(kw_only=True, eq=False)
class References:
    """The reference scans of those who are asked."""

    coarse: Float[np.ndarray, "n d"]
    values: tuple[TargetValue, ...]


@attrs.frozen(kw_only=True, eq=False)
class Cast:
    """Who is on either side, before a scan is looked at.

    Attributes:
        learn: `subject`, `truth`, `image` of training scans.
        asked: the same of the queries, and their `split`.
        shown: images of the references of each query.
        told: value of every reference image.
    """

    learn: pd.DataFrame
    asked: pd.DataFrame
    shown: tuple[tuple[Path, ...], ...]
    told: Mapping[Path, TargetValue]

    @property
    def images(self) -> list[Path]:
        """Every scan, once."""
        own = [*self.learn["image"], *self.asked["image"], *self.told]
        return list(dict.fromkeys(own))

    def without(self, refused: Iterable[Path]) -> Cast:
        """Return it without training scans that cannot be read; no task shows them."""
        lost = self.learn["image"].isin(list(refused))
        return attrs.evolve(self, learn=self.learn[~lost].reset_index(drop=True))


def cast_people(
    cohort: pd.DataFrame, split: pd.DataFrame, tasks: Tasks, evaluated: Sequence[Split]
) -> Cast:
    """Find who teaches the baselines and who is asked.

    Args:
        cohort: the cohort frame.
        split: `subject` and `pool`.
        tasks: of every split.
        evaluated: the splits whose people may be asked.
    """
    teachers = set(split.loc[split["pool"].isin(TRAINING_POOLS), "subject"])
    learn = cohort[cohort["subject"].isin(teachers)].drop_duplicates(["subject", "image"])
    learn = learn.rename(columns={"target": "truth"})[["subject", "truth", "image"]]
    queries: dict[tuple[Split, str, TargetValue, Path], dict[Path, None]] = {}
    values: dict[Path, TargetValue] = {}
    for name in evaluated:
        for task in tasks[name]:
            key = (name, task.subject, task.truth, task.images[-1])
            shown = task.images[:-1]
            queries.setdefault(key, {}).update(dict.fromkeys(shown))
            values.update(zip(shown, task.reference_values, strict=True))
    asked = pd.DataFrame(list(queries), columns=["split", "subject", "truth", "image"])
    return Cast(
        learn=learn.assign(image=learn["image"].map(Path)).reset_index(drop=True),
        asked=asked,
        shown=tuple(tuple(images) for images in queries.values()),
        told=values,
    )


def take_side(frame: pd.DataFrame, sketches: Mapping[Path, Sketch]) -> Side:
    """Put what is kept of its scans beside a frame."""
    found = [sketches[image] for image in frame["image"]]
    return Side(frame=frame, head=stack_heads(found), coarse=stack_coarse(found))


def stack_heads(sketches: Sequence[Sketch]) -> Float[np.ndarray, "n 6"]:
    """Return the numbers of heads, a row each."""
    return np.array([sketch.head for sketch in sketches], dtype=np.float64).reshape(-1, 6)


def stack_coarse(sketches: Sequence[Sketch]) -> Float[np.ndarray, "n d"]:
    """Return coarse copies, a row each, as float16: 300 MB for 40,000 scans."""
    if not sketches:
        return np.zeros((0, 0), dtype=np.float16)
    return np.stack([sketch.coarse.ravel() for sketch in sketches])
