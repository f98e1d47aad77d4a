"""The pages' templates: every value in them is escaped, and none can steer what shows it."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from suite.printable import printable_lines

TEMPLATES = Path(__file__).parent.parent / "templates"


@cache
def page_environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )


def _shown(value: Any) -> Any:
    """Spell out the controls of a text; HTML keeps marks that show a text in another order."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return printable_lines(value)
    return value
