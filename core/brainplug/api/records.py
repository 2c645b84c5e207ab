"""Records and array types that pass between stages, with named axes.

World space is RAS+ in millimetres everywhere. No torch type lives here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import attrs
import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from jaxtyping import Bool, Float

    Volume = Float[np.ndarray, "i j k"]
    Affine = Float[np.ndarray, "4 4"]
else:

    def __getattr__(name: str) -> Any:
        """Make the types of arrays when first asked for: jaxtyping brings asyncio along."""
        axes = {"Volume": "i j k", "Affine": "4 4"}
        if name not in axes:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from jaxtyping import Float

        return Float[np.ndarray, axes[name]]


TargetKind = Literal["categorical", "numerical"]
TargetValue = str | float
Split = Literal["train", "val", "test"]
Role = Literal["user", "assistant"]

SPLITS: tuple[Split, ...] = ("train", "val", "test")
EVALUATED: tuple[Split, ...] = ("val", "test")
"""Splits whose tasks the model answers."""
POOLS: tuple[str, ...] = tuple(
    f"{split}_{half}" for split in SPLITS for half in ("query", "reference")
)
"""People who are asked, and people who are their references: pools by halves.

A split may be one pool instead, of its own name, whose people are asked and shown alike.
"""


def asked_pools(split: Split) -> tuple[str, str]:
    """Return the pools whose people are the queries of a split.

    >>> asked_pools("val")
    ('val', 'val_query')
    """
    return split, f"{split}_query"


def shown_pools(split: Split) -> tuple[str, str]:
    """Return the pools whose people are the references of a split.

    >>> shown_pools("val")
    ('val', 'val_reference')
    """
    return split, f"{split}_reference"


def list_pools(present: Iterable[str]) -> tuple[str, ...]:
    """Return the pools there are, in order; a split that nobody is in counts as two halves.

    >>> list_pools(["val", "train"])
    ('train', 'val', 'test_query', 'test_reference')
    """
    there, found = set(present), list[str]()
    for split in SPLITS:
        halves = [f"{split}_query", f"{split}_reference"]
        whole = [split] if split in there else []
        found += whole + (halves if not whole or there.intersection(halves) else [])
    return tuple(found)


MODEL_PARTS: tuple[str, ...] = ("patch-embedding", "vision-tower", "projector", "language-model")
"""Parts of a LLaVA-style model that can learn, each by its name in a recipe."""

SCAN_COLUMNS: tuple[str, ...] = ("subject", "session", "image", "family", "site")
"""Columns every cohort table has; text, missing as `pandas.NA`. `image` is an absolute path."""

EXCLUSION_COLUMNS: tuple[str, ...] = ("subject", "session", "image", "reason", "detail")


LARGEST_GIB = 2.0
"""Most memory that the voxels of a scan may take as float32, unless a recipe says otherwise."""


@attrs.frozen(kw_only=True)
class Grid:
    """The common voxel grid of a run, centred on the head.

    Attributes:
        shape: number of voxels along right, anterior, superior.
        spacing_mm: edge of a voxel along the same axes.
        max_gib: most memory that the voxels of a scan may take, as float32, to be brought to it.
    """

    shape: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]
    max_gib: float = LARGEST_GIB


@attrs.frozen(kw_only=True)
class JoinReport:
    """How a phenotype table met a folder of images.

    Attributes:
        rows: rows of the table that ask for an image (after the choice of a session).
        images: image files that were found in the folder, whether or not a row asks for them.
        matched: rows that found their image.
        rows_without_image: up to five ids of the table that no image has.
        images_without_row: up to five image files that no row asks for.
    """

    rows: int
    images: int
    matched: int
    rows_without_image: tuple[str, ...] = ()
    images_without_row: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class CohortTable:
    """A study as its loader found it: one row a scan, and what was left out.

    Attributes:
        study: short name used in file names, letters, digits and hyphens.
        scans: `SCAN_COLUMNS`, then every other column of the study; all text, missing as `NA`.
        exclusions: `EXCLUSION_COLUMNS`, one row for each row of the source that is not in `scans`.
        rows_read: rows of the source; equals `len(scans) + len(exclusions)`.
        join: how table and images met.
        codes: column -> {code: words} as the study defines them; a task head takes labels from
            there where the recipe declares none.
        missing: codes that mean "no value" in every column of this study, such as "-9"; cells that
            are empty are NA already.
        images_pending: True where the scans are still to be written by the run itself.
        notes: sentences for the user, shown by `check` and in the report.
        simulated: whether people and scans are made up, which the report says first.
    """

    study: str
    scans: pd.DataFrame
    exclusions: pd.DataFrame
    rows_read: int
    join: JoinReport
    codes: Mapping[str, Mapping[str, str]] = attrs.field(factory=dict)
    missing: frozenset[str] = frozenset()
    images_pending: bool = False
    notes: tuple[str, ...] = ()
    simulated: bool = False


@attrs.frozen(kw_only=True)
class TargetColumn:
    """A target column, read by a task head.

    Attributes:
        values: one value a row, label text or float; missing as `NA`. Same index as the input.
        reasons: why a row has no value, empty text where it has one. Same index.
    """

    values: pd.Series
    reasons: pd.Series


@attrs.frozen
class Image:
    """The place of a scan in a turn; `index` counts a dialogue's images from 0, the query last."""

    index: int


@attrs.frozen
class Turn:
    """One turn of a dialogue: text and images in the order in which they are shown."""

    role: Role
    content: tuple[str | Image, ...]

    @classmethod
    def user(cls, *content: str | Image) -> Turn:
        """Make a turn of the user."""
        return cls("user", content)

    @classmethod
    def assistant(cls, *content: str | Image) -> Turn:
        """Make a turn of the assistant."""
        return cls("assistant", content)


@attrs.frozen(kw_only=True)
class Case:
    """What a prompt template may say of one task.

    Attributes:
        target: the target in words.
        references: values of the references in words, in image order; empty without references.
        query: value of the query in words; only the last turn may say it.
        difference: how the query's value differs from that of its one reference, in words, for a
            template that states it; only the last turn may say it.
        seed: chooses among phrasings; the same for the same task for ever.
    """

    target: str
    references: tuple[str, ...]
    query: str
    difference: str = ""
    seed: int = 0

    def choose(self, phrasings: Sequence[str]) -> str:
        """Choose one phrasing; different lists are drawn independently.

        >>> Case(target="sex", references=("male",), query="female").choose(["only one"])
        'only one'
        """
        if len(phrasings) == 1:
            return phrasings[0]
        # Hashed together with the phrasings, or all lists of a template would give the same index;
        # by SHA-256, which is the same on every machine and in every Python.
        key = "\n".join((str(self.seed), *phrasings)).encode()
        return phrasings[int.from_bytes(hashlib.sha256(key).digest()[:8]) % len(phrasings)]


def read_only(values: np.ndarray) -> np.ndarray:
    """Return a view of an array through which nothing can be written."""
    view = np.asarray(values).view()
    view.flags.writeable = False
    return view


@attrs.frozen(kw_only=True, eq=False)
class Predictions:
    """Truths and predictions of one split, one a subject; what a metric scores.

    A subject whose value differs between its visits has one for each of its values.

    Attributes:
        truth: `(n,)` labels (text) or values (float).
        predicted: `(n,)` the same; of who was not answered readably it is `None` (categorical,
            counts as wrong) or the training mean (numerical).
        labels: the classes, empty for a numerical target.
        probabilities: `(n, len(labels))` probabilities of the candidate answers, or None.
        train_mean: mean of the target over the training queries, numerical targets only.
        possible: `(n, 2)` numerical targets only: the lowest and the highest that the prediction
            may have been, had what could not be read been said; as `predicted` twice where all
            could be read. None where that is so of everybody. Scores count the worse, so that
            silence never helps.
        constant: whether the system says the same to everybody by construction, as a rule may.
        scored: `(n,)` made of `predicted` and `possible`: what errors are counted of, the worse of
            what an unreadable answer may have been.

    All metrics are given the same arrays, so none can be written to: `np.sort` in place of `.sort`.
    """

    truth: np.ndarray = attrs.field(converter=read_only)
    predicted: np.ndarray = attrs.field(converter=read_only)
    labels: tuple[str, ...] = ()
    probabilities: Float[np.ndarray, "n c"] | None = attrs.field(
        default=None, converter=attrs.converters.optional(read_only)
    )
    train_mean: float | None = None
    possible: Float[np.ndarray, "n 2"] | None = attrs.field(
        default=None, converter=attrs.converters.optional(read_only)
    )
    constant: bool = False

    @property
    def scored(self) -> np.ndarray:
        """What errors are counted of: where an answer could not be read, the worse that may be."""
        if self.possible is None:
            return self.predicted
        low, high = self.possible.T
        farther = np.abs(low - self.truth) > np.abs(high - self.truth)
        return np.asarray(np.where(farther, low, high))

    def take(self, places: np.ndarray | slice) -> Predictions:
        """Return some of the subjects, each as often as it is named.

        >>> few = Predictions(truth=np.array([1.0, 2.0]), predicted=np.array([1.5, 2.5]))
        >>> few.take(np.array([1, 1])).truth
        array([2., 2.])
        """
        return attrs.evolve(
            self,
            truth=self.truth[places],
            predicted=self.predicted[places],
            probabilities=None if self.probabilities is None else self.probabilities[places],
            possible=None if self.possible is None else self.possible[places],
        )


@attrs.frozen(kw_only=True, eq=False)
class Share:
    """A share of people, of which a score is made: so many right of so many counted.

    Attributes:
        counted: `(n,)` who is counted.
        right: `(n,)` who is right.
        jaccard: whether the score takes `2 s / (1 + s)` of the share `s`, as F1 does of those who
            are and are said to be of a class among all who are or are said to be.
    """

    counted: Bool[np.ndarray, " n"]
    right: Bool[np.ndarray, " n"]
    jaccard: bool = False


@attrs.frozen(kw_only=True, eq=False)
class Ranking:
    """People of two groups in an order, of which an area under the ROC is made.

    Attributes:
        positive: `(n,)` who is of the class.
        height: `(n,)` how high each ranks.
    """

    positive: Bool[np.ndarray, " n"]
    height: Float[np.ndarray, " n"]


@attrs.frozen(kw_only=True)
class ModelPlan:
    """What a model will be, known without building it.

    Attributes:
        tokens_per_image: patches of one scan.
        num_parameters: weights in all, 0 where they are not known before loading.
        context_length: most tokens a dialogue may have; the largest integer where it is not known.
        notes: sentences for the user, shown by `check`.
    """

    tokens_per_image: int
    num_parameters: int
    context_length: int
    notes: tuple[str, ...] = ()


EXTENSIONS: tuple[str, ...] = (".nii.gz", ".nii", ".mgz", ".mgh")
"""Ends of the file names that are looked for in a folder of scans."""
