"""gate.html in a real browser, on a phone: the reason first, nothing cut, words explained."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reports import gate
from tests.gate.test_outcome import EVERYTHING
from tests.reports.visit import SCHEMES, axe_violations

pytestmark = pytest.mark.browser

LONG = "python run_bench.py gate --base " + "f" * 40 + " --impl winograd_tile6 --scenario "


@pytest.fixture(params=SCHEMES)
def phone(request: pytest.FixtureRequest, browser: Any, tmp_path: Path) -> Iterator[Any]:
    cells = tuple(dataclasses.replace(cell, reproduce=LONG + "x" * 90) for cell in EVERYTHING.cells)
    gate.write(dataclasses.replace(EVERYTHING, cells=cells), tmp_path)
    context = browser.new_context(
        color_scheme=request.param, viewport={"width": 390, "height": 800}
    )
    page = context.new_page()
    page.goto((tmp_path / "gate.html").as_uri())
    yield page
    context.close()


def test_on_a_phone_the_reason_comes_first_and_nothing_needs_sideways_scrolling(phone: Any) -> None:
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390
    reasons = phone.locator(".gate li").all_inner_texts()
    assert len(reasons) == 3
    assert reasons[1] == "t/a × slow: 1.400× the time [1.372, 1.428]"
    first = phone.locator(".gate li").first.bounding_box()
    assert first["y"] + first["height"] < 800
    for scroll in phone.locator(".cards").all():
        assert scroll.evaluate("place => place.scrollWidth <= place.clientWidth")
    doubt = phone.locator("tr", has_text="t/a × doubt").first
    why, ratio = doubt.locator(".why"), doubt.locator("[data-label='Head / base']")
    assert why.inner_text() == "too noisy"
    assert why.bounding_box()["y"] < ratio.bounding_box()["y"]


def test_words_show_their_meaning_without_a_script_and_axe_finds_nothing(phone: Any) -> None:
    assert axe_violations(phone) == []
    term = phone.locator(".why .term", has_text="adjusted p").first
    hint = term.locator(".hint")
    assert hint.is_hidden()
    term.focus()
    assert hint.is_visible()
    assert "by chance" in hint.inner_text()
    box = hint.bounding_box()
    assert 0 <= box["x"] <= box["x"] + box["width"] <= 390
    assert axe_violations(phone) == []
    assert "smallest visible: the smallest slowdown" in phone.locator(".words").first.inner_text()
