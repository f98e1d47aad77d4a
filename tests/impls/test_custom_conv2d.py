"""The teaching entry point, against the three defects of the version that it is known from."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from impls.loops import MOST_STEPS, custom_conv2d, loops
from suite import Unsupported


def as_published(input, kernel, stride=1, padding=0):
    """Repeat the article's function in its essentials, defects included."""
    batch, channels, height, width = input.shape
    out_channels, size = kernel.shape[1], kernel.shape[2]
    out_h = (height - size + 2 * padding) // stride + 1
    out_w = (width - size + 2 * padding) // stride + 1
    output = torch.zeros(batch, out_channels, out_h, out_w)
    for n in range(batch):
        for k in range(out_channels):
            for c in range(channels):
                for p in range(out_h):
                    for q in range(out_w):
                        rows = slice(p * stride, p * stride + size)
                        window = input[n, c, rows, q * stride : q * stride + size]
                        output[n, k, p, q] += (window * kernel[k, c]).sum()
    return output


def test_output_channels_are_the_first_axis_of_the_kernel():
    x, w = torch.randn(1, 3, 5, 5), torch.randn(4, 3, 3, 3)
    assert as_published(x, w).shape[1] == 3  # the defect: 4 kernels, 3 outputs
    torch.testing.assert_close(custom_conv2d(x, w), F.conv2d(x, w))


def test_padding_pads():
    x, w = torch.randn(1, 2, 5, 5), torch.randn(2, 2, 3, 3)
    with pytest.raises(RuntimeError, match="size of tensor"):  # the defect: windows run out
        as_published(x, w, padding=1)
    torch.testing.assert_close(custom_conv2d(x, w, padding=1), F.conv2d(x, w, padding=1))


def test_the_result_has_the_dtype_and_the_device_of_the_input():
    x = torch.randn(1, 2, 5, 5, dtype=torch.float64)
    w = torch.randn(2, 2, 3, 3, dtype=torch.float64)
    assert as_published(x, w).dtype == torch.float32  # the defect
    assert custom_conv2d(x, w).dtype == torch.float64
    torch.testing.assert_close(custom_conv2d(x, w), F.conv2d(x, w))
    on_meta = custom_conv2d(x.to("meta"), w.to("meta"))
    assert on_meta.device.type == "meta"
    assert as_published(x.to("meta"), w.to("meta")).device.type == "cpu"  # the defect


def test_pairs_are_rows_and_columns():
    x, w = torch.randn(2, 2, 7, 6), torch.randn(3, 2, 3, 2)
    expected = F.conv2d(x, w, stride=(2, 1), padding=(0, 1))
    torch.testing.assert_close(custom_conv2d(x, w, (2, 1), (0, 1)), expected)


def test_refuses_what_would_take_longer_than_ten_seconds():
    x, w = torch.zeros(1, 64, 112, 112), torch.zeros(64, 64, 3, 3)
    with pytest.raises(Unsupported, match=f"{MOST_STEPS:,}"):
        loops(x, w, None, 1, 1)
