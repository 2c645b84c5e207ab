"""Which tokens of an answer tell the value."""

from __future__ import annotations

import pytest

from brainplug.tasks.chat import ChatEncoder
from brainplug.tasks.telling import find_spans, telling_tokens
from brainplug_plugins.models.tiny import Tiny, TinyOptions


@pytest.mark.parametrize(
    ("text", "said", "told"),
    [
        ("It is male.", "male", ["male"]),
        ("The same sex: female.", "female", ["female"]),
        ("The age is 34.5 years.", "34.5", ["34.5"]),
        ("It is -0.5.", "-0.5", ["-0.5"]),
        ("It is 5 of 15.", "5", ["5"]),
        ("It is 5.", "5", ["5"]),
        ("12.3 years older than the reference.", "50.0", ["12.3"]),
        ("female", "male", ["female"]),
        ("Certainly", "yes", ["Certainly"]),
    ],
)
def test_the_value_is_found_as_it_is_said(text, said, told):
    """Alone, not within another word or number; else by numbers; else all of the answer tells."""
    assert told == [text[start:end] for start, end in find_spans(text, said)]


def test_tokens_of_the_value_tell_and_the_end_does_not():
    """The tiny model's tokens are letters and digits."""
    encoder = ChatEncoder(Tiny(TinyOptions()).build((8, 8, 8), seed=1).tokenizer, 8)
    text = "It is 12.3."

    found = telling_tokens(encoder, text, "12.3")

    assert len(encoder.answer(text)) == len(found)
    pieces = encoder.tokenizer.convert_ids_to_tokens(encoder.answer(text))
    assert "12.3" == "".join(piece for piece, tells in zip(pieces, found, strict=True) if tells)
    assert not found[-1]
