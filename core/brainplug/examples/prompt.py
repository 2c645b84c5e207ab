"""Prompt template that asks in the words of a reading room."""

from collections.abc import Iterable

import attrs

from brainplug import Case, Image, Part, Turn, about, hookimpl
from brainplug.api.roles import PromptTemplate


@attrs.frozen(kw_only=True)
class ReadingRoomOptions:
    """Options of `reading-room`."""

    known: str = attrs.field(
        default="Known case", metadata=about("words for a scan whose value is told")
    )


class ReadingRoom:
    """Asks in the words of a reading room."""

    def __init__(self, options: ReadingRoomOptions) -> None:
        self.known = options.known

    def dialogue(self, case: Case) -> tuple[Turn, ...]:
        """Show each reference with its value, then ask for that of the query."""
        turns = []
        for place, value in enumerate(case.references):
            told = f"{self.known}, {case.target}: {value}."
            turns.append(Turn.user(Image(place), told))
            turns.append(Turn.assistant("Seen."))
        # The query is the last image; only the answer may say its value.
        question = f"New case. State the {case.target}."
        turns.append(Turn.user(Image(len(case.references)), question))
        turns.append(Turn.assistant(f"Impression: {case.query}."))
        return tuple(turns)


@hookimpl
def brainplug_prompts() -> Iterable[Part[PromptTemplate]]:
    """Offer `reading-room`."""
    yield Part("reading-room", ReadingRoomOptions, ReadingRoom)
