"""Every code block on every page works, as far as it can be told without measuring."""

from __future__ import annotations

import re
import shutil
import sys

import pytest

from tests.conftest import ROOT
from tests.site.blocks import Block, blocks_of, faults_of, pages

BLOCKS = [
    block
    for page in pages()
    for block in blocks_of(page.read_text(encoding="utf-8"), page.relative_to(ROOT).as_posix())
]

EXAMPLES = [
    Block(
        f"examples/{path.name}",
        1,
        "sh",
        "\n".join(re.findall(r"^    ((?:convgauge|python) .+)$", text, re.MULTILINE)),
    )
    for path in sorted((ROOT / "examples").glob("*.py"))
    for text in [path.read_text(encoding="utf-8").split('"""')[1]]
]
"""What the examples say that one types."""


def test_there_are_blocks_of_every_kind():
    kinds = {block.language for block in BLOCKS}
    assert {"python", "sh", "yaml", "text"} <= kinds
    assert all(block.text for block in EXAMPLES)


@pytest.mark.parametrize("block", [*BLOCKS, *EXAMPLES], ids=str)
def test_a_block_is_right(block):
    assert faults_of(block) == []


PLANTED = {
    "sh": {
        "convgauge run quick --bugdet 3": "--bugdet",
        "convgauge rnu quick": "rnu",
        "python run_bench.py gate ic --base main": "ic",
        "cd there && convgauge gate --margin -1": "--margin",
        "pip install -e '.[dosc]' -c constraints.txt": "no extra dosc",
        "pip install -e . -c constraint.txt": "no constraint.txt",
        "python -m tests.studies.gate.replya": "no module",
        "python examples/nothing.py": "no examples/nothing.py",
        "pytest --convgauge-imlp torch": "--convgauge-imlp",
        "conv-gauge run": "no program",
        "if [ -e x ]; then\n  convgauge rnu quick\nfi": "rnu",
        "for x in a; do echo $x; done": "echo is no program",
        "convgauge run 'quick": "bash cannot read it",
        "for x in a; do ls": "bash cannot read it",
    },
    "python": {
        "def f(:": "SyntaxError",
        "from convgauge import registre": "registre",
        "import convgauge\nconvgauge.reed_run('x')": "no reed_run",
        "import convgauge\nconvgauge.read_run('x', out='y')": "unexpected keyword",
        "from convgauge import optimize\noptimize()": "missing",
        "from convgauge import register\n\n\n@register('a', family='fast')\n"
        "def a(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1): ...\n": "fast",
        "from suite.nowhere import something": "nowhere",
    },
    "yaml": {
        "name: a\ngrid: {in_chanels: [1]}": "in_chanels",
        "jobs: {a: {steps: [{uses: O/convgauge@main, with: {plug: a}}]}}": "no input plug",
        "a: [": "ParserError",
    },
    "console": {"$ convgauge lits\nconvgauge says something": "lits"},
    "json": {"{": "JSONDecodeError"},
    "": {"convgauge run": "language"},
    "bash": {"convgauge run": "language"},
}


@pytest.mark.parametrize(
    ("language", "text", "words"),
    [(kind, text, words) for kind, texts in PLANTED.items() for text, words in texts.items()],
)
def test_a_planted_mistake_is_found_and_placed(language, text, words):
    if words.startswith("bash") and (sys.platform == "win32" or not shutil.which("bash")):
        pytest.skip("needs bash")
    (fault,) = faults_of(Block("page.md", 3, language, text))
    assert fault.startswith("page.md:3: ")
    assert words in fault


def test_blocks_within_directives_are_seen():
    text = ":::{dropdown} A hint\n```sh\nls\n```\n:::\n````{note}\n```\n````\n"
    assert [(b.line, b.language) for b in blocks_of(text, "p")] == [(2, "sh"), (6, "{note}")]
