"""The page's scripts and styles, from installed packages and reports/templates; nothing fetched."""

from __future__ import annotations

import base64
import hashlib
import importlib.resources
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from suite.errors import Defect

OWN_SCRIPTS = (
    "dom.js",
    "format.js",
    "store.js",
    "theme.js",
    "words.js",
    "details.js",
    "metrics.js",
    "heatmap.js",
    "heathands.js",
    "table.js",
    "chart.js",
    "error.js",
    "roofline.js",
    "sweeps.js",
    "network.js",
    "memory.js",
    "profile.js",
    "profile_cell.js",
    "main.js",
)
"""In the order in which they are joined."""


@dataclass(frozen=True)
class Script:
    """The text of one inline script, and the attributes of its element."""

    text: Markup
    attributes: Markup

    @property
    def digest(self) -> str:
        """Return what a content-security policy names it by."""
        hashed = hashlib.sha256(self.text.encode()).digest()
        return f"'sha256-{base64.b64encode(hashed).decode()}'"


def scripts(folder: Path) -> list[Script]:
    """Return plotly.js, our own script and the tables', in the order in which they stand.

    plotly.js takes a second to start, so it stands there as text until ours starts it. DataTables
    comes as an ES module.
    """
    own = "\n".join((folder / name).read_text(encoding="utf-8") for name in OWN_SCRIPTS)
    return [
        Script(_inline(_plotly()), Markup(' type="text/plain" id="plotly"')),
        Script(_inline(f'(() => {{\n"use strict";\n{own}}})();\n'), Markup("")),
        Script(_inline(_tables()), Markup(' type="module"')),
    ]


def _plotly() -> str:
    """Return plotly.js without the loader around it, where it is the one that is known.

    A browser reads a function that is passed to a loader twice, and this one is 4.8 MB: without
    the loader it starts a quarter faster. The licence at its top stays.
    """
    script = _package_text("plotly", "package_data/plotly.min.js")
    body = re.search(r'\(\) => \{\n(?="use strict";var Plotly=)', script)
    end = script.rfind("window.Plotly = Plotly;")
    if body is None or end < body.end():
        return script
    licence = script[: script.index("*/") + 2]
    return f"{licence}\n{script[body.end() : end]}"


def _tables() -> str:
    """Return DataTables as itables bundles it, its export made a global: a page has one file."""
    bundle = _package_text("itables", "html/dt_bundle.js")
    exports = re.findall(r"export\{([^}]*)\}", bundle)
    names = (
        dict(reversed(pair.split(" as ")) for pair in exports[-1].split(",") if " as " in pair)
        if exports
        else {}
    )
    if "default" not in names:
        raise Defect(
            "itables' dt_bundle.js does not export DataTables as it did in itables 2.9; "
            "install that version"
        )
    return re.sub(r"export\{[^}]*\}", lambda _: f"globalThis.DataTable={names['default']}", bundle)


def table_style() -> Markup:
    return Markup(_package_text("itables", "html/dt_bundle.css").replace("</style", ""))


def own_style(path: Path) -> Markup:
    return Markup(path.read_text(encoding="utf-8"))


def _package_text(package: str, path: str) -> str:
    return importlib.resources.files(package).joinpath(path).read_text(encoding="utf-8")


def _inline(script: str) -> Markup:
    """Return a script that cannot end its element early, with the line ends a browser hashes."""
    return Markup(re.sub("</(?=script)", r"<\\/", script.replace("\r\n", "\n"), flags=re.I))


def content_security_policy(inline: Sequence[Script]) -> str:
    """Return a policy under which only these scripts run, without eval, and nothing is fetched.

    plotly.js and DataTables set styles from scripts, hence 'unsafe-inline' for styles.
    """
    digests = " ".join(script.digest for script in inline)
    return (
        f"default-src 'none'; script-src {digests}; style-src 'unsafe-inline'; "
        "img-src data: blob:; font-src data:; base-uri 'none'; form-action 'none'"
    )
