"""What is said of an exception that a plugin's code raised: where it was, and what is likely meant.

An author meets the words of pandas, numpy and attrs there, which know nothing of roles.
"""

from __future__ import annotations

import inspect
import re
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
from attrs.exceptions import FrozenInstanceError

from brainplug.api import records
from brainplug.api.frames import WITHHELD
from brainplug.errors import DataError, suggestion

if TYPE_CHECKING:
    from collections.abc import Iterator

READ_ONLY = re.compile("read-only")
"""Of all the ways in which numpy says that an array may not be written to."""


def in_one_line(error: BaseException) -> str:
    """Say an exception in one line, its class first.

    >>> in_one_line(ModuleNotFoundError("No module named 'x'"))
    "ModuleNotFoundError: No module named 'x'"
    """
    return " ".join(f"{type(error).__name__}: {error}".split()).removesuffix(":")


def place_of(error: BaseException) -> str:
    """Say in which line of a plugin something was raised, nothing where none of it was running."""
    packages = [package for package, _, _ in frames_of(error) if package not in OURS]
    # The first is where the plugin was entered; below it may lie any library.
    return line_in(error, packages[0]) if packages else ""


def line_in(error: BaseException, package: str) -> str:
    """Say in which line of a package something was raised, or what that called."""
    lines = [(file, line) for name, file, line in frames_of(error) if name == package]
    return at_line(*lines[-1]) if lines else ""


def frames_of(error: BaseException) -> list[tuple[str, str, int]]:
    """Return package, file and line of all that was running, from the outside in."""
    return [
        (str(frame.f_globals.get("__name__")).partition(".")[0], frame.f_code.co_filename, line)
        for frame, line in traceback.walk_tb(error.__traceback__)
        # What attrs makes up has no file.
        if not frame.f_code.co_filename.startswith("<")
    ]


OURS = ("brainplug", "pluggy")
"""Packages that call plugins."""


def line_of(thing: object) -> str:
    """Say in which line a function, a method or a class begins, nothing where it has none.

    >>> line_of(len), line_of(int)
    ('', '')
    """
    code = getattr(thing, "__code__", None)
    if code is not None and not code.co_filename.startswith("<"):
        return at_line(code.co_filename, code.co_firstlineno)
    if not isinstance(thing, type):
        return ""
    try:
        return at_line(inspect.getfile(thing), inspect.findsource(thing)[1] + 1)
    except (OSError, TypeError):  # made up as the program runs, or built in
        return ""


def at_line(file: str, line: int) -> str:
    """Write a place in a file.

    >>> at_line("/home/me/bad.py", 3)
    ' (bad.py, line 3)'
    """
    return f" ({Path(file).name}, line {line})"


def deed_of(error: BaseException) -> str:
    """Say what a method did that an exception stands for.

    >>> deed_of(ValueError("sort array is read-only")), deed_of(KeyError("a"))
    ('changes what it was given: ValueError: sort array is read-only', "raised KeyError: 'a'")
    """
    verb = "changes what it was given:" if is_change(error) else "raised"
    return f"{verb} {in_one_line(error)}"


def is_change(error: BaseException) -> bool:
    """Tell whether somebody wrote to what is lent."""
    written = isinstance(error, ValueError) and READ_ONLY.search(str(error))
    return bool(written) or isinstance(error, FrozenInstanceError)


def hint_for(error: BaseException, role: str, given: tuple[object, ...] = ()) -> str:
    """Say what the author of a part likely missed, nothing where nobody knows.

    Args:
        error: that a method raised.
        role: of the part.
        given: what the method was called with.
    """
    if isinstance(error, FrozenInstanceError):
        return "make another with attrs.evolve(…, name=value), or take a name of your own"
    if is_change(error):
        return "copy it first, such as `values = values.copy()`"
    for name in columns_in(error):
        if name in WITHHELD.get(role, {}):
            return WITHHELD[role][name]
        near = suggestion(name, columns_of(given))
        if near.startswith("did you mean"):
            return f"of the columns that it is given, {near}"
    if role == "metrics" and isinstance(error, TypeError) and "NoneType" in str(error):
        return (
            "`probabilities` may be None, and so may what is `predicted` of a person; the score is "
            "nan where it is not defined"
        )
    return hint_of_record(error) if isinstance(error, AttributeError) else ""


def hint_of_record(error: AttributeError) -> str:
    """Say which field of a record is likely meant; of one of ours, which there are."""
    kind = type(error.obj)
    if not attrs.has(kind):
        return ""
    told = suggestion(str(error.name), [each.name for each in attrs.fields(kind)])
    known = kind.__module__ == records.__name__ or told.startswith("did you mean")
    return f"of a {kind.__name__}, {told}" if known else ""


def columns_in(error: BaseException) -> Iterator[str]:
    """Give the columns that an exception of pandas may be about.

    >>> list(columns_in(KeyError("['a', 'b'] not in index")))
    ["['a', 'b'] not in index", 'a', 'b']
    """
    if isinstance(error, AttributeError):
        # Of a table, or of a row that `itertuples` gives; not of the part itself.
        if type(error.obj).__module__.partition(".")[0] == "pandas":
            yield str(error.name)
    elif isinstance(error, DataError):
        yield from re.findall(r"^there is no column '([^']+)'", error.what)
    elif isinstance(error, KeyError) or type(error).__name__ == "UndefinedVariableError":
        told = str(error.args[0]) if error.args else ""
        # As `groupby` says it, and all others.
        yield told.removeprefix("Column not found: ")
        yield from re.findall(r"'([^']+)'", told)


def columns_of(given: tuple[Any, ...]) -> list[str]:
    """Return the names of all columns of the tables among some values."""
    tables = [each for each in given if hasattr(each, "columns") and hasattr(each, "loc")]
    return [name for table in tables for name in table.columns if isinstance(name, str)]
