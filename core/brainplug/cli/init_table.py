"""A recipe proposed from a table of one's own: what is found is told, what codes mean is asked."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from brainplug.cli.init_bids import Side, bids_lines, offer_sides, read_sides, tell_sides
from brainplug.cli.init_images import find_columns
from brainplug.cli.init_text import MOST_CODES, describe, is_number, note, place, quote, write
from brainplug.errors import DataError
from brainplug.recipe.shipped import shipped_recipes
from brainplug.runtime.homes import expanded
from brainplug.toolkit.codes import count_values, has_decimal_comma, key_in_toml
from brainplug.toolkit.image_matching import find_images
from brainplug.toolkit.image_names import without_extension
from brainplug.toolkit.tables import SESSION_NAMES, SUBJECT_NAMES, find_named, read_table
from brainplug.toolkit.wide import unread_columns

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pandas as pd

    from brainplug.cli.init_images import Found

BEGUN_FROM = "small-study"
"""Shipped recipe whose other tables are taken as they are."""

MOST_COLUMNS = 80
"""Columns that are told one by one."""

MOST_CHOICES = 12
"""Columns that are written out as targets."""

BIDS_TABLE, BIDS_ID = "participants.tsv", "participant_id"
NOT_SCANS = ("derivatives", "sourcedata", "code")


@attrs.frozen(kw_only=True)
class Proposal:
    """A recipe, and what its author is told of it.

    Attributes:
        text: of the recipe.
        facts: lines: what was found.
        to_state: what the author has still to say.
    """

    text: str
    facts: tuple[str, ...]
    to_state: tuple[str, ...]


@attrs.frozen(kw_only=True)
class Study:
    """What was read of a study.

    Attributes:
        path: of the table.
        table: its rows, as text.
        folder: of the images.
        images: paths in it.
        found: columns whose values stand in them, the likeliest first.
        bids: whether it is read by `bids`, else by `table`.
        sheet: of a workbook.
        home: folder of the recipe.
        sides: tables beside that of a BIDS folder.
    """

    path: Path
    table: pd.DataFrame
    folder: Path
    images: tuple[str, ...]
    found: tuple[Found, ...]
    bids: bool
    sheet: str | None
    home: Path
    sides: tuple[Side, ...] = ()

    @property
    def columns(self) -> dict[str, tuple[pd.Series, str]]:
        """Values of every column, and what `[cohort]` must say for them to be read."""
        own = {str(name): (self.table[name], "") for name in self.table.columns}
        more = {
            name: (values, side.needs)
            for side in self.sides
            for name, values in side.columns.items()
        }
        return own | more

    @property
    def subject(self) -> Found | None:
        """The column that holds the id, where one is likelier than all others and looks like one.

        Numbers such as ages stand in the names of images, too, where the true ids do not.
        """
        first = self.found[:2]
        tied = len(first) > 1 and first[0].people == first[1].people
        if tied or not first:
            return None
        values = self.table[first[0].column].dropna()
        most = 2 * first[0].people >= values.nunique()
        named = bool(find_named([first[0].column], SUBJECT_NAMES))
        own = values.is_unique or not all(is_number(each) for each in values.unique())
        return first[0] if most and (named or own) else None


def propose_recipe(table: Path, images: Path | None, *, sheet: str | None, home: Path) -> Proposal:
    """Propose a recipe.

    Args:
        table: of the people, or of their visits.
        images: folder of their images; None for that of a BIDS table.
        sheet: of a workbook of which several hold data.
        home: folder of the recipe, where its relative paths begin.

    Raises:
        DataError: the table or the folder is not there, is empty, or cannot be read.
    """
    study = read_study(expanded(table), images, sheet=sheet, home=home)
    choices = list(list_choices(study))
    lines = [*head(study), *cohort_lines(study), *target_lines(study, choices)]
    rest = shipped_recipes()[BEGUN_FROM].read_text(encoding="utf-8")
    text = "\n".join(lines) + "\n\n" + rest[rest.index("[split]") :]
    to_state = () if study.subject or study.bids else ("subject, the column of the id",)
    return Proposal(
        text=text,
        facts=(*told_ids(study), *tell_sides(study.sides), tell_choices(choices)),
        to_state=(*to_state, "[target], what is to be read, and the words of its codes"),
    )


def read_study(path: Path, images: Path | None, *, sheet: str | None, home: Path) -> Study:
    """Read the table, and find the ids among the images."""
    table = read_table(path, sheet=sheet)
    in_bids = path.name == BIDS_TABLE and any(path.parent.glob("sub-*/"))
    if images is None and not in_bids:
        raise DataError(
            where="--images",
            expected="the folder of the images; only participants.tsv in a BIDS folder has it",
            hint="write --images DIR",
        )
    folder = path.parent if images is None else expanded(images)
    bids = in_bids and BIDS_ID in table.columns
    names = find_images(folder, skip=NOT_SCANS if bids else ())
    if not names:
        raise DataError("no images", where=folder, expected="images, such as NIfTI or MGH files")
    scans = [each for each in names if without_extension(each).endswith("_T1w")] if bids else []
    known = table[[BIDS_ID]] if bids else table
    return Study(
        path=path,
        table=table,
        folder=folder,
        images=tuple(scans or names),
        found=tuple(find_columns(known, scans or names)),
        bids=bids,
        sheet=sheet,
        home=home,
        sides=read_sides(path, table) if bids else (),
    )


def head(study: Study) -> Iterator[str]:
    """Say what the recipe is."""
    yield f"# Begun from {note(study.path.name)}: what is marked STATE is still to be said."
    yield "# Take away the # before the lines that you mean. Nothing is guessed of what codes mean."
    yield "seed = 1234"
    yield ""


def cohort_lines(study: Study) -> Iterator[str]:
    """Write `[cohort]`, with the columns and their values as comments."""
    yield "[cohort]"
    if study.bids:
        told, root = told_ids(study), study.path.parent
        yield from bids_lines(root, study.folder, study.images, home=study.home, told=told)
    else:
        yield from declared_lines(study)
    names = list(study.table.columns)
    unread = unread_columns()
    yield "#"
    yield f"# The columns of {note(study.path.name)}, with values and their numbers of rows:"
    for name in names[:MOST_COLUMNS]:
        yield f"#   {quote(name)}: {describe(study.table[name])}"
    more = len(names) - MOST_COLUMNS + len(unread) if len(names) > MOST_COLUMNS else len(unread)
    if more > 0:
        yield f"#   and {more} more, which are not told here"
    yield from offer_sides(study.sides)
    yield ""


def declared_lines(study: Study) -> Iterator[str]:
    """Write how `table` reads the study, as far as that was found."""
    yield write("use", "table")
    yield write("table", place(study.path, study.home))
    if study.sheet is not None:
        yield write("sheet", study.sheet)
    yield write("images", place(study.folder, study.home))
    for line in told_ids(study):
        yield f"# {line}"
    subject = study.subject
    if subject:
        yield write("pattern", subject.pattern)
        yield write("subject", subject.column)
    else:
        yield "# STATE the column that holds the id, and where images lie:"
        yield from unsure_ids(study)
    yield from visit_lines(study)
    commas = [name for name in study.table.columns if has_commas(study.table[name])]
    if commas:
        told = ", ".join(quote(name) for name in commas[:5])
        yield f"{write('decimal', ',')}   # as the numbers of {told} are written"
    yield '# family = "…"   # a column that relatives have in common, if there is one'
    yield '# site = "…"     # a column of sites or scanners, if there is one'


def unsure_ids(study: Study) -> Iterator[str]:
    """Write the columns that may be the id as choices."""
    for each in study.found[:4]:
        yield f"# {write('pattern', each.pattern)}"
        yield f"# {write('subject', each.column)}"
    if not study.found:
        yield f"# images are such as {', '.join(note(each) for each in study.images[:3])}"
        names = find_named(study.table.columns, SUBJECT_NAMES) or list(study.table.columns)
        yield '# pattern = "{subject}.nii.gz"'
        yield f"# {write('subject', names[0])}"


def visit_lines(study: Study) -> Iterator[str]:
    """Offer a column of visits, where people have several rows or several images."""
    subject = study.subject
    if subject is None:
        return
    ids = study.table[subject.column].dropna()
    if ids.duplicated().any():
        yield f"# {ids[ids.duplicated()].nunique()} of {ids.nunique()} people have several rows:"
        for name in find_named(study.table.columns, SESSION_NAMES)[:3] or ["…"]:
            yield f"# {write('session', name)}   # STATE the column of the visit, if this is it"
        yield '# keep_session = "first"'
    if subject.images > subject.people:
        yield f"# {subject.images} images of {subject.people} people: make pattern narrower, or"
        yield '# several = "first"'


def told_ids(study: Study) -> tuple[str, ...]:
    """Say which columns could be the id."""
    told = [
        f"{quote(each.column)} could be the id: {each.rows} of {each.of} rows have an image"
        for each in study.found[:4]
    ]
    total = len(study.images)
    none = f"no column's values stand in the names of the {total} images of {note(study.folder)}"
    return tuple(told) or (none,)


def target_lines(study: Study, choices: Sequence[str]) -> Iterator[str]:
    """Write `[target]`, with the columns that it could be as choices."""
    yield "[target]"
    yield "# STATE what is to be read: take away the # before the lines of one choice."
    shown = choices[:MOST_CHOICES]
    for name in shown:
        yield "#"
        yield from choice(*study.columns[name], name)
    if not shown:
        yield "#"
        yield '# use = "categorical"'
        yield '# column = "…"'
    if len(choices) > len(shown):
        yield "#"
        told = ", ".join(quote(name) for name in choices[len(shown) : len(shown) + 20])
        yield f"# {len(choices) - len(shown)} more could be it, such as {told}"


def list_choices(study: Study) -> Iterator[str]:
    """Give the columns that could be a target: of a few classes, or of numbers."""
    ids = {BIDS_ID} if study.bids else {study.subject.column} if study.subject else set()
    for name, (column, _) in study.columns.items():
        values = column.dropna()
        counts = count_values(values)
        classes = 1 < len(counts) <= MOST_CODES and min(counts.values()) > 1
        numbers = len(counts) > MOST_CODES and all(is_number(each) for each in counts)
        if name not in ids and (classes or numbers):
            yield name


def tell_choices(choices: Sequence[str]) -> str:
    """Say how many columns could be the target.

    >>> tell_choices(["sex"])
    '1 column could be the target: "sex"'
    """
    count = len(choices)
    told = ", ".join(map(quote, choices[:MOST_CHOICES]))
    more = f" and {count - MOST_CHOICES} more" if count > MOST_CHOICES else ""
    few = f"{count or 'no'} column{'s' if count > 1 else ''} could be the target"
    return f"{few}: {told}{more}" if choices else few


def choice(values: pd.Series, needs: str, name: str) -> Iterator[str]:
    """Write a column as a target, all of it as comments."""
    counts = count_values(values.dropna())
    if needs:
        yield f"# with {needs} in [cohort]:"
    if len(counts) > MOST_CODES:
        yield '# use = "numerical"'
        yield f"# {write('column', name)}   # {describe(values)}"
        yield '# unit = "…"'
        return
    yield '# use = "categorical"'
    yield f"# {write('column', name)}"
    words = ", ".join(f'{key_in_toml(code)} = "…"' for code in sorted(counts))
    coded = any(is_number(code) for code in counts)
    why = "STATE what each code means" if coded else "in words of your own, or leave this line out"
    yield f"# labels = {{ {words} }}   # {why}: {describe(values)}"


def has_commas(values: pd.Series) -> bool:
    """Tell whether a column is of numbers some of which have decimal commas."""
    counts = count_values(values.dropna())
    return any(map(has_decimal_comma, counts)) and all(map(is_number, counts))
