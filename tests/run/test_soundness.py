"""What reads a run folder refuses files that are not as the run wrote them, and says which."""

from __future__ import annotations

import shutil

import pytest

from brainplug import open_run
from brainplug.cli.main import main
from brainplug.errors import RunError

DAMAGES = {
    "emptied": lambda _: b"",
    "cut": lambda content: content[: len(content) // 2],
    "zeroed": lambda content: bytes(len(content)),
    "one bit": lambda content: content[:-3] + bytes([content[-3] ^ 1]) + content[-2:],
}

COMMANDS = {
    "show": ("show", "RUN"),
    "report": ("report", "RUN"),
    "compare": ("compare", "RUN", "WHOLE"),
    "export": ("export", "RUN", "--bids", "BIDS"),
    "predict": ("predict", "RUN", "--query", "a.nii"),
    "evaluate": ("evaluate", "RUN"),
}


@pytest.fixture(scope="module")
def copied(sex_run, tmp_path_factory):
    """Give a copy of a finished run, whose files are put back after each test."""
    return shutil.copytree(sex_run, tmp_path_factory.mktemp("copied") / "run")


@pytest.fixture
def damage(copied):
    """Give what damages a file of the run for the time of a test."""
    whole = {}

    def change(name, how):
        path = copied / name
        whole[path] = path.read_bytes()
        path.write_bytes(DAMAGES[how](whole[path]))
        return path

    yield change
    for path, content in whole.items():
        path.write_bytes(content)


@pytest.mark.parametrize("how", DAMAGES)
@pytest.mark.parametrize("name", ["cohort.parquet", "split.csv", "split.json", "metrics.json"])
def test_a_damaged_file_is_named_before_it_is_read(copied, damage, name, how):
    """A bit in a number would be read as well as the number was."""
    path = damage(name, how)

    with pytest.raises(RunError, match="the same `brainplug run` makes it again") as caught:
        open_run(copied)

    assert (path,) == caught.value.where


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_says_what_is_damaged(sex_run, copied, damage, command, tmp_path, capsys):
    """All that read a run folder; none ends in a traceback."""
    path = damage("cohort.parquet", "zeroed")
    named = {"RUN": copied, "WHOLE": sex_run, "BIDS": tmp_path / "bids"}

    assert 1 == main([str(named.get(word, word)) for word in COMMANDS[command]])

    told = capsys.readouterr().err
    assert f"{path}: is damaged, its content is not what was written" in told
    assert "Traceback" not in told


def test_what_people_edit_or_delete_is_no_damage(copied, damage):
    """A page may be written on, and tasks may go to make room."""
    damage("report.html", "cut")
    damage("model/README.md", "emptied")
    shutil.rmtree(copied / "exports", ignore_errors=True)
    (copied / "notes.txt").write_text("mine")

    assert open_run(copied).result.target.name == "sex"
