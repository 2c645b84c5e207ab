"""Prompt template: a scan of unknown value beside scans whose value is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import attrs

from brainplug.api.hooks import hookimpl
from brainplug.api.records import Image, Turn
from brainplug.api.roles import Compares, Fixed, Part, WordsAlone, about
from brainplug.toolkit.wordings import (
    ALONE_ANSWER,
    ALONE_QUESTION,
    AskedAlone,
    find_slots,
    phrasings,
    wording,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from brainplug.api.records import Case
    from brainplug.api.roles import PromptTemplate

TOLD = ("value", "difference")
"""Slots of which an answer holds one."""

LIKENESS = ("the same as", "different from")

QUESTION = (
    "This is a T1-weighted brain MRI of another person. "
    "Compare it with the reference. What is the {target} of this person?"
)
ANSWER = "Based on the comparison, the {target} is {value}."


def answer_wording(_instance: Any, field: Any, given: str | tuple[str, ...]) -> None:
    """Refuse answers that do not state one thing once, the same in all phrasings."""
    stated = set()
    for text in phrasings(given):
        slots = find_slots(text, field.name, ("value", "target", "difference", "likeness"))
        likeness, told = slots.count("likeness"), [name for name in slots if name in TOLD]
        if len(told) != 1:
            raise ValueError(
                f"{field.name} must hold {{value}} or {{difference}} exactly once: {text!r}"
            )
        if likeness > 1 or (likeness and "value" not in slots[slots.index("likeness") :]):
            raise ValueError(f"{field.name} may hold {{likeness}} once, before {{value}}: {text!r}")
        stated.add((told[0], likeness))
    if len(stated) != 1:
        raise ValueError(
            f"{field.name} must be phrasings that all state the same ({{value}}, {{likeness}} and "
            f"{{value}}, or {{difference}}): {list(phrasings(given))!r}"
        )


@attrs.frozen(kw_only=True)
class ComparisonOptions:
    """Options of `comparison`. Each is one string or a list of phrasings, drawn for each task."""

    reference: str | tuple[str, ...] = attrs.field(
        default="This is a reference T1-weighted brain MRI. "
        "The {target} of the person in this scan is {value}.",
        validator=wording("value", "target", value="some"),
        metadata=about("said with each reference scan; holds {value}, may hold {target}"),
    )
    acknowledgement: str | tuple[str, ...] = attrs.field(
        default="Understood. I will use this scan as a reference.",
        validator=wording("value", "target"),
        metadata=about("the assistant's reply to it; may hold {target} and the told {value}"),
    )
    question: str | tuple[str, ...] = attrs.field(
        default=QUESTION,
        validator=wording("target"),
        metadata=about("said with the query scan; may hold {target}"),
    )
    answer: str | tuple[str, ...] = attrs.field(
        default=ANSWER,
        validator=answer_wording,
        metadata=about(
            "what is to be learnt; holds {value} once, and may hold {likeness} before it; or, of "
            "numbers, {difference} to the reference in its place; may hold {target}"
        ),
    )
    likeness: tuple[str, str] = attrs.field(
        default=LIKENESS,
        metadata=about("what {likeness} says of the reference's own label, and of another one"),
    )

    def __attrs_post_init__(self) -> None:
        """Refuse words for likeness that are not said or say nothing."""
        if len({word.strip() for word in self.likeness} - {""}) < 2:
            raise ValueError(f"likeness must be two different wordings: {list(self.likeness)!r}")
        if self.likeness != LIKENESS and self.states != "likeness":
            raise ValueError(
                "likeness is not said: answer holds no {likeness}; write it there before {value}, "
                "or leave likeness out"
            )

    @property
    def states(self) -> Literal["value", "likeness", "difference"]:
        """What the answer states."""
        slots = find_slots(phrasings(self.answer)[0], "answer", (*TOLD, "likeness", "target"))
        if "difference" in slots:
            return "difference"
        return "likeness" if "likeness" in slots else "value"

    @property
    def wordings(self) -> tuple[str | tuple[str, ...], ...]:
        """Those of all turns."""
        return self.reference, self.acknowledgement, self.question, self.answer


class Comparison:
    """Shows each reference with its value, then the query, and asks for the query's value."""

    abilities = (Fixed, Compares, WordsAlone)

    def __init__(self, options: ComparisonOptions) -> None:
        self.options = options
        self.states: Literal["value", "likeness", "difference"] = options.states
        self.likeness = options.likeness if options.states == "likeness" else ()

    @property
    def fixed(self) -> bool:
        """Whether every turn has one phrasing, and no word hangs on two values."""
        varied = any(len(phrasings(given)) > 1 for given in self.options.wordings)
        return self.states == "value" and not varied

    def alone(self) -> PromptTemplate:
        """Return what asks for a query by itself, in these words where they are the user's own."""
        question, answer = self.options.question, self.options.answer
        own = self.states == "value" and answer != ANSWER
        return AskedAlone(
            question=ALONE_QUESTION if question == QUESTION else question,
            answer=answer if own else ALONE_ANSWER,
        )

    def dialogue(self, case: Case) -> tuple[Turn, ...]:
        """Return two turns for each reference and two for the query, which is last."""
        turns: list[Turn] = []
        for index, value in enumerate(case.references):
            told = {"value": value, "target": case.target}
            turns += (
                Turn.user(Image(index), self._word("reference", case, told)),
                Turn.assistant(self._word("acknowledgement", case, told)),
            )
        asked = {"target": case.target}
        stated = {**asked, "value": case.query, "difference": case.difference}
        if self.likeness:
            same, other = self.likeness
            stated["likeness"] = same if case.query == case.references[0] else other
        return (
            *turns,
            Turn.user(Image(len(case.references)), self._word("question", case, asked)),
            Turn.assistant(self._word("answer", case, stated)),
        )

    def _word(self, key: str, case: Case, slots: dict[str, str]) -> str:
        text = case.choose(phrasings(getattr(self.options, key)))
        return text.format_map(slots)


@hookimpl
def brainplug_prompts() -> Iterable[Part[PromptTemplate]]:
    """Offer `comparison`."""
    yield Part("comparison", ComparisonOptions, Comparison)
