"""`brainplug init`: shipped recipes are listed and written, and one begun from a table."""

from __future__ import annotations

import json
import tomllib

import pytest

from brainplug.cli.init_table import propose_recipe
from brainplug.cli.main import main
from brainplug.errors import DataError
from brainplug.recipe.shipped import shipped_recipes
from brainplug.runtime.files import write_text

ROWS = "".join(f"{n};{1 + n % 2};{20 + n},5;{n % 3}\n" for n in range(1, 13))


@pytest.fixture
def study(tmp_path, monkeypatch):
    """Return a folder with a table of codes and decimal commas, and images of all but two."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "people.csv").write_text(f"Proband;Sex;BMI;Visit\n{ROWS}")
    (tmp_path / "T1").mkdir()
    for number in range(1, 11):
        (tmp_path / "T1" / f"sub-{number:03d}_T1w.nii.gz").touch()
    return tmp_path


def test_shipped_recipes_are_listed(capsys):
    """A line each, with what the first comment says."""
    assert 0 == main(["init"])
    told = capsys.readouterr().out.splitlines()

    assert all(any(line.startswith(f"{name} ") for line in told) for name in shipped_recipes())


def test_a_shipped_recipe_is_written_once(tmp_path, monkeypatch, capsys):
    """Word for word below the line that names the schema, which lies beside; and never again."""
    monkeypatch.chdir(tmp_path)
    assert 0 == main(["init", "abcd-sex"])
    assert "next: brainplug check abcd-sex.toml" in capsys.readouterr().out
    written = (tmp_path / "abcd-sex.toml").read_text(encoding="utf-8")
    line, _, recipe = written.partition("\n")
    assert "#:schema ./brainplug.schema.json" == line
    assert "properties" in json.loads((tmp_path / "brainplug.schema.json").read_text("utf-8"))
    assert shipped_recipes()["abcd-sex"].read_text(encoding="utf-8") == recipe

    assert 1 == main(["init", "abcd-sex"])
    assert "nothing is overwritten" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["init", "abcd-sx"], "did you mean 'abcd-sex'?"),
        (["init", "--images", "T1"], "write --from TABLE"),
        (["init", "demo", "--from", "people.csv"], "not both"),
        (["init", "--from", "people.csv"], "write --images DIR"),
        (["init", "--from", "none.csv", "--images", "T1"], "no such file"),
        (["init", "--from", "people.csv", "--images", "none"], "no such folder"),
        (["init", "demo", "--output", "T1"], "--output T1/demo.toml"),
    ],
)
@pytest.mark.usefixtures("study")
def test_what_cannot_be_done_is_told(words, told, capsys):
    """Exit code 1, with what to write."""
    assert 1 == main(words)
    assert told in capsys.readouterr().err


def test_a_table_becomes_a_recipe_that_states_no_code(study, capsys):
    """The id is found among the images, codes are left to the user, and check says what lacks."""
    assert 0 == main(["init", "--from", "people.csv", "--images", "T1/"])
    assert '"Proband" could be the id: 10 of 12 rows have an image' in capsys.readouterr().out
    text = (study / "people.toml").read_text(encoding="utf-8")
    recipe = tomllib.loads(text)

    assert recipe["target"] == {}
    assert recipe["cohort"] == {
        "use": "table",
        "table": "people.csv",
        "images": "T1",
        "pattern": "sub-{subject}_T1w.nii.gz",
        "subject": "Proband",
        "decimal": ",",
    }
    assert '# labels = { 1 = "…", 2 = "…" }   # STATE what each code means: "1" 6, "2" 6' in text
    assert 1 == main(["check", "people.toml"])
    assert "target.use: missing key" in capsys.readouterr().err


def test_a_choice_without_words_for_its_codes_is_refused(study, capsys):
    """Taking away the # alone is no statement of what 1 and 2 mean."""
    assert 0 == main(["init", "--from", "people.csv", "--images", "T1/"])
    path = study / "people.toml"
    lines = path.read_text(encoding="utf-8").splitlines()
    start = lines.index('# column = "Sex"') - 1
    lines[start : start + 3] = [line.removeprefix("# ") for line in lines[start : start + 3]]
    path.write_text("\n".join(lines), encoding="utf-8")

    assert 1 == main(["check", "people.toml"])
    assert "at least two distinct words" in capsys.readouterr().err


def test_a_bids_folder_is_read_as_one(tmp_path):
    """participants.tsv beside sub-* folders needs no folder of images."""
    (tmp_path / "participants.tsv").write_text("participant_id\tsex\nsub-1\tF\nsub-2\tM\n")
    for name in ("1", "2"):
        (tmp_path / f"sub-{name}" / "anat").mkdir(parents=True)
        (tmp_path / f"sub-{name}" / "anat" / f"sub-{name}_T1w.nii.gz").touch()

    proposal = propose_recipe(tmp_path / "participants.tsv", None, sheet=None, home=tmp_path)

    assert tomllib.loads(proposal.text)["cohort"] == {"use": "bids", "root": "."}
    assert proposal.facts[0] == '"participant_id" could be the id: 2 of 2 rows have an image'


def test_sessions_and_phenotypes_of_a_bids_folder_are_offered(tmp_path, capsys, monkeypatch):
    """With columns, values and what must be said for them to be read, all in comments."""
    monkeypatch.chdir(tmp_path)
    people = [f"sub-{number:02d}" for number in range(1, 13)]
    rows = "".join(f"{name}\t{20 + place}\n" for place, name in enumerate(people))
    write_text(tmp_path / "participants.tsv", f"participant_id\tage\n{rows}")
    rows = "".join(f"{name}\t{place % 2}\t1\n" for place, name in enumerate(people))
    write_text(tmp_path / "phenotype" / "scid.tsv", f"participant_id\tdiagnosis\tage\n{rows}")
    write_text(tmp_path / "phenotype" / "empty.tsv", "")
    for name in people:
        visits = "session_id\tscanner\nses-1\tA\nses-2\tB\n"
        write_text(tmp_path / name / f"{name}_sessions.tsv", visits)
        for visit in ("ses-1", "ses-2"):
            write_text(tmp_path / name / visit / "anat" / f"{name}_{visit}_T1w.nii.gz", "")

    assert 0 == main(["init", "--from", "participants.tsv"])
    assert (
        'phenotype/ holds 2 tables that can be joined: "empty", "scid"' in capsys.readouterr().out
    )
    path = tmp_path / "participants.toml"
    text = path.read_text(encoding="utf-8")
    for line in (
        '# 12 of 12 people were scanned in several sessions ("1" 12, "2" 12).',
        '# session = "first"',
        '# phenotype = ["scid"]',
        '#   "diagnosis" of phenotype/scid: "0" 6, "1" 6',
        '#   "age_in_scid" of phenotype/scid: "1" 12',
        '#   "scanner" of sessions: "A" 12, "B" 12',
        '# with phenotype = ["scid"] in [cohort]:',
    ):
        assert line in text.splitlines()
    assert "phenotype/empty cannot be read" in text
    assert {"use": "bids", "root": "."} == tomllib.loads(text)["cohort"]


def test_hostile_names_stay_in_their_comments(study):
    """Line ends, quotes and control characters of a table make no line of the recipe."""
    table = 'id,"a\nuse = ""x"" \x1b[2J"\n' + "".join(f'{n},"v\n[x]{n % 2}"\n' for n in range(1, 9))
    (study / "odd.csv").write_text(table)

    text = propose_recipe(study / "odd.csv", study / "T1", sheet=None, home=study).text

    assert tomllib.loads(text)["target"] == {}
    assert "\x1b" not in text


def test_a_folder_without_images_is_refused(study):
    """Nothing could be said of ids."""
    (study / "empty").mkdir()
    with pytest.raises(DataError, match="no images"):
        propose_recipe(study / "people.csv", study / "empty", sheet=None, home=study)


def test_ages_in_names_of_images_are_no_ids(tmp_path):
    """Where the true ids are in no name, numbers that are is all they are: the user states it."""
    rows = "".join(f"P{n:03d},{20 + n % 9}\n" for n in range(30))
    (tmp_path / "people.csv").write_text(f"code,age\n{rows}")
    (tmp_path / "T1").mkdir()
    for age in range(20, 29):
        (tmp_path / "T1" / f"sub-{age}_T1w.nii.gz").touch()

    told = propose_recipe(tmp_path / "people.csv", tmp_path / "T1", sheet=None, home=tmp_path)

    assert "subject" not in tomllib.loads(told.text)["cohort"]
    assert '# subject = "age"' in told.text
    assert "subject, the column of the id" in told.to_state
