"""Damaged files by which a run folder knows itself: made again from each other, and told."""

from __future__ import annotations

import json
import os
import shutil
import zlib
from pathlib import Path

import pytest

from brainplug.cli.main import main
from brainplug.errors import RunError
from brainplug.evaluation.history import PhaseFacts, PhaseHistory
from brainplug.evaluation.openings import Opening, count_openings, read_lock
from brainplug.run.arithmetic import read_arithmetic
from brainplug.run.ledger import Ledger, MadeFrom, Stage
from brainplug.run.mending import mend
from brainplug.run.openings import (
    add_line,
    explain,
    is_open,
    open_test,
    read_lines,
    take_over,
    trained,
)
from brainplug.run.starting_over import forget
from brainplug.runtime.files import read_json, write_text
from brainplug.runtime.notes import write_note
from brainplug.runtime.run_folder import RunFolder
from brainplug.training.phases import PhaseFolder

MADE = MadeFrom(settings=None, reads={}, facts={"arithmetic": {"onednn": True}}, code={})
RECORD = {"seed": 7, "arithmetic": {"onednn": True, "from": "MKL"}}
STAGES = ("cohort", "training")


def stage_of(folder, name) -> Stage:
    writes = (folder / f"{name}.csv",)
    return Stage(name=name, settings=None, reads=list, writes=writes, run=lambda: None)


@pytest.fixture
def files(tmp_path) -> RunFolder:
    """A folder in which two stages are done and the test was opened."""
    found, ledger = RunFolder(tmp_path), Ledger(tmp_path)
    for name in STAGES:
        write_text(tmp_path / f"{name}.csv", name)
        ledger.note(stage_of(tmp_path, name), MADE, 1.0)
    open_test(found)
    stages = {
        name: {key: entry[key] for key in ("key", "seconds", "finished", "files")}
        for name, entry in ledger.read().items()
    }
    write_note(found.record, RECORD | {"stages": stages, "test": read_lock(found)})
    return found


DAMAGES = {
    "emptied": lambda _: b"",
    "zeroed": lambda content: bytes(len(content)),
    "cut": lambda content: content[:-9],
    "a list": lambda _: b"[]",
    "one bit": lambda content: content.replace(b"1", b"3", 1),
    "not UTF-8": lambda content: content[:-4] + b"\xff\xfe",
}


@pytest.mark.parametrize("how", DAMAGES)
@pytest.mark.parametrize("name", ["stages.json", "record.json", "test.json"])
def test_each_is_made_again_from_the_others(files, name, how):
    """What is done stays done, the test stays open, and sums stay in their order."""
    path = files.path / name
    whole, known = path.read_bytes(), trained(files)
    path.write_bytes(DAMAGES[how](whole))
    assert whole != path.read_bytes()

    told = list(mend(files))

    assert 1 == len(told)
    assert told[0].startswith(f"{name} was damaged, and is made again")
    assert [] == list(mend(files))
    ledger = Ledger(files.path)
    for stage in STAGES:
        assert ledger.is_done(stage_of(files.path, stage), MADE.key)
    assert known == trained(files)
    assert is_open(files)
    assert read_arithmetic(files)["onednn"] is True


def test_an_entry_that_was_made_again_is_completed(files):
    """Once its stage is known to be done, damage of its files is found as before."""
    stage = stage_of(files.path, "cohort")
    files.ledger.write_bytes(b"")
    list(mend(files))

    Ledger(files.path).renew(stage, MADE)

    (files.path / "cohort.csv").write_text("cohorT")
    assert ["cohort.csv is damaged, its content is not what was written"] == Ledger(
        files.path
    ).damaged(stage)


def test_what_nothing_else_tells_is_done_again(files):
    """Where the record is damaged as well; what was trained is kept in any case."""
    for path in (files.ledger, files.record):
        path.write_bytes(b"")

    told = list(mend(files))

    assert "nothing else tells it; done again is what that does not tell of" in told[0]
    assert {} == Ledger(files.path).read()


def test_openings_that_nothing_tells_are_not_made_up(files):
    """The message says what is lost by deleting them; the same run goes on after that."""
    for path in (files.test_lock, files.record):
        path.write_bytes(b"")

    with pytest.raises(RunError, match="no longer knows that its test was opened") as caught:
        list(mend(files))

    assert (files.test_lock,) == caught.value.where
    files.test_lock.unlink()
    list(mend(files))
    assert not is_open(files)


def test_a_run_goes_on_from_damaged_notes(sex_run, tmp_path, capsys):
    """Nothing is done again; what cannot be read without the run says which command mends it."""
    folder = Path(shutil.copytree(sex_run, tmp_path / "run"))
    before = {name: read_json(folder / name) for name in ("stages.json", "metrics.json")}
    for name in ("stages.json", "test.json"):
        (folder / name).write_bytes(b"")
    assert 1 == main(["evaluate", str(folder)])
    assert "the same `brainplug run` makes it again" in capsys.readouterr().err

    assert 0 == main(["run", str(sex_run.parent / "sex.toml"), "--output", str(folder)])

    printed = capsys.readouterr().out
    assert "stages.json was damaged, and is made again: record.json tells of" in printed
    assert " s\n" not in printed.split("\n\n")[0]
    assert before["stages.json"].keys() == read_json(folder / "stages.json").keys()
    assert before["metrics.json"] == read_json(folder / "metrics.json")


def test_damaged_openings_still_count(tmp_path):
    """A turned bit would hide one; an end that was cut would swallow the next."""
    path = tmp_path / "list.jsonl"
    lines = [
        Opening(when=f"2026-01-0{day}", run=str(day), within="", made="m", brainplug="1")
        for day in (1, 2, 3)
    ]
    for line in lines[:2]:
        add_line(path, line)
    assert lines[:2] == read_lines(path)
    text = path.read_bytes()
    path.write_bytes(text.replace(b'"run": "1"', b'"rtn": "1"')[:-5])

    add_line(path, lines[2])

    found = read_lines(path)
    assert lines[2] == found[-1]
    counted = count_openings(found, 9)
    assert (3, ("2026-01-03",)) == (counted.count, counted.dates)
    older = {name: getattr(lines[0], name) for name in ("when", "run", "within", "made")}
    path.write_text(json.dumps(older | {"brainplug": "0.1"}) + "\n")
    assert "0.1" == read_lines(path)[0].brainplug


@pytest.fixture
def phase(tmp_path) -> PhaseFolder:
    """A phase that is done, beside the trained model of its run."""
    found = PhaseFolder(path=tmp_path / "checkpoints/phase-1", key="k")
    found.open()

    def save(folder: Path) -> None:
        folder.mkdir(parents=True)
        for name in ("model.safetensors", "tokenizer.json"):
            (folder / name).write_text(f"what {name} holds")

    facts = PhaseFacts(phase=1, seed=7, settings={}, parameters={}, selected=None, steps=1, every=1)
    found.finish(save, PhaseHistory(facts=facts, history=()))
    shutil.copytree(found.model, tmp_path / "model")
    return found


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json"])
@pytest.mark.parametrize("how", [lambda _: b"", lambda content: content.replace(b"w", b"W")])
def test_a_damaged_model_of_a_phase_is_made_again_from_the_trained_one(phase, name, how):
    """Where that is not damaged too: then what it means is said, and nothing is changed."""
    path, trained_one = phase.model / name, phase.path.parents[1] / "model"
    whole = path.read_bytes()
    path.write_bytes(how(whole))

    assert [f"{name}: made again from model/"] == [
        f"{name}{line[line.index(': made') :]}" for line in phase.mend_model(trained_one)
    ]

    assert whole == path.read_bytes()
    assert [] == phase.mend_model(trained_one)
    for copy in (path, trained_one / name):
        copy.write_bytes(how(whole))
    (line,) = phase.mend_model(trained_one)
    assert name in line
    assert "nothing else here holds it, so where the phase is needed again it is trained" in line
    assert how(whole) == path.read_bytes()


@pytest.mark.parametrize("name", ["../../../evil", "/tmp/evil", "a/../../evil"])
def test_a_list_of_files_leads_out_of_no_folder(phase, name):
    """Run folders are sent around, and their notes can be made up with the right checksum."""
    trained_one = phase.path.parents[1] / "model"
    note = phase.note()
    content = b"what tokenizer.json holds"
    write_note(phase.history, {**note, "files": {name: [len(content), zlib.crc32(content)]}})
    before = sorted(phase.path.parents[1].rglob("*"))

    (line,) = phase.mend_model(trained_one)

    assert "is not in the folder" in line
    assert before == sorted(phase.path.parents[1].rglob("*"))


def test_large_weights_of_a_phase_are_read_where_they_were_written_to(phase, monkeypatch):
    """Gigabytes would take seconds at every start; the length is always looked at."""
    monkeypatch.setattr("brainplug.training.phases.AT_ONCE", 1)
    path, trained_one = phase.model / "model.safetensors", phase.path.parents[1] / "model"
    monkeypatch.setattr("brainplug.training.marks.crc", lambda path: pytest.fail(f"read {path}"))
    before = phase.history.stat().st_mtime
    os.utime(path, (before, before))
    os.utime(phase.model / "tokenizer.json", (before, before))
    assert [] == phase.mend_model(trained_one)
    monkeypatch.undo()
    monkeypatch.setattr("brainplug.training.phases.AT_ONCE", 1)
    path.write_text(path.read_text().upper())
    os.utime(path, (before + 5, before + 5))

    assert ["made again from model/"] == [
        line.rpartition(": ")[2] for line in phase.mend_model(trained_one)
    ]


def test_a_large_result_is_read_where_its_time_is_another(tmp_path, monkeypatch):
    """A copy of a folder, whose times are others, is read once and then known."""
    monkeypatch.setattr("brainplug.run.ledger.READ_AT_ONCE", 1)
    stage, ledger = stage_of(tmp_path, "training"), Ledger(tmp_path)
    (tmp_path / "training.csv").write_text("weights")
    ledger.note(stage, MADE, 1.0)
    hashed = []
    monkeypatch.setattr("brainplug.run.ledger.hash_path", lambda path: hashed.append(path) or "")
    assert ledger.is_done(stage, MADE.key)
    assert [] == hashed
    monkeypatch.undo()
    os.utime(tmp_path / "training.csv", (1, 1))
    assert ledger.is_done(stage, MADE.key)

    ledger.renew(stage, MADE)

    monkeypatch.setattr("brainplug.run.ledger.hash_path", lambda path: hashed.append(path) or "")
    assert ledger.is_done(stage, MADE.key)
    assert [] == hashed
    monkeypatch.undo()
    (tmp_path / "training.csv").write_text("wEights")
    os.utime(tmp_path / "training.csv", (2, 2))
    assert not ledger.is_done(stage, MADE.key)


def test_lists_of_openings_come_from_where_they_were_kept_before(tmp_path, monkeypatch):
    """Once; in their place lies what says that they are no cache."""
    monkeypatch.setenv("BRAINPLUG_CACHE", str(tmp_path / "cache"))
    write_text(tmp_path / "cache/openings/a.jsonl", "earlier\n")
    kept = tmp_path / "state/openings/a.jsonl"
    write_text(kept.with_name("b.jsonl"), "")

    explain(kept.parent)
    take_over(kept)

    assert "earlier\n" == kept.read_text()
    assert "keep this folder" in (kept.parent / "README.txt").read_text()
    write_text(kept, "later\n")
    take_over(kept)
    assert "later\n" == kept.read_text()


def test_starting_over_keeps_how_often_the_test_was_opened(files):
    """The record, which tells it where its own note is damaged, goes after that is mended."""
    files.test_lock.write_bytes(b"")
    known = read_json(files.record)["test"]

    assert ["test.json was damaged, and is made again from record.json"] == forget(files)

    assert known == read_lock(files)
    assert not files.record.exists()
    assert not files.ledger.exists()
