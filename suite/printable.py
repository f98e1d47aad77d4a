"""Texts of others as they may be shown: what would steer a terminal or a log is spelled out.

A scenario's name, a reason, a revision or a file's name may hold anything. Control characters move
the cursor and rewrite what stands above (ANSI, OSC), marks of direction show text in another order
than it has ("Trojan Source", CVE-2021-42574), line ends make one line two, and the logs of CI
systems take lines that begin in a certain way for commands.
"""

from __future__ import annotations

import re

_COMMAND_AT_START = re.compile(r"^(\s*):(?=:)", re.MULTILINE)
"""GitHub's "::error::…", read wherever it begins a line, spaces before it left out."""
_COMMAND_ANYWHERE = re.compile(r"##(?=\[|vso\[|teamcity\[)")
"""GitHub's older "##[error]…", Azure's and TeamCity's, read anywhere in a line."""
_LINE_ENDS = "\u2028\u2029"
_LAST_CONTROL = "\x9f"


def printable(text: str) -> str:
    r"""Return a text as one line that shows and does nothing: a line end is "\n", escape "\x1b"."""
    if not text.isprintable():
        text = "".join(
            character if _shows(character) else _spelled(character) for character in text
        )
    return without_commands(text)


def printable_lines(text: str) -> str:
    """Return the same of a text whose line ends may stand: in a page or in XML."""
    return without_commands(without_control(text))


def without_commands(text: str) -> str:
    """Return lines of which no log takes one for a command."""
    if "##" in text:
        text = _COMMAND_ANYWHERE.sub(r"#\\x23", text)
    return _COMMAND_AT_START.sub(r"\1\\x3a", text) if "::" in text else text


def without_control(text: str) -> str:
    """Return lines without a character that steers, tabs and line feeds apart."""
    if text.isprintable():
        return text
    return "".join(c if c in "\n\t" or _shows(c) else _spelled(c) for c in text)


def _shows(character: str) -> bool:
    """Return whether it is a visible character or a space of some width."""
    if character.isprintable():
        return True
    return character.isspace() and character > _LAST_CONTROL and character not in _LINE_ENDS


def _spelled(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
