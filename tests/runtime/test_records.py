"""Files of a run folder that were cut or edited are told by name."""

from __future__ import annotations

import pytest

from brainplug.errors import RunError
from brainplug.runtime.notes import read_note
from brainplug.runtime.records import read_record, write_record
from brainplug.tasks.study_facts import CohortFacts, StudyFacts

FACTS = CohortFacts(
    studies=(StudyFacts(study="A", flow=(("rows read", 2),), join=None, notes=("ä",)),)
)


def test_a_record_comes_back_as_it_was(tmp_path):
    """Tuples, text of any script, and what is not there."""
    write_record(tmp_path / "facts.json", FACTS)

    assert FACTS == read_record(tmp_path / "facts.json", CohortFacts)


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b'{"studies": 3}', b'{"studies": [], "more": 1}', b"\xff"],
)
def test_a_damaged_file_is_told_with_what_to_do(tmp_path, content):
    """Whatever stands there, the error names the file and no traceback ends the run."""
    path = tmp_path / "facts.json"
    path.write_bytes(content)

    with pytest.raises(RunError) as caught:
        read_record(path, CohortFacts)

    assert str(path) in str(caught.value)
    assert "delete it" in str(caught.value)


@pytest.mark.parametrize("content", [b"[" * 100_000, b'{"a":' * 100_000, b"9" * 5000])
def test_a_file_that_json_gives_up_on_is_told_too(tmp_path, content):
    """Nesting without end, and numbers of thousands of digits."""
    test_a_damaged_file_is_told_with_what_to_do(tmp_path, content)
    (tmp_path / "note.json").write_bytes(content)
    assert read_note(tmp_path / "note.json") is None
