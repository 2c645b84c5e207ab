"""A copy of a run that can be given away: no id in any of its files, and the key stays behind."""

from __future__ import annotations

from pathlib import Path

import attrs
import pandas as pd
import pytest
from rich.console import Console

from brainplug.cli.main import main
from brainplug.errors import RunError
from brainplug.recipe.load import read_recipe
from brainplug.registry import load_registry
from brainplug.run import evaluating
from brainplug.run.context import Workspace
from brainplug.run.sharing import own_key, read_predictions, share_results
from brainplug.runtime.files import read_json
from brainplug.runtime.run_folder import RunFolder
from finished import copy_run


def open_folder(folder) -> Workspace:
    registry = load_registry()
    recipe = read_recipe(folder / "recipe.toml", registry).recipe
    return Workspace.open(recipe, registry=registry, folder=folder, console=Console(quiet=True))


@pytest.mark.parametrize("name", ["sex_run", "bmi_run"])
def test_no_id_is_in_a_copy(name, request, tmp_path):
    """Nor in its page, although the run's own page may show single people."""
    folder = copy_run(request.getfixturevalue(name), tmp_path / "run")
    workspace = open_folder(folder)
    report = attrs.evolve(workspace.recipe.report, individual=True)
    workspace = attrs.evolve(workspace, recipe=attrs.evolve(workspace.recipe, report=report))

    written = share_results(workspace, tmp_path / "shared")

    ids = set(pd.read_parquet(folder / "cohort.parquet")["subject"])
    texts = {path.name: path.read_text() for path in written}
    assert {"metrics.json", "predictions.csv", "report.html"} == set(texts)
    assert len(ids) > 20
    assert [] == [(each, name) for each in ids for name, text in texts.items() if each in text]
    assert not (tmp_path / "shared" / ".pseudonyms.key").exists()
    assert (folder / ".pseudonyms.key").stat().st_mode & 0o77 == 0


def test_a_copy_is_asked_for_beside_the_page(sex_run, tmp_path, monkeypatch, capsys):
    """`brainplug report RUN --pseudonymise DIR` names what it wrote."""
    folder, asked = copy_run(sex_run, tmp_path / "run"), []
    monkeypatch.setattr(evaluating, "report_run", lambda *given, **_: asked.append(given))

    assert 0 == main(["report", str(folder), "--pseudonymise", str(tmp_path / "shared")])

    assert [(folder,)] == asked
    told = capsys.readouterr().out.split()
    assert str(tmp_path / "shared" / "predictions.csv") in told
    assert all(Path(line).is_file() for line in told)


def test_pseudonyms_of_a_run_stay(sex_run, tmp_path):
    """The key is drawn once; a damaged one is told."""
    files = RunFolder(copy_run(sex_run, tmp_path / "run"))

    key = own_key(files)

    assert key == own_key(files)
    assert 32 == len(key)
    written = files.pseudonyms.read_text()
    assert 0o600 == files.pseudonyms.stat().st_mode & 0o777
    turned = f"{'1' if written[0] == '0' else '0'}{written[1:]}"
    # Of an emptied one everybody could tell whose pseudonym is whose.
    for damaged in ("not a key", "", written[:20], turned, "\0" * 80, "\xff"):
        files.pseudonyms.write_text(damaged, encoding="latin-1")
        with pytest.raises(RunError, match="delete it"):
            own_key(files)
    files.pseudonyms.write_text(written.split()[0])  # as an earlier brainplug drew it
    assert key == own_key(files)


def test_scores_of_a_copy_are_those_of_the_run(sex_run, tmp_path):
    """Only counts of few people are hidden."""
    folder = copy_run(sex_run, tmp_path / "run")

    share_results(open_folder(folder), tmp_path / "shared")

    own, shared = (read_json(home / "metrics.json") for home in (folder, tmp_path / "shared"))
    for split, found in own["splits"].items():
        assert found["metrics"] == shared["splits"][split]["metrics"]
    assert own["target"] == shared["target"]


def test_a_copy_takes_a_finished_run_and_another_folder(sex_run, tmp_path):
    """The run's own would lose its results, and one without scores has none."""
    folder = copy_run(sex_run, tmp_path / "run")
    workspace = open_folder(folder)
    with pytest.raises(RunError, match="the run folder itself"):
        share_results(workspace, folder)

    (folder / "metrics.json").unlink()
    with pytest.raises(RunError, match="results of a finished run"):
        share_results(workspace, tmp_path / "shared")


def test_predictions_are_read_back_as_they_were(tmp_path):
    """Labels and ids that look like numbers, or like nothing, are text."""
    path = tmp_path / "predictions.csv"
    path.write_text("subject,split,truth,prediction,failure\n007,test,1,1,\nNA,test,1,,unread\n")

    table = read_predictions(path)

    assert ["007", "NA"] == table["subject"].tolist()
    assert ["1", "1"] == table["truth"].tolist()
    assert ["", "unread"] == table["failure"].tolist()
    assert pd.isna(table["prediction"][1])
