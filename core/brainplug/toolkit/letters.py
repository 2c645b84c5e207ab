"""Where a text says some words: boundaries of words in the scripts that have them.

Scripts such as Latin, Cyrillic, Greek, Hebrew and Arabic part words by spaces. Chinese, Japanese,
Thai, Lao, Khmer and Burmese do not, and Korean attaches particles and endings to a word, as in
남성입니다. So "male" is not said in "female", but 男性 is in 比较结果是男性。
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

Span = tuple[int, int]
Kind = Literal["", "digit", "spaced", "unspaced", "hangul"]

UNSPACED = ("CJK", "HIRAGANA", "KATAKANA", "BOPOMOFO", "THAI", "LAO", "KHMER", "MYANMAR", "TIBETAN")
"""How the names of letters begin whose scripts put no spaces between words."""

JOINED = (
    r"[^\W\u0e00-\u109f\u1100-\u11ff\u1780-\u17ff\u3040-\u318f\u31f0-\u31ff\u3400-\u9fff"
    r"\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\uff66-\uffdc\U0001b000-\U0003ffff]"
)
"""Pattern of a character that makes one word with a number beside it: no letter of the scripts that
put no spaces, nor of Korean."""

NEGATIONS = "非不无無未没沒否"
"""What turns the word behind it into its opposite, as a hyphen does after `non`."""

_DIGIT_SIGNS = {
    "\N{ARABIC DECIMAL SEPARATOR}": ".",
    "\N{ARABIC THOUSANDS SEPARATOR}": ",",
    "\N{FULLWIDTH FULL STOP}": ".",
    "\N{FULLWIDTH COMMA}": ",",
    "\N{MINUS SIGN}": "-",
    "\N{FULLWIDTH HYPHEN-MINUS}": "-",
    "\N{FULLWIDTH PLUS SIGN}": "+",
}
"""Signs of numbers in other scripts."""


@lru_cache(maxsize=4096)
def kind_of(char: str) -> Kind:
    """Say what a character is to the boundaries of words; empty where it is of none.

    >>> [kind_of(each) for each in "a7男남 ภ-"]
    ['spaced', 'digit', 'unspaced', 'hangul', '', 'unspaced', '']
    """
    if not char:
        return ""
    if unicodedata.category(char) == "Nd":
        return "digit"
    # A vowel sign or an accent belongs to the letter before it.
    if not (char.isalnum() or char == "_" or unicodedata.category(char).startswith("M")):
        return ""
    name = unicodedata.name(char, "")
    if name.startswith("HANGUL"):
        return "hangul"
    return "unspaced" if name.startswith(UNSPACED) else "spaced"


def begins_word(text: str, start: int) -> bool:
    """Tell whether a word may begin at a place of a text.

    >>> begins_word("female", 2), begins_word("是男性", 1), begins_word("비정상", 1)
    (False, True, False)
    >>> begins_word("非抑郁", 1), begins_word("non-depressed", 4)
    (False, False)
    """
    before, first = text[:start][-1:], kind_of(text[start : start + 1])
    if before in NEGATIONS and before and first == "unspaced":
        return False
    if before in {"-", "\N{HYPHEN}", "\N{NON-BREAKING HYPHEN}"} and kind_of(text[: start - 1][-1:]):
        return False
    return not joined(kind_of(before), first)


def ends_word(text: str, end: int) -> bool:
    """Tell whether a word may end at a place of a text; Korean attaches endings.

    >>> ends_word("males", 4), ends_word("男性。", 2), ends_word("남성입니다", 2)
    (False, True, True)
    """
    last, behind = kind_of(text[:end][-1:]), text[end : end + 1]
    if behind in {"-", "\N{HYPHEN}", "\N{NON-BREAKING HYPHEN}"} and kind_of(
        text[end + 1 : end + 2]
    ):
        return False
    return (last == "hangul" and kind_of(behind) == "hangul") or not joined(last, kind_of(behind))


def joined(before: Kind, behind: Kind) -> bool:
    """Tell whether two neighbouring characters are of one word.

    >>> joined("spaced", "spaced"), joined("digit", "hangul"), joined("spaced", "hangul")
    (True, False, False)
    """
    if not before or not behind:
        return False
    if "unspaced" in {before, behind}:
        return False
    if "hangul" in {before, behind}:
        return before == behind
    return True


def find_words(text: str, words: Iterable[str], *, ignore_case: bool = False) -> list[Span]:
    """Return where a text says one of some words, the longest first, none within another.

    >>> find_words("A male: not female", ["male"]), find_words("결과는 남성입니다.", ["남성"])
    ([(2, 6)], [(4, 6)])
    """
    return _find(text, tuple(words), _stands, ignore_case=ignore_case)


def find_beginnings(text: str, words: Iterable[str], *, ignore_case: bool = False) -> list[Span]:
    """Return where a word of a text begins with one of some words, whatever ending follows.

    For texts of which it is known that they say one, such as training answers.

    >>> find_beginnings("Kişi kadındır.", ["kadın"]), find_beginnings("female", ["male"])
    ([(5, 10)], [])
    """
    return _find(text, tuple(words), _begins, ignore_case=ignore_case)


def find_said(text: str, words: Iterable[str], *, ignore_case: bool = False) -> list[Span]:
    """Return where a text says one of some words, by itself or else with an ending attached."""
    words = tuple(words)
    return find_words(text, words, ignore_case=ignore_case) or find_beginnings(
        text, words, ignore_case=ignore_case
    )


def _find(
    text: str,
    words: tuple[str, ...],
    stands: Callable[[str, int, int], bool],
    *,
    ignore_case: bool,
) -> list[Span]:
    if ignore_case or len(words) != 1 or not words[0]:
        return [span for span, _ in matches(text, _pattern(words, ignore_case), stands)]
    # Of one word without a pattern, which would be compiled for each of a cohort's numbers.
    found, (word,) = list[Span](), words
    start, free = text.find(word), 0
    while start >= 0:
        end = start + len(word)
        if start >= free and stands(text, start, end):
            found.append((start, end))
            free = end
        start = text.find(word, start + 1)
    return found


def matches(
    text: str, pattern: re.Pattern[str], stands: Callable[[str, int, int], bool]
) -> list[tuple[Span, str]]:
    """Return places and words of matches that stand in a text as they must, from left to right.

    Args:
        text: in which is looked.
        pattern: of a look-ahead with one group.
        stands: tells of a text, a start and an end whether words stand there.
    """
    found, free = list[tuple[Span, str]](), 0
    for match in pattern.finditer(text):
        start, end = match.span(1)
        if start >= free and stands(text, start, end):
            found.append(((start, end), match.group(1)))
            free = end
    return found


def exchange(text: str, spans: Sequence[Span], instead: str) -> str:
    """Put other words in some places of a text.

    >>> exchange("a male b", [(2, 6)], "#")
    'a # b'
    """
    for start, end in sorted(spans, reverse=True):
        text = text[:start] + instead + text[end:]
    return text


def split_at(text: str, spans: Sequence[Span]) -> list[str]:
    """Return what stands around some places of a text.

    >>> split_at("a male b", [(2, 6)])
    ['a ', ' b']
    """
    ends = [0, *(end for _, end in spans)]
    starts = [*(start for start, _ in spans), len(text)]
    return [text[end:start] for end, start in zip(ends, starts, strict=True)]


@lru_cache(maxsize=1024)
def _pattern(words: tuple[str, ...], ignore_case: bool) -> re.Pattern[str]:
    # A look-ahead, so that a place is looked at even within what was no word of its own. Longest
    # first: "mild" must not win over "mild dementia".
    longest = sorted({word for word in words if word}, key=lambda word: (-len(word), word))
    alternatives = "|".join(map(re.escape, longest)) or r"(?!)"
    return re.compile(f"(?=({alternatives}))", re.IGNORECASE if ignore_case else 0)


def _stands(text: str, start: int, end: int) -> bool:
    """Tell whether words stand by themselves; a number is not within a larger one."""
    return _begins(text, start, end) and ends_word(text, end)


def _begins(text: str, start: int, end: int) -> bool:
    """Tell whether a word begins with some words, and a number is whole."""
    if text[start] in "+-0123456789." and re.search(r"[\d.,+\-]$", text[:start]):
        return False
    if text[end - 1].isdigit() and re.match(r"[.,]?\d", text[end:]):
        return False
    return begins_word(text, start)


def plain_digits(text: str) -> str:
    """Return a text with the digits and signs of numbers that Python reads, as long as before.

    >>> plain_digits("٤٥٫٣ ４５．３ \N{MINUS SIGN}2"), plain_digits("年龄，45")
    ('45.3 45.3 -2', '年龄，45')
    """
    if text.isascii():
        return text
    digits = "".join(
        str(unicodedata.decimal(char)) if unicodedata.category(char) == "Nd" else char
        for char in text
    )
    # A full-width comma parts clauses where it is not amid digits.
    return re.sub(
        "(?<=[0-9])[\N{FULLWIDTH COMMA}\N{FULLWIDTH FULL STOP}](?=[0-9])"
        "|[\N{MINUS SIGN}\N{FULLWIDTH HYPHEN-MINUS}\N{FULLWIDTH PLUS SIGN}"
        "\N{ARABIC DECIMAL SEPARATOR}\N{ARABIC THOUSANDS SEPARATOR}]",
        lambda found: _DIGIT_SIGNS[found.group()],
        digits,
    )


def file_name(text: str) -> str:
    """Return a text as a part of a file's name: letters and digits of any script, `-` and `_`.

    Where something had to be left out a few digits of its hash follow, so that two texts never
    share a name.

    >>> file_name("BMI_sds"), file_name("성별"), file_name("sex")
    ('BMI_sds', '성별', 'sex')
    >>> file_name("a/b") != file_name("a b") != file_name("a-b")
    True
    """
    import hashlib

    normal = unicodedata.normalize("NFC", text)
    kept = "".join(char if kind_of(char) or char in "-_" else " " for char in normal)
    name = "-".join(kept.split()).strip("-")
    # Names of files hold 255 bytes, and others stand beside this part.
    short = name.encode()[:MOST_BYTES].decode(errors="ignore")
    if short == normal:
        return short
    digest = hashlib.sha256(normal.encode(errors="surrogatepass")).hexdigest()[:6]
    return f"{short}-{digest}" if short else digest


MOST_BYTES = 120
"""Bytes of a text in a file's name."""
