"""The section on profiles of report.html in a real browser."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import reports
from tests.reports.synthetic_profiles import profiled_run
from tests.reports.visit import EVIL, SCHEMES, Visit, axe_violations

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return reports.write("html", profiled_run(), tmp_path_factory.mktemp("report"))


@pytest.fixture(params=SCHEMES)
def profiled(request: pytest.FixtureRequest, browser: Any, report: Path) -> Iterator[Visit]:
    visit = Visit(browser, report, request.param)
    yield visit
    visit.close()


def open_profiles(page: Any) -> None:
    """Open every profiled cell of the scenario that is shown, and all its tables."""
    page.evaluate("document.querySelectorAll('.profiled').forEach(cell => { cell.open = true })")
    page.wait_for_selector(".profiled .main-svg .iciclelayer .slice")
    page.evaluate("document.querySelectorAll('.twin').forEach(twin => { twin.open = true })")


@pytest.mark.slow  # axe looks at every slice of every chart
def test_profiles_are_accessible_and_silent_with_everything_open(profiled: Visit) -> None:
    open_profiles(profiled.page)
    assert axe_violations(profiled.page) == []
    assert profiled.messages == []


def test_the_section_on_profiles_shows_phases_and_every_part_of_a_cell(profiled: Visit) -> None:
    page = profiled.page
    chart = page.locator("#phase-chart")
    assert "share of the unprofiled time" in chart.locator(".xtitle").text_content()
    legend = chart.locator(".legendtext").all_text_contents()
    assert legend == ["transform", "product", "unpack", "unmarked"]
    assert "torch, loops: no phase is marked" in chart.locator("figcaption").inner_text()
    cells = page.locator(".profiled")
    open_profiles(page)
    unfold = cells.filter(has=page.locator("summary", has_text="unfold")).first
    assert unfold.locator(".main-svg .iciclelayer .slice").count() == 4
    text = unfold.inner_text()
    for word in (
        "ound by",
        "im2col",
        "FLOP/byte",
        "Parallel efficiency",
        "1.50 instructions a cycle",
        "AVX2, one thread",
        "no hardware counters",
        "live memory (MiB)",
        "threads",
    ):
        assert word in text, word
    assert unfold.get_by_role("link", name="trace.json.gz").count() == 1
    twins = unfold.locator(".twin tbody")
    assert [twin.locator("tr").count() > 0 for twin in twins.all()] == [True, True, True]


def test_a_cell_whose_profile_is_in_pieces_says_what_is_missing(profiled: Visit) -> None:
    page = profiled.page
    open_profiles(page)
    assert "died of SIGSEGV" in page.locator(".profiled", has_text="SIGSEGV").first.inner_text()


def test_another_scenario_shows_its_own_cells(profiled: Visit) -> None:
    page = profiled.page
    before = page.locator(".profiled summary").all_inner_texts()
    page.locator("#phase-chart select").select_option(label="vgg_conv3_1")
    after = page.locator("details.profiled > summary").all_inner_texts()
    assert after != before
    assert any(text.startswith("winograd_4x4") for text in after)


def test_profiles_need_no_sideways_scrolling_and_markup_stays_text(
    browser: Any, tmp_path: Path
) -> None:
    run = profiled_run()
    profiles = {
        key: dataclasses.replace(
            profile,
            python=tuple(dataclasses.replace(item, name=EVIL) for item in profile.python),
            missing={EVIL: EVIL},
            operators=profile.operators
            and dataclasses.replace(
                profile.operators,
                stacks=tuple(
                    dataclasses.replace(node, name=EVIL) for node in profile.operators.stacks
                ),
            ),
        )
        for key, profile in run.profiles.items()
    }
    path = reports.write("html", dataclasses.replace(run, profiles=profiles), tmp_path)
    visit = Visit(browser, path)
    visit.page.set_viewport_size({"width": 390, "height": 800})
    open_profiles(visit.page)
    assert visit.page.locator("img").count() == 0
    assert visit.messages == visit.dialogs == []
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= 390
    visit.close()
