"""The loader `bids`: participants, sessions, phenotypes and levels, raw and derivative."""

from __future__ import annotations

import json
from pathlib import Path

import attrs
import pandas as pd
import pytest

from brainplug.errors import DataError
from brainplug.recipe.strict import strict_converter
from brainplug_plugins.cohorts.bids import Bids, BidsOptions
from brainplug_plugins.heads.categorical import Categorical, CategoricalOptions

TWO = "participant_id\tsex\nsub-01\tM\nsub-02\tF\n"


def touch(folder: Path, *names: str) -> None:
    """Write empty scans; a name without a folder goes where BIDS has it."""
    for name in names:
        parts = [part for part in name.split("_") if part.startswith(("sub-", "ses-"))]
        path = folder / name if "/" in name else folder.joinpath(*parts, "anat", f"{name}.nii.gz")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def write_study(root: Path, text: str, *names: str, **options) -> BidsOptions:
    touch(root, *names)
    root.mkdir(exist_ok=True)
    (root / "participants.tsv").write_bytes(text.encode())
    return BidsOptions(root=root, **options)


def write_beside(options: BidsOptions, name: str, text: str) -> None:
    path = options.root / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)


def load(options: BidsOptions):
    table = Bids(options).load()
    assert table.rows_read == len(table.scans) + len(table.exclusions)
    return table


def visits_of(table) -> list[tuple[str, str]]:
    pairs = table.scans[["subject", "session"]].fillna("")
    return list(pairs.itertuples(index=False, name=None))


def names_of(table) -> list[str]:
    return [Path(image).name for image in table.scans["image"]]


@pytest.mark.parametrize("written", ["sub-007", "007", "7", "7.0", "sub-7", "SUB-007"])
def test_ids_are_found_with_and_without_prefix_and_padding(tmp_path, written):
    """Tables write ids in every way; the file has one (D21)."""
    options = write_study(tmp_path / "ds", f"participant_id\tsex\n{written}\tM\n", "sub-007_T1w")

    assert [written.removesuffix(".0")] == load(options).scans["subject"].tolist()


def test_windows_line_ends_spaces_in_names_and_empty_cells(tmp_path):
    """CRLF, ` sex`, `n/a` and a missing last line end are read."""
    text = "participant_id\t sex\tage \r\nsub-01\tM\tn/a\r\nsub-02\t N/A \t9"
    options = write_study(tmp_path / "ds", text, "sub-01_T1w", "sub-02_T1w")

    scans = load(options).scans

    assert ["M", "none"] == scans["sex"].fillna("none").tolist()
    assert ["none", "9"] == scans["age"].fillna("none").tolist()


def test_every_row_is_a_scan_or_an_exclusion(tmp_path):
    """A row without an id or a scan is told, and so are scans without a row."""
    text = "participant_id\tsex\nsub-01\tM\nn/a\tF\nsub-03\tF\n"
    options = write_study(tmp_path / "ds", text, "sub-01_T1w", "sub-09_T1w")

    table = load(options)

    assert ["no subject id", "no image"] == table.exclusions["reason"].tolist()
    assert ("sub-03",) == table.join.rows_without_image
    assert ["sub-09_T1w.nii.gz"] == [Path(name).name for name in table.join.images_without_row]


def test_sessions_of_the_scans_are_rows_of_one_subject(tmp_path):
    """A row a person becomes a row a visit, which the notes tell (D16)."""
    names = ("sub-01_ses-a_T1w", "sub-01_ses-b_T1w", "sub-02_ses-a_T1w")
    table = load(write_study(tmp_path / "ds", TWO, *names))

    assert [("sub-01", "a"), ("sub-01", "b"), ("sub-02", "a")] == visits_of(table)
    assert ("participants.tsv: 2 rows became 3 visits by their sessions",) == table.notes


@pytest.mark.parametrize(
    ("session", "expected"), [("first", ["2", "10"]), ("ses-010", ["10", "10"])]
)
def test_one_session_of_each_is_kept(tmp_path, session, expected):
    """The others are exclusions; `first` goes by the natural order (D16)."""
    names = ("sub-01_ses-2_T1w", "sub-01_ses-10_T1w", "sub-02_ses-10_T1w")
    table = load(write_study(tmp_path / "ds", TWO, *names, session=session))

    assert expected == table.scans["session"].tolist()
    assert ["another session"] == table.exclusions["reason"].tolist()


def test_rows_that_are_visits_take_the_scan_of_their_session(tmp_path):
    """participants.tsv with session_id has a row a visit, each with its own values."""
    text = "participant_id\tsession_id\tage\nsub-01\tses-2\t9\nsub-01\tses-1\t8\nsub-02\tses-1\t7\n"
    names = ("sub-01_ses-1_T1w", "sub-01_ses-2_T1w")
    table = load(write_study(tmp_path / "ds", text, *names))

    assert {"8": "sub-01_ses-1_T1w.nii.gz", "9": "sub-01_ses-2_T1w.nii.gz"} == dict(
        zip(table.scans["age"], names_of(table), strict=True)
    )
    assert ["no image"] == table.exclusions["reason"].tolist()


def test_repeated_ids_beside_a_column_of_visits_are_refused(tmp_path):
    """Visits under another name than session_id do not vanish as copies (D16)."""
    text = "participant_id\tvisit\nsub-01\t1\nsub-01\t2\n"
    options = write_study(tmp_path / "ds", text, "sub-01_T1w")

    with pytest.raises(DataError) as caught:
        Bids(options).load()

    assert 1 == len(caught.value.found)
    assert caught.value.hint.startswith("if 'visit' does")


def test_copies_of_a_row_are_left_to_the_cohort_stage(tmp_path):
    """Each goes on, so that all are counted as standing twice."""
    options = write_study(tmp_path / "ds", TWO + "sub-01\tM\n", "sub-01_T1w", "sub-02_T1w")

    assert ["sub-01", "sub-02", "sub-01"] == load(options).scans["subject"].tolist()


def test_several_scans_of_a_visit_say_how_they_differ(tmp_path):
    """The message names the entities and what to write."""
    names = ("sub-01_acq-a_run-1_T1w", "sub-01_acq-a_run-2_T1w", "sub-02_acq-a_run-1_T1w")
    options = write_study(tmp_path / "ds", TWO, *names)

    with pytest.raises(DataError) as caught:
        Bids(options).load()

    assert str(caught.value).endswith(
        "they differ in run ('1', '2'); choose with select = { run = '1' }, or "
        'set several = "first" in [cohort]'
    )


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"select": {"run": "02"}}, ["sub-01_run-2_T1w.nii.gz"]),
        ({"several": "first"}, ["sub-01_run-2_T1w.nii.gz", "sub-02_run-10_T1w.nii.gz"]),
        ({"several": "last"}, ["sub-01_run-10_T1w.nii.gz", "sub-02_run-10_T1w.nii.gz"]),
    ],
)
def test_a_declared_rule_chooses_among_scans(tmp_path, change, expected):
    """By entity, whatever its padding, or by the natural order of names."""
    names = ("sub-01_run-10_T1w", "sub-01_run-2_T1w", "sub-02_run-10_T1w")
    options = attrs.evolve(write_study(tmp_path / "ds", TWO, *names), **change)

    assert expected == names_of(load(options))


def test_scans_of_derivatives_and_sourcedata_are_not_those_of_the_study(tmp_path):
    """The raw study has one scan, however many derivatives lie in it."""
    copies = ("derivatives/x/sub-01/anat/sub-01_T1w.nii.gz", "sourcedata/sub-02/sub-02_T1w.nii.gz")
    options = write_study(tmp_path / "ds", TWO, "sub-01_T1w", "sub-02_T1w", *copies)

    assert ["sub-01", "sub-02"] == [Path(image).parts[-3] for image in load(options).scans["image"]]


DERIVED = tuple(
    f"derivatives/prep/sub-{number}/anat/sub-{number}{space}_desc-{kind}.nii.gz"
    for number in ("01", "02")
    for space in ("", "_space-MNI")
    for kind in ("preproc_T1w", "brain_mask")
)


@pytest.mark.parametrize(("space", "infix"), [("", ""), ("MNI", "_space-MNI")])
def test_a_derivative_beside_the_raw_table(tmp_path, space, infix):
    """`select` chooses the space; empty text is the scan without that entity."""
    options = write_study(tmp_path / "ds", TWO, "sub-01_T1w", "sub-02_T1w", *DERIVED)
    options = attrs.evolve(
        options, derivative=options.root / "derivatives" / "prep", select={"space": space}
    )

    expected = [f"sub-{number}{infix}_desc-preproc_T1w.nii.gz" for number in ("01", "02")]
    assert expected == names_of(load(options))


def test_a_derivative_alone_points_to_the_table_of_its_raw_study(tmp_path):
    """Without participants.tsv the message names the one above; named, it works."""
    raw = write_study(tmp_path / "ds", TWO, *DERIVED).root
    options = BidsOptions(root=raw / "derivatives" / "prep", select={"space": "MNI"})

    with pytest.raises(DataError) as caught:
        Bids(options).load()

    assert (options.root / "participants.tsv",) == caught.value.where
    assert f"there is one at {raw / 'participants.tsv'}" in caught.value.hint

    named = attrs.evolve(options, participants=raw / "participants.tsv")
    assert [("sub-01", ""), ("sub-02", "")] == visits_of(load(named))


def test_a_selection_that_nothing_fits_shows_what_there_is(tmp_path):
    """The message shows suffixes and entities, so that the recipe can be put right."""
    names = ("sub-01_acq-a_T1w", "sub-02_acq-b_T1w", "sub-02_T2w")
    options = write_study(tmp_path / "ds", TWO, *names, select={"acq": "c"})

    with pytest.raises(DataError) as caught:
        Bids(options).load()

    assert (
        "with select = {'acq': 'c'}, found none among 3 images; their suffixes are T1w, T2w; T1w "
        "has the entities acq-a, acq-b; set suffix or select in [cohort]" in str(caught.value)
    )


def test_a_table_without_participant_id_shows_its_columns(tmp_path):
    """The id is not guessed; the likely column is named."""
    options = write_study(tmp_path / "ds", "Subject\tsex\nsub-01\tM\n", "sub-01_T1w")

    with pytest.raises(DataError) as caught:
        Bids(options).load()

    assert ("Subject", "sex") == caught.value.found
    assert caught.value.hint.startswith("'Subject' may be meant")


LONG = ("sub-01_ses-1_T1w", "sub-01_ses-2_T1w", "sub-02_ses-1_T1w")


def test_sessions_tables_of_each_subject_join_on_the_visit(tmp_path):
    """Age at the visit goes to the scan of that visit; a visit without a scan is told."""
    options = write_study(tmp_path / "ds", TWO, *LONG)
    write_beside(
        options, "sub-01/sub-01_sessions.tsv", "session_id\tage\nses-2\t11\nses-1\t9\nses-3\t13\n"
    )
    write_beside(options, "sub-02/sub-02_sessions.tsv", "session_id\tage\nses-1\t8\n")

    table = load(options)

    assert [("sub-01", "1"), ("sub-01", "2"), ("sub-02", "1")] == visits_of(table)
    assert ["9", "11", "8"] == table.scans["age"].tolist()
    assert [("sub-01", "3", "no image in this session")] == list(
        table.exclusions[["subject", "session", "reason"]].itertuples(index=False, name=None)
    )


def test_one_sessions_table_at_the_root(tmp_path):
    """The whole study in one file, and its levels beside it."""
    options = write_study(tmp_path / "ds", TWO, *LONG)
    write_beside(
        options, "sessions.tsv", "participant_id\tsession_id\tstate\n01\t1\t0\n01\t2\t1\n02\t1\t1\n"
    )
    write_beside(
        options, "sessions.json", json.dumps({"state": {"Levels": {"0": "awake", "1": "asleep"}}})
    )

    table = load(options)

    assert ["0", "1", "1"] == table.scans["state"].tolist()
    assert {"state": {"0": "awake", "1": "asleep"}} == table.codes


def test_phenotype_tables_are_joined_where_the_recipe_says(tmp_path):
    """By default a note tells of them; `true` or names join them, on the session where told."""
    options = write_study(tmp_path / "ds", TWO, *LONG)
    write_beside(options, "phenotype/bdi.tsv", "participant_id\tbdi\nsub-02\t5\n")
    write_beside(
        options,
        "phenotype/iq.tsv",
        "participant_id\tsession_id\tiq\nsub-01\tses-1\t90\nsub-01\tses-2\t110\n",
    )

    without = load(options)
    everything = load(attrs.evolve(options, phenotype=True)).scans
    one = load(attrs.evolve(options, phenotype=("iq",))).scans

    assert "phenotype holds bdi, iq; set phenotype = true" in without.notes[-1]
    assert ["", "", "5"] == everything["bdi"].fillna("").tolist()
    assert ["90", "110", ""] == everything["iq"].fillna("").tolist()
    assert "bdi" not in one.columns


def test_a_phenotype_table_that_is_not_there_is_an_error(tmp_path):
    """The message lists those there are."""
    options = write_study(tmp_path / "ds", TWO, "sub-01_T1w", phenotype=("bid",))
    write_beside(options, "phenotype/bdi.tsv", "participant_id\tbdi\nsub-02\t5\n")

    with pytest.raises(DataError) as caught:
        Bids(options).load()

    assert caught.value.expected.startswith("'bid', ")
    assert ("bdi",) == caught.value.found


def test_columns_of_one_name_in_several_tables_are_told_apart(tmp_path):
    """The table's own `sex` stays; levels follow the column that they describe."""
    options = write_study(tmp_path / "ds", TWO, "sub-01_T1w", "sub-02_T1w", phenotype=True)
    write_beside(options, "phenotype/form.tsv", "participant_id\tsex\n01\t1\n02\t2\n")
    write_beside(
        options,
        "phenotype/form.json",
        json.dumps({"sex": {"Levels": {"1": "male", "2": "female"}}}),
    )

    table = load(options)

    assert ["M", "F"] == table.scans["sex"].tolist()
    assert ["1", "2"] == table.scans["sex_in_form"].tolist()
    assert {"sex_in_form": {"1": "male", "2": "female"}} == table.codes


@pytest.mark.parametrize(
    "levels",
    [
        {"M": "male", "F": "female"},
        {"M": {"Description": "male"}, "F": {"Description": "female", "TermURL": "x"}},
    ],
)
def test_levels_are_read_in_both_forms(tmp_path, levels):
    """Old and new JSON name the classes (D22)."""
    options = write_study(tmp_path / "ds", TWO, "sub-01_T1w", "sub-02_T1w")
    write_beside(
        options,
        "participants.json",
        "\ufeff" + json.dumps({"sex": {"Levels": levels}, "eye": {"Levels": {"1": "blue"}}}),
    )

    table = load(options)
    found = Categorical(CategoricalOptions(column="sex")).read(
        table.scans["sex"], codes=table.codes["sex"], missing=table.missing
    )

    assert {"sex"} == table.codes.keys()
    assert ["male", "female"] == found.values.tolist()  # noqa: PD011


@pytest.mark.parametrize(
    "facts",
    ['["sex"]', '{"sex": {"Levels": ["M", "F"]}}', '{"sex": {"Levels": {"1": {}, "2": "f"}}}'],
)
def test_levels_without_words_are_not_guessed(tmp_path, facts):
    """A list of codes, or a code without words, declares nothing (D13)."""
    options = write_study(tmp_path / "ds", TWO, "sub-01_T1w", "sub-02_T1w")
    write_beside(options, "participants.json", facts)

    assert {} == load(options).codes


def test_a_broken_json_is_a_note_and_codes_stay_unknown(tmp_path):
    """Words can still be read; numeric codes are refused by the head (D13)."""
    text = "participant_id\tsex\tgroup\nsub-01\t1\tcase\nsub-02\t2\tcontrol\n"
    options = write_study(tmp_path / "ds", text, "sub-01_T1w", "sub-02_T1w")
    write_beside(options, "participants.json", '{"sex": {"Levels": {"1": "male",}}')

    table = load(options)

    assert 1 == len(table.notes)
    assert "participants.json: expected JSON: " in table.notes[0]
    with pytest.raises(DataError) as caught:
        Categorical(CategoricalOptions(column="sex")).read(
            table.scans["sex"], codes={}, missing=table.missing
        )

    assert ("target column 'sex'",) == caught.value.where
    assert "write labels" in caught.value.hint


def test_columns_of_the_study_are_all_kept(tmp_path):
    """Names that the loader uses itself are no loss to the study."""
    text = "participant_id\tscanned\tsession\thas\nsub-01\tyes\tx\tno\n"
    scans = load(write_study(tmp_path / "ds", text, "sub-01_ses-1_T1w")).scans

    found = scans[["session", "participant_id", "scanned", "session_in_table", "has"]]
    assert [["1", "sub-01", "yes", "x", "no"]] == found.to_numpy().tolist()


def test_a_broken_study_does_not_lose_count(tmp_path):
    """Only rows without an id: nothing is left, and nothing is missing from the count."""
    table = load(write_study(tmp_path / "ds", "participant_id\tx\nn/a\t1\n", "sub-01_ses-1_T1w"))

    assert (1, 0, 0) == (table.rows_read, len(table.scans), table.join.rows)


def test_family_and_site_come_from_named_columns(tmp_path):
    """A column `site` is the site only where the recipe says so; a wrong name shows the others."""
    text = "participant_id\tfam\tsite\nsub-01\tf\tx\nsub-02\tf\ty\n"
    options = write_study(tmp_path / "ds", text, "sub-01_T1w", "sub-02_T1w", family="fam")

    scans = load(options).scans
    named = load(attrs.evolve(options, site="site")).scans

    assert ["f", "f"] == scans["family"].tolist()
    assert scans["site"].isna().all()
    assert ["x", "y"] == named["site"].tolist()
    with pytest.raises(DataError) as caught:
        Bids(attrs.evolve(options, family="famly")).load()

    assert "fam" in caught.value.found
    assert "did you mean 'fam'" in caught.value.hint


def test_the_study_is_named_after_its_folder(tmp_path):
    """Letters, digits and hyphens only, as file names need them."""
    assert "my-study" == load(write_study(tmp_path / "my study!", TWO, "sub-01_T1w")).study


def test_shuffled_rows_give_the_same_scans(tmp_path):
    """The order of rows leaves no trace (D19)."""
    options = write_study(tmp_path / "ds", TWO, *LONG)
    first = load(options).scans
    head, *rows = TWO.splitlines(keepends=True)
    write_beside(options, "participants.tsv", head + "".join(rows[::-1]))

    second = load(options).scans.sort_values(["subject", "session"], ignore_index=True)

    pd.testing.assert_frame_equal(first, second)


def test_phenotype_may_be_true_or_names_in_a_recipe(tmp_path):
    """TOML gives a boolean or an array."""
    converter = strict_converter(tmp_path)

    both = [
        converter.structure({"root": ".", "phenotype": value}, BidsOptions).phenotype
        for value in (True, ["bdi"])
    ]

    assert [True, ("bdi",)] == both


def test_sources_name_every_table(tmp_path):
    """A change of a table, of its levels or of the scans redoes the run; all named are there."""
    options = write_study(tmp_path / "ds", TWO, *LONG, phenotype=True)
    for name in ("sessions.tsv", "phenotype/bdi.tsv"):
        write_beside(options, name, "participant_id\tx\nsub-01\t1\n")
    write_beside(options, "participants.json", "{}")

    names = [path.relative_to(options.root).as_posix() for path in Bids(options).sources()]

    assert [
        "participants.tsv",
        "sessions.tsv",
        "phenotype/bdi.tsv",
        "participants.json",
        ".",
    ] == names


def test_what_bidsignore_names_is_passed_over(tmp_path):
    """A study says there which files are none of its own; a later line may take one back."""
    text = "participant_id\nsub-01\nsub-02\n"
    scans = ("sub-01_run-1_T1w", "sub-01_run-2_T1w", "sub-02_run-2_T1w", "extra/sub-02_T1w.nii.gz")
    options = write_study(tmp_path / "ds", text, *scans)
    ignore = options.root / ".bidsignore"
    ignore.write_text("# copies\n*_run-2_*\n!sub-02*_run-2_T1w.nii.gz\n/extra/\n")

    assert ["sub-01_run-1_T1w.nii.gz", "sub-02_run-2_T1w.nii.gz"] == names_of(load(options))
