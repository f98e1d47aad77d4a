"""Mathematics as MathML, which browsers render themselves: no script, no fonts, no network."""

from __future__ import annotations

from typing import Any

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util.math import get_node_equation_number


def visit_inline(translator: Any, node: nodes.math) -> None:
    """Write $…$."""
    translator.body.append(_mathml(node, display="inline"))
    raise nodes.SkipNode


def visit_block(translator: Any, node: nodes.math_block) -> None:
    """Write $$…$$, with its number where it has a label."""
    # A wide formula is scrolled; what can be scrolled has to be reached by keyboard.
    opening = translator.starttag(
        node, "div", CLASS="math", tabindex="0", role="group", **{"aria-label": "formula"}
    )
    number = ""
    if node["number"]:
        number = f'<span class="eqno">({get_node_equation_number(translator, node)})</span>'
    translator.body.append(f"{opening}{number}{_mathml(node, display='block')}</div>\n")
    raise nodes.SkipNode


def _mathml(node: nodes.Element, display: str) -> str:
    # The converter knows amsmath's `align*`, and writes what is inside of other tables as it comes.
    latex = node.astext().replace("{aligned}", "{align*}")
    try:
        written: str = convert(latex, display=display)
    except Exception as error:
        raise ExtensionError(
            f"{node.source}:{node.line}: no MathML for {latex!r}: {error}"
        ) from error
    if "<mi>&</mi>" in written:
        raise ExtensionError(f"{node.source}:{node.line}: columns that are no table in {latex!r}")
    return written


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_html_math_renderer("mathml", (visit_inline, None), (visit_block, None))
    app.config.html_math_renderer = "mathml"
    return {"parallel_read_safe": True, "parallel_write_safe": True}
