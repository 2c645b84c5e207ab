"""The loader keeps its contract on a small made-up study."""

from pathlib import Path

from brainplug.examples import cohort as plugin
from brainplug.testing import Example, check_plugin, make_study


def test_the_loader_keeps_its_contract(tmp_path: Path) -> None:
    """Every row of a made-up study finds its scan, or is told with its reason."""
    study = make_study(tmp_path, layout="table")
    options = {"table": study / "people.csv", "images": study / "scans"}
    example = Example(options=options)
    check_plugin(plugin, {"lab": example})
