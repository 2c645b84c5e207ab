"""Writes the pages of the reference from the program itself; `make docs` calls it first."""

from __future__ import annotations

import inspect
import os
import re
import textwrap
from typing import TYPE_CHECKING, Any, get_args

import attrs

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Mapping
    from pathlib import Path

NOTE = "*Made from the program by `make docs`; version {version}.*"

RECORDS = {
    "metrics.json": "brainplug.evaluation.records:Metrics",
    "audit.json": "brainplug.audit.records:Audit",
    "training.json": "brainplug.evaluation.history:TrainingHistory",
    "arms.json": "brainplug.evaluation.arms:ArmList",
    "summary.json": "brainplug.evaluation.pooled_records:Summary",
    "familiar.json": "brainplug.imaging.familiar:FamiliarScans",
    "cohort.json": "brainplug.tasks.study_facts:CohortFacts",
    "answers.jsonl": "brainplug.tasks.answers:AnswerRow",
}
"""Files of a run folder, and the record that each is, or each of its lines."""


def write_reference(folder: Path) -> None:
    """Write all pages; one that would be as it was is left alone, so that little is built anew."""
    folder.mkdir(exist_ok=True)
    pages = {
        "commands": commands(),
        "recipe": recipe_tables(),
        "parts": parts(),
        "hooks": hooks(),
        "files": files(),
        "exit-codes": exit_codes(),
    }
    for name, lines in pages.items():
        text = "\n".join([*lines, ""])
        path = folder / f"{name}.md"
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def begin(title: str) -> Iterator[str]:
    """Give the head of a page."""
    from importlib import metadata

    yield from (f"# {title}", "", NOTE.format(version=metadata.version("brainplug")), "")


def cell(text: str) -> str:
    """Write text as a cell of a table."""
    return re.sub(r"([|<>*_\[\]{}])", r"\\\1", " ".join(str(text).split()))


def table(heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> Iterator[str]:
    """Give a table; cells are Markdown already."""
    yield f"| {' | '.join(heads)} |"
    yield f"|{' --- |' * len(heads)}"
    yield from (f"| {' | '.join(row)} |" for row in rows)
    yield ""


def option_table(options: type[Any], without: str = "") -> Iterator[str]:
    """Give the keys of a table of a recipe; a unit stands with its default."""
    from brainplug.recipe.options import options_of

    rows = [
        (
            f"`{each.key}`",
            cell(each.expects),
            f"`{each.default}`" + (f" {cell(each.unit)}" if each.unit else ""),
            cell(each.about),
        )
        for each in options_of(options)
        if each.key != without
    ]
    if rows:
        yield from table(("key", "expects", "default", "what it is"), rows)
    else:
        yield from ("No options.", "")


def commands() -> Iterator[str]:
    """Give the help of every command."""
    os.environ["COLUMNS"] = "80"  # argparse breaks lines by it
    from brainplug.cli.main import make_parser

    parser = make_parser()
    yield from begin("Commands")
    yield from block(parser.format_help())
    for name, command in command_parsers(parser).items():
        yield from (f"## {name}", "")
        yield from block(command.format_help())


def command_parsers(parser: argparse.ArgumentParser) -> Mapping[str, argparse.ArgumentParser]:
    """Return the parser of each command, by its name."""
    found = [each for each in vars(parser)["_actions"] if isinstance(each.choices, dict)]
    return found[0].choices


def block(text: str, language: str = "text") -> Iterator[str]:
    """Give text as it is."""
    yield from (f"```{language}", text.rstrip(), "```", "")


def recipe_tables() -> Iterator[str]:
    """Give the keys of a recipe that belong to no part."""
    from brainplug.recipe.options import is_table, options_of
    from brainplug.recipe.tables import Recipe, Study

    yield from begin("Tables of a recipe")
    yield from (
        "Keys that belong to no part; those of parts are in [Parts](parts.md). On the terminal:",
        "`brainplug plugins --recipe`.",
        "",
    )
    top = [row for row in options_of(Recipe) if "." not in row.key and row.expects != "a table"]
    rows = [(f"`{each.key}`", f"`{each.default}`", cell(each.about)) for each in top]
    yield from ("## Above all tables", "")
    yield from table(("key", "default", "what it is"), rows)
    yield from ("## `[cohort]`, or several `[[cohort]]`", "", "Beside the keys of its loader.", "")
    yield from option_table(Study, without="loader")
    for field in attrs.fields(attrs.resolve_types(Recipe)):
        for each in get_args(field.type) or (field.type,):
            if is_table(each) and isinstance(each, type) and each is not Study:
                yield from (f"## `[{field.alias}]`", "", cell(field.metadata["about"]), "")
                yield from option_table(each)


def parts() -> Iterator[str]:
    """Give every part that is shipped, with its options."""
    from brainplug.registry import ROLES, load_registry

    registry = load_registry()
    yield from begin("Parts")
    yield from (
        "What `use = …` may name as brainplug is shipped. On the terminal: `brainplug plugins`,",
        "and `brainplug plugins NAME`; those of plugins that are installed stand there too.",
        "",
    )
    for role, words in ROLES.items():
        yield from (f"## {words[0].upper()}{words[1:]}s", "")
        for name, part in registry.parts(role).items():
            if registry.distribution(role, name).name != "brainplug":
                continue
            yield from (f"### `{name}`", "", cell(part.summary), "")
            yield from option_table(part.options)


def hooks() -> Iterator[str]:
    """Give what a plugin may implement, with the example of each."""
    from brainplug.api import hooks as module

    yield from begin("Hooks")
    yield from (
        "What a plugin may implement, in the entry point group `brainplug`. How one is written and",
        "tested: [Writing and testing a plugin](../plugins.md).",
        "",
    )
    for name, hook in vars(module).items():
        if name.startswith("brainplug_") and callable(hook):
            told, _, example = (inspect.getdoc(hook) or "").partition("Example:\n")
            arguments = ", ".join(inspect.signature(hook).parameters)
            yield from (f"## `{name}({arguments})`", "", *paragraphs(told))
            if example:
                yield from block(textwrap.dedent(example), "pycon")


def paragraphs(docstring: str) -> Iterator[str]:
    """Give a docstring as Markdown: paragraphs, and a list where it names arguments."""
    for piece in docstring.strip().split("\n\n"):
        lines = piece.splitlines()
        if re.fullmatch(r"(Args|Returns|Raises|Attributes):", lines[0]):
            yield from (f"{lines[0]}", "", *entries("\n".join(lines[1:])), "")
        else:
            yield from (cell(piece), "")


def entries(text: str) -> Iterator[str]:
    """Give the entries of a section of a docstring as a list."""
    for entry in re.split(r"\n(?=\S)", textwrap.dedent(text)):
        name, colon, about = entry.partition(":")
        yield f"- `{name.strip()}`: {cell(about)}" if colon else f"- {cell(entry)}"


def files() -> Iterator[str]:
    """Give what lies in a run folder, and the fields of its records."""
    yield from begin("Files of a run folder")
    yield from (
        "```{include} ../../README.md",
        ":start-after: '## What a run leaves'",
        ":end-before: The same command goes on",
        "```",
        "",
        "Task files, which other trainers read: [Task files](../task-files.md). `cohort.parquet`,",
        "`predictions.csv` and others as tables in Python:",
        "[Using a trained model](../using-a-model.md).",
        "",
    )
    known: dict[type, None] = {}
    for name, place in RECORDS.items():
        module, _, record = place.partition(":")
        found = getattr(__import__(module, fromlist=[record]), record)
        yield from (f"## `{name}`", "")
        yield from record_table(found, known)
    yield from ("## Records within", "")
    told = set(RECORDS.values())
    shown: set[type] = set()
    while todo := [each for each in known if each not in shown]:
        for each in todo:
            shown.add(each)
            if f"{each.__module__}:{each.__name__}" not in told:
                yield from (f"### {each.__name__}", "")
                yield from record_table(each, known)


def record_table(record: type[Any], known: dict[type, None]) -> Iterator[str]:
    """Give the fields of a record; remember the records that they hold."""
    doc = inspect.getdoc(record) or ""
    opening, _, listed = doc.partition("Attributes:\n")
    told = {
        name.strip(): about
        for entry in re.split(r"\n(?=\S)", textwrap.dedent(listed))
        for name, _, about in [entry.partition(":")]
    }
    attrs.resolve_types(record)
    rows = []
    for field in attrs.fields(record):
        known |= dict.fromkeys(held_records(field.type))
        rows.append(
            (f"`{field.name}`", cell(type_name(field.type)), cell(told.get(field.name, "")))
        )
    yield from (cell(opening), "")
    yield from table(("key", "what it holds", "what it is"), rows)


def held_records(expected: Any) -> Iterator[type]:
    """Give the records that a type names."""
    if attrs.has(expected):
        yield expected
    for each in get_args(expected):
        yield from held_records(each)


def type_name(expected: Any) -> str:
    """Write a type as short as it can be read."""
    text = (
        expected.__name__
        if isinstance(expected, type) and not get_args(expected)
        else str(expected)
    )
    return re.sub(r"\b(?:[a-z_]\w*\.)+", "", text)


def exit_codes() -> Iterator[str]:
    """Give what a command ends with, and what it hears of its surroundings."""
    yield from begin("Exit codes and environment variables")
    rows = [
        ("0", "everything was done; of `check`, a run of the recipe can begin"),
        ("1", "an error, told in one message; of `predict`, a query could not be read as well"),
        ("2", "wrong usage: an unknown command or option"),
        ("130", "stopped by Ctrl-C; 128 and the number of the signal, so 143 for SIGTERM"),
    ]
    yield from table(("code", "when"), rows)
    yield from (
        "After 1, 130 and 143 the same command goes on where it was.",
        "",
        "| variable | what it does |",
        "| --- | --- |",
        "| `BRAINPLUG_CACHE` | folder of the cache of volumes and of simulated studies |",
        "| `CUDA_VISIBLE_DEVICES` | GPUs that may be used |",
        "| `HF_HUB_OFFLINE` | `1`: weights are looked for on this machine only |",
        "| `HF_HOME` | folder of the hub's cache, where weights are found |",
        "| `OMP_NUM_THREADS` | threads of a process |",
        "| `COLUMNS` | width of what is printed |",
        "",
    )
