"""Cohort loader: a simulated study with known effects, written to disk as real files."""

from __future__ import annotations

import hashlib
import json
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import attrs
import pandas as pd

from brainplug.api.hooks import hookimpl
from brainplug.api.records import EXCLUSION_COLUMNS, CohortTable, JoinReport
from brainplug.api.roles import CohortLoader, Part, Prepares
from brainplug.errors import DataError
from brainplug.toolkit import storage
from brainplug_plugins.simulation.design import CODES, SimulatedOptions
from brainplug_plugins.simulation.people import Person, draw_person

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from brainplug_plugins.simulation.anatomy import Anatomy

TABLE_COLUMNS = ("participant_id", "sex", "age", "BMI_sds", "family_id", "site")


class Simulated:
    """Made-up people whose scans are deformations of the MNI152 template with known effects."""

    abilities = (Prepares,)

    def __init__(self, options: SimulatedOptions) -> None:
        """Settle the folder; nothing is written before `prepare`."""
        self.options = options
        # The options are in the name, so studies of other options do not meet in the cache.
        self.folder = options.folder or storage.cache_folder() / "simulated" / _fingerprint(options)

    def load(self) -> CohortTable:
        """Draw the table; it is the same before and after its files are written."""
        self._check_folder()
        people = self._people()
        images = [self._image(person) for person in people]
        table = _table(people)
        scans = pd.DataFrame(
            {
                "subject": table["participant_id"],
                "session": pd.Series(pd.NA, index=table.index, dtype="str"),
                "image": pd.Series([str(image) for image in images], dtype="str"),
                "family": table["family_id"],
                "site": table["site"],
                "sex": table["sex"],
                "age": table["age"],
                "BMI_sds": table["BMI_sds"],
            }
        )
        count = len(people)
        pending = not all(image.is_file() for image in images)
        if pending:
            _check_template()
        return CohortTable(
            study=self.options.study,
            scans=scans,
            exclusions=pd.DataFrame(columns=list(EXCLUSION_COLUMNS), dtype="str"),
            rows_read=count,
            join=JoinReport(rows=count, images=count, matched=count),
            codes=CODES,
            images_pending=pending,
            notes=(self._note(count),),
            simulated=True,
        )

    def _note(self, count: int) -> str:
        return (
            f"these {count} people are simulated; {self.folder / 'truth.json'} states what was "
            "put into their scans and what an ideal reader could reach"
        )

    def sources(self) -> tuple[Path, ...]:
        """Name no file: the table follows from the options alone."""
        return ()

    def prepare(self, report: Callable[[int, int], None]) -> None:
        """Write the table, `truth.json` and every scan that is missing."""
        from brainplug_plugins.simulation.anatomy import make_anatomy

        self._check_folder()
        people = self._people()
        self._write_texts(people)
        todo = [person for person in people if not self._image(person).is_file()]
        done = len(people) - len(todo)
        report(done, len(people))
        if not todo:
            return
        _check_template()
        shared = Shared(
            options=self.options,
            folder=self.folder,
            anatomy=make_anatomy(self.options.resolution_mm),
        )
        # Numbers go to the processes, where each person is drawn again from the seed.
        numbers = [person.number for person in todo]
        for extra, _ in enumerate(storage.in_processes(_write_scan, shared, numbers), 1):
            report(done + extra, len(people))

    def _people(self) -> list[Person]:
        return [draw_person(self.options, number) for number in range(self.options.subjects)]

    def _image(self, person: Person) -> Path:
        return image_path(self.folder, person)

    def _write_texts(self, people: list[Person]) -> None:
        """Write what describes the study, the options first: they claim the folder."""
        from brainplug_plugins.simulation.truth import describe

        storage.write_json(self.folder / "truth.json", describe(self.options))
        storage.write_json(
            self.folder / "dataset_description.json",
            {
                "Name": self.options.study,
                "BIDSVersion": "1.9.0",
                "DatasetType": "raw",
                # So that it is called simulated too where it is read as a table or as BIDS.
                "Simulated": True,
            },
        )
        levels = {"sex": {"Levels": CODES["sex"]}, "age": {"Units": "years"}}
        storage.write_json(self.folder / "participants.json", levels)
        text = _table(people).to_csv(sep="\t", index=False, na_rep="n/a", lineterminator="\n")
        storage.write_text(self.folder / "participants.tsv", text)

    def _check_folder(self) -> None:
        """Refuse a folder that holds a study made with other options."""
        path = self.folder / "truth.json"
        if not path.is_file():
            return
        found, wanted = storage.read_json(path), _stated(self.options)
        there = {"generator": found.get("generator"), **found.get("options", {})}
        differing = [key for key in wanted if there.get(key) != wanted[key]]
        if differing:
            raise DataError(
                f"one that differs in {', '.join(differing)}",
                where=self.folder,
                expected="a study simulated with the recipe's options",
                found=tuple(differing),
                hint="name another folder or delete this one",
            )


def _check_template() -> None:
    """Ask for the package that brings the brain which simulated scans are deformations of.

    Raises:
        DataError: it is not installed.
    """
    if find_spec("nilearn") is None:
        raise DataError(
            "it is not installed",
            where="cohort 'simulated'",
            expected="the package nilearn, for its MNI152 template",
            hint="pip install 'brainplug[demo]', or name a folder that was simulated before",
        )


@attrs.frozen(kw_only=True, eq=False)
class Shared:
    """What every process that writes scans needs."""

    options: SimulatedOptions
    folder: Path
    anatomy: Anatomy


@hookimpl
def brainplug_cohorts() -> Iterable[Part[CohortLoader]]:
    """Offer `simulated`."""
    yield Part("simulated", SimulatedOptions, Simulated)


def image_path(folder: Path, person: Person) -> Path:
    """Return where a person's scan is written."""
    return (folder / person.subject / "anat" / f"{person.subject}_T1w.nii.gz").absolute()


def _write_scan(shared: Shared, number: int) -> None:
    """Make one person's scan and write it, broken if the design says so."""
    from brainplug_plugins.simulation.anatomy import make_image
    from brainplug_plugins.simulation.storage import encode

    person = draw_person(shared.options, number)
    voxels, affine = make_image(shared.anatomy, shared.options, person)
    with storage.replacing(image_path(shared.folder, person)) as temporary:
        temporary.write_bytes(encode(voxels, affine, fault=person.fault))


def _table(people: list[Person]) -> pd.DataFrame:
    rows = [_row(person) for person in people]
    return pd.DataFrame(rows, columns=list(TABLE_COLUMNS), dtype="str")


def _row(person: Person) -> tuple[Any, ...]:
    values = {"sex": person.sex, "age": f"{person.age:.1f}", "BMI_sds": f"{person.bmi:.2f}"}
    shown = [pd.NA if column in person.hidden else value for column, value in values.items()]
    return (person.subject, *shown, f"fam-{person.family + 1:04d}", f"site-{person.site + 1}")


def _stated(options: SimulatedOptions) -> dict[str, Any]:
    """Return what settles the content of the files: the options and the generator."""
    stated = options.stated()
    # Like the folder, a name moves no voxel.
    del stated["study"]
    return {"generator": options.version, **stated}


def _fingerprint(options: SimulatedOptions) -> str:
    text = json.dumps(_stated(options), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
