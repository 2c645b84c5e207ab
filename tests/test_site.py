"""What the site shows of the program is in the program; the build itself checks its links."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

import pytest

from brainplug.cli.main import make_parser

ROOT = Path(__file__).parents[1]
SITE = ROOT / "docs"
PAGES = [path for path in sorted(SITE.rglob("*.md")) if SITE / "reference" not in path.parents]
NOT_RUN = "not run here"

sys.path.insert(0, str(SITE / "_site"))


def blocks_of(page: Path) -> list[tuple[str, str]]:
    """Return the language and the text of each block of code; indented ones have no language."""
    text = page.read_text(encoding="utf-8")
    fenced = re.findall(r"^```(\w*)\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)
    bare = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    return [*fenced, *(("", each) for each in re.findall(r"(?:^    .*\n)+", bare, re.MULTILINE))]


def commands_of(page: Path) -> list[list[str]]:
    """Return the words of each brainplug command that a page shows in a block."""
    found = []
    for language, block in blocks_of(page):
        if language not in ("", "sh", "console"):
            continue
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line.strip().removeprefix("$ "), comments=True)
            if "brainplug" in words[:1]:
                found.append(words[1:])
    return found


COMMANDS = [
    pytest.param(page, words, id=f"{page.stem}: {' '.join(words)}")
    for page in [*PAGES, ROOT / "README.md"]
    for words in commands_of(page)
]


@pytest.mark.parametrize(("page", "words"), COMMANDS)
def test_every_command_is_one(page, words):
    """The parser takes each, so no command and no option is made up."""
    assert callable(make_parser().parse_args(words).command)


def options_of(words: list[str]) -> set[str]:
    """Return a command's name and its options."""
    return {words[0], *(word for word in words if word.startswith("--"))}


@pytest.mark.parametrize(("page", "words"), COMMANDS)
def test_every_command_is_run_by_a_test_or_marked(page, words):
    """Some file of tests calls it with all its options, or the page says that it is not run."""
    files = [path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("*.py")]
    wanted = [re.compile(rf'["\' ]{re.escape(each)}["\' ,]') for each in options_of(words)]
    marked = NOT_RUN in page.read_text(encoding="utf-8")

    assert marked or any(all(each.search(text) for each in wanted) for text in files)


def test_commands_were_found():
    """The pages show commands at all."""
    assert len(COMMANDS) > 20


def source_text() -> str:
    """Return the program's source, texts that are broken over lines joined."""
    paths = [*(ROOT / "core").rglob("*.py"), *(ROOT / "plugins").rglob("*.py")]
    whole = "\n".join(path.read_text(encoding="utf-8") for path in paths)
    return re.sub(r"\{[^{}]*\}", "…", re.sub(r'"\s*\n\s*f?"', "", whole))


def test_every_message_under_troubles_is_in_the_program():
    """Each piece of a message between ellipses stands in the source as it is told."""
    source = source_text()
    lines = [
        line
        for language, block in blocks_of(SITE / "troubles.md")
        if language == "text"
        for line in block.splitlines()
    ]
    pieces = [piece.strip() for line in lines for piece in line.split("…") if piece.strip()]
    unknown = [piece for piece in pieces if piece not in source]

    assert len(pieces) > 25
    assert [] == unknown


def test_the_reference_is_what_the_program_has(tmp_path):
    """Every command, table, part, hook and record is on a page of its own kind."""
    from reference import command_parsers, write_reference

    from brainplug.registry import ROLES, load_registry

    write_reference(tmp_path)
    pages = {path.stem: path.read_text(encoding="utf-8") for path in tmp_path.glob("*.md")}
    registry = load_registry()

    assert all(f"\n## {name}\n" in pages["commands"] for name in command_parsers(make_parser()))
    assert "## `[training]`" in pages["recipe"]
    for role in ROLES:
        for name in registry.parts(role):
            if registry.distribution(role, name).name == "brainplug":
                assert f"### `{name}`" in pages["parts"]
    assert "## `brainplug_cohorts()`" in pages["hooks"]
    assert ">>> class Lab:" in pages["hooks"]
    assert "### SplitScores" in pages["files"]
    assert "| 130 |" in pages["exit-codes"]


def test_exit_codes_are_those_of_the_reference(capsys):
    """0 for help, 1 for an error, 2 for wrong usage."""
    from brainplug.cli.main import main

    for words, code in ((["--help"], 0), (["no-such-command"], 2)):
        with pytest.raises(SystemExit) as left:
            main(words)
        assert code == left.value.code
    assert 1 == main(["check", "no-such-recipe"])
    capsys.readouterr()


def test_terms_of_the_glossary_stand_in_order():
    """A reader finds a term by its letter."""
    text = (SITE / "glossary.md").read_text(encoding="utf-8")
    terms = re.findall(r"^([a-z][\w -]+)$", text, flags=re.MULTILINE)

    assert len(terms) > 20
    assert sorted(terms) == terms
