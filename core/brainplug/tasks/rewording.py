"""Dialogues that tell other values of their references, word for word as they told the old ones.

A task says which values its references have, and not where the dialogue says so: a label or a
number may also stand in a text for another reason. Where a value is told is found by comparing
texts over all tasks. Words that stay when the value is another do not tell it; of several places
those do that make the texts of most values alike.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

import attrs

from brainplug.api.records import Image, Turn
from brainplug.errors import DataError
from brainplug.tasks.chat import ChatEncoder
from brainplug.tasks.telling import NUMBER
from brainplug.toolkit import letters
from brainplug.toolkit.letters import find_said

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from brainplug.api.records import TargetValue
    from brainplug.tasks.task import Task

    Span = tuple[int, int]

SLOT = "\ue000"
"""A character of the private use area, which no wording has."""

MOST_PLACES = 4
"""Places in one text whose subsets are tried; of more, all or none tell the value."""


class Place(NamedTuple):
    """A text of a dialogue: the turn, and the part of it."""

    turn: int
    part: int


@attrs.frozen(eq=False)
class Wordings:
    """What is said with references of some tasks, by which it is known where a value is told.

    Attributes:
        values: that each text is said with.
        forms: the values that each text with a slot in place of some words is said with.
    """

    values: Mapping[str, set[TargetValue]]
    forms: Mapping[str, set[TargetValue]]

    @classmethod
    def of(cls, tasks: Iterable[Task]) -> Wordings:
        """Read the references of tasks."""
        values, forms = defaultdict(set), defaultdict(set)
        for task in tasks:
            for value, texts in zip(task.reference_values, texts_of_references(task), strict=True):
                for place in texts:
                    values[text_at(task, place)].add(value)
        for text, told in values.items():
            for value in told:
                for spans in subsets(find_value(text, value)):
                    forms[fill(text, spans, SLOT)].add(value)
        return cls(values, forms)

    def slots(self, text: str, value: TargetValue) -> list[Span]:
        """Return where a text tells the value it is said with; empty where it does not."""
        spans = set(find_value(text, value))
        for other in self.values.get(text, ()):
            spans &= set(find_value(text, other))
        choices = [
            (len(self.forms.get(fill(text, some, SLOT), ())), len(some), some)
            for some in subsets(sorted(spans))
        ]
        return list(max(choices)[2]) if choices else []

    def reword(self, task: Task, told: Sequence[TargetValue]) -> Task | None:
        """Return a task that tells other values of its references, and asks as before.

        An answer that states a likeness, from which candidates are made, states that to what is
        told now. Its truth stays.

        Args:
            task: with references.
            told: the new value of each.

        Returns:
            None where the dialogue tells some value nowhere.
        """
        turns = [list(turn.content) for turn in task.turns]
        pairs = zip(task.reference_values, told, texts_of_references(task), strict=True)
        for old, new, places in pairs:
            found = 0
            for place in places:
                text = text_at(task, place)
                spans = self.slots(text, old)
                found += len(spans)
                turns[place.turn][place.part] = tell(text, spans, new)
            if not found:
                return None
        made = [Turn(turn.role, tuple(each)) for turn, each in zip(task.turns, turns, strict=True)]
        made[-1] = reword_answer(task, told)
        return attrs.evolve(task, turns=tuple(made), reference_values=tuple(told))


def texts_of_references(task: Task) -> list[list[Place]]:
    """Return for each reference the places of the texts that are said with it.

    They are those behind its scan, up to the next one; in a turn that begins with words, those
    before it. What is said with the query belongs to no reference.
    """
    found: list[list[Place]] = [[] for _ in range(len(task.references) + 1)]
    shown = -1
    for number, turn in enumerate(task.turns[:-1]):
        images = [part.index for part in turn.content if isinstance(part, Image)]
        leads = bool(images) and not isinstance(turn.content[0], Image)
        left = list(images)
        for place, part in enumerate(turn.content):
            if isinstance(part, Image):
                shown = left.pop(0)
            elif leads and left:
                found[left[0]].append(Place(number, place))
            elif shown >= 0:
                found[shown].append(Place(number, place))
    return found[:-1]


def text_at(task: Task, place: Place) -> str:
    """Return the text at a place of a dialogue."""
    text = task.turns[place.turn].content[place.part]
    assert isinstance(text, str)
    return text


def find_value(text: str, value: TargetValue) -> list[Span]:
    """Return where a text has a value as words of its own, in any case, or rounded as it may be.

    >>> find_value("A male: not female, Male", "male"), find_value("T1, 24.8 kg", 24.83)
    ([(2, 6), (20, 24)], [(4, 8)])
    """
    if isinstance(value, str):
        return find_said(text, [value], ignore_case=True)
    return [
        found.span()
        for found in NUMBER.finditer(text)
        if not text[: found.start()][-1:].isalnum() and is_rounded(found.group(), value)
    ]


def is_rounded(said: str, value: float) -> bool:
    """Tell whether a number is a value, rounded to the decimals it is said with.

    >>> is_rounded("24.8", 24.83), is_rounded("25", 24.83), is_rounded("24.80", 24.83)
    (True, True, False)
    """
    try:
        number = float(plain(said))
    except ValueError:  # with a comma, which is one thing here and another there
        return False
    return abs(number - round(value, places_of(said))) < 1e-9 * max(1.0, abs(value))


def plain(said: str) -> str:
    """Return a number with the minus sign that Python reads."""
    return said.replace("\N{MINUS SIGN}", "-")


def places_of(said: str) -> int:
    """Count the decimals of a number as it is said."""
    return len(said.partition(".")[2])


def subsets(spans: Sequence[Span]) -> list[tuple[Span, ...]]:
    """Return the choices of places that there are, none of them empty."""
    if len(spans) > MOST_PLACES:
        return [tuple(spans)]
    sizes = range(1, len(spans) + 1)
    return [some for size in sizes for some in itertools.combinations(spans, size)]


def fill(text: str, spans: Iterable[Span], words: str) -> str:
    """Put words in some places of a text."""
    for start, end in sorted(spans, reverse=True):
        text = text[:start] + words + text[end:]
    return text


def tell(text: str, spans: Iterable[Span], value: TargetValue) -> str:
    """Tell a value in some places of a text, in the case or with the decimals of what stood there.

    >>> tell("Male.", [(0, 4)], "female"), tell("It is 24.8 kg", [(6, 10)], 20.25)
    ('Female.', 'It is 20.2 kg')
    """
    for start, end in sorted(spans, reverse=True):
        text = text[:start] + like(text[start:end], value) + text[end:]
    return text


def like(said: str, value: TargetValue) -> str:
    """Say a value as another one was said."""
    if isinstance(value, str):
        return value[:1].upper() + value[1:] if said[:1].isupper() else value
    number = f"{value:.{places_of(said)}f}"
    if float(number) == 0:
        number = number.removeprefix("-")
    return number.replace("-", "\N{MINUS SIGN}") if "\N{MINUS SIGN}" in said else number


def reword_answer(task: Task, told: Sequence[TargetValue]) -> Turn:
    """Return the answer of a task whose references are told to be others."""
    if not task.likeness_words or not task.references:
        return task.turns[-1]
    same, other = task.likeness_words
    was, now = (same if each[0] == task.truth else other for each in (task.reference_values, told))
    text = ChatEncoder.text_of(task.turns[-1])
    return Turn.assistant(exchange(text, was, now, task))


def exchange(text: str, said: str, instead: str, task: Task) -> str:
    """Put other words in the place of those that an answer says once.

    Raises:
        DataError: it does not say them, or more than once.
    """
    found = find_said(text, [said])
    if len(found) != 1:
        raise DataError(
            where=f"task {task.task_id!r}",
            expected=f"the answer to say {said!r} once",
            found=text,
        )
    return letters.exchange(text, found, instead)
