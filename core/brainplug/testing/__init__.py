"""What the author of a plugin tests it with: every law of every role, and small made-up data.

    from brainplug.testing import Example, check_plugin, make_study
    import brainplug_lab


    def test_the_plugin_keeps_its_contracts(tmp_path):
        study = make_study(tmp_path, layout="table")
        check_plugin(brainplug_lab, {"lab": Example(options={"folder": study})})

The laws are those that `brainplug check` holds the parts of a recipe to, and a few that take
longer. Nothing here needs pytest.
"""

from brainplug.testing.checks import Example, check_part, check_plugin
from brainplug.testing.data import (
    make_case,
    make_people,
    make_pools,
    make_study,
    tiny_model,
    write_scan,
)

__all__ = [
    "Example",
    "check_part",
    "check_plugin",
    "make_case",
    "make_people",
    "make_pools",
    "make_study",
    "tiny_model",
    "write_scan",
]
