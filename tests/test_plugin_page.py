"""The code that docs/plugins.md shows does what the page says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from brainplug.cli.main import main
from brainplug.plugin_sources import import_file
from brainplug.registry import load_registry
from brainplug.testing import Example, check_plugin, checks, write_scan

PAGE = (Path(__file__).parents[1] / "docs" / "plugins.md").read_text(encoding="utf-8")


def shown(words):
    """Return the first code that follows some words of the page."""
    return PAGE.partition(words)[2].partition("```python\n")[2].partition("```")[0]


@pytest.fixture
def study(tmp_path):
    """Write three tables' worth: five visits, one of nobody known and one without a scan."""
    (tmp_path / "people.csv").write_text("id;pair;sex\n01;a;1\n02;a;2\n03;-9;1\n")
    visits = "person\tvisit\tbmi\n01\tv1\t23,5\n01\tv2\t24,1\n02\tv1\t20\n03\tv1\t\n09\tv1\t21,0\n"
    (tmp_path / "visits.tsv").write_text(visits)
    for number, name in enumerate(("01_v1", "01_v2", "02_v1", "77_v1")):
        write_scan(tmp_path / "scans" / f"{name}.nii.gz", number)
    return tmp_path


def test_the_loader_of_several_tables_is_whole(study, monkeypatch):
    """As the page prints it: formatted, and lawful; every visit is used or told."""
    monkeypatch.setattr(checks, "import_faults", lambda _module: iter(()))
    file = study / "twins.py"
    file.write_text(shown("## A loader of several tables"))
    command = [sys.executable, "-m", "ruff", "format", "--check", "--no-cache", str(file)]
    assert 0 == subprocess.run([*command, "--line-length", "100"], check=False).returncode
    module = import_file(file).module

    part = next(module.brainplug_cohorts())
    found = part.make(part.options(folder=study)).load()

    assert [("01", "v1"), ("01", "v2"), ("02", "v1")] == list(
        zip(found.scans["subject"], found.scans["session"], strict=True)
    )
    assert ["23.5", "24.1", "20"] == found.scans["bmi"].tolist()
    assert {"09": "not in people.csv", "03": "no image"} == dict(
        zip(found.exclusions["subject"], found.exclusions["reason"], strict=True)
    )
    assert (4, 4, 3) == (found.join.rows, found.join.images, found.join.matched)
    check_plugin(module, {"twins": Example(options={"folder": study})})


def test_the_observer_of_a_run_is_called(tmp_path, capsys):
    """It says where the page lies, and asks for no more than it names."""
    file = tmp_path / "watching.py"
    file.write_text(shown("## Watching a run"))
    registry = load_registry(discover=False, plugins=[import_file(file).module])

    registry.after_run(recipe=None, folder=tmp_path)

    assert () == registry.failures
    assert f"see {tmp_path / 'report.html'}\n" == capsys.readouterr().out


def test_a_single_file_is_tested_as_the_page_shows(tmp_path, monkeypatch, capsys):
    """The test beside it passes for what `new --file` writes, and fails where that is broken."""
    monkeypatch.setattr(checks, "import_faults", lambda _module: iter(()))
    monkeypatch.chdir(tmp_path)
    assert main(["new", "prompt", "my-words", "--file"]) in (0, None), capsys.readouterr()
    monkeypatch.syspath_prepend(str(tmp_path))
    tests: dict = {}

    try:
        exec(shown("A single file is imported by a test"), tests)
        tests["test_the_words_keep_their_contract"]()
        monkeypatch.setattr(tests["my_words"].ReadingRoom, "dialogue", lambda _self, _case: ())
        with pytest.raises(AssertionError, match=r"'my-words': .* no turn"):
            tests["test_the_words_keep_their_contract"]()
    finally:
        sys.modules.pop("my_words", None)
