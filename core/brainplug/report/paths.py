"""Paths in a text that may be shared: folders tell names of people, groups and machines.

All texts of a page pass through here, notes, errors and the recipe, in which a path is written in
any of the ways that an operating system or a library has.
"""

from __future__ import annotations

import re

from brainplug.report.sharing import HIDDEN

ROOT = r"""(?:
    (?!https?:) [A-Za-z][\w+.-]+ :/{2,3}    # file:///home, smb://server; a page on the web is none
  | [A-Za-z] : (?: [\\/]+ | (?=[\w .-]+\\)) # C:\Users, C:/Users, and C:\\Users as a string has it
  | \\\\+                                   # \\server\share
  | ~ [\w.-]* [\\/]+                        # ~/data, ~somebody/data
  | \$ \{? (?:env:)? \w+ \}? [\\/]+ | % \w+ % [\\/]+  # $HOME/data, %USERPROFILE%\data
  | (?: \.\.? [\\/]+ )+                     # ../somebody/data
  | [\w.-]+ @ [\w.-]+ : /+                 # somebody@server:/data
  | /+
)"""
"""How a path begins that names folders outside of the recipe's own."""

# A space is part of a folder's name unless a sentence goes on: after a comma and the like, or after
# what ends as the name of a file does.
FOLDER = r"""(?:
    [^\\/\s"'`<>|;]
  | (?<=\w) ' (?=\w)
  | (?<![\s,;:)\]]) (?<!\.\w\w) (?<!\.\w{3}) (?<!\.\w{4}) [ ] (?=[^\s\\/"'(])
  | (?<!\.\w\w) (?<!\.\w{3}) (?<!\.\w{4}) [ ] \( [^()\n\\/]* \) (?=[\\/])  # Data (1)
  | (?<=\w,) (?<!\.\w\w,) (?<!\.\w{3},) (?<!\.\w{4},) [ ] (?=\w+[\\/])  # Doe, Jane
)+"""

NOT_AMID = r"(?<![\w.…/\\])"

QUOTED = re.compile(
    rf"""(["'`]) {ROOT} (?: (?!\1) [^\n] )* [\\/]+ (?= [^\n\\/]*? \1 )""", re.VERBOSE
)
BARE = re.compile(rf"{NOT_AMID} (?<!http:) (?<!https:) {ROOT} (?: {FOLDER} [\\/]+ )+", re.VERBOSE)
HOME = re.compile(rf"{NOT_AMID}(?:~[\w.-]*|\$\{{?\w+\}}?|%\w+%)[\\/]+(?=[^\s\\/])")
"""A home folder that a file lies right in, so that there is no other folder to cut."""

USERS = r"(?: / (?:home|Users) | [A-Za-z]:[\\/]+Users ) [\\/]+"
SOMEBODY = re.compile(
    rf"""(["'`]) {USERS} (?: (?!\1) [^\\/\n] )+ (?=[\\/]*\1)
    | {NOT_AMID} {USERS} \w [\w-]* (?:\.[\w-]+)* (?![\w'\\/]|[ ]\w+[\\/])""",
    re.VERBOSE,
)
"""A home folder itself, whose last name is that of a person."""


def without_paths(text: str, *, individual: bool) -> str:
    r"""Cut paths to their last name, unless the page is for the owner of the data.

    In quotes, as a recipe and an error write it, a path may hold anything; elsewhere it goes as far
    as folders do. A relative path that stays below the recipe is kept, and so is an address of a
    page.

    >>> without_paths("table = '/mnt/Lab Drive/a b/t.csv' of /home/me/x", individual=False)
    "table = '…/t.csv' of …/x"
    >>> without_paths(r"C:\Users\me\t.csv, file:///srv/lab/u.csv and ~/v.csv", individual=False)
    '…/t.csv, …/u.csv and …/v.csv'
    """
    if individual:
        return text
    text = SOMEBODY.sub(lambda found: f"{found[1] or ''}{HIDDEN}", text)
    return HOME.sub(f"{HIDDEN}/", BARE.sub(f"{HIDDEN}/", QUOTED.sub(rf"\1{HIDDEN}/", text)))
