"""Which tokens of an answer tell the value; the others word it, and are soon known by heart."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING

from brainplug.toolkit.letters import find_said

if TYPE_CHECKING:
    from collections.abc import Sequence

    from transformers import PreTrainedTokenizerBase

    from brainplug.tasks.chat import ChatEncoder

NUMBER = re.compile(
    "[-+\N{MINUS SIGN}]?\\d+(?:[.,\N{ARABIC DECIMAL SEPARATOR}\N{ARABIC THOUSANDS SEPARATOR}]\\d+)*"
)


def find_spans(text: str, said: str) -> list[tuple[int, int]]:
    """Return where an answer tells a value: as it is said, else by its numbers, else by all of it.

    >>> find_spans("It is female.", "male"), find_spans("It is male.", "male")
    ([(0, 13)], [(6, 10)])
    >>> find_spans("12.3 years older than the reference.", "45")
    [(0, 4)]
    """
    # "male" is not said within "female", nor 5 within 15 or 0.5.
    found = find_said(text, [said])
    # A difference to the reference is said by a number that is not the value.
    found = found or [each.span() for each in NUMBER.finditer(text)]
    return found or [(0, len(text))]


def telling_tokens(encoder: ChatEncoder, text: str, said: str) -> tuple[bool, ...]:
    """Tell for each token of an answer, its end marker too, whether it tells the value.

    Args:
        encoder: turns text into ids.
        text: the answer.
        said: the value in the words of the target.
    """
    return (*tokens_in(encoder.tokenizer, text, tuple(find_spans(text, said))), False)


@functools.lru_cache(maxsize=65536)
def tokens_in(
    tokenizer: PreTrainedTokenizerBase, text: str, spans: tuple[tuple[int, int], ...]
) -> tuple[bool, ...]:
    """Tell for each token of a text whether it is of one of its spans."""
    if not tokenizer.is_fast:  # only these know where a token stands in the text
        return (True,) * len(tokenizer.encode(text, add_special_tokens=False))
    given = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    places: Sequence[tuple[int, int]] = given["offset_mapping"]
    return tuple(
        any(start < last and first < end for first, last in spans) for start, end in places
    )
