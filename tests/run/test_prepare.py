"""`brainplug prepare` and `brainplug import`; what the ledger of a preparation knows."""

from __future__ import annotations

import re
import tomllib

from brainplug.cli.main import main


def test_prepare_stops_after_the_task_files(write_recipe, tmp_path, capsys):
    """Task files are there and named, nothing is trained, and a second call redoes nothing."""
    command = ["prepare", str(write_recipe()), "--output", str(tmp_path / "run")]

    assert 0 == main(command)

    printed = capsys.readouterr().out
    files = sorted((tmp_path / "run" / "tasks").iterdir())
    assert 3 == len(files)
    assert all(str(path) in printed.replace("\n", "") for path in files)
    assert not (tmp_path / "run" / "training.json").exists()
    assert 0 == main(command)
    assert 4 == capsys.readouterr().out.count("as before")


def test_a_warm_up_that_never_ends_is_told_before_scans_are_read(write_recipe, tmp_path, capsys):
    """Of a run that is to train; one that stops before goes on."""
    recipe, folder = write_recipe(), tmp_path / "run"
    recipe.write_text(re.sub("warmup_steps = .*", "warmup_steps = 5000", recipe.read_text()))
    command = ["run", str(recipe), "--output", str(folder)]

    assert 1 == main(command)

    assert "training.warmup_steps: expected fewer steps than the" in capsys.readouterr().err
    assert not (folder / "volumes.json").exists()
    assert 0 == main([*command, "--until", "volumes"])


def test_formats_are_written_beside(write_recipe, tmp_path):
    """Each `--format` is one file a split, in a folder that no stage reads."""
    command = ["prepare", str(write_recipe()), "--output", str(tmp_path / "run")]

    assert 0 == main([*command, "--format", "llava", "--format", "messages", "--format", "trl"])

    names = sorted(path.name for path in (tmp_path / "run" / "exports").iterdir())
    assert 10 == len(names)
    assert "dataset_info.json" in names
    assert 3 == sum(name.endswith("_llava.json") for name in names)
    assert 3 == sum(name.endswith("_trl.jsonl") for name in names)


def test_task_files_that_break_a_promise_do_not_stay(write_recipe, tmp_path, capsys):
    """A refused pairing leaves its audit, and no task file that could be trained on."""
    recipe = write_recipe()
    text = recipe.read_text().replace('use = "independent"', 'use = "matched"\nsame = 1.0')
    recipe.write_text(text.replace("subjects = 60", "subjects = 200"))

    assert 1 == main(["prepare", str(recipe), "--output", str(tmp_path / "run")])

    told = capsys.readouterr()
    assert "repeats the reference" in told.err
    told = (tmp_path / "run" / "log.txt").read_text()
    assert "a rule that repeats the reference is right in 100.0 %" in told
    assert (tmp_path / "run" / "audit.json").is_file()
    assert not (tmp_path / "run" / "tasks").exists()


def test_a_deleted_task_file_is_made_again(write_recipe, tmp_path):
    """A stage whose folder lacks a file it wrote is not done."""
    command = ["prepare", str(write_recipe()), "--output", str(tmp_path / "run")]
    main(command)
    lost = next((tmp_path / "run" / "tasks").glob("*_val.json"))
    text = lost.read_text()
    lost.unlink()

    assert 0 == main(command)

    assert text == lost.read_text()


def test_import_prints_a_recipe(tmp_path, capsys):
    """The recipe goes to standard output, remarks and never a secret beside it."""
    (tmp_path / "old.yaml").write_text(
        "dataset: {train_json: [a_train.json], val_json: a_val.json, test_json: a_test.json}\n"
        "trainer: {learning_rate: 5e-5, max_epochs: 50}\nwandb: {API_KEY: 0123456789abcdef}\n"
    )

    assert 0 == main(["import", str(tmp_path / "old.yaml")])

    told = capsys.readouterr()
    recipe = tomllib.loads(told.out)
    assert ["a_train.json"] == recipe["tasks"]["train"]
    assert 5e-5 == recipe["training"]["learning_rate"]
    assert "wandb.API_KEY" in told.err
    assert "0123456789abcdef" not in told.out + told.err


def test_a_file_where_the_run_folder_should_be_is_told(write_recipe, tmp_path, capsys):
    """No traceback: what was expected, what is there, and what to do."""
    (tmp_path / "run").write_text("a file")

    assert 1 == main(["prepare", str(write_recipe()), "--output", str(tmp_path / "run")])

    assert "expected a run folder, found a file" in capsys.readouterr().err


def test_a_full_disk_is_told_and_lost_nothing(write_recipe, tmp_path, capsys, monkeypatch):
    """Where a stage cannot write, the file is named, and the same command goes on."""
    from brainplug.run import task_stages

    command = ["prepare", str(write_recipe()), "--output", str(tmp_path / "run")]
    whole = task_stages.write_parquet

    def write(path, frame):
        if path.name == "pairs.parquet":
            raise OSError(28, "No space left on device", str(path))
        whole(path, frame)

    monkeypatch.setattr(task_stages, "write_parquet", write)
    assert 1 == main(command)
    told = capsys.readouterr().err
    assert "pairs.parquet: No space left on device" in told
    assert "Traceback" not in told

    monkeypatch.setattr(task_stages, "write_parquet", whole)
    assert 0 == main(command)
    assert 2 == capsys.readouterr().out.count("as before")


def test_check_stops_where_the_run_would(write_recipe, capsys):
    """A pairing that gives the query away is refused before anything is worded."""
    recipe = write_recipe()
    text = recipe.read_text().replace('use = "independent"', 'use = "matched"\nsame = 1.0')
    recipe.write_text(text.replace("subjects = 60", "subjects = 200"))

    assert 1 == main(["check", str(recipe)])

    assert "repeats the reference" in capsys.readouterr().err
