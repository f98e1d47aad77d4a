"""Exercise of the lesson on 1×1 kernels and patches: a reshape and a product."""

from suite.lessons.lesson import Task

TASKS = (
    Task(
        what="compute windows that do not overlap by one matrix product, without a loop",
        text='''\
import torch
from suite import register


@register("exercise", family="gemm")
def conv2d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """The kernel is as large as the stride, no padding, one group: patches, or single pixels."""
    images, channels, height, width = input.shape
    out_channels, _, kernel_h, kernel_w = weight.shape
    out_h, out_w = height // kernel_h, width // kernel_w
    x = input.reshape(images, channels, out_h, kernel_h, out_w, kernel_w)
    # Yours: patches as rows, (images·out_h·out_w, channels·kernel_h·kernel_w). Which axes have to
    # stand side by side before they can be reshaped into one?
    patches = ...
    product = patches @ weight.flatten(1).T
    # Yours: (images, out_channels, out_h, out_w). One view and one permute.
    return ...
''',
        shapes=("patches", "oblong-patches", "pixels"),
        hints=(
            "x counts (image, channel, patch row, row in it, patch column, column in it). A row of "
            "`patches` is one patch: which three axes count inside of it?",
            "Bring the axes of the patch last, in the order of the weight: channel, row, column.",
            "x.permute(0, 2, 4, 1, 3, 5).reshape(images * out_h * out_w, -1); "
            "product.view(images, out_h, out_w, out_channels).permute(0, 3, 1, 2)",
        ),
    ),
)
