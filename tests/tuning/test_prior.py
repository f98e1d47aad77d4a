"""The built-in model: bold where an algorithm saves most of the work, silent elsewhere."""

from __future__ import annotations

import pytest
from building import USUAL, layer

from suite.problem import Problem
from suite.registry import registering, sources
from suite.tuning.prior import (
    DEPTHWISE,
    FFT,
    PATCHES,
    VECTOR,
    WINOGRAD,
    prior_predictions,
)
from suite.tuning.selector import best_first
from tests.conftest import ROOT


def chosen(problem, conditions=USUAL) -> list[str]:
    return [p.row.name for p in best_first(prior_predictions(problem, conditions))]


def test_winograd_where_there_are_channels_and_whole_tiles():
    assert chosen(layer(256, 256, size=56)) == ["winograd_tile6"]


def test_the_frequency_domain_for_very_wide_kernels():
    assert chosen(layer(16, 16, size=256, kernel=31)) == ["fft_tiled"]


def test_one_channel_a_group_in_rows():
    assert chosen(layer(256, 256, size=56, groups=256)) == ["depthwise"]
    in_columns = USUAL._replace(memory_format="channels_last")
    assert chosen(layer(256, 256, size=56, groups=256), in_columns) == []


def whole(size: int, batch_size: int = 1) -> Problem:
    """Return a layer whose one window is its input."""
    return Problem(
        batch_size=batch_size,
        in_channels=512,
        height=size,
        width=size,
        out_channels=4096,
        kernel_h=size,
        kernel_w=size,
    )


@pytest.mark.parametrize("size", [1, 3, 7])
@pytest.mark.parametrize("memory_format", ["contiguous", "channels_last"])
def test_a_kernel_as_large_as_its_input_is_a_matrix_times_a_vector(size, memory_format):
    assert chosen(whole(size), USUAL._replace(memory_format=memory_format)) == ["gemv"]


def test_for_a_few_images_it_is_a_matrix_product_where_the_kernel_would_be_reordered():
    assert chosen(whole(7, batch_size=8)) == ["gemm_patches"]
    assert chosen(whole(1, batch_size=8)) == []


TORCH_S = {
    "a 1×1 kernel": layer(256, 256, size=14, kernel=1),
    "few channels": layer(16, 16, size=224),
    "a stride": layer(256, 256, size=56, stride_h=2, stride_w=2),
    "tiles that are mostly empty": layer(256, 256, size=5),
    "a kernel a little wide": layer(64, 64, size=56, kernel=9),
    "next to nothing to do": layer(64, 64, size=2),
    "groups": layer(256, 256, size=56, groups=8),
}


@pytest.mark.parametrize("problem", TORCH_S.values(), ids=TORCH_S.keys())
def test_torch_stays_where_the_gain_is_small_or_in_doubt(problem):
    assert chosen(problem) == []


def test_no_opinion_on_other_dtypes():
    assert chosen(layer(256, 256, size=56), USUAL._replace(dtype="float64")) == []


@pytest.mark.parametrize(
    "row", [WINOGRAD, FFT, DEPTHWISE, VECTOR, PATCHES], ids=lambda row: row.name
)
def test_the_rows_that_it_names_are_there(row):
    sources.load(sources.Source(row.module, str(ROOT)))
    assert registering.get(row.name).source.endswith(row.module.partition(".")[2] + ".py")


def sequence(taps: int, channels: int = 512) -> Problem:
    shapes = (1, channels, 2048), (channels, 1, taps)
    return Problem.of_call(*shapes, padding=taps - 1, groups=channels)


@pytest.mark.parametrize(
    ("problem", "row"),
    [
        (sequence(4), "depthwise_short"),
        (sequence(1024), "fft_sequence"),
        (
            Problem.of_call((1, 3, 16, 64, 64), (96, 3, 2, 16, 16), stride=(2, 16, 16)),
            "gemm_patches",
        ),
        (Problem.of_call((1, 64, 8, 56, 56), (64, 64, 3, 3, 3), padding=1), "winograd_tile6"),
        (
            Problem.of_call(
                (1, 128, 16, 16), (128, 64, 5, 5), stride=2, padding=2, transposed=True
            ),
            "winograd_tile6",
        ),
        (
            Problem.of_call((1, 64, 64, 64), (64, 3, 4, 4), stride=2, padding=1, transposed=True),
            "phases_packed",
        ),
        (
            Problem.of_call((1, 256, 64, 64), (256, 128, 2, 2), stride=2, transposed=True),
            "phases_packed",
        ),
        (
            Problem.of_call((1, 256, 8, 16, 16), (256, 256, 2, 2, 2), stride=2, transposed=True),
            "phases_packed",
        ),
    ],
)
def test_other_kinds_where_an_algorithm_saves_most_of_the_work(problem, row):
    assert chosen(problem) == [row]


@pytest.mark.parametrize(
    "problem",
    [
        sequence(31),
        Problem.of_call((1, 64, 512), (64, 64, 3), padding=1),
        Problem.of_call((1, 64, 8, 56, 56), (64, 64, 3, 3, 3), stride=2, padding=1),
        Problem.of_call((1, 64, 28, 28), (64, 64, 2, 2), stride=2, transposed=True),
        Problem.of_call((1, 512, 48, 48), (512, 256, 2, 2), stride=2, transposed=True),
        Problem.of_call(
            (1, 64, 8, 32, 32), (64, 32, 4, 4, 4), stride=2, padding=1, transposed=True
        ),
    ],
)
def test_other_kinds_where_nothing_is_sure_stay_torchs(problem):
    assert chosen(problem) == []


IN_16_BITS = USUAL._replace(dtype="bfloat16")


def chosen_in_16_bits(problem, *, falls_back: bool) -> list[str]:
    return [p.row.name for p in best_first(prior_predictions(problem, IN_16_BITS, falls_back))]


def test_nothing_is_known_of_16_bits_where_torch_has_instructions():
    assert chosen_in_16_bits(layer(256, 256, size=56), falls_back=False) == []


def test_where_torch_falls_back_what_is_safe_in_float32_comes_first():
    names = chosen_in_16_bits(layer(256, 256, size=56), falls_back=True)
    assert names == ["winograd_tile6", "onednn_prepacked", "direct_packed"]
    deep = Problem.of_call((1, 64, 8, 28, 28), (32, 64, 1, 3, 3))
    assert chosen_in_16_bits(deep, falls_back=True) == ["direct_packed"]
    grouped = Problem.of_call((1, 64, 8, 28, 28), (64, 1, 3, 3, 3), groups=64)
    assert chosen_in_16_bits(grouped, falls_back=True) == ["depthwise"]


def test_where_torch_falls_back_little_work_is_enough():
    short = layer(192, 192, size=14, groups=192)
    assert chosen(short) == []
    assert chosen_in_16_bits(short, falls_back=True)[0] == "onednn_prepacked"


def test_where_torch_falls_back_a_matrix_of_some_size_meets_a_vector_of_ours():
    assert chosen_in_16_bits(layer(2048, 128, size=1, kernel=1), falls_back=True) == ["gemv"]
    assert chosen_in_16_bits(layer(128, 64, size=1, kernel=1), falls_back=True) == []
    assert chosen_in_16_bits(layer(2048, 128, size=1, kernel=1), falls_back=False) == []


@pytest.mark.parametrize("problem", [whole(7), layer(8, 8, size=4)], ids=["one pixel", "tiny"])
def test_where_a_fallback_may_be_as_fast_nothing_is_promised(problem):
    assert chosen_in_16_bits(problem, falls_back=True) == []
