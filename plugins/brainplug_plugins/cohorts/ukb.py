"""Cohort loader: UK Biobank, its three ways to name columns and its unpacked T1 scans.

A field `21001` of visit 2 is `f.21001.2.0`, `21001-2.0` or `p21001_i2`; recipes write `p21001`.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import attrs
import pandas as pd
from attrs.validators import and_, ge, le

from brainplug.api.hooks import hookimpl
from brainplug.api.records import EXTENSIONS, CohortTable
from brainplug.api.roles import Part, about
from brainplug.errors import DataError
from brainplug.toolkit.image_matching import EXAMPLES, ImageFile, find_files, join_images
from brainplug.toolkit.kinship import THIRD_DEGREE, join_relatives, plain_ids, read_ids, read_pairs
from brainplug.toolkit.tables import get_column, leave_out, make_rows, read_table, stack_exclusions
from brainplug.toolkit.wide import asked_names
from brainplug_plugins.ukb.codes import NO_ANSWER, mask_codes
from brainplug_plugins.ukb.fields import (
    KNOWN_FIELDS,
    SEX_FIELDS,
    SUBJECTS,
    Field,
    find_fields,
    is_of_field,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from brainplug.api.roles import CohortLoader

ALONE = ("No relatives are known: set kinship in [cohort] to keep them in one pool.",)
SEX = {"0": "female", "1": "male", "Female": "female", "Male": "male"}
"""Data-coding 9, and its words as the research analysis platform may export them."""

T1W = tuple(f"_t1w{extension}" for extension in EXTENSIONS)
CENTRE = "p54"
ATTENDANCE = ("p53", CENTRE, "p21003")
"""Date, centre and age: whoever came to a visit has them."""

OF_A_VISIT = frozenset({48, 49, 50, 53, 54, 21001, 21002, 21003})
"""Fields measured anew at every visit: a value of the first visit is wrong for a later one."""

_EID = re.compile(r"(?:sub-)?([0-9]+)(?![0-9A-Za-z])(_[0-9]{5}_[0-9]+_[0-9]+(?![0-9]))?")
_BULK = re.compile(r"[0-9]_([0-9]{5})_[0-9]+_[0-9]+(?![0-9])")
_VISIT = re.compile(
    r"(?<![0-9])[0-9]{5}_([0-9])_[0-9]+(?![0-9])"  # field_instance_array
    r"|(?:^|/)(?:sub-)?[0-9]+_([0-9])(?=[_.]|/|$)"  # eid_instance
    r"|(?<=[0-9]{7}/)([0-9])(?:_[0-9]+)?/"  # eid/instance/
    r"|(?:^|[/_])ses-([A-Za-z0-9]+)"
    r"|(?:^|[/_.-])i(?:nstance)?[-_]?([0-9])(?=[/_.-])",
    re.IGNORECASE,
)


@attrs.frozen(kw_only=True)
class UkbOptions:
    """Options of `ukb`."""

    table: Path = attrs.field(metadata=about("CSV, TSV or parquet file, one row a person"))
    images: Path = attrs.field(metadata=about("folder of the unpacked scans"))
    instance: int = attrs.field(
        default=2,
        validator=and_(ge(0), le(9)),
        metadata=about("visit of scans and columns: 2 is imaging, 3 repeat imaging"),
    )
    subject: str | None = attrs.field(
        default=None, metadata=about("column that holds the eid; without it eid or f.eid")
    )
    site: str | None = attrs.field(
        default=None, metadata=about("column of the site; without it field 54 of the instance")
    )
    family: str | None = attrs.field(
        default=None, metadata=about("column that holds what relatives have in common")
    )
    kinship: Path | None = attrs.field(
        default=None, metadata=about("list of relatives: ID1, ID2, Kinship; such as ukb_rel.dat")
    )
    kinship_threshold: float = attrs.field(
        default=THIRD_DEGREE,
        validator=and_(ge(0.0), le(0.5)),
        metadata=about("smallest kinship of relatives: 3rd degree (Manichaikul et al. 2010)"),
    )
    withdrawn: Path | None = attrs.field(
        default=None, metadata=about("list of eids that withdrew their consent, one a line")
    )
    image: str = attrs.field(
        default="T1/T1_brain.nii.gz",
        metadata=about("end of the path of the scan wanted in a person's folder"),
    )
    suffix: str = attrs.field(
        default="", metadata=about("end of names of scans named by eid, such as _T1w.nii.gz")
    )
    field: int = attrs.field(
        default=20252,
        metadata=about("data-field of the scans where their names tell one; 20252 is T1 as NIfTI"),
    )
    several: Literal["error", "first", "last"] = attrs.field(
        default="error", metadata=about("which of several scans of a person to take, by path")
    )
    missing: tuple[str, ...] = attrs.field(
        default=(),
        metadata=about(
            "codes without a value besides negative ones and their words; looked for only in "
            "columns named as data-fields, numbers only where all values of the column are whole"
        ),
    )
    missing_by_field: Mapping[str, tuple[str, ...]] = attrs.field(
        factory=dict,
        metadata=about(
            'those of one field, in place of all: { p1289 = ["-1", "-3"] } keeps -10 (less than '
            "one) as a value, [] keeps every number"
        ),
    )

    def __attrs_post_init__(self) -> None:
        """Refuse two sources of families, ends that no scan has, and names that are no field's."""
        if self.family and self.kinship:
            raise ValueError("family and kinship both tell who is related; give one of them")
        if not self.image.endswith(EXTENSIONS):
            raise ValueError(f"image must end as scans do, such as .nii.gz: {self.image!r}")
        names = list(self.missing_by_field)
        if len(find_fields(names)) < len(names):
            raise ValueError(f"missing_by_field must name data-fields, such as p6150: {names!r}")


class Ukb:
    """UK Biobank: a table in any of its namings, unpacked scans, relatives by kinship."""

    def __init__(self, options: UkbOptions) -> None:
        self.options = options

    def sources(self) -> tuple[Path, ...]:
        """Name the tables, the lists and the folder of scans."""
        paths = attrs.asdict(self.options).values()
        return tuple(path for path in paths if isinstance(path, Path))

    def load(self) -> CohortTable:
        """Read the visit's columns, leave out who withdrew or did not come, and find the scans."""
        options = self.options
        own = {each.number for each in find_fields(asked_names()).values()} | KNOWN_FIELDS
        table = read_table(options.table, also=lambda name: is_of_field(name, own))
        fields = find_fields(table.columns)
        # Before columns are copied under plain names, so that codes are gone from both.
        self._mask(table, fields)
        table, notes = add_plain_columns(table, fields, options.instance)
        found = find_fields(table.columns)
        withdrawn = set() if options.withdrawn is None else read_ids(options.withdrawn)
        rows, lost = self._drop(self._label(table, withdrawn), withdrawn)
        reader = PathReader(options)
        joined = join_images(
            rows,
            reader.find(),
            several=options.several,
            hint='name the one wanted by image or suffix, or set several = "first", in [cohort]',
        )
        return CohortTable(
            study="UKB",
            scans=joined.rows,
            exclusions=stack_exclusions([*lost, joined.lost]),
            rows_read=len(table),
            join=joined.report,
            codes={name: SEX for name, each in found.items() if each.number in SEX_FIELDS},
            notes=(*notes, *reader.notes(), *(() if options.family or options.kinship else ALONE)),
        )

    def _mask(self, table: pd.DataFrame, fields: Mapping[str, Field]) -> None:
        """Make codes without a value missing, in columns that are fields only."""
        options = self.options
        named = find_fields(options.missing_by_field)
        own = {each.number: options.missing_by_field[name] for name, each in named.items()}
        unknown = own.keys() - {each.number for each in fields.values()}
        if unknown:
            raise DataError(
                "missing_by_field in [cohort] names a field that the table lacks: p"
                + str(min(unknown)),
                where=options.table,
                found=f"p{min(unknown)}",
            )
        common = (*NO_ANSWER, *options.missing)
        for column, field in fields.items():
            table[column] = mask_codes(table[column], common, own.get(field.number))

    def _label(self, table: pd.DataFrame, withdrawn: set[str]) -> pd.DataFrame:
        options = self.options
        eid = options.subject or next((name for name in SUBJECTS if name in table), "eid")
        subject = plain_ids(self._column(table, eid, "subject"))
        family = self._column(table, options.family, "family") if options.family else None
        if options.kinship:
            pairs = read_pairs(options.kinship, threshold=options.kinship_threshold)
            # Data of people who withdrew must not be used, so they link no relatives either.
            gone = pairs["first"].isin(withdrawn) | pairs["second"].isin(withdrawn)
            family = join_relatives(subject, None, pairs[~gone])
        site = options.site or (CENTRE if CENTRE in table else None)
        columns = {
            "subject": subject,
            "session": pd.Series(str(options.instance), index=table.index, dtype="str"),
            "family": family,
            "site": self._column(table, site, "site") if site else None,
        }
        return make_rows(table, columns, missing=options.missing)

    def _column(self, table: pd.DataFrame, name: str, option: str) -> pd.Series:
        return get_column(table, name, option=f"cohort.{option}", source=self.options.table)

    def _drop(
        self, rows: pd.DataFrame, withdrawn: set[str]
    ) -> tuple[pd.DataFrame, list[pd.DataFrame]]:
        """Leave out rows without an id, of people who withdrew, and of those who did not come."""
        rows, nameless = leave_out(rows, rows["subject"].isna(), "no subject id")
        # In files of the genetic data a negative id stands for somebody who withdrew.
        gone = rows["subject"].isin(withdrawn) | rows["subject"].str.startswith("-")
        rows, gone_rows = leave_out(rows, gone, "withdrawn consent")
        tells = [name for name in ATTENDANCE if name in rows]
        # `all` over no columns is True: without any of them nobody would have come.
        out = rows[tells].isna().all(axis="columns") & bool(tells)
        rows, absent = leave_out(rows, out, "no visit", f"instance {self.options.instance}")
        return rows, [nameless, gone_rows, absent]


class PathReader:
    """Tells whose scan a file is by its path, and counts what is passed over."""

    def __init__(self, options: UkbOptions) -> None:
        self.options = options
        self.zips = self.other_visits = self.undated = 0
        self.examples: list[str] = []
        self._instance = str(options.instance)
        end = options.image if options.image[0] in "/_-." else f"/{options.image}"
        # Scans may have been unpacked to `.nii`.
        self._ends = tuple({end.lower(), end.lower().removesuffix(".gz")})

    def find(self) -> list[ImageFile]:
        """Find the scans of the visit, or explain why there is none."""
        options = self.options
        files = find_files(options.images, self.read, (*EXTENSIONS, ".zip"))
        if files:
            return files
        raise DataError(
            f"{self.other_visits} of other instances, {self.zips} zips (unpack each into a "
            "folder of its name), and among others "
            f"{', '.join(map(repr, self.examples)) or 'none'}",
            where=options.images,
            expected=f"scans of instance {options.instance}: {options.image!r} in a folder named "
            "by eid, or scans named by eid",
            found=(self.other_visits, self.zips, tuple(self.examples)),
            hint="set image, suffix, field or instance in [cohort]",
        )

    def read(self, path: str) -> tuple[str, None] | None:
        """Return the eid of a wanted scan of the visit, None for any other file.

        The visit is not returned, so that a scan whose name tells it never wins silently over
        another of the same person.
        """
        if path.endswith(".zip"):
            self.zips += 1
            return None
        eid = self._find_wanted(path)
        if eid is not None:
            visits = find_visits(path)
            # A path that tells no visit passes, with a note; one that tells two does not.
            if visits <= {self._instance}:
                self.undated += not visits
                return eid, None
            self.other_visits += 1
        if len(self.examples) < EXAMPLES:
            self.examples.append(path)
        return None

    def notes(self) -> list[str]:
        """Say what was passed over, and what was taken on trust."""
        said = (
            (self.other_visits, "scans of other instances were left aside."),
            (self.undated, f"scans tell no instance and are taken as of {self._instance}."),
            (self.zips, "zips were found; scans in them are not read before they are unpacked."),
        )
        return [f"{count} {words}" for count, words in said if count]

    def _find_wanted(self, path: str) -> str | None:
        """Return the eid of a scan that is wanted if its visit is."""
        name = path.rpartition("/")[2]
        inside, named = f"/{path}".lower().endswith(self._ends), _EID.match(name)
        if not inside and named is None:  # most files of a person's folder
            return None
        bulk, eid = _BULK.search(path), find_eid(path)
        # Other bulk fields, unpacked side by side, have files of like names.
        if bulk and int(bulk[1]) != self.options.field:
            return None
        ends = self.options.suffix.lower() or (T1W if name.startswith("sub-") else EXTENSIONS)
        outside = named is not None and named[1] == eid and name.lower().endswith(ends)
        return eid if inside or outside else None


def find_eid(path: str) -> str | None:
    """Return the eid that a path tells: before a field's number, else of seven digits.

    >>> find_eid("12/1000502_20252_2_0/T1/T1_brain.nii.gz"), find_eid("sub-1000502_T1w.nii.gz")
    ('1000502', '1000502')
    """
    found = list(filter(None, map(_EID.match, path.split("/"))))
    keys = [(each[2] is not None, len(each[1]) == 7, len(each[1])) for each in found]
    # The deepest of equals.
    best = max(range(len(found)), key=lambda place: (*keys[place], place), default=None)
    return None if best is None else found[best][1]


def find_visits(path: str) -> set[str]:
    """Return the instances that a path tells.

    >>> find_visits("1000502_20252_2_0/T1/T1_brain.nii.gz"), find_visits("sub-1/ses-03/T1.nii")
    ({'2'}, {'3'})
    """
    told = (match[match.lastindex or 0].casefold() for match in _VISIT.finditer(path))
    return {each.removeprefix("instance").removeprefix("i").lstrip("0") or "0" for each in told}


def add_plain_columns(
    table: pd.DataFrame, fields: Mapping[str, Field], instance: int
) -> tuple[pd.DataFrame, list[str]]:
    """Add each field of a visit under one name, `p21001`, and further items as `p21001_a1`.

    A field that the table has of the first visit alone is taken from there, unless it is measured
    anew at every visit.
    """
    visits: defaultdict[int, set[int]] = defaultdict(set)
    for field in fields.values():
        visits[field.number].add(field.instance)
    first = {
        number
        for number, found in visits.items()
        if instance != 0 and found == {0} and number not in OF_A_VISIT
    }
    added: dict[str, pd.Series] = {}
    for column, field in fields.items():
        if field.instance == (0 if field.number in first else instance):
            name = f"p{field.number}" + (f"_a{field.item}" if field.item else "")
            known = table[name] if name in table and name != column else added.get(name)
            if known is not None and not known.equals(table[column]):
                raise DataError(
                    f"the columns for {name!r} differ, one of them is {column!r}",
                    found=(name, column),
                    hint="keep one",
                )
            added[name] = table[column]
    new = {name: values for name, values in added.items() if name not in table}
    wide = pd.concat([table, pd.DataFrame(new, index=table.index)], axis="columns")
    absent = {number for number, found in visits.items() if instance not in found} - first
    return wide, [
        *_say(first, "Taken from instance 0, the only one in the table"),
        *_say(absent, f"Not in the table at instance {instance}, left under their own names"),
    ]


def _say(numbers: set[int], words: str) -> list[str]:
    shown = ", ".join(f"p{number}" for number in sorted(numbers)[:20])
    more = f" and {len(numbers) - 20} more" if len(numbers) > 20 else ""
    return [f"{words}: {shown}{more}."] if numbers else []


@hookimpl
def brainplug_cohorts() -> Iterable[Part[CohortLoader]]:
    """Offer `ukb`."""
    yield Part("ukb", UkbOptions, Ukb)
