"""A prompt template whose wording never varies, and which says so."""

from collections.abc import Iterable

import attrs

from brainplug import Case, Image, Part, Turn, about, hookimpl
from brainplug.api.roles import Fixed, PromptTemplate


@attrs.frozen(kw_only=True)
class BriefOptions:
    """Options of `brief`."""

    question: str = attrs.field(default="And this?", metadata=about("words of the question"))


class Brief:
    """Asks in few words."""

    abilities = (Fixed,)

    def __init__(self, options: BriefOptions) -> None:
        self.question = options.question

    @property
    def fixed(self) -> bool:
        return True

    def dialogue(self, case: Case) -> tuple[Turn, ...]:
        shown = [
            Turn.user(Image(index), f"{case.target}: {value}.")
            for index, value in enumerate(case.references)
        ]
        asked = Turn.user(Image(len(shown)), self.question)
        return (*shown, asked, Turn.assistant(f"{case.query}."))


@hookimpl
def brainplug_prompts() -> Iterable[Part[PromptTemplate]]:
    """Offer `brief`."""
    yield Part("brief", BriefOptions, Brief)
