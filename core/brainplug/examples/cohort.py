"""Cohort loader of one laboratory: a table of people beside a folder of scans."""

from collections.abc import Iterable
from pathlib import Path

import attrs

from brainplug import CohortTable, Part, about, hookimpl
from brainplug.api.roles import CohortLoader
from brainplug.toolkit.image_matching import find_files, join_images
from brainplug.toolkit.image_names import without_extension
from brainplug.toolkit.tables import get_column, make_rows, read_table

COLUMNS = {"subject": "id", "family": "family", "site": "site"}
"""What brainplug asks for -> the column of the study that holds it."""


@attrs.frozen(kw_only=True)
class LabOptions:
    """Options of `lab`."""

    table: Path = attrs.field(metadata=about("table with id, family, site and others"))
    images: Path = attrs.field(metadata=about("folder of the scans, <id>.nii.gz"))


class Lab:
    """Scans of our own laboratory."""

    def __init__(self, options: LabOptions) -> None:
        self.options = options

    def sources(self) -> tuple[Path, ...]:
        """Name what is read; when it changes, the cohort is read anew."""
        return (self.options.table, self.options.images)

    def load(self) -> CohortTable:
        """Give each row of the table its scan; rows without one are told, not dropped."""
        path = self.options.table
        # Commas, semicolons and tabs alike; every value stays the text that is written.
        table = read_table(path)
        own = {
            role: get_column(table, name, option="COLUMNS", source=path)
            for role, name in COLUMNS.items()
        }
        rows = make_rows(table, own)
        # A path tells its subject and its visit; None where it tells no visit.
        files = find_files(
            self.options.images,
            lambda name: (without_extension(Path(name).name), None),
        )
        joined = join_images(rows, files)
        return CohortTable(
            study="LAB",
            scans=joined.rows,
            exclusions=joined.lost,
            rows_read=len(table),
            join=joined.report,
            # What the study says of its codes, so that no recipe has to.
            codes={"hand": {"1": "right", "2": "left"}},
            missing=frozenset({"999"}),
        )


@hookimpl
def brainplug_cohorts() -> Iterable[Part[CohortLoader]]:
    """Offer `lab`."""
    yield Part("lab", LabOptions, Lab)
