"""The words of the command line: help with examples, and what may have been meant."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any, NoReturn

from brainplug.errors import suggestion

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    Commands = argparse._SubParsersAction["Parser"]  # noqa: SLF001 - has no other name

CODES = """\
exit codes:
  0   done
  1   a recipe, data, a plugin or a run is not as it should be; said on stderr
  2   wrong usage
  130 stopped by Ctrl-C, 143 by SIGTERM, 129 by SIGHUP (a run goes on from there)
"""

VARIABLES = {
    "BRAINPLUG_CACHE": "folder of what runs share: scans on the grid, simulated studies",
    "CUDA_VISIBLE_DEVICES": "GPUs that may be used",
    "HF_HUB_OFFLINE": "1: download no weights",
    "NO_COLOR": "anything: no colours",
    "OMP_NUM_THREADS": "most CPU threads of one process",
}
"""Environment variables that are told, with what each does."""

CACHE, COLOR = ("BRAINPLUG_CACHE",), ("NO_COLOR",)
LEARNING = ("BRAINPLUG_CACHE", "CUDA_VISIBLE_DEVICES", "HF_HUB_OFFLINE", "OMP_NUM_THREADS")


class Help(argparse.RawDescriptionHelpFormatter):
    """Help that keeps the lines of its examples, and has room for the longest command."""

    def __init__(self, prog: str, **options: Any) -> None:
        """Take what argparse's formatter takes."""
        super().__init__(prog, max_help_position=27, **options)

    def add_argument(self, action: argparse.Action) -> None:
        """Make room for an argument; argparse forgets that commands are indented twice."""
        super().add_argument(action)
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - has no other name
            longest = max(map(len, action.choices))
            self._action_max_length = max(self._action_max_length, longest + 4)


class Parser(argparse.ArgumentParser):
    """A parser that keeps the lines of its examples, and names what is near to a typing error."""

    def __init__(self, **options: object) -> None:
        """Take what argparse's parser takes."""
        options.setdefault("formatter_class", Help)
        # `--out` for `--output` would break a script once there is a second option like it.
        options.setdefault("allow_abbrev", False)
        super().__init__(**options)  # type: ignore[arg-type]

    def options(self) -> list[str]:
        """Return its long options."""
        names = (text for action in self._actions for text in action.option_strings)
        return sorted(text for text in names if text.startswith("--"))

    def takes(self, name: str) -> bool:
        """Tell whether it has an argument of this name, which is no option."""
        return any(each.dest == name and not each.option_strings for each in self._actions)

    def refuse(self, what: str, given: str, known: Iterable[str]) -> NoReturn:
        """End with what may have been meant, exit code 2."""
        self.error(f"no {what} {given!r}; {suggestion(given, known)}")


def add_command(
    commands: Commands,
    name: str,
    about: str,
    *,
    examples: Sequence[str],
    variables: Sequence[str] = (),
) -> Parser:
    """Add a command with its examples, environment variables and exit codes.

    Args:
        commands: of the program.
        name: of the command.
        about: what it does, in a line.
        examples: command lines.
        variables: names in `VARIABLES` that it obeys, beside `NO_COLOR`.
    """
    many = "s" if len(examples) > 1 else ""
    lines = [f"example{many}:", *(f"  {each}" for each in examples), "", "environment:"]
    lines += [f"  {each:<21} {VARIABLES[each]}" for each in (*variables, *COLOR)]
    return commands.add_parser(
        name,
        help=about,
        description=f"{about[:1].upper()}{about[1:]}.",
        epilog="\n".join([*lines, "", CODES]),
    )


def one_of(what: str, known: Sequence[str]) -> Callable[[str], str]:
    """Return a reader of a name, which says what may have been meant.

    >>> one_of("stage", ["cohort", "split"])("cohort")
    'cohort'
    """

    def read(given: str) -> str:
        if given not in known:
            raise argparse.ArgumentTypeError(f"no {what} {given!r}; {suggestion(given, known)}")
        return given

    return read


def parse(parser: argparse.ArgumentParser, arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read a command line; without a command, print the help.

    Raises:
        SystemExit: help was asked for (0), or the usage is wrong (2).
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    commands = commands_of(parser)
    if not given:
        parser.print_help()
        raise SystemExit(0)
    first = given[0]
    if not first.startswith("-") and first not in commands:
        assert isinstance(parser, Parser)
        parser.refuse("command", first, commands)
    found, unknown = parser.parse_known_args(given)
    if unknown:
        command: argparse.ArgumentParser = commands.get(first) or parser
        assert isinstance(command, Parser)
        if unknown[0].startswith("-"):
            command.refuse("option", unknown[0].partition("=")[0], command.options())
        command.error(f"one argument too many: {unknown[0]!r}")
    return found


def commands_of(parser: argparse.ArgumentParser) -> dict[str, Parser]:
    """Return the parser of each command."""
    for action in parser._actions:  # noqa: SLF001 - argparse tells it no other way
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            return dict(action.choices)
    return {}
