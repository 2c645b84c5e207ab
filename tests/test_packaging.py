"""What is published says one thing: versions, extras, containers and the workflow of a release."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT = PYPROJECT["project"]
CONTAINERS = sorted((ROOT / "containers").iterdir())


def read_constraints() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    return dict(line.split("==") for line in lines if "==" in line)


def numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", version.partition("+")[0])[:3]))


def test_one_version_is_told_everywhere():
    """Project, citation and changelog name the same."""
    version, changes = PROJECT["version"], (ROOT / "CHANGELOG.md").read_text()

    assert version == yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"]
    assert re.search(rf"^## {re.escape(version)} ", changes, re.MULTILINE)


def test_what_is_tested_is_not_below_what_is_asked_for():
    """Each constraint keeps the lower bound of its requirement."""
    lists = [PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()]
    asked = [each for some in (*lists, *PYPROJECT["dependency-groups"].values()) for each in some]
    pinned = {name.lower(): version for name, version in read_constraints().items()}
    checked = 0
    for each in asked:
        if not isinstance(each, str) or ">=" not in each:
            continue
        name, _, bound = each.partition(">=")
        if name.lower() in pinned:
            assert numbers(pinned[name.lower()]) >= numbers(bound), each
            checked += 1

    assert checked > 25


@pytest.mark.parametrize("path", CONTAINERS, ids=lambda path: path.name)
def test_a_container_copies_what_there_is(path):
    """Sources of copies are in the repository, and Docker is let see them."""
    text = path.read_text()
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.MULTILINE)
    names = [name for line in copied for name in line.split()]
    names += re.findall(r"^    (\S+) /src/", text, re.MULTILINE)
    seen = (ROOT / ".dockerignore").read_text()

    assert {"core", "plugins", "recipes", "pyproject.toml", "constraints.txt"} <= set(names)
    assert all((ROOT / name).exists() for name in names)
    assert all(f"!{name}\n" in seen for name in names)


@pytest.mark.parametrize("path", CONTAINERS, ids=lambda path: path.name)
def test_a_container_asks_for_extras_that_exist(path):
    """Its Python is one that brainplug runs on."""
    text = path.read_text()
    extras = re.findall(r"\[([a-z,]+)\]", text)
    (python,) = set(re.findall(r"python:(\d+\.\d+)-", text))

    assert extras
    assert set(",".join(extras).split(",")) <= PROJECT["optional-dependencies"].keys()
    assert f"Programming Language :: Python :: {python}" in PROJECT["classifiers"]


def test_a_release_is_tested_before_it_is_published():
    """The workflow reads as YAML, calls targets there are, and gives rights to one job alone."""
    flow = yaml.safe_load((ROOT / ".github" / "workflows" / "release.yml").read_text())
    build, publish = flow["jobs"]["build"], flow["jobs"]["publish"]
    called = [
        target
        for step in build["steps"]
        for target in re.findall(r"^make (\S+)", step.get("run", ""), re.MULTILINE)
    ]
    makefile = (ROOT / "Makefile").read_text()

    assert ["test", "test-wheel"] == called
    assert all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in called)
    assert {} == flow["permissions"]
    assert "build" == publish["needs"]
    assert {"id-token": "write"} == publish["permissions"]
    assert "password" not in str(publish)


def test_extras_hold_what_they_are_named_for():
    """A demo has its page; an extra of everything is not needed."""
    extras = PROJECT["optional-dependencies"]

    assert {"demo", "excel", "gpu", "report"} <= extras.keys()
    assert "brainplug[report]" in extras["demo"]
    heavy = {"matplotlib", "openpyxl", "nilearn", "deepspeed"}
    assert not [each for each in PROJECT["dependencies"] if re.split("[><=]", each)[0] in heavy]
