"""Tables that a part is given to read: what it changes in them harms nobody, and is told."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from brainplug.api.guard import name_of, origin_of
from brainplug.errors import PluginError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

    Table = pd.DataFrame | pd.Series


@contextmanager
def lending(behaviour: object, method: str, *tables: Table) -> Iterator[list[Any]]:
    """Give copies of tables, and see afterwards that they are as they were.

    Raises:
        PluginError: the behaviour changed one.
    """
    # Copied when they are written to, which is never for a part that keeps to its role.
    lent = [table.copy(deep=False) for table in tables]
    yield lent
    for table, given in zip(tables, lent, strict=True):
        what = changes_of(table, given)
        if not what:
            continue
        origin = origin_of(behaviour)
        kind = "table" if table.ndim > 1 else "series"
        cause = (
            f"{method} changed the {kind} that it was given ({what}); work on a copy, "
            f"`{kind} = {kind}.copy()`"
        )
        if origin is None:
            raise PluginError(name_of(behaviour), "this program", cause)
        raise origin.error(f"{cause}; {origin.advice}", method=method)


def changes_of(table: Any, given: Any) -> str:
    """Say what was changed of a table, nothing where nothing was.

    >>> import pandas as pd
    >>> changes_of(pd.DataFrame({"a": [1, 2]}), pd.DataFrame({"a": [1]}))
    'it has 1 rows in place of 2'
    >>> changes_of(pd.Series([1]), pd.Series([1]).rename_axis("person"))
    'the name of its index'
    """
    if len(given) != len(table):
        return f"it has {len(given)} rows in place of {len(table)}"
    if not given.index.equals(table.index):
        return "its rows are in another order, or named otherwise"
    if list(given.index.names) != list(table.index.names):
        return "the name of its index"
    if table.ndim == 1:
        return "" if given.equals(table) else "its values"
    if list(given.columns) != list(table.columns):
        odd = sorted({*map(str, given.columns)} ^ {*map(str, table.columns)})
        return f"its columns: {', '.join(map(repr, odd)) or 'their order'}"
    changed = [str(name) for name in table.columns if not given[name].equals(table[name])]
    return f"column {changed[0]!r}" if changed else ""
