"""`brainplug completion`: what a shell completes after `brainplug`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from brainplug.cli.opening import open_registry
from brainplug.cli.parser import add_command, commands_of, one_of

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Iterator, Mapping

    from brainplug.cli.parser import Commands, Parser

SHELLS = ("bash", "zsh", "fish")

BASH = """\
# Completion of brainplug {version}: commands, options, shipped recipes, parts and stages.
# Made by `brainplug completion {shell}`; make it again after plugins were installed.
{begin}_brainplug() {{
    local word="${{COMP_WORDS[COMP_CWORD]}}" before="${{COMP_WORDS[COMP_CWORD-1]}}"
    local words="" files="yes" command="${{COMP_WORDS[1]}}"
    COMPREPLY=()
    if [[ $COMP_CWORD -eq 1 ]]; then
        COMPREPLY=($(compgen -W "{commands} --help --version" -- "$word"))
        return
    fi
    case "$command $before" in
{values}
        *) case "$command" in
{options}
            esac ;;
    esac
    # What is no option, and none of a few values, may be a file.
    if [[ $word == -* || -z $files ]]; then
        COMPREPLY=($(compgen -W "$words" -- "$word"))
    else
        COMPREPLY=($(compgen -W "$words" -- "$word") $(compgen -f -- "$word"))
    fi
}}
complete -o filenames -F _brainplug brainplug
"""

FISH = """\
# Completion of brainplug {version}: commands, options, shipped recipes, parts and stages.
# Made by `brainplug completion fish`; make it again after plugins were installed.
complete -c brainplug -n __fish_use_subcommand -f -a "{commands}"
complete -c brainplug -n __fish_use_subcommand -l help
complete -c brainplug -n __fish_use_subcommand -l version
{lines}
"""

ZSH = "autoload -U +X compinit && compinit\nautoload -U +X bashcompinit && bashcompinit\n"
"""zsh runs what is written for bash."""

WORD = re.compile(r"[A-Za-z0-9_.-]+")
"""Names that a script can hold as they are."""


def add_completion(commands: Commands) -> None:
    """Describe `completion`."""
    command = add_command(
        commands,
        "completion",
        "print a script that lets a shell complete what you type",
        examples=(
            "brainplug completion bash > ~/.local/share/bash-completion/completions/brainplug",
            "brainplug completion zsh >> ~/.zshrc",
            "brainplug completion fish > ~/.config/fish/completions/brainplug.fish",
        ),
    )
    command.add_argument(
        "shell", type=one_of("shell", SHELLS), metavar="SHELL", help="bash, zsh or fish"
    )
    command.set_defaults(command=completion_command)


def completion_command(given: argparse.Namespace) -> None:
    """Do `brainplug completion`."""
    print(script(given.shell, given.program, names_of_parts()), end="")


def names_of_parts() -> list[str]:
    """Return the names of all parts that are installed."""
    from brainplug.registry import ROLES

    registry = open_registry()
    return sorted({name for role in ROLES for name in registry.parts(role)})


def script(shell: str, parser: argparse.ArgumentParser, parts: Iterable[str]) -> str:
    """Write the script for a shell.

    Args:
        shell: one of `SHELLS`.
        parser: of the program.
        parts: names of installed parts.
    """
    from importlib import metadata

    from brainplug.recipe.shipped import shipped_names

    commands = commands_of(parser)
    after, version = values_after(parts), metadata.version("brainplug")
    if shell == "fish":
        lines = [line for name in commands for line in fish_lines(name, commands[name], after)]
        return FISH.format(version=version, commands=join(commands), lines="\n".join(lines))
    values = [
        f'        {bash_pattern(*each)}) words="{join(after[each])}" files="" ;;' for each in after
    ]
    recipes = join(shipped_names())
    options = []
    for name, command in commands.items():
        named = takes_recipe(name, command)
        more = recipes if named else join(parts) if name == "plugins" else ""
        options.append(f'                {name}) words="{join(command.options())} {more}" ;;')
    return BASH.format(
        version=version,
        shell=shell,
        begin=ZSH if shell == "zsh" else "",
        commands=join(commands),
        values="\n".join(values),
        options="\n".join(options),
    )


def takes_recipe(name: str, command: Parser) -> bool:
    """Tell whether a command takes a recipe, which may be a shipped one."""
    return command.takes("recipe") or name == "init"


def bash_pattern(command: str, before: str) -> str:
    """Write which words stand before what is completed, as a pattern of bash.

    >>> bash_pattern("*", "--until"), bash_pattern("new", "new")
    ('*" --until"', '"new new"')
    """
    return f'*" {before}"' if command == "*" else f'"{command} {before}"'


def fish_lines(
    name: str, command: Parser, after: Mapping[tuple[str, str], Iterable[str]]
) -> Iterator[str]:
    """Write what fish completes after a command."""
    from brainplug.recipe.shipped import shipped_names

    start = f'complete -c brainplug -n "__fish_seen_subcommand_from {name}"'
    for option in command.options():
        values = after.get((name, option)) or after.get(("*", option))
        told = f' -x -a "{join(values)}"' if values else ""
        yield f"{start} -l {option.removeprefix('--')}{told}"
    if takes_recipe(name, command):
        yield f'{start} -a "{join(shipped_names())}"'
    words = [each for each in after.get((name, name), ()) if not each.startswith("-")]
    if words:
        yield f'{start} -f -a "{join(words)}"'


def values_after(parts: Iterable[str]) -> Mapping[tuple[str, str], Iterable[str]]:
    """Return what may follow: command (`*` for any) and the word before -> words."""
    from brainplug.cli import new, predict, run, show

    return {
        ("*", "--until"): run.STAGES,
        ("prepare", "--format"): run.FORMATS,
        ("predict", "--format"): predict.FORMATS,
        ("show", "--split"): show.SPLITS,
        ("completion", "completion"): SHELLS,
        ("new", "new"): new.ROLES,
        ("plugins", "plugins"): (*parts, "--recipe", "--json", "--verbose", "--help"),
    }


def join(names: Iterable[str]) -> str:
    """Join names; one that a shell would take apart, as a stranger's may be, is left out."""
    return " ".join(name for name in names if WORD.fullmatch(name))
