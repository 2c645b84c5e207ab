"""What `brainplug check` finds: said on the terminal as it is found, and kept for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
from rich.text import Text

if TYPE_CHECKING:
    from rich.console import Console, RenderableType


@attrs.define(kw_only=True)
class CheckReport:
    """What is told of a recipe, in words and as facts.

    Attributes:
        console: where it is shown.
        facts: JSON-ready, by name: studies, runs, pools, asked, tasks, tokens, steps, …
        notes: sentences.
        warnings: sentences of what may be meant otherwise.
    """

    console: Console
    facts: dict[str, Any] = attrs.field(factory=dict)
    notes: list[str] = attrs.field(factory=list)
    warnings: list[str] = attrs.field(factory=list)

    def say(self, text: str) -> None:
        """Say something that a reader needs."""
        self.notes.append(text)
        self.console.print(text, markup=False, highlight=False)

    def note(self, text: str) -> None:
        """Say something beside."""
        self.notes.append(text)
        self.console.print(Text(text, style="dim"))

    def warn(self, text: str) -> None:
        """Say what may be meant otherwise."""
        self.warnings.append(text)
        self.console.print(Text(text, style="yellow"))

    def find(self, line: Text, *, note: bool) -> None:
        """Say what an audit found."""
        (self.notes if note else self.warnings).append(line.plain)
        self.console.print(line)

    def show(self, shown: RenderableType, **facts: Any) -> None:
        """Show something whose facts are kept."""
        self.facts |= facts
        self.console.print(shown)

    def to_json(self) -> dict[str, Any]:
        """Return all of it."""
        return {**self.facts, "notes": self.notes, "warnings": self.warnings}
