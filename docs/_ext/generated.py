"""What the reference says comes from the code: `<!-- generated: NAME -->` in a page becomes that.

Replaced before a page is parsed, so that headings, anchors and the search know it like any text.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import listed
import reference_commands
import reference_implementations
import reference_results
import reference_scenarios
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

PARTS: dict[str, Callable[[], str]] = {
    "commands": reference_commands.commands,
    "exit codes": reference_commands.exit_codes,
    "scenario sections": reference_scenarios.sections,
    "scenario keys": reference_scenarios.keys,
    "layers_from keys": reference_scenarios.table_keys,
    "scenario files": reference_scenarios.shipped,
    "columns": reference_results.columns,
    "statuses": reference_results.statuses,
    "words": reference_results.words,
    "families": reference_implementations.families,
    "implementations": reference_implementations.implementations,
    "report formats": reference_results.report_formats,
    "pages of nowhere else": listed.nowhere_else,
}
"""Name in a page → Markdown."""

_MARK = re.compile(r"^<!-- generated: (.+?) -->$", re.MULTILINE)


def fill(app: Sphinx, page: str, source: list[str]) -> None:
    """Replace the marks of a page, in place."""

    def part(mark: re.Match[str]) -> str:
        if mark[1] not in PARTS:
            raise ExtensionError(
                f"{page}: nothing generates {mark[1]!r}; there is {', '.join(PARTS)}"
            )
        app.env.note_reread()  # the code may have changed where the page has not
        return PARTS[mark[1]]()

    source[0] = _MARK.sub(part, source[0])


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("source-read", fill)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
