"""The built site: links, pictures, and a reference that has all that the code has."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from commands import COMMANDS
from commands.exit_codes import EXIT_CODES
from convgauge import __all__ as public_names
from reports import FORMATS
from reports.column_meanings import MEANINGS, STATUSES
from reports.csv_table import COLUMNS
from suite import errors
from suite.results.cell import Status
from suite.scenario.fields import FIELDS, SECTIONS, TABLE_FIELDS
from tests.conftest import ROOT
from tests.site.built import (
    Page,
    broken_links,
    loaded_from_elsewhere,
    pages_of,
    undescribed,
)
from tests.test_imports import options_of_commands

NAMES = [
    name
    for file in sorted((ROOT / "impls").glob("*.py"))
    for name in re.findall(r'@register\(\s*"(\w+)"', file.read_text(encoding="utf-8"))
]


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Page]:
    return pages_of(site)


def test_every_link_leads_somewhere(pages):
    assert list(broken_links(pages)) == []


def test_nothing_is_loaded_from_a_network(pages):
    assert list(loaded_from_elsewhere(pages)) == []


def test_every_picture_is_described(pages):
    assert list(undescribed(pages)) == []


def test_every_page_of_docs_is_there(site):
    sources = [p for p in (ROOT / "docs").rglob("*.md") if "_build" not in p.parts]
    built = [site / p.relative_to(ROOT / "docs").with_suffix(".html") for p in sources]
    assert [page for page in built if not page.is_file()] == []


def test_the_old_places_of_pages_still_resolve(site):
    for name in ("gate", "gpu", "clocks", "isolation", "running", "network"):
        assert (ROOT / "docs" / f"{name}.md").is_file()
        assert (site / f"{name}.html").is_file()


def text_of(site: Path, page: str) -> str:
    return re.sub(r"<[^>]+>", "", (site / page).read_text(encoding="utf-8"))


def test_the_reference_has_every_option_of_every_command(site, pages):
    page = pages[(site / "reference/commands.html").resolve()]
    for name in COMMANDS:
        assert name in page.anchors
    options = options_of_commands() - {"--help"}
    assert options > {"--impl", "--budget"}
    ends = tuple(page.anchors)
    assert [o for o in options if not any(end.endswith(o.lstrip("-")) for end in ends)] == []


@pytest.mark.parametrize(
    ("page", "words"),
    [
        (
            "reference/exit-codes.html",
            [f"{code} {means}" for code, (means, _) in EXIT_CODES.items()],
        ),
        ("reference/results.html", [*COLUMNS, *Status]),
        ("reference/scenario-files.html", [f.name for f in (*FIELDS, *TABLE_FIELDS)]),
        ("reference/scenario-files.html", list(SECTIONS)),
        ("reference/python.html", [n for n in public_names if n.islower()]),
        ("reference/implementations.html", NAMES),
        ("use/every-file-format.html", list(FORMATS)),
    ],
)
def test_the_reference_has_all_that_there_is(site, page, words):
    assert words
    text = " ".join(text_of(site, page).split())
    assert [word for word in words if word not in text] == []


def test_every_column_status_and_exit_code_says_what_it_means():
    assert set(MEANINGS) == set(COLUMNS)
    assert set(STATUSES) == set(Status)
    codes = {value for name, value in vars(errors).items() if name.startswith("EXIT_")}
    assert set(EXIT_CODES) == codes


def planted(tmp_path: Path, body: str) -> dict[Path, Page]:
    (tmp_path / "there.html").write_text('<h1 id="here">x</h1>')
    (tmp_path / "page.html").write_text(body)
    return pages_of(tmp_path)


@pytest.mark.parametrize(
    "body",
    [
        '<a href="nowhere.html">x</a>',
        '<a href="there.html#nowhere">x</a>',
        '<a href="#nowhere">x</a>',
        '<a href="https://nowhere">x</a>',
        '<a href="javascript:alert(1)">x</a>',
        '<img src="nowhere.png" alt="A b c">',
    ],
)
def test_a_planted_broken_link_is_found(tmp_path, body):
    assert len(list(broken_links(planted(tmp_path, body)))) == 1


def test_good_links_are_not_blamed(tmp_path):
    body = '<a href="there.html#here">x</a><a href="https://pytorch.org/docs">x</a><a href="">x</a>'
    assert list(broken_links(planted(tmp_path, body))) == []


@pytest.mark.parametrize(
    "body",
    [
        '<script src="https://cdn.example.org/x.js"></script>',
        '<link rel="stylesheet" href="//fonts.example.org/x.css">',
        '<img src="https://example.org/x.png" alt="A b c">',
    ],
)
def test_a_planted_request_is_found(tmp_path, body):
    assert len(list(loaded_from_elsewhere(planted(tmp_path, body)))) == 1


@pytest.mark.parametrize("alt", ["", ' alt=""', ' alt="picture"', ' alt="_images/x.png"'])
def test_a_picture_without_words_is_found(tmp_path, alt):
    assert len(list(undescribed(planted(tmp_path, f'<img src="x.png"{alt}>')))) == 1
