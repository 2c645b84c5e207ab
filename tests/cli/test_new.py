"""`brainplug new`: what it writes works as it stands, and nothing is overwritten or guessed."""

from __future__ import annotations

import importlib
import inspect
import subprocess
import sys

import pytest

from brainplug.cli.main import main
from brainplug.cli.new import ROLES
from brainplug.plugin_sources import import_file
from brainplug.registry import load_registry
from brainplug.testing import checks, write_scan

TABLE = """Proband;Geschlecht;BMI;Händigkeit "lr";Geburt
007;1;23,5;l;1.2.1980
008;2;21,1;r;3.4.1981
009;1;20;l;5.6.1982
010;2;25,5;r;7.8.1983
"""


@pytest.fixture
def _light(monkeypatch):
    """Leave out that an import is light, which is asked for all roles at once."""
    monkeypatch.setattr(checks, "import_faults", lambda _module: iter(()))


def call_tests(module, folder):
    """Call the tests of a module as pytest would; return their names."""
    tests = [each for name, each in vars(module).items() if name.startswith("test_")]
    for number, test in enumerate(tests):
        place = folder / str(number)
        place.mkdir(parents=True)
        test(place) if inspect.signature(test).parameters else test()
    return [test.__name__ for test in tests]


def import_tests(home, monkeypatch, *modules):
    """Import modules of a package that is not installed."""
    for folder in (home, home / "tests"):
        monkeypatch.syspath_prepend(str(folder))
    return [importlib.import_module(name) for name in modules]


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.usefixtures("_light")
def test_each_role_begins_with_a_part_that_works(role, tmp_path, monkeypatch, capsys):
    """The package offers one part of that role and name, and its own tests pass."""
    assert 0 == main(["new", role, f"begun-{role}", "--output", str(tmp_path)])
    home = tmp_path / f"brainplug-begun-{role}"
    assert f'"begun-{role}"' in capsys.readouterr().out

    plugin, tests = import_tests(home, monkeypatch, f"brainplug_begun_{role}", f"test_begun_{role}")

    registry = load_registry(discover=False, plugins=[plugin])
    assert [(f"{role}s", f"begun-{role}")] == list(registry.sources)
    assert call_tests(tests, tmp_path / "tried")


def test_what_is_begun_is_formatted_and_light(tmp_path):
    """As ruff leaves it without settings of anybody's; importing it brings no torch."""
    (tmp_path / "people.csv").write_text(TABLE)
    long = "name-of-thirty-letters-or-more"
    for role in ROLES:
        assert 0 == main(["new", role, f"it-{role}", "--output", str(tmp_path)])
        assert 0 == main(["new", role, long[: -len(role)] + role, "--output", str(tmp_path)])
    table = ["--table", str(tmp_path / "people.csv"), "--output", str(tmp_path)]
    assert 0 == main(["new", "cohort", "begun-from", *table])

    for command in (["format", "--check"], ["check"]):
        ran = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--no-cache", str(tmp_path)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert 0 == ran.returncode, ran.stdout
    modules = sorted(tmp_path.glob("*/brainplug_*.py"))
    assert 15 == len(modules)
    code = f"import sys; sys.path[:0] = {[str(path.parent) for path in modules]!r}; import "
    code += ", ".join(path.stem for path in modules)
    code += f"; print([name for name in {checks.HEAVY!r} if name in sys.modules])"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "[]" == ran.stdout.strip()


REFUSED = {
    "metrics my-score": ["unknown role 'metrics'", "did you mean 'metric'?"],
    "observer my-score": ["cohort, split, pairing, prompt, head, metric, model"],
    "metric My_Score": ["'My_Score'", "did you mean 'my-score'?"],
    "metric mae": ["'mae'", "brainplug 0", "my-mae"],
    f"metric {'a' * 31}": ["at most 30"],
    "metric my-score --table people.csv": ["--table", "cohort"],
    "model torch --file": ["torch.py", "name of a library", "my-torch"],
    "metric json --file": ["json.py", "name of a library"],
    "split class --file": ["class.py", "Python can import", "my-class"],
    "prompt 3d --file": ["3d.py", "Python can import"],
    "cohort my-study --table nowhere.csv": ["nowhere.csv", "no such file"],
}


@pytest.mark.parametrize("asked", REFUSED)
def test_what_cannot_be_begun_is_refused(asked, tmp_path, monkeypatch, capsys):
    """With what is near; nothing is written."""
    monkeypatch.chdir(tmp_path)

    assert 1 == main(["new", *asked.split()])

    told = capsys.readouterr().err
    assert all(each in told for each in REFUSED[asked])
    assert [] == list(tmp_path.iterdir())


def test_nothing_is_overwritten(tmp_path, capsys):
    """Not a package, and not a file; an empty folder is nothing."""
    asked = ["new", "metric", "begun-once", "--output", str(tmp_path)]
    (tmp_path / "brainplug-begun-once").mkdir()
    assert 0 == main(asked)
    module = tmp_path / "brainplug-begun-once" / "brainplug_begun_once.py"
    module.write_text("mine")

    assert 1 == main(asked)
    assert 0 == main([*asked, "--file"])
    (tmp_path / "begun_once.py").write_text("mine too")
    assert 1 == main([*asked, "--file"])

    assert "nothing is overwritten" in capsys.readouterr().err
    assert "mine" == module.read_text()
    assert "mine too" == (tmp_path / "begun_once.py").read_text()


def test_a_single_file_is_what_a_recipe_can_name(tmp_path, capsys):
    """And the command says how."""
    assert 0 == main(["new", "prompt", "my-words", "--file", "--output", str(tmp_path)])

    assert 'plugins = ["my_words.py"]' in capsys.readouterr().out
    plugin = import_file(tmp_path / "my_words.py").module
    assert "my-words" in load_registry(discover=False, plugins=[plugin]).prompts


STATED = {
    'SUBJECT = ""': 'SUBJECT = "Proband"',
    'SCAN = ""': 'SCAN = "sub-{subject}/anat/*_T1w.nii.gz"',
    '"Geschlecht": {},': '"Geschlecht": {"1": "weiblich", "2": "männlich"},',
    "'Händigkeit \"lr\"': {},": '\'Händigkeit "lr"\': {"l": "links", "r": "rechts"},',
    'DECIMAL_COMMAS: list[str] = [""]': 'DECIMAL_COMMAS: list[str] = ["BMI"]',
}
"""What the author of a study says, in place of what was written."""


@pytest.mark.usefixtures("_light")
def test_a_loader_begins_from_the_users_own_columns(tmp_path, monkeypatch, capsys):
    """Separators, decimal commas and zeros of ids are seen; no meaning is guessed."""
    (tmp_path / "people.csv").write_text(TABLE)
    table = ["--table", str(tmp_path / "people.csv"), "--output", str(tmp_path)]

    assert 0 == main(["new", "cohort", "begun-birth", *table])

    said = capsys.readouterr().out
    for each in ("SUBJECT", "SCAN", '"Geschlecht"', "Händigkeit", '"BMI" have decimal commas'):
        assert each in said
    assert "Geburt" not in said  # no column of few values
    home = tmp_path / "brainplug-begun-birth"
    module = home / "brainplug_begun_birth.py"
    text = module.read_text()
    assert '"Geschlecht": {},  # STATE the words of "1", "2"' in text
    assert "007" not in text
    assert "1980" not in text
    plugin, tests = import_tests(home, monkeypatch, "brainplug_begun_birth", "test_begun_birth")
    with pytest.raises(AssertionError, match="SUBJECT is empty; SCAN is empty; DECIMAL"):
        tests.test_all_is_stated()

    for old, new in STATED.items():
        assert 1 == text.count(old)
        text = text.replace(old, new)
    module.write_text(text)
    for each in (plugin, tests):
        importlib.reload(each)
    assert 2 == len(call_tests(tests, tmp_path / "tried"))


def test_a_table_is_read_when_all_is_stated(tmp_path):
    """Ids keep their zeros, decimals are numbers, and a row without a scan is told."""
    (tmp_path / "people.csv").write_text(TABLE)
    table = ["--table", str(tmp_path / "people.csv"), "--output", str(tmp_path), "--file"]
    assert 0 == main(["new", "cohort", "stated", *table])
    text = (tmp_path / "stated.py").read_text()
    for old, new in STATED.items():
        text = text.replace(old, new)
    (tmp_path / "stated.py").write_text(text)
    for subject in ("007", "008", "009", "of-nobody", "of-nobody-else"):
        write_scan(tmp_path / f"T1/sub-{subject}/anat/sub-{subject}_T1w.nii.gz")
    part = next(import_file(tmp_path / "stated.py").module.brainplug_cohorts())
    options = part.options(table=tmp_path / "people.csv", images=tmp_path / "T1")

    found = part.make(options).load()

    assert "STATED" == found.study
    assert (4, 5, 3) == (found.join.rows, found.join.images, found.join.matched)
    assert ["007", "008", "009"] == found.scans["subject"].tolist()
    assert ["23.5", "21.1", "20"] == found.scans["BMI"].tolist()
    assert [["010", "no image"]] == found.exclusions[["subject", "reason"]].to_numpy().tolist()


@pytest.mark.parametrize(("where", "told"), [("study", "people.csv"), (".", "study/people.csv")])
def test_a_recipe_names_the_table_that_was_given(where, told, tmp_path, monkeypatch, capsys):
    """As seen from the recipe beside the file; no folder of scans is made up."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "people.csv").write_text(TABLE)

    table = ["--table", "study/people.csv", "--output", where]
    assert 0 == main(["new", "cohort", "named", "--file", *table])

    said = capsys.readouterr().out
    assert f'table = "{told}"' in said
    assert 'images = "…"  # STATE' in said
    assert "scans/" not in said
