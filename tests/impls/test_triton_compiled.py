"""Triton's implicit GEMM compiled for cards that are not here."""

from __future__ import annotations

import pytest

pytest.importorskip(
    "triton",
    "3.3",
    reason="the extra gpu brings Triton, for Linux; before 3.3 it is called otherwise",
)

from impls.triton_igemm import CONFIGS, FLOAT32_CONFIGS
from tests.studies.gpu.compiled_tiles import TOOLS, compile_for

pytestmark = pytest.mark.skipif(
    not (TOOLS / "nvdisasm").exists(), reason="this Triton came without NVIDIA's disassembler"
)
SHARED_BYTES = {80: 163 * 1024, 90: 227 * 1024}
"""Most that a program may have, by compute capability."""


def some_are_slow(values, quick):
    return [value if value in quick else pytest.param(value, marks=pytest.mark.slow)
            for value in values]  # fmt: skip


@pytest.mark.parametrize("dtype", some_are_slow(["fp16", "bf16"], ["fp16"]))
@pytest.mark.parametrize("capability", some_are_slow([80, 90], [90]))
@pytest.mark.parametrize("config", some_are_slow(CONFIGS, [CONFIGS[7]]), ids=str)
def test_every_tile_fits_and_loads_sixteen_bytes_at_once_and_spills_nothing(
    config, capability, dtype
):
    tile = compile_for(capability, config, dtype)

    assert tile.shared_bytes <= SHARED_BYTES[capability]
    assert tile.uses_tensor_cores
    assert tile.wide_loads
    assert not tile.narrow_loads
    assert tile.spilled_bytes == 0


@pytest.mark.parametrize("capability", some_are_slow([80, 90], [90]))
@pytest.mark.parametrize("config", some_are_slow(FLOAT32_CONFIGS, [FLOAT32_CONFIGS[3]]), ids=str)
def test_every_tile_for_float32_keeps_its_sums_in_registers(config, capability):
    tile = compile_for(capability, config, "fp32")

    assert tile.shared_bytes <= SHARED_BYTES[capability]
    assert not tile.uses_tensor_cores
    assert tile.spilled_bytes == 0


def test_hopper_s_own_products_are_used_and_outweigh_the_addresses():
    tile = compile_for(90, CONFIGS[0])

    assert "wgmma.mma_async" in tile.ptx
    assert tile.issue_share(CONFIGS[0], 90) < 0.5


def test_steps_across_taps_load_as_wide_where_channels_are_multiples_of_sixteen():
    tile = compile_for(90, CONFIGS[7], aligned=False)

    assert tile.wide_loads
    assert not tile.narrow_loads


@pytest.mark.parametrize(
    "ones",
    some_are_slow(
        [
            (),
            ("R", "S"),
            ("S", "groups"),
            ("R", "S", "groups"),
            ("C", "K", "groups"),
        ],
        [("R", "S", "groups")],
    ),
    ids=" ".join,
)
@pytest.mark.parametrize("aligned", some_are_slow([True, False], [True]))
def test_it_compiles_whichever_arguments_are_one_and_so_constants(ones, aligned):
    tile = compile_for(90, CONFIGS[10], aligned=aligned, ones=ones)

    assert tile.uses_tensor_cores
