"""machines.html in a real browser: on a phone nothing is cut, light and dark, axe finds nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reports import machines
from tests.reports.test_machines import two as two_machines
from tests.reports.visit import SCHEMES, axe_violations

pytestmark = pytest.mark.browser
two = two_machines


@pytest.fixture(params=SCHEMES)
def phone(request: pytest.FixtureRequest, browser: Any, tmp_path: Path, two: Any) -> Iterator[Any]:
    machines.write(two, tmp_path, "EUR")
    context = browser.new_context(
        color_scheme=request.param, viewport={"width": 390, "height": 800}
    )
    page = context.new_page()
    page.goto((tmp_path / "machines.html").as_uri())
    yield page
    context.close()


def test_on_a_phone_what_differs_comes_first_and_only_tables_scroll_sideways(phone: Any) -> None:
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390
    first = phone.locator("h2").first
    assert first.inner_text() == "Right everywhere?"
    assert first.bounding_box()["y"] < 400
    assert axe_violations(phone) == []
