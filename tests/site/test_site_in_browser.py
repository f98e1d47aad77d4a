"""The pages in a real browser, from disk: accessible, offline, narrow and wide, searchable."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.reports.visit import axe_violations

pytestmark = pytest.mark.browser

READERS = [
    ("light", 1280),
    ("dark", 390),
    pytest.param(("light", 390), marks=pytest.mark.slow),
    pytest.param(("dark", 1280), marks=pytest.mark.slow),
]
"""Colours and pixels of width."""
every_reader = pytest.mark.parametrize("reader", READERS, indirect=True, ids=str)
SOME = ("index", "use/is-mine-right", "reference/commands", "decides/judging")
"""Pages with all that occurs on any: tables, code, options, formulas, notes."""
ALL = sorted(
    path.relative_to(ROOT / "docs").with_suffix("").as_posix()
    for path in (ROOT / "docs").rglob("*.md")
    if "_build" not in path.parts
)


class Reader:
    """Somebody who opens pages from disk; what the browser asks for and complains of is kept."""

    def __init__(self, browser: Any, site: Path, scheme: str, width: int) -> None:
        self.site = site
        self.messages: list[str] = []
        self.requests: list[str] = []
        self._context = browser.new_context(
            color_scheme=scheme, viewport={"width": width, "height": 900}
        )
        self.page = self._context.new_page()
        self.page.on("console", lambda message: self.messages.append(message.text))
        self.page.on("pageerror", lambda error: self.messages.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))

    def open(self, name: str) -> Any:
        self.page.goto(f"{(self.site / name).as_uri()}.html")
        return self.page

    def close(self) -> None:
        self._context.close()


@pytest.fixture
def reader(request: pytest.FixtureRequest, browser: Any, site: Path) -> Iterator[Reader]:
    reader = Reader(browser, site, *request.param)
    yield reader
    reader.close()


def faults_of(reader: Reader, name: str) -> Iterator[str]:
    page = reader.open(name)
    wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    if page.evaluate(wide) > 0:
        yield f"{name}: wider than the window by {page.evaluate(wide)} pixels"
    yield from (f"{name}: {message}" for message in reader.messages)
    yield from (f"{name}: asks for {url}" for url in reader.requests if not url.startswith("file:"))
    yield from (f"{name}: {violation}" for violation in axe_violations(page))
    reader.messages.clear()
    reader.requests.clear()


@every_reader
def test_some_pages_pass(reader):
    assert [fault for name in SOME for fault in faults_of(reader, name)] == []


@pytest.mark.slow
@every_reader
def test_all_pages_pass(reader):
    assert [fault for name in ALL for fault in faults_of(reader, name)] == []


def test_what_a_page_lacks_is_found(browser, tmp_path):
    (tmp_path / "bad.html").write_text(
        "<html lang=en><title>x</title><img src=x.png><div style='width: 3000px'>x</div>"
    )
    reader = Reader(browser, tmp_path, "light", 390)
    faults = " ".join(faults_of(reader, "bad"))
    reader.close()
    assert "wider than the window" in faults
    assert "image-alt" in faults


def test_the_search_finds_pages_from_disk(browser, site):
    reader = Reader(browser, site, "light", 1280)
    page = reader.open("search")
    page.goto(f"{(site / 'search.html').as_uri()}?q=winograd")
    page.wait_for_selector("#search-results li a", timeout=60_000)
    found = page.locator("#search-results li").all_inner_texts()
    assert found
    assert reader.messages == []
    reader.close()
