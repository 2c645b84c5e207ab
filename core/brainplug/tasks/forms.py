"""How training answers are worded, and whether what a model says is worded so.

The form of an answer is its words with the value left out: "It is #." of "It is male.".
"""

from __future__ import annotations

import re
import unicodedata
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import attrs

from brainplug.tasks.chat import ChatEncoder
from brainplug.tasks.telling import NUMBER
from brainplug.toolkit.letters import exchange, find_said, kind_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from brainplug.tasks.task import Task

Form = Literal["trained", "loose", "strange"]
"""What an answer is like: a training answer but for its value; otherwise put together from words of
training answers; or with words that no training answer has."""

VALUE = "#"
"""Stands for the value in a form."""


@attrs.frozen
class AnswerForms:
    """The forms of the training answers.

    Attributes:
        labels: the classes; none of a numerical target.
        known: the forms.
    """

    labels: tuple[str, ...]
    known: frozenset[str]

    @classmethod
    def of(cls, tasks: Iterable[Task], labels: Sequence[str]) -> AnswerForms:
        """Return the forms of the answers of tasks."""
        return cls.of_texts({ChatEncoder.text_of(task.turns[-1]) for task in tasks}, labels)

    @classmethod
    def of_texts(cls, answers: Iterable[str], labels: Sequence[str]) -> AnswerForms:
        """Return the forms of answers."""
        return cls(tuple(labels), frozenset(form_of(text, labels) for text in answers))

    @cached_property
    def words(self) -> frozenset[str]:
        """All words of training answers."""
        return frozenset(word for form in self.known for word in words_of(form))

    def judge(self, text: str) -> Form:
        """Say what an answer is like.

        >>> forms = AnswerForms(("male", "female"), frozenset({"the subject is #"}))
        >>> [forms.judge(text) for text in ("The subject is  male.", "Male", "xq male zz")]
        ['trained', 'loose', 'strange']
        """
        form = form_of(text, self.labels)
        if form in self.known:
            return "trained"
        return "loose" if self.words.issuperset(words_of(form)) else "strange"


def form_of(text: str, labels: Sequence[str]) -> str:
    """Return a text without its value, without case, extra spaces, and signs at its ends.

    >>> form_of("It is 12.5  years.", ()), form_of("Not depressed!", ("depressed", "not depressed"))
    ('it is # years', '#')
    """
    folded = " ".join(unicodedata.normalize("NFC", text).casefold().split())
    words = [" ".join(unicodedata.normalize("NFC", label).casefold().split()) for label in labels]
    if labels:
        worded = exchange(folded, find_said(folded, words), VALUE)
    else:
        worded = NUMBER.sub(VALUE, folded)
    return worded.strip(" .!,;:。！，；：؟،؛۔।")


def words_of(form: str) -> list[str]:
    """Return the words of a form; of a script that puts no spaces between them, the characters.

    >>> words_of("it is #"), words_of("结果是#")
    (['it', 'is'], ['结', '果', '是'])
    """
    return [
        piece
        for word in re.findall(r"\w+", form)
        for piece in (word if kind_of(word[0]) == "unspaced" else [word])
    ]
