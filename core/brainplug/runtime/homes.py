"""Paths that begin at a home, as a shell leaves them where they stand in quotes or behind `=`."""

from __future__ import annotations

import os
from pathlib import Path


def expanded(path: Path | str) -> Path:
    """Return a path with a home in the place of `~`; that of nobody is left as it is.

    >>> expanded("~no-such-user/x").as_posix()
    '~no-such-user/x'
    """
    return Path(os.path.expanduser(path))  # noqa: PTH111 - Path's own raises for nobody's
