"""The terminal that progress and results are shown on.

What is shown comes from tables, recipes, files and plugins. So square brackets are never markup,
and control characters, which a terminal would obey, are shown as pictures of themselves; styles are
given by name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from brainplug.errors import visible

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import ConsoleOptions, RenderableType
    from rich.segment import Segment


def make_table(*heads: str, title: str = "", texts: int = 1) -> Table:
    """Make a table without a frame, whose numbers stand under each other.

    Args:
        heads: of the columns; none where the caller adds them.
        title: above it.
        texts: columns that hold texts, the first ones, which may be broken; others are not.
    """
    table = Table(
        title=title or None,
        box=SIMPLE_HEAD,
        pad_edge=False,
        title_justify="left",
        caption_justify="left",
    )
    for place, head in enumerate(heads):
        if place < texts:
            table.add_column(Text(head), overflow="fold")
        else:
            table.add_column(Text(head), justify="right", no_wrap=True)
    return table


class Terminal(Console):
    """A console that shows every text as it is.

    Attributes:
        verbose: whether everything is shown that a run says of itself.
    """

    def __init__(self, *, verbose: bool = False, **options: Any) -> None:
        """Take what rich's console takes, but markup and emoji."""
        super().__init__(**options, markup=False, emoji=False)
        self.verbose = verbose

    def render_str(self, text: str, **options: Any) -> Text:
        """Turn a text into what is shown: that of a cell, a title, or a line."""
        return super().render_str(visible(text), **options)

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """Give the pieces of something that is shown."""
        if isinstance(renderable, Text):
            renderable = renderable.copy()
            # One picture a character, so that styles stay where they are.
            renderable.plain = visible(renderable.plain)
        return super().render(renderable, options)
