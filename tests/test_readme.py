"""What the README shows is what there is."""

from __future__ import annotations

import re
import shutil
import time
import tomllib
from pathlib import Path
from types import SimpleNamespace

import pytest

from brainplug.plugin_sources import import_file
from brainplug.recipe.load import read_recipe
from brainplug.registry import load_registry
from brainplug.run.ending import show_end
from brainplug.runtime.files import write_json
from brainplug.runtime.records import to_lines
from brainplug.runtime.run_folder import RunFolder
from brainplug.runtime.terminal import Terminal
from brainplug.tasks.answers import AnswerRow
from brainplug.testing import make_study, write_scan

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "file", ["lab_loader/brainplug_lab_loader.py", "radiologist/brainplug_radiologist.py"]
)
def test_the_plugins_shown_are_those_the_tests_run(file):
    """The README prints the two example plugins whole."""
    assert (ROOT / "tests" / "third_party" / file).read_text(encoding="utf-8") in README


def test_the_loader_shown_counts_images_that_no_row_names(tmp_path):
    """What lies in the folder besides is not hidden by what was found."""
    lab = make_study(tmp_path, layout="table", subjects=4)
    write_scan(lab / "scans" / "nobody.nii.gz", 1)
    file = ROOT / "tests" / "third_party" / "lab_loader" / "brainplug_lab_loader.py"
    part = next(import_file(file).module.brainplug_cohorts())

    join = part.make(part.options(folder=lab)).load().join

    assert (4, 5, 4) == (join.rows, join.images, join.matched)


def test_the_recipe_shown_is_a_recipe(tmp_path):
    """The recipe explained line by line structures as it stands."""
    text = next(
        block.partition("```")[0] for block in README.split("```toml\n")[1:] if "[cohort]" in block
    )
    (tmp_path / "recipe.toml").write_text(text)

    assert (
        tomllib.loads(text)["seed"]
        == read_recipe(tmp_path / "recipe.toml", load_registry()).recipe.seed
    )


def test_the_commands_shown_are_targets():
    """`make demo` and `make test` exist, and CI calls the latter."""
    makefile = (ROOT / "Makefile").read_text()

    for command in ("demo", "test"):
        assert f"make {command}" in README
        assert f"\n{command}: " in makefile
    assert "make test" in (ROOT / ".ci" / "run").read_text()


def end_of_demo(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> str:
    """Return what the demo prints when its last stage is done; times and dates stand still."""
    files = RunFolder(folder / "runs" / "demo")
    files.model.mkdir(parents=True)
    shutil.copy(ROOT / "tests" / "recorded" / "demo-result.json", files.metrics)
    study = {"study": "SIMULATED", "flow": [["usable scans", 587]], "join": None, "notes": []}
    write_json(files.facts, {"studies": [{**study, "simulated": True}]})
    row = AnswerRow(
        split="test",
        task_id="a",
        subject="b",
        references=("c",),
        reference_values=("male",),
        truth="male",
        answer_text="",
        prediction=None,
    )
    files.answers.write_text(to_lines([row]))
    opened = {"people": 97, "count": 1, "dates": ["2026-11-26T04:33:51+0000"]}
    write_json(files.test_lock, {"run": "a", "openings": opened})
    monkeypatch.chdir(folder)
    console = Terminal(width=80)
    begun = time.monotonic()
    show_end(SimpleNamespace(files=files, console=console, verbose=False, begun=begun), "report")
    return capsys.readouterr().out


def normalised(text: str) -> list[str]:
    """Return the lines of what is printed without what differs from time to time."""
    text = re.sub(r"total: [0-9.a-z ]+", "total: TIME", text)
    lines = [line.strip() for line in re.sub(r"\d{4}-\d\d-\d\d", "DATE", text).splitlines()]
    return [line for line in lines if line]


def test_the_demo_ends_as_the_readme_says(tmp_path, monkeypatch, capsys):
    """Sentence, table, what to do next: word for word what is printed."""
    shown = README.partition("says, at its end:\n\n")[2].partition("\n\nIn this study")[0]

    printed = end_of_demo(tmp_path, monkeypatch, capsys)

    assert normalised(shown) == normalised(printed)
    assert max(map(len, printed.splitlines())) <= 80
