"""What killed writes left is deleted, and nothing else, whatever folder a run was put into."""

from __future__ import annotations

import pytest

from brainplug.run.stale import remove
from brainplug.runtime.files import delete_half_written
from brainplug.runtime.run_folder import RunFolder

DEAD = (
    ".split.csv.ab12_xyz.csv",
    ".answers.jsonl.part.abcdefgh.part",
    "tasks/.a.json.abcdefgh.json",
    "runs/fold-1/.stages.json.abcdefgh.json",
    "checkpoints/phase-1/.m.safetensors.abcdefgh.safetensors",
)
OTHERS = (
    ".ssh.disabled",
    ".notes.txt.abcdefgh.txt",
    "papers/.draft.abcdefgh",
    "linked/.a.json.abcdefgh.json",
    "split.csv",
    ".split.csv.short.csv",
)


@pytest.mark.parametrize("linked", ["model", "other"])
def test_only_what_writes_of_a_run_left_is_deleted(tmp_path, linked):
    """`--output ~` by mistake, or a part of a run that is a link, costs nobody a file."""
    run = tmp_path / "run"
    for name in (*DEAD, *OTHERS):
        path = (tmp_path if name.startswith("linked") else run) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (run / linked).symlink_to(tmp_path / "linked")
    (run / "tasks" / "deep").symlink_to(tmp_path / "linked")

    delete_half_written(run, RunFolder.names())

    left = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    own = {name if name.startswith("linked") else f"run/{name}" for name in OTHERS}
    assert own == {name for name in left if f"/{linked}/" not in name and "/deep/" not in name}


def test_what_a_link_leads_to_is_not_deleted(tmp_path):
    """A part of a run that somebody put on another disk loses its link only."""
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "a").touch()
    (tmp_path / "model").symlink_to(tmp_path / "there")

    remove(tmp_path / "model")

    assert (tmp_path / "there" / "a").exists()
    assert not (tmp_path / "model").is_symlink()
