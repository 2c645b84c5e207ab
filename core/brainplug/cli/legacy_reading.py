"""Old YAML settings as keys and values: read without a doubt, in bounded time and memory."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any

from brainplug.errors import DataError
from brainplug.recipe.strict import path_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from brainplug.recipe.strict import Keys

LARGEST = 1 << 20
"""Bytes; settings have hundreds."""

MOST_VALUES = 20_000
"""Keys and values, of which settings have dozens and lists of task files hundreds."""


def read_leaves(path: Path) -> list[tuple[Keys, Any]]:
    """Read a YAML file of keys and values; no object but plain data is made of it.

    Raises:
        DataError: it is none, is larger or nested deeper than settings are, or has a key twice.
    """
    import yaml

    refuse_no_settings(path)
    try:
        loader = yaml.SafeLoader(path.read_text(encoding="utf-8-sig"))
        node = loader.get_single_node()
        if node is None or node.id != "mapping":
            found = f"a {node.id}" if node else "nothing"
            raise DataError(found, where=path, expected="keys and values")
        refuse_bomb(node, path)
        refuse_repeats(node, path)
        return list(leaves_of(loader.construct_document(node)))
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}", where=path) from None
    except yaml.YAMLError as error:
        raise DataError(f"not YAML: {describe_fault(error)}", where=path) from None
    except UnicodeDecodeError as error:
        raise DataError(f"not YAML, which is UTF-8: {error.reason}", where=path) from None
    except ValueError:
        raise DataError("not YAML: a date, time or number that cannot be", where=path) from None
    except RecursionError:
        raise DataError("one without end", where=path, expected="a few sections") from None


def refuse_no_settings(path: Path) -> None:
    """Refuse what would be waited for, or never end, and a file that is too large for settings.

    Raises:
        DataError: it is one.
    """
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise DataError("a pipe or a device", where=path, expected="a file")
    size = path.stat().st_size if path.is_file() else 0
    if size > LARGEST:
        expected = f"settings of at most {LARGEST:,} bytes"
        raise DataError(f"{size:,}", where=path, expected=expected, found=size)


def refuse_bomb(node: Any, path: Path) -> None:
    """Refuse YAML whose aliases repeat each other until nobody could read it to its end.

    Raises:
        DataError: it is.
    """
    sizes: dict[int, float] = {}

    def size_of(each: Any) -> float:
        if id(each) not in sizes:
            sizes[id(each)] = inf  # met again within itself, it has no end
            inner = each.value if isinstance(each.value, list) else ()
            parts = (part for entry in inner for part in as_parts(entry))
            sizes[id(each)] = 1 + sum(map(size_of, parts))
        return sizes[id(each)]

    found = size_of(node)
    if found > MOST_VALUES:
        told = "one without end" if found == inf else f"{found:,.0f}, aliases put in"
        expected = f"settings of at most {MOST_VALUES:,} keys and values"
        raise DataError(told, where=path, expected=expected, found=found)


def as_parts(entry: Any) -> tuple[Any, ...]:
    """Return the nodes of an entry: of a mapping key and value, of a list the item."""
    return entry if isinstance(entry, tuple) else (entry,)


def describe_fault(error: Any) -> str:
    """Say what is wrong with YAML and where, without the line itself: it may hold a secret."""
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or getattr(error, "reason", "cannot be read")
    if mark is None:
        return f"{problem}, at character {getattr(error, 'position', 0) + 1}"
    return f"{problem}, at line {mark.line + 1}, column {mark.column + 1}"


def refuse_repeats(node: Any, path: Path, above: Keys = ()) -> None:
    """Refuse a key that stands twice in one section; YAML readers would take the last."""
    lines: dict[str, int] = {}
    for key, value in node.value if node.id == "mapping" else ():
        name, line = str(key.value), key.start_mark.line + 1
        if name in lines:
            place = path, printable(path_of((*above, name)))
            told, both = f"at line {lines[name]} and at line {line}", (lines[name], line)
            raise DataError(told, where=place, expected="once", found=both, hint="delete one")
        lines[name] = line
        refuse_repeats(value, path, (*above, name))


def leaves_of(table: dict[Any, Any], above: Keys = ()) -> Iterator[tuple[Keys, Any]]:
    """Give every value that is no section itself, with the keys that lead to it."""
    for key, value in table.items():
        keys = (*above, str(key))
        if isinstance(value, dict) and value:
            yield from leaves_of(value, keys)
        else:
            yield keys, value


def printable(text: str) -> str:
    r"""Escape what a comment cannot hold.

    >>> printable("a\tb") == r"a\tb"
    True
    """
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in text
    )
