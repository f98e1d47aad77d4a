"""Inference engines that are here for convolutions of two axes; the extra `engines` brings them.

How they become rows: impls/_engine.py.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import torch

from impls._arguments import add_bias
from impls._engine import engine, needs_an_image
from impls._onnx import convolution_model
from impls._packing import Packed
from suite import Problem


def _load_opencv(weight: torch.Tensor, problem: Problem) -> Any:
    import cv2  # noqa: PLC0415
    import numpy  # noqa: PLC0415

    cv2.setNumThreads(torch.get_num_threads())
    model = convolution_model(weight, problem)
    return cv2.dnn.readNetFromONNX(numpy.frombuffer(model, numpy.uint8))


def _why_not_opencv(problem: Problem) -> str | None:
    if problem.kernel == (1, 1) and problem.padding != (0, 0):
        return "its 1×1 kernels read beyond a padded input (seen in 5.0)"
    if problem.kernel in ((1, 9), (9, 1)):
        return "its 1×9 and 9×1 kernels read what is not theirs (seen in 5.0)"
    return needs_an_image(problem)


@engine("opencv", _load_opencv, "cv2", "onnx", supports=_why_not_opencv, error_factor=8)
def _run_opencv(packed: Packed, input: torch.Tensor, bias: Any) -> torch.Tensor:
    """OpenCV's dnn module: Winograd F(6×6, 3×3) where it fits, blocked loops elsewhere.

    It clamps its sums to finite numbers: NaN does not come through, which `check` reports.
    """
    packed.content.setInput(input.detach().contiguous().numpy(), "x")
    if bias is not None:
        packed.content.setInput(bias.detach().numpy(), "b")
    return torch.from_numpy(packed.content.forward().copy())


def _describe_for_ncnn(problem: Problem) -> str:
    """Return ncnn's text for a model of one convolution; the numbers are its parameters' ids."""
    plain = problem.groups == 1
    values = {
        0: problem.out_channels,
        1: problem.kernel_w,
        11: problem.kernel_h,
        2: problem.dilation_w,
        12: problem.dilation_h,
        3: problem.stride_w,
        13: problem.stride_h,
        4: problem.padding[1],
        14: problem.padding[0],
        6: problem.weight_elements,
        **({} if plain else {7: problem.groups}),
    }
    layer = "Convolution" if plain else "ConvolutionDepthWise"
    parameters = " ".join(f"{key}={value}" for key, value in values.items())
    return f"7767517\n2 2\nInput x 0 1 x\n{layer} y 1 1 x y {parameters}\n"


FLOAT32_FOLLOWS = bytes(4)
"""What stands before a weight in ncnn's file to say that it is neither float16 nor int8."""
NCNN_PLANE_ELEMENTS = 4
"""Its own tensors' planes begin at multiples of so many numbers; a clone of another one's do."""


def _load_ncnn(weight: torch.Tensor, problem: Problem) -> Any:
    import ncnn  # noqa: PLC0415

    net = ncnn.Net()
    net.opt.num_threads = torch.get_num_threads()
    net.opt.openmp_blocktime = 0
    # By default it computes in 16 bits where the machine can.
    for name in ("fp16_packed", "fp16_storage", "fp16_arithmetic", "bf16_packed", "bf16_storage"):
        if hasattr(net.opt, f"use_{name}"):
            setattr(net.opt, f"use_{name}", False)
    net.load_param_mem(_describe_for_ncnn(problem))
    with tempfile.TemporaryDirectory() as folder:
        # From memory it takes text only.
        path = Path(folder) / "weights.bin"
        path.write_bytes(FLOAT32_FOLLOWS + weight.detach().contiguous().numpy().tobytes())
        net.load_model(str(path))
    return net


@engine("ncnn", _load_ncnn, "ncnn", error_factor=8)
def _run_ncnn(packed: Packed, input: torch.Tensor, bias: Any) -> torch.Tensor:
    """ncnn, made for phones: Winograd up to F(6×6, 3×3) where it fits, blocked products elsewhere.

    Channels in blocks inside; the reordering before and after, and one copy each of input and
    result, are in its time. A batch is computed image by image, the bias added after it.
    """
    import ncnn  # noqa: PLC0415

    outputs = []
    for image in input.detach().contiguous():
        x = ncnn.Mat(image.numpy())
        if image[0].numel() % NCNN_PLANE_ELEMENTS:
            # Where it takes groups apart, it expects planes of whole 16 bytes and does not look.
            x = x.clone()
        extractor = packed.content.create_extractor()
        extractor.input("x", x)
        failed, output = extractor.extract("y")
        if failed:
            raise RuntimeError(f"ncnn refuses to compute this layer (code {failed})")
        outputs.append(torch.from_numpy(output.numpy()))
    return add_bias(torch.stack(outputs), bias)
