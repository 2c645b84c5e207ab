"""The template keeps its contract on made-up comparisons."""

from brainplug.examples import prompt as plugin
from brainplug.testing import check_plugin, make_case


def test_the_template_keeps_its_contract() -> None:
    """Each scan is shown once and in order, and only the answer says the query's value."""
    check_plugin(plugin)


def test_the_answer_is_worded_as_meant() -> None:
    """The last turn states the value."""
    template = plugin.ReadingRoom(plugin.ReadingRoomOptions())
    case = make_case()
    assert template.dialogue(case)[-1].content == (f"Impression: {case.query}.",)
