"""What the command line says: help, what may have been meant, JSON, completion."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from brainplug.cli.completion import script
from brainplug.cli.main import main, make_parser
from brainplug.cli.parser import commands_of

COMMANDS = sorted(commands_of(make_parser()))


def test_alone_it_prints_its_help(capsys):
    """No command is no mistake of usage."""
    with pytest.raises(SystemExit) as ended:
        main([])

    assert 0 == ended.value.code
    assert "brainplug run demo" in capsys.readouterr().out


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_every_command_has_an_example_and_exit_codes(name, capsys):
    """And it names the environment variables that the command obeys."""
    with pytest.raises(SystemExit):
        main([name, "--help"])

    told = capsys.readouterr().out
    assert f"\n  brainplug {name} " in told or f"\n  brainplug {name}\n" in told
    for words in ("example", "environment:", "NO_COLOR", "exit codes:", "130 stopped by Ctrl-C"):
        assert words in told


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        (["rnu", "demo"], "no command 'rnu'; did you mean 'run'?"),
        (["run", "demo", "--until", "vloumes"], "no stage 'vloumes'; did you mean 'volumes'?"),
        (["run", "demo", "--untl", "x"], "no option '--untl'; did you mean '--until'?"),
        (["prepare", "demo", "--format", "lava"], "no format 'lava'; did you mean 'llava'?"),
        (["predict", "r", "--query", "q", "--format", "jsn"], "did you mean 'json'?"),
        (["completion", "bsh"], "no shell 'bsh'; did you mean 'bash'?"),
        (["check", "demo", "more"], "one argument too many: 'more'"),
    ],
)
def test_wrong_usage_says_what_may_have_been_meant(given, meant, capsys):
    """Exit code 2, and nothing on standard output."""
    with pytest.raises(SystemExit) as ended:
        main(given)

    told = capsys.readouterr()
    assert (2, "") == (ended.value.code, told.out)
    assert meant in told.err


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        (["check", "dmeo"], "did you mean 'demo'?"),
        (["plugins", "stratifed"], "did you mean 'stratified'?"),
        (
            ["check", "demo", "--set", "trainig.epochs=3"],
            "trainig: unknown key: {'epochs': 3}; did",
        ),
        (["check", "demo", "--set", "training.epocs=3"], "did you mean 'epochs'?"),
        (["run", "demo", "--set", "model.use=tinny"], "did you mean 'tiny'?"),
    ],
)
def test_a_name_that_is_none_says_which_is_near(given, meant, capsys):
    """Recipes, parts and keys; a changed key is named with the change that was given."""
    assert 1 == main(given)

    told = capsys.readouterr().err
    assert meant in told
    assert "--set" not in given or "demo with --set " in told


def test_the_parts_take_one_line_each(capsys):
    """Name and what it does; in a pipe no line is cut."""
    assert 0 == main(["plugins"])

    lines = capsys.readouterr().out.splitlines()
    (line,) = [line for line in lines if line.startswith("  stratified ")]
    assert "Deals the people of each class, or quantile of a number, to all pools" in line
    assert 1 == sum(line.startswith("  tiny ") for line in lines)


def test_json_of_the_parts_is_json(capsys):
    """Every part with its options, as `plugins NAME` shows them."""
    assert 0 == main(["plugins", "--json"])
    found = {(each["role"], each["name"]): each for each in json.loads(capsys.readouterr().out)}
    assert found["splits", "family"]["table"] == "split"
    assert "fractions.train" in {each["key"] for each in found["splits", "family"]["options"]}

    assert 0 == main(["plugins", "tiny", "--json"])
    (tiny,) = json.loads(capsys.readouterr().out)
    assert ("models", "tiny") == (tiny["role"], tiny["name"])


def test_json_of_a_check_is_json_and_the_rest_is_aside(write_recipe, capsys):
    """The counts of the tables are numbers; `--set` changes what is counted."""
    more = ["--set", "pairing.references_per_query=1", "--json"]
    assert 0 == main(["check", str(write_recipe()), *more])

    told = capsys.readouterr()
    found = json.loads(told.out)
    assert 60 == found["studies"]["SIMULATED"]["rows read"]
    assert found["tasks"]["train"] == found["asked"]["train"]["asked"]
    assert found["pools"]["train_query"]["scans"] == sum(
        count for name, count in found["pools"]["train_query"].items() if name != "scans"
    )
    assert {"tokens_a_dialogue", "steps", "memory_gib", "notes", "warnings"} <= found.keys()
    assert "tokens a dialogue" in told.err


def complete(words: list[str], tmp_path) -> list[str]:
    """Return what bash offers for the last of some words."""
    text = script("bash", make_parser(), ["stratified", "subject", "a b"])
    (tmp_path / "script.sh").write_text(text)
    asked = f"COMP_WORDS=({' '.join(map(repr, words))}); COMP_CWORD={len(words) - 1}"
    done = subprocess.run(
        [
            "bash",
            "-c",
            f'source script.sh; {asked}; _brainplug; printf "%s\\n" "${{COMPREPLY[@]}}"',
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split()


@pytest.mark.skipif(sys.platform == "win32", reason="needs bash")
@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["brainplug", "comp"], ["compare", "completion"]),
        (["brainplug", "run", "demo-"], ["demo-bmi", "demo-reference"]),
        (["brainplug", "run", "demo", "--until", "vo"], ["volumes"]),
        (["brainplug", "plugins", "str"], ["stratified"]),
        (["brainplug", "prepare", "x", "--format", "tr"], ["trl"]),
        (["brainplug", "run", "scr"], ["script.sh"]),
        (["brainplug", "plugins", "s"], ["stratified", "subject"]),
    ],
)
def test_bash_completes_commands_recipes_parts_and_stages(words, offered, tmp_path):
    """And files, where a recipe may be one."""
    assert offered == complete(words, tmp_path)


@pytest.mark.parametrize(
    ("command", "line"),
    [
        ("run", ' -l until -x -a "cohort split'),
        ("check", ' -a "abcd-bmi'),
        ("plugins", ' -f -a "stratified subject"'),
    ],
)
def test_fish_has_the_same_words(command, line):
    """Options with their values, shipped recipes, and parts whose names a shell leaves whole."""
    text = script("fish", make_parser(), ["stratified", "subject", "a b"])

    assert f'"__fish_seen_subcommand_from {command}"{line}' in text


def test_the_door_is_light():
    """Help and completion of wrong names import neither torch nor pandas."""
    code = (
        "import sys; from brainplug.cli.main import make_parser; make_parser(); "
        "sys.exit(any(name in sys.modules for name in ('torch', 'pandas', 'rich', 'numpy')))"
    )

    assert 0 == subprocess.run([sys.executable, "-c", code], check=False).returncode
