"""Wordings of a prompt template: text with slots, one or several phrasings of it."""

from __future__ import annotations

import difflib
import string
from typing import TYPE_CHECKING, Any, Literal

from brainplug.api.records import Image, Turn
from brainplug.api.roles import Fixed, ShowsNone

if TYPE_CHECKING:
    from collections.abc import Callable

    from brainplug.api.records import Case

ALONE_QUESTION = "This is a T1-weighted brain MRI. What is the {target} of this person?"
ALONE_ANSWER = "The {target} is {value}."
"""How a query is asked for that no reference stands beside, unless a recipe words it."""


def wording(*allowed: str, value: str = "") -> Callable[[Any, Any, str | tuple[str, ...]], None]:
    """Make a validator of a wording.

    Args:
        allowed: names of the slots it may have.
        value: `"some"` where each phrasing must have `{value}`, `"once"` where exactly once.
    """

    def validate(_instance: Any, field: Any, given: str | tuple[str, ...]) -> None:
        if not given:
            raise ValueError(f"{field.name} must not be empty: {given!r}")
        for text in phrasings(given):
            slots = find_slots(text, field.name, allowed)
            count = slots.count("value")
            if (value and count == 0) or (value == "once" and count > 1):
                times = "exactly once" if value == "once" else ""
                raise ValueError(
                    f"{field.name} must hold {{value}} {times}".rstrip() + f": {text!r}"
                )

    return validate


def phrasings(given: str | tuple[str, ...]) -> tuple[str, ...]:
    """Return one string or several as several.

    >>> phrasings("one")
    ('one',)
    """
    return (given,) if isinstance(given, str) else tuple(given)


def find_slots(text: str, key: str, allowed: tuple[str, ...]) -> list[str]:
    """Return the names of a wording's slots, in order.

    Raises:
        ValueError: the text is empty, braces do not match, or a slot is no allowed name.
    """
    if not text.strip():
        raise ValueError(f"{key} must not be empty: {text!r}")
    try:
        pieces = list(string.Formatter().parse(text))
    except ValueError as error:
        raise ValueError(f"{key}: {error}: {text!r}; a brace itself is written twice") from error
    slots = [piece[1:] for piece in pieces if piece[1] is not None]
    for name, form, conversion in slots:
        if name not in allowed or form or conversion:
            raise ValueError(describe_slot(text, key, (name, form, conversion), allowed))
    return [str(name) for name, _, _ in slots]


def describe_slot(
    text: str, key: str, slot: tuple[str | None, ...], allowed: tuple[str, ...]
) -> str:
    """Say what is wrong with a slot, and which ones there are."""
    name, form, conversion = (part or "" for part in slot)
    shown = (
        "{" + name + (f"!{conversion}" if conversion else "") + (f":{form}" if form else "") + "}"
    )
    close = difflib.get_close_matches(name, allowed, n=1)
    listed = " and ".join(f"{{{slot_name}}}" for slot_name in allowed)
    hint = f"; did you mean {{{close[0]}}}?" if close else ""
    return f"{key} may hold only {listed}: got {shown} in {text!r}{hint}"


class AskedAlone:
    """Shows a query by itself, and asks for its value.

    Args:
        question: said with the scan; may hold `{target}`. One phrasing or several.
        answer: holds `{value}` once, and may hold `{target}`.
    """

    abilities = (Fixed, ShowsNone)

    references: Literal["none"] = "none"

    def __init__(self, question: str | tuple[str, ...], answer: str | tuple[str, ...]) -> None:
        self.question, self.answer = phrasings(question), phrasings(answer)

    @property
    def fixed(self) -> bool:
        """Whether question and answer have one phrasing each."""
        return len(self.question) == len(self.answer) == 1

    def dialogue(self, case: Case) -> tuple[Turn, ...]:
        """Return the question and its answer."""
        asked = {"target": case.target}
        stated = {**asked, "value": case.query}
        return (
            Turn.user(Image(0), case.choose(self.question).format_map(asked)),
            Turn.assistant(case.choose(self.answer).format_map(stated)),
        )
