"""The laws of dialogues: what a prompt template must keep, and what every task file keeps."""

from __future__ import annotations

import itertools
import re
from numbers import Integral
from typing import TYPE_CHECKING, Any

import attrs

from brainplug.api.records import Case, Image, Turn
from brainplug.api.roles import Compares, Fixed, ShowsNone, able

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from brainplug.api.roles import PromptTemplate, WordsAlone


def images_of(turns: Sequence[Turn]) -> tuple[int, ...]:
    """Return the scans that a dialogue shows, in order."""
    return tuple(part.index for turn in turns for part in turn.content if isinstance(part, Image))


def dialogue_faults(turns: Sequence[Turn], images: int) -> Iterator[str]:
    """Say what is wrong with a dialogue that shows so many scans."""
    for turn in turns:
        if not isinstance(turn.content, tuple | list):
            # The letters of a text would else be taken for texts.
            yield (
                f"expected the content of a turn as a tuple of texts and Images, got "
                f"{turn.content!r}; write Turn.{turn.role}(…)"
            )
            return
        odd = [part for part in turn.content if not is_shown(part)]
        if odd or turn.role not in ("user", "assistant"):
            said = repr(odd[0]) if odd else f"the role {turn.role!r}"
            yield f"expected turns of user and assistant, of texts and Images; one holds {said}"
            return
    shown = images_of(turns)
    if shown != tuple(range(images)):
        yield f"expected each of {images} scans once and in order, the dialogue shows {[*shown]}"
    roles = [turn.role for turn in turns[-2:]]
    if roles != ["user", "assistant"]:
        yield f"expected to end with user and assistant, got {roles}"
    elif any(isinstance(part, Image) for part in turns[-1].content):
        yield "the answer shows a scan"


def is_shown(part: object) -> bool:
    """Tell whether something can be part of a turn: a text, or an Image whose place is counted.

    >>> is_shown("Hello."), is_shown(Image(0)), is_shown(Image(0.0)), is_shown(3)
    (True, True, False, False)
    """
    if not isinstance(part, Image):
        return isinstance(part, str)
    return isinstance(part.index, Integral) and not isinstance(part.index, bool)


CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
"""Characters that nobody writes, which tokenizers drop or cut a text at."""


def wording_faults(turns: Sequence[Turn], again: Sequence[Turn]) -> Iterator[str]:
    """Say what is wrong with how a template words a task.

    Args:
        turns: of the task.
        again: of the same task, asked once more.
    """
    if list(turns) != list(again):
        yield (
            "the prompt template words one task otherwise when it is asked again; its words may "
            "depend on the case alone, whose seed chooses among phrasings"
        )
    if any(not "".join(map(str, turn.content)).strip() for turn in turns):
        yield "a turn of the dialogue is empty; give it words or a scan"


def control_faults(turns: Sequence[Turn], said: Iterable[str]) -> Iterator[str]:
    """Say which text holds a control character that is in nothing a template was given to say.

    Args:
        turns: of a task.
        said: values and target of the task in words, which may hold what a table does.
    """
    given = set("".join(said))
    for part in (part for turn in turns for part in turn.content if isinstance(part, str)):
        if not given.issuperset(CONTROL.findall(part)):
            yield f"the text {part!r} holds a control character; leave it out"
            return


def early_faults(turns: Sequence[Turn], reworded: Sequence[Turn]) -> Iterator[str]:
    """Say whether turns before the answer change when only the query's value does."""
    if list(turns[:-1]) != list(reworded[:-1]):
        yield (
            "the prompt template says the query's value before the answer; only the last turn may "
            "depend on it"
        )


def template_faults(template: PromptTemplate, cases: Iterable[tuple[Case, str]]) -> Iterator[str]:
    """Say what is wrong with the dialogues of a template.

    Args:
        template: words them.
        cases: each with another value in words that its query might have.
    """
    states = template.states if able(template, Compares) else "value"
    for case, other in cases:
        if states != "value" and len(case.references) != 1:
            continue  # a run refuses it
        turns = tuple(template.dialogue(case))
        if not turns:
            yield f"with {len(case.references)} references: the dialogue has no turn"
            continue
        reworded = attrs.evolve(case, query=other, difference=f"not {case.difference}")
        found = [
            *dialogue_faults(turns, len(case.references) + 1),
            *wording_faults(turns, tuple(template.dialogue(case))),
            *control_faults(turns, (case.target, *case.references, case.query, case.difference)),
            *early_faults(turns, tuple(template.dialogue(reworded))),
        ]
        wanted = case.difference if states == "difference" else case.query
        if wanted not in "".join(map(str, turns[-1].content)):
            found.append(f"the answer does not say {wanted!r}")
        if able(template, Compares) and states == "likeness":
            found += likeness_faults(template, case)
        if able(template, Fixed) and template.fixed:
            found += fixed_faults(template, case)
        yield from (f"with {len(case.references)} references: {fault}" for fault in found)


def alone_faults(template: WordsAlone) -> Iterator[str]:
    """Say what is wrong with what a template makes for queries by themselves."""
    alone = template.alone()
    if ShowsNone not in getattr(alone, "abilities", ()):
        yield "alone: expected a template that declares ShowsNone"
        return
    yield from (f"alone: {fault}" for fault in template_faults(alone, make_cases((0,))))


def likeness_faults(template: Any, case: Case) -> Iterator[str]:
    """Say where a template that says whether two labels are the same does not."""
    if len(template.likeness) != 2:
        yield f"likeness is {template.likeness!r}; expected the words for the same and for another"
        return
    told = case.references[0]
    for words, query in zip(template.likeness, (told, f"not {told}"), strict=True):
        answer = template.dialogue(attrs.evolve(case, query=query))[-1]
        if words not in "".join(map(str, answer.content)):
            yield f"the answer does not say {words!r} of {query!r} beside {told!r}"


TRIED = ("female", "Male", "no", "2", "23.5", "left hand", "old age")
"""Values in words that a fixed wording is tried with, besides those of a case."""


def fixed_faults(template: Any, case: Case, words: Iterable[str] = TRIED) -> Iterator[str]:
    """Say whether a template that calls its wording fixed lets anything else decide a word.

    Args:
        template: words tasks.
        case: a task.
        words: of values that the query and the references may have, too.
    """
    # Private characters of Unicode, which no wording holds, mark where each value goes; another
    # seed shows whether phrasings are chosen by it.
    slots = [f"\ue000{index}\ue001" for index in range(len(case.references) + 1)]
    blank = attrs.evolve(case, references=tuple(slots[:-1]), query=slots[-1], seed=case.seed + 1)
    form = tuple(template.dialogue(blank))
    for word in (None, *words):
        asked = case if word is None else attrs.evolve(case, query=word)
        told = asked if word is None else attrs.evolve(case, references=(word,) * (len(slots) - 1))
        for tried in dict.fromkeys((asked, told)):
            if fill(form, slots, (*tried.references, tried.query)) != list(
                template.dialogue(tried)
            ):
                yield (
                    "fixed is true, and its wording depends on more than the place of each value, "
                    f"where the query is {tried.query!r} and references are {[*tried.references]}"
                )
                return


def fill(form: Sequence[Turn], slots: Sequence[str], words: Sequence[str]) -> list[Turn]:
    """Put words in the place of slots."""
    filled = []
    for turn in form:
        content = []
        for part in turn.content:
            text = part
            for slot, word in zip(slots, words, strict=True):
                text = text.replace(slot, word) if isinstance(text, str) else text
            content.append(text)
        filled.append(Turn(turn.role, tuple(content)))
    return filled


def make_cases(
    references: Sequence[int] = (1, 2, 4), target: str = "sex"
) -> list[tuple[Case, str]]:
    """Make up cases with so many references, each with another value of the query."""
    told = itertools.cycle(["first value", "second value"])
    return [
        (
            Case(
                target=target,
                references=tuple(itertools.islice(told, count)),
                query="second value",
                difference="that much more",
                seed=count,
            ),
            "first value",
        )
        for count in references
    ]
