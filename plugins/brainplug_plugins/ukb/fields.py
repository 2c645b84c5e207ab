"""UK Biobank's names of columns: data-field, instance and item, in three namings."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Container, Iterable

SUBJECTS = ("eid", "f.eid", "participant.eid")
SEX_FIELDS = (31, 22001)
KNOWN_FIELDS = frozenset({*SEX_FIELDS, 53, 54, 21003})
"""Data-fields that are read of any table: sex, and who came to a visit, where and how old."""

_NAMINGS = (
    re.compile(r"f\.([0-9]+)\.([0-9]+)\.([0-9]+)"),
    re.compile(r"X?([0-9]+)[-.]([0-9]+)\.([0-9]+)"),
    re.compile(r"(?:participant\.)?p([0-9]+)(?:_i([0-9]+))?(?:_a([0-9]+))?"),
)


class Field(NamedTuple):
    """What the name of a column says: data-field, instance (visit) and item of its array."""

    number: int
    instance: int
    item: int


def read_field(column: str) -> Field | None:
    """Read the name of a column in any of the three namings, None where it is in none.

    >>> read_field("f.31.0.0"), read_field("p20002_i2_a1")
    (Field(number=31, instance=0, item=0), Field(number=20002, instance=2, item=1))
    >>> read_field("21001-2.0") == read_field("p21001_i2"), read_field("BMI_sds")
    (True, None)
    """
    found = next(filter(None, (naming.fullmatch(column) for naming in _NAMINGS)), None)
    return Field(*(int(number or 0) for number in found.groups())) if found else None


def find_fields(names: Iterable[str]) -> dict[str, Field]:
    """Return the names that are those of data-fields."""
    return {name: field for name in names if (field := read_field(name)) is not None}


def is_of_field(column: str, numbers: Container[int]) -> bool:
    """Tell whether a column is of one of some data-fields, in any naming; or holds the eid."""
    field = read_field(column)
    return column in SUBJECTS if field is None else field.number in numbers
