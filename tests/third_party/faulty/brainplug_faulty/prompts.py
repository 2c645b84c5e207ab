"""Prompt templates with one fault each."""
import attrs

from brainplug import Image, Part, Turn, hookimpl


@attrs.frozen(kw_only=True)
class Options:
    """Options of none of these."""


class Speechless:
    """A template without `dialogue`."""

    def __init__(self, options): ...


class Breaking:
    """A template that fails in the middle of a dialogue."""

    def __init__(self, options): ...

    def dialogue(self, case):
        yield Turn.user(Image(0), case.references[0])
        yield Turn.assistant(case.references[17])


class Telling:
    """A template that says the query's value before the answer."""

    def __init__(self, options): ...

    def dialogue(self, case):
        shown = [Image(place) for place in range(len(case.references) + 1)]
        yield Turn.user(*shown, f"Is this {case.query}?")
        yield Turn.assistant(case.query)


@hookimpl
def brainplug_prompts():
    for kind in (Speechless, Breaking, Telling):
        yield Part(kind.__name__.lower(), Options, kind)
