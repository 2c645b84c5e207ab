"""What the environment holds stays there."""

from __future__ import annotations

from brainplug.cli.main import main
from finished import SECRET, TOKENS


def test_no_file_of_a_run_holds_a_token_of_the_environment(sex_run):
    """Neither records, nor logs, nor models; the names of such variables neither."""
    files = [path for path in sex_run.rglob("*") if path.is_file()]
    wanted = [SECRET.encode(), *(name.encode() for name in TOKENS)]

    assert len(files) > 25
    held = {path.name: path.read_bytes() for path in files}
    assert [] == [(name, each) for name, text in held.items() for each in wanted if each in text]


def test_no_error_shows_a_token_of_the_environment(write_recipe, monkeypatch, capsys, tmp_path):
    """Nor its traceback, which `--verbose` shows to be pasted into a report."""
    for name in TOKENS:
        monkeypatch.setenv(name, SECRET)
    recipe = write_recipe()
    recipe.write_text(recipe.read_text().replace('column = "sex"', 'column = "nothing"'))

    for more in ((), ("--verbose",)):
        given = ["prepare", str(recipe), "--output", str(tmp_path / "run"), *more]
        assert 1 == main(given)
        told = capsys.readouterr()
        assert "nothing" in told.err
        assert SECRET not in told.err + told.out
    assert SECRET not in (tmp_path / "run" / "log.txt").read_text()
