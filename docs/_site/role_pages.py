"""Writes docs/roles/: a page a role, from docstrings, `api.frames`, the laws and `examples`.

`python docs/_site/role_pages.py` writes them; a test compares them with what it would write.
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from brainplug.api import hooks, records
from brainplug.api.contracts import CONTRACTS, MADE, Contract, Member, members_of
from brainplug.api.frames import FOUND, WITHHELD, Frame, frames_of
from brainplug.cli.new_files import EXAMPLES, begin

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

DOCS = Path(__file__).parents[1]
FOLDER = DOCS / "roles"

TABLES = {
    "cohorts": "`[cohort]`",
    "heads": "`[target]`",
    "splits": "`[split]`",
    "pairings": "`[pairing]`",
    "prompts": "`[prompt]`",
    "models": "`[model]`",
    "metrics": "`metrics` of `[evaluation]`",
}

RECORDS: Mapping[str, tuple[str, ...]] = {
    "cohorts": ("CohortTable", "JoinReport"),
    "heads": ("TargetColumn",),
    "prompts": ("Case", "Turn", "Image"),
    "metrics": ("Predictions", "Share", "Ranking"),
    "models": ("ModelPlan",),
}
"""Role -> the records that its parts are given and return."""

OPTIONS = """\
`Options` is a class under `@attrs.frozen(kw_only=True)`; each field is a key of the recipe's table,
described by `metadata=about("…", unit="…")`. A recipe's value must be of the field's type (`int`,
`float`, `str`, `bool`, `Path`, `Literal[…]`, a tuple, a dict, or one of these or `None`): `"1"` is
no number, `1.0` no whole number and `1` no truth value. Only a whole number where a `float` is
asked, `val = 1`, is taken for `1.0`, and a list becomes a tuple. A `Path` is relative to the
recipe, and absolute when your part sees it. Validators of attrs and a `ValueError` in
`__attrs_post_init__` refuse a value; the user is told of it with all other mistakes of the
recipe."""

COLUMNS = """\
Of a study's own columns {names} are found by these names, in any case of letters, besides `family`
and `site`: the audit compares pools by them, scores are told for their groups, and baselines read
the target off them. All are text. NA means that nobody knows, and is no code."""

ABILITIES = """\
An ability counts where the class declares it, `abilities = (…)`, with names of
`brainplug.api.roles`."""

ENDING = """\
The laws are checked by `check_plugin` of `brainplug.testing` ([how](../plugins.md)), and by
`brainplug check` and a run before it trains as far as [what they do anyway](../plugins.md#the-laws)
shows it. An exception of yours, `sys.exit` too, ends in one
line that names the part, its file and the line; a `DataError` reaches the user as you word it."""


def role_pages() -> dict[str, str]:
    """Return the text of each page by its name."""
    return {name: "\n".join([*page(name), ""]) for name in EXAMPLES}


def page(name: str) -> Iterator[str]:
    """Give the lines of the page of a role."""
    role = f"{name}s"
    contract = CONTRACTS[role]
    hook = getattr(hooks, f"brainplug_{role}")
    says = paragraphs(inspect.getdoc(hook) or "")
    begun = begin(name, EXAMPLES[name])
    test = next(each for each in begun.files if each.startswith("tests/"))
    code = next(each for each in begun.files if each.startswith("brainplug_"))
    yield from (f"# {contract.words.capitalize()}", "")
    yield from (f"{says[0]} A recipe names the part in {TABLES[role]}. Begin yours with", "")
    yield from (f"    brainplug new {name} my-{name}", "")
    yield "which writes what is shown here, under your name, as a package with its test; `--file`"
    yield from ("writes one file, for [beside a recipe](../plugins.md).", "")
    yield from (f"## A whole one: `{code}`", "", *fenced("python", begun.files[code]))
    yield from ("In a recipe:", "", *fenced("toml", begun.recipe))
    yield from (f"Its test, `{test}`:", "", *fenced("python", begun.files[test]))
    yield from (
        "## The hook",
        "",
        f"`brainplug_{role}()`. {' '.join(says[1:])} In its smallest form:",
    )
    yield from ("", *fenced("pycon", smallest(hook)), OPTIONS, "")
    yield from ("## What it must have", "", *members(contract))
    yield from given(role)
    yield from made(contract)
    yield from abilities(contract)
    yield from ("## What it is held to", "", law(contract.words), "", ENDING)


def smallest(hook: Callable[..., object]) -> str:
    """Return the example of a hook's docstring."""
    return textwrap.dedent((inspect.getdoc(hook) or "").partition("Example:\n")[2])


def fenced(language: str, text: str) -> Iterator[str]:
    """Give a block of code."""
    yield from (f"```{language}", text.rstrip(), "```", "")


def paragraphs(docstring: str) -> list[str]:
    """Return the paragraphs of a docstring, each in one line, without its example."""
    told = docstring.partition("Example:")[0].strip()
    return [" ".join(each.split()) for each in told.split("\n\n")]


def sections(docstring: str) -> Iterator[str]:
    """Give a docstring as Markdown; what it says of arguments and fields as a list."""
    for piece in docstring.split("\n\n"):
        first, _, rest = piece.strip().partition("\n")
        if re.fullmatch("(Args|Attributes|Returns|Raises):", first):
            yield from (f"{first}", "", *entries(rest), "")
        elif not first.startswith(">>>"):
            yield from (" ".join(piece.split()), "")


def entries(text: str) -> Iterator[str]:
    """Give the entries of a section of a docstring."""
    for entry in re.split(r"\n(?=\S)", textwrap.dedent(text)):
        name, colon, about = " ".join(entry.split()).partition(": ")
        plain = re.fullmatch("[A-Za-z_]+", name)
        yield f"- `{name}`: {about}" if colon and plain else f"- {' '.join(entry.split())}"


def members(contract: Contract) -> Iterator[str]:
    """Give what the behaviour of a contract has, with types and what is asked of it."""
    yield from sections(inspect.getdoc(contract.protocol) or "")
    for member in members_of(contract.protocol):
        yield from (f"### `{signature(member)}`", "", *said_of(contract.protocol, member))


def signature(member: Member) -> str:
    """Write a member with its types, as its author does."""
    if member.signature is None:
        return f"{member.name}: {member.text}"
    return f"{member.name}{member.signature}".replace("'", "")


def said_of(protocol: type, member: Member) -> Iterator[str]:
    """Give what the protocol says of a member."""
    value = inspect.getattr_static(protocol, member.name, None)
    if value is not None and not isinstance(value, str):
        yield from sections(inspect.getdoc(value) or "")
        return
    told = " ".join(described(protocol).get(member.name, "").split())
    yield from (told, "") if told else ()


def described(protocol: type) -> dict[str, str]:
    """Return what stands below each attribute of a class, a text that Python throws away."""
    (body,) = ast.parse(textwrap.dedent(inspect.getsource(protocol))).body
    assert isinstance(body, ast.ClassDef)
    return {
        above.target.id: below.value.value
        for above, below in pairwise(body.body)
        if isinstance(above, ast.AnnAssign)
        and isinstance(above.target, ast.Name)
        and isinstance(below, ast.Expr)
        and isinstance(below.value, ast.Constant)
        and isinstance(below.value.value, str)
    }


def given(role: str) -> Iterator[str]:
    """Give the tables and records that a role works with."""
    if not frames_of(role) and role not in RECORDS:
        return
    yield from ("## What it is given, and returns", "")
    for frame in frames_of(role):
        yield from table(frame)
    if frames_of(role) and role != "heads":
        yield from (COLUMNS.format(names=", ".join(f"`{name}`" for name in FOUND)), "")
    if role != "heads" and role in WITHHELD:
        yield from ("### What it looks for in vain", "")
        for told in dict.fromkeys(WITHHELD[role].values()):
            names = ", ".join(f"`{name}`" for name, each in WITHHELD[role].items() if each == told)
            yield f"- {names}: {told}."
        yield ""
    for name in RECORDS.get(role, ()):
        yield from (f"### `{name}`", "", *sections(inspect.getdoc(getattr(records, name)) or ""))


def table(frame: Frame) -> Iterator[str]:
    """Give a table of the columns of a frame."""
    yield from (f"### {frame.title[0].upper()}{frame.title[1:]}", "", f"Index: {frame.index}.", "")
    yield from ("| column | type | what it holds |", "| --- | --- | --- |")
    for column in frame.columns:
        name = column.name.strip("<>")
        shown = f"*{name}*" if column.name.startswith("<") else f"`{name}`"
        yield f"| {shown} | {column.type} | {column.about} |"
    yield ""


def made(contract: Contract) -> Iterator[str]:
    """Give the contracts of what the methods of a role make."""
    asked = {member.text for member in members_of(contract.protocol)}
    for protocol, other in MADE.items():
        if protocol.__name__ in asked:
            yield from (f"## `{protocol.__name__}`, which it makes", "", *members(other))
            yield from abilities(other)


def abilities(contract: Contract) -> Iterator[str]:
    """Give what a behaviour may declare besides."""
    if not contract.abilities:
        return
    yield from (f"## What a {contract.words} may offer besides", "")
    yield from (ABILITIES, "")
    for ability in contract.abilities:
        about, *more = sections(inspect.getdoc(ability) or "")
        yield from (f"### `{ability.__name__}`", "", about, *more)
        for member in members_of(ability):
            told = [line for line in said_of(ability, member) if line]
            yield f"- `{signature(member)}`: {' '.join(told)}"
        yield from [""] * bool(members_of(ability))


def law(words: str) -> str:
    """Return what docs/plugins.md says of the laws of a role."""
    text = (DOCS / "plugins.md").read_text(encoding="utf-8").partition("## The laws")[2]
    heads = {"task head": "Task head", "metric": "Metric", "model": "Model"}
    title = heads.get(words, words.capitalize())
    found = re.search(rf"^- \*\*{title}\*\*: (.*?)(?=^- |^\n|\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, words
    told = " ".join(found[1].split())
    return told[0].upper() + told[1:]


def write() -> None:
    """Write the pages."""
    FOLDER.mkdir(exist_ok=True)
    for name, text in role_pages().items():
        (FOLDER / f"{name}.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write()
