"""Texts as HTML in which words of the glossary show their meaning, without a script."""

from __future__ import annotations

import re

from markupsafe import Markup, escape

from reports import glossary
from suite.printable import printable, printable_lines


def explained(text: str) -> Markup:
    """Return a text whose words show their meaning under a pointer or the focus.

    The style sheet shows what follows a word; nothing of it is cut off by what it stands in.
    """
    return Markup("").join(
        _term(piece, meaning) if meaning else escape(piece)
        for piece, meaning in glossary.pieces(printable_lines(text))
    )


def _term(word: str, meaning: str) -> Markup:
    return Markup(
        '<span class="term" tabindex="0">{}<span class="hint" role="tooltip">{}</span></span>'
    ).format(word, f"{word}: {meaning}")


def breakable(name: str) -> Markup:
    """Return a name that may break after what parts its words: "winograd_|tile6"."""
    return Markup("<wbr>").join(re.split(r"(?<=[_/.-])(?=.)", printable(name)))
