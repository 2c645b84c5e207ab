"""Strict structuring of TOML into attrs classes, with every problem at its own path.

cattrs finds the hook for a type; the hooks here are stricter than its own and raise one exception
that holds all problems of a value, so a user is told everything at once.
"""

from __future__ import annotations

import math
import os
import re
import tomllib
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

import attrs
from cattrs.errors import StructureHandlerNotFoundError
from cattrs.preconf.tomllib import make_converter

from brainplug.errors import BrainplugError, RecipeError, suggestion
from brainplug.recipe.options import (
    in_words,
    is_mapping,
    is_sequence,
    is_table,
    is_union,
    length_of,
    members,
)
from brainplug.toolkit.codes import key_in_toml

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from cattrs import Converter

Keys = tuple[str | int, ...]
Problem = tuple[Keys, str]

LONGEST_VALUE = 80
LARGEST_RECIPE, DEEPEST = 1 << 20, 32
"""Bytes and depth that a recipe may have."""

BACKSLASH = (
    r"in double quotes a backslash begins an escape, as \t does a tab; write a path with / or in "
    "single quotes"
)


class ProblemsError(ValueError):
    """Everything wrong with a value; never shown as it is.

    Args:
        problems: for each problem the keys that lead to it inside the value, and its text.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        """Keep the problems as data."""
        self.problems = tuple(problems)
        super().__init__("; ".join(self.lines()))

    def under(self, key: str | int) -> Iterator[Problem]:
        """Give the problems as seen from the table or array that holds the value."""
        return (((key, *keys), text) for keys, text in self.problems)

    def lines(self) -> tuple[str, ...]:
        """Write a line for each problem, its path as TOML writes it."""
        return tuple(f"{path_of(keys)}: {text}" if keys else text for keys, text in self.problems)


def path_of(keys: Keys) -> str:
    """Write keys as TOML does, with array indices in brackets.

    >>> path_of(("tasks", 0, "limit")), path_of(("labels", "not bare"))
    ('tasks[0].limit', 'labels."not bare"')
    """
    parts = (f"[{key}]" if isinstance(key, int) else f".{key_in_toml(key)}" for key in keys)
    return "".join(parts).removeprefix(".")


def shown(value: Any) -> str:
    """Show a value that was given, cut where it is long.

    >>> shown("3"), shown(3)
    ("'3'", '3')
    """
    text = repr(value)
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]} …"


def refused(expected: str, value: Any, hint: str = "") -> ProblemsError:
    """Make the problem of a single value."""
    return ProblemsError([((), f"expected {expected}: {shown(value)}" + (hint and f"; {hint}"))])


def read_toml(path: Path, source: str) -> dict[str, Any]:
    """Read a TOML file.

    Raises:
        RecipeError: there is no such file, or it is not TOML; says line and column.
    """
    if path.exists() and not (path.is_file() or path.is_dir()):  # it may never end
        raise RecipeError(source, ["expected a file: a pipe or a device"])
    if path.is_file() and path.stat().st_size > LARGEST_RECIPE:
        told = f"expected at most {LARGEST_RECIPE:,} bytes: {path.stat().st_size:,}"
        raise RecipeError(source, [told])
    try:
        # Some editors on Windows put a byte order mark first, which TOML refuses.
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise RecipeError(source, [f"not TOML, which is UTF-8: {error.reason}"]) from None
    except OSError as error:
        raise RecipeError(source, [f"cannot be read: {error.strerror}"]) from None
    try:
        return bounded(tomllib.loads(text), source)
    except RecursionError:
        raise RecipeError(source, [f"tables nested more than {DEEPEST} deep"]) from None
    except tomllib.TOMLDecodeError as error:
        lines = text.rstrip("\n").split("\n")
        end = f"at line {len(lines)}, column {len(lines[-1]) + 1}, the end"
        reason = str(error).replace("at end of document", end)
        hint = f"; {BACKSLASH}" if "Unescaped" in reason or "hex value" in reason else ""
        raise RecipeError(source, [f"not TOML: {reason}{hint}"]) from None
    except ValueError:  # Python reads no number of more than 4,300 digits
        before = re.split("[0-9_]{4300}", text, maxsplit=1)[0]
        told = f"not TOML: a number of thousands of digits at line {before.count(chr(10)) + 1}"
        raise RecipeError(source, [told]) from None


def bounded(data: dict[str, Any], source: str) -> dict[str, Any]:
    """Return TOML data unless it is nested beyond reason, or holds integers beyond TOML's.

    Raises:
        RecipeError: it does.
    """
    waiting: list[tuple[Keys, Any]] = [((), data)]
    while waiting:
        keys, value = waiting.pop()
        if len(keys) > DEEPEST:
            raise RecipeError(source, [f"{path_of(keys[:2])}: nested more than {DEEPEST} deep"])
        if type(value) is int and not -(2**63) <= value < 2**63:
            raise RecipeError(source, [f"{path_of(keys)}: expected an integer of 64 bits"])
        if isinstance(value, dict | list):
            pairs = value.items() if isinstance(value, dict) else enumerate(value)
            waiting.extend(((*keys, key), each) for key, each in pairs)
    return data


def strict_converter(base: Path) -> Converter:
    """Make a converter that accepts only what is written as declared.

    Args:
        base: folder that relative paths start from.
    """
    converter = make_converter()
    # cattrs itself would convert: `"3"` to 3, and 1 to true.
    for kind in (bool, int, str):
        converter.register_structure_hook(kind, structure_exactly)
    converter.register_structure_hook(float, structure_float)
    converter.register_structure_hook(Path, lambda value, _: structure_path(value, base))
    # cattrs asks the factories that were registered last first, so these come before its own for
    # the same types.
    for applies, hook in CONTAINER_HOOKS:
        converter.register_structure_hook_factory(applies, binding(hook, converter))
    return converter


def binding(
    hook: Callable[[Converter, Any, Any], Any], converter: Converter
) -> Callable[[Any], Callable[[Any, Any], Any]]:
    """Make a hook factory of a hook that needs the converter for what lies within."""
    return lambda _: lambda value, expected: hook(converter, value, expected)


def structure_exactly(value: Any, expected: Any) -> Any:
    """Accept a value of exactly this type; `true` is no integer."""
    if type(value) is not expected:
        raise refused(in_words(expected), value)
    return value


def structure_float(value: Any, _: Any) -> float:
    """Accept a finite number, written as an integer or not."""
    if type(value) not in (int, float):
        raise refused(in_words(float), value)
    try:
        # An integer of TOML may be larger than any float.
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise refused("a finite number", value)
    return number


def structure_path(value: Any, base: Path) -> Path:
    """Accept a path, relative to the recipe's folder, and make it absolute."""
    if type(value) is not str or not value:
        raise refused(in_words(Path), value)
    if any(ord(each) < ord(" ") for each in value):
        raise refused(
            "a path without tabs, line ends or other control characters", value, BACKSLASH
        )
    try:
        # Fails for `~name` where nobody has that name.
        path = base / Path(value).expanduser()
    except RuntimeError as error:
        raise refused(in_words(Path), value, str(error).lower()) from None
    return Path(os.path.abspath(path))  # noqa: PTH100 (resolve() would also follow links)


def structure_literal(_: Converter, value: Any, expected: Any) -> Any:
    """Accept one of the listed values, of the same type."""
    allowed = get_args(expected)
    for each in allowed:
        # To Python, `True == 1 == 1.0`.
        if type(each) is type(value) and each == value:
            return each
    near = suggestion(value, map(str, allowed)) if type(value) is str else ""
    raise refused(in_words(expected), value, near if near.startswith("did") else "")


def structure_union(converter: Converter, value: Any, expected: Any) -> Any:
    """Accept what one member accepts, first the member that is exactly the value's type.

    Where a text may also be a path, one that is there is a path.
    """
    choices = sorted(members(expected), key=lambda member: member is not type(value))
    if type(value) is str and {Path, str}.issubset(choices):
        path: Path = structure_value(converter, value, Path)
        return path if path.exists() else value
    failures = []
    for member in choices:
        try:
            return structure_value(converter, value, member)
        except ProblemsError as error:
            failures.append(error)
    # The member that got furthest into the value is the one that was meant.
    furthest = max(failures, key=lambda failure: max(len(keys) for keys, _ in failure.problems))
    if len(choices) == 1 or any(keys for keys, _ in furthest.problems):
        raise furthest
    raise refused(in_words(expected), value)


def structure_sequence(converter: Converter, value: Any, expected: Any) -> Any:
    """Accept an array whose items are as declared; each wrong item is a problem of its own."""
    length = length_of(expected)
    if not isinstance(value, list) or length not in (None, len(value)):
        raise refused(in_words(expected), value)
    items = get_args(expected) or (Any,)
    kinds = items if length is not None else items[:1] * len(value)
    structured = structure_items(converter, enumerate(value), kinds)
    kind = get_origin(expected) or expected
    return (kind if kind in (list, set, frozenset) else tuple)(structured.values())


def structure_mapping(converter: Converter, value: Any, expected: Any) -> dict[str, Any]:
    """Accept a table with keys of the user's own, all values of one type."""
    if not isinstance(value, dict):
        raise refused(in_words(expected), value)
    _, kind = get_args(expected) or (str, Any)
    return structure_items(converter, value.items(), [kind] * len(value))


def structure_items(
    converter: Converter, items: Iterable[tuple[Any, Any]], kinds: Iterable[Any]
) -> dict[Any, Any]:
    """Structure values by their keys, and gather the problems of all."""
    structured: dict[Any, Any] = {}
    problems: list[Problem] = []
    for (key, value), kind in zip(items, kinds, strict=True):
        try:
            structured[key] = structure_value(converter, value, kind)
        except ProblemsError as error:
            problems.extend(error.under(key))
    if problems:
        raise ProblemsError(problems)
    return structured


def structure_value(converter: Converter, value: Any, expected: Any) -> Any:
    """Structure a value by the hook of its type; no exception of cattrs comes out."""
    if any(applies(expected) for applies, _ in CONTAINER_HOOKS):
        return converter.structure(value, expected)
    try:
        return converter.structure(value, expected)
    except ProblemsError:
        raise
    except StructureHandlerNotFoundError:
        text = f"a recipe cannot hold a value of this type: {in_words(expected)}"
        raise ProblemsError([((), text)]) from None
    except (ValueError, TypeError):  # a date or another simple type that cattrs itself knows
        raise refused(in_words(expected), value) from None


def structure_table(converter: Converter, value: Any, expected: Any) -> Any:
    """Accept a table with the keys of an attrs class, and gather everything wrong with it."""
    if not isinstance(value, dict):
        raise refused(in_words(expected), value)
    fields = {
        field.alias: field
        for field in attrs.fields(attrs.resolve_types(get_origin(expected) or expected))
        if field.init
    }
    given, problems = structure_fields(converter, value, fields)
    problems += [
        ((key,), f"unknown key: {shown(each)}; {suggestion(key, fields)}")
        for key, each in value.items()
        if key not in fields
    ]
    problems += validate(given, fields)
    # What is checked across keys makes sense only where each is valid by itself.
    if not problems:
        try:
            return expected(**given)
        except (ValueError, TypeError, BrainplugError) as error:
            problems.append(((), text_of(error)))
    raise ProblemsError(problems)


def structure_fields(
    converter: Converter, table: dict[str, Any], fields: dict[str, attrs.Attribute[Any]]
) -> tuple[dict[str, Any], list[Problem]]:
    """Structure the keys a class declares; a default that is a relative path becomes absolute."""
    given: dict[str, Any] = {}
    problems: list[Problem] = []
    for key, field in fields.items():
        value = table.get(key, str(field.default) if isinstance(field.default, Path) else None)
        try:
            if value is not None:
                given[key] = structure_value(converter, value, field.type)
            elif field.default is attrs.NOTHING:
                problems.append(((key,), missing(field)))
        except ProblemsError as error:
            problems.extend(error.under(key))
    return given, problems


def missing(field: attrs.Attribute[Any]) -> str:
    """Say what a required key is for."""
    note = field.metadata.get("about")
    return f"missing key; expected {in_words(field.type)}" + (f", {note}" if note else "")


def validate(given: dict[str, Any], fields: dict[str, attrs.Attribute[Any]]) -> list[Problem]:
    """Run the validator of each key by itself, before the object is built.

    attrs stops at the first validator that fails and loses its key. A validator that looks at
    another key than its own cannot be run before that key is valid: it has its turn when the
    object is built.
    """
    instance = SimpleNamespace(**given)
    problems: list[Problem] = []
    for key, value in given.items():
        field = fields[key]
        # With a converter, the validator expects what that makes of the value.
        if field.validator is None or field.converter is not None:
            continue
        for keys, each, validator in spread(field.validator, value):
            try:
                validator(instance, field, each)
            except AttributeError:
                continue
            except (ValueError, TypeError) as error:
                problems.append(((key, *keys), text_of(error)))
    return problems


def spread(validator: Any, value: Any) -> Iterator[tuple[Keys, Any, Any]]:
    """Take the items of an array apart where a validator looks at each of them."""
    if type(value) is not tuple or not hasattr(validator, "member_validator"):
        yield (), value, validator
        return
    for index, item in enumerate(value):
        yield (index,), item, validator.member_validator
    if validator.iterable_validator is not None:
        yield (), value, validator.iterable_validator


def text_of(error: Exception) -> str:
    """Return the message of a failed validator; attrs adds the parts of it as arguments."""
    if isinstance(error, BrainplugError):
        return str(error)
    return str(error.args[0]) if error.args else type(error).__name__


def is_literal(expected: Any) -> bool:
    """Whether a type lists its values."""
    return get_origin(expected) is Literal


CONTAINER_HOOKS: tuple[tuple[Callable[[Any], bool], Callable[[Converter, Any, Any], Any]], ...] = (
    (is_literal, structure_literal),
    (is_union, structure_union),
    (is_sequence, structure_sequence),
    (is_mapping, structure_mapping),
    (is_table, structure_table),
)
