"""Words of codes, as the JSON file beside a table of a BIDS study gives them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from pathlib import Path


def read_levels(path: Path) -> tuple[dict[str, dict[str, str]], list[str]]:
    """Return column -> {code: words} from a JSON file beside a table, and what is wrong with it."""
    try:
        # Stricter than json: neither halves of letters nor nesting without end.
        declared = orjson.loads(path.read_text(encoding="utf-8-sig")) if path.is_file() else {}
    except ValueError as error:
        note = f"{path}: expected JSON: {error}; columns that hold codes need labels in [target]"
        return {}, [note]
    columns = declared.items() if isinstance(declared, dict) else ()
    read = {name.strip(): read_words(facts) for name, facts in columns}
    return {name: words for name, words in read.items() if words}, []


def read_words(facts: Any) -> dict[str, str]:
    """Return the words of each code; none where a code has no words, since none are guessed.

    >>> read_words({"Levels": {"M": "male", "F": {"Description": "female"}}})
    {'M': 'male', 'F': 'female'}
    """
    levels = facts.get("Levels") if isinstance(facts, dict) else None
    words = {
        code.strip(): str((level.get("Description") if isinstance(level, dict) else level) or "")
        for code, level in (levels.items() if isinstance(levels, dict) else ())
    }
    return {code: word.strip() for code, word in words.items()} if all(words.values()) else {}
