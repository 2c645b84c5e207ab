"""A copy of a run's results that can be given away: `brainplug report RUN --pseudonymise DIR`."""

from __future__ import annotations

import secrets
import zlib
from typing import TYPE_CHECKING

import attrs

from brainplug.errors import RunError
from brainplug.run.output_folder import refuse_foreign_copy
from brainplug.runtime.files import read_json, replacing, write_json, write_text

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from brainplug.run.context import Workspace
    from brainplug.runtime.run_folder import RunFolder

KEY_BYTES = 32

NOTES = "README.txt"

README = """\
A copy of the results of a brainplug run that was made to be shared.

report.html       the page, with no single person on it
metrics.json      all scores; null where fewer than five people would be counted, or where a
                  count would tell another one that is hidden
predictions.csv   a line a person under a pseudonym; people of a class that fewer than five
                  have are left out, sites of few people are blank, and a true number is the
                  mean of five or more people alike, with the prediction moved along
summary.json      scores of each of several runs, where there are several

Pseudonyms are keyed hashes: only who has the key, which stays in the run folder, can tell
whose line is whose. Whether this may be shared is for your ethics and data use agreements
to say; brainplug cannot know them.
"""


def share_results(workspace: Workspace, to: Path) -> list[Path]:
    """Write a copy of a run's results without ids and without counts of few people.

    Args:
        workspace: of the run, or of several that one recipe stands for.
        to: folder of the copy; made if it is missing.

    Returns:
        The files that were written.

    Raises:
        RunError: the folder is the run's own or holds something else, or the run has no scores.
    """
    from brainplug.evaluation.predictions_table import write_predictions
    from brainplug.evaluation.shareable import hide_few, share_predictions

    files = workspace.files
    if to.resolve() == files.path.resolve():
        raise RunError(
            "the run folder itself", where=to, expected="another folder for what is shared"
        )
    own = (files.metrics, files.summary, files.predictions, files.report)
    refuse_foreign_copy(to, {NOTES, *(path.name for path in own)})
    lacking = [path for path in (files.metrics, files.predictions) if not path.is_file()]
    if lacking:
        raise RunError(
            "none",
            where=lacking[0],
            expected="the results of a finished run",
            hint="brainplug run, or brainplug evaluate where its training has ended, makes them",
        )
    written = []
    for path in (files.metrics, files.summary):
        if path.is_file():
            write_json(to / path.name, hide_few(read_json(path)))
            written.append(to / path.name)
    table = share_predictions(read_predictions(files.predictions), own_key(files))
    write_predictions(to / files.predictions.name, table)
    write_text(to / files.report.name, safe_page(workspace))
    write_text(to / NOTES, README)
    return [*written, *(to / name for name in (files.predictions.name, files.report.name))]


def read_predictions(path: Path) -> pd.DataFrame:
    """Read `predictions.csv` back; ids and labels are text, what is counted or measured numbers."""
    import pandas as pd

    texts = ("subject", "study", "site", "family", "split", "run", "failure")
    head = pd.read_csv(path, nrows=0, encoding="utf-8").columns
    # A label may well be called 1, and a subject NA.
    words = texts if "error" in head else (*texts, "truth", "prediction")
    kinds = {name: "str" for name in words if name in head}
    table = pd.read_csv(path, dtype=kinds, keep_default_na=False, na_values=[""], encoding="utf-8")
    return table.fillna({"failure": ""})


def own_key(files: RunFolder) -> bytes:
    """Return the secret of a run's pseudonyms; it is drawn once and stays in the run folder.

    That holds the ids themselves, so the key tells nobody more who can read it there.
    """
    if not files.pseudonyms.is_file():
        drawn = secrets.token_hex(KEY_BYTES)
        with replacing(files.pseudonyms, mode=0o600) as temporary:
            temporary.write_text(f"{drawn} {zlib.crc32(drawn.encode()):08x}\n", encoding="ascii")
    try:
        text, *sums = files.pseudonyms.read_text(encoding="ascii").split()
        key = bytes.fromhex(text)
    except ValueError:
        key, sums = b"", []
    # An earlier brainplug wrote no checksum; of an emptied key everybody could tell who is who.
    if len(key) == KEY_BYTES and sums in ([], [f"{zlib.crc32(text.encode()):08x}"]):
        return key
    raise RunError(
        "something else",
        where=files.pseudonyms,
        expected="the key of this run's pseudonyms",
        hint="bring it back from a copy of the run folder; or delete it, and another is drawn, by "
        "which people have other pseudonyms than in what was given away before",
    )


def safe_page(workspace: Workspace) -> str:
    """Return the page without single people, whatever the recipe lets the run's own show."""
    from brainplug.report.facts import Facts, Sources
    from brainplug.report.page import render

    recipe = workspace.recipe
    return render(
        Facts(
            Sources(
                recipe=attrs.evolve(recipe, report=attrs.evolve(recipe.report, individual=False)),
                files=workspace.files,
                kind=workspace.head.kind,
                load=workspace.load_volume,
            )
        )
    )
