"""Records as JSON and back: one converter for every file that a run writes and reads again.

A record is an attrs class. What is read must have exactly its fields, each of its type, so a file
that was cut or edited is told with its name and never used by halves.
"""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from brainplug.errors import RunError
from brainplug.runtime.files import read_json, write_json

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from cattrs.preconf.json import JsonConverter

Record = TypeVar("Record")


@cache
def converter() -> JsonConverter:
    """Return the converter; cattrs takes a tenth of a second to import."""
    from cattrs.preconf.json import make_converter

    # A field that no one knows is most often one that was renamed, whose default would be taken in
    # silence.
    return make_converter(forbid_extra_keys=True)


def to_json(record: object) -> Any:
    """Return a record as JSON-ready data, fields in the order of the class."""
    return converter().unstructure(record)


def from_json(data: object, expected: type[Record], *, source: str) -> Record:
    """Return a record from JSON data.

    Args:
        data: as `to_json` gives it.
        expected: the attrs class, or a container of such.
        source: the file, for the message.

    Raises:
        RunError: the data are not of that form.
    """
    from cattrs import BaseValidationError, transform_error

    try:
        found: Record = converter().structure(data, expected)
    except BaseValidationError as error:
        wrong = "; ".join(transform_error(error)[:3])
        raise misfit(expected, wrong, source) from None
    except (AttributeError, TypeError):  # what cattrs meets where it looks for an object
        raise misfit(expected, f"a {type(data).__name__}", source) from None
    return found


def misfit(expected: type[Any], found: str, source: str) -> RunError:
    """Make the error of a file that holds something else."""
    return RunError(
        f"other content ({found})",
        where=source,
        expected=getattr(expected, "__name__", expected),
        hint="delete it, and the same command makes it anew",
    )


def write_record(path: Path, record: object) -> None:
    """Write a record as a JSON file, whole or not at all."""
    write_json(path, to_json(record))


def read_record(path: Path, expected: type[Record]) -> Record:
    """Read a record from a JSON file.

    Raises:
        RunError: the file does not hold one.
    """
    return from_json(read_json(path), expected, source=str(path))


def to_lines(records: Iterable[object]) -> str:
    """Return records as JSON, one a line."""
    return "".join(json.dumps(to_json(each), ensure_ascii=False) + "\n" for each in records)


def from_lines(lines: Iterable[str], expected: type[Record], *, source: str) -> list[Record]:
    """Return the records of lines of JSON.

    Raises:
        RunError: a line does not hold one.
    """
    return [
        from_json(parse_line(line, where=f"{source}, line {number}"), expected, source=source)
        for number, line in enumerate(lines, 1)
    ]


def parse_line(line: str, *, where: str) -> Any:
    """Return what a line of JSON holds.

    Raises:
        RunError: it is no JSON.
    """
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        raise RunError(
            f"another text ({error})",
            where=where,
            expected="a JSON row",
            hint="delete the file, and the same command makes it anew",
        ) from None
