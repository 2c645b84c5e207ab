"""The split keeps its contract on made-up people."""

from brainplug.examples import split as plugin
from brainplug.testing import Example, check_plugin, make_people


def test_the_split_keeps_its_contract() -> None:
    """One pool a person and a family, none empty, whatever the order of rows."""
    people = make_people()
    people["year"] = [str(2010 + number // 24) for number in range(len(people))]
    options = {"column": "year", "val_from": 2015, "test_from": 2018}
    example = Example(options=options, people=people)
    check_plugin(plugin, {"by-year": example})
