"""Cohort loader of one laboratory: `people.csv` beside a folder of `<id>.nii.gz`."""

from pathlib import Path

import attrs
import pandas as pd

from brainplug import CohortTable, JoinReport, Part, about, hookimpl


@attrs.frozen(kw_only=True)
class LabOptions:
    """Options of `lab`."""

    folder: Path = attrs.field(metadata=about("folder with people.csv and scans/"))


class Lab:
    """Scans of our own laboratory."""

    def __init__(self, options):
        self.folder = options.folder

    def sources(self):
        return (self.folder,)

    def load(self):
        rows = pd.read_csv(self.folder / "people.csv", dtype="str").rename(
            columns={"id": "subject"}
        )
        rows["image"] = [str(self.folder / "scans" / f"{name}.nii.gz") for name in rows["subject"]]
        scans = rows.assign(session=pd.NA, family=pd.NA, site=pd.NA)
        there = scans["image"].map(lambda image: Path(image).exists())
        lost = scans.loc[~there, ["subject", "session", "image"]].assign(
            reason="no image", detail=""
        )
        images = list((self.folder / "scans").glob("*.nii.gz"))
        join = JoinReport(rows=len(rows), images=len(images), matched=int(there.sum()))
        return CohortTable(
            study="LAB",
            scans=scans[there],
            exclusions=lost,
            rows_read=len(rows),
            join=join,
            codes={"hand": {"r": "right", "l": "left"}},
        )


@hookimpl
def brainplug_cohorts():
    yield Part("lab", LabOptions, Lab)
