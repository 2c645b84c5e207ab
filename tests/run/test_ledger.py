"""The ledger of stages: what makes a stage be done again, and what does not."""

from __future__ import annotations

from functools import partial
from types import SimpleNamespace

import pytest

from brainplug.api.roles import ReadsFiles
from brainplug.errors import BrainplugError
from brainplug.run.changes import plain_facts, say_changes
from brainplug.run.learning_stages import hash_model
from brainplug.run.ledger import Ledger, Stage, hash_path
from brainplug.runtime.code_closure import SourceTree
from brainplug.runtime.files import replacing, write_text


def write_made(folder):
    write_text(folder / "out.txt", "made")


def make_stage(folder, settings=None):
    return Stage(
        name="split",
        settings=settings or {"split": {"seed": 1}},
        reads=lambda: [folder / "in.txt"],
        writes=(folder / "out.txt",),
        run=partial(write_made, folder),
    )


def made(stage):
    return stage.made_from(SourceTree())


def is_done(ledger, stage) -> bool:
    return ledger.is_done(stage, made(stage).key)


@pytest.fixture
def done(tmp_path):
    """A ledger in which one stage is done."""
    write_text(tmp_path / "in.txt", "one")
    stage = make_stage(tmp_path)
    stage.run()
    ledger = Ledger(tmp_path)
    ledger.note(stage, made(stage), 0.1)
    return ledger


def test_what_is_forgotten_is_done_again_without_a_cause(done, tmp_path):
    """As if for the first time, and what it left stays till then."""
    stage = make_stage(tmp_path)
    done.forget("split")

    assert not is_done(done, stage)
    assert [] == done.causes(stage, made(stage))
    assert (tmp_path / "out.txt").is_file()


def test_nothing_changed_is_done(done, tmp_path):
    """The same settings, content and code leave the stage alone."""
    write_text(tmp_path / "in.txt", "one")

    assert is_done(done, make_stage(tmp_path))


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("", "is damaged, 0 bytes in place of 4"),
        ("mad", "is damaged, 3 bytes in place of 4"),
        ("male", "is damaged, its content is not what was written"),
    ],
)
def test_a_stage_whose_file_is_another_than_it_left_is_done_again(done, tmp_path, content, fault):
    """The file and the damage are named; a ledger of before, which knows neither, is believed."""
    stage = make_stage(tmp_path)
    (tmp_path / "out.txt").write_text(content)

    assert not is_done(done, stage)
    assert [f"out.txt {fault}"] == done.causes(stage, made(stage))

    done.put(stage, {name: each for name, each in done.entry(stage).items() if name != "written"})
    assert is_done(done, stage)


CHANGES = {
    "settings": "split.seed changed, 1 to 2",
    "content": "in.txt changed",
    "input": "in.txt is missing",
    "output": "out.txt is missing",
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_redoes_the_stage_and_is_named(done, tmp_path, change):
    """Settings, the content of a file, and a missing file or result each count, and are told."""
    stage = make_stage(tmp_path, {"split": {"seed": 2}} if change == "settings" else None)
    if change == "content":
        write_text(tmp_path / "in.txt", "two")
    if change in {"input", "output"}:
        (tmp_path / f"{change.removesuffix('put')}.txt").unlink()

    assert not is_done(done, stage)
    assert [CHANGES[change]] == done.causes(stage, made(stage))


def test_a_begun_stage_is_not_done(done, tmp_path):
    """A stage that is begun again counts as undone until it ends, and that is its cause."""
    stage = make_stage(tmp_path)
    done.begin(stage, made(stage))

    assert not is_done(done, stage)
    assert ["it was stopped before its end"] == done.causes(stage, made(stage))


def test_a_stage_that_was_never_begun_has_no_cause(tmp_path):
    """Doing it for the first time needs no reason."""
    stage = make_stage(tmp_path)

    assert [] == Ledger(tmp_path).causes(stage, made(stage))


def test_every_kind_of_change_is_said():
    """Keys by their path with both values, files and modules by their names."""
    before = {
        "settings": {"training": {"learning_rate": 5e-5, "patience": 3}, "phase": [{"rank": 4}]},
        "reads": {"a.csv": "0" * 64, "b.csv": "1" * 64},
        "code": {"lab.codes": "2" * 16},
    }
    after = {
        "settings": {"training": {"learning_rate": 1e-4, "seed": 2}, "phase": [{"rank": 2}]},
        "reads": {"a.csv": "3" * 64, "c.csv": "1" * 64},
        "code": {"lab.codes": "4" * 16, "lab.reader": "5" * 16},
    }

    assert [
        "training.learning_rate changed, 5e-05 to 1e-04",
        "training.patience is gone, it was 3",
        "training.seed is new: 2",
        "phase[0].rank changed, 4 to 2",
        "a.csv changed",
        "b.csv is gone",
        "c.csv is new",
        "code changed: lab.codes, lab.reader",
    ] == say_changes(before, after)


def test_a_huge_listing_is_kept_as_one_hash():
    """The ledger stays small; that something changed is still known."""
    before = plain_facts({"scans": {f"{number}.nii": "0" * 64 for number in range(1000)}})
    after = plain_facts({"scans": {f"{number}.nii": "1" * 64 for number in range(1000)}})

    assert {"count", "hash"} == set(before["scans"])
    assert ["scans changed"] == say_changes({"facts": before}, {"facts": after})


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


def test_a_model_whose_files_are_not_there_is_told_as_its_fault(tmp_path):
    """Before they are hashed, so that nobody looks for room on the disk."""

    class Model:
        abilities = (ReadsFiles,)

        def sources(self):
            return (tmp_path / "weights.bin",)

    workspace = SimpleNamespace(backbone=Model(), cache=tmp_path)

    with pytest.raises(BrainplugError, match=r"weights\.bin"):
        hash_model(workspace)
