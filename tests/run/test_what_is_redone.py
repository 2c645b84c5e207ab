"""What a change of a finished run redoes, what it says of that, and what it leaves alone."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from brainplug.cli.main import main
from brainplug.errors import PluginError
from brainplug_plugins.metrics.macro_f1 import MacroF1

REPORTING = 'metrics = ["balanced-accuracy"]\n'


@pytest.fixture
def finished(write_recipe, tmp_path, tmp_path_factory) -> tuple[Path, Path]:
    """Give a recipe that reports one metric, and a folder in which all of it is done."""
    recipe = write_recipe(epochs=1)
    recipe.write_text(recipe.read_text().replace("[evaluation]\n", f"[evaluation]\n{REPORTING}"))
    done = tmp_path_factory.getbasetemp() / "finished-run-of-one-metric"
    if not (done / "report.html").exists():
        assert main(["run", str(recipe), "--output", str(done)]) == 0
    return recipe, Path(shutil.copytree(done, tmp_path / "run"))


def run(recipe, folder, *more) -> int:
    return main(["run", str(recipe), "--output", str(folder), *more])


def edit(recipe, old, new) -> None:
    text = recipe.read_text()
    assert old in text
    recipe.write_text(text.replace(old, new))


def redone(printed) -> list[str]:
    """Return the stages that a run did again."""
    return re.findall(r"^([a-z-]+) +.*  [0-9.]+ s$", printed, re.MULTILINE)


def test_a_finished_run_shows_its_result_again(finished, capsys):
    """Nothing is done; the table and the path of the page are what one looks for."""
    recipe, folder = finished
    capsys.readouterr()

    assert 0 == run(recipe, folder)

    printed = capsys.readouterr().out
    assert [] == redone(printed)
    assert "balanced accuracy" in printed
    assert f"report: {folder / 'report.html'}" in printed


def test_one_more_metric_to_report_trains_nothing(finished, capsys):
    """It belongs to the metrics and the page alone, which say why they are made again."""
    recipe, folder = finished
    edit(recipe, REPORTING, 'metrics = ["balanced-accuracy", "macro-f1"]\n')
    capsys.readouterr()

    assert 0 == run(recipe, folder)

    printed = capsys.readouterr().out
    assert ["metrics", "report"] == redone(printed)
    assert (
        "metrics: evaluation.metrics changed, "
        '["balanced-accuracy"] to ["balanced-accuracy", "macro-f1"]' in printed
    )


def test_a_metric_that_raises_leaves_the_model(finished, capsys, monkeypatch):
    """One line of error names its package; the old scores are out of sight, and come back."""
    recipe, folder = finished
    text, model = recipe.read_text(), (folder / "model" / "model.safetensors").stat().st_mtime_ns
    edit(recipe, REPORTING, 'metrics = ["balanced-accuracy", "macro-f1"]\n')
    capsys.readouterr()

    def fail(*_):
        raise ValueError("made to fail")

    with monkeypatch.context() as patch:
        patch.setattr("brainplug.run.runner.rehearse", lambda *_: None)  # which would find it
        patch.setattr(MacroF1, "score", fail)
        patch.setattr(MacroF1, "score_resamples", fail)
        assert 1 == run(recipe, folder)

    told = capsys.readouterr()
    assert "training       as before" in told.out
    assert "macro-f1" in told.err
    assert PluginError.__name__ not in told.err
    assert model == (folder / "model" / "model.safetensors").stat().st_mtime_ns
    aside = {"metrics.json", "predictions.csv", "report.html", "README.md"}  # the card of the model
    assert {"README.txt", *aside} == names(folder / "stale")

    recipe.write_text(text)
    assert 0 == run(recipe, folder)
    assert [] == redone(capsys.readouterr().out)
    assert not (folder / "stale").exists()


def names(folder) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_results_of_other_tasks_do_not_stay_beside_new_ones(finished, capsys):
    """After `--until dialogues` they lie in `stale/`, and the old recipe takes them back."""
    recipe, folder = finished
    text, page = recipe.read_text(), (folder / "report.html").read_text()
    edit(recipe, "references_per_query = 2", "references_per_query = 1")
    capsys.readouterr()

    assert 0 == run(recipe, folder, "--until", "dialogues")

    printed = capsys.readouterr().out
    assert "pairs: pairing.references_per_query changed, 2 to 1" in printed
    assert "stale: report: " in printed
    for name in ("volumes.json", "model", "training.json", "answers.jsonl", "metrics.json"):
        assert not (folder / name).exists()
    why = (folder / "stale" / "README.txt").read_text()
    assert "- report.html: " in why
    assert "- metrics.json: " in why
    (kept,) = folder.glob("checkpoints.before-*")
    assert "model" in names(kept)

    recipe.write_text(text)
    assert 0 == run(recipe, folder)

    again = redone(capsys.readouterr().out)
    assert not {"training", "answers", "metrics", "report"} & set(again)
    assert page == (folder / "report.html").read_text()
    assert not (folder / "stale").exists()
    assert [] == list(folder.glob("checkpoints.before-*"))


def test_fresh_starts_over_and_keeps_the_old_model(finished):
    """Everything is made again; the trained model is put aside and never brought back."""
    recipe, folder = finished

    assert 0 == run(recipe, folder, "--fresh", "--until", "training")

    (kept,) = folder.glob("checkpoints.before-fresh-*")
    assert {"model", "training.json", "phase-1"} <= names(kept)
    assert (folder / "model").is_dir()


def turn_bit(path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_damaged_results_are_made_again_and_named(finished, capsys):
    """A turned bit, an emptied and a cut file are told, and end as they were; the rest stays.

    The report, too, since it leaves its card beside the weights.
    """
    recipe, folder = finished
    damaged = ("cohort.parquet", "exclusions.csv", "pairs.json")
    damaged += ("model/config.json", "model/model.safetensors")
    before = {name: (folder / name).read_bytes() for name in (*damaged, "metrics.json")}
    turn_bit(folder / "cohort.parquet")
    turn_bit(folder / "model" / "model.safetensors")
    (folder / "exclusions.csv").write_bytes(b"")
    (folder / "pairs.json").write_bytes(before["pairs.json"][:-5])
    (folder / "model" / "config.json").write_bytes(before["model/config.json"][:40])
    capsys.readouterr()

    assert 0 == run(recipe, folder)

    printed = capsys.readouterr().out
    for name in damaged:
        assert f"{name} is damaged" in printed
    assert ["cohort", "pairs", "training", "report"] == redone(printed)
    assert before == {name: (folder / name).read_bytes() for name in before}
