"""`brainplug show`: dialogues as they are trained on, and what the model said to them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from brainplug.cli.opening import make_console, open_registry
from brainplug.cli.parser import CACHE, add_command, one_of
from brainplug.cli.run import add_changes, open_recipe, print_json, read_count
from brainplug.runtime.homes import expanded

if TYPE_CHECKING:
    import argparse

    from rich.console import Console
    from rich.text import Text

    from brainplug.api.records import Split
    from brainplug.cli.parser import Commands
    from brainplug.run.showing import Showing, ShownAnswer, ShownTask
    from brainplug.tasks.shown_dialogue import Piece, ShownDialogue

SPLITS = ("train", "val", "test")
"""As `brainplug.api.records.SPLITS`, which a test compares."""

OPENS = "\N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK}"
CLOSES = "\N{SINGLE LEFT-POINTING ANGLE QUOTATION MARK}"
"""Around what is learnt, where nothing can be printed bold."""

IDS = (
    "It shows ids of people, file names and values of the target: it is meant for\n"
    "your own screen, and so is --json. Nothing is trained, nothing is written.\n"
    "Of a run that was answered, wrong answers come first, then unread ones."
)

COLORS = {"wrong": "red", "unread": "yellow", "right": "green"}


def add_show(commands: Commands) -> None:
    """Describe `show`."""
    command = add_command(
        commands,
        "show",
        "show dialogues as they are trained on, and a run's answers",
        examples=(
            "brainplug show demo",
            "brainplug show sex.toml -n 1 --split val",
            "brainplug show runs/sex -n 10",
            "brainplug show runs/sex --json",
        ),
        variables=CACHE,
    )
    command.description = f"{command.description}\n\n{IDS}"
    command.add_argument(
        "recipe",
        metavar="RECIPE|RUN",
        help="a recipe file, the name of a shipped one such as demo, or a run folder",
    )
    add_changes(command)
    command.add_argument(
        "-n",
        "--number",
        type=read_count,
        default=3,
        metavar="N",
        help="how many dialogues (default: 3)",
    )
    command.add_argument(
        "--split",
        type=one_of("split", SPLITS),
        metavar="SPLIT",
        help=f"{', '.join(SPLITS)} (default: train; of a run, the last one that was answered)",
    )
    command.add_argument("--json", action="store_true", help="print everything as JSON instead")
    command.set_defaults(command=show_command)


def show_command(given: argparse.Namespace) -> None:
    """Do `brainplug show`."""
    found = find_showing(given)
    if given.json:
        print_json(found)
        return
    show_all(found, make_console(verbose=given.verbose))


def find_showing(given: argparse.Namespace) -> Showing:
    """Return what is to be shown of a run folder or a recipe."""
    if not is_run(given.recipe):
        file, registry = open_recipe(given)
        from brainplug.run.showing import show_recipe

        split: Split = given.split or "train"
        return show_recipe(file, registry=registry, split=split, number=given.number)
    if given.changes:
        from brainplug.errors import RunError

        raise RunError(
            where="--set",
            expected="a recipe, which can be changed",
            found=given.recipe,
            hint="a run is as it was made; name its recipe instead",
        )
    from brainplug.run.opened import open_run
    from brainplug.run.showing_run import show_run

    run = open_run(given.recipe, registry=open_registry())
    return show_run(run, split=given.split, number=given.number)


def is_run(given: str) -> bool:
    """Tell whether a run folder is meant, be it there or not, rather than a recipe."""
    from brainplug.recipe.shipped import is_named

    path = expanded(given)
    if path.is_dir():
        # A folder may have the name of a shipped recipe, too.
        return (path / "recipe.toml").is_file() or not is_named(given)
    return not path.exists() and not path.suffix and len(path.parts) > 1


def show_all(found: Showing, console: Console) -> None:
    """Show dialogues on the terminal."""
    from rich.text import Text

    bold = console.is_terminal and not console.no_color
    marked = "bold" if bold else f"{OPENS}between marks{CLOSES}"
    # People of other splits are never trained on.
    learnt = f"what is learnt is {marked}" if found.learns else f"the true answer is {marked}"
    head = f"{len(found.tasks):,} of {found.total:,} dialogues of {found.split}"
    console.print(Text(f"{head}; {learnt}"))
    if found.outcomes:
        told = (f"{count:,} {name}" for name, count in found.outcomes.items())
        console.print(Text(f"of all answers to {found.split}: {', '.join(told)}"))
    for note in found.notes:
        console.print(Text(note, style="dim"))
    for each in found.tasks:
        console.print()
        show_task(each, found, console, bold=bold)


def show_task(each: ShownTask, found: Showing, console: Console, *, bold: bool) -> None:
    """Show one dialogue, its length and its answer."""
    from rich.text import Text

    dialogue = each.dialogue
    console.print(Text(f"task {dialogue.task_id}: {people_of(dialogue)}", style="dim"))
    console.print(render(dialogue, bold=bold))
    if dialogue.tokens:
        console.print(Text(length_of(dialogue, found), style="dim"))
    if each.answer:
        console.print(Text(answer_of(each.answer, dialogue), style=COLORS[each.answer.outcome]))


def people_of(dialogue: ShownDialogue) -> str:
    """Say who is shown, with which value."""
    told = [
        f"{name} ({value(given)})"
        for name, given in zip(dialogue.references, dialogue.reference_values, strict=True)
    ]
    beside = f" beside {', '.join(told)}" if told else ", without references"
    return f"{dialogue.subject} ({value(dialogue.truth)}){beside}"


def render(dialogue: ShownDialogue, *, bold: bool) -> Text:
    """Return a dialogue as one text; what is learnt is bold, or stands between marks."""
    from rich.text import Text

    from brainplug.tasks.shown_dialogue import SCAN, short_names

    names = short_names([each.text for each in dialogue.pieces if each.kind == SCAN])
    text, learning = Text(), False
    for each in dialogue.pieces:
        if each.loss and not learning and not bold:
            text.append(OPENS)
        learning = each.loss
        text.append(word(each, names), style=style_of(each, bold=bold))
    if not bold:
        text.append(CLOSES)
    return text


def word(each: Piece, names: dict[str, str]) -> str:
    """Return how a piece is shown."""
    from brainplug.tasks.shown_dialogue import SCAN

    if each.kind != SCAN:
        return each.text
    patches = "" if each.tokens is None else f"{each.tokens:,} tokens, "
    return f"<image: {patches}{names[each.text]}>"


def style_of(each: Piece, *, bold: bool) -> str:
    """Return the style of a piece on a terminal that has any."""
    kinds = {"marker": "cyan", "scan": "magenta"}
    return " ".join([*(["bold"] if bold and each.loss else []), kinds.get(each.kind, "")]).strip()


def length_of(dialogue: ShownDialogue, found: Showing) -> str:
    """Say how long a dialogue is."""
    counts = dialogue.tokens
    assert counts is not None
    most = "" if found.context_length is None else f" (of {found.context_length:,})"
    what = "learnt" if found.learns else "in the answer"
    return (
        f"tokens: {counts.words:,} words + {counts.markers:,} markers + {counts.scans:,} of scans "
        f"= {counts.all:,}{most}; {counts.loss:,} {what}"
    )


def answer_of(answer: ShownAnswer, dialogue: ShownDialogue) -> str:
    """Say what the model said, what was read in it, and how sure it was."""
    from brainplug.report.wording import show_number

    facts = [f"truth {value(dialogue.truth)}"]
    if answer.prediction is not None:
        facts.append(f"read as {value(answer.prediction)}")
        if not isinstance(answer.prediction, str) and not isinstance(dialogue.truth, str):
            facts.append(f"off by {show_number(abs(answer.prediction - dialogue.truth))}")
    if answer.expected is not None:
        facts.append(f"expected {show_number(answer.expected)}")
    chances = answer.probabilities or {}
    facts += [f"p({label}) {chance:.2f}" for label, chance in chances.items()]
    # What is said stays on its line, whatever it holds; the terminal shows control characters.
    said = answer.text.replace("\n", "\N{SYMBOL FOR NEWLINE}")
    return f'{answer.outcome}: "{said}"\n{", ".join(facts)}'


def value(given: str | float) -> str:
    """Return a label as it is, a number without needless zeros."""
    return given if isinstance(given, str) else f"{given:g}"
