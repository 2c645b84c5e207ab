"""Odd environments end in a message, or in nothing at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from brainplug.cli.main import main
from brainplug.errors import RunError
from brainplug.run.ledger import hash_folder
from brainplug.runtime import torchrun
from brainplug.runtime.files import cache_folder, kept_folder, walk_once
from brainplug.runtime.ranks import Ranks
from brainplug.runtime.threads import choose_threads


@pytest.mark.parametrize("name", ["WORLD_SIZE", "RANK", "LOCAL_RANK", "LOCAL_WORLD_SIZE"])
@pytest.mark.parametrize("value", ["", " ", "0"])
def test_an_empty_number_of_processes_is_none(name, value):
    """Schedulers set variables to nothing."""
    assert 1 == Ranks.of({name: value}).world_size
    assert 1 == choose_threads(None, 10, most=1, environ={name: value}).count


@pytest.mark.parametrize("value", ["two", "-1", "1.5", "9" * 5000])
def test_another_number_of_processes_names_the_variable(value, monkeypatch, capsys):
    """The command ends with a line, not a traceback."""
    monkeypatch.setenv("WORLD_SIZE", value)

    assert 1 == main(["plugins"])
    told = capsys.readouterr().err
    assert "the environment's WORLD_SIZE: expected a number" in told
    assert len(told) < 500


def test_a_cache_of_nobody_names_the_variable(monkeypatch):
    """`~name` leads nowhere where nobody has that name."""
    monkeypatch.setenv("BRAINPLUG_CACHE", "~nobody-of-this-name/cache")

    with pytest.raises(RunError, match="BRAINPLUG_CACHE"):
        cache_folder()


def test_a_user_without_a_name_and_a_home_is_told_what_to_set(monkeypatch):
    """As in containers that run under a number."""
    for name in ("BRAINPLUG_CACHE", "HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)

    def nobody(_):
        raise KeyError("getpwuid(): uid not found: 12345")

    monkeypatch.setattr("pwd.getpwuid", nobody)

    with pytest.raises(RunError, match="set BRAINPLUG_CACHE"):
        cache_folder()


def test_what_cannot_be_made_again_is_no_cache(monkeypatch, tmp_path):
    """Unless the user names one folder for both."""
    monkeypatch.delenv("BRAINPLUG_CACHE")
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("XDG_CACHE_HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    assert cache_folder() != kept_folder()
    assert tmp_path in kept_folder().parents

    monkeypatch.setenv("BRAINPLUG_CACHE", str(tmp_path / "shared"))

    assert tmp_path / "shared" == cache_folder() == kept_folder()


@pytest.mark.parametrize(
    "command",
    [
        ("check", "~nobody-of-this-name/r.toml"),
        ("show", "~nobody-of-this-name/run"),
        ("report", "~nobody-of-this-name/run"),
        ("compare", "~nobody-of-this-name/run"),
        ("export", "~nobody-of-this-name/run", "--bids", "x"),
        ("predict", "~nobody-of-this-name/run", "--query", "~nobody-of-this-name/a.nii"),
        ("init", "--from", "~nobody-of-this-name/people.csv"),
    ],
)
def test_a_home_of_nobody_is_a_place_that_is_not_there(command, capsys):
    """The message names it."""
    assert 1 == main(list(command))

    told = capsys.readouterr().err
    assert "~nobody-of-this-name/" in told
    assert "Traceback" not in told


def test_what_kubernetes_sets_makes_no_other_machines(monkeypatch):
    """`--devices` is of this machine, whatever torchrun's own variables say."""
    seen = []
    monkeypatch.setenv("PET_NNODES", "2")
    monkeypatch.setattr(
        "torch.distributed.launcher.api.elastic_launch",
        lambda config, _: lambda *given: seen.append((config.min_nodes, config.max_nodes, given)),
    )

    torchrun.start_ranks(2, ["run"])

    # A `random.py` that happens to lie in the working folder is not imported either.
    assert [(1, 1, ("-P", "-u", "-m", "brainplug", "run"))] == seen


def test_a_folder_of_names_that_are_not_utf_8_has_a_hash(tmp_path):
    """The ledger lists it whatever its files are called."""
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/Jos\xe9.nii.gz")).touch()

    (tmp_path / "loop").symlink_to(tmp_path / "loop")  # one odd link ends nothing
    assert 64 == len(hash_folder(tmp_path))


def test_a_folder_that_is_gone_while_it_is_walked_is_passed_over(tmp_path, monkeypatch):
    """Folders of processes and of other users' work come and go."""
    for name in ("a", "b", "c"):
        (tmp_path / name).mkdir()
    look = os.stat

    def stat(path, *more, **options):
        if str(path).endswith("b"):
            raise FileNotFoundError(path)
        return look(path, *more, **options)

    monkeypatch.setattr("brainplug.runtime.files.os.stat", stat)

    assert ["a", "c"] == [Path(place).name for place, _ in walk_once(tmp_path)][1:]
