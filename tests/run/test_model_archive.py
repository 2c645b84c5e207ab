"""`brainplug export --model`: what is in the archive, and what is not."""

from __future__ import annotations

import hashlib
import shutil
import zipfile

import pytest

from brainplug.cli.main import main
from brainplug.errors import RunError
from brainplug.run.model_archive import export_model, known_ids, without_people
from brainplug.run.opened import open_run
from brainplug.runtime.run_folder import RunFolder


@pytest.fixture(scope="module")
def archive(sex_run, tmp_path_factory):
    path = tmp_path_factory.mktemp("export") / "sex.zip"
    assert 0 == main(["export", str(sex_run), "--model", str(path)])
    return path


def test_an_archive_holds_model_recipe_card_and_hashes(archive, sex_run, tmp_path):
    """Every file is named with its hash, and the model is that of the run to the bit."""
    with zipfile.ZipFile(archive) as file:
        file.extractall(tmp_path)
    told = [line.split("  ") for line in (tmp_path / "SHA256SUMS").read_text().splitlines()]
    names = {name for _, name in told}

    assert {"recipe.toml", "model/README.md", "model/model.safetensors"} <= names
    assert {*names, "SHA256SUMS"} == {
        path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()
    }
    assert all(
        digest == hashlib.sha256((tmp_path / name).read_bytes()).hexdigest()
        for digest, name in told
    )
    weights = "model/model.safetensors"
    assert (sex_run / weights).read_bytes() == (tmp_path / weights).read_bytes()


def test_an_archive_names_nobody_and_no_folder(archive, sex_run):
    """No id of a person, and no path of the machine, in any file or name."""
    ids = [each.encode() for each in known_ids(RunFolder(sex_run)) if len(each) > 3]
    assert ids
    with zipfile.ZipFile(archive) as file:
        for name in file.namelist():
            content = file.read(name) + name.encode()
            assert not [each for each in ids if each in content]
            assert str(sex_run.parent).encode() not in content


def test_the_same_run_gives_the_same_bytes(archive, sex_run, tmp_path):
    """Also from another place, later."""
    shutil.copytree(sex_run, tmp_path / "moved")

    again = export_model(open_run(tmp_path / "moved"), tmp_path / "b.zip")

    assert archive.read_bytes() == again.path.read_bytes()


def test_an_archive_is_never_overwritten(archive, sex_run, capsys):
    """The file stays; the message says what to do."""
    before = archive.read_bytes()

    assert 1 == main(["export", str(sex_run), "--model", str(archive)])
    assert "choose another name" in capsys.readouterr().err
    assert before == archive.read_bytes()


def test_a_file_that_is_no_models_stays_out(sex_run, tmp_path):
    """A table that somebody put beside the weights is not passed on, and is named."""
    shutil.copytree(sex_run, tmp_path / "run")
    (tmp_path / "run" / "model" / "people.csv").write_text("subject\n1\n")

    archive = export_model(open_run(tmp_path / "run"), tmp_path / "a.zip")

    assert ("people.csv",) == archive.left_out
    assert not [name for name in archive.names if "people" in name]


def test_a_run_that_is_not_finished_is_refused(sex_run, tmp_path):
    """The error names what lacks."""
    shutil.copytree(sex_run, tmp_path / "run")
    (tmp_path / "run" / "model" / "README.md").unlink()

    with pytest.raises(RunError, match="model card"):
        export_model(open_run(tmp_path / "run"), tmp_path / "a.zip")


def test_another_kind_of_file_is_refused(sex_run, tmp_path):
    """What is written is a zip archive."""
    with pytest.raises(RunError, match=r"\.zip"):
        export_model(open_run(sex_run), tmp_path / "a.tar")


def test_ids_and_folders_of_a_recipe_are_hidden():
    """Of any option, of any part: equal to an id, within a text, or a number in a list."""
    recipe = {
        "seed": 7,
        "cohort": {"use": "x", "only": ["NDAR_1", 7], "note": "without NDAR_1, /a b/c d/t.csv"},
        "prompt": {"question": "male/female?", "root": "~/x"},
        "target": {"labels": {"7": "old"}},
    }

    found = without_people(recipe, frozenset({"NDAR_1", "7"}))

    assert 7 == found["seed"]
    assert ["…", "…"] == found["cohort"]["only"]
    assert "NDAR" not in str(found)
    assert "male/female?" == found["prompt"]["question"]
    assert "…/x" == found["prompt"]["root"]
