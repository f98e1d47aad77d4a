"""What ran: recorded names of kernels, oneDNN's own words, and a profiler's events."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F

from suite.records import from_json, to_json
from suite.results.kernels import WhatRan, is_fallback, onednn_ran, served_by, what_ran
from suite.worker.operators import OperatorLog, kernel_names, vendor_convolution

TO_NHWC = "void cudnn::ops::nchwToNhwcKernel<__half, __half, float, false, true>(...)"
TO_NCHW = "void cudnn::ops::nhwcToNchwKernel<__half, __half, float, true, false>(...)"
XMMA = (
    "sm80_xmma_fprop_implicit_gemm_indexed_f16f16_f16f32_f32_nhwckcrs_nhwc_tilesize128x128x32"
    "_stage4_warpsize2x2x1_g1_tensor16x8x16_kernel_cudnn"
)


@pytest.mark.parametrize(
    ("names", "algorithm", "conversions"),
    [
        ([XMMA], "implicit gemm", 0),
        ([TO_NHWC, TO_NHWC, XMMA, TO_NCHW, "Memset (Device)"], "implicit gemm", 3),
        (["void implicit_convolve_sgemm<float, float, 128>(...)"], "implicit gemm", 0),
        (["void cudnn::winograd_nonfused::winogradForwardData4x4<float>(...)",
          "ampere_sgemm_128x64_nn"], "winograd", 0),
        (["void fft2d_r2c_32x32<float>(...)", "void fft2d_c2r_32x32<float>(...)"], "fft", 0),
        (["void at::native::im2col_kernel<float>(...)", "ampere_sgemm_128x64_nn"], "im2col", 0),
        (["void at::native::(anonymous namespace)::conv_depthwise2d_forward_kernel<3>"],
         "depthwise", 0),
        (["nvjet_tst_128x256_64x4_1x2_h_bz_coopA_NTN"], "gemm", 0),
        # As cuDNN 9.24 holds them; found in its libraries.
        (["sm90_xmma_fprop_implicit_gemm_f16f16_f16f32_f32_nhwckrsc_nhwc_tilesize128x32x64"
          "_warpgroupsize1x1x1_g1_execute_segment_k_off_kernel__5x_cudnn"], "implicit gemm", 0),
        (["void foldedNhwcToNhwcKernel<__half, __half, float, true, (cudnnKernelDataType_t)2>()",
          "void nhwcAddPaddingKernel<__half, float, float, false, (cudnnKernelDataType_t)2>()",
          "void cudnn::engines_precompiled::nchwToNhwc3To4Kernel<float>()",
          "sm80_xmma_gemm_f16f16_f16f32_f32_nt_n_tilesize96x128x32_stage5"], "gemm", 3),
        (["void cudnn::engines_precompiled::genericTranspose_kernel<float>()",
          "void convolve_common_engine_float_NHWC<float, float, 1024, 5, 5, 3>()"], "direct", 1),
        (["ampere_fp16_s16816cudnn_fp16_256x64_ldg8_relu_f2f_exp_small_nhwc_tn_v1"],
         "implicit gemm", 0),
        (["volta_scudnn_128x64_relu_interior_nn_v1"], "implicit gemm", 0),
        (["void cudnn::cnn::conv2d_grouped_direct_kernel<false, float>()"], "direct", 0),
        (["sm90_xmma_depthwise_convolution_fprop_tiling_f16f16_f32f32_f32_nhwckrsc_nhwc_tilesize"
          "1x8x8_1x3x3_1x2x2_1x1x1_stage2_warpsize4x1x1_g32_betaFalse"], "depthwise", 0),
        (["void cudnn::winograd::generateWinogradTilesKernel<0, float, float>()",
          "ampere_scudnn_winograd_128x128_ldg1_ldg4_relu_tile148n_nt_v1"], "winograd", 0),
        # What torch adds around a product.
        (["void at::native::elementwise_kernel<128, 4, direct_copy_kernel_cuda<float>>()",
          "nvjet_hsh_64x256_64x5_1x2_h_bz_TNN",
          "void at::native::vectorized_elementwise_kernel<4, CUDAFunctor_add<float>>()"],
         "gemm", 0),
        (["triton_poi_fused_convolution_0", "nvjet_tst_64x8_64x16_1x1_v_bz_TNT"], "gemm", 0),
        (["triton_tem_fused_convolution_1"], "implicit gemm", 0),
    ],
)  # fmt: skip
def test_recorded_kernels_name_the_algorithm_and_the_conversions(names, algorithm, conversions):
    found = what_ran(names)

    assert (found.algorithm, found.layout_conversions) == (algorithm, conversions)
    assert not [name for name in found.kernels if name.startswith("Mem")]


def test_no_kernels_say_nothing():
    assert what_ran(["Memcpy HtoD (Pageable -> Device)"]) is None


def event(name, device, start):
    return SimpleNamespace(
        name=name,
        device_type=f"DeviceType.{device}",
        time_range=SimpleNamespace(start=start),
    )


def test_only_what_ran_on_the_card_is_taken_from_a_profile_in_its_order():
    events = [
        event("aten::conv2d", "CPU", 0),
        event(XMMA, "CUDA", 20),
        event("cudaLaunchKernel", "CPU", 5),
        event(TO_NHWC, "CUDA", 10),
    ]

    assert kernel_names(events) == [TO_NHWC, XMMA]


RECORDED = """\
onednn_verbose,v1,info,oneDNN v3.12.0 (commit 80afa71049cd69a3df32adcccb623b12cd7baa22)
onednn_verbose,v1,primitive,info,template:operation,engine,primitive,implementation,prop_kind
onednn_verbose,v1,primitive,exec,cpu,reorder,jit:blk,undef,src:f32::blocked:abcd::f0,,,2x16,22.2
onednn_verbose,v1,primitive,exec,cpu,convolution,jit:avx512_core,forward_training,src:f32,,,0.05
onednn_verbose,v1,primitive,exec,cpu,reorder,jit:blk,undef,src:f32::blocked:aBcd16b::f0,,,0.004
"""
OLDER = "onednn_verbose,exec,cpu,convolution,brgconv:avx2,forward_training,src_f32,,,0.1\n"


def test_onednn_s_words_name_its_implementation_and_its_reorders():
    found = onednn_ran(RECORDED)

    assert found.algorithm == "oneDNN jit:avx512_core"
    assert found.layout_conversions == 2
    assert onednn_ran(OLDER).algorithm == "oneDNN brgconv:avx2"
    assert onednn_ran("onednn_verbose,v1,info,cpu\nother text\n") is None
    assert from_json(WhatRan, to_json(found)) == found


PRODUCT = "onednn_verbose,v1,primitive,exec,cpu,matmul,brg_matmul:avx512_core_amx,undef,,,,,0.1\n"


def test_a_matrix_product_of_onednn_s_is_named_where_it_computed_no_convolution():
    assert onednn_ran(PRODUCT).algorithm == "oneDNN matmul brg_matmul:avx512_core_amx"
    assert onednn_ran(PRODUCT + OLDER).algorithm == "oneDNN brgconv:avx2"


def convolution_by(implementation: str) -> WhatRan:
    return onednn_ran(f"onednn_verbose,exec,cpu,convolution,{implementation},forward,,,,0.1\n")


@pytest.mark.parametrize(
    ("vendor", "ran", "operators", "kernel", "is_slow"),
    [
        (
            "mkldnn_convolution",
            convolution_by("brgconv:avx512_core_amx"),
            ("conv2d",),
            "oneDNN brgconv:avx512_core_amx",
            False,
        ),
        (
            "mkldnn_convolution",
            convolution_by("ref:any"),
            ("conv2d",),
            "oneDNN ref:any",
            True,
        ),
        ("thnn_conv2d", None, ("conv2d", "thnn_conv2d"), "thnn_conv2d", True),
        ("slow_conv_dilated2d", None, (), "slow_conv_dilated2d", True),
        ("slow_conv_transpose3d", None, (), "slow_conv_transpose3d", True),
        (None, onednn_ran(PRODUCT.replace("brg_matmul", "ref")), (), "oneDNN matmul ref", True),
        (None, None, ("view", "bmm", "add_"), "bmm", False),
        (None, None, ("view", "copy_"), None, False),
    ],
)
def test_what_served_a_call_is_named_and_a_slow_one_known(vendor, ran, operators, kernel, is_slow):
    found = served_by(vendor, ran, operators)
    assert found is None if kernel is None else found.startswith(kernel)
    assert bool(found and is_fallback(found)) == is_slow


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize(
    ("call", "weight"),
    [
        (F.conv2d, (4, 4, 3, 3)),
        (F.conv3d, (4, 4, 1, 3, 3)),
        (F.conv_transpose2d, (4, 4, 3, 3)),
    ],
    ids=["conv2d", "conv3d", "conv_transpose2d"],
)
def test_a_real_16_bit_call_says_what_served_it(dtype, call, weight):
    x = torch.randn(1, 4, *(6 for _ in weight[2:])).to(dtype)
    kernels = torch.randn(weight).to(dtype)

    with OperatorLog() as log:
        call(x, kernels)

    served = served_by(vendor_convolution(log.names), log.ran, log.names)
    assert served is not None
    assert served.startswith("oneDNN ") or is_fallback(served)


@pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="torch without oneDNN")
def test_a_real_call_says_which_onednn_implementation_ran_and_prints_nothing(capfd):
    x, weight = torch.randn(4, 16, 20, 20), torch.randn(16, 16, 3, 3)
    capfd.readouterr()

    with OperatorLog() as log:
        F.conv2d(x, weight)

    assert log.ran.algorithm.startswith("oneDNN ")
    assert "mkldnn_convolution" in log.names
    assert "onednn" not in capfd.readouterr().out


def test_a_call_without_onednn_says_nothing():
    with OperatorLog() as log:
        torch.ones(3) + 1

    assert log.ran is None
    assert "add" in log.names
