"""The head keeps its contract on a made-up column."""

from brainplug.examples import head as plugin
from brainplug.testing import Example, check_plugin


def test_the_head_keeps_its_contract() -> None:
    """What is said of a value is read back as it, and each row has a value or a reason."""
    options = {"column": "smoker", "yes": "1", "no": "0"}
    example = Example(options=options, raw=("0", "1"))
    check_plugin(plugin, {"yes-no": example})


def test_an_answer_that_states_both_states_none() -> None:
    """A model that hedges has not answered."""
    assert plugin.YesNoAnswers().parse("Yes, or no.") is None
    assert plugin.YesNoAnswers().parse("I know: yes.") == "yes"
