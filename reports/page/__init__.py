"""report.html: one self-contained page that draws everything from the data embedded in it once."""

from __future__ import annotations

from pathlib import Path

from reports import glossary, units
from reports.compare import Comparison
from reports.headline import Headline, headline
from reports.matrix import Matrix
from reports.networks import networks
from reports.page import assets
from reports.page.change import comparison_facts
from reports.page.data import page_data
from reports.page.encoding import embed
from reports.page.method import method, threads_in_words
from reports.page.templates import TEMPLATES, page_environment
from reports.value_slowdowns import value_slowdowns
from reports.whole_networks import whole_networks
from suite.results.folder import Run
from suite.results.inside import write_whole
from suite.results.revisions import revisions

FILE = "report.html"

__all__ = ["FILE", "render", "write"]


def write(run: Run, out: Path) -> Path:
    """Write report.html into the folder `out`."""
    write_whole(out / FILE, render(run))
    return out / FILE


def render(run: Run, comparison: Comparison | None = None) -> str:
    """Return the whole page; with a comparison, of which `run` is the head, as a difference."""
    environment = page_environment()
    matrix = Matrix.of(run)
    top = headline(matrix, run.manifest)
    scripts = assets.scripts(TEMPLATES / "js")
    return environment.get_template("report.html").render(
        manifest=run.manifest,
        revisions=revisions(run.manifest),
        machine=run.manifest.get("machine") or {},
        headline=top,
        headline_words=glossary.explained(*_texts(top)),
        matrix=matrix,
        has_networks=bool(networks(matrix)),
        whole_networks=whole_networks(matrix),
        value_slowdowns=value_slowdowns(matrix),
        method=method(run, matrix),
        threads=threads_in_words(run),
        compared=comparison and comparison_facts(comparison),
        data=embed(page_data(run, matrix, comparison)),
        has_profiles=bool(run.profiles),
        scripts=scripts,
        policy=assets.content_security_policy(scripts),
        table_style=assets.table_style(),
        style=assets.own_style(TEMPLATES / "report.css"),
        units=units,
    )


def _texts(top: Headline) -> list[str]:
    """Return the texts of the first screen's table, whose words are explained below it."""
    return [text for won in top.by_layer for text in (won.names, won.speedup_text)]
