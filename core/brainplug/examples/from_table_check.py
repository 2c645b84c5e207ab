"""The loader keeps its contract on a made-up table of the same columns."""

from pathlib import Path

import pandas as pd
import pytest

from brainplug.examples import from_table as plugin
from brainplug.testing import Example, check_plugin, write_scan


def test_all_is_stated() -> None:
    """Each line of this failure is something that you alone can say."""
    assert not plugin.unstated(), "still to state: " + "; ".join(plugin.unstated())


@pytest.mark.skipif(bool(plugin.unstated()), reason="not all is stated yet")
def test_the_loader_keeps_its_contract(tmp_path: Path) -> None:
    """Every row of a made-up table finds its scan, or is told with its reason."""
    rows = []
    for number in range(1, 7):
        row = dict.fromkeys(plugin.COLUMNS, str(number))
        row |= {name: next(iter(words)) for name, words in plugin.CODES.items()}
        row |= dict.fromkeys(plugin.DECIMAL_COMMAS, "1,5")
        row[plugin.SUBJECT] = f"p{number}"
        visit = row[plugin.SESSION] if plugin.SESSION else ""
        scan = plugin.SCAN.replace("{subject}", f"p{number}")
        scan = scan.replace("{session}", visit).replace("*", "x").replace("?", "x")
        write_scan(tmp_path / "scans" / scan)
        rows.append(row)
    table = tmp_path / "people.tsv"
    pd.DataFrame(rows).to_csv(table, sep="\t", index=False)
    options = {"table": table, "images": tmp_path / "scans"}
    example = Example(options=options)
    check_plugin(plugin, {"from-table": example})
