"""Where a plugin may keep files of its own, how it writes them whole, and how it shares work out.

These are the engine's own means, offered under names that stay.
"""

from brainplug.runtime.files import (
    cache_folder,
    into_cache,
    read_json,
    replacing,
    write_csv,
    write_json,
    write_text,
)
from brainplug.runtime.workers import in_processes

__all__ = [
    "cache_folder",
    "in_processes",
    "into_cache",
    "read_json",
    "replacing",
    "write_csv",
    "write_json",
    "write_text",
]
