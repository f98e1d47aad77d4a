"""The first screen: who won, and what not to trust."""

from __future__ import annotations

import dataclasses

from reports import units
from reports.headline import Headline, headline
from reports.layers import describe, layer_family
from reports.matrix import Matrix
from suite.results.cell import CellResult, Status
from suite.results.folder import Run
from tests.reports.synthetic import small_run


def head_of(run: Run) -> Headline:
    return headline(Matrix.of(run), run.manifest)


def test_it_counts_wins_by_scenario_and_by_kind_of_layer() -> None:
    top = head_of(small_run())
    assert (top.overall.name, top.overall.wins, top.overall.scenarios) == ("torch", 4, 8)
    by_layer = {winner.group: winner.name for winner in top.by_layer}
    assert by_layer["3×3"] == "winograd_4x4"
    assert by_layer["large kernel"] == "fft"
    assert (top.passed, top.failed, top.unsupported) == (34, 6, 16)


def test_the_sentence_gives_the_speedup_only_of_another_than_the_reference() -> None:
    top = head_of(small_run())
    assert top.overall.sentence == "torch is fastest in 4 of 8 scenarios"
    fft = next(winner for winner in top.by_layer if winner.name == "fft")
    assert "as fast as torch" in fft.sentence


def test_a_tie_is_told_as_one_and_claims_nothing_clear() -> None:
    run = small_run()
    chosen = {("large_kernel_31", "fft"), ("pointwise_64", "torch")}
    results = tuple(r for r in run.results if (r.scenario.id, r.implementation) in chosen)
    top = head_of(Run(run.folder, run.manifest, results)).overall
    assert top.sentence == "torch and fft are each fastest in 1 of 2 scenarios"
    assert top.names == "torch, fft"


def test_wide_intervals_are_told_as_a_factor() -> None:
    assert units.spread(0.02) == "±2.0 %"
    assert units.spread(1.1) == "×÷ 3.00"


def test_every_kind_of_failure_is_pointed_out_the_wrong_results_first() -> None:
    doubts = head_of(small_run()).doubts
    assert doubts[0] == "1 cell with wrong results: vgg_conv5_1 × winograd_4x4."
    text = " ".join(doubts)
    for words in ("implausible times", "a crash", "an error", "too little memory", "no answer"):
        assert words in text


def test_a_run_without_fault_has_no_doubts() -> None:
    run = small_run()
    passed = tuple(result for result in run.results if result.status is Status.PASSED)
    manifest = {**run.manifest, "implementations": []}
    assert head_of(Run(run.folder, manifest, passed)).doubts == ()


def test_noise_dirt_wide_intervals_and_impossible_rates_are_pointed_out() -> None:
    run = small_run()
    passed = [result for result in run.results if result.status is Status.PASSED]
    wild = dataclasses.replace(passed[1], blocks=(*passed[1].blocks[:3], slower(passed[1], 3)))
    impossible = dataclasses.replace(passed[2], executed_flops=1e15)
    machine = {**run.manifest["machine"], "noise_grade": "E", "noise": 0.3}
    manifest = {**run.manifest, "machine": machine, "git_dirty": True}
    doubts = " ".join(head_of(Run(run.folder, manifest, (passed[0], wild, impossible))).doubts)
    assert "grade E" in doubts
    assert "uncommitted" in doubts
    assert "wider than ±10 %" in doubts
    assert "above the machine's ceiling" in doubts


def slower(result: CellResult, factor: float):
    block = result.blocks[3]
    return dataclasses.replace(block, samples_s=tuple(s * factor for s in block.samples_s))


def test_a_run_in_which_nothing_passed_has_no_winner() -> None:
    run = small_run()
    failed = tuple(result for result in run.results if result.status is not Status.PASSED)
    top = head_of(Run(run.folder, {}, failed))
    assert top.overall.name is None
    assert top.overall.sentence.startswith("Nothing passed")


def test_layers_are_named_by_what_decides_which_algorithm_fits() -> None:
    families = {result.scenario.id: layer_family(result.scenario.problem) for result in RESULTS}
    assert families["pointwise_64"] == "pointwise 1×1"
    assert families["stem_7x7_stride2"] == "strided"
    assert families["depthwise_3x3"] == "depthwise"
    assert families["dilated_3x3"] == "dilated"


def test_a_problem_is_described_by_what_differs_from_the_plain_one() -> None:
    shapes = {result.scenario.id: describe(result.scenario.problem) for result in RESULTS}
    assert shapes["stem_7x7_stride2"] == "1×3×224×224 → 64, 7×7, stride 2, pad 3"
    assert shapes["depthwise_3x3"] == "1×144×56×56 → 144, 3×3, pad 1, groups 144"


RESULTS = small_run().results


def test_rows_that_nobody_asked_for_are_not_said_to_be_missing() -> None:
    """They fill the first screen: there are 48 for cuDNN's plans alone."""
    run = small_run()
    asked = {"name": "asked", "unavailable": "needs CUDA", "on_request": False}
    not_asked = {**asked, "name": "cudnn_plan_7", "on_request": True}
    manifest = {**run.manifest, "implementations": [asked, not_asked]}

    top = headline(Matrix.of(run), manifest)

    assert "Not available on this machine: asked." in top.doubts


def in_16_bit(run: Run, vendor: str) -> Run:
    """Return a run in bfloat16, its reference served by a kernel."""
    results = tuple(
        dataclasses.replace(
            result,
            scenario=dataclasses.replace(result.scenario, dtype="bfloat16"),
            vendor=vendor if result.implementation == "torch" else None,
        )
        for result in run.results
    )
    return Run(run.folder, run.manifest, results)


def test_a_reference_that_fell_back_to_slow_kernels_in_16_bits_is_pointed_out() -> None:
    doubts = head_of(in_16_bit(small_run(), "slow_conv_dilated2d")).doubts
    (told,) = (doubt for doubt in doubts if "slow kernels" in doubt)
    assert told.startswith(
        "torch fell back to its slow kernels in bfloat16 (slow_conv_dilated2d), in 8 of 8 scenarios"
    )


def test_nothing_is_said_of_fast_kernels_nor_of_slow_ones_in_float32() -> None:
    run = small_run()
    in_float32 = tuple(dataclasses.replace(r, vendor="slow_conv_dilated2d") for r in run.results)
    for quiet in (
        in_16_bit(run, "mkldnn_convolution"),
        Run(run.folder, run.manifest, in_float32),
    ):
        assert not any("slow kernels" in doubt for doubt in head_of(quiet).doubts)
