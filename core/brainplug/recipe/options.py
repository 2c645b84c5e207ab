"""Options in words: what a key of a recipe expects, its default, unit and meaning."""

from __future__ import annotations

import json
import types
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

import attrs

from brainplug.toolkit.codes import key_in_toml

SCALARS: Mapping[Any, tuple[str, str]] = {
    bool: ("true or false", "true or false"),
    int: ("an integer", "integers"),
    float: ("a number", "numbers"),
    str: ("text", "texts"),
    Path: ("a path", "paths"),
    Any: ("any value", "values"),
}
"""Simple types: one of them, several of them."""

REQUIRED = "required"
NOT_SET = "not set"


@attrs.frozen(kw_only=True)
class Option:
    """One key of a recipe table.

    Attributes:
        key: as in the recipe; keys of a table within it follow a dot.
        expects: its type in words.
        default: as TOML writes it, or `required`, or `not set`.
        unit: of its value, empty where it has none.
        about: what it does.
    """

    key: str
    expects: str
    default: str
    unit: str
    about: str


def is_table(expected: Any) -> bool:
    """Whether a type is an attrs class, generic or not."""
    return attrs.has(get_origin(expected) or expected)


def is_union(expected: Any) -> bool:
    """Whether a type is written `A | B` or `Optional[A]`."""
    return get_origin(expected) in (Union, types.UnionType)


def is_sequence(expected: Any) -> bool:
    """Whether a type is written as a TOML array."""
    return (get_origin(expected) or expected) in (tuple, list, set, frozenset, Sequence)


def is_mapping(expected: Any) -> bool:
    """Whether a type is a TOML table with keys of the user's own."""
    return (get_origin(expected) or expected) in (dict, Mapping)


def members(expected: Any) -> tuple[Any, ...]:
    """Return the types of a union that TOML can hold; it has no null."""
    return tuple(member for member in get_args(expected) if member is not type(None))


def length_of(expected: Any) -> int | None:
    """Return the length of a tuple type, None where it may vary.

    >>> length_of(tuple[int, int, int]), length_of(tuple[str, ...]), length_of(list[str])
    (3, None, None)
    """
    items = get_args(expected)
    fixed = get_origin(expected) is tuple and items[-1:] != (Ellipsis,)
    return len(items) if fixed else None


def in_words(expected: Any, *, plural: bool = False) -> str:
    """Say what values a type allows.

    >>> in_words(tuple[int, int, int]), in_words(Literal["all", "headers"]), in_words(str | None)
    ('an array of 3 integers', "'all' or 'headers'", 'text')
    """
    if expected in SCALARS:
        return SCALARS[expected][plural]
    if get_origin(expected) is Literal:
        return " or ".join(map(repr, get_args(expected)))
    if is_union(expected):
        return " or ".join(in_words(member, plural=plural) for member in members(expected))
    if is_sequence(expected):
        return ("arrays" if plural else "an array") + f" of {_items_in_words(expected)}"
    table = "tables" if plural else "a table"
    if is_mapping(expected):
        return f"{table} of {in_words((get_args(expected) or (str, Any))[1], plural=True)}"
    return table if is_table(expected) else str(getattr(expected, "__name__", expected))


def _items_in_words(expected: Any) -> str:
    """Say the items of an array and, where it is fixed, their number."""
    items = [item for item in get_args(expected) if item is not Ellipsis] or [Any]
    length = length_of(expected)
    kinds = " or ".join(dict.fromkeys(in_words(item, plural=True) for item in items))
    return kinds if length is None else f"{length} {kinds}"


def plain(value: Any) -> Any:
    """Turn a value into what TOML can hold; keys that are None are left out.

    >>> plain({"folder": Path("/data"), "shape": (4, 4), "unset": None})
    {'folder': '/data', 'shape': [4, 4]}
    """
    if attrs.has(type(value)):
        fields = attrs.fields(type(value))
        return plain({field.alias: getattr(value, field.name) for field in fields if field.init})
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items() if each is not None}
    if isinstance(value, tuple | list):
        return [plain(each) for each in value]
    if isinstance(value, set | frozenset):
        # A set has no order of its own, and equal recipes must be equal texts.
        return sorted(plain(each) for each in value)
    return str(value) if isinstance(value, Path) else value


def default_in_words(field: attrs.Attribute[Any]) -> str:
    """Say a default as TOML writes it."""
    default: Any = field.default
    if default is attrs.NOTHING:
        return REQUIRED
    if isinstance(default, attrs.Factory):  # type: ignore[arg-type]  # a class, typed as function
        if default.takes_self:
            return "computed"
        default = default.factory()
    return in_toml(default)


def in_toml(value: Any) -> str:
    """Write the value of an option on one line, as `default_in_words` does."""
    return NOT_SET if value is None else as_toml(plain(value))


def as_toml(value: Any) -> str:
    """Write a plain value on one line.

    >>> as_toml({"train": 0.7, "labels": ["a", True]})
    '{ train = 0.7, labels = ["a", true] }'
    """
    if isinstance(value, dict):
        pairs = ", ".join(f"{key_in_toml(key)} = {as_toml(each)}" for key, each in value.items())
        return f"{{ {pairs} }}" if pairs else "{}"
    if isinstance(value, list):
        return f"[{', '.join(map(as_toml, value))}]"
    if isinstance(value, str | bool):
        # JSON writes texts and booleans as TOML does.
        return json.dumps(value, ensure_ascii=False)
    return str(value)


def options_of(table: type[Any], *, under: str = "") -> Iterator[Option]:
    """List the keys of a table, those of tables within it one by one."""
    for field in attrs.fields(attrs.resolve_types(table)):
        if not field.init:
            continue
        key = under + field.alias
        inner = members(field.type) if is_union(field.type) else (field.type,)
        # A table with a type argument is a chosen part, whose keys are its plugin's.
        if len(inner) == 1 and is_table(inner[0]) and not get_args(inner[0]):
            yield from options_of(inner[0], under=f"{key}.")
            continue
        yield Option(
            key=key,
            expects=in_words(field.type),
            default=default_in_words(field),
            unit=field.metadata.get("unit", ""),
            about=field.metadata.get("about", ""),
        )
