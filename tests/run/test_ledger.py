"""The ledger of stages: what makes a stage be done again, and what does not."""

from __future__ import annotations

import pytest

from brainplug.run.ledger import Ledger, Stage, hash_path, make_key
from brainplug.runtime.files import replacing, write_text


def make_stage(folder, settings=None, source="in.txt"):
    return Stage(
        name="split",
        settings=settings or {"seed": 1},
        reads=lambda: [folder / source],
        writes=(folder / "out.txt",),
        code=("brainplug.design.split",),
        run=lambda: write_text(folder / "out.txt", "made"),
    )


def is_done(ledger, stage) -> bool:
    return ledger.is_done(stage, make_key(stage))


@pytest.fixture
def done(tmp_path):
    """A ledger in which one stage is done."""
    write_text(tmp_path / "in.txt", "one")
    stage = make_stage(tmp_path)
    stage.run()
    ledger = Ledger(tmp_path)
    ledger.note(stage, make_key(stage), 0.1)
    return ledger


def test_nothing_changed_is_done(done, tmp_path):
    """The same settings, content and code leave the stage alone."""
    write_text(tmp_path / "in.txt", "one")

    assert is_done(done, make_stage(tmp_path))


@pytest.mark.parametrize("change", ["settings", "content", "output"])
def test_a_change_redoes_the_stage(done, tmp_path, change):
    """Settings, the content of a file, and a missing result each count."""
    stage = make_stage(tmp_path, {"seed": 2} if change == "settings" else None)
    if change == "content":
        write_text(tmp_path / "in.txt", "two")
    if change == "output":
        (tmp_path / "out.txt").unlink()

    assert not is_done(done, stage)


def test_a_forgotten_stage_is_not_done(done, tmp_path):
    """A stage that is begun again counts as undone until it ends."""
    done.forget(make_stage(tmp_path))

    assert not is_done(done, make_stage(tmp_path))


def test_the_key_counts_missing_files(tmp_path):
    """A file that is not there yet is a fact like another."""
    before = make_key(make_stage(tmp_path))
    write_text(tmp_path / "in.txt", "one")

    assert before != make_key(make_stage(tmp_path))


def test_a_folder_is_hashed_by_its_listing(tmp_path):
    """A new file in a folder of images changes the hash."""
    write_text(tmp_path / "images" / "a.nii", "x")
    before = hash_path(tmp_path / "images")
    write_text(tmp_path / "images" / "b.nii", "x")

    assert before != hash_path(tmp_path / "images")


def test_a_failed_write_leaves_the_old_file(tmp_path):
    """Files are replaced whole or not at all, and nothing is left behind."""
    path = tmp_path / "file.txt"
    write_text(path, "old")

    with pytest.raises(RuntimeError), replacing(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError

    assert "old" == path.read_text()
    assert [path] == list(tmp_path.iterdir())
