"""What the baselines stage leaves: what each said of whom, and who could not be asked for why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import attrs
import numpy as np
import pandas as pd

from brainplug.runtime.files import write_parquet
from brainplug.runtime.records import read_record, write_record

if TYPE_CHECKING:
    from pathlib import Path

BaselineKind = Literal["rule", "site", "confound", "image", "reference"]
"""What a baseline looks at: words alone, the site, what is known of a person, the query's scan, or
the query's scan and those of its references."""

IMAGE_KINDS: tuple[BaselineKind, ...] = ("image", "reference")
"""Baselines that look at a scan."""

CONFOUND_KINDS: tuple[BaselineKind, ...] = ("site", "confound")
"""Baselines that are told what is known of a person, and see no scan but the head's size."""

ALL_CONFOUNDS = "all confounds"
"""The baseline of all confounds together, against which the model's increment is measured."""

HEAD_SIZE = "head_size"
"""The covariate measured on every scan, in ml."""

SITE, SITE_READ = "scanned_at", "read_from_scan"
"""Covariates: where a scan was made, and where a linear reader of the scan says it was made."""

COLUMNS = ("baseline", "split", "subject", "truth", "prediction", "probabilities")


@attrs.frozen(kw_only=True)
class BaselineFacts:
    """A baseline that was asked.

    Attributes:
        kind: what it looks at.
        about: what it is, in words that end a sentence.
    """

    kind: BaselineKind
    about: str


@attrs.frozen(kw_only=True)
class ProbeFacts:
    """A linear reader of where a scan was made.

    Attributes:
        of: the column it reads, `site` or another.
        places: how many it tells apart; places with few training scans are left out.
        left_out: how many were.
    """

    of: str
    places: int
    left_out: int


@attrs.frozen(kw_only=True)
class BaselinesRecord:
    """All of `baselines.json`.

    Attributes:
        people: who taught the baselines.
        scans: their scans.
        baselines: those that answered, by name.
        unknown: why others did not, by name.
        confounds: what was known of people, by name with the column it is from.
        notes: columns that were not used as confounds, and why.
        probe: None where there are not two places.
        probe_reason: why there is none.
    """

    people: int
    scans: int
    baselines: Mapping[str, BaselineFacts]
    unknown: Mapping[str, str]
    confounds: Mapping[str, str]
    notes: tuple[str, ...]
    probe: ProbeFacts | None
    probe_reason: str = ""


@attrs.frozen(kw_only=True, eq=False)
class Baselines:
    """What the stage made, as later stages read it.

    Attributes:
        record: what was asked.
        said: `COLUMNS`, a row for each answer; `probabilities` in the order of the labels, or None.
        covariates: `split`, `subject`, `truth`, `HEAD_SIZE`, confounds by name and, where there is
            a probe, `SITE` and `SITE_READ`; a row for each scan that was asked.
    """

    record: BaselinesRecord
    said: pd.DataFrame
    covariates: pd.DataFrame

    def write(self, record: Path, said: Path, covariates: Path) -> None:
        """Write the three files, the record last."""
        write_parquet(said, self.said)
        write_parquet(covariates, self.covariates)
        write_record(record, self.record)

    @classmethod
    def read(cls, record: Path, said: Path, covariates: Path) -> Baselines:
        """Read them back.

        Raises:
            RunError: the record holds something else.
        """
        frame = pd.read_parquet(said)
        chances: list[Any] = [
            None if row is None else tuple(map(float, row)) for row in frame["probabilities"]
        ]
        frame["probabilities"] = pd.Series(chances, index=frame.index, dtype=object)
        return cls(
            record=read_record(record, BaselinesRecord),
            said=frame,
            covariates=pd.read_parquet(covariates),
        )


@attrs.frozen(kw_only=True, eq=False)
class Said:
    """What a baseline answers to those who are asked, in their order.

    Attributes:
        predictions: `(n,)` labels (text) or numbers.
        probabilities: `(n, labels)`; None for numbers.
    """

    predictions: np.ndarray
    probabilities: np.ndarray | None = None
