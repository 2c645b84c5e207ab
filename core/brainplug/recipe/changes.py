"""Keys of a recipe changed for one run, as `--set table.key=value` does."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any

from brainplug.errors import RecipeError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from brainplug.recipe.strict import Keys

STRUCTURE = frozenset("\"'[]{}=#\n")
"""Characters without which a value that is no TOML is text, since shells take quotes away."""


def with_changes(data: dict[str, Any], changes: Iterable[str], source: str) -> dict[str, Any]:
    """Return the data of a recipe with some keys changed, each `table.key=value`.

    Args:
        data: as TOML gives it; it stays as it is.
        changes: the key is written as in TOML, a number stands for a place in an array.
        source: the recipe as the user named it.

    Raises:
        RecipeError: a change is not of that form, or leads through what is no table.

    >>> with_changes({"training": {"epochs": 9}}, ["training.epochs=3", "model.use=tiny"], "r.toml")
    {'training': {'epochs': 3}, 'model': {'use': 'tiny'}}
    """
    for change in changes:
        keys, value = read_change(change, source)
        data = put(data, keys, value, change=f"{source} with --set {change}")
    return data


def read_change(change: str, source: str) -> tuple[Keys, Any]:
    """Read the keys and the value of one change.

    Raises:
        RecipeError: it is not of that form.

    >>> read_change('target.labels."1"="male"', "r.toml")
    (('target', 'labels', '1'), 'male')
    """
    key, sign, text = change.partition("=")
    told = f"expected --set table.key=value, the value as TOML writes it: {change!r}"
    if not sign or not key.strip():
        raise RecipeError(source, [told])
    try:
        found = tomllib.loads(f"{key} = 0")
    except tomllib.TOMLDecodeError:
        raise RecipeError(source, [told]) from None
    return keys_of(found), read_value(text.strip(), told, source)


def read_value(text: str, told: str, source: str) -> Any:
    """Read a value; what is no TOML and has nothing of its structure is text."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        if not text or STRUCTURE & set(text):
            hint = "; put quotes around the whole, so that the shell leaves those within alone"
            raise RecipeError(source, [told + hint]) from None
        return text


def keys_of(found: Any) -> tuple[str, ...]:
    """Return the keys that lead to the one value of nested tables."""
    keys = []
    while isinstance(found, dict):
        ((key, found),) = found.items()
        keys.append(key)
    return tuple(keys)


def put(data: Any, keys: Keys, value: Any, *, change: str) -> Any:
    """Return data with another value at some keys; tables on the way are made.

    Raises:
        RecipeError: what is on the way is no table, or has no such place.
    """
    if not keys:
        return value
    key, *rest = keys
    if isinstance(data, dict):
        return {**data, key: put(data.get(key, {}), tuple(rest), value, change=change)}
    if isinstance(data, list) and str(key).isdecimal() and int(key) < len(data):
        place = int(key)
        return [
            put(each, tuple(rest), value, change=change) if index == place else each
            for index, each in enumerate(data)
        ]
    size = f"an array of {len(data)}" if isinstance(data, list) else repr(data)
    raise RecipeError(change, [f"expected a table that holds {key!r}, found {size}"])
