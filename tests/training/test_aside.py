"""Trainings put aside and brought back: nothing that was learnt is lost, whatever stops a move."""

from __future__ import annotations

import pytest

from brainplug.runtime.files import write_json, write_text
from brainplug.training.aside import TrainingHome, make_room

ENTRY = {"key": "old", "seconds": 3.0}


@pytest.fixture
def home(tmp_path) -> TrainingHome:
    return TrainingHome(
        checkpoints=tmp_path / "checkpoints",
        model=tmp_path / "model",
        history=tmp_path / "training.json",
        curves=tmp_path / "curves",
    )


def write_phase(home, number, key, *, done=True):
    """Leave a phase as a training does."""
    folder = home.checkpoints / f"phase-{number}"
    write_json(folder / "made-from.json", key)
    if done:
        write_text(folder / "model" / "weights", key)
        write_json(folder / "history.json", {"phase": number, "history": []})
    else:
        write_text(folder / "checkpoint-7" / "complete.json", "{}")


def finish(home, *keys):
    """Leave a finished training."""
    for number, key in enumerate(keys, 1):
        write_phase(home, number, key)
    write_text(home.model / "weights", keys[-1])
    write_json(home.history, {"keys": keys})


def make(home, *keys, key="new", entry=ENTRY):
    return make_room(home, keys, key=key, entry=entry)


def names(folder) -> set[str]:
    return {path.name for path in folder.iterdir()} if folder.is_dir() else set()


def test_a_training_that_fits_stays(home):
    """One that was stopped goes on where it lies."""
    write_phase(home, 1, "a", done=False)

    assert (None, []) == make(home, "a", "b")

    assert {"phase-1"} == names(home.checkpoints)
    assert [] == home.earlier()


def test_a_training_that_does_not_fit_is_kept_whole(home):
    """With its phases, the chosen model and their history; its place is free."""
    finish(home, "a", "b")

    entry, (line,) = make(home, "c", "d")

    (kept,) = home.earlier()
    assert entry is None
    assert kept.name in line
    assert {"phase-1", "phase-2", "model", "training.json", "stage.json"} == names(kept)
    assert not home.model.exists()
    assert not home.history.exists()


def test_the_same_training_comes_back(home):
    """With the entry of the ledger that it had; the other one is kept in turn."""
    finish(home, "a", "b")
    make(home, "c")
    finish(home, "c")

    entry, lines = make(home, "a", "b", key="old", entry={"key": "new"})

    assert ENTRY == entry
    assert 2 == len(lines)
    assert "b" == (home.model / "weights").read_text()
    assert {"phase-1", "phase-2"} == names(home.checkpoints)
    assert ["c"] == [(kept / "model" / "weights").read_text() for kept in home.earlier()]


def test_first_phases_are_taken_over(home):
    """A change of the last phase keeps the first, and the old training stays whole."""
    finish(home, "a", "b")

    make(home, "a", "c")

    (kept,) = home.earlier()
    assert {"phase-1"} == names(home.checkpoints)
    assert "a" == (home.checkpoints / "phase-1" / "model" / "weights").read_text()
    assert {"phase-1", "phase-2"} <= names(kept)


def test_more_phases_than_before_keep_those_that_were(home):
    """A finished training becomes the first phase of a longer one."""
    finish(home, "a")

    make(home, "a", "b")

    assert {"phase-1"} == names(home.checkpoints)


def test_a_stopped_training_comes_back_and_is_not_whole(home):
    """It goes on from its checkpoint, so the stage is to be done."""
    write_phase(home, 1, "a", done=False)
    make(home, "b")
    write_phase(home, 1, "b", done=False)

    entry, lines = make(home, "a")

    assert entry is None
    assert 2 == len(lines)
    assert "checkpoint-7" in names(home.checkpoints / "phase-1")


def test_what_was_begun_and_learnt_nothing_is_no_loss(home):
    """A folder without weights is not kept."""
    write_json(home.checkpoints / "phase-1" / "made-from.json", "a")

    assert (None, []) == make(home, "b")

    assert [] == home.earlier()
    assert not home.checkpoints.exists()


def test_a_model_without_checkpoints_is_kept_too(home):
    """`checkpoints/` may be deleted; the model of other settings is not written over."""
    write_text(home.model / "weights", "a")
    write_json(home.history, {})

    make(home, "b")

    (kept,) = home.earlier()
    assert {"model", "training.json", "stage.json"} == names(kept)


def test_a_move_stopped_halfway_loses_nothing(home):
    """Wherever it stopped, the next run ends it, and the training comes back whole."""
    finish(home, "a")
    write_json(home.checkpoints / "stage.json", ENTRY)
    home.model.rename(home.checkpoints / "model")

    entry, _ = make(home, "a", key="old", entry={"key": "of the one before"})

    assert ENTRY == entry
    assert "a" == (home.model / "weights").read_text()
    assert home.history.exists()


def test_what_fresh_puts_aside_is_never_brought_back(home):
    """The user asked to start over."""
    finish(home, "a")
    kept = home.put_aside(ENTRY, fresh=True)

    assert (None, []) == make(home, "a", key="old")

    assert kept.name.startswith("checkpoints.before-fresh-")
    assert "model" in names(kept)
    assert not home.model.exists()


def test_two_trainings_put_aside_in_one_second_both_stay(home):
    """Names never clash."""
    for key in ("a", "b", "c"):
        finish(home, key)
        home.put_aside(ENTRY)

    assert {"a", "b", "c"} == {(kept / "model" / "weights").read_text() for kept in home.earlier()}


@pytest.mark.parametrize("content", [b"", b"\0\0", b'"a', bytes(range(128, 256))])
def test_a_damaged_note_keeps_the_training_and_says_so(home, content):
    """What it is of is not known, so it is put aside whole; nothing ends in an error."""
    finish(home, "a")
    (home.checkpoints / "phase-1" / "made-from.json").write_bytes(content)

    entry, lines = make(home, "a")

    assert entry is None
    assert "phase-1/made-from.json cannot be read" == lines[0]
    assert "a" == (home.earlier()[0] / "model" / "weights").read_text()


@pytest.mark.parametrize("content", [b"", b'{"key": "b", "crc32": "00000000"}'])
def test_a_damaged_note_of_a_known_training_is_made_again(home, content):
    """The ledger tells that it is this one: it goes on where it lies, and that is said."""
    write_phase(home, 1, "a", done=False)
    (home.checkpoints / "phase-1" / "made-from.json").write_bytes(content)

    entry, lines = make_room(home, ["a"], key="new", entry=ENTRY, known=True)

    assert (None, []) == (entry, home.earlier())
    assert ["checkpoints/phase-1/made-from.json was damaged, and is made again"] == lines
    assert home.is_of(["a"])


def test_a_damaged_entry_of_a_training_put_aside_ends_nothing(home):
    """It lies beside, and another training is made; its own still comes back by its phases."""
    finish(home, "a")
    make(home, "b")
    (home.earlier()[0] / "stage.json").write_bytes(b"")

    assert (None, []) == make(home, "c")

    entry, lines = make(home, "a", key="old")
    assert entry is None
    assert lines[-1].startswith("brought back from")


def test_curves_go_with_their_training(home):
    """Put aside, taken over with the first phase of another, and brought back."""
    finish(home, "a", "b")
    write_text(home.curves / "phase-1" / "events", "one")
    write_text(home.curves / "phase-2" / "events", "two")

    make(home, "a", "c")
    assert {"phase-1"} == names(home.curves)

    finish(home, "a", "c")
    make(home, "a", "b", key="old", entry={"key": "new"})
    assert {"phase-1", "phase-2"} == names(home.curves)
