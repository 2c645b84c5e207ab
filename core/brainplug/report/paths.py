"""Paths in a text that may be shared: folders tell names of people, groups and machines.

All texts of a page pass through here, notes, errors and the recipe, in which a path is written in
any of the ways that an operating system or a library has.
"""

from __future__ import annotations

import re

from brainplug.report.sharing import HIDDEN

SLASHES = r"\\/\uFF0F\uFF3C\u2215\u2044\u29F8\u29F5\uFE68\u2216"
"""Letters that part folders, or look as if they did: of East Asian keyboards, of typesetting."""

SLASH = rf"(?: [{SLASHES}] | %2[Ff] | %5[Cc] )"
"""The same, or as addresses on the web encode it."""

COLON = r"(?: [:\uFF1A] | %3[Aa] )"

ROOT = rf"""(?:
    (?!https?:) [A-Za-z][\w+.-]{{1,40}} :/{{2,3}}  # file:///home, smb://server; no page on the web
  | [A-Za-z] {COLON} (?: {SLASH}+ | (?=[\w .-]+\\))  # C:\Users, C:/Users, C:\\Users of a string
  | \\\\+                                   # \\server\share
  | ~ [\w.-]* {SLASH}+                      # ~/data, ~somebody/data
  | (?: \$ \{{? (?:env:)? [A-Za-z_]\w* \}}? | % \w+ % ) {SLASH}+  # $HOME/data, %APPDATA%\data
  | (?: \.\.? {SLASH}+ )+                   # ../somebody/data
  | [\w.-]{{1,64}} @ [\w.-]{{1,255}} : /*  # somebody@server:/data, or without /
  | (?! \\ ) {SLASH}+
)"""
"""How a path begins that names folders outside of the recipe's own."""

# A space is part of a folder's name unless a sentence goes on: after a comma and the like, or after
# what ends as the name of a file does.
FOLDER = rf"""(?:
    (?! %2[Ff] | %5[Cc] ) [^{SLASHES}\s"'`<>|;]
  | (?<=\w) ' (?=\w)
  | (?<![\s,;:)\]]) (?<!\.\w\w) (?<!\.\w{{3}}) (?<!\.\w{{4}}) [ ] (?=[^\s{SLASHES}"'(])
  | (?<!\.\w\w) (?<!\.\w{{3}}) (?<!\.\w{{4}}) [ ] \( [^()\n{SLASHES}]* \) (?={SLASH})  # Data (1)
  | (?<=\w,) (?<!\.\w\w,) (?<!\.\w{{3}},) (?<!\.\w{{4}},) [ ] (?=\w+{SLASH})  # Doe, Jane
){{1,255}}"""

NOT_AMID = rf"(?<![\w.…{SLASHES}])"

QUOTED = re.compile(
    rf"""(["'`]) {ROOT} (?: (?!\1) [^\n] )* {SLASH}+ (?= [^\n{SLASHES}]*? \1 )""", re.VERBOSE
)
BARE = re.compile(
    rf"{NOT_AMID} (?<!http:) (?<!https:) {ROOT} (?! [ ]) (?: {FOLDER} {SLASH}+ )+", re.VERBOSE
)
HOME = re.compile(
    rf"{NOT_AMID} (?: ~[\w.-]* | \$\{{?(?:env:)?[A-Za-z_]\w*\}}? | %\w+% ) {SLASH}+"
    rf"(?=[^\s{SLASHES}])",
    re.VERBOSE,
)
"""A home folder that a file lies right in, so that there is no other folder to cut."""

PLAIN = rf"""(?: (?! %2[Ff] | %5[Cc] ) [^{SLASHES}\s"'`<>|;:] )+"""

USERS = rf"(?: {ROOT} (?: {PLAIN} {SLASH}+ )*? (?:home|homes|Users) {SLASH}+ )"
SOMEBODY = re.compile(
    rf"""(["'`]) {USERS} (?: (?!\1) [^{SLASHES}\n] )+ (?={SLASH}*\1)
    | {NOT_AMID} (?<!http:) (?<!https:) {USERS} \w (?: [\w-] | %20 )* (?:\.[\w-]+)*
      (?! [\w'%] | {SLASH} | [ ]\w+{SLASH} )""",
    re.VERBOSE,
)
"""A home folder itself, whose last name is that of a person."""

ABOUT = (
    "all|annual|annually|constant|daily|double|eight|eighty|eleven|equal|fifty|five|forty|four|half"
    "|hourly|hundred|linear|million|monthly|nine|ninety|none|normal|normally|one|quarter|seven"
    r"|seventy|several|six|sixty|ten|third|thirty|thousand|three|triple|twelve|twenty|twice|two"
    "|uniform|weekly|yearly|zero"
)
"""What stands behind a tilde that means `about`, or in a formula `is distributed as`."""

SOMEBODYS = re.compile(rf"(?<![\w.…~{SLASHES})\]%])~(?!(?i:{ABOUT})\b)[^\W\d_][\w.-]+(?![\w(/])")
"""`~somebody` alone, which a shell takes for a home."""


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
    text = SOMEBODYS.sub(HIDDEN, text)
    return HOME.sub(f"{HIDDEN}/", BARE.sub(f"{HIDDEN}/", QUOTED.sub(rf"\1{HIDDEN}/", text)))
