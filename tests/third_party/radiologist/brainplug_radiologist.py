"""Prompt template that asks in the words of a reading room."""

import attrs

from brainplug import Image, Part, Turn, hookimpl


@attrs.frozen(kw_only=True)
class RadiologistOptions:
    """Options of `radiologist`."""


class Radiologist:
    """Asks in the words of a reading room."""

    def __init__(self, options): ...
    def dialogue(self, case):
        return (
            Turn.user(Image(0), f"Known case, {case.target}: {case.references[0]}."),
            Turn.assistant("Seen."),
            Turn.user(Image(1), f"New case. State the {case.target}."),
            Turn.assistant(f"Impression: {case.query}."),
        )


@hookimpl
def brainplug_prompts():
    yield Part("radiologist", RadiologistOptions, Radiologist)
