"""How far a stage is: a bar on a terminal, a line now and then in a pipe and in `log.txt`."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console

EVERY_S = 30.0
"""Least time between two lines."""

NOTEBOOK_EVERY_S = 0.2
"""Least time between two changes of the line in a notebook."""

BAR = 30
"""Letters of the bar in a notebook."""


@attrs.define(kw_only=True)
class Teller:
    """Says how far some work is, what is known of it, and how long the rest will take.

    Time left follows from what this process did itself: a run that goes on amid its work has not
    done what was done before in no time.

    Attributes:
        what: the work in words.
        say: takes a line, at most every `EVERY_S`.
        draw: takes done, total, and what else is known, each time.
        clock: seconds.
    """

    what: str
    say: Callable[[str], None]
    draw: Callable[[int, int, str], None] = lambda _done, _total, _said: None
    clock: Callable[[], float] = time.monotonic
    said_at: float = attrs.field(init=False)
    start: tuple[int, float] | None = attrs.field(init=False, default=None)

    def __attrs_post_init__(self) -> None:
        """Count from now: what is over sooner needs no line."""
        self.said_at = self.clock()

    def report(self, done: int, total: int, said: str = "") -> None:
        """Tell that so much is done, and what else is known."""
        now = self.clock()
        self.start = self.start or (done, now)
        known = ", ".join(filter(None, (said, self.left(done, total, now))))
        self.draw(done, total, known)
        if now - self.said_at >= EVERY_S:
            self.say(f"{self.what} {done:,} of {total:,}" + (f", {known}" if known else ""))
            self.said_at = now

    def left(self, done: int, total: int, now: float) -> str:
        """Return in words how long the rest will take; empty while that is not known."""
        assert self.start is not None
        first, begun = self.start
        if done <= first or done >= total:
            return ""
        return f"{duration((now - begun) / (done - first) * (total - done))} left"


def duration(seconds: float) -> str:
    """Say roughly how long something takes.

    >>> [duration(seconds) for seconds in (7.4, 100, 4000, 40000)]
    ['7 s', '2 min', '67 min', '11.1 h']
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 90 else f"{minutes / 60:.1f} h"


@contextmanager
def in_notebook(
    what: str, clock: Callable[[], float] = time.monotonic
) -> Iterator[Callable[[int, int, str], None]]:
    """Show a line below the cell that says how far some work is, and goes when it is done.

    Rich's own bar needs a library of widgets there; this needs what every notebook has.
    """
    from IPython.display import Pretty, display

    shown = display(Pretty(f"{what} …"), display_id=True)
    drawn = clock()

    def draw(done: int, total: int, known: str) -> None:
        nonlocal drawn
        if clock() - drawn < NOTEBOOK_EVERY_S and done < total:
            return
        drawn = clock()
        filled = round(BAR * done / total) if total else 0
        bar = "█" * filled + "░" * (BAR - filled)
        shown.update(Pretty(f"{what} {bar} {done:,} of {total:,}" + (f", {known}" * bool(known))))

    try:
        yield draw
    finally:
        shown.update(Pretty(""))


@contextmanager
def showing(
    what: str, *, console: Console, log: Callable[[str], None], say: Callable[[str], None]
) -> Iterator[Callable[..., None]]:
    """Show how far some work is while the block lasts; gives `report(done, total, said="")`.

    Args:
        what: the work in words; a number follows.
        console: where a bar is shown, if that is a terminal or a notebook.
        log: takes a line where there is a bar.
        say: takes a line where there is none.
    """
    if console.is_jupyter:
        with in_notebook(what) as draw:
            yield Teller(what=what, say=log, draw=draw).report
        return
    if not console.is_terminal:
        yield Teller(what=what, say=say).report
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    bar = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[known]}", markup=False),
        console=console,
        transient=True,
    )
    with bar:
        task = bar.add_task(what, total=None, known="")

        def draw(done: int, total: int, known: str) -> None:
            bar.update(task, completed=done, total=total, known=known)

        yield Teller(what=what, say=log, draw=draw).report
