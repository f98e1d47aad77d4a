"""Profiles as pictures, numbers and lines: flame graphs, stacked bars, columns, what bounds."""

from __future__ import annotations

import csv
import dataclasses
import io
from pathlib import Path
from xml.etree import ElementTree

import pytest

import reports
from reports import csv_table, flame_graph, profile_text
from reports.page.profiles import profile_data
from reports.profile_memory import memory_words
from suite.results.cell import CellResult, Status
from suite.results.profile import CellProfile, Phases, StackNode
from suite.results.roofline import roofline_of
from tests.reports.synthetic import small_run
from tests.reports.synthetic_profiles import profile_of, profiled_run

MIB = 2**20
SVG = "{http://www.w3.org/2000/svg}"


def passed(implementation: str, scenario: str = "vgg_conv3_1") -> CellResult:
    return next(
        result
        for result in small_run().results
        if result.implementation == implementation and result.scenario.id == scenario
    )


def with_counts(profile: CellProfile, overhead_s: float, **changes: object) -> CellProfile:
    assert profile.operators
    counts = dataclasses.replace(profile.operators.counts, **changes)
    operators = dataclasses.replace(profile.operators, counts=counts, overhead_s=overhead_s)
    return dataclasses.replace(profile, operators=operators)


@pytest.mark.parametrize(
    ("flops", "moved", "overhead_s", "by"),
    [(4e9, 1, 0.0, "compute"), (1.0, 4 * 10**8, 0.0, "memory"), (1.0, 1, 0.04, "overhead")],
)
def test_a_cell_is_bound_by_what_takes_longest(
    flops: float, moved: int, overhead_s: float, by: str
) -> None:
    result = passed("unfold")
    profile = with_counts(profile_of(result), overhead_s, executed_flops=flops, moved_bytes=moved)
    roofline = roofline_of(result, profile)

    assert roofline is not None
    assert roofline.by == by
    assert roofline.sentence.startswith(f"Bound by {by}: ")
    assert roofline.sentence.endswith(".")
    assert roofline.sentence.count(". ") == 0


def test_a_cell_that_no_limit_explains_says_so() -> None:
    result = passed("unfold")
    profile = with_counts(profile_of(result), 0.0, executed_flops=1.0, moved_bytes=1000)
    roofline = roofline_of(result, profile)

    assert roofline is not None
    assert roofline.sentence.startswith("Nearest to being bound by memory")
    assert "no limit of the machine explains the rest" in roofline.sentence


@pytest.mark.parametrize("overhead_s", [0.14, 205.0])
def test_a_limit_that_the_call_is_faster_than_bounds_nothing(overhead_s: float) -> None:
    result = passed("unfold")  # 53.9 ms a call
    roofline = roofline_of(result, with_counts(profile_of(result), overhead_s))

    assert roofline is not None
    assert roofline.by != "overhead"
    assert "overhead" not in roofline.shares
    assert "the overhead estimate does not hold here" in roofline.sentence
    assert all(share <= 1 for share in roofline.shares.values())


def test_noise_makes_no_share_of_more_than_the_whole() -> None:
    result = passed("unfold")
    roofline = roofline_of(result, with_counts(profile_of(result), 0.056))

    assert roofline is not None
    assert roofline.by == "overhead"
    assert roofline.shares["overhead"] == 1
    assert "(100%" in roofline.sentence


def test_nothing_is_said_to_bound_a_cell_whose_every_limit_is_refuted() -> None:
    result = passed("unfold")
    profile = with_counts(profile_of(result), 9.0, executed_flops=1e15, moved_bytes=10**15)
    roofline = roofline_of(result, profile)

    assert roofline is not None
    assert (roofline.by, roofline.shares) == ("unknown", {})
    assert roofline.sentence.startswith("What bounds it is not known; ")


def on_one_thread(profile: CellProfile) -> CellProfile:
    threads = tuple(dataclasses.replace(item, busy=1) for item in profile.threads)
    return dataclasses.replace(profile, threads=threads)


def test_a_cell_on_one_thread_is_held_against_one_threads_part_and_says_so() -> None:
    result = passed("unfold")
    profile = with_counts(profile_of(result), 0.0, executed_flops=2e9, moved_bytes=1)
    both, alone = roofline_of(result, profile), roofline_of(result, on_one_thread(profile))

    assert both is not None
    assert alone is not None
    assert alone.shares["compute"] == pytest.approx(2 * both.shares["compute"])
    assert "it runs on one thread of 2" in alone.sentence
    assert "one thread" not in both.sentence
    run = dataclasses.replace(small_run(), profiles={profile.key: on_one_thread(profile)})
    assert "runs on one thread, with 2 given" in "\n".join(profile_text.lines(run))


def test_one_figure_of_memory_is_shown_where_all_agree() -> None:
    result = passed("unfold")
    memory = profile_of(result).memory
    assert memory is not None
    words = memory_words(result, memory)
    assert words.peak_bytes == memory.peak_bytes
    assert words.remarks == ()


@pytest.mark.parametrize(
    ("of_result", "of_memory", "peak", "said"),
    [
        ({"peak_bytes": 27 * MIB}, {}, 4, "the tables' 27.0 MiB: the process that was timed keeps"),
        ({"peak_bytes": MIB}, {}, 4, "the tables' 1.00 MiB: the process that was timed had"),
        ({}, {"system_peak_bytes": 27 * MIB}, 27, "saw 4.00 MiB of it"),
        ({}, {"system_peak_bytes": MIB}, 4, "1.00 MiB of it was ever written to"),
        ({"workspace_bytes": 9 * MIB}, {}, 4, "the formula says 9.00 MiB: it counts what"),
        ({"workspace_bytes": MIB}, {}, 4, "the formula says 1.00 MiB: it leaves out"),
    ],
)
def test_every_other_figure_of_memory_is_explained(of_result, of_memory, peak, said) -> None:
    agreed = {"peak_bytes": 4 * MIB, "workspace_bytes": 3 * MIB}
    result = passed("unfold")
    profiled = profile_of(result).memory
    assert profiled is not None
    memory = dataclasses.replace(profiled, **agreed | {"system_peak_bytes": 4 * MIB} | of_memory)
    own = {"peak_bytes": memory.system_peak_bytes if of_memory else 4 * MIB}
    words = memory_words(dataclasses.replace(result, **agreed | own | of_result), memory)

    assert words.peak_bytes == peak * MIB
    assert said in words.text


def test_intensity_and_roof_follow_from_operations_and_bytes() -> None:
    result = passed("unfold")
    profile = with_counts(profile_of(result), 0.0, executed_flops=1e9, moved_bytes=10**9)
    roofline = roofline_of(result, profile)

    assert roofline is not None
    assert roofline.intensity == 1.0
    assert result.ceiling
    assert roofline.roof_flops_per_s == result.ceiling.memory_bytes_per_s


def test_nothing_bounds_what_has_no_ceiling_or_no_operators() -> None:
    result = passed("unfold")
    assert roofline_of(dataclasses.replace(result, ceiling=None), profile_of(result)) is None
    assert roofline_of(result, dataclasses.replace(profile_of(result), operators=None)) is None


def test_shares_are_of_the_unprofiled_time_and_add_up() -> None:
    phases = Phases(
        unprofiled_s=2.0, phases_s={"pack": 0.5, "product": 1.0}, unmarked_s=0.6, calls=9
    )
    assert phases.share("pack") == 0.25
    assert phases.share("inverse") is None
    assert phases.unmarked_share == 0.3
    assert phases.total_share == pytest.approx(1.05)


def test_the_flame_graph_is_svg_with_a_title_a_box_and_children_inside_their_parents() -> None:
    profile = dataclasses.replace(profile_of(passed("unfold")), implementation='<b>&"')
    drawing = ElementTree.fromstring(flame_graph.render(profile))

    boxes = drawing.findall(f"{SVG}g")
    assert len(boxes) == 4
    titles = [box.findtext(f"{SVG}title") or "" for box in boxes]
    assert any(title.startswith("aten::bmm: ") for title in titles)
    assert '<b>&"' in (drawing.findtext(f"{SVG}title") or "")
    spans = []
    for box in boxes:
        rectangle = box.find(f"{SVG}rect")
        assert rectangle is not None
        left = float(rectangle.attrib["x"])
        spans.append((left, left + float(rectangle.attrib["width"])))
    assert spans[0][0] <= spans[1][0]
    assert spans[1][1] <= spans[2][0] + 0.01
    assert spans[2][1] <= spans[0][1] + 0.01


def test_no_child_of_the_pages_stacks_is_longer_than_its_parent() -> None:
    run = profiled_run()
    data = profile_data(run, reports_grid(run))
    assert data is not None
    for cell in data["cells"]:
        stacks = cell.get("stacks")
        if stacks:
            for index, length in enumerate(stacks["ns"]):
                inner = [
                    own
                    for own, parent in zip(stacks["ns"], stacks["parents"], strict=True)
                    if parent == index
                ]
                assert sum(inner) <= length


def reports_grid(run):
    from reports.matrix import Matrix

    return Matrix.of(run)


def test_every_profiled_run_gets_bars_and_flame_graphs_and_no_other_does(tmp_path: Path) -> None:
    run = dataclasses.replace(profiled_run(), results=profiled_run().results[:8])
    written = reports.write_all(run, tmp_path / "a")
    assert (tmp_path / "a" / "plots" / "phases.png").stat().st_size > 1000
    assert list((tmp_path / "a" / "profiles").glob("*/flame.svg"))
    assert tmp_path / "a" / "profiles" in written

    without = dataclasses.replace(small_run(), results=small_run().results[:4])
    reports.write_all(without, tmp_path / "b")
    assert not (tmp_path / "b" / "plots" / "phases.png").exists()
    assert not (tmp_path / "b" / "profiles").exists()


def test_profiles_are_columns_of_the_same_table() -> None:
    table = list(csv.DictReader(io.StringIO(csv_table.render(profiled_run()))))
    by_key = {(row["scenario"], row["implementation"]): row for row in table}

    row = by_key["vgg_conv3_1", "winograd_4x4"]
    assert float(row["phase_transform"]) == 0.4
    assert row["phase_pack"] == ""
    assert float(row["phase_unmarked"]) == pytest.approx(0.07)
    assert row["instructions_path"] == "AVX2"
    assert by_key["large_kernel_31", "torch"]["phase_product"] == ""
    assert by_key["pointwise_64", "fft"]["not_profiled"].startswith("phases: the process died")


def test_phases_that_do_not_add_up_are_told_to_be_disturbed() -> None:
    profile = profile_of(passed("unfold"))
    assert profile.phases
    assert "disturbed" not in profile_text.time_text(profile)
    slower = dataclasses.replace(profile.phases, unprofiled_s=profile.phases.unprofiled_s * 0.9)
    text = profile_text.time_text(dataclasses.replace(profile, phases=slower))
    assert "add up to 112 %: the machine was disturbed" in text


def test_the_terminal_tells_phases_bound_memory_and_threads_or_why_there_are_none() -> None:
    run = profiled_run()
    text = "\n".join(profile_text.lines(run))

    assert "transform 40.0 %, product 50.0 %, unpack 4.00 %, unmarked 7.00 %" in text
    assert "no phases are marked; operators: bmm" in text
    assert "parallel efficiency 85.0 %" in text
    assert "died of SIGSEGV" in text
    wrong = [r for r in run.results if r.status is Status.INCORRECT]
    assert f"{wrong[0].key}: not profiled: incorrect: element" in text


def test_stacks_that_took_no_time_have_no_flame_graph(tmp_path):
    profile = next(iter(profiled_run().profiles.values()))
    assert profile.operators is not None
    stacks = (StackNode(name="a", parent=None, total_s=0.0),)
    idle = dataclasses.replace(
        profile, operators=dataclasses.replace(profile.operators, stacks=stacks)
    )
    run = dataclasses.replace(profiled_run(), profiles={idle.key: idle})
    flame_graph.write(run, tmp_path)
    assert not list(tmp_path.rglob("flame.svg"))
