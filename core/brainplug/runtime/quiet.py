"""Keeps other libraries' bars and notices off the terminal."""

from __future__ import annotations

import os


def quieten() -> None:
    """Keep transformers' own bars and notices off the terminal, which shows ours."""
    from transformers.utils import logging

    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    logging.set_verbosity_error()
    logging.disable_progress_bar()
