"""report.html in a real browser: silent, offline, accessible, and it answers."""

from __future__ import annotations

import csv
import dataclasses
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import reports
from suite.results.folder import Run
from tests.reports.synthetic import large_run, small_run
from tests.reports.visit import EVIL, SCHEMES, Visit, axe_violations

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return reports.write("html", small_run(), tmp_path_factory.mktemp("report"))


@pytest.fixture
def visit(request: pytest.FixtureRequest, browser: Any, report: Path) -> Iterator[Visit]:
    """The page in light colours, or in those that `both_schemes` asks for."""
    visit = Visit(browser, report, getattr(request, "param", "light"))
    yield visit
    visit.close()


@pytest.fixture(scope="module")
def looked_at(browser: Any, report: Path) -> Iterator[Visit]:
    """The page for tests that only look at it: opening one takes longer than most of them."""
    visit = Visit(browser, report)
    yield visit
    visit.close()


both_schemes = pytest.mark.parametrize("visit", SCHEMES, indirect=True)


def control(page: Any, label: str) -> Any:
    """Return a drop-down above the heat map."""
    return page.locator("#heat-controls label", has_text=label).locator("select")


@both_schemes
def test_it_is_one_request_and_nothing_on_the_console(visit: Visit) -> None:
    assert visit.messages == []
    assert len(visit.requests) == 1
    assert visit.page.locator(".plot .main-svg").count() > 0


@both_schemes
def test_axe_finds_no_violation_with_everything_open(visit: Visit) -> None:
    page = visit.page
    page.evaluate("document.querySelectorAll('.twin').forEach(twin => { twin.open = true })")
    page.locator("#cells button.open").first.click()
    page.wait_for_selector("#cells .details .main-svg")
    assert axe_violations(page) == []
    page.locator(".heat td[data-cell]").nth(8).click()
    page.wait_for_selector("dialog .details .main-svg")
    assert axe_violations(page) == []


@both_schemes
def test_the_heat_map_shows_every_cell_and_hatches_what_has_no_time(visit: Visit) -> None:
    squares = visit.page.locator(".heat td[data-cell]")
    assert squares.count() == 56
    assert visit.page.locator(".heat td.none").count() == 22
    assert visit.page.locator(".heat td.framed").count() == 8
    hatched = visit.page.locator(".heat td.none").first
    assert "gradient" in hatched.evaluate("square => getComputedStyle(square).backgroundImage")


def test_hovering_a_failed_cell_tells_why(looked_at: Visit) -> None:
    page = looked_at.page
    page.get_by_role("gridcell", name="out of memory").hover()
    assert "needed 3.1 GiB, 2.0 GiB were free" in page.locator("#tip").inner_text()
    page.mouse.move(0, 0)


def test_the_heat_map_sorts_by_an_implementation(visit: Visit) -> None:
    page = visit.page
    headings = page.locator(".heat thead th").all_inner_texts()
    column = next(at for at, text in enumerate(headings) if text.startswith("fft"))
    page.get_by_role("button", name="fft").first.click()
    cells = page.locator(f".heat tbody td:nth-child({column + 1})").all_inner_texts()
    speedups = [float(text.rstrip("×")) for text in cells if text.endswith("×")]
    assert speedups == sorted(speedups, reverse=True)
    assert len(speedups) >= 3
    assert page.locator(".heat th[aria-sort=descending]").count() == 1


def test_the_heat_map_filters_and_switches_its_measure(visit: Visit) -> None:
    page = visit.page
    control(page, "Layer").select_option("depthwise")
    assert page.locator(".heat tbody tr").count() == 1
    control(page, "Layer").select_option("")
    control(page, "Has a cell that is").select_option("crashed")
    assert page.locator(".heat tbody th").all_inner_texts()[0].startswith("depthwise_3x3")
    control(page, "Has a cell that is").select_option("")
    control(page, "Family").select_option("winograd")
    assert page.locator(".heat thead th").count() == 3
    control(page, "Show").select_option("time")
    assert re.search(r"\d (ms|µs)", page.locator(".heat tbody").inner_text())


def test_arrow_keys_move_in_the_heat_map_and_enter_opens_a_cell(visit: Visit) -> None:
    page = visit.page
    page.locator(".heat td[tabindex='0']").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    assert page.locator("dialog h2").inner_text() == "vgg_conv3_1 × loops"
    page.keyboard.press("Escape")
    assert not page.locator("dialog").is_visible()


def test_the_table_sorts_searches_and_opens_a_row(visit: Visit) -> None:
    page = visit.page
    page.get_by_label("Search").fill("winograd_4x4 vgg")
    rows = page.locator("#cells tbody tr")
    assert rows.count() == 2
    page.locator("#cells thead th", has_text="Time").first.click()
    page.locator("#cells th[aria-sort=ascending]").wait_for()
    rows.filter(has_text="vgg_conv3_1").locator("button.open").click()
    shown = page.locator("#cells .details")
    page.wait_for_selector("#cells .details .main-svg")
    text = shown.inner_text()
    assert "run_bench.py run /home/ada/scenarios/quick.yaml" in text
    assert "--scenario vgg_conv3_1 --impl winograd_4x4" in text
    assert "Relative L2 error" in text
    assert "allowed error ±" in text
    assert "pays after" in text
    assert shown.locator(".violinlayer .trace").count() == 8


def test_a_failed_row_tells_its_reason_and_worst_element(visit: Visit) -> None:
    page = visit.page
    page.get_by_label("Search").fill("incorrect")
    page.locator("#cells button.open").first.click()
    text = page.locator("#cells .details").inner_text()
    assert "element (0, 17, 3, 9) is 4.125" in text
    assert "(0, 17, 3, 9): got 4.125, expected 4.0156, allowed error ±0.002" in text


def test_every_chart_has_axis_titles_and_a_table_twin(visit: Visit) -> None:
    page = visit.page
    for name in ("error-chart", "roofline-chart", "network-chart", "memory-chart"):
        chart = page.locator(f"#{name}")
        assert chart.locator(".xtitle, .ytitle").count() >= 1
        chart.locator("summary").click()
        chart.locator(".twin tbody tr").first.wait_for()  # filled when the browser says "toggle"


@pytest.mark.slow
def test_a_sweep_shows_fits_exponents_and_crossings(browser: Any, tmp_path: Path) -> None:
    visit = Visit(browser, reports.write("html", large_run(480), tmp_path))
    page = visit.page
    chart = page.locator("#scaling-chart")
    for text in ("Exponent p with its 95 % interval", "overtakes", "; by the fits at "):
        assert text in chart.locator("figcaption").inner_text()
    assert chart.locator(".xtitle").text_content() == "kernel size (logarithmic)"
    chart.locator("summary").click()
    rows = chart.locator(".twin tbody tr")
    rows.first.wait_for()
    assert rows.count() == 6  # both Winograds have one kernel size only, and no line
    chart.locator("select").last.select_option("3")
    assert "1×128×14" in chart.locator("select").last.locator("option:checked").inner_text()
    assert axe_violations(page) == []
    assert visit.messages == []
    visit.close()


def test_the_names_of_marks_in_the_error_chart_do_not_cover_each_other(looked_at: Visit) -> None:
    boxes = looked_at.page.locator("#error-chart .textpoint text").evaluate_all(
        "texts => texts.map(text => text.getBoundingClientRect().toJSON())"
    )
    assert len(boxes) >= 3
    for at, box in enumerate(boxes):
        for other in boxes[at + 1 :]:
            across = min(box["right"], other["right"]) - max(box["left"], other["left"])
            down = min(box["bottom"], other["bottom"]) - max(box["top"], other["top"])
            assert across < 2 or down < 4


def test_a_name_of_markup_stays_text_everywhere(browser: Any, tmp_path: Path) -> None:
    visit = Visit(browser, reports.write("html", hostile_run(), tmp_path))
    page = visit.page
    page.evaluate("document.querySelectorAll('.twin').forEach(twin => { twin.open = true })")
    page.locator("#cells button.open").first.click()
    page.locator(".heat td[data-cell]").first.hover()
    page.locator(".heat td[data-cell]").nth(1).click()
    page.wait_for_selector("dialog .details")
    page.wait_for_selector("#memory-chart .twin tbody tr")
    assert page.locator("img").count() == 0
    assert visit.dialogs == []
    assert visit.messages == []
    assert EVIL in page.locator("h1").inner_text()
    assert EVIL in page.locator("dialog h2").inner_text()
    assert EVIL in page.locator("#error-chart .plot").inner_text().replace("\n", "")
    for part in ("#verdict", ".heat", "#cells", "#memory-chart .twin", "#method"):
        assert EVIL in page.locator(part).inner_text(), part
    visit.close()


def hostile_run() -> Run:
    run = small_run()
    results = tuple(
        dataclasses.replace(
            result,
            scenario=dataclasses.replace(
                result.scenario, id=f"{EVIL}</script> {result.scenario.id}", source=EVIL
            ),
            implementation=EVIL if result.implementation == "unfold" else result.implementation,
            family=EVIL if result.implementation == "unfold" else result.family,
            reason=result.reason and f"{EVIL} {result.reason}",
            notes=(EVIL,),
        )
        for result in run.results
    )
    machine = dict.fromkeys(run.manifest["machine"], EVIL) | {"memory_bytes": 1, "noise": 0.1}
    manifest = {**run.manifest, "name": EVIL, "machine": machine, "implementations": []}
    return Run(run.folder, {**manifest, "verdict": {"state": EVIL, "text": EVIL}}, results)


@pytest.mark.slow
def test_five_thousand_cells_are_drawn_and_answer(browser: Any, tmp_path: Path) -> None:
    visit = Visit(browser, reports.write("html", large_run(5000), tmp_path))
    assert visit.messages == []
    assert visit.page.locator(".heat td[data-cell]").count() == 5000
    visit.page.get_by_label("Search").fill("batch3-size28-k5-c32 fft")
    assert visit.page.locator("#cells tbody tr").count() == 1
    visit.close()


def test_print_shows_the_whole_page_in_light_colours(browser: Any, report: Path) -> None:
    visit = Visit(browser, report, "dark")
    visit.page.emulate_media(media="print")
    visit.page.evaluate("dispatchEvent(new Event('beforeprint'))")
    background = "getComputedStyle(document.body).backgroundColor"
    assert visit.page.evaluate(background) == "rgb(255, 255, 255)"
    assert visit.page.locator("#heat-controls").is_hidden()
    assert visit.page.locator(".plot .main-svg").first.is_visible()
    visit.close()


def test_the_table_leaves_as_csv_without_formulas(browser: Any, tmp_path: Path) -> None:
    run = small_run()
    first = dataclasses.replace(run.results[0].scenario, id="=1+1")
    results = (dataclasses.replace(run.results[0], scenario=first), *run.results[1:])
    path = reports.write("html", Run(run.folder, run.manifest, results), tmp_path)
    visit = Visit(browser, path)
    with visit.page.expect_download() as download:
        visit.page.get_by_role("button", name="CSV").click()
    text = Path(download.value.path()).read_text(encoding="utf-8-sig")
    header, *rows = list(csv.reader(io.StringIO(text)))
    assert "Time (s)" in header
    assert len([row for row in rows if row]) == 56
    assert "'=1+1" in [row[0] for row in rows if row]
    visit.close()


@pytest.fixture(scope="module")
def on_a_phone(browser: Any, report: Path) -> Iterator[Visit]:
    """The page 390 px wide, for tests that only look."""
    visit = Visit(browser, report, width=390)
    yield visit
    visit.close()


def test_a_narrow_screen_needs_no_sideways_scrolling(on_a_phone: Visit) -> None:
    assert on_a_phone.page.evaluate("document.documentElement.scrollWidth") <= 390


def test_on_a_phone_the_heat_map_shows_several_rows_beside_a_narrow_column_that_stays(
    on_a_phone: Visit,
) -> None:
    page = on_a_phone.page
    name = page.locator(".heat tbody th").first
    before = name.bounding_box()
    assert before["width"] <= 130
    squares = page.locator(".heat tbody tr").first.locator("td").all()
    right = [box["x"] + box["width"] for square in squares if (box := square.bounding_box())]
    assert sum(end <= 390 for end in right) >= 3
    page.evaluate("document.getElementById('heat-scroll').scrollLeft = 200")
    assert abs(name.bounding_box()["x"] - before["x"]) <= 3  # the gap between squares
    page.evaluate("document.getElementById('heat-scroll').scrollLeft = 0")


def test_on_a_phone_titles_of_axes_and_labels_of_memory_lie_inside_their_charts(
    on_a_phone: Visit,
) -> None:
    page = on_a_phone.page
    for chart in ("error-chart", "roofline-chart", "network-chart", "memory-chart"):
        inside = page.locator(f"#{chart} .plot").bounding_box()
        texts = page.locator(f"#{chart} :is(.xtitle, .ytitle, .bartext, .ytick text)").all()
        assert len(texts) >= 2
        for text in texts:
            box = text.bounding_box()
            assert box["x"] >= inside["x"] - 1, text.text_content()
            assert box["x"] + box["width"] <= inside["x"] + inside["width"] + 1, text.text_content()
            assert box["height"] >= 8


def wait_until_the_table_fits(page: Any) -> None:
    """Ask again and again: the page's policy lets no text be run that would wait inside it."""
    fits = "document.querySelector('#cells table').offsetWidth <= cells.clientWidth + 1"
    for _ in range(200):
        page.wait_for_timeout(50)
        if page.evaluate(fits):
            return
    pytest.fail("the table is wider than its place")


def test_the_table_is_cut_nowhere_and_names_the_columns_that_have_no_room(visit: Visit) -> None:
    page = visit.page
    all_shown = []
    for width in (2200, 1400, 800, 390):
        page.set_viewport_size({"width": width, "height": 900})
        wait_until_the_table_fits(page)
        shown = {text.strip() for text in page.locator("#cells thead th").all_inner_texts()}
        note = page.locator("#cells-left-out").inner_text()
        left_out = set(note.removeprefix("No room here for: ").partition(". ")[0].split("; "))
        for title in ("Status", "Error", "Speed-up", "Peak memory", "Reason", "Layer"):
            assert (title in shown) != (title in left_out), (width, title)
        all_shown.append(len(shown))
    assert all_shown == sorted(all_shown, reverse=True)
    assert all_shown[0] > all_shown[-1]
    unsupported = page.locator("#cells tbody tr", has_text="winograd_2x2").first
    assert "unsupported" in unsupported.inner_text()  # in the place of its time


def test_on_a_wide_screen_details_open_beside_their_row(browser: Any, report: Path) -> None:
    visit = Visit(browser, report, width=2200)
    page = visit.page
    page.locator("#cells button.open").nth(3).click()
    page.wait_for_selector("#cell-beside .details .main-svg")
    row = page.locator("#cells tr.beside").bounding_box()
    beside = page.locator("#cell-beside").bounding_box()
    assert beside["x"] >= row["x"] + row["width"]
    assert beside["y"] <= row["y"] + row["height"]
    assert beside["y"] + beside["height"] >= row["y"]
    assert page.locator("#cell-beside h3").inner_text() == "pointwise_64 × fft"
    page.locator("#cells button.open").nth(4).click()
    assert page.locator("#cells [aria-expanded=true]").count() == 1
    page.locator("#cells [aria-expanded=true]").click()
    assert page.locator("#cell-beside").is_hidden()
    assert visit.messages == []
    visit.close()


def test_a_row_looks_the_same_in_every_chart_and_beside_its_name(looked_at: Visit) -> None:
    looks = looked_at.page.evaluate(
        """() => {
          const looks = {};
          const add = (name, look) => (looks[name] ??= new Set()).add(look);
          for (const id of ["error-chart", "roofline-chart"])
            for (const trace of document.querySelector(`#${id} .plot`).data) {
              const colour = trace.marker?.color, symbol = trace.marker?.symbol;
              if (symbol && !symbol.endsWith("-open")) add(trace.name, `${colour} ${symbol}`);
            }
          const totals = document.querySelector("#network-chart .plot").data;
          const marks = totals.find((trace) => trace.mode === "markers");
          marks.y.forEach((name, at) => {
            if (marks.marker.symbol[at] !== "line-ns")
              add(name, `${marks.marker.color[at]} ${marks.marker.symbol[at]}`);
          });
          return Object.entries(looks).map(([name, seen]) => [name, [...seen]]);
        }"""
    )
    seen = dict(looks)
    assert {len(each) for each in seen.values()} == {1}
    assert len({each[0] for each in seen.values()}) == len(seen) >= 6
    icons = looked_at.page.locator(".heat thead .icon path").evaluate_all(
        "paths => paths.map(path => path.getAttribute('fill') + path.getAttribute('d'))"
    )
    assert len(set(icons)) == len(icons) == 7


def test_totals_of_networks_begin_at_zero_and_their_words_stand_beyond_their_intervals(
    looked_at: Visit,
) -> None:
    axis, words, bars = looked_at.page.evaluate(
        """() => {
          const plot = document.querySelector("#network-chart .plot");
          const [marks, words] = plot.data.slice(-2);
          const bars = plot.data.filter((trace) => trace.type === "bar");
          const ends = marks.x.map((end, at) => end + (marks.error_x.array[at] || 0));
          const { type, range } = plot._fullLayout.xaxis;
          const gaps = words.x.map((x, at) => x - ends[at]);
          return [[type, range[0]], gaps, bars.map((bar) => bar.base)];
        }"""
    )
    assert axis == ["linear", 0]
    assert all(gap >= -1e-12 for gap in words)
    assert bars == [None] * 7  # each from zero


def test_words_of_the_glossary_show_their_meaning_to_pointer_and_keyboard(visit: Visit) -> None:
    page = visit.page
    term = page.locator("#verdict .term", has_text="noise grade").first
    term.hover()
    assert "how much identical work varied" in page.locator("#tip").inner_text()
    page.mouse.move(0, 0)
    assert page.locator("#tip").is_hidden()
    term.focus()
    assert page.locator("#tip").is_visible()
    page.keyboard.press("Escape")
    assert page.locator("#tip").is_hidden()
    page.get_by_label("Search").fill("winograd_4x4 vgg_conv3")
    page.locator("#cells button.open").first.click()
    unit = page.locator("#cells .details .term", has_text="√K·u·S")
    unit.focus()
    assert "a sum of K products" in page.locator("#tip").inner_text()
    assert "of the ceiling" in page.locator("#cells-words").inner_text()


@pytest.mark.slow
def test_a_comparison_frames_clear_changes_and_says_what_is_not_comparable(
    browser: Any, tmp_path: Path
) -> None:
    base = small_run()
    slow = tuple(
        dataclasses.replace(
            result,
            blocks=tuple(
                dataclasses.replace(block, samples_s=tuple(1.3 * s for s in block.samples_s))
                for block in result.blocks
            ),
        )
        if result.implementation == "fft"
        else result
        for result in base.results
    )
    machine = {**base.manifest["machine"], "fingerprint": "00", "cpu": "another"}
    head = Run(base.folder, base.manifest, slow)
    elsewhere = Run(base.folder, {**base.manifest, "machine": machine}, slow)
    for other, framed, apart in ((head, 6, 0), (elsewhere, 0, 34)):
        reports.write_comparison(base, other, tmp_path)
        visit = Visit(browser, tmp_path / "compare.html")
        assert visit.messages == []
        assert visit.page.locator(".heat td.framed").count() == framed
        assert visit.page.locator(".heat td", has_text="not comparable").count() == apart
        if framed:
            shown = visit.page.locator(".heat td.framed").all_inner_texts()
            assert shown
            assert all(1.2 < float(text.rstrip("×")) < 1.4 for text in shown)  # not its inverse
            assert "slower: 2× or more" in visit.page.locator("#heat-legend").inner_text()
        assert axe_violations(visit.page) == []
        visit.close()


def test_a_run_without_profiles_has_no_section_on_them(looked_at: Visit) -> None:
    assert looked_at.page.locator("#profile").count() == 0
