"""A folder that is named as the output: new, empty or one's own; all else is refused, untouched."""

from __future__ import annotations

import pytest

from brainplug.cli.main import main
from brainplug.errors import RunError
from brainplug.run.output_folder import refuse_foreign_copy, refuse_foreign_run
from brainplug.runtime.files import write_text

OURS = {
    "new": None,
    "empty": (),
    "as systems leave it": (".DS_Store", "lost+found"),
    "killed at its first write": (".lock", "..lock.json.ab12cd34.json"),
    "stopped early": (".lock", "recipe.toml", "log.txt"),
    "its runs made one by one": ("runs",),
    "with notes of the user": ("stages.json", "my notes.docx"),
}

OTHERS = {
    "a study": ("participants.tsv", "dataset_description.json", "sub-01"),
    "a home": (".bashrc", ".ssh", "Documents"),
    "scans": ("001.nii.gz",),
    "one's own recipe": ("recipe.toml",),
    "a recipe beside its runs": ("recipe.toml", "runs"),
    "a model": ("model", "README.md"),
    "another program's lock": (".lock", "Cargo.toml"),
}


def fill(folder, names):
    if names is not None:
        folder.mkdir()
        for name in names:
            write_text(folder / name, "x")
    return folder


@pytest.mark.parametrize("how", OURS)
@pytest.mark.parametrize("linked", [False, True])
def test_a_folder_for_a_run_is_new_empty_or_a_run(tmp_path, how, linked):
    """A link is followed to it."""
    folder = fill(tmp_path / "there", OURS[how])
    link = tmp_path / "link"
    if linked and folder.exists():
        link.symlink_to(folder)
        folder = link

    refuse_foreign_run(folder)


@pytest.mark.parametrize("how", OTHERS)
@pytest.mark.parametrize("linked", [False, True])
def test_a_folder_of_other_things_is_refused(tmp_path, how, linked):
    """The message names some of them; through a link as well."""
    folder = fill(tmp_path / "there", OTHERS[how])
    if linked:
        (tmp_path / "link").symlink_to(folder)
        folder = tmp_path / "link"

    with pytest.raises(RunError, match=r"one that holds .*name another folder") as caught:
        refuse_foreign_run(folder)

    assert set(caught.value.found) <= set(OTHERS[how])


def test_what_is_no_folder_is_refused(tmp_path):
    """A file, and a link to nothing, which would make a folder nobody looks for."""
    (tmp_path / "link").symlink_to(tmp_path / "nothing")

    with pytest.raises(RunError, match="a link that leads nowhere"):
        refuse_foreign_run(tmp_path / "link")
    with pytest.raises(RunError, match="a file"):
        refuse_foreign_run(fill(tmp_path / "there", ("a",)) / "a")


def test_a_copy_goes_where_only_copies_are(tmp_path):
    """The one before is replaced."""
    folder = fill(tmp_path / "there", ("report.html",))
    refuse_foreign_copy(folder, {"report.html", "README.txt"})
    write_text(folder / "thesis.docx", "x")

    with pytest.raises(RunError, match=r"holds 'thesis\.docx'"):
        refuse_foreign_copy(folder, {"report.html", "README.txt"})


@pytest.mark.parametrize("command", ["run", "prepare"])
@pytest.mark.parametrize("more", [(), ("--fresh",)])
def test_a_command_leaves_such_a_folder_as_it_was(write_recipe, tmp_path, capsys, command, more):
    """Nothing is written to it, and nothing deleted."""
    folder = fill(tmp_path / "study", ("participants.tsv", ".recipe.toml.ab12cd34.toml"))
    before = {path.name: path.read_text() for path in folder.iterdir()}

    assert 1 == main([command, str(write_recipe()), "--output", str(folder), *more])

    assert "one that holds " in capsys.readouterr().err
    assert before == {path.name: path.read_text() for path in folder.iterdir()}
