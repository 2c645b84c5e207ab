"""The model keeps its contract: it is what it plans to be, and drawn from its seed."""

from brainplug.examples import model as plugin
from brainplug.testing import Example, check_plugin


def test_the_model_keeps_its_contract() -> None:
    """The plan has the tokens that are built, and one seed gives one set of weights."""
    example = Example(options={"width": 16}, shape=(16, 16, 16))
    check_plugin(plugin, {"small": example})
