"""The pictures: each is drawn where the run has data for it, and says what it leaves out."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import pytest

import reports
from reports.matrix import Matrix
from reports.networks import networks
from reports.plots import PICTURES, error_speed, heat_map, network_totals
from reports.plots.error_speed import pareto_front
from reports.plots.style import shown, styled
from suite.results.cell import Residuals, Status
from suite.results.folder import Run
from tests.reports.synthetic import large_run, small_run

PNG = b"\x89PNG\r\n"


OF_SWEEPS = {"crossover_map", "scaling"}
OF_NETWORKS = {"network_totals"}


@pytest.mark.parametrize(
    ("run", "absent"),
    [(small_run(), OF_SWEEPS), (large_run(80, blocks=4), OF_NETWORKS)],
    ids=["net", "sweep"],
)
def test_every_picture_is_written_as_png_and_svg(tmp_path: Path, run: Run, absent) -> None:
    folder = reports.write("plots", run, tmp_path)
    written = {path.name for path in folder.iterdir()}
    stems = PICTURES.keys() - absent
    assert written == {f"{stem}.{suffix}" for stem in stems for suffix in ("png", "svg")}
    for stem in stems:
        assert (folder / f"{stem}.png").read_bytes().startswith(PNG)
        assert "</svg>" in (folder / f"{stem}.svg").read_text(encoding="utf-8")


def test_a_run_in_which_nothing_passed_leaves_no_picture_and_removes_old_ones(
    tmp_path: Path,
) -> None:
    run = small_run()
    reports.write("plots", run, tmp_path)
    failed = tuple(result for result in run.results if result.status is not Status.PASSED)
    folder = reports.write("plots", dataclasses.replace(run, results=failed), tmp_path)
    assert list(folder.iterdir()) == []


def test_a_run_of_one_cell_has_every_picture(tmp_path: Path) -> None:
    run = small_run()
    result = run.results[0]
    assert result.residuals is not None
    residuals = dataclasses.replace(result.residuals, rel_l2_error=1.4523056491647815e-07)
    result = dataclasses.replace(result, residuals=residuals)
    folder = reports.write("plots", dataclasses.replace(run, results=(result,)), tmp_path)
    written = {path.stem for path in folder.iterdir()}
    assert written == PICTURES.keys() - OF_SWEEPS - OF_NETWORKS


def test_names_with_dollars_markup_and_missing_letters_are_drawn_as_they_are(
    tmp_path: Path,
) -> None:
    evil = "$x^{2$ <img src=x onerror=alert(1)> \U0001f600"
    run = small_run()
    results = tuple(
        dataclasses.replace(result, scenario=dataclasses.replace(result.scenario, id=evil))
        for result in run.results[:7]
    )
    folder = reports.write("plots", Run(run.folder, run.manifest, results), tmp_path)
    text = (folder / "speedup_heat_map.svg").read_text(encoding="utf-8")
    assert "<img" not in text
    assert "$x^{2$ &lt;img" in text


def test_a_picture_of_many_scenarios_says_how_many_it_leaves_out() -> None:
    run = large_run(1200, blocks=2, samples=2)
    with styled():
        figure = heat_map.draw(Matrix.of(run), run.manifest)
    assert figure is not None
    assert any("60 of 150 scenarios" in text.get_text() for text in figure.texts)


def test_titles_own_up_to_what_they_leave_out() -> None:
    assert shown(8, 8) == "8 scenarios"
    assert shown(60, 1250).startswith("60 of 1,250 scenarios")


def test_the_most_telling_scenarios_keep_the_runs_order() -> None:
    matrix = Matrix.of(large_run(400, blocks=2, samples=2))
    part = matrix.most_telling(10)
    in_order = [scenario.id for scenario in matrix.scenarios if scenario in part.scenarios]
    assert [scenario.id for scenario in part.scenarios] == in_order
    assert len(in_order) == 10


@pytest.mark.parametrize(
    ("speedup", "position"), [(1.0, 0.0), (8.0, 1.0), (1 / 8, -1.0), (1000.0, 1.0)]
)
def test_the_colour_scale_is_centred_on_one_and_ends_at_eight(
    speedup: float, position: float
) -> None:
    assert heat_map.position(speedup) == pytest.approx(position)


def test_the_pareto_front_holds_the_points_that_none_beats_in_both() -> None:
    points = [(1.0, 2.0), (2.0, 3.0), (0.5, 1.0), (0.4, 5.0), (2.0, 4.0)]
    assert pareto_front(points) == [(0.5, 1.0), (1.0, 2.0), (2.0, 3.0)]


def test_totals_of_networks_stand_on_a_linear_axis_from_zero_with_words_beyond_intervals() -> None:
    run = small_run()
    with styled():
        figure = network_totals.draw(Matrix.of(run), run.manifest)
    assert figure is not None
    (axes,) = figure.axes
    assert axes.get_xscale() == "linear"
    assert axes.get_xlim()[0] == 0
    bars = {round(bar.get_y() + bar.get_height() / 2): bar for bar in axes.patches}
    assert all(bar.get_x() == 0 for bar in bars.values())
    (network,) = networks(Matrix.of(run))
    ordered = sorted(
        (total for total in network.totals if total.filled_s), key=lambda total: total.filled_s
    )
    for y, total in enumerate(ordered):
        drawn = bars[y].get_width()
        assert drawn == pytest.approx(min(total.filled_s, network.axis_s))
    words = [text for text in axes.texts if "ms" in text.get_text()]
    for text in words:
        x, y = text.get_position()
        assert x >= (ordered[y].high_s or 0)
    assert any(text.get_text() == "59.9 s (cut)" for text in axes.texts)


def test_errors_beyond_any_axis_are_left_out_of_the_picture() -> None:
    run = small_run()
    errors = (1e-320, 1e308, math.inf, math.nan, 1e-7, 4e-7)
    passed = [result for result in run.results if result.status is Status.PASSED]
    results = tuple(
        dataclasses.replace(
            result, residuals=Residuals(rel_l2_error=error, worst_error_ratio=error)
        )
        for result, error in zip(passed, errors, strict=False)
    )
    matrix = Matrix.of(dataclasses.replace(run, results=results))
    figure = error_speed.draw(matrix, run.manifest)
    assert figure is not None
    low, high = figure.axes[0].get_ylim()
    assert 1e-9 < low < 1e-7
    assert 4e-7 < high < 1e-5
