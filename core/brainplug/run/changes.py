"""What changed since a stage was done, in words: the recipe key, the file, or the module."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MISSING = "missing"
"""Stands in the place of the hash of a file that is not there."""

SHOWN = 3
"""Causes that are named; of more, how many there are is said."""

MOST_LISTED = 200
"""Entries that a ledger keeps one by one; of more it keeps one hash."""

WIDEST = 60
"""Letters of a value that are shown."""

HASH = re.compile("[0-9a-f]{16,64}")


def plain_facts(facts: Any) -> Any:
    """Return facts as JSON gives them back, a huge listing as its size and one hash.

    >>> plain_facts({"shape": (2, 2), "scans": {"a.nii": "1f"}})
    {'shape': [2, 2], 'scans': {'a.nii': '1f'}}
    """
    from brainplug.runtime.files import hash_text

    if isinstance(facts, dict):
        if len(facts) > MOST_LISTED:
            text = json.dumps(facts, sort_keys=True, default=str)
            return {"count": len(facts), "hash": hash_text(text)}
        return {str(key): plain_facts(value) for key, value in facts.items()}
    return json.loads(json.dumps(facts, default=str))


def say_changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Say in what the makings of a stage differ, settings first.

    Args:
        before: `settings`, `reads`, `facts` and `code`, each as `plain_facts` gives it.
        after: the same; a group that either lacks is not compared.

    >>> say_changes({"settings": {"training": {"learning_rate": 5e-5}}},
    ...             {"settings": {"training": {"learning_rate": 1e-4}}})
    ['training.learning_rate changed, 5e-05 to 1e-04']
    """
    said: list[str] = []
    for group in ("settings", "reads", "facts", "code"):
        if group in before and group in after and before[group] != after[group]:
            said += say_group(group, before[group], after[group])
    return said


def say_group(group: str, before: Any, after: Any) -> list[str]:
    """Say in what one group differs."""
    found = list(differences(before, after))
    if group == "settings":
        return [say_value(*each) for each in found]
    if group == "code":
        names = [path for path, _, _ in found]
        return [f"code changed: {shorten(names)}"]
    return [say_file(*each) for each in found]


def differences(before: Any, after: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Give each place where two JSON values differ, with both; None where one has nothing.

    >>> list(differences({"a": [{"b": 1}]}, {"a": [{"b": 2}]}))
    [('a[0].b', 1, 2)]
    """
    if isinstance(before, dict) and isinstance(after, dict):
        for key in [*before, *(key for key in after if key not in before)]:
            below = f"{path}.{key}" if path else str(key)
            yield from differences(before.get(key), after.get(key), below)
    elif are_tables(before) and are_tables(after) and len(before) == len(after):
        for place, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from differences(one, other, f"{path}[{place}]")
    elif before != after:
        yield path, before, after


def are_tables(value: Any) -> bool:
    """Whether a value is a list of tables, which are compared one by one."""
    return isinstance(value, list) and bool(value) and all(isinstance(each, dict) for each in value)


def say_value(key: str, before: Any, after: Any) -> str:
    """Say how a key of the recipe changed.

    >>> say_value("images.shape", None, [8, 8, 8])
    'images.shape is new: [8, 8, 8]'
    """
    if before is None:
        return f"{key} is new: {show(after)}"
    if after is None:
        return f"{key} is gone, it was {show(before)}"
    return f"{key} changed, {show(before)} to {show(after)}"


def say_file(name: str, before: Any, after: Any) -> str:
    """Say what became of a file, or of another fact.

    >>> say_file("split.csv", "0123456789abcdef", "missing"), say_file("tokens", 8, 9)
    ('split.csv is missing', 'tokens changed, 8 to 9')
    """
    if after == MISSING:
        return f"{name} is missing"
    if any(HASH.fullmatch(str(each)) for each in (before, after)) or before == MISSING:
        name = name.removesuffix(".hash")
        return (
            f"{name} {'is new' if before in {None, MISSING} else 'changed'}"
            if after
            else f"{name} is gone"
        )
    return say_value(name, before, after)


def show(value: Any) -> str:
    """Write a value as one reads it in a recipe.

    >>> show(1e-4), show(0.5), show("cosine"), show(True)
    ('1e-04', '0.5', '"cosine"', 'true')
    """
    if isinstance(value, float) and 0 < abs(value) < 1e-3:
        mantissa, _, exponent = f"{value:e}".partition("e")
        return f"{mantissa.rstrip('0').rstrip('.')}e{exponent}"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= WIDEST else f"{text[: WIDEST - 1]}…"


def shorten(causes: list[str]) -> str:
    """Name the first causes, and say how many more there are.

    >>> shorten(["a", "b", "c", "d", "e"])
    'a, b, c and 2 more'
    """
    more = len(causes) - SHOWN
    named = ", ".join(causes[:SHOWN])
    return named if more <= 0 else f"{named} and {more} more"
