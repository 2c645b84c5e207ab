"""Prompt template: a scan by itself, without a reference."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from brainplug.api.hooks import hookimpl
from brainplug.api.roles import Part, about
from brainplug.toolkit.wordings import ALONE_ANSWER, ALONE_QUESTION, AskedAlone, wording

if TYPE_CHECKING:
    from collections.abc import Iterable

    from brainplug.api.roles import PromptTemplate


@attrs.frozen(kw_only=True)
class ClassificationOptions:
    """Options of `classification`: one string each, or phrasings drawn for each task."""

    question: str | tuple[str, ...] = attrs.field(
        default=ALONE_QUESTION,
        validator=wording("target"),
        metadata=about("said with the scan; may hold {target}"),
    )
    answer: str | tuple[str, ...] = attrs.field(
        default=ALONE_ANSWER,
        validator=wording("value", "target", value="once"),
        metadata=about("what is to be learnt; holds {value} once, may hold {target}"),
    )


class Classification(AskedAlone):
    """Shows a scan by itself, with no reference, and asks for its value."""

    def __init__(self, options: ClassificationOptions) -> None:
        super().__init__(options.question, options.answer)


@hookimpl
def brainplug_prompts() -> Iterable[Part[PromptTemplate]]:
    """Offer `classification`."""
    yield Part("classification", ClassificationOptions, Classification)
