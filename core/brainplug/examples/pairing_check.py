"""The pairing keeps its contract on made-up people."""

from brainplug.examples import pairing as plugin
from brainplug.testing import check_plugin


def test_the_pairing_keeps_its_contract() -> None:
    """Every query meets references of its pool, none twice, whatever the order of rows."""
    check_plugin(plugin)
