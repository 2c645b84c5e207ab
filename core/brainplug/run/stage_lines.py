"""One line a stage on the terminal: its name, its fact, and how long it took."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult

AS_BEFORE = "as before"

NAME_WIDTH = 13
"""Of `interventions`; the rare stages with longer names push their fact to the right."""

MOST_COLUMNS = 100
"""A fact that is longer than a terminal is folded; a wide one is not used to its end."""


@attrs.frozen
class StageLine:
    """What is said of a stage.

    Folded under itself where a terminal is narrow; one line in a pipe, whatever its length.

    Attributes:
        name: of the stage.
        fact: what it made, in a few words.
        time: how long that took.
        style: of the whole.
    """

    name: str
    fact: str
    time: str = ""
    style: str = ""

    def show(self, console: Console) -> None:
        """Print the line."""
        console.print(self, soft_wrap=not console.is_terminal)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Give the line."""
        line = f"{self.name:<{NAME_WIDTH}}  {self.fact}"
        whole = Text(line + (f"  {self.time}" if self.time else ""), style=self.style)
        if not console.is_terminal or whole.cell_len <= options.max_width:
            yield whole
            return
        grid = Table.grid(padding=(0, 2, 0, 0))
        grid.width = min(options.max_width, MOST_COLUMNS)
        grid.add_column(width=max(NAME_WIDTH, len(self.name)), no_wrap=True)
        grid.add_column(ratio=1)
        grid.add_column(justify="right", no_wrap=True)
        grid.add_row(*(Text(each, style=self.style) for each in (self.name, self.fact, self.time)))
        yield grid


def took(seconds: float) -> str:
    """Say how long something took.

    >>> [took(seconds) for seconds in (0.04, 4.26, 26.4, 131.0, 3600.0, 40000.0)]
    ['0.0 s', '4.3 s', '26 s', '2 min 11 s', '1 h', '11 h 7 min']
    """
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 9.95 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min" + (f" {rest} s" if rest else "")
    hours, left = divmod(round(seconds / 60), 60)
    return f"{hours} h" + (f" {left} min" if left else "")
