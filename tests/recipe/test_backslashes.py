"""Windows paths in double quotes are told what their backslashes mean."""

from __future__ import annotations

from pathlib import Path

import pytest

from brainplug.errors import RecipeError
from brainplug.recipe.strict import ProblemsError, read_toml, structure_path


@pytest.mark.parametrize("path", [r"C:\Users\me", r"data\models", r"data\xray", r"D:\u12"])
def test_a_path_that_is_no_toml_names_the_backslash(tmp_path, path):
    """The parser alone speaks of hexadecimal digits."""
    (tmp_path / "r.toml").write_text(f'[cohort]\ntable = "{path}"\n')

    with pytest.raises(RecipeError, match="a backslash begins an escape"):
        read_toml(tmp_path / "r.toml", "r.toml")


@pytest.mark.parametrize("path", ["data\tables\new.csv", "a\bids", "x\rest"])
def test_a_path_that_became_tabs_names_the_backslash(path):
    r"""`"data\tables\new.csv"` is TOML, and no file of that name is missing."""
    with pytest.raises(ProblemsError, match="a backslash begins an escape"):
        structure_path(path, Path("/base"))


def test_other_mistakes_do_not_speak_of_backslashes(tmp_path):
    """A missing quotation mark is one of its own."""
    (tmp_path / "r.toml").write_text('[cohort]\ntable = "a\n')

    with pytest.raises(RecipeError) as caught:
        read_toml(tmp_path / "r.toml", "r.toml")

    assert "backslash" not in str(caught.value)
