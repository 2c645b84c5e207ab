"""Plugins of strangers: installed as distributions of their own, and run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from brainplug.runtime.files import read_json

HERE = Path(__file__).parent / "third_party"


def install(names, folder: Path) -> dict[str, str]:
    """Install distributions into a folder; return the environment that sees them."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
    command += ["--no-build-isolation", "--no-index", "--target", str(folder)]
    subprocess.run([*command, *(str(HERE / name) for name in names)], check=True)
    return {**os.environ, "PYTHONPATH": str(folder)}


def brainplug(environment, *arguments):
    """Run the command as a user would."""
    return subprocess.run(
        [sys.executable, "-m", "brainplug", *map(str, arguments)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def strangers(tmp_path_factory):
    """The environment with a loader, a template, a failing and a misspelt plugin."""
    folder = tmp_path_factory.mktemp("site")
    return install(["lab_loader", "radiologist", "failing", "misspelt"], folder)


def test_the_examples_are_as_a_formatter_leaves_them():
    """What the README prints is what its reader would write and keep."""
    shown = [HERE / name / f"brainplug_{name}.py" for name in ("lab_loader", "radiologist")]
    command = [sys.executable, "-m", "ruff", "format", "--check", "--isolated"]

    done = subprocess.run([*command, "--line-length=100", *shown], check=False, capture_output=True)

    assert 0 == done.returncode, done.stdout


def test_one_failing_plugin_stops_no_other(strangers):
    """Good parts are listed; the failing and the misspelt one are named with their cause."""
    listed = brainplug({**strangers, "COLUMNS": "200"}, "plugins")

    assert 0 == listed.returncode, listed.stderr
    assert "brainplug-lab-loader" in listed.stdout
    assert "radiologist" in listed.stdout
    assert "no licence file" in listed.stderr
    assert "brainplug-misspelt" in listed.stderr
    assert "brainplug_metrix" in listed.stderr


def test_a_taken_name_is_nobodys_and_stops_what_asks_for_it(tmp_path):
    """Of two parts of one name a recipe gets neither; other parts are as usable as before."""
    seen = install(["clashing"], tmp_path)

    for command, code in (("plugins", 0), (("plugins", "mae"), 1), (("plugins", "rmse"), 0)):
        listed = brainplug(seen, *([command] if isinstance(command, str) else command))

        assert code == listed.returncode
        assert "'mae'" in listed.stderr
        assert "brainplug-clashing 0.1.0" in listed.stderr
        assert "brainplug 0.2.0" in listed.stderr


def test_a_strangers_study_and_words_run_end_to_end(strangers, tmp_path, make_scan):
    """A loader and a template that the core has never seen make a report."""
    lab = tmp_path / "lab"
    for number in range(80):
        make_scan(lab / "scans" / f"p{number:02d}.nii.gz", seed=number)
    rows = [f"p{number:02d},{'rl'[number % 2]}" for number in range(81)]
    (lab / "people.csv").write_text("id,hand\n" + "\n".join(rows) + "\n")
    recipe = tmp_path / "lab.toml"
    recipe.write_text(
        """
        seed = 3
        [cohort]
        use = "lab"
        folder = "lab"
        [target]
        use = "categorical"
        column = "hand"
        name = "handedness"
        [split]
        use = "subject"
        fractions = { train = 0.4, val = 0.3, test = 0.3 }
        [pairing]
        use = "independent"
        references_per_query = 2
        [prompt]
        use = "radiologist"
        [images]
        shape = [8, 8, 8]
        spacing_mm = 16.0
        [model]
        use = "tiny"
        patch = [4, 4, 4]
        hidden_size = 16
        heads = 2
        [training]
        epochs = 1
        warmup_steps = 0
        batch_size = 8
        accumulation = 1
        [evidence]
        arms = []
        """
    )

    ran = brainplug(strangers, "run", recipe, "--output", tmp_path / "run")

    assert 0 == ran.returncode, ran.stderr
    assert (tmp_path / "run" / "exclusions.csv").read_text().splitlines()[1].startswith("p80,")
    assert "brainplug-lab-loader" in read_json(tmp_path / "run" / "record.json")["plugins"]
    assert "Known case, handedness" in (tmp_path / "run" / "report.html").read_text()
