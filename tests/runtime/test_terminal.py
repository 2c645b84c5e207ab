"""What comes from tables, recipes, files and plugins is shown as it is, and obeyed by nothing."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.table import Table
from rich.text import Text

import brainplug
from brainplug.run.log import log
from brainplug.runtime.terminal import Terminal, make_table

TEXTS = ["dose [/kg]", "[low]", "[bold]", "[/]", ":smile:", "a\\[b]", "[link=x]y[/link]"]
CONTROLS = [
    "\x1b[2J",
    "\x1b]0;title\x07",
    "a\rb",
    "\x9b31m",
    "\x7f",
    "\x00",
    "a\u202eb",
    "\u2066x",
    "a\u2028b",
]


def shown(*things, **options) -> str:
    screen = io.StringIO()
    Terminal(file=screen, width=200, **options).print(*things)
    return screen.getvalue()


def wrapped(kind: str, text: str):
    """Put a text where the program shows some: a line, a cell, a header, a title."""
    if kind == "line":
        return text
    if kind == "text":
        return Text(text, style="red")
    table = Table(text, title=text, caption=text)
    table.add_row(Text(text) if kind == "styled cell" else text)
    return table


KINDS = ["line", "text", "cell", "styled cell"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("text", TEXTS)
def test_brackets_are_shown(kind, text):
    """No label is taken for markup: it neither vanishes nor ends the run."""
    assert text in shown(wrapped(kind, text))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("text", CONTROLS)
def test_control_characters_reach_no_terminal(kind, text):
    """A label can neither clear the screen nor set a title, nor turn what stands behind it."""
    found = shown(wrapped(kind, text))

    assert not set("\x1b\x07\r\x9b\x7f\x00\u202e\u2066\u2028") & set(found)


def test_styles_are_still_shown():
    """The terminal's own colours are control characters that it may write."""
    assert "\x1b[31m" in shown(Text("a", style="red"), force_terminal=True)


def test_the_log_obeys_nothing_either(tmp_path):
    """Whoever shows the file on a terminal is safe."""
    log(tmp_path, "label \x1b[2J")

    assert "\x1b" not in (tmp_path / "log.txt").read_text()


def test_nothing_is_printed_as_markup():
    """Styles are given by name; text that is put between tags would be shown with them."""
    core = Path(brainplug.__file__).parent
    tags = ("[dim]", "[/dim]", "[bold]", "[yellow]", "[red]", "[green]", "rich.markup")
    found = {
        str(path.relative_to(core))
        for path in core.rglob("*.py")
        if any(tag in path.read_text() for tag in tags)
    }

    assert set() == found


def test_a_table_breaks_texts_and_no_interval():
    """At sixty columns a name takes two lines; a number with its interval takes one."""
    table = make_table("metric", "difference", "p", title="a less b")
    table.add_row("balanced accuracy of the most probable answer", "0.08 (0.01 to 0.36)", "0.436")
    screen = Terminal(width=60, file=io.StringIO())
    screen.print(table)
    lines = screen.file.getvalue().splitlines()

    assert max(map(len, lines)) <= 60
    assert any("0.08 (0.01 to 0.36)" in line for line in lines)
    assert "a less b" == lines[0].strip()
