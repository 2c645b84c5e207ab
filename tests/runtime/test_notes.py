"""Notes that carry their own checksum."""

from __future__ import annotations

import json

from brainplug.runtime.notes import read_note, sealed, unsealed, write_note

FACTS = {"world": 2, "best": None, "files": {"a": [3, 77]}, "loss": 0.1, "ä": "x"}


def test_a_note_is_read_as_it_was_written(tmp_path):
    """Whatever the order of its keys and its spaces."""
    write_note(tmp_path / "note.json", FACTS)

    assert FACTS == read_note(tmp_path / "note.json")

    found = json.loads((tmp_path / "note.json").read_text())
    (tmp_path / "note.json").write_text(json.dumps(dict(sorted(found.items()))))
    assert FACTS == read_note(tmp_path / "note.json")


def test_no_turned_bit_of_a_note_passes_for_another_note():
    """Each bit of it: what is read is as it was, or nothing; a broken key is an unknown one."""
    content = json.dumps(sealed(FACTS)).encode()
    for place in range(8 * len(content)):
        turned = bytearray(content)
        turned[place // 8] ^= 1 << place % 8
        try:
            found = unsealed(json.loads(bytes(turned)))
        except ValueError:
            continue

        # Without its own key the checksum cannot be asked, and stands there as another fact.
        assert found in (None, FACTS) or len(found) == len(FACTS) + 1, bytes(turned)


def test_a_note_of_an_earlier_brainplug_has_no_checksum(tmp_path):
    """It is read as it is; one that is emptied or no object is none."""
    for content, expected in (('{"a": 1}', {"a": 1}), ("", None), ("[]", None), ("7", None)):
        (tmp_path / "note.json").write_text(content)
        assert expected == read_note(tmp_path / "note.json")
    assert read_note(tmp_path / "missing.json") is None
